/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The arithmetic under a share: GF(2^8) multiply-add, split and combine at (5,3), and POLYVAL,
 * against what bounds each of them, a memory copy and OpenSSL's GHASH in the same run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "bench/kernels_bounds.h"
#include "core/dske/block.h"
#include "core/math/math.h"
#include "core/share/share.h"
#include "platform/posix.h"

#define RUNS      7
#define RUN_S     0.03
#define LARGEST   65536u
#define HUBS      5
#define THRESHOLD 3
#define BETWEEN   320u /* so that the vectors do not share the lines of the cache */

struct work {
	const struct skex_math *math;
	size_t size;
	uint8_t out[HUBS][LARGEST + BETWEEN];
	uint8_t in[HUBS][LARGEST + BETWEEN];
	uint8_t shares[HUBS - THRESHOLD][LARGEST + BETWEEN];
	uint8_t tag[SKEX_BLOCK_TAG_BYTES];
	bool counted; /* the bounds by instructions are known for this machine */
	EVP_CIPHER_CTX *cipher;
};

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- what is measured ---- */

static void copy(struct work *work)
{
	memcpy(work->out[0], work->in[0], work->size);
	__asm__ volatile("" : : "r"(work->out[0]) : "memory");
}

static void mul_add(struct work *work)
{
	work->math->gf256_mul_add(work->out[0], work->in[0], 0x53, work->size);
}

static void mul_add_memory(struct work *work)
{
	const uint8_t *in[2] = {work->in[0], work->out[0]};
	uint8_t *out = work->out[0];

	bound_memory(&out, 1, in, 2, work->size);
}

static void mul_add_shuffles(struct work *work)
{
	(void)bound_shuffles(work->math, 1, work->size);
}

/* As the initiator does it: three shares are pad, and V and two shares under pad are computed. */
static void split(struct work *work)
{
	const uint8_t *pads[HUBS];
	uint8_t *bodies[HUBS];
	bool carried[HUBS];

	for (size_t i = 0; i < HUBS; i++) {
		pads[i] = work->in[i];
		bodies[i] = work->out[i];
	}
	if (skex_block_split(work->math, HUBS, THRESHOLD, pads, work->size, work->out[0], bodies,
		    carried) != SKEX_OK)
		abort();
}

static void split_memory(struct work *work)
{
	const uint8_t *in[HUBS];
	uint8_t *out[3] = {work->out[0], work->out[3], work->out[4]};

	for (size_t i = 0; i < HUBS; i++)
		in[i] = work->in[i];
	bound_memory(out, 3, in, HUBS, work->size);
}

/* Two products are left of the nine of three rows, the rest is sums. */
static void split_shuffles(struct work *work)
{
	(void)bound_shuffles(work->math, 2, work->size);
}

/* As the responder does it with all five: the others checked, V from three, and its tag. */
static void combine(struct work *work)
{
	const uint8_t *shares[HUBS] = {
		work->in[0], work->in[1], work->in[2], work->shares[0], work->shares[1]};
	const struct skex_block_combine input = {.math = work->math,
		.n = HUBS,
		.k = THRESHOLD,
		.shares = shares,
		.size = work->size,
		.tag = work->tag,
		.scratch = work->out[1]};
	uint32_t inconsistent;

	if (skex_block_combine(&input, work->out[0], &inconsistent) != SKEX_OK || inconsistent != 0)
		abort();
}

/* The least: every share read once, and V written. */
static void combine_memory(struct work *work)
{
	const uint8_t *in[HUBS] = {
		work->in[0], work->in[1], work->in[2], work->shares[0], work->shares[1]};
	uint8_t *out = work->out[0];

	bound_memory(&out, 1, in, HUBS, work->size);
}

/* The same two products, and a hash. */
static void combine_instructions(struct work *work)
{
	(void)bound_shuffles(work->math, 2, work->size);
	(void)bound_clmul(work->math, work->size);
}

static void polyval(struct work *work)
{
	work->math->polyval(work->out[0], work->in[1], work->in[0], work->size / 16);
}

static void polyval_memory(struct work *work)
{
	const uint8_t *in = work->in[0];

	bound_memory(NULL, 0, &in, 1, work->size);
}

static void polyval_clmul(struct work *work)
{
	(void)bound_clmul(work->math, work->size);
}

/* Additional data alone is GHASH alone. */
static void openssl_ghash(struct work *work)
{
	int size = 0;

	if (EVP_EncryptInit_ex(work->cipher, NULL, NULL, NULL, work->in[2]) != 1 ||
		EVP_EncryptUpdate(work->cipher, NULL, &size, work->in[0], (int)work->size) != 1)
		abort();
}

/* ---- measuring ---- */

