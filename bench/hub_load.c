/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Thousands of agents in one process, with a connection each, at a hub that has them enrolled
 * (enrol_many):
 *
 *   hub_load DIRECTORY PORT HUB-PID AGENTS PAIRS [BLOCKS:SHARES[@RATE]..]
 *
 * DIRECTORY, which is there, becomes their state; best it lies where a sync costs nothing.
 * Prints one JSON object a line: when all are connected, then for each BLOCKS:SHARES that so many
 * shares went from one agent of each of so many pairs to the other, in messages of so many blocks
 * of 32 bytes, and with what processor time of the hub.  With a RATE so many shares a second are
 * offered, whatever becomes of them, and what arrived is counted a second after the last of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/agents.h"
#include "bench/enrolled.h"
#include "crypto/openssl.h"
#include "link/link.h"
#include "net/loop.h"
#include "platform/posix.h"
#include "store/kek.h"
#include "store/state.h"

#define AT_ONCE 200u /* agents that are being enrolled or connected */
#define SECRET  32u
#define WINDOW  64u /* messages of a pair that did not arrive yet */
#define QUIET_S 2.0
#define GRACE_S 1.0

enum phase {
	ENROL,
	CONNECT,
	QUIET,
	SHARES
};

struct load {
	struct skex_loop *loop;
	struct skex_state state;
	struct skex_link link;
	uint8_t kek[SKEX_KEK_BYTES];
	enum phase phase;
	uint32_t agents, pairs;
	uint32_t begun; /* enrolled, or loaded */
	uint32_t up;
	bool waiting;
	struct skex_leg **legs;
	uint32_t *under_way; /* messages of each pair */
	uint64_t *counters;  /* of its blocks */
	char **series;       /* those that are left; NULL at the end */
	uint32_t blocks;
	uint64_t wanted, sent, arrived; /* shares */
	double rate;                    /* of them a second; 0: as fast as can be */
	long hub;
	double began_s, began_hub_s;
};

static struct load load;

static void fail(const char *what)
{
	fprintf(stderr, "hub_load: %s\n", what);
	exit(1);
}

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Processor time of the hub. */
static double hub_s(void)
{
	char path[64], text[1024];
	unsigned long user = 0, system = 0;
	const char *at;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", load.hub);
	file = fopen(path, "r");
	if (file == NULL || fgets(text, sizeof(text), file) == NULL)
		fail("the hub is gone");
	fclose(file);
	at = strrchr(text, ')');
	if (at == NULL ||
		sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			&system) != 2)
		fail("its times cannot be read");
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- what the legs tell ---- */

static void leg_up(void *owner, struct skex_leg *leg)
{
	(void)owner;
	(void)leg;
	load.up++;
}

static void leg_down(void *owner, struct skex_leg *leg)
{
	(void)owner;
	fprintf(stderr, "hub_load: a leg is down: %s\n", leg->last_error);
	exit(1);
}

static void nothing(void *owner, struct skex_leg *leg)
{
	(void)owner;
	(void)leg;
}

static void message(void *owner, struct skex_leg *leg, const struct skex_incoming *incoming)
{
	(void)owner;
	if (incoming->type != SKEX_MESSAGE_SHARE)
		return;
	/* The second of its pair; agents are counted from 1. */
	load.under_way[(leg->record.leg - 2) / 2]--;
	load.arrived += load.blocks;
}

static const struct skex_link_events events = {
	.up = leg_up,
	.down = leg_down,
	.message = message,
	.duplicate = bench_duplicate,
	.released = nothing,
	.refused = bench_refused,
	.writable = nothing,
	.alarm = bench_alarm,
};

/* ---- the phases ---- */

static void durable(void *owner, enum skex_error error)
{
	(void)owner;
	bench_must(error, "store");
	load.waiting = false;
}

static void link_start(void)
{
	load.link.role = SKEX_ROLE_AGENT;
	load.link.platform = skex_loop_platform(load.loop);
	load.link.crypto = skex_crypto_openssl();
	load.link.math = skex_math_select(skex_posix_cpu_features());
	load.link.store = load.state.store;
	load.link.registry = load.state.registry;
	load.link.directory = "";
	load.link.kek = load.kek;
	load.link.events = &events;
	skex_link_init(&load.link);
}

/* Some agents more, when those before are durable. */
static void enrol(const char *addresses)
{
	const uint32_t left = load.agents - load.begun;
	uint32_t last = load.begun + (left < AT_ONCE ? left : AT_ONCE);

	if (load.waiting)
		return;
	if (left == 0) {
		load.phase = CONNECT;
		load.begun = 0;
		load.began_s = now_s();
		link_start();
		return;
	}
	bench_must(skex_registry_begin(load.state.registry), "begin");
	while (load.begun < last)
		enrolled_at_agent(
			load.state.registry, load.state.store, ++load.begun, "hub1", addresses);
	bench_must(skex_registry_commit(load.state.registry), "commit");
	load.waiting = true;
	bench_must(
		skex_txn_submit(skex_txn_begin(load.state.store), load.state.store, durable, NULL),
		"submit");
}

