/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BIRD_KEYS_H
#define SKEX_DELIVER_BIRD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/view.h"
#include "deliver/rotation/consumer.h"

/*
 * The keys of one binding as the text of BIRD's configuration, and back.  Pure.
 *
 * The text stands within the block of an interface (OSPF, BFD) or of a protocol (BGP) and says
 * itself that packets are to be authenticated, so that this cannot be forgotten:
 *
 *    ospf      authentication cryptographic;
 *              password "HEX" { id N; algorithm hmac sha256; };  # UUID
 *    bfd       authentication meticulous keyed sha1;
 *              password "TEXT" { id N; };  # UUID
 *    tcp-md5   password "HEX";  # UUID
 *    tcp-ao    authentication ao;
 *              keys {
 *              key { id N; secret "HEX"; algorithm hmac sha256; preferred; };  # UUID
 *              };
 *
 * The first key is the one to send with.  The others have "generate to" a time that is over, or are
 * deprecated; BIRD takes the first one also when its clock is wrong.
 *
 * HEX is the whole key.  Of BFD's password only 20 characters count, so that TEXT is base64 of the
 * key's first 15 bytes: 120 bits.
 */
enum skex_bird_method {
	SKEX_BIRD_OSPF,
	SKEX_BIRD_BFD,
	SKEX_BIRD_TCP_MD5,
	SKEX_BIRD_TCP_AO,
	SKEX_BIRD_METHODS,
};

#define SKEX_BIRD_KEY_BYTES  32u
#define SKEX_BIRD_SECRET_MAX 64u
#define SKEX_BIRD_KEYS_MAX   3u
#define SKEX_BIRD_TEXT_MAX   1024u

struct skex_bird_key {
	uint8_t id[SKEX_ROTATION_ID_BYTES]; /* zeros: the key that nobody knows */
	uint8_t number;                     /* the id in packets, 1..255; BGP with MD5 has none */
	char secret[SKEX_BIRD_SECRET_MAX + 1];
};

struct skex_bird_keys {
	size_t count;
	struct skex_bird_key key[SKEX_BIRD_KEYS_MAX];
};

/* What a key is called in packets: never `taken`, the number of the key in use (0: there is none),
 * so that both ends come to the same one while they use the same key. */
uint8_t skex_bird_number(const uint8_t id[SKEX_ROTATION_ID_BYTES], uint8_t taken);
/* The secret of a key's bytes. */
void skex_bird_secret(enum skex_bird_method method, const uint8_t bytes[SKEX_BIRD_KEY_BYTES],
	char secret[SKEX_BIRD_SECRET_MAX + 1]);

/* Writes the file into out, of SKEX_BIRD_TEXT_MAX bytes; gives its size.  binding is a name. */
size_t skex_bird_text(enum skex_bird_method method, const char *binding,
	const struct skex_bird_keys *keys, char *out);
/* The keys of such a file; of any other text, none. */
void skex_bird_text_read(struct skex_view file, struct skex_bird_keys *keys);
/* NULL: there is none. */
const struct skex_bird_key *skex_bird_find(
	const struct skex_bird_keys *keys, const uint8_t id[SKEX_ROTATION_ID_BYTES]);
/* Puts at the end of keys those of others that are not among them, as far as there is room. */
void skex_bird_add_missing(struct skex_bird_keys *keys, const struct skex_bird_keys *others);

/*
 * What the file has to hold for an action (one of those of consumer.h): given is what it holds now,
 * nobody the bytes of a key that nobody knows.  A key whose bytes are not in our hands is taken out
 * of given.  false: it stays as it is.
 */
bool skex_bird_plan(enum skex_bird_method method, uint32_t action,
	const struct skex_rotation_keys *keys, const struct skex_bird_keys *given,
	const uint8_t nobody[SKEX_BIRD_KEY_BYTES], struct skex_bird_keys *out);

#endif
