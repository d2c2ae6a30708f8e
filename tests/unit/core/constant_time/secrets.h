/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_CONSTANT_TIME_SECRETS_H
#define SKEX_TESTS_UNIT_CORE_CONSTANT_TIME_SECRETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>

#include "core/math/math.h"
#include "tests/unit/core/slow.h"

/*
 * Secrets are marked as undefined, and memcheck complains when a branch or an address depends on
 * them.  (Langley's ctgrind.)  Without valgrind there is nothing to see and every test is skipped.
 * What is said is about the paths that a test takes, and about branches and addresses only: not
 * about instructions whose own time depends on what they compute with.
 */
#define SECRETS      16u
#define SECRET_BYTES 400u
#define VARIANTS     3u

static uint8_t secret[SECRETS][SECRET_BYTES];
static unsigned errors_before;

/* A test's setup: fresh secrets, which nobody may look at. */
static inline int secrets_begin(void **state)
{
	uint64_t seed = 7;

	(void)state;
	slow_fill(&seed, secret, sizeof(secret));
	(void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof(secret));
	errors_before = VALGRIND_COUNT_ERRORS;
	return 0;
}

/* From here on data is public: what goes on the wire, or what the test itself compares. */
static inline void reveal(const void *data, size_t size)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(data, size);
}

static inline void assert_silent(void)
{
	unsigned errors = VALGRIND_COUNT_ERRORS;

	assert_int_equal(errors, errors_before);
}

static inline void need_valgrind(void)
{
	if (!RUNNING_ON_VALGRIND)
		skip();
}

/* The variants of the field arithmetic that valgrind can run; the same one may come twice. */
static inline void variants_of_valgrind(const struct skex_math *variants[static VARIANTS])
{
	uint32_t features = 0;

#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("ssse3") && __builtin_cpu_supports("pclmul"))
		features |= SKEX_CPU_SSSE3 | SKEX_CPU_PCLMUL;
#endif
	variants[0] = skex_math_select(0);
	variants[1] = skex_math_select(features);
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		features |= SKEX_CPU_AVX2;
#endif
	variants[2] = skex_math_select(features);
}

#endif