static void connect_more(void)
{
	while (load.begun < load.agents && load.begun - load.up < AT_ONCE) {
		bench_must(
			skex_leg_load(&load.link, load.begun + 1, &load.legs[load.begun]), "leg");
		load.begun++;
	}
	if (load.up < load.agents)
		return;
	printf("{\"connected\":%u,\"seconds\":%.2f}\n", load.up, now_s() - load.began_s);
	fflush(stdout);
	load.began_s = now_s();
	load.phase = QUIET;
}

/* The next series; false when there is none. */
static bool next_series(void)
{
	char *end;

	if (*load.series == NULL)
		return false;
	load.blocks = (uint32_t)strtoul(*load.series, &end, 10);
	if (*end != ':' || load.blocks == 0 || load.blocks > BENCH_BLOCKS_MOST)
		fail("a series is BLOCKS:SHARES or BLOCKS:SHARES@RATE");
	load.wanted = strtoull(end + 1, &end, 10) / load.blocks * load.blocks;
	load.rate = *end == '@' ? strtod(end + 1, NULL) : 0;
	load.series++;
	load.sent = load.arrived = 0;
	load.began_s = now_s();
	load.began_hub_s = hub_s();
	load.phase = SHARES;
	return true;
}

/* One message of the pair; false when it cannot be now. */
static bool send_share(uint32_t pair)
{
	if (!bench_send_share(load.legs[2 * pair], 2 * pair + 1, 2 * pair + 2, load.counters[pair],
		    load.blocks, SECRET))
		return false;
	load.counters[pair] += load.blocks;
	load.under_way[pair]++;
	load.sent += load.blocks;
	return true;
}

/* How many of the shares are to be sent by now. */
static uint64_t due(void)
{
	const double by_now = load.rate * (now_s() - load.began_s);

	return load.rate > 0 && by_now < (double)load.wanted ? (uint64_t)by_now : load.wanted;
}

static bool series_is_over(void)
{
	if (load.rate > 0)
		return now_s() - load.began_s > (double)load.wanted / load.rate + GRACE_S;
	return load.arrived >= load.wanted;
}

static void send_more(void)
{
	const uint64_t most = due();
	const uint32_t first = (uint32_t)(load.sent % load.pairs);
	uint32_t i;

	for (i = 0; i < load.pairs; i++) {
		const uint32_t pair = (first + i) % load.pairs;

		while (load.sent < most && load.under_way[pair] < WINDOW && send_share(pair)) {
		}
	}
	if (!series_is_over())
		return;
	printf("{\"blocks\":%u,\"shares\":%llu,\"seconds\":%.3f,\"hub_seconds\":%.2f}\n",
		load.blocks, (unsigned long long)load.arrived, now_s() - load.began_s,
		hub_s() - load.began_hub_s);
	fflush(stdout);
	if (!next_series())
		skex_loop_stop(load.loop);
}

static uint64_t turn(void *owner, uint64_t now_ms)
{
	uint64_t next;

	if (load.phase == ENROL)
		enrol(owner);
	if (load.phase == ENROL)
		return skex_store_turn(load.state.store, now_ms);
	if (load.phase == CONNECT)
		connect_more();
	if (load.phase == QUIET && now_s() - load.began_s > QUIET_S && !next_series())
		skex_loop_stop(load.loop);
	if (load.phase == SHARES)
		send_more();
	next = skex_link_turn(&load.link, now_ms);
	if (load.phase != SHARES && next > now_ms + 20)
		next = now_ms + 20;
	if (load.phase == SHARES && load.rate > 0 && next > now_ms + 1)
		next = now_ms + 1;
	return next;
}

int main(int argc, char **argv)
{
	const struct skex_platform *platform;
	char addresses[64], path[1024];

	if (argc < 6) {
		fputs("usage: hub_load DIRECTORY PORT HUB-PID AGENTS PAIRS "
		      "[BLOCKS:SHARES[@RATE]..]\n",
			stderr);
		return 1;
	}
	load.hub = strtol(argv[3], NULL, 10);
	load.agents = (uint32_t)strtoul(argv[4], NULL, 10);
	load.pairs = (uint32_t)strtoul(argv[5], NULL, 10);
	load.series = argv + 6;
	if (load.pairs == 0 || load.pairs > load.agents / 2)
		fail("PAIRS has to be from 1 to half of AGENTS");
	load.legs = calloc(load.agents, sizeof(struct skex_leg *));
	load.under_way = calloc(load.pairs, sizeof(*load.under_way));
	load.counters = calloc(load.pairs, sizeof(*load.counters));
	if (load.legs == NULL || load.under_way == NULL || load.counters == NULL)
		fail("no memory");
	(void)snprintf(addresses, sizeof(addresses), "127.0.0.1 %s", argv[2]);
	(void)snprintf(path, sizeof(path), "%s.kek", argv[1]);
	bench_must(skex_loop_new(&load.loop), "loop");
	platform = skex_loop_platform(load.loop);
	bench_must(skex_kek_make(platform, path), "key file");
	bench_must(skex_kek_read(platform, path, load.kek), "key file");
	bench_must(skex_state_open(platform, skex_crypto_openssl(), argv[1], load.kek, &load.state),
		"state");
	skex_loop_run(load.loop, turn, NULL, NULL, addresses);
	/* What is left to the system to clear up: nothing of it is needed any more. */
	return 0;
}
