/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_WIREGUARD_UAPI_H
#define SKEX_DELIVER_WIREGUARD_UAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * The text that WireGuard in user space speaks on its socket (wireguard.com/xplatform, "Cross-
 * platform Userspace Implementation"): lines of key=value, an empty line at the end, and errno=N in
 * each answer.  Pure; only what a rotation needs of it.
 */
#define SKEX_WIREGUARD_KEY_BYTES 32u
#define SKEX_UAPI_REQUEST_MAX    512u

/* A line of an answer is no longer than that, its end included. */
#define SKEX_UAPI_LINE_MAX 512u

/*
 * Another private key and then the old one makes all peers of the interface shake hands anew, and
 * loses no packet; a keepalive that is switched on is sent at once, so that a handshake with this
 * peer begins though nobody has anything to send.  All in one request: however this process ends,
 * the interface has its own key.
 */
struct skex_uapi_set {
	const uint8_t *peer;        /* its public key */
	const uint8_t *psk;         /* NULL: it stays */
	const uint8_t *private_key; /* of the interface: shake hands anew; NULL: do not */
	const uint8_t *throwaway;   /* with private_key: the other one */
	bool keepalive;             /* set the next */
	uint16_t keepalive_s;       /* 0: none */
};

/* Writes a request into out, of SKEX_UAPI_REQUEST_MAX bytes, which holds secrets then; gives its
 * size. */
size_t skex_uapi_set_write(const struct skex_uapi_set *set, char *out);
extern const struct skex_view skex_uapi_get;

/* What an answer says of the interface and of one peer. */
struct skex_uapi_state {
	uint8_t private_key[SKEX_WIREGUARD_KEY_BYTES]; /* zeros: none */
	bool peer_there;
	uint8_t psk[SKEX_WIREGUARD_KEY_BYTES]; /* zeros: none */
	uint64_t handshake_s;                  /* the last, by the wall clock; 0: none */
	uint64_t handshake_ns;
	uint64_t sent_bytes;
	uint64_t keepalive_s;
	int64_t error; /* errno; 0 is fine */
};

/* Reads an answer as it comes in.  Holds secrets: wipe it. */
struct skex_uapi_reader {
	struct skex_uapi_state state;
	uint8_t peer[SKEX_WIREGUARD_KEY_BYTES];
	bool in_peer;  /* the lines are about it */
	bool finished; /* the empty line has come */
	size_t size;
	char line[SKEX_UAPI_LINE_MAX];
};

void skex_uapi_reader_init(
	struct skex_uapi_reader *reader, const uint8_t peer[SKEX_WIREGUARD_KEY_BYTES]);
/* SKEX_E_SYNTAX for what is no answer; nothing is read after that, nor after the end. */
SKEX_MUST_USE enum skex_error skex_uapi_read(
	struct skex_uapi_reader *reader, struct skex_view bytes);

/* 64 hexadecimal digits into 32 bytes, in a time that says nothing of them; false for others. */
bool skex_wireguard_hex_read(const char *text, size_t size, uint8_t out[SKEX_WIREGUARD_KEY_BYTES]);
/* The other way round, without a zero at the end. */
void skex_wireguard_hex_write(const uint8_t bytes[SKEX_WIREGUARD_KEY_BYTES], char out[64]);

#endif
