/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_PAIRWISE_SCENE_H
#define SKEX_TESTS_UNIT_CORE_PAIRWISE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/pairwise/initiator.h"
#include "core/pairwise/reseed.h"
#include "core/pairwise/responder.h"
#include "core/pairwise/resync_message.h"
#include "core/pairwise/slots.h"

/*
 * Two ends of an association, each with the engines, a counting hash and storage of two slots on a
 * medium that can tear, lose, lie and be restored, and a network that keeps every message ever
 * sent.
 */
#define SCENE_RUNS     16u
#define SCENE_HALVES   4u
#define SCENE_NODES    160u
#define SCENE_WINDOW   64u /* W + LA at most */
#define SCENE_MESSAGE  1100u
#define SCENE_SLOT     13000u
#define SCENE_LOG      4096u
#define SCENE_QUEUE    256u
#define SCENE_SESSIONS 64u

/* Splitmix64 (Vigna): numbers that can be made again, never for keys. */
uint64_t scene_next(uint64_t *state);
void scene_fill(uint64_t *state, void *out, size_t size);

/* A provider that counts, and can fail. */
struct hasher {
	struct skex_crypto crypto;
	unsigned hmac;
	unsigned sha;
	unsigned fail_at; /* the nth call of either fails; 0: none */
	unsigned calls;
};

void hasher_init(struct hasher *hasher);
/* Hears of each HMAC that any of them computed; NULL: nobody. */
extern void (*hasher_hears)(const struct skex_hmac *key, const struct skex_view *parts,
	size_t count, const uint8_t out[SKEX_HASH_BYTES]);

/* The medium of a device, for core/pairwise/slots.h. */
struct nvm {
	uint8_t slot[2][SCENE_SLOT];   /* what a loss of power leaves */
	uint8_t cached[2][SCENE_SLOT]; /* what is read */
	size_t size;                   /* of a slot */
	unsigned lies;                 /* so many commits to come vanish, and look well */
	unsigned fails;                /* so many commits to come fail */
	bool flips;                    /* what is written is not what is read back, once */
	size_t torn; /* the next write stops after so many bytes, and the power goes; SIZE_MAX: no
		      */
	bool dead_before; /* the power goes before the next commit, or */
	bool dead_after;  /* after it, before anything is sent */
	bool dead;        /* it went */
	unsigned commits; /* that were begun, and did not fail */
	unsigned zeroed;
};

enum scene_fate {
	SCENE_PASS,
	SCENE_LOSE,
	SCENE_TWICE,
};

struct party {
	struct hasher hasher;
	struct nvm nvm;
	struct skex_pairwise_medium medium;
	struct skex_pairwise_slots slots;
	uint8_t work[SCENE_SLOT];
	struct skex_pairwise_state state;
	struct skex_pairwise_node out[SCENE_NODES];
	struct skex_pairwise_node in[SCENE_NODES];
	struct skex_pairwise_node spare[SCENE_NODES];
	struct skex_pairwise_reseed reseed;
	struct skex_pairwise_memory memory;
	struct skex_pairwise pairwise;
	struct skex_pairwise_run runs[SCENE_RUNS];
	struct skex_pairwise_half halves[SCENE_HALVES];
	uint8_t run_messages[SCENE_RUNS][SCENE_MESSAGE];
	uint8_t half_messages[SCENE_HALVES][SCENE_MESSAGE];
	uint8_t ids[SCENE_WINDOW][SKEX_PAIRWISE_ID_BYTES];
	uint8_t spare_ids[SCENE_WINDOW][SKEX_PAIRWISE_ID_BYTES];
	struct skex_pairwise_listener spare_listener;
	uint8_t locators[SKEX_PAIRWISE_LOCATORS][SKEX_PAIRWISE_ID_BYTES];
	uint8_t plain[SKEX_PAIRWISE_SEALED_MAX];
	struct skex_pairwise_policy policy;
	uint8_t runs_count;
	uint8_t halves_count;

