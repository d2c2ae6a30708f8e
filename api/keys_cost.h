/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_KEYS_COST_H
#define SKEX_API_KEYS_COST_H

#include <stddef.h>

#include "api/client/base64.h"

/* What surrounds the base64 text of one key in an answer, at most. */
#define SKEX_KEYS_TEXT_AROUND 320u

/* An upper bound of the bytes of an answer with count keys of so many bytes.  The server promises
 * so much of SKEX_API_PROMISED_MAX, and whoever shares a connection reckons with the same. */
static inline size_t skex_keys_text_most(size_t count, size_t bytes)
{
	return 16 + count * (SKEX_KEYS_TEXT_AROUND + skex_base64_size(bytes));
}

#endif
