/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An endpoint of the pairwise mode with many associations, in memory:
 *   pairwise_many reject ASSOCIATIONS   datagrams of nobody here, against the clock
 *   pairwise_many runs ASSOCIATIONS RUNS   runs with ten of them, each end begins half of them
 * The second is for callgrind with --collect-atstart=no, which then counts what the endpoint does,
 * and neither the peers' part nor the start.  Without it nothing is counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <valgrind/callgrind.h>

#include "bench/enrolled.h"
#include "bench/world.h"
#include "core/base/cursor.h"
#include "crypto/openssl.h"
#include "pairwise/endpoint.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"

#define PORT        7400
#define DIRECTORY   "/state/store"
#define PEERS       10u
#define DATAGRAMS   512u
#define ROUNDS      2048u
#define TIMES       9
#define PATIENCE_MS 1000u

struct node {
	uint32_t number;
	struct disk *disk;
	struct skex_platform platform;
	struct skex_crypto crypto; /* that counts */
	uint64_t hashes;
	struct skex_net net; /* what comes in is counted */
	const struct skex_net *bare_net;
	skex_received_fn received;
	void *received_owner;
	struct skex_store *store;
	struct skex_commit commit;
	struct skex_endpoint *endpoint;
	struct skex_association **associations;
	uint32_t count;
	uint32_t opened, made;
	bool woken;
};

static const uint8_t kek[SKEX_KEK_BYTES] = "a key of no importance";

static struct node nodes[2]; /* the one with many, and that of its peers */
static struct sim_net *net;
static bool counting;

static void fail(const char *what)
{
	fprintf(stderr, "pairwise_many: %s\n", what);
	exit(1);
}

/* ---- the platform ---- */

static void wake(void *context)
{
	struct node *node = context;

	node->woken = true;
}

/* ---- counting hashes, and instructions from the outside of the callbacks ---- */

static enum skex_error sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct node *node = context;

	node->hashes++;
	return skex_crypto_openssl()->sha256(NULL, parts, count, out);
}

static enum skex_error hmac_sha256(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct node *node = context;

	node->hashes++;
	return skex_crypto_openssl()->hmac_sha256(NULL, key, parts, count, out);
}

static enum skex_error hmac_key(
	void *context, const uint8_t key[SKEX_HASH_BYTES], struct skex_hmac *hmac)
{
	struct node *node = context;

	node->hashes++;
	return skex_crypto_openssl()->hmac_key(NULL, key, hmac);
}

static enum skex_error hmac_keyed(void *context, const struct skex_hmac *hmac,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct node *node = context;

	node->hashes++;
	return skex_crypto_openssl()->hmac_keyed(NULL, hmac, parts, count, out);
}

/* Only the endpoint with many is counted, and not while all are made. */
static void toggle(const struct node *node)
{
	if (node == &nodes[0] && counting)
		CALLGRIND_TOGGLE_COLLECT;
}

static void received(void *owner, struct skex_socket *socket, const struct skex_net_address *from,
	struct skex_view bytes)
{
	struct node *node = owner;

	toggle(node);
	node->received(node->received_owner, socket, from, bytes);
	toggle(node);
}

static enum skex_error bind_counted(void *context, const char *host, int port, skex_received_fn fn,
	void *owner, struct skex_socket **socket)
{
	struct node *node = context;

	node->received = fn;
	node->received_owner = owner;
	return node->bare_net->bind(node->bare_net->context, host, port, received, node, socket);
}

/* ---- the owner of the keys ---- */

static void opened(void *owner, struct skex_association *association)
{
	struct node *node = owner;

	(void)association;
	node->opened++;
}

static void asked(void *owner, struct skex_association *association, struct skex_view blob,
	struct skex_association_answer *answer)
{
	(void)owner;
	(void)association;
	(void)blob;
	(void)answer;
}

static bool made(void *owner, const struct skex_association_keys *keys)
{
	struct node *node = owner;
	uint8_t context[4], key[SKEX_HASH_BYTES];
	struct skex_writer writer;

	skex_writer_init(&writer, context, sizeof(context));
	skex_write_u32(&writer, keys->number);
	bench_must(skex_association_export(
			   keys, "bench", skex_view(context, sizeof(context)), key, sizeof(key)),
		"export");
	node->made++;
	return true;
}

static void ended(void *owner, struct skex_association *association, void *cookie,
	enum skex_association_end how, uint8_t alert)
{
	(void)owner;
	(void)association;
	(void)cookie;
	(void)how;
	(void)alert;
	fail("a run ended without keys");
}

static void told(void *owner, struct skex_association *association, enum skex_level level,
	const char *name, const char *text)
{
	(void)owner;
	(void)association;
	(void)level;
	(void)text;
	fail(name);
}

static const struct skex_association_events events = {
	.opened = opened, .asked = asked, .made = made, .ended = ended, .told = told};

/* ---- the world ---- */

