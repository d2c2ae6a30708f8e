/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a pairwise run costs both ends together, against what it stands beside: one ML-KEM-768 key
 * generation, encapsulation and decapsulation, and two X25519 key generations and derivations, in
 * turns, in processor time of one thread.
 *
 * A run is M1 to M4 through the engines of both ends at d = 0, with an export at each end.  The
 * commits are not in it: PERSIST is answered at once.  Nothing but the engines and libcrypto is
 * needed, so that this program runs wherever a newer libcrypto is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/base/mem.h"
#include "core/pairwise/initiator.h"
#include "core/pairwise/responder.h"
#include "crypto/openssl.h"

#define RUNS        21
#define TURN_S      0.02 /* of each, in each run */
#define RATIO       0.1
#define WINDOW      8u
#define TABLE       16u
#define MESSAGE_MAX 64u
#define KEM_MAX     4096u

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "pairwise_bench: %s failed\n", what);
	exit(1);
}

/* ---- a run ---- */

struct end {
	struct skex_pairwise_state state;
	struct skex_pairwise_node out, in[WINDOW - 1];
	struct skex_pairwise pairwise;
	struct skex_pairwise_run run;
	struct skex_pairwise_half half;
	struct skex_pairwise_session session;
	uint8_t ids[TABLE][SKEX_PAIRWISE_ID_BYTES];
	uint8_t locators[SKEX_PAIRWISE_LOCATORS][SKEX_PAIRWISE_ID_BYTES];
	uint8_t run_message[MESSAGE_MAX], half_message[MESSAGE_MAX];
	uint8_t plain[MESSAGE_MAX];
	bool delivered;
};

static struct end ends[2];
static uint64_t generator = 1, clock_ms = 1000000;

static void end_init(struct end *end, uint8_t slot)
{
	static const uint8_t psk[SKEX_HASH_BYTES] = {1, 2, 3};
	const struct skex_pairwise_config config = {
		.id = {skex_view("alpha", 5), skex_view("bravo", 5)},
		.suites = skex_view("\1", 1),
		.purpose = skex_view("skex-agent/1", 12),
	};
	const struct skex_pairwise_local local = {
		.slot = slot, .window = WINDOW, .ahead = TABLE - WINDOW};
	const struct skex_pairwise_memory memory = {
		.out = &end->out, .in = end->in, .window_max = WINDOW};
	const struct skex_pairwise_parts parts = {.ids = end->ids,
		.locators = end->locators,
		.runs = &end->run,
		.runs_count = 1,
		.halves = &end->half,
		.halves_count = 1,
		.plain = end->plain,
		.plain_room = sizeof(end->plain)};

	must(skex_pairwise_state_init(
		     &end->state, skex_crypto_openssl(), &config, &local, psk, &memory) == SKEX_OK,
		"making an association");
	skex_pairwise_run_init(&end->run, end->run_message, MESSAGE_MAX);
	skex_pairwise_half_init(&end->half, end->half_message, MESSAGE_MAX);
	must(skex_pairwise_open(&end->pairwise, &end->state, skex_crypto_openssl(), &parts) ==
			SKEX_OK,
		"opening it");
}

/* Numbers instead of random bytes: those cost each of the three as much, and are left out of ours.
 */
static struct skex_pairwise_input input_of(uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES])
{
	size_t i;

	for (i = 0; i < SKEX_PAIRWISE_RANDOM_BYTES; i += sizeof(generator)) {
		generator = generator * UINT64_C(6364136223846793005) + 1;
		memcpy(random + i, &generator, sizeof(generator));
	}
	return (struct skex_pairwise_input){
		.now_ms = clock_ms, .random = skex_view(random, SKEX_PAIRWISE_RANDOM_BYTES)};
}

/* Carries out what an end asked for, until it has a message to send, or nothing. */
static struct skex_view act(struct end *end, struct skex_pairwise_output *out)
{
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	const struct skex_pairwise_input input = input_of(random);

	if ((out->actions & SKEX_PAIRWISE_PERSIST) != 0) {
		struct skex_pairwise_run *run = out->run;
		struct skex_pairwise_half *half = out->half;

		if (run != NULL)
			skex_pairwise_run_durable(&end->pairwise, run, true, &input, out);
		else
			skex_pairwise_half_durable(&end->pairwise, half, true, NULL, &input, out);
	}
	if ((out->actions & SKEX_PAIRWISE_DELIVER) != 0) {
		end->session = out->session;
		end->delivered = true;
		skex_wipe(&out->session, sizeof(out->session));
	}
	return (out->actions & SKEX_PAIRWISE_SEND) != 0 ? out->message : skex_view(NULL, 0);
}

static void export(struct end *end, uint8_t key[SKEX_HASH_BYTES])
{
	static const uint8_t context[4] = {0};

	must(end->delivered &&
			skex_pairwise_export(skex_crypto_openssl(), end->session.keys.exp, "bench",
				skex_view(context, sizeof(context)), key,
				SKEX_HASH_BYTES) == SKEX_OK,
		"an export");
	skex_wipe(&end->session, sizeof(end->session));
	end->delivered = false;
}

static void pairwise(void)
{
	const struct skex_pairwise_start start = {0};
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	uint8_t keys[2][SKEX_HASH_BYTES];
	const struct skex_pairwise_input input = input_of(random);
	struct skex_pairwise_output out;
	struct skex_view message;
	unsigned to;

	skex_pairwise_run_start(&ends[0].pairwise, &ends[0].run, &start, &input, &out);
	message = act(&ends[0], &out);
	for (to = 1; message.size > 0; to = 1 - to) {
		const struct skex_pairwise_input arrival = input_of(random);

		skex_pairwise_receive(&ends[to].pairwise, message, &arrival, &out);
		message = act(&ends[to], &out);
	}
	export(&ends[0], keys[0]);
	export(&ends[1], keys[1]);
	must(skex_ct_equal(keys[0], keys[1], SKEX_HASH_BYTES), "agreement");
	clock_ms += 1000;
}

