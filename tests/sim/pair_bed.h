/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_PAIR_BED_H
#define SKEX_TESTS_SIM_PAIR_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pairwise/endpoint.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"

/*
 * Two ends of an association with everything real but the world: store, commit, endpoint and
 * engines over a virtual disk, network and clock, all from one seed.  Each end can crash, lose its
 * power at any operation of its disk, and be restored from a backup.
 */
#define BED_PORT     7500
#define BED_SESSIONS 8192u
#define BED_KEYS     30u /* a table of the test's own */

/* A session that an end was given, as the owner of keys sees it: one export. */
struct bed_session {
	uint8_t key[32];
	uint8_t sid[SKEX_PAIRWISE_ID_BYTES];
	uint8_t blob[SKEX_ASSOCIATION_BLOB_MAX];
	uint8_t blob_size;
	bool initiator;
	bool confirmed;
	uint32_t number;
};

struct bed;

struct bed_end {
	struct bed *bed;
	uint32_t number;
	struct disk *disk;
	struct skex_platform platform;
	struct skex_crypto crypto; /* that counts */
	uint64_t hashes;           /* calls of it */
	uint16_t port;
	struct skex_store *store;
	struct skex_commit commit;
	struct skex_endpoint *endpoint;
	struct skex_association *association;
	bool woken;
	uint64_t turn_ms;
	/* Of all lives. */
	struct bed_session *sessions;
	uint32_t sessions_count;
	uint32_t opened;
	uint32_t ended;
	enum skex_association_end how;
	uint8_t alert;
	uint32_t rollbacks;
	uint32_t peer_rollbacks;
	uint32_t alarms;
	uint32_t broken;
	/* What the owner does. */
	uint8_t refuses;  /* an alert, or 0 */
	bool takes_none;  /* keys cannot be taken */
	uint32_t record;  /* a record in BED_KEYS with each key, under its name; 0: none */
	uint32_t arrived; /* datagrams */
	struct skex_net net;
	const struct skex_net *real;
	skex_received_fn received;
	void *received_owner;
	struct skex_socket *socket;
	/* Called when keys were taken. */
	void (*taken)(struct bed_end *end);
	/* Called with each datagram that leaves. */
	void (*sends)(struct bed_end *end, struct skex_view bytes);
	/* Called with each datagram that arrives, before it is taken; false: it is lost. */
	bool (*arrives)(struct bed_end *end, struct skex_view bytes);
};

struct bed {
	uint64_t state; /* of the generator */
	uint64_t now;
	struct sim_net *net;
	struct bed_end end[2];
	void *data; /* the test's */
};

/* Both ends up, their association made and durable; end 0 has slot 0. */
void bed_init(struct bed *bed, uint64_t seed, const struct sim_net_rules *rules);
void bed_clear(struct bed *bed);
uint64_t bed_random(struct bed *bed);
/* Everything that happens in so much time. */
void bed_run(struct bed *bed, uint64_t ms);
bool bed_is_up(const struct bed_end *end);
/* The process dies; with power, what the disk had not synced is lost as well. */
void bed_stop(struct bed_end *end, bool power);
/* Starts it, with its association from the store. */
void bed_start(struct bed_end *end);
/* Begins a run for this text, and gives what skex_association_begin gave. */
enum skex_error bed_begin(struct bed_end *end, const char *text, uint64_t subject);
/* Until a run of this end gave confirmed keys: waits, restarts who is down, begins again; fails
 * the test when that takes too long. */
void bed_succeed(struct bed *bed, uint32_t who);
/* The last session of an end; fails when there is none. */
const struct bed_session *bed_last(const struct bed_end *end);
/* Fails when a key is in two sessions of one end, or when both ends have sessions of one name with
 * different keys. */
void bed_check(const struct bed *bed);
/* A copy of the disk of an end that is down or idle; and back. */
struct disk *bed_backup(const struct bed_end *end);
void bed_restore(struct bed_end *end, const struct disk *backup);

extern const uint8_t bed_kek[32];

#endif