static void turn(struct node *node)
{
	toggle(node);
	node->woken = false;
	skex_associations_turn(skex_endpoint_associations(node->endpoint), bench_clock_ms);
	skex_commit_flush(&node->commit);
	(void)skex_store_turn(node->store, bench_clock_ms);
	node->woken |= disk_turn(node->disk);
	toggle(node);
}

/* All that can be done at this instant. */
static void settle(void)
{
	bool busy = true;

	while (busy) {
		uint32_t number = 0;

		busy = false;
		while (sim_net_step(net, bench_clock_ms, &number))
			nodes[number].woken = true;
		for (size_t i = 0; i < 2; i++) {
			turn(&nodes[i]);
			busy |= nodes[i].woken || disk_busy(nodes[i].disk) > 0;
		}
		busy |= sim_net_due(net) <= bench_clock_ms;
	}
}

static void node_init(uint32_t number, const char *name)
{
	struct node *node = &nodes[number];
	struct skex_endpoint_setup setup = {.host = "::", .port = PORT};
	const struct skex_crypto *crypto = skex_crypto_openssl();

	node->number = number;
	node->disk = disk_new();
	node->crypto = *crypto;
	node->crypto.context = node;
	node->crypto.sha256 = sha256;
	node->crypto.hmac_sha256 = hmac_sha256;
	node->crypto.hmac_key = hmac_key;
	node->crypto.hmac_keyed = hmac_keyed;
	node->bare_net = sim_net_table(net, number, name);
	node->net = *node->bare_net;
	node->net.context = node;
	node->net.bind = bind_counted;
	node->platform = bench_platform(node);
	node->platform.wake = wake;
	node->platform.files = disk_files(node->disk);
	node->platform.net = &node->net;
	bench_must(skex_log_store_open(&node->platform, crypto, DIRECTORY, kek, &node->store),
		"store");
	skex_commit_init(&node->commit, node->store);
	setup.associations = (struct skex_associations_setup){.platform = &node->platform,
		.crypto = &node->crypto,
		.commit = &node->commit,
		.table = SKEX_TABLE_PAIRWISE,
		.events = &events,
		.owner = node};
	bench_must(skex_endpoint_open(&setup, &node->endpoint), "endpoint");
}

/* One end of the association of this number. */
static void pair(struct node *node, uint32_t number)
{
	struct skex_association **association = &node->associations[node->count++];
	uint8_t psk[SKEX_HASH_BYTES] = {0};
	struct skex_name name;

	enrolled_name(number, &name);
	memcpy(psk, &number, sizeof(number));
	const struct skex_view text = skex_view(name.text, strlen(name.text));
	const struct skex_pairwise_config config = {.id = {skex_view("many", 4), text},
		.suites = skex_view("\1", 1),
		.purpose = skex_view("bench", 5)};

	bench_must(skex_association_make(skex_endpoint_associations(node->endpoint), text, &config,
			   (uint8_t)node->number, psk, association),
		"making an association");
	bench_must(skex_endpoint_aim(node->endpoint, *association,
			   node->number == 0 ? "peers" : "many", PORT),
		"aiming");
}

/* The peers are spread over the many. */
static uint32_t spread(uint32_t count, uint32_t i)
{
	return i * (count / PEERS);
}

static void pair_all(uint32_t count)
{
	nodes[0].associations = calloc(count, sizeof(struct skex_association *));
	nodes[1].associations = calloc(PEERS, sizeof(struct skex_association *));
	if (nodes[0].associations == NULL || nodes[1].associations == NULL)
		fail("no memory");
	for (uint32_t i = 0; i < count; i++) {
		pair(&nodes[0], i + 1);
		if (i % 1000 == 999)
			settle();
	}
	for (uint32_t i = 0; i < PEERS; i++)
		pair(&nodes[1], spread(count, i) + 1);
	settle();
	if (nodes[0].opened != count || nodes[1].opened != PEERS)
		fail("an association was not opened");
}

static void run(struct node *node, uint32_t at)
{
	const struct skex_association_start start = {.blob = skex_view("bench", 5)};
	const uint32_t before = nodes[0].made + nodes[1].made;

	toggle(node);
	bench_must(skex_association_begin(node->associations[at], &start), "beginning a run");
	toggle(node);
	for (uint32_t i = 0; i < PATIENCE_MS && nodes[0].made + nodes[1].made < before + 2; i++) {
		settle();
		bench_clock_ms++;
	}
	if (nodes[0].made + nodes[1].made != before + 2)
		fail("a run did not give keys to both ends");
}

/* ---- runs ---- */

static void runs(uint32_t count, uint32_t most)
{
	counting = true;
	/* Whether or not it was on from the start. */
	CALLGRIND_START_INSTRUMENTATION;
	for (uint32_t i = 0; i < most; i++) {
		const uint32_t peer = i / 2 % PEERS;

		run(&nodes[i % 2], i % 2 == 0 ? spread(count, peer) : peer);
	}
	printf("{\"runs\":%u}\n", most);
}

