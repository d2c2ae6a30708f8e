/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vectors/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct skex_view view_of(const struct bytes *bytes)
{
	return skex_view(bytes->data, bytes->size);
}

const char *text_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_string(value));
	return json_string_value(value);
}

uint64_t number_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	return (uint64_t)json_integer_value(value);
}

const json_t *object_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_object(value));
	return value;
}

const json_t *array_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_array(value));
	return value;
}

void bytes_of(struct bytes *bytes, const json_t *object, const char *name)
{
	const char *text = text_of(object, name);
	const size_t nibbles = strlen(text);

	assert_int_equal(nibbles % 2, 0);
	assert_true(nibbles / 2 <= BYTES_MAX);
	bytes->size = nibbles / 2;
	for (size_t i = 0; i < bytes->size; i++) {
		unsigned value;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
		bytes->data[i] = (uint8_t)value;
	}
}

void fixed_of(uint8_t *out, size_t size, const json_t *object, const char *name)
{
	struct bytes bytes;

	bytes_of(&bytes, object, name);
	assert_int_equal(bytes.size, size);
	memcpy(out, bytes.data, size);
}

uint64_t wide_of(const json_t *object, const char *name)
{
	uint8_t bytes[8];
	uint64_t value = 0;

	fixed_of(bytes, sizeof(bytes), object, name);
	for (size_t i = 0; i < sizeof(bytes); i++)
		value = value << 8 | bytes[i];
	return value;
}

struct skex_name name_of(const json_t *object, const char *name)
{
	const char *text = text_of(object, name);
	struct skex_name parsed;

	assert_true(skex_name_parse(&parsed, skex_view(text, strlen(text))));
	return parsed;
}

struct skex_pad_position position_of(const json_t *position)
{
	const struct skex_pad_position found = {
		(uint32_t)number_of(position, "generation"), number_of(position, "offset")};

	return found;
}

void each_of(const json_t *object, const char *name, size_t least, void (*check)(const json_t *row))
{
	const json_t *rows = array_of(object, name);
	size_t i;

	assert_true(json_array_size(rows) >= least);
	for (i = 0; i < json_array_size(rows); i++)
		check(json_array_get(rows, i));
}

enum skex_error refusal_of(const json_t *row)
{
	return strcmp(text_of(row, "why"), "later version") == 0 ? SKEX_E_VERSION : SKEX_E_SYNTAX;
}
