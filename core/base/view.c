/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/view.h"
#include "core/base/mem.h"

bool skex_view_equal(struct skex_view a, struct skex_view b)
{
	/* memcmp must not see the NULL that an empty view may hold. */
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
