/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_DISK_BYTES_H
#define SKEX_TESTS_SIM_DISK_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Inside the virtual disk: bytes in pages, of which those that were never written take no room and
 * those that are the same in two places are there once. */

struct disk_page;

struct disk_bytes {
	struct disk_page **pages; /* NULL: zeros */
	size_t pages_count;
	size_t size;
	uint8_t *flat; /* see disk_bytes_flat */
};

void disk_bytes_read(const struct disk_bytes *bytes, uint64_t offset, uint8_t *out, size_t size);
/* What lies behind the end makes it longer. */
void disk_bytes_write(struct disk_bytes *bytes, uint64_t offset, const uint8_t *data, size_t size);
void disk_bytes_resize(struct disk_bytes *bytes, uint64_t size);
/* All of it is as in from; or only this piece, and the pages that it lies in. */
void disk_bytes_copy(struct disk_bytes *bytes, const struct disk_bytes *from);
void disk_bytes_copy_piece(
	struct disk_bytes *bytes, const struct disk_bytes *from, uint64_t offset, size_t size);
/* All of it in one piece; borrowed until the next call of this or of disk_bytes_free. */
const uint8_t *disk_bytes_flat(struct disk_bytes *bytes);
void disk_bytes_free(struct disk_bytes *bytes);

#endif
