/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/name.h"
#include "core/base/mem.h"

static bool is_letter_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool skex_name_parse(struct skex_name *name, struct skex_view view)
{
	struct skex_name parsed;
	size_t i;

	if (view.size == 0 || view.size > SKEX_NAME_MAX || !is_letter_or_digit(view.data[0]))
		return false;
	memset(&parsed, 0, sizeof(parsed));
	for (i = 0; i < view.size; i++) {
		uint8_t c = view.data[i];

		if (!is_letter_or_digit(c) && c != '.' && c != '_' && c != '-')
			return false;
		parsed.text[i] = (char)c;
	}
	parsed.size = (uint8_t)view.size;
	*name = parsed;
	return true;
}

bool skex_name_equal(const struct skex_name *a, const struct skex_name *b)
{
	return skex_view_equal(skex_name_view(a), skex_name_view(b));
}
