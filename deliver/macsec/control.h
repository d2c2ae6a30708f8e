/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_CONTROL_H
#define SKEX_DELIVER_MACSEC_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "core/base/error.h"
#include "core/base/view.h"
#include "core/wire/key_id.h"

/*
 * A wpa_supplicant's control socket: datagrams of text, a command and its reply.  Each call waits
 * for a reply, for MACSEC_WAIT_MS at most, and so belongs into a thread of its own.
 */
#define MACSEC_WAIT_MS   1000
#define MACSEC_REPLY_MAX 4096u
#define MACSEC_CAK_MAX   32u

/* What a wpa_supplicant does with MACsec, as STATUS and LIST_NETWORKS say it. */
struct macsec_state {
	bool keyed;                    /* MKA is at work, with some CAK */
	bool ours;                     /* whose name is a key's id: */
	uint8_t id[SKEX_KEY_ID_BYTES]; /* zeros: not so */
	bool secured;                  /* with a peer that has the same */
	bool server;                   /* makes the keys of frames: see macsec.c */
};

/* Reads a reply to STATUS; false, and *state is untouched, when it is none. */
bool macsec_read_status(struct skex_view reply, struct macsec_state *state);
/* The first network in a reply to LIST_NETWORKS; false: there is none. */
bool macsec_read_network(struct skex_view reply, uint32_t *number);

struct macsec_control {
	int fd;
	struct sockaddr_un own;
	size_t size;
	char reply[MACSEC_REPLY_MAX];
	char refused[48]; /* the command that was not done, without its value */
};

/* folder is where a socket of ours is made until the end.  SKEX_E_OFFLINE when nobody is at path,
 * SKEX_E_IO when ours cannot be made, SKEX_E_ARGUMENT for a path that is too long. */
SKEX_MUST_USE enum skex_error macsec_control_open(
	struct macsec_control *control, const char *folder, const char *path);
/* Also after an open that failed. */
void macsec_control_close(struct macsec_control *control);

/* Of all: SKEX_E_OFFLINE when there is no reply, SKEX_E_REFUSED when it is not OK. */
SKEX_MUST_USE enum skex_error macsec_control_read(
	struct macsec_control *control, struct macsec_state *state);
/* Ends MKA: no frame passes any more. */
SKEX_MUST_USE enum skex_error macsec_control_clear(struct macsec_control *control);
struct macsec_put {
	unsigned port;     /* of the secure channel */
	unsigned priority; /* the lower one makes the keys of frames */
	const uint8_t *id; /* SKEX_KEY_ID_BYTES */
	struct skex_view cak;
};

/* Begins MKA with this CAK, instead of what it did before.  request, of MACSEC_REQUEST_MAX bytes,
 * is in locked memory and wiped afterwards. */
#define MACSEC_REQUEST_MAX 128u
SKEX_MUST_USE enum skex_error macsec_control_put(
	struct macsec_control *control, const struct macsec_put *put, char *request);

#endif
