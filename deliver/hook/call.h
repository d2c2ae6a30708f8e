/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HOOK_CALL_H
#define SKEX_DELIVER_HOOK_CALL_H

#include "deliver/hook/format.h"
#include "deliver/rotation/consumer.h"
#include "platform/platform.h"

/*
 * A program of the operator's that is told what happens to a key.  It has no environment but:
 *
 *    PATH            the usual one of the system's programs
 *    SKEX_EVENT      stage | switch | settle | close | check | reload
 *    SKEX_BINDING    the name of the binding
 *    SKEX_PEER       the agent at the other end
 *    SKEX_KEY_ID     the id of the key as a UUID; not set when there is none
 *    SKEX_KEY_NAME   what the consumer calls it; not set when that is the id
 *
 * The key, where the event has one, is what it reads from descriptor 3.
 */
struct skex_hook_program {
	const char *const *argv; /* argv[0] is an absolute path; ends with NULL */
	uint64_t timeout_ms;
};

struct skex_hook_facts {
	const char *event;
	const char *binding;
	const char *peer;
	const uint8_t *key_id; /* SKEX_ROTATION_ID_BYTES; NULL: none */
	const char *key_name;  /* NULL: none */
};

#define SKEX_HOOK_TEXT_MAX 256u /* of names, their end included; what is longer is cut */

/* What a program answers to "check". */
enum skex_hook_answer {
	SKEX_HOOK_IN_USE = 0,
	SKEX_HOOK_NOT_YET = 1,
	SKEX_HOOK_FAILING = 2,
	SKEX_HOOK_GONE = 3,
};

/* One that said that a key is in use is asked again after this, if nothing changes. */
#define SKEX_HOOK_QUIET_MS 60000u

/* As start of the platform's jobs; input may be empty. */
SKEX_MUST_USE enum skex_error skex_hook_start(const struct skex_platform *platform,
	const struct skex_hook_program *program, const struct skex_hook_facts *facts,
	struct skex_view input, skex_program_ended_fn ended, void *owner,
	struct skex_program **started);

/* A key that a program was given, or could read, as it was written down. */
struct skex_hook_key {
	struct skex_view text;
	enum skex_key_format format;
};

/* Why it did not do what it was asked to, for people.  A line that shows one of the keys, or a
 * part, in any of the forms that programs print keys in, is not repeated. */
void skex_hook_problem(const struct skex_hook_program *program, const struct skex_program_end *end,
	const struct skex_hook_key *keys, size_t keys_count, char *text, size_t room);
/* The same for one that could not be started. */
void skex_hook_not_started(
	const struct skex_hook_program *program, enum skex_error error, char *text, size_t room);

/* The event for an answer to "check"; SKEX_ROTATION_EVENTS, and a line in the log, for what is no
 * answer. */
enum skex_rotation_event skex_hook_seen(const struct skex_platform *platform,
	const struct skex_hook_program *program, const struct skex_program_end *end,
	const struct skex_hook_key *keys, size_t keys_count);
#endif
