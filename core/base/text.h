/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_TEXT_H
#define SKEX_CORE_BASE_TEXT_H

/*
 * Makes a text UTF-8 (RFC 3629) where it is not, with a '?' for every byte that belongs to no
 * character.  For words of others, and for all that was cut: JSON takes no other text, and an
 * answer that cannot be made is worse than a '?'.
 */
void skex_text_mend(char *text);

#endif
