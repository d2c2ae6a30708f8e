/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_VIEW_H
#define SKEX_CORE_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns; valid as long as the owner keeps them.  data may be NULL when
 * size is 0. */
struct skex_view {
	const uint8_t *data;
	size_t size;
};

static inline struct skex_view skex_view(const void *data, size_t size)
{
	struct skex_view view = {(const uint8_t *)data, size};
	return view;
}

/* Equal in size and bytes.  Not in constant time: for names and other public values only. */
bool skex_view_equal(struct skex_view a, struct skex_view b);

#endif
