/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/wire/source_note.h"
#include "fuzz/fuzz.h"

/* What an agent says of keys of a KME: what is accepted is what would be written. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skex_source_note note;
	uint8_t out[SKEX_SOURCE_NOTE_MAX];
	size_t out_size = 0;

	if (skex_source_note_decode(&note, skex_view(data, size)) != SKEX_OK)
		return 0;
	if (skex_source_note_encode(&note, out, &out_size) != SKEX_OK || out_size != size ||
		memcmp(out, data, size) != 0) /* rule 3: a public note */
		abort();
	return 0;
}
