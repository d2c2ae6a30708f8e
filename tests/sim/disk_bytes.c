/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/disk_bytes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096u

struct disk_page {
	size_t users;
	uint8_t bytes[PAGE_BYTES];
};

/* A test without memory has nothing to say. */
static void *need(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static void leave(struct disk_page *page)
{
	if (page != NULL && --page->users == 0)
		free(page);
}

static void pages_make_room(struct disk_bytes *bytes, size_t count)
{
	size_t room = bytes->pages_count * 2 > count ? bytes->pages_count * 2 : count;

	if (count <= bytes->pages_count)
		return;
	bytes->pages = need(realloc(bytes->pages, room * sizeof(*bytes->pages)));
	memset(bytes->pages + bytes->pages_count, 0,
		(room - bytes->pages_count) * sizeof(*bytes->pages));
	bytes->pages_count = room;
}

/* The page of this number, for writing; what is not written there stays as it was. */
static struct disk_page *own(struct disk_bytes *bytes, size_t number)
{
	struct disk_page *page = bytes->pages[number];

	if (page != NULL && page->users == 1)
		return page;
	if (page == NULL) {
		page = need(calloc(1, sizeof(*page)));
	} else {
		struct disk_page *copy = need(malloc(sizeof(*copy)));

		memcpy(copy->bytes, page->bytes, PAGE_BYTES);
		page->users--;
		page = copy;
	}
	page->users = 1;
	bytes->pages[number] = page;
	return page;
}

/* How much of a page, from this offset on, belongs to a piece of this size. */
static size_t piece_of(uint64_t offset, size_t size)
{
	const size_t left = PAGE_BYTES - (size_t)(offset % PAGE_BYTES);

	return size < left ? size : left;
}

void disk_bytes_read(const struct disk_bytes *bytes, uint64_t offset, uint8_t *out, size_t size)
{
	while (size > 0) {
		const size_t number = (size_t)(offset / PAGE_BYTES);
		const size_t piece = piece_of(offset, size);

		if (number < bytes->pages_count && bytes->pages[number] != NULL)
			memcpy(out, bytes->pages[number]->bytes + offset % PAGE_BYTES, piece);
		else
			memset(out, 0, piece);
		out += piece;
		offset += piece;
		size -= piece;
	}
}

void disk_bytes_write(struct disk_bytes *bytes, uint64_t offset, const uint8_t *data, size_t size)
{
	if (size == 0)
		return;
	if (offset + size > bytes->size)
		bytes->size = (size_t)offset + size;
	pages_make_room(bytes, (bytes->size + PAGE_BYTES - 1) / PAGE_BYTES);
	while (size > 0) {
		const size_t piece = piece_of(offset, size);

		memcpy(own(bytes, (size_t)(offset / PAGE_BYTES))->bytes + offset % PAGE_BYTES, data,
			piece);
		data += piece;
		offset += piece;
		size -= piece;
	}
}

void disk_bytes_resize(struct disk_bytes *bytes, uint64_t size)
{
	size_t number = (size_t)(size / PAGE_BYTES);

	if (size < bytes->size) {
		if (size % PAGE_BYTES != 0 && number < bytes->pages_count &&
			bytes->pages[number] != NULL)
			memset(own(bytes, number)->bytes + size % PAGE_BYTES, 0,
				PAGE_BYTES - (size_t)(size % PAGE_BYTES));
		for (number += size % PAGE_BYTES != 0; number < bytes->pages_count; number++) {
			leave(bytes->pages[number]);
			bytes->pages[number] = NULL;
		}
	}
	bytes->size = (size_t)size;
}

static void copy_pages(
	struct disk_bytes *bytes, const struct disk_bytes *from, size_t first, size_t end)
{
	pages_make_room(bytes, end);
	for (; first < end; first++) {
		struct disk_page *page = first < from->pages_count ? from->pages[first] : NULL;

		if (page != NULL)
			page->users++;
		leave(bytes->pages[first]);
		bytes->pages[first] = page;
	}
}

void disk_bytes_copy(struct disk_bytes *bytes, const struct disk_bytes *from)
{
	const size_t count =
		bytes->pages_count > from->pages_count ? bytes->pages_count : from->pages_count;

	copy_pages(bytes, from, 0, count);
	bytes->size = from->size;
}

void disk_bytes_copy_piece(
	struct disk_bytes *bytes, const struct disk_bytes *from, uint64_t offset, size_t size)
{
	if (size == 0)
		return;
	copy_pages(bytes, from, (size_t)(offset / PAGE_BYTES),
		(size_t)((offset + size - 1) / PAGE_BYTES) + 1);
	bytes->size = from->size;
}

const uint8_t *disk_bytes_flat(struct disk_bytes *bytes)
{
	free(bytes->flat);
	bytes->flat = need(malloc(bytes->size + 1));
	disk_bytes_read(bytes, 0, bytes->flat, bytes->size);
	return bytes->flat;
}

void disk_bytes_free(struct disk_bytes *bytes)
{
	size_t i;

	for (i = 0; i < bytes->pages_count; i++)
		leave(bytes->pages[i]);
	free(bytes->pages);
	free(bytes->flat);
	*bytes = (struct disk_bytes){0};
}
