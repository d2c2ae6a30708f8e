/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_WIRE_SAMPLES_H
#define SKEX_TESTS_UNIT_CORE_WIRE_SAMPLES_H

#include "core/base/name.h"
#include "core/wire/common.h"

/* A well-formed name; the test fails when it is none. */
struct skex_name sample_name(const char *text);
/* size letters. */
struct skex_name sample_name_of(char letter, size_t size);
/* One block of one 256-bit key, between alice and bob. */
struct skex_common sample_common(void);
/* The same with the longest names and purpose and the largest numbers. */
struct skex_common sample_common_longest(void);

#endif
