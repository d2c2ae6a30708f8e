/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vectors/pairwise_party.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/pairwise/schedule.h"

void party_of(struct party *party, const struct skex_crypto *crypto, const json_t *config,
	const json_t *row)
{
	const uint8_t r = (uint8_t)number_of(row, "r");
	const uint8_t lane = (uint8_t)number_of(row, "lane");
	uint8_t psk[32], secret[32], chain[32];
	struct skex_pairwise_config provisioned;
	struct bytes suites;

	fixed_of(psk, sizeof(psk), config, "psk");
	bytes_of(&suites, config, "suites");
	provisioned.id[0] = skex_view(text_of(config, "id0"), strlen(text_of(config, "id0")));
	provisioned.id[1] = skex_view(text_of(config, "id1"), strlen(text_of(config, "id1")));
	provisioned.purpose =
		skex_view(text_of(config, "purpose"), strlen(text_of(config, "purpose")));
	provisioned.suites = view_of(&suites);
	provisioned.depth = (uint8_t)number_of(row, "d");
	assert_int_equal(skex_pairwise_associate(crypto, &provisioned, party->ac), SKEX_OK);
	assert_int_equal(skex_pairwise_generation(crypto, party->ac, psk, secret), SKEX_OK);
	assert_int_equal(skex_pairwise_first_chain(crypto, secret, r, lane, chain), SKEX_OK);
	assert_int_equal(skex_pairwise_recovery(crypto, secret, lane, party->recovery), SKEX_OK);
	skex_pairwise_tree_init(&party->tree, provisioned.depth, party->nodes, PARTY_NODES, chain);
}

void element_of(struct bytes *bytes, const json_t *object, const char *name, size_t i)
{
	json_t *wrapped = json_pack("{s:O}", "x", json_array_get(array_of(object, name), i));

	assert_non_null(wrapped);
	bytes_of(bytes, wrapped, "x");
	json_decref(wrapped);
}

void check_hex(const void *bytes, size_t size, const json_t *object, const char *name)
{
	struct bytes expected;

	bytes_of(&expected, object, name);
	assert_int_equal(size, expected.size);
	assert_memory_equal(bytes, expected.data, size);
}
