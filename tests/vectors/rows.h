/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_VECTORS_ROWS_H
#define SKEX_TESTS_VECTORS_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "core/base/error.h"
#include "core/base/name.h"
#include "core/base/view.h"
#include "core/pad/pad.h"

/* Reading one row of a vector file: the test fails when something is not there or of another kind.
 */

#define BYTES_MAX 16384u

struct bytes {
	size_t size;
	uint8_t data[BYTES_MAX];
};

struct skex_view view_of(const struct bytes *bytes);
const char *text_of(const json_t *object, const char *name);
uint64_t number_of(const json_t *object, const char *name);
const json_t *object_of(const json_t *object, const char *name);
const json_t *array_of(const json_t *object, const char *name);
/* Hexadecimal text: of any size, of exactly this size, of 64 bits. */
void bytes_of(struct bytes *bytes, const json_t *object, const char *name);
void fixed_of(uint8_t *out, size_t size, const json_t *object, const char *name);
uint64_t wide_of(const json_t *object, const char *name);
struct skex_name name_of(const json_t *object, const char *name);
struct skex_pad_position position_of(const json_t *position);
/* Checks each row of an array; the test fails when there are fewer than this. */
void each_of(
	const json_t *object, const char *name, size_t least, void (*check)(const json_t *row));
/* What a decoder has to say of a row that is refused. */
enum skex_error refusal_of(const json_t *row);

#endif
