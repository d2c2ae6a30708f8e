/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_NET_INTERNAL_H
#define SKEX_TESTS_SIM_NET_INTERNAL_H

#include "tests/sim/datagrams.h"
#include "tests/sim/events.h"

/* Inside the virtual network. */

enum event_kind {
	EVENT_OPENED,
	EVENT_ACCEPTED,
	EVENT_BYTES,
	EVENT_DRAINED,
	EVENT_CLOSED
};

struct event {
	struct sim_event head;
	struct event *next; /* of those that are held */
	enum event_kind kind;
	struct skex_stream *stream; /* who gets it */
	uint64_t listener;          /* its serial number, for it may be gone */
	bool foreign;               /* whose bytes these seem to be did not say them now */
	size_t size;
	uint8_t bytes[];
};

struct skex_stream {
	struct skex_stream *next; /* of all, the last one first */
	struct skex_stream *previous;
	struct skex_stream *next_of_node;
	struct skex_stream *previous_of_node;
	struct skex_stream *next_dead;
	uint64_t serial;
	uint32_t mentions; /* events on their way to it */
	struct sim_net *net;
	struct skex_stream *other; /* NULL when that end is gone */
	uint32_t node;
	bool open;
	bool dead;
	bool torn;        /* it lost something while its ends were apart */
	uint64_t last_ms; /* what is sent later arrives later */
	size_t queued;
	bool paused;
	struct event *held; /* what came meanwhile, in order */
	const struct skex_stream_events *events;
	void *owner;
};

struct skex_listener {
	uint64_t serial;
	struct skex_listener *next;
	struct sim_net *net;
	uint32_t node;
	char name[64];
	int port;
	void (*accepted)(void *owner, struct skex_stream *stream);
	void *owner;
};

struct table {
	struct sim_net *net;
	uint32_t node;
	char name[64];
	struct skex_net functions;
};

struct sim_net {
	uint64_t (*random)(void *owner);
	void *random_owner;
	struct sim_net_rules rules;
	struct table *tables[SIM_NODES_MAX];
	struct skex_listener *listeners;
	uint64_t listeners_made;
	struct skex_stream *streams;
	struct skex_stream *of_node[SIM_NODES_MAX];
	struct skex_stream *dead;
	struct sim_events events;
	struct sim_datagrams *datagrams;
	struct sim_tape *tape; /* NULL: nobody records */
	uint64_t serial;       /* of the last stream */
	/* Of a node: a bit for each that hears nothing of it. */
	uint64_t apart[SIM_NODES_MAX][SIM_APART_WORDS];
	uint32_t torn; /* streams */
	uint64_t now;
};

struct event *sim_event_new(enum event_kind kind, struct skex_stream *stream, size_t size);
/* In the order of sending, each after a delay of its own. */
void sim_deliver(struct skex_stream *to, struct event *event);
struct skex_stream *sim_stream_new(struct sim_net *net, uint32_t node);

/* net_tape.c; nothing is kept by a tape that is NULL. */
void sim_tape_free(struct sim_tape *tape);
void sim_tape_bytes(struct sim_tape *tape, const struct skex_stream *to, const struct event *event);

#endif
