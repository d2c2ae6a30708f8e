/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */

/*
 * The cursors (core/base/cursor.c), proved for inputs and outputs of any size: nothing outside of
 * them is read or written, an error stays, positions move by what was read or written, and a view
 * is of the bytes at the position.  tools/prove runs it.
 */
#include "core/base/cursor.h"
#include "core/base/mem.h"

/*@
	predicate reader_good(struct skex_reader *r) =
	r->at <= r->size && (r->size > 0 ==> \valid_read(r->data + (0 .. r->size - 1)));

	// data NULL measures: nothing is stored.
	predicate writer_good(struct skex_writer *w) =
	w->at <= w->size && (w->size > 0 &&
		w->data != \null ==> \valid(w->data + (0 .. w->size - 1)));

	// An error stays, and nothing goes back.
	predicate goes_on{L1, L2}(struct skex_reader *r) =
	\at(r->data, L2) == \at(r->data, L1) && \at(r->size, L2) == \at(r->size, L1) &&
	\at(r->at, L2) >= \at(r->at, L1) && (\at(r->failed, L1) ==> \at(r->failed, L2)) &&
	(\at(r->failed, L2) ==> \at(r->at, L2) == \at(r->at, L1));
*/

// A view of bytes, without the way over void.
/*@ assigns \nothing;
	ensures \result.data == data && \result.size == size; */
static inline struct skex_view byte_view(const uint8_t *data, size_t size)
{
	struct skex_view view = {data, size};
	return view;
}
#define skex_view(data, size) byte_view(data, size)

/*@ requires \valid(reader);
	requires view.size > 0 ==> \valid_read(view.data + (0 .. view.size - 1));
	assigns *reader;
	ensures reader_good(reader) && !reader->failed && reader->at == 0; */
void skex_reader_init(struct skex_reader *reader, struct skex_view view);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->at, reader->failed;
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures reader->failed <==> \old(reader->failed) || size > reader->size - \old(reader->at);
	ensures !reader->failed ==> reader->at == \old(reader->at) + size;
	ensures \result != \null ==> !reader->failed && size > 0 &&
		\result == reader->data + \old(reader->at) &&
			\valid_read(\result + (0 .. size - 1));
	ensures \result == \null && reader->data != \null ==> reader->failed || size == 0; */
static const uint8_t *advance(struct skex_reader *reader, size_t size);

/*@ requires \valid(reader) && reader_good(reader) && size <= 8;
	assigns reader->at, reader->failed;
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures reader->failed <==> \old(reader->failed) || size > reader->size - \old(reader->at);
	ensures !reader->failed ==> reader->at == \old(reader->at) + size;
	ensures reader->failed ==> \result == 0; */
static uint64_t read_integer(struct skex_reader *reader, size_t size);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->at, reader->failed;
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures !reader->failed ==> reader->at == \old(reader->at) + 1;
	ensures reader->failed ==> \result == 0; */
uint8_t skex_read_u8(struct skex_reader *reader);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->at, reader->failed;
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures !reader->failed ==> reader->at == \old(reader->at) + 2;
	ensures reader->failed ==> \result == 0; */
uint16_t skex_read_u16(struct skex_reader *reader);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->at, reader->failed;
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures !reader->failed ==> reader->at == \old(reader->at) + 4;
	ensures reader->failed ==> \result == 0; */
uint32_t skex_read_u32(struct skex_reader *reader);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->at, reader->failed;
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures !reader->failed ==> reader->at == \old(reader->at) + 8;
	ensures reader->failed ==> \result == 0; */
uint64_t skex_read_u64(struct skex_reader *reader);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->at, reader->failed;
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures \result.size == 0 || (\result.size == size && !reader->failed &&
		\result.data == reader->data + \old(reader->at) &&
		\valid_read(\result.data + (0 .. size - 1)));
	ensures reader->failed ==> \result.size == 0;
	ensures !reader->failed ==> reader->at == \old(reader->at) + size; */
struct skex_view skex_read_view(struct skex_reader *reader, size_t size);

/*@ requires \valid(reader) && reader_good(reader);
	requires size > 0 ==> \valid(out + (0 .. size - 1));
	requires \separated(reader, out + (0 .. size - 1)) &&
		\separated(reader->data + (0 .. reader->size - 1), out + (0 .. size - 1));
	assigns reader->at, reader->failed, out[0 .. size - 1];
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures reader->failed ==> \forall integer i; 0 <= i < size ==> out[i] == \old(out[i]); */
void skex_read_bytes(struct skex_reader *reader, uint8_t *out, size_t size);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->at, reader->failed;
	ensures reader_good(reader);
	ensures \old(reader->failed) ==> reader->failed;
	ensures \result.size > 0 ==> !reader->failed && \result.size <= most &&
		\result.size <= 255 &&
		\valid_read(\result.data + (0 .. \result.size - 1)); */
struct skex_view skex_read_lp8(struct skex_reader *reader, size_t most);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->at, reader->failed;
	ensures reader_good(reader) && goes_on{Pre, Post}(reader);
	ensures \result.size > 0 ==> \valid_read(\result.data + (0 .. \result.size - 1));
	ensures !reader->failed ==> reader->at == reader->size; */
struct skex_view skex_read_rest(struct skex_reader *reader);

/*@ requires \valid(reader) && reader_good(reader);
	assigns reader->failed;
	ensures reader_good(reader) && reader->failed; */
