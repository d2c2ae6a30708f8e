/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_NAME_H
#define SKEX_CORE_BASE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/view.h"

/*
 * The name of an agent, hub or group: 1 to 63 bytes out of [a-z0-9._-], beginning with a letter or
 * digit.  Names are public, compared byte by byte, and mean the same in configuration, on the wire
 * and on the command line.
 */
#define SKEX_NAME_MAX 63

struct skex_name {
	uint8_t size;
	char text[SKEX_NAME_MAX + 1]; /* zero-terminated, so that text can be printed */
};

/* True and *name set when view is a well-formed name; otherwise false and *name untouched. */
bool skex_name_parse(struct skex_name *name, struct skex_view view);
bool skex_name_equal(const struct skex_name *a, const struct skex_name *b);

static inline struct skex_view skex_name_view(const struct skex_name *name)
{
	return skex_view(name->text, name->size);
}

/* FNV-1a, for tables of names that an operator chose: whoever may add names chooses where they lie.
 */
static inline uint32_t skex_name_hash(const struct skex_name *name)
{
	uint32_t value = 2166136261u;
	uint8_t i;

	for (i = 0; i < name->size; i++)
		value = (value ^ (uint8_t)name->text[i]) * 16777619u;
	return value;
}

#endif
