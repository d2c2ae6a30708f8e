/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_VECTORS_PAIRWISE_PARTY_H
#define SKEX_TESTS_VECTORS_PAIRWISE_PARTY_H

#include "core/pairwise/tree.h"
#include "tests/vectors/rows.h"

/* What the tests of docs/spec/vectors/pairwise.json have in common. */

#define PARTY_NODES 64u

struct party {
	uint8_t ac[32];
	uint8_t recovery[32];
	struct skex_pairwise_node nodes[PARTY_NODES];
	struct skex_pairwise_tree tree;
};

/* The association of the file's config, with the depth, lane and direction of a row. */
void party_of(struct party *party, const struct skex_crypto *crypto, const json_t *config,
	const json_t *row);
/* Element number i of an array of hexadecimal texts. */
void element_of(struct bytes *bytes, const json_t *object, const char *name, size_t i);
/* These bytes are the ones of a row, in hexadecimal. */
void check_hex(const void *bytes, size_t size, const json_t *object, const char *name);

#endif
