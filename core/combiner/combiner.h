/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_COMBINER_COMBINER_H
#define SKEX_CORE_COMBINER_COMBINER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/wire/common.h"

/*
 * One secret out of two that were established in different ways: whoever knows only one of them
 * knows nothing of it (docs/spec/combining.md).
 *
 * Two secrets that have nothing in common are XORed: what either of them is against an adversary of
 * any power, the result is.  If they may have, because something that either hangs on is the same,
 * each goes through a KDF of its own under a context that names both, and then they are XORed: the
 * result is computational.
 */
#define SKEX_ROOT_ID_BYTES 16u
#define SKEX_ROOTS_MAX     SKEX_COMMON_HUBS_MAX

/* What a secret hangs on: who knows enough of them knows the secret. */
enum skex_root_kind {
	SKEX_ROOT_HUB = 1,        /* its id */
	SKEX_ROOT_CREDENTIAL = 2, /* the fingerprint of an association, and 8 zeros */
	SKEX_ROOT_KEYFILL = 3,    /* the id of what was carried in by hand */
	SKEX_ROOT_KME = 4,        /* SHA-256 of the name of another house's KME, cut */
	SKEX_ROOT_HOUSE = 5,      /* a source that may be this house itself: nothing is disjoint */
};

struct skex_root {
	uint8_t kind; /* enum skex_root_kind */
	uint8_t id[SKEX_ROOT_ID_BYTES];
};

struct skex_component {
	const char *provider; /* its name, 1 to 32 bytes */
	struct skex_block_id block;
	const uint8_t *secret;
	enum skex_class class;
	bool confirmed;
	uint8_t roots_count; /* 1 .. SKEX_ROOTS_MAX */
	struct skex_root roots[SKEX_ROOTS_MAX];
};

struct skex_combination {
	const struct skex_name *initiator;
	const struct skex_name *responder;
	struct skex_view purpose;
	/* In any order: both ends combine in that of the providers' names, which differ. */
	const struct skex_component *components[2];
	uint32_t size; /* of both secrets, and of the result: 1 .. SKEX_SECRET_MAX */
};

/* What is known of the result. */
struct skex_combined {
	bool disjoint; /* XOR alone */
	enum skex_class class;
	bool confirmed; /* of both components; that the peer has the same pair is the caller's */
};

/*
 * Writes size bytes to secret, which may be that of either component; the caller wipes the
 * components.  SKEX_E_ARGUMENT when the providers are the same or a field is out of its range; the
 * provider's error, and then secret is wiped.
 */
SKEX_MUST_USE enum skex_error skex_combine_two(const struct skex_crypto *crypto,
	const struct skex_combination *combination, uint8_t *secret,
	struct skex_combined *combined);

#endif