	bool alive;
	bool no_random;
	bool same_random;
	uint8_t reply_alert; /* the application's answer to every M1 */
	const struct skex_pairwise_payload *reply;
	uint64_t random;
	struct skex_pairwise_session sessions[SCENE_SESSIONS];
	unsigned delivered; /* sessions, the first SCENE_SESSIONS of which are kept */
	unsigned confirmed;
	unsigned unconfirmed;
	unsigned refused;
	unsigned dropped;
	unsigned ready;
	unsigned retired;
	unsigned rollbacks;
	unsigned peer_rollbacks;
	unsigned alarms;
	unsigned sent;
	uint8_t alert;
	struct skex_pairwise_payload payload;  /* of the last message with one */
	struct skex_pairwise_session *session; /* that K1 to K4 may belong to */
};

struct scene_message {
	uint8_t from;
	uint16_t size;
	uint8_t bytes[SCENE_MESSAGE];
};

struct scene {
	struct party party[2];
	uint64_t now_ms;
	uint64_t wall_ms;
	struct scene_message log[SCENE_LOG];
	unsigned logged;
	unsigned queue[SCENE_QUEUE]; /* of the log, on their way */
	unsigned queued;
	enum scene_fate (*fate)(struct scene *scene, const struct scene_message *message);
	unsigned counter; /* for fate */
};

struct scene_options {
	uint8_t depth;
	uint8_t lane;
	uint16_t window;
	uint16_t ahead;
	bool reseed;
	bool no_locators;
	const char *purpose[2]; /* NULL: "test" */
	const char *id[2][2];   /* as party 0 and party 1 see them; NULL: "node-0", "node-1" */
	uint8_t slot[2];        /* the same for both: swapped or doubled */
	bool slots_given;
	uint8_t psk;
};

/* Both ends, durable and at work.  options is NULL for the usual: d = 0, W = LA = 8. */
void scene_init(struct scene *scene, const struct scene_options *options, uint64_t seed);
/* The power goes, and comes again: what is in memory is gone. */
void scene_crash(struct party *party);
/* False: neither slot holds a state. */
bool scene_boot(struct scene *scene, uint8_t who);
/* Begins a run; its first message is queued when its index is durable. */
struct skex_pairwise_run *scene_start(struct scene *scene, uint8_t who);
struct skex_pairwise_run *scene_start_with(
	struct scene *scene, uint8_t who, const struct skex_pairwise_start *start);
void scene_push(struct scene *scene, uint8_t who, const struct skex_pairwise_payload *payload);
struct skex_pairwise_run *scene_rekey(
	struct scene *scene, uint8_t who, struct skex_pairwise_session *session);
/* Hands bytes to a party and carries out what comes of it; the actions of the first step. */
uint32_t scene_give(struct scene *scene, uint8_t to, const uint8_t *bytes, size_t size);
/* Takes the oldest message that is on its way, and gives it to its addressee, or loses it. */
bool scene_deliver_one(struct scene *scene);
/* Until nothing is on its way. */
void scene_deliver(struct scene *scene);
/* Lets time pass in steps, with resends and deadlines, and delivers what is on its way. */
void scene_pass(struct scene *scene, uint64_t ms);
/* A run from who, with everything it needs: waits, recovers, begins again.  True when both ends
 * have its keys within a few attempts. */
bool scene_succeed(struct scene *scene, uint8_t who);
/* The message number i of all, counted from the end when negative. */
const struct scene_message *scene_message(const struct scene *scene, int i);
/* Of which type it is, as its first byte says. */
unsigned scene_type_of(const struct scene_message *message);
/* Hands a message that was sent before to its addressee, again. */
void scene_give_logged(struct scene *scene, unsigned index);
/* Two ends of the last session of each, ready to be rekeyed, in a scene that begins anew. */
void scene_establish(struct scene *scene, const struct scene_options *options, uint64_t seed);
/* Fails unless both ends delivered so many sessions, and the same keys last. */
void scene_assert_one_session(struct scene *scene, unsigned number);
/* True when party who holds these keys. */
bool scene_holds(const struct party *party, const struct skex_pairwise_session *session);
/* The last session of a party. */
struct skex_pairwise_session *scene_last(struct party *party);
/* All that a party consists of, as one number; counters left out. */
uint64_t scene_print(const struct party *party);
/* Fails when a key of one party is under two of its sessions. */
void scene_assert_distinct(const struct scene *scene);

#endif
