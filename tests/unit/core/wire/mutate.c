/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/wire/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RANDOM_CHANGES 4000u

uint64_t draw(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void fill(uint64_t *state, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)draw(state);
}

/* True when it was accepted, and then it came back as it was. */
static bool try(const struct codec *codec, const uint8_t *bytes, size_t size)
{
	uint8_t *exact = malloc(size == 0 ? 1 : size);
	uint8_t *out = malloc(size + 64);
	size_t out_size = 0;
	enum skex_error error;

	assert_non_null(exact);
	assert_non_null(out);
	memcpy(exact, bytes, size);
	error = codec->again(codec->context, skex_view(exact, size), out, size + 64, &out_size);
	if (error == SKEX_OK) {
		assert_int_equal(out_size, size);
		assert_memory_equal(out, exact, size);
	} else {
		assert_true(error == SKEX_E_SYNTAX || error == SKEX_E_VERSION);
	}
	free(exact);
	free(out);
	return error == SKEX_OK;
}

static void check_lengths(const struct codec *codec, uint8_t *copy, size_t size)
{
	for (size_t shorter = 0; shorter < size; shorter++) {
		if (try(codec, copy, shorter))
			assert_true(codec->open_end);
	}
	for (unsigned extra = 0; extra < 256; extra += 85) {
		copy[size] = (uint8_t)extra;
		if (try(codec, copy, size + 1))
			assert_true(codec->open_end);
	}
}

static void check_changes(
	const struct codec *codec, uint8_t *copy, const uint8_t *bytes, size_t size)
{
	uint64_t random = size;

	for (size_t bit = 0; bit < size * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)try(codec, copy, size);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned i = 0; i < RANDOM_CHANGES; i++) {
		const uint64_t changes = 1 + draw(&random) % 4;

		for (uint64_t c = 0; c < changes; c++)
			copy[draw(&random) % size] = (uint8_t)draw(&random);
		(void)try(codec, copy, draw(&random) % 4 == 0 ? draw(&random) % size : size);
		memcpy(copy, bytes, size);
	}
}

void check_codec(const struct codec *codec, const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	assert_true(try(codec, copy, size));
	check_lengths(codec, copy, size);
	check_changes(codec, copy, bytes, size);
	free(copy);
}
