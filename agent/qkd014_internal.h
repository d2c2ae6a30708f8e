/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_QKD014_INTERNAL_H
#define SKEX_AGENT_QKD014_INTERNAL_H

#include "agent/combine.h"
#include "agent/internal.h"
#include "agent/qkd014.h"

/*
 * The provider `qkd014`: blocks out of keys that each end fetches from its own KME.
 *
 *   qkd014.c         KMEs and their peers, orders and their answers, what is told of them
 *   qkd014_seen.c    which keys were seen, and used
 *   qkd014_run.c     blocks begun here, and the provider
 *   qkd014_answer.c  blocks begun by peers
 *
 *   initiator                             responder
 *   keys from its KME (enc_keys)
 *   offer, by a note: block id, key ids
 *                                         wanted?  otherwise a refusal, by a note
 *                                         keys from its KME (dec_keys)
 *                                         block and spent id durable; CONF_BA
 *   block durable; CONF_AB
 *                                         confirmed
 *
 * The keys are in memory only until a block of them is durable, and a KME gives each once: after a
 * crash they are gone, and nothing is made of them at the other end either.  Confirmations are
 * those of other blocks (confirm.c): kept over restarts, and sent until they arrived.
 */
struct agent_qkd;

/* What was seen of keys lately: a KME that gives one twice gives no keys. */
#define AGENT_QKD_SEEN 4096u
#define AGENT_QKD_SALT 32u

struct agent_seen {
	uint8_t (*prints)[16];
	uint32_t next;
};

struct agent_kme {
	const struct skex_qkd014_config *config;
	struct agent_seen ids;
	struct agent_seen keys; /* hashes under a salt that only this process has */
	char problem[AGENT_WHY_TEXT];
	bool asked;    /* it answered, or did not */
	uint64_t used; /* blocks whose ids are recorded, so far */
	uint64_t keys_given;
	uint64_t keys_dropped;
	uint64_t blocks;
};

/* A peer with keys from a KME. */
struct agent_qkd_peer {
	struct agent_qkd *all;
	struct agent_kme *kme;
	const struct skex_qkd014_peer_config *config;
	struct agent_peer *peer;
	uint32_t runs; /* begun here, under way */
	uint32_t answers;
	uint32_t failures;
	struct agent_doubt doubt;        /* whether the peer declares its KME its */
	uint64_t retry_ms;               /* after a failure: not before */
	char last_error[AGENT_WHY_TEXT]; /* of the last failure */
};

/* An order that the process has, and for whom. */
struct agent_qkd_wait {
	uint64_t number; /* 0: none */
	uint32_t count;
	uint32_t key_bytes;
};

/* A block begun here: first its keys are waited for, then its confirmation. */
struct agent_qkd_run {
	struct agent_qkd_run *next;
	struct agent_qkd_run **self;
	struct agent_qkd_peer *source;
	struct agent_pool *pool;
	struct agent_profile *profile;
	struct agent_block_ask ask;
	struct agent_qkd_wait wait;
	struct skex_source_note offer;
	uint8_t note[SKEX_SOURCE_NOTE_MAX]; /* the offer as it is sent */
	size_t note_size;
	uint8_t *keys;        /* locked; NULL: not here yet */
	uint64_t note_ticket; /* of a note that is on its way; 0: none */
	uint64_t deadline_ms;
	uint64_t resend_ms;
	uint32_t tried; /* hubs whose one candidate for CONF_BA was checked */
};

/* One begun by a peer. */
struct agent_qkd_answer {
	struct agent_qkd_answer *next;
	struct agent_qkd_answer **self;
	struct agent_qkd_peer *source;
	struct agent_profile *profile;
	struct agent_qkd_wait wait;
	struct skex_source_note offer;
	uint8_t note[SKEX_SOURCE_NOTE_MAX];
	size_t note_size;
};

struct agent_qkd {
	struct skex_agent *agent;
	struct agent_kme *kmes;
	size_t kmes_count;
	struct agent_qkd_peer *peers;
	size_t peers_count;
	skex_qkd014_order_fn order; /* NULL: the process is not there */
	void *owner;
	uint64_t orders; /* so far: the number of the last */
	uint64_t watch;
	uint8_t *salt; /* locked */
	struct agent_qkd_run *runs;
	struct agent_qkd_answer *answers;
	uint64_t wake_ms; /* when who waits may be tried again */
};