struct figure {
	double median, least, most; /* GB/s */
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double once(struct work *work, void (*what)(struct work *work))
{
	size_t rounds = 0;
	double began = now_s(), seconds;

	do {
		for (int i = 0; i < 64; i++)
			what(work);
		rounds += 64;
		seconds = now_s() - began;
	} while (seconds < RUN_S);
	return (double)rounds * (double)work->size / seconds / 1e9;
}

static struct figure figure_of(double values[static RUNS])
{
	qsort(values, RUNS, sizeof(*values), compare);
	return (struct figure){values[RUNS / 2], values[0], values[RUNS - 1]};
}

static void print(const char *what, size_t size, const char *unit, const struct figure *figure)
{
	printf("{\"name\":\"kernel/%s, %zu B\",\"value\":%.3f,\"unit\":\"%s\",\"min\":%.3f,"
	       "\"max\":%.3f,\"runs\":%d,\"must\":null,\"ok\":true}\n",
		what, size, figure->median, unit, figure->least, figure->most, RUNS);
	(void)fflush(stdout);
}

/* One kernel and what it is held against, turn by turn; NULL for nothing. */
struct kernel {
	const char *name;
	void (*what)(struct work *work);
	void (*memory)(struct work *work);       /* the bytes moved, nothing computed */
	void (*instructions)(struct work *work); /* the multiplications of bytes in registers */
	const char *against;
	void (*other)(struct work *work);
};

static void measure(struct work *work, const struct kernel *kernel)
{
	double rates[RUNS], memory[RUNS], instructions[RUNS], other[RUNS];
	struct figure figure, figure_memory, figure_instructions = {0, 0, 0};
	char text[128];
	bool by_memory;

	for (int i = 0; i < RUNS; i++) {
		rates[i] = once(work, kernel->what);
		memory[i] = rates[i] / once(work, kernel->memory);
		if (work->counted)
			instructions[i] = rates[i] / once(work, kernel->instructions);
		if (kernel->other != NULL)
			other[i] = rates[i] / once(work, kernel->other);
	}
	figure = figure_of(rates);
	print(kernel->name, work->size, "GB/s", &figure);
	figure_memory = figure_of(memory);
	if (work->counted)
		figure_instructions = figure_of(instructions);
	/* The bound is what the kernel comes closer to. */
	by_memory = figure_memory.median >= figure_instructions.median;
	(void)snprintf(text, sizeof(text), "%s against its bound, %s", kernel->name,
		by_memory ? "memory" : "multiplications");
	print(text, work->size, "ratio", by_memory ? &figure_memory : &figure_instructions);
	if (kernel->other != NULL) {
		figure = figure_of(other);
		(void)snprintf(text, sizeof(text), "%s against %s", kernel->name, kernel->against);
		print(text, work->size, "ratio", &figure);
	}
}

/* Two shares that lie on the polynomial of the first three, and the tag of its vector. */
static void prepare_shares(struct work *work)
{
	static const uint8_t x[THRESHOLD] = {1, 2, 3};
	const uint8_t *y[THRESHOLD] = {work->in[0], work->in[1], work->in[2]};

	for (uint8_t i = 0; i < 2; i++)
		if (skex_share_interpolate(work->math, work->shares[i], (uint8_t)(4 + i), x, y,
			    THRESHOLD, work->size) != SKEX_OK)
			abort();
	if (skex_share_interpolate(work->math, work->out[0], 0, x, y, THRESHOLD, work->size) !=
		SKEX_OK)
		abort();
	skex_block_tag(work->math, work->out[0], work->size, work->tag);
}

int main(void)
{
	static const size_t sizes[] = {144, 1024, 16384, LARGEST};
	static const struct kernel kernels[] = {
		{"GF(2^8) multiply-add", mul_add, mul_add_memory, mul_add_shuffles, "copy", copy},
		{"split (5,3)", split, split_memory, split_shuffles, "copy", copy},
		{"combine (5,3)", combine, combine_memory, combine_instructions, "copy", copy},
		{"POLYVAL", polyval, polyval_memory, polyval_clmul, "OpenSSL GHASH", openssl_ghash},
	};
	static const uint8_t key[16] = {1, 2, 3};
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return 1;
	work->math = skex_math_select(skex_posix_cpu_features());
	work->counted = bound_shuffles(work->math, 1, 64) && bound_clmul(work->math, 64);
	work->cipher = EVP_CIPHER_CTX_new();
	if (work->cipher == NULL ||
		EVP_EncryptInit_ex(work->cipher, EVP_aes_128_gcm(), NULL, key, NULL) != 1) {
		EVP_CIPHER_CTX_free(work->cipher);
		free(work);
		return 1;
	}
	for (size_t i = 0; i < sizeof(work->in); i++)
		((uint8_t *)work->in)[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		work->size = sizes[i];
		prepare_shares(work);
		for (size_t j = 0; j < sizeof(kernels) / sizeof(kernels[0]); j++)
			measure(work, &kernels[j]);
	}
	EVP_CIPHER_CTX_free(work->cipher);
	free(work);
	return 0;
}
