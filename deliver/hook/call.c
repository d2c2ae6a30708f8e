/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/hook/call.h"

#include <stdio.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/base/hex.h"
#include "core/base/mem.h"
#include "core/wire/key_id.h"
#include "deliver/hook/format.h"

#define VARIABLES 7

/* A part of a key that a line must not show: as many characters as could come about by chance
 * once in 2^48 lines. */
#define SHOWN_BYTES 6u

struct environment {
	char text[VARIABLES][SKEX_HOOK_TEXT_MAX + 16];
	const char *list[VARIABLES + 1];
	size_t count;
};

static void set(struct environment *environment, const char *name, const char *value)
{
	char *text = environment->text[environment->count];

	if (value == NULL)
		return;
	(void)snprintf(text, sizeof(environment->text[0]), "%s=%s", name, value);
	environment->list[environment->count++] = text;
}

enum skex_error skex_hook_start(const struct skex_platform *platform,
	const struct skex_hook_program *program, const struct skex_hook_facts *facts,
	struct skex_view input, skex_program_ended_fn ended, void *owner,
	struct skex_program **started)
{
	const struct skex_jobs *jobs = platform->jobs;
	struct environment environment = {0};
	char id[SKEX_KEY_ID_TEXT_BYTES];
	const struct skex_program_call call = {
		.argv = program->argv,
		.environment = environment.list,
		.input = input,
		.timeout_ms = program->timeout_ms,
	};

	set(&environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	set(&environment, "SKEX_EVENT", facts->event);
	set(&environment, "SKEX_BINDING", facts->binding);
	set(&environment, "SKEX_PEER", facts->peer);
	if (facts->key_id != NULL) {
		skex_uuid_print(facts->key_id, id);
		set(&environment, "SKEX_KEY_ID", id);
	}
	set(&environment, "SKEX_KEY_NAME", facts->key_name);
	return jobs->start(jobs->context, &call, ended, owner, started);
}

/* ---- what is said of it ------------------------------------------------------------------------
 */

static bool has(const char *line, const char *part, size_t size)
{
	return memmem(line, strlen(line), part, size) != NULL;
}

/* Does the line show the beginning of the key, in a form that programs print keys in? */
static bool shows(const char *line, struct skex_view key)
{
	char text[2 * SHOWN_BYTES];
	bool shown;

	if (key.size < SHOWN_BYTES)
		return false;
	skex_hex_write(key.data, SHOWN_BYTES, text);
	shown = has(line, text, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(text[i] >= 'a' ? text[i] - 'a' + 'A' : text[i]);
	shown = shown || has(line, text, sizeof(text));
	skex_base64_encode(text, key.data, SHOWN_BYTES);
	shown = shown || has(line, text, skex_base64_size(SHOWN_BYTES)) ||
		has(line, (const char *)key.data, SHOWN_BYTES);
	skex_wipe(text, sizeof(text));
	return shown;
}

void skex_hook_problem(const struct skex_hook_program *program, const struct skex_program_end *end,
	struct skex_view key, char *text, size_t room)
{
	const char *line = end->line;

	if (shows(line, key))
		line = "it printed the key, which is not repeated here: mend that";
	else if (line[0] == '\0')
		line = "it printed nothing: see its own log";
	if (end->late)
		(void)snprintf(text, room, "%s was not done after %llu ms and was killed; %s",
			program->argv[0], (unsigned long long)program->timeout_ms, line);
	else if (end->status > 128)
		(void)snprintf(text, room, "%s was ended by signal %d; %s", program->argv[0],
			end->status - 128, line);
	else
		(void)snprintf(text, room, "%s ended with status %d; %s", program->argv[0],
			end->status, line);
}

void skex_hook_not_started(
	const struct skex_hook_program *program, enum skex_error error, char *text, size_t room)
{
	(void)snprintf(text, room,
		"%s cannot be started (%s); is it there, and a program that the "
		"user of skexd may run?",
		program->argv[0], skex_error_name(error));
}

enum skex_rotation_event skex_hook_seen(const struct skex_platform *platform,
	const struct skex_hook_program *program, const struct skex_program_end *end,
	struct skex_view key)
{
	char text[512];

	if (!end->late) {
		switch (end->status) {
		case SKEX_HOOK_IN_USE:
			return SKEX_ROTATION_USED;
		case SKEX_HOOK_NOT_YET:
			return SKEX_ROTATION_EVENTS;
		case SKEX_HOOK_FAILING:
			return SKEX_ROTATION_FAILING;
		case SKEX_HOOK_GONE:
			return SKEX_ROTATION_GONE;
		default:
			break;
		}
	}
	skex_hook_problem(program, end, key, text, sizeof(text));
	skex_log(platform, SKEX_LEVEL_WARNING, "check of a key: %s", text);
	return SKEX_ROTATION_EVENTS;
}
