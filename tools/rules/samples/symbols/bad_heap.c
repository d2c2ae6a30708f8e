/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
void *skex_new(size_t length);
void *skex_new(size_t length)
{
	return malloc(length);
}
