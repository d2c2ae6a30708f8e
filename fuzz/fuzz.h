/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_FUZZ_FUZZ_H
#define SKEX_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* What the targets have in common. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that has to hold for every input.  Called, so that a trace shows which. */
__attribute__((noinline, unused)) static void must(bool good)
{
	if (!good)
		abort();
}

#endif
