/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/text.h"

#include <stddef.h>
#include <stdint.h>

/* How many bytes the character that begins here has; 0: it is none.  The shortest form only, and no
 * surrogates: that is what the limits of the second byte say.  The zero at the end ends it too. */
static size_t character_size(const uint8_t *at)
{
	const uint8_t first = at[0];
	const uint8_t least = first == 0xe0 ? 0xa0 : (first == 0xf0 ? 0x90 : 0x80);
	const uint8_t most = first == 0xed ? 0x9f : (first == 0xf4 ? 0x8f : 0xbf);
	const size_t size = first >= 0xf0 ? 4 : (first >= 0xe0 ? 3 : 2);
	size_t i;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4 || at[1] < least || at[1] > most)
		return 0;
	for (i = 2; i < size; i++) {
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	}
	return size;
}

void skex_text_mend(char *text)
{
	while (*text != '\0') {
		const size_t size = character_size((const uint8_t *)text);

		if (size == 0)
			*text = '?';
		text += size == 0 ? 1 : size;
	}
}