/* ---- what it stands beside: everything that can be made once is made once ---- */

static EVP_PKEY_CTX *x25519_maker, *kem_maker;

static EVP_PKEY *make(EVP_PKEY_CTX *maker)
{
	EVP_PKEY *key = NULL;

	must(EVP_PKEY_keygen(maker, &key) == 1, "key generation");
	return key;
}

static void derive(EVP_PKEY *own, EVP_PKEY *peer, uint8_t secret[SKEX_HASH_BYTES])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
	size_t size = SKEX_HASH_BYTES;

	must(context != NULL && EVP_PKEY_derive_init(context) == 1 &&
			EVP_PKEY_derive_set_peer(context, peer) == 1 &&
			EVP_PKEY_derive(context, secret, &size) == 1,
		"X25519");
	EVP_PKEY_CTX_free(context);
}

static void x25519(void)
{
	EVP_PKEY *a = make(x25519_maker), *b = make(x25519_maker);
	uint8_t secret[2][SKEX_HASH_BYTES];

	derive(a, b, secret[0]);
	derive(b, a, secret[1]);
	must(skex_ct_equal(secret[0], secret[1], SKEX_HASH_BYTES), "X25519 agreement");
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
}

static void kem(void)
{
	EVP_PKEY *key = make(kem_maker);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	uint8_t wrapped[KEM_MAX], secret[2][SKEX_HASH_BYTES];
	size_t wrapped_size = sizeof(wrapped), size = SKEX_HASH_BYTES;

	must(context != NULL && EVP_PKEY_encapsulate_init(context, NULL) == 1 &&
			EVP_PKEY_encapsulate(context, wrapped, &wrapped_size, secret[0], &size) ==
				1 &&
			EVP_PKEY_decapsulate_init(context, NULL) == 1 &&
			EVP_PKEY_decapsulate(context, secret[1], &size, wrapped, wrapped_size) == 1,
		"ML-KEM");
	must(skex_ct_equal(secret[0], secret[1], SKEX_HASH_BYTES), "ML-KEM agreement");
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
}

/* NULL when this libcrypto has no such algorithm. */
static EVP_PKEY_CTX *maker_of(const char *name)
{
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);

	if (maker != NULL)
		must(EVP_PKEY_keygen_init(maker) == 1, name);
	return maker;
}

static void say_skipped(void)
{
	fprintf(stderr,
		"pairwise_bench: ML-KEM-768 WAS SKIPPED: %s does not have it, 3.5 does.  That a "
		"run\n"
		"  is below a tenth of it is NOT SHOWN here.  It is in a Debian 13 root:\n"
		"    mmdebstrap --variant=minbase --include=libssl3t64 trixie ROOT\n"
		"    SKEX_DEBIAN13_ROOT=ROOT make bench\n",
		OpenSSL_version(OPENSSL_VERSION));
}

/* ---- measuring ---- */

struct figure {
	double median, least, most;
};

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Microseconds of processor time. */
static double once(void (*what)(void))
{
	const double began = now_s();
	double seconds;
	unsigned rounds = 0;

	do {
		for (unsigned i = 0; i < 16; i++)
			what();
		rounds += 16;
		seconds = now_s() - began;
	} while (seconds < TURN_S);
	return seconds * 1e6 / rounds;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct figure figure_of(double values[static RUNS])
{
	qsort(values, RUNS, sizeof(*values), compare);
	return (struct figure){values[RUNS / 2], values[0], values[RUNS - 1]};
}

static void print(const char *what, const char *unit, double values[static RUNS], bool bound)
{
	const struct figure figure = figure_of(values);
	char limit[32] = "null";

	if (bound)
		(void)snprintf(limit, sizeof(limit), "%g", RATIO);
	printf("{\"name\":\"pairwise/%s\",\"value\":%.4g,\"unit\":\"%s\",\"min\":%.4g,"
	       "\"max\":%.4g,\"runs\":%d,\"must\":%s,\"ok\":%s}\n",
		what, figure.median, unit, figure.least, figure.most, RUNS, limit,
		bound && figure.median >= RATIO ? "false" : "true");
	(void)fflush(stdout);
}

int main(void)
{
	double run_us[RUNS], x25519_us[RUNS], kem_us[RUNS], x25519_ratio[RUNS], kem_ratio[RUNS];

	end_init(&ends[0], 0);
	end_init(&ends[1], 1);
	x25519_maker = maker_of("X25519");
	must(x25519_maker != NULL, "X25519");
	kem_maker = maker_of("ML-KEM-768");
	for (int i = 0; i < RUNS; i++) {
		run_us[i] = once(pairwise);
		x25519_us[i] = once(x25519);
		x25519_ratio[i] = run_us[i] / x25519_us[i];
		if (kem_maker == NULL)
			continue;
		kem_us[i] = once(kem);
		kem_ratio[i] = run_us[i] / kem_us[i];
	}
	print("run with export, both ends", "us", run_us, false);
	print("X25519, two key generations and derivations", "us", x25519_us, false);
	print("run against X25519", "ratio", x25519_ratio, true);
	if (kem_maker != NULL) {
		print("ML-KEM-768, all three", "us", kem_us, false);
		print("run against ML-KEM-768", "ratio", kem_ratio, true);
	} else {
		say_skipped();
	}
	EVP_PKEY_CTX_free(x25519_maker);
	EVP_PKEY_CTX_free(kem_maker);
	return 0;
}
