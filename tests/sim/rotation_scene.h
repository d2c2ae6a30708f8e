/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_ROTATION_SCENE_H
#define SKEX_TESTS_SIM_ROTATION_SCENE_H

#include "deliver/rotation/rotation.h"

/*
 * Both ends of a binding, their consumers, the tunnel between these, and the notes between the
 * agents: all of it made of one seed.  Three kinds of consumers: *many*, which accept each key that
 * was staged, by its id (IKEv2, TLS), and *one place* (WireGuard): one key, a handshake when the
 * leader switches and each two minutes, sessions that die after three.  *Once* (MACsec) is as many,
 * and takes no key twice, nor two with one number.
 */
enum scene_kind {
	SCENE_MANY,
	SCENE_ONE_PLACE,
	SCENE_ONCE
};

#define SCENE_TICK_MS    100u
#define SCENE_NOTES      64u
#define SCENE_KEYS       4u /* that a consumer can know */
#define SCENE_SESSION_MS 180000u
#define SCENE_REKEY_MS   120000u
#define SCENE_ATTEMPT_MS 5000u
#define SCENE_CONNECT_MS 30000u /* many: the next connection */
#define SCENE_FAILING_MS 15000u
#define SCENE_LOOK_MS    500u
#define SCENE_PLACES     3u

enum scene_place {
	SCENE_NEXT,
	SCENE_ACTIVE,
	SCENE_OLD
};

struct scene_key {
	uint64_t id;     /* 0: none */
	uint64_t secret; /* in place of its bytes */
	uint64_t round;
};

struct scene_consumer {
	bool up;
	struct scene_key knows[SCENE_KEYS];
	struct scene_key uses; /* leader; one place: the one it knows */
	uint64_t since_ms;     /* since it uses that */
	bool worked;           /* has a handshake succeeded with it? */
};

struct scene_end {
	struct skex_rotation machine;
	struct skex_rotation_policy policy;
	bool up;
	uint64_t skew_ms; /* its clock minus the scene's; another one after each start */
	struct scene_key place[SCENE_PLACES];
	struct skex_rotation_memory memory;
	uint64_t remembered_ms;             /* by its wall clock, which can jump */
	struct skex_rotation_memory backup; /* both at another time */
	uint64_t backup_ms;
	int64_t wall_skew_ms;
	uint32_t asked;   /* of the consumer: actions not done yet, in the order of their bits */
	uint64_t done_ms; /* when they are */
	uint32_t waits;   /* GET or FETCH */
	uint64_t got_ms;
	struct scene_consumer consumer;
	uint32_t closed; /* times */
};

struct scene_note {
	bool there;
	uint8_t to;
	uint64_t at_ms;
	uint8_t bytes[SKEX_ROTATION_VIEW_BYTES];
};

/* What may go wrong, each in percent of the occasions, or as it is now. */
struct scene_faults {
	unsigned loss;
	unsigned twice;
	unsigned delay_ms; /* at most; notes overtake one another */
	unsigned keyless;  /* no key is to be had, or fetched */
	unsigned refuse;   /* the consumer refuses */
	bool hubs_cut;
	bool link_cut;
};

struct scene {
	uint64_t seed;
	uint64_t now_ms;
	enum scene_kind kind;
	bool one_place;
	uint64_t looks_at[2];    /* within SCENE_LOOK_MS */
	struct scene_end end[2]; /* 0 leads */
	struct scene_note notes[SCENE_NOTES];
	struct scene_faults faults;
	uint64_t keys;                /* made so far: ids count from 1 */
	uint64_t fetched[4096 / 64];  /* which were */
	uint64_t taken[2][4096 / 64]; /* once: which a consumer has had */
	uint32_t crowded;             /* once: a key whose number another one had */
	uint64_t handshake_ms;        /* the last that succeeded; 0: none */
	uint64_t attempt_ms;          /* the next */
	uint32_t handshakes;
	uint32_t refused; /* handshakes that failed while link and consumers were up */
	uint64_t dark_ms; /* how long no traffic was possible though all was up */
	uint8_t before[2];
	/* Which state followed which, of each end. */
	bool edges[2][SKEX_ROTATION_STATES][SKEX_ROTATION_STATES];
};

uint64_t scene_random(struct scene *scene, uint64_t below);
void scene_init(struct scene *scene, uint64_t seed, enum scene_kind kind, uint64_t period_ms,
	uint64_t grace_ms, bool close);
void scene_run(struct scene *scene, uint64_t ms);
/* Runs until both are IDLE, agree on the active key, and traffic flows; false if they do not
 * within so many milliseconds. */
bool scene_settles(struct scene *scene, uint64_t most_ms);
/* Stops and starts an agent; memory: whether it finds what it stored. */
void scene_restart_agent(struct scene *scene, unsigned end, bool memory);
/* Stops one in order, and starts another one in its place. */
void scene_rest_agent(struct scene *scene, unsigned end);
/* Keeps what an agent has stored, and starts it with that later. */
void scene_take_backup(struct scene *scene, unsigned end);
void scene_restore_backup(struct scene *scene, unsigned end);
void scene_restart_consumer(struct scene *scene, unsigned number);
bool scene_traffic(const struct scene *scene);
unsigned scene_known(const struct scene_consumer *consumer);

#endif
