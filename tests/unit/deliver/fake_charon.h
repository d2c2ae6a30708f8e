/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_DELIVER_FAKE_CHARON_H
#define SKEX_TESTS_UNIT_DELIVER_FAKE_CHARON_H

#include "deliver/ikev2/vici.h"
#include "platform/platform.h"

/*
 * A charon in memory that does what it is asked through VICI, and lies where the test wants it to,
 * for what the real one does not do on demand.  Time stands until the test moves it.
 */
#define FAKE_MOST 24

struct fake_key {
	char name[128];
	char owner[128];
	uint8_t data[32];
};

struct fake_conn {
	char name[128];
	char ppk_id[128];
	bool required;
	char priority[16]; /* of the child `net`; empty: charon's own */
};

struct fake_sa {
	char name[128];
	unsigned number;
	bool ppk;
	bool coming; /* not up yet */
	bool childless;
	bool child_coming;
};

struct fake_charon {
	struct skex_platform platform; /* first: the context is found from it */
	struct skex_net net;
	uint64_t now_ms;
	char log[512]; /* the last line */
	unsigned logs;

	/* what it knows */
	size_t keys_count, conns_count, sas_count;
	struct fake_key keys[FAKE_MOST];
	struct fake_conn conns[FAKE_MOST];
	struct fake_sa sas[FAKE_MOST];
	unsigned number; /* of the last SA */

	/* how it lies */
	bool absent;     /* no socket */
	bool deaf;       /* takes nothing */
	bool loses_keys; /* takes a key, and has it not */
	bool keeps_keys; /* and does not let go of one */
	bool keeps_sas;
	bool refuses_keys;
	bool refuses_conns;
	bool spoils_conns;  /* without ppk_required */
	bool peer_refuses;  /* no SA comes up */
	bool peer_silent;   /* it is tried, and goes on to be */
	bool no_ppk;        /* it comes up without a PPK */
	bool no_sa;         /* it is said to be up, and is not */
	unsigned breaks_at; /* instead of the answer of this number, from 1 */
	const void *answer; /* this comes, or NULL: the stream ends */
	size_t answer_size;

	/* the stream */
	bool open, waits;
	unsigned streams, answers;
	size_t piece; /* bytes that come at once; 0: all */
	const struct skex_stream_events *events;
	void *owner;
	uint8_t sent[8192];
	size_t sent_size;
	char asked[4096]; /* the names of all requests */

	/* One more that is opened while that one is: it hears the log. */
	struct fake_ear {
		bool waits, open, registered;
		const struct skex_stream_events *events;
		void *owner;
	} ear;
};

void fake_charon_init(struct fake_charon *charon);
/* Opens the stream and answers until nothing is asked any more. */
void fake_charon_serve(struct fake_charon *charon);
/* What charon logs, for those who hear it. */
void fake_charon_log(struct fake_charon *charon, const char *line);
/* These bytes to those who hear the log; NULL: their stream ends. */
void fake_charon_tell_ear(struct fake_charon *charon, const void *bytes, size_t size);
/* By its name; NULL: there is none. */
const struct fake_key *fake_charon_key(const struct fake_charon *charon, const char *name);
const struct fake_conn *fake_charon_conn(const struct fake_charon *charon, const char *name);
const struct fake_sa *fake_charon_sa(const struct fake_charon *charon, const char *name);
void fake_charon_add_key(struct fake_charon *charon, const char *name);
void fake_charon_add_conn(struct fake_charon *charon, const char *name);
void fake_charon_add_sa(struct fake_charon *charon, const char *name, bool ppk);

#endif
