/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t length);
static const char *const names[] = {"one", "two"};
const char *skex_name(int i);
const char *skex_name(int i)
{
	return names[i & 1];
}
void skex_copy(char *to, const char *from, size_t length);
void skex_copy(char *to, const char *from, size_t length)
{
	memcpy(to, from, length);
}
