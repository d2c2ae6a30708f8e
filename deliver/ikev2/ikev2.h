/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_IKEV2_IKEV2_H
#define SKEX_DELIVER_IKEV2_IKEV2_H

#include "deliver/rotation/consumer.h"
#include "platform/platform.h"

/*
 * The postquantum preshared keys (PPK, RFC 8784) of one IKEv2 connection of strongSwan, through the
 * socket of its charon.  The adapter loads the connection itself, so that ppk_required and ppk_id
 * are always its own; the secrets or certificates with which the ends authenticate stay where the
 * operator put them.
 *
 *    PPK id               UUID@DOMAIN, with the UUID of the key
 *    connection           CONNECTION-UUID at the leader, which initiates: the name of an SA says
 *                         which key it was made with.  CONNECTION at the follower, which takes
 *                         *@DOMAIN.
 *    secret's unique id   skex/CONNECTION/UUID
 *
 * A new key gets a new IKE_SA next to the old one, which is closed when the new one says that its
 * PPK was used.  Which PPK an initiator chose, a responder's charon says in its log only, and the
 * follower listens for it there; or it goes by the leader's word, which is a proof, since IKE_AUTH
 * succeeds for the leader only when both ends used that key.
 */

/* As in swanctl.conf below `connections.CONNECTION`: {"children.net.local_ts", "10.1.0.0/16"}.
 * Lists are written with commas. */
struct skex_ikev2_setting {
	const char *path;
	const char *value;
};

struct skex_ikev2_config {
	const char *socket;     /* "/var/run/charon.vici" */
	const char *connection; /* 1 to 64 letters, digits, - and _ */
	const char *domain;     /* 1 to 128 of them and dots; the same at both ends */
	bool leads;             /* initiates */
	/* What the connection is, with one child at least.  Not of it: version, ppk_id,
	 * ppk_required, unique, reauth_time, and the children's priority, start_action,
	 * close_action and dpd_action, which are the adapter's; certs, cacerts and pubkeys, which
	 * swanctl loads. */
	const struct skex_ikev2_setting *settings;
	size_t settings_count;
	const char *description; /* for people: "site-b" */
};

/* What is wrong with it, as a sentence to show; NULL: nothing.  out has 200 bytes for it. */
const char *skex_ikev2_wrong(const struct skex_ikev2_config *config, char out[200]);

struct skex_ikev2;

/* platform and config outlive it.  SKEX_E_ARGUMENT when something is wrong with config,
 * SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_ikev2_new(const struct skex_platform *platform,
	const struct skex_ikev2_config *config, struct skex_ikev2 **ikev2);
/* NULL is fine. */
void skex_ikev2_free(struct skex_ikev2 *ikev2);

/* Its context is a struct skex_ikev2. */
extern const struct skex_consumer skex_ikev2_consumer;

#endif
