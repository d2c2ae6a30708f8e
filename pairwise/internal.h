/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PAIRWISE_INTERNAL_H
#define SKEX_PAIRWISE_INTERNAL_H

#include "core/pairwise/initiator.h"
#include "core/pairwise/responder.h"
#include "pairwise/association.h"
#include "platform/schedule.h"

/*
 * What the files of associations share, and nobody else uses.
 *
 *   associations.c  all associations of a daemon: life, the turn, messages that come in
 *   association.c   one of them: making, opening, removing, status
 *   act.c           carrying out what the engines ask for
 *   run.c           runs that are begun here
 *   sessions.c      sessions that are kept to be rekeyed
 *   persist.c       the record of the state
 *   table.c         from an id to its association
 */

#define WINDOW 8u
#define AHEAD  8u

/* Where an association may be known by an id, by its number in `places`. */
#define PLACE_WINDOW   0u
#define PLACE_LOCATORS (PLACE_WINDOW + WINDOW + AHEAD)
#define PLACE_RUNS     (PLACE_LOCATORS + SKEX_PAIRWISE_LOCATORS)
#define PLACE_HALVES   (PLACE_RUNS + SKEX_ASSOCIATION_RUNS) /* two for each: M1, M3 */
#define PLACE_SESSIONS (PLACE_HALVES + 2u * SKEX_ASSOCIATION_HALVES)
#define PLACES         (PLACE_SESSIONS + SKEX_PAIRWISE_ATTEMPTS)

struct id_place {
	struct id_place *next; /* in the same bucket */
	struct skex_association *association;
	uint8_t id[SKEX_PAIRWISE_ID_BYTES];
	bool listed;
};

struct id_table {
	struct id_place **buckets; /* a power of two */
	uint8_t *kinds;            /* for each bucket, which kinds of ids are in it */
	size_t size;
	size_t count;
};

/* Kept to be rekeyed, or because a run or half points at it.  In locked memory. */
struct kept_session {
	struct kept_session *next;
	struct skex_pairwise_session session;
	uint64_t ends_ms; /* it is young until then */
	uint64_t exported;
	uint64_t subject;
	uint32_t rekeys;
	bool current; /* of those that its initiator began, the last */
};

/* What belongs to a run of the engine. */
struct own_run {
	bool busy;
	bool rekeys;
	bool anew; /* its first message was not answered, and it was begun once more */
	uint8_t blob_size;
	uint8_t blob[SKEX_ASSOCIATION_BLOB_MAX];
	uint16_t pad_to;
	uint64_t subject;
	uint64_t persist; /* the commit that it waits for; 0: none */
	void *cookie;
	struct kept_session *made; /* not confirmed yet */
	struct kept_session *parent;
	struct skex_net_address to; /* where the answer came from, and */
	uint64_t answered_ms;       /* when */
};

/* What belongs to a half of the engine. */
struct peer_half {
	uint8_t blob_size;
	uint8_t blob[SKEX_ASSOCIATION_BLOB_MAX];
	uint64_t persist;
	uint32_t held; /* answers that wait for the owner's commit: none is sent again before */
	bool rejected; /* the owner said no to a rekey, or could not take the keys: silence */
	struct kept_session *parent;
	struct skex_net_address from;
};

/* The engine's memory: in one piece of locked memory. */
struct engine {
	struct skex_pairwise pairwise;
	struct skex_pairwise_state state;
	struct skex_pairwise_run runs[SKEX_ASSOCIATION_RUNS];
	struct skex_pairwise_half halves[SKEX_ASSOCIATION_HALVES];
	struct skex_pairwise_node nodes[]; /* of both trees */
};

