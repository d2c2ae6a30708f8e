/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_OPENSSL_BER_H
#define SKEX_DELIVER_OPENSSL_BER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/error.h"
#include "core/base/view.h"

/*
 * BER (X.690) out of a stream of any size: elements with tags of one byte and lengths of both
 * kinds, read one after another in constant memory.
 *
 * The error is sticky: once something is wrong all later calls do nothing, and ber->error and
 * ber->wrong, a clause for people, say what.  So a decoder reads straight through and checks once.
 */
#define BER_DEPTH  16u
#define BER_BUFFER 65536u

/* Gives up to room bytes and their number, 0 at the end. */
struct ber_source {
	enum skex_error (*read)(void *owner, uint8_t *data, size_t room, size_t *got);
	void *owner;
};

struct ber {
	struct ber_source source;
	enum skex_error error;
	const char *wrong;
	uint64_t position;
	unsigned depth;
	uint64_t limits[BER_DEPTH + 1]; /* where the open elements end, as far as it is known */
	bool indefinite[BER_DEPTH + 1];
	size_t at;
	size_t end;
	uint8_t buffer[BER_BUFFER];
};

void ber_init(struct ber *ber, struct ber_source source);
/* Sets the error, unless there is one. */
void ber_fail(struct ber *ber, enum skex_error error, const char *wrong);

/* The tag of the next element; 0 where the open one, or the input, ends. */
uint8_t ber_peek(struct ber *ber);
/* Into a constructed element, and out of it at its end. */
void ber_enter(struct ber *ber, uint8_t tag);
void ber_leave(struct ber *ber);
/* Reads a primitive element of at most room bytes; gives its size, 0 with an error. */
size_t ber_value(struct ber *ber, uint8_t tag, uint8_t *out, size_t room);
/* Reads a primitive element that has to be exactly these bytes; false, and no error, when it is
 * another. */
bool ber_is(struct ber *ber, uint8_t tag, struct skex_view wanted);
/* Passes over an element of whatever kind. */
void ber_skip(struct ber *ber);
/* Begins a primitive element of any size, which is then read to its end with ber_some. */
uint64_t ber_begin(struct ber *ber, uint8_t tag);
/* Some of the next `most` bytes, at least one, as they lie in the buffer: until the next call. */
struct skex_view ber_some(struct ber *ber, uint64_t most);
/* SKEX_OK when nothing was wrong and the input is at its end. */
SKEX_MUST_USE enum skex_error ber_end(struct ber *ber);

/* Writes the tag and length of an element of size bytes, in the shortest form: DER. */
void ber_write_head(struct skex_writer *writer, uint8_t tag, size_t size);

#endif
