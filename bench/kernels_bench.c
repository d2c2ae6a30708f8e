/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The arithmetic under a share: GF(2^8) multiply-add, split and combine at (5,3), and POLYVAL,
 * against a memory copy and OpenSSL's GHASH in the same run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "core/math/math.h"
#include "core/share/share.h"
#include "platform/posix.h"

#define RUNS      7
#define RUN_S     0.03
#define LARGEST   65536u
#define HUBS      5
#define THRESHOLD 3

struct work {
	const struct skex_math *math;
	size_t size;
	uint8_t out[HUBS][LARGEST];
	uint8_t in[THRESHOLD + 1][LARGEST];
	EVP_CIPHER_CTX *cipher;
};

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
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

/* As the initiator does it: three shares are pad, and V and two shares are interpolated. */
static void split(struct work *work)
{
	static const uint8_t x[THRESHOLD] = {1, 2, 3}, at[] = {0, 4, 5};
	const uint8_t *y[THRESHOLD] = {work->in[0], work->in[1], work->in[2]};

	for (size_t i = 0; i < sizeof(at); i++)
		if (skex_share_interpolate(work->math, work->out[i], at[i], x, y, THRESHOLD,
			    work->size) != SKEX_OK)
			abort();
}

/* As the responder does it with all five: V from three, and the two others checked. */
static void combine(struct work *work)
{
	static const uint8_t x[THRESHOLD] = {1, 2, 3};
	const uint8_t *y[THRESHOLD] = {work->in[0], work->in[1], work->in[2]};

	if (skex_share_interpolate(work->math, work->out[0], 0, x, y, THRESHOLD, work->size) !=
		SKEX_OK)
		abort();
	for (uint8_t at = 4; at <= HUBS; at++) {
		bool same = skex_share_consistent(
			work->math, at, work->in[3], x, y, THRESHOLD, work->size);
		__asm__ volatile("" : : "r"(same));
	}
}

static void polyval(struct work *work)
{
	work->math->polyval(work->out[0], work->in[1], work->in[0], work->size / 16);
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

/* One kernel and what it is held against, turn by turn. */
static void measure(struct work *work, const char *what, void (*kernel)(struct work *work),
	const char *against, void (*other)(struct work *work))
{
	double rates[RUNS], ratios[RUNS];
	struct figure figure;
	char text[96];

	for (int i = 0; i < RUNS; i++) {
		rates[i] = once(work, kernel);
		ratios[i] = rates[i] / once(work, other);
	}
	figure = figure_of(rates);
	print(what, work->size, "GB/s", &figure);
	figure = figure_of(ratios);
	(void)snprintf(text, sizeof(text), "%s against %s", what, against);
	print(text, work->size, "ratio", &figure);
}

int main(void)
{
	static const size_t sizes[] = {144, 1024, 16384, LARGEST};
	static const uint8_t key[16] = {1, 2, 3};
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return 1;
	work->math = skex_math_select(skex_posix_cpu_features());
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
		measure(work, "GF(2^8) multiply-add", mul_add, "copy", copy);
		measure(work, "split (5,3)", split, "copy", copy);
		measure(work, "combine (5,3)", combine, "copy", copy);
		measure(work, "POLYVAL", polyval, "OpenSSL GHASH", openssl_ghash);
	}
	EVP_CIPHER_CTX_free(work->cipher);
	free(work);
	return 0;
}
