/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_IKEV2_CONNECTION_H
#define SKEX_DELIVER_IKEV2_CONNECTION_H

#include "core/wire/key_id.h"
#include "deliver/ikev2/ikev2.h"
#include "deliver/ikev2/vici.h"

/* How a connection and its keys are called in charon, and the description that is loaded.  Pure. */

#define IKEV2_NAME_MAX     256u
#define IKEV2_REQUEST_MAX  4096u
#define IKEV2_CHILDREN_MAX 32u

/* Of the connection that uses this key. */
void ikev2_name(const struct skex_ikev2_config *config, const uint8_t id[SKEX_KEY_ID_BYTES],
	char out[IKEV2_NAME_MAX]);
/* The key of a connection with this name; false: it is none of ours, or of no key. */
bool ikev2_name_read(const struct skex_ikev2_config *config, struct skex_view name,
	uint8_t id[SKEX_KEY_ID_BYTES]);
/* The same for the unique id of a secret. */
void ikev2_secret_name(const struct skex_ikev2_config *config, const uint8_t id[SKEX_KEY_ID_BYTES],
	char out[IKEV2_NAME_MAX]);
bool ikev2_secret_name_read(const struct skex_ikev2_config *config, struct skex_view name,
	uint8_t id[SKEX_KEY_ID_BYTES]);
/* The PPK id of a key; NULL: of all keys of the domain. */
void ikev2_ppk_id(
	const struct skex_ikev2_config *config, const uint8_t *id, char out[IKEV2_NAME_MAX]);
/* The name of a child, by its number; a view without bytes: there is none. */
struct skex_view ikev2_child(const struct skex_ikev2_config *config, size_t number);
/* The request that loads the connection with this key; its children have the priority of turn,
 * which is below IKEV2_TURNS. */
void ikev2_write_connection(struct skex_writer *writer, const struct skex_ikev2_config *config,
	const uint8_t id[SKEX_KEY_ID_BYTES], uint32_t turn);

/*
 * A responder could send with a new CHILD_SA before the initiator can have it, and what it sends
 * until then is lost.  So the policies of a new key come behind those of the old one at the
 * follower: it goes on with the old CHILD_SA until the leader closes that.  For this, each key has
 * its turn, and a policy the priority that charon would give it (the wider its selectors, the
 * larger the number, which means later), plus the turn.
 */
#define IKEV2_TURNS 250u
uint32_t ikev2_priority(const struct skex_ikev2_config *config, struct skex_view child);

#endif
