/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_API_FAKE_AGENT_H
#define SKEX_TESTS_UNIT_API_FAKE_AGENT_H

#include "agent/binding.h"
#include "agent/keyfill.h"
#include "agent/note.h"
#include "agent/qkd014.h"
#include "api/agent_ops.h"

/*
 * An agent that makes its keys up, for tests of what stands before it.  It implements
 * agent/agent.h.
 *
 * Its peers: "agent2" has keys, "empty" never has any, "slow" has them when a request waits 50 ms
 * or more, "weak" has only unconfirmed computational ones.  What get gives, fetch finds, once.  The
 * identities "sae-b" and "sae-c" live at agent2, "sae-a" here.  Notes to "agent2" come back from
 * it, those to "slow" are never taken, and for "empty" there is no key.  Its bindings are "site-b",
 * which leads, and "site-c", which follows, of WireGuard and with agent2.
 */
#define FAKE_KEYS                4096u
#define FAKE_BINDINGS            4u
#define FAKE_BINDINGS_CONFIGURED 2

struct fake_request {
	struct skex_key_request request; /* its texts are copied below */
	char peer[64];
	char purpose[256];
	char local[256];
	char remote[256];
	uint8_t ids[SKEX_KEYS_MAX][SKEX_KEY_ID_BYTES];
	skex_keys_fn keys;
	void *owner;
	uint64_t ticket;
	uint64_t due_ms;
	bool fetch;
	bool used;
};

struct fake_note {
	bool used;
	char peer[64];
	uint8_t bytes[SKEX_NOTE_MAX];
	size_t size;
	skex_note_done_fn done;
	void *owner;
	uint64_t ticket;
};

struct fake_pair {
	bool there;
	struct skex_pair_status status;
	char host[SKEX_HOST_MAX + 1];
	skex_paired_fn paired;
	void *owner;
};

struct skex_agent {
	struct skex_name name;
	uint64_t now_ms;
	struct fake_request requests[2048];
	struct fake_request last; /* the last that came in */
	uint64_t tickets;
	unsigned cancelled;
	uint32_t made; /* keys made so far; the number is in their ids */
	uint32_t size[FAKE_KEYS];
	bool taken[FAKE_KEYS];
	skex_event_fn event;
	void *event_owner;
	unsigned watches;
	char peers_text[512]; /* "peer=profiles;" of all that were added */
	unsigned resumed;
	struct fake_note notes[8];
	uint8_t notes_made;
	skex_fill_made_fn fill_made; /* what is under way, and for whom */
	skex_fill_taken_fn fill_taken;
	void *fill_owner;
	bool fill_locked; /* of the last order: with passphrase; to be kept */
	bool fill_kept;
	unsigned fills_fetched;
	skex_note_fn note;
	void *note_owner;
	unsigned note_watches;
	struct fake_pair pair;
	struct skex_pair_terms pair_terms; /* of the last credential that was taken */
	struct skex_binding_config bindings[FAKE_BINDINGS];
	size_t bindings_count;
	skex_done_fn bindings_done; /* of what is not durable yet, and */
	void *bindings_owner;
	struct skex_binding_memory memories[FAKE_BINDINGS];
	enum skex_error recall_error; /* of the next recall, unless SKEX_OK */
	skex_qkd014_order_fn order;
	void *order_owner;
	uint64_t orders;
	uint8_t kme_ids[2][SKEX_SOURCE_ID_BYTES]; /* what came of the last */
	uint8_t kme_keys[6];
	enum skex_qkd014_failure kme_how;
	char kme_text[512];
};

/* Blocks of 4 KiB, one a batch. */
extern const struct skex_pool_config fake_pool;

/* Whose adapters take no binding with the name "odd"; and how often it was told of a change. */
extern const struct skex_agent_bindings_host fake_host;
extern unsigned fake_changes;

void fake_agent_init(struct skex_agent *agent);
/* Answers what can be answered now; true when something waits. */
bool fake_agent_run(struct skex_agent *agent, uint64_t now_ms);
/* The bytes of key number i. */
void fake_key_bytes(uint32_t number, uint8_t *bytes, uint32_t size);
/* What fake_agent_run does for notes, pairs, fills and bindings. */
void fake_notes_run(struct skex_agent *agent);
void fake_pairs_run(struct skex_agent *agent);
void fake_keyfill_run(struct skex_agent *agent);
void fake_bindings_run(struct skex_agent *agent);
/* Orders two keys of 24 bits, fresh ones or these. */
void fake_qkd014_order(struct skex_agent *agent, bool by_id);
/* A note from agent2. */
void fake_note_arrives(struct skex_agent *agent, uint8_t number, const void *bytes, size_t size);
void fake_agent_event(struct skex_agent *agent, const char *name, const char *text);

#endif
