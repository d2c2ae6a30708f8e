/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */

/*
 * The cursors (core/base/cursor.c), called in any order with any values, for Frama-C's Eva.  A
 * buffer ends where its array does, and each view that is given must lie in it.  Sizes and
 * positions are gone through one by one.  tools/prove runs it.
 */
#include <string.h>

#include "core/base/cursor.c"

#define MOST 10u

static volatile uint64_t any;

static void look_at(struct skex_view view)
{
	//@ assert view.size == 0 || \valid_read(view.data + (0 .. view.size - 1));
}

static void read_any(void)
{
	uint8_t in[MOST];
	uint8_t out[MOST];
	struct skex_reader reader;
	size_t size = any % (MOST + 1);
	size_t i;

	for (i = 0; i < MOST; i++)
		in[i] = (uint8_t)any;
	//@ split size;
	skex_reader_init(&reader, skex_view(in + (MOST - size), size));
	while (any) {
		//@ split reader.at;
		switch (any % 10) {
		case 0: skex_read_u8(&reader); break;
		case 1: skex_read_u16(&reader); break;
		case 2: skex_read_u32(&reader); break;
		case 3: skex_read_u64(&reader); break;
		case 4: look_at(skex_read_view(&reader, any)); break;
		case 5: skex_read_bytes(&reader, out, any % (MOST + 1)); break;
		case 6: look_at(skex_read_lp8(&reader, any)); break;
		case 7: look_at(skex_read_rest(&reader)); break;
		case 8: skex_reader_fail(&reader); break;
		default: (void)skex_error_class(skex_reader_end(&reader)); break;
		}
		//@ assert reader.at <= reader.size;
	}
}

static void write_any(uint8_t *data, size_t size)
{
	uint8_t in[256];
	struct skex_writer writer;
	size_t length = 0;
	size_t i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)any;
	skex_writer_init(&writer, data, size);
	while (any) {
		//@ split writer.at;
		switch (any % 7) {
		case 0: skex_write_u8(&writer, (uint8_t)any); break;
		case 1: skex_write_u16(&writer, (uint16_t)any); break;
		case 2: skex_write_u32(&writer, (uint32_t)any); break;
		case 3: skex_write_u64(&writer, any); break;
		case 4: skex_write_bytes(&writer, in, any % (sizeof(in) + 1)); break;
		case 5: skex_write_lp8(&writer, skex_view(in, any % (sizeof(in) + 1))); break;
		default: (void)skex_writer_end(&writer, &length); break;
		}
		//@ assert writer.at <= writer.size && length <= size;
	}
}

int main(void)
{
	uint8_t out[MOST];
	size_t size = any % (MOST + 1);

	read_any();
	//@ split size;
	write_any(out + (MOST - size), size);
	write_any(NULL, size);
	return 0;
}