/* ---- datagrams of nobody ---- */

struct datagram {
	size_t size;
	uint8_t bytes[SKEX_DATAGRAM_MAX];
};

static struct datagram datagrams[DATAGRAMS];

/* Bytes of any size. */
static void make_noise(struct datagram *datagram)
{
	datagram->size = 1 + bench_random(NULL) % SKEX_DATAGRAM_MAX;
	(void)bench_random_bytes(NULL, datagram->bytes, datagram->size);
}

/* A message as it has to be, of any type and size, with an id, a nonce and a tag of nobody. */
static void make_message(struct datagram *datagram)
{
	static const uint8_t types[] = {1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13};
	const uint8_t type = types[bench_random(NULL) % sizeof(types)];
	const bool resync = type == SKEX_PAIRWISE_R1 || type == SKEX_PAIRWISE_R2;
	const bool closes = type == SKEX_PAIRWISE_M3 || type == SKEX_PAIRWISE_M4 ||
		type == SKEX_PAIRWISE_K3 || type == SKEX_PAIRWISE_K4;
	/* Most have no payload or a short one. */
	size_t sealed = bench_random(NULL) % 4 == 0
		? bench_random(NULL) % (SKEX_PAIRWISE_SEALED_MAX + 1)
		: bench_random(NULL) % 64;

	if (resync)
		sealed = 8;
	datagram->size = sealed + (closes ? SKEX_PAIRWISE_CLOSE_BYTES : SKEX_PAIRWISE_OPEN_BYTES);
	(void)bench_random_bytes(NULL, datagram->bytes, datagram->size);
	datagram->bytes[0] = (uint8_t)(SKEX_PAIRWISE_VERSION << 4 | type);
	datagram->bytes[1] = type == SKEX_PAIRWISE_P1 ? SKEX_PAIRWISE_ONEPASS : 0;
	datagram->bytes[2] = (uint8_t)(sealed >> 8);
	datagram->bytes[3] = (uint8_t)sealed;
}

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Datagrams per second of processor time.  Each has an id of its own. */
static double rejected_per_second(void)
{
	const struct skex_net_address from = {.size = 0};
	const double began = now_s();

	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < DATAGRAMS; i++) {
			struct datagram *datagram = &datagrams[i];
			const uint64_t id = bench_random(NULL);

			memcpy(datagram->bytes + SKEX_PAIRWISE_HEADER_BYTES + 2, &id, 6);
			nodes[0].received(nodes[0].received_owner, NULL, &from,
				skex_view(datagram->bytes, datagram->size));
		}
	}
	return (double)ROUNDS * DATAGRAMS / (now_s() - began);
}

static void reject(const char *what, void (*make)(struct datagram *datagram))
{
	const uint64_t hashes = nodes[0].hashes;
	const uint64_t operations = disk_operations(nodes[0].disk);
	struct skex_endpoint_counters before, after;

	for (uint32_t i = 0; i < DATAGRAMS; i++)
		make(&datagrams[i]);
	skex_endpoint_counters(nodes[0].endpoint, &before);
	printf("{\"what\":\"%s\",\"per_s\":[", what);
	for (int i = 0; i < TIMES; i++)
		printf("%s%.0f", i == 0 ? "" : ",", rejected_per_second());
	settle();
	skex_endpoint_counters(nodes[0].endpoint, &after);
	if (after.unknown - before.unknown != (uint64_t)TIMES * ROUNDS * DATAGRAMS)
		fail("a datagram of nobody was taken");
	printf("],\"hashes\":%llu,\"disk\":%llu,\"sent\":%llu}\n",
		(unsigned long long)(nodes[0].hashes - hashes),
		(unsigned long long)(disk_operations(nodes[0].disk) - operations),
		(unsigned long long)(after.sent - before.sent));
	(void)fflush(stdout);
}

static void reject_all(void)
{
	reject("bytes of any size", make_noise);
	reject("whole messages", make_message);
	/* What counts does count. */
	const uint64_t hashes = nodes[0].hashes;
	const uint64_t operations = disk_operations(nodes[0].disk);

	run(&nodes[1], 0);
	if (nodes[0].hashes == hashes || disk_operations(nodes[0].disk) == operations)
		fail("a run was not counted");
}

int main(int argc, char **argv)
{
	uint32_t count = argc < 3 ? 0 : (uint32_t)strtoul(argv[2], NULL, 10);

	if (count < PEERS || (argc != 3 && argc != 4)) {
		fputs("usage: pairwise_many reject ASSOCIATIONS\n"
		      "       pairwise_many runs ASSOCIATIONS RUNS\n",
			stderr);
		return 1;
	}
	net = sim_net_new(bench_random, NULL);
	node_init(0, "many");
	node_init(1, "peers");
	pair_all(count);
	if (argc == 4)
		runs(count, (uint32_t)strtoul(argv[3], NULL, 10));
	else
		reject_all();
	return 0;
}