void skex_reader_fail(struct skex_reader *reader);

/*@ requires \valid_read(reader);
	assigns \nothing;
	ensures \result == SKEX_OK <==> !reader->failed && reader->at == reader->size; */
enum skex_error skex_reader_end(const struct skex_reader *reader);

/*@ requires \valid(writer);
	requires size > 0 && data != \null ==> \valid(data + (0 .. size - 1));
	assigns *writer;
	ensures writer_good(writer) && !writer->failed && writer->at == 0; */
void skex_writer_init(struct skex_writer *writer, uint8_t *data, size_t size);

/*@ requires \valid(writer) && writer_good(writer);
	requires size > 0 ==> \valid_read(data + (0 .. size - 1));
	requires \separated(writer, writer->data + (0 .. writer->size - 1));
	requires \separated(data + (0 .. size - 1), writer->data + (0 .. writer->size - 1));
	assigns writer->at, writer->failed, writer->data[writer->at .. writer->at + size - 1];
	ensures writer_good(writer);
	ensures writer->failed <==> \old(writer->failed) || size > writer->size - \old(writer->at);
	ensures writer->at == \old(writer->at) + (writer->failed ? 0 : size); */
void skex_write_bytes(struct skex_writer *writer, const uint8_t *data, size_t size);

/*@ requires \valid(writer) && writer_good(writer) && size <= 8;
	requires \separated(writer, writer->data + (0 .. writer->size - 1));
	assigns writer->at, writer->failed, writer->data[writer->at .. writer->at + size - 1];
	ensures writer_good(writer);
	ensures writer->failed <==> \old(writer->failed) || size > writer->size - \old(writer->at);
	ensures writer->at == \old(writer->at) + (writer->failed ? 0 : size); */
static void write_integer(struct skex_writer *writer, uint64_t value, size_t size);

/*@ requires \valid(writer) && writer_good(writer);
	requires \separated(writer, writer->data + (0 .. writer->size - 1));
	assigns writer->at, writer->failed, writer->data[writer->at .. writer->at + 0];
	ensures writer_good(writer) && (\old(writer->failed) ==> writer->failed);
	ensures writer->at == \old(writer->at) + (writer->failed ? 0 : 1); */
void skex_write_u8(struct skex_writer *writer, uint8_t value);

/*@ requires \valid(writer) && writer_good(writer);
	requires \separated(writer, writer->data + (0 .. writer->size - 1));
	assigns writer->at, writer->failed, writer->data[writer->at .. writer->at + 1];
	ensures writer_good(writer) && (\old(writer->failed) ==> writer->failed);
	ensures writer->at == \old(writer->at) + (writer->failed ? 0 : 2); */
void skex_write_u16(struct skex_writer *writer, uint16_t value);

/*@ requires \valid(writer) && writer_good(writer);
	requires \separated(writer, writer->data + (0 .. writer->size - 1));
	assigns writer->at, writer->failed, writer->data[writer->at .. writer->at + 3];
	ensures writer_good(writer) && (\old(writer->failed) ==> writer->failed);
	ensures writer->at == \old(writer->at) + (writer->failed ? 0 : 4); */
void skex_write_u32(struct skex_writer *writer, uint32_t value);

/*@ requires \valid(writer) && writer_good(writer);
	requires \separated(writer, writer->data + (0 .. writer->size - 1));
	assigns writer->at, writer->failed, writer->data[writer->at .. writer->at + 7];
	ensures writer_good(writer) && (\old(writer->failed) ==> writer->failed);
	ensures writer->at == \old(writer->at) + (writer->failed ? 0 : 8); */
void skex_write_u64(struct skex_writer *writer, uint64_t value);

/*@ requires \valid(writer) && writer_good(writer);
	requires view.size > 0 ==> \valid_read(view.data + (0 .. view.size - 1));
	requires \separated(writer, writer->data + (0 .. writer->size - 1));
	requires \separated(view.data + (0 .. view.size - 1),
		writer->data + (0 .. writer->size - 1));
	requires \separated(writer, view.data + (0 .. view.size - 1));
	assigns writer->at, writer->failed, writer->data[writer->at .. writer->at + view.size];
	ensures writer_good(writer) && (\old(writer->failed) ==> writer->failed);
	ensures view.size > 255 ==> writer->failed;
	ensures !writer->failed ==> writer->at == \old(writer->at) + 1 + view.size; */
void skex_write_lp8(struct skex_writer *writer, struct skex_view view);

/*@ requires \valid_read(writer) && \valid(size) && \separated(writer, size);
	assigns *size;
	ensures \result == SKEX_OK <==> !writer->failed;
	ensures \result == SKEX_OK ==> *size == writer->at;
	ensures \result != SKEX_OK ==> *size == \old(*size); */
enum skex_error skex_writer_end(const struct skex_writer *writer, size_t *size);

// What is asked of memcpy, on bytes.
/*@ requires size > 0 ==> \valid(out + (0 .. size - 1)) && \valid_read(in + (0 .. size - 1));
	requires \separated(out + (0 .. size - 1), in + (0 .. size - 1));
	assigns out[0 .. size - 1];
	ensures \forall integer i; 0 <= i < size ==> out[i] == \old(in[i]); */
void copy_bytes(uint8_t *out, const uint8_t *in, size_t size);
#define memcpy copy_bytes

#include "core/base/cursor.c"
