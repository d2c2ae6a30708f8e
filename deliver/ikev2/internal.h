/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_IKEV2_INTERNAL_H
#define SKEX_DELIVER_IKEV2_INTERNAL_H

#include <string.h>

#include "deliver/ikev2/connection.h"

/*
 * What the adapter does is a queue of jobs, each of which is a request and its reply, and plans:
 * functions that look at what the replies said and queue more jobs.  ikev2.c talks, plan.c decides.
 */

#define IKEV2_KEY_BYTES 32u
#define IKEV2_JOBS_MAX  128u
#define IKEV2_FOUND_MAX 16u /* of one binding; what is more is found the next time */
#define IKEV2_TEXT_MAX  81u /* of what charon says for people */

enum ikev2_request {
	IKEV2_NO_REQUEST, /* a plan */
	IKEV2_REGISTER,   /* for the events of LIST_SAS, LIST_CONN and INITIATE */
	IKEV2_GET_SHARED, /* which of our keys are there? */
	IKEV2_GET_CONNS,  /* which connections? */
	IKEV2_LIST_SAS,   /* of the connection of a key, or all */
	IKEV2_LIST_CONN,  /* what is the connection of a key like? */
	IKEV2_LOAD_KEY,
	IKEV2_UNLOAD_KEY,
	IKEV2_LOAD_CONN,
	IKEV2_UNLOAD_CONN,
	IKEV2_INITIATE,      /* a child, by its number */
	IKEV2_TERMINATE,     /* the IKE_SAs of the connection of a key */
	IKEV2_TERMINATE_ONE, /* the IKE_SA of this number */
};

struct skex_ikev2;
typedef void (*ikev2_plan_fn)(struct skex_ikev2 *ikev2);

struct ikev2_job {
	uint8_t request;
	bool all;   /* LIST_SAS: of all connections */
	bool force; /* TERMINATE: without waiting for the other end */
	bool wait;  /* INITIATE: until it is there */
	uint32_t number;
	const char *event; /* REGISTER */
	uint8_t id[SKEX_KEY_ID_BYTES];
	ikev2_plan_fn then; /* may be NULL */
};

struct ikev2_key {
	bool there;
	bool held; /* its bytes are in our secrets */
	uint8_t id[SKEX_KEY_ID_BYTES];
};

struct ikev2_ids {
	size_t count;
	bool more;
	uint8_t id[IKEV2_FOUND_MAX][SKEX_KEY_ID_BYTES];
};

/* An IKE_SA of ours. */
struct ikev2_sa {
	bool ours;
	bool up;     /* established */
	bool coming; /* or about to be */
	bool ppk;
	uint32_t number;
	uint32_t children;             /* a bit for each that is installed */
	uint8_t id[SKEX_KEY_ID_BYTES]; /* leader: the key of its connection */
};

/* The follower's second stream: see ear.c. */
struct ikev2_ear {
	struct skex_stream *stream; /* NULL: none */
	bool in_log;
	bool heard;
	uint64_t since_ms;
	char words[IKEV2_NAME_MAX + 32];
	struct skex_vici_reader reader;
};

struct ikev2_secrets {
	uint8_t next[IKEV2_KEY_BYTES];
	uint8_t active[IKEV2_KEY_BYTES];
	uint8_t request[512];
};

struct skex_ikev2 {
	const struct skex_platform *platform;
	const struct skex_ikev2_config *config;
	struct ikev2_secrets *secrets;
	struct skex_stream *stream;

	/* what is to be done */
	bool busy;
	bool looking;
	uint32_t todo; /* actions */
	struct ikev2_key next;
	struct ikev2_key active;
	uint8_t peer_active[SKEX_KEY_ID_BYTES];
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;
	enum skex_rotation_event sight;
	uint8_t target[SKEX_KEY_ID_BYTES]; /* of a look */
	char failure[256];                 /* what to say once it is tidied up */

