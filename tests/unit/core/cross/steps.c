/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/math/math.h"
#include "platform/posix.h"
#include "tests/unit/core/cross/leaks.h"
#include "tests/unit/core/slow.h"

/*
 * Runs one function of the field arithmetic over secrets made of a seed.  aarch64_test.py has the
 * emulator write down the general registers and flags at each of its instructions, for two seeds.
 *
 * usage: steps FUNCTION SEED
 */
#define INS    3u
#define OUTS   5u
#define BYTES  256u
/* More than what makes powers pay for themselves, and a rest. */
#define BLOCKS (BYTES / 16 * INS - 3)

static uint8_t secret[INS][BYTES];
static uint8_t acc[16], key[16];
static uint8_t result[OUTS][BYTES];

/* Clears what earlier functions left in the registers that none of them has to restore. */
#define FORGET()                                                                                   \
	__asm__ volatile(                                                                          \
		"mov x0, 0\n\tmov x1, 0\n\tmov x2, 0\n\tmov x3, 0\n\tmov x4, 0\n\tmov x5, 0\n\t"   \
		"mov x6, 0\n\tmov x7, 0\n\tmov x8, 0\n\tmov x9, 0\n\tmov x10, 0\n\tmov x11, 0\n\t" \
		"mov x12, 0\n\tmov x13, 0\n\tmov x14, 0\n\tmov x15, 0\n\tmov x16, 0\n\t"           \
		"mov x17, 0\n\tmov x18, 0\n\tcmp xzr, xzr" ::                                      \
			: "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",       \
		"x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "cc", "memory")

struct function {
	const char *name;
	void (*run)(const struct skex_math *math);
};

static void mul_add(const struct skex_math *math)
{
	FORGET();
	math->gf256_mul_add(result[0], secret[0], 0x53, BYTES);
}

static void rows(const struct skex_math *math)
{
	const uint8_t coefficients[OUTS * INS] = {
		1, 0, 3, 44, 5, 6, 177, 8, 9, 10, 11, 12, 255, 14, 15};
	const uint8_t *in[INS] = {secret[0], secret[1], secret[2]};
	const uint8_t *add[OUTS] = {NULL, result[1], secret[0], NULL, secret[1]};
	uint8_t *out[OUTS] = {result[0], result[1], result[2], result[3], result[4]};

	FORGET();
	math->gf256_rows(out, add, OUTS, coefficients, in, INS, BYTES);
}

static void hash(const struct skex_math *math)
{
	FORGET();
	math->polyval(acc, key, secret[0], BLOCKS);
}

static void hash_reverse(const struct skex_math *math)
{
	FORGET();
	math->polyval_reverse(acc, key, secret[0], BLOCKS);
}

static void branch(const struct skex_math *math)
{
	(void)math;
	FORGET();
	leak_branch(result[0], secret[0], BYTES);
}

static void index_of(const struct skex_math *math)
{
	(void)math;
	FORGET();
	leak_index(result[0], secret[0], BYTES);
}

static void flags(const struct skex_math *math)
{
	(void)math;
	FORGET();
	leak_flags(result[0], secret[0], BYTES);
}

static const struct function functions[] = {
	{"gf256_mul_add", mul_add},
	{"gf256_rows", rows},
	{"polyval", hash},
	{"polyval_reverse", hash_reverse},
	{"leak_branch", branch},
	{"leak_index", index_of},
	{"leak_flags", flags},
};

int main(int argc, char **argv)
{
	const struct skex_math *math = skex_math_select(skex_posix_cpu_features());
	uint64_t seed;

	if (argc != 3)
		return 2;
	seed = strtoull(argv[2], NULL, 10);
	slow_fill(&seed, secret, sizeof(secret));
	slow_fill(&seed, acc, sizeof(acc));
	slow_fill(&seed, key, sizeof(key));
	slow_fill(&seed, result, sizeof(result));
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strcmp(argv[1], functions[i].name) != 0)
			continue;
		functions[i].run(math);
		return 0;
	}
	return 2;
}
