/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_KEYS_TEXT_H
#define SKEX_API_KEYS_TEXT_H

#include "agent/agent.h"

/*
 * Writes "keys":[...] as docs/api.md shows it, without a JSON library, so that key bytes are in one
 * buffer only. On success *text is in secret memory (skex_secret_free) and has *size bytes.
 * SKEX_E_MEMORY.  api/keys_cost.h has an upper bound of that size.
 */
SKEX_MUST_USE enum skex_error skex_keys_text(
	const struct skex_key *keys, size_t count, char **text, size_t *size);

#endif