	struct ikev2_job jobs[IKEV2_JOBS_MAX];
	size_t jobs_first;
	size_t jobs_count;
	struct ikev2_job job; /* under way */
	bool waiting;
	uint32_t turn; /* one for each stream: what belongs to another is over */
	bool hears_sas;
	bool hears_conns;
	bool hears_log;
	uint64_t budget; /* bytes that may still come */

	/* what was answered */
	struct skex_vici_reader reader;
	bool success;
	char error[IKEV2_TEXT_MAX];
	char log[IKEV2_TEXT_MAX]; /* the last line about an attempt */
	char line[IKEV2_TEXT_MAX];
	bool line_counts;
	struct ikev2_ids keys;
	struct ikev2_ids conns;
	bool conn_there; /* follower: its one connection; else the one that was listed */
	bool conn_right;
	bool conn_id;
	bool conn_required;
	uint8_t subject;    /* of the packet being read */
	struct ikev2_sa sa; /* being read */
	bool in_child;
	uint32_t child;
	bool child_up;
	size_t sas_count;
	bool sas_more;
	struct ikev2_sa sas[IKEV2_FOUND_MAX];

	struct ikev2_ear ear;

	/* what is known from one time to the next */
	uint32_t prio_turn; /* follower: of the connection that is loaded */
	bool staged;
	uint8_t staged_id[SKEX_KEY_ID_BYTES];
	bool switched; /* leader */
	uint8_t switched_id[SKEX_KEY_ID_BYTES];
	bool swept;       /* leader: no SA of ours is unknown */
	bool tried;       /* to bring it up again */
	uint64_t keys_ms; /* when to look for the keys again */
	bool said_now;    /* something, on this stream */
	char said[256];
};

static inline bool ikev2_same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, SKEX_KEY_ID_BYTES) == 0;
}

static inline bool ikev2_found(const struct ikev2_ids *ids, const uint8_t *id)
{
	size_t i;

	for (i = 0; i < ids->count; i++) {
		if (ikev2_same(ids->id[i], id))
			return true;
	}
	return false;
}

/* ikev2.c */

/* Behind the others; without room for it everything fails. */
void ikev2_push(struct skex_ikev2 *ikev2, const struct ikev2_job *job);
/* Nothing more is done; the owner is told. */
void ikev2_finish(struct skex_ikev2 *ikev2, uint8_t reason, const char *text);
/* The same, in the words of all failures. */
void ikev2_fail(struct skex_ikev2 *ikev2, const char *what, const char *act);
/* In the log, once as long as it stays so. */
void ikev2_say(struct skex_ikev2 *ikev2, const char *what, const char *act);
/* A failure that needs tidying up first is kept in these words. */
void ikev2_keep_failure(struct skex_ikev2 *ikev2, const char *what, const char *act);
/* Forgets the jobs that wait. */
void ikev2_drop_jobs(struct skex_ikev2 *ikev2);

/* ear.c */

/* Listens for the use of the key of this id; nothing is heard when that cannot be. */
void ikev2_ear_open(struct skex_ikev2 *ikev2, const uint8_t id[SKEX_KEY_ID_BYTES]);
/* What was heard stays so until the next time. */
void ikev2_ear_close(struct skex_ikev2 *ikev2);
bool ikev2_ear_heard(struct skex_ikev2 *ikev2);

/* answer.c: the reply to the job under way, and the events before it. */

void ikev2_answer_begin(struct skex_ikev2 *ikev2);
void ikev2_answer_element(struct skex_ikev2 *ikev2);
void ikev2_answer_event_done(struct skex_ikev2 *ikev2);

/* plan.c */

/* Queues the first of the actions that are to be done, or finishes. */
void ikev2_plan_next(struct skex_ikev2 *ikev2);
/* Queues a look; false: there is nothing to look for. */
bool ikev2_plan_look(struct skex_ikev2 *ikev2);

#endif