/* ---- qkd014.c ---- */
SKEX_MUST_USE enum skex_error agent_qkd014_load(struct skex_agent *agent);
void agent_qkd014_clear(struct skex_agent *agent);
/* Says to the process what to fetch, and how long it may take; false when it is not there. */
bool qkd_order(struct agent_qkd_peer *source, struct agent_qkd_wait *wait, uint32_t count,
	uint32_t key_bytes, uint32_t wait_ms, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES]);
/* What is wrong with a KME; NULL or "": nothing, or nothing any more.  Told once. */
void qkd_problem(struct agent_qkd_peer *source, const char *problem);
/* Where the source says that its peer's keys come from, for the combiner. */
void qkd_component(const struct agent_qkd_peer *source, bool independent, enum skex_class class,
	struct skex_component *component);
enum skex_class qkd_class(const struct agent_qkd_peer *source);

/* A block that becomes durable with its confirmation. */
struct qkd_block {
	struct agent_qkd_peer *source;
	struct agent_pool *pool;
	struct agent_profile *profile;
	struct agent_block_ask ask;
	bool independent;
	uint8_t class;           /* the weaker of both ends */
	uint8_t class_responder; /* as CONF_BA says it; 0 in CONF_AB */
	uint8_t *secret;         /* what is combined is combined in place */
	uint8_t which;           /* our confirmation: SKEX_CONFIRM_BA, SKEX_CONFIRM_AB */
	uint8_t tags[2][SKEX_CONFIRM_TAG_BYTES]; /* of CONF_BA, of CONF_AB */
	const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES];
	uint32_t ids_count;
};
/* One transaction: the block, the confirmation and the ids are there, its part is not.  Errors are
 * those of agent_combine_mix, and then nothing has changed. */
SKEX_MUST_USE enum skex_error qkd_block_add(const struct qkd_block *block);

/* ---- qkd014_seen.c ---- */
/* Remembers these keys; gives why they cannot be used, or NULL. */
const char *qkd_see(struct agent_qkd_peer *source, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES],
	uint32_t count, const uint8_t *keys, uint32_t key_bytes);
/* The same of ids alone, which are not remembered. */
bool qkd_seen(
	const struct agent_kme *kme, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], uint32_t count);
/* The keys with these ids have become a block, with this transaction. */
void qkd_used(struct agent_qkd_peer *source, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES],
	uint32_t count, struct skex_txn *txn);
SKEX_MUST_USE enum skex_error qkd_used_load(struct agent_qkd *qkd);

/* ---- qkd014_run.c ---- */
/* True when this was the CONF_BA of a block begun here, whatever became of it. */
bool agent_qkd014_confirm(struct agent_leg *leg, const struct skex_confirm_message *message);
void qkd_run_keys(
	struct agent_qkd_run *run, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], const uint8_t *keys);
void qkd_run_failed(struct agent_qkd_run *run, const char *text);
void qkd_run_refused(struct agent_qkd *qkd, const struct agent_peer *peer,
	const struct skex_source_note *refusal);
void qkd_run_free(struct agent_qkd_run *run);
void qkd_runs_turn(struct agent_qkd *qkd, uint64_t now_ms);
/* When it is due next. */
uint64_t qkd_runs_due(const struct agent_qkd *qkd);

/* For the provider `combined`: the same as of a pair. */
bool agent_qkd014_serves(const struct agent_peer *peer);
bool agent_qkd014_ready(const struct agent_peer *peer);
bool agent_qkd014_answered(const struct agent_pool *pool);
bool agent_qkd014_may_begin(struct agent_pool *pool, uint64_t now_ms);
/* Begins a block, combined with this part when that has an instance. */
bool agent_qkd014_begin(struct agent_pool *pool, uint32_t size, struct skex_block_id part);
/* The most secret that one block for this pool has; 0: none, for want of room in a note. */
uint32_t agent_qkd014_room(const struct agent_pool *pool, bool part);
/* Is that enough for what was asked for?  Otherwise it says so in the pool. */
bool agent_qkd014_fits(struct agent_pool *pool, bool part);

/* ---- qkd014_answer.c ---- */
void qkd_answer_offer(struct agent_qkd *qkd, struct agent_peer *peer,
	const struct skex_source_note *offer, struct skex_view note);
void qkd_answer_keys(struct agent_qkd_answer *answer, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES],
	const uint8_t *keys);
void qkd_answer_failed(
	struct agent_qkd_answer *answer, enum skex_qkd014_failure how, const char *text);
void qkd_answer_free(struct agent_qkd_answer *answer);

#endif
