/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/given.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void given_note(struct given *given, const struct world_key *key)
{
	size_t i;

	assert_in_range(given->count, 0, 4095);
	for (i = 0; i < given->count; i++) {
		assert_true(memcmp(given->key[i].bytes, key->bytes, key->size) != 0);
		assert_true(memcmp(given->key[i].id, key->id, sizeof(key->id)) != 0);
	}
	given->key[given->count++] = *key;
}

unsigned given_rounds(unsigned few, unsigned many)
{
	return getenv("SKEX_LONG") != NULL ? many : few; /* rule 6: a switch of the tests */
}