struct skex_association {
	struct skex_associations *all;
	struct skex_association *next;
	struct skex_association **self;
	struct skex_association *next_dirty;
	struct engine *engine;
	void *data;
	void *route;
	struct skex_schedule_entry due;
	uint32_t held; /* answers so far that waited for a commit of the owner's */
	uint32_t refs; /* callbacks under way that point here */
	bool dead;     /* freed with the last of them */
	bool open;
	bool dirty;  /* the state is to be written with this turn's commit */
	bool silent; /* the last run had no answer */
	bool heeded; /* told that it is broken */
	uint8_t key_size;
	uint8_t key[SKEX_ASSOCIATION_KEY_MAX];
	uint64_t persist_number; /* of the commit that is being gathered, or of the last one */
	uint64_t move_persist;   /* what R1 moved waits for it */
	uint64_t success_wall_ms;
	uint64_t begun;
	uint64_t answered;
	uint64_t rekeyed;
	uint64_t failed;
	struct kept_session *sessions;
	struct own_run runs[SKEX_ASSOCIATION_RUNS];
	struct peer_half halves[SKEX_ASSOCIATION_HALVES];
	uint8_t ids[WINDOW + AHEAD][SKEX_PAIRWISE_ID_BYTES];
	uint8_t locators[SKEX_PAIRWISE_LOCATORS][SKEX_PAIRWISE_ID_BYTES];
	struct id_place places[PLACES];
	uint8_t messages[]; /* of the runs, then of the halves: `room` each */
};

struct skex_associations {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	struct skex_commit *commit;
	const struct skex_association_events *events;
	struct skex_association_carrier carrier;
	void *owner;
	uint8_t table;
	uint16_t room;
	struct skex_association *first;
	struct skex_association *dirty;
	size_t count;
	struct id_table ids;
	struct skex_schedule schedule; /* of those with a timer */
	uint8_t *plain;                /* locked, SKEX_PAIRWISE_SEALED_MAX */
};

/* table.c */
SKEX_MUST_USE enum skex_error id_table_reserve(struct id_table *table, size_t count);
void id_table_clear(struct id_table *table);
/* The association with this id, or NULL. */
struct skex_association *id_table_find(
	const struct id_table *table, const uint8_t id[SKEX_PAIRWISE_ID_BYTES]);
/* Makes the table say what the engine knows now. */
void association_list(struct skex_association *association);
void association_unlist(struct skex_association *association);

/* sessions.c */
/* A copy of a session that was made, in memory of its own; NULL when there is none. */
struct kept_session *session_keep(struct skex_association *association,
	const struct skex_pairwise_session *session, const struct kept_session *parent,
	uint64_t subject);
/* It is the one to be rekeyed from now on: the one before it is retired. */
void session_current(struct skex_association *association, struct kept_session *kept);
/* The one that this slot began and that is young; NULL when there is none. */
struct kept_session *session_of(
	const struct skex_association *association, uint8_t initiator, uint64_t now_ms);
/* Not to be rekeyed any more. */
void session_retire(struct kept_session *kept);
/* Frees those that are neither current nor pointed at. */
void sessions_sweep(struct skex_association *association, uint64_t now_ms);
uint64_t sessions_due(const struct skex_association *association);
void sessions_clear(struct skex_association *association);

/* persist.c */
/* The state has changed: it is written with this turn's commit, whose number is given. */
uint64_t association_persist(struct skex_association *association);
/* Writes what is to be written: once per turn. */
void associations_write(struct skex_associations *all);
/* Reads the state of an engine back. */
SKEX_MUST_USE enum skex_error association_load(struct skex_association *association);

/* act.c */
/* Fresh random bytes, and the time. */
struct skex_pairwise_input input_now(
	struct skex_association *association, uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES]);
/* Carries out what an event came to.  from: where it came from, or NULL. */
void association_act(struct skex_association *association, struct skex_pairwise_output *out,
	const struct skex_net_address *from);
/* What waited for this commit goes on. */
void association_durable(struct skex_association *association, uint64_t persist);
/* Runs and halves whose time has come. */
void association_tick(struct skex_association *association, uint64_t now_ms);
/* Table, heap and sessions follow the engine. */
void association_settle(struct skex_association *association);
void association_told(struct skex_association *association, enum skex_level level, const char *name,
	const char *text);

/* association.c */
void association_free(struct skex_association *association);
/* A callback that pointed here has ended. */
void association_release(struct skex_association *association);

/* run.c */
/* Begins the run of this place, or begins it again. */
enum skex_error run_begin(struct skex_association *association, unsigned place);
void run_act(struct skex_association *association, struct skex_pairwise_output *out,
	const struct skex_net_address *from);
/* The run is over, and its owner is told. */
void run_ended(struct skex_association *association, unsigned place, enum skex_association_end how,
	uint8_t alert);
/* A rekey that is not answered soon gives way to a run, a run to another one, and what is not
 * confirmed soon ends. */
bool run_hastens(struct skex_association *association, unsigned place, uint64_t now_ms);
uint64_t run_due(const struct skex_association *association, unsigned place);

#endif
