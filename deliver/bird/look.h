/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BIRD_LOOK_H
#define SKEX_DELIVER_BIRD_LOOK_H

#include "deliver/bird/control.h"
#include "deliver/bird/keys.h"

/*
 * What BIRD shows of one neighbor, and what follows from it.  Pure.
 *
 * BIRD tells nobody which key a packet was under, but for TCP-AO.  So a key counts as used
 *
 *    ospf      when the other end had one hello interval, and some, to find that it takes none of
 *              ours, a packet of it was taken since the switch, and who was Full is so still.  The
 *              end that follows finds that by the silence, and says so as long as it can go back.
 *    bfd       when the session is Up three detection times after the switch: where ours are not
 *              taken the other end says Down within one.
 *    tcp-md5   when the session is Established: a new key resets it.
 *    tcp-ao    leads: when the session is Established and its RNext key is the new one; follows:
 * when its current key is, for which the other end has asked.
 */
struct skex_bird_facts {
	uint32_t major; /* of the version; 0: not asked */
	uint32_t minor;
	bool configuring; /* it has not finished reading its configuration */
	bool no_protocol; /* there is none of this name, or it is not of the right kind */
	uint32_t neighbors;
	uint32_t up;        /* of them: Full, Up, Established */
	uint64_t silent_ms; /* since a packet of one of them was taken; UINT64_MAX: none was */
	uint64_t hello_ms;
	uint64_t dead_ms;   /* OSPF */
	uint64_t detect_ms; /* BFD */
	int32_t current;    /* TCP-AO: the numbers of keys; -1: not shown */
	int32_t rnext;
};

void skex_bird_facts_init(struct skex_bird_facts *facts);
/* A line of a reply to `show ...`; interface NULL: any. */
void skex_bird_facts_line(
	struct skex_bird_facts *facts, const char *interface, const struct skex_bird_line *line);

/* What a look goes by. */
struct skex_bird_question {
	enum skex_bird_method method;
	bool leads;
	bool placed;   /* the last key that BIRD was given is one to use */
	bool switched; /* it was told to use it */
	bool staged;   /* or to accept it */
	uint8_t number;
	bool was_up;      /* before */
	uint64_t past_ms; /* since then */
};

enum skex_bird_verdict {
	SKEX_BIRD_NOTHING, /* to report */
	SKEX_BIRD_USED,
	SKEX_BIRD_FAILING,
	SKEX_BIRD_WRONG, /* the key is another one there: back to the old one */
};

enum skex_bird_verdict skex_bird_judge(
	const struct skex_bird_question *question, const struct skex_bird_facts *facts);

#endif
