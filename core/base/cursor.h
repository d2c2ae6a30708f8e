/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_CURSOR_H
#define SKEX_CORE_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * Bounded cursors: the only way in which wire bytes are touched.
 *
 * Both have a sticky error: once a read or write does not fit, that one and all later ones do
 * nothing (reads give zero or an empty view), and skex_reader_end or skex_writer_end says so.  So a
 * decoder reads straight through and checks once.  All integers are big-endian.
 */

struct skex_reader {
	const uint8_t *data;
	size_t size;
	size_t at;
	bool failed;
};

struct skex_writer {
	uint8_t *data;
	size_t size;
	size_t at;
	bool failed;
};

/* Borrows the view's bytes for as long as the reader, and views read from it, are used. */
void skex_reader_init(struct skex_reader *reader, struct skex_view view);
uint8_t skex_read_u8(struct skex_reader *reader);
uint16_t skex_read_u16(struct skex_reader *reader);
uint32_t skex_read_u32(struct skex_reader *reader);
uint64_t skex_read_u64(struct skex_reader *reader);
/* Borrows size bytes of the input; nothing is copied. */
struct skex_view skex_read_view(struct skex_reader *reader, size_t size);
/* Copies size bytes; on failure out is untouched. */
void skex_read_bytes(struct skex_reader *reader, uint8_t *out, size_t size);
/* A view preceded by its length in one byte; fails when the length exceeds most. */
struct skex_view skex_read_lp8(struct skex_reader *reader, size_t most);
/* Borrows all that is left, possibly nothing. */
struct skex_view skex_read_rest(struct skex_reader *reader);
/* Marks the input as malformed, for a value that fits but may not be. */
void skex_reader_fail(struct skex_reader *reader);
/* SKEX_OK when nothing failed and every byte was read, otherwise SKEX_E_SYNTAX. */
SKEX_MUST_USE enum skex_error skex_reader_end(const struct skex_reader *reader);

/* data may be NULL with size SIZE_MAX to measure: nothing is stored, at counts. */
void skex_writer_init(struct skex_writer *writer, uint8_t *data, size_t size);
void skex_write_u8(struct skex_writer *writer, uint8_t value);
void skex_write_u16(struct skex_writer *writer, uint16_t value);
void skex_write_u32(struct skex_writer *writer, uint32_t value);
void skex_write_u64(struct skex_writer *writer, uint64_t value);
void skex_write_bytes(struct skex_writer *writer, const uint8_t *data, size_t size);
/* One length byte and then the view; fails when it is longer than 255 bytes. */
void skex_write_lp8(struct skex_writer *writer, struct skex_view view);
/* Sets *size to the bytes written and gives SKEX_OK, or SKEX_E_SPACE and *size untouched. */
SKEX_MUST_USE enum skex_error skex_writer_end(const struct skex_writer *writer, size_t *size);

#endif
