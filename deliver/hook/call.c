/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/hook/call.h"

#include <stdio.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/base/hex.h"
#include "core/base/mem.h"
#include "core/wire/key_id.h"
#include "platform/memory.h"

#define VARIABLES 7

/* A part of a key that a line must not show: so much as comes about by chance in one of 2^48 lines.
 */
#define PART_BYTES     6u
#define PART_PRINTABLE 8u /* of bytes as they are: there are 95 such characters */

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

/* What of a line may be of a key, and the key; in locked memory. */
struct printed {
	uint8_t key[SKEX_KEY_FORMAT_MAX];
	char hex[SKEX_PROGRAM_LINE_MAX]; /* its hexadecimal digits, in lower case */
	size_t hex_size;
	char base64[SKEX_PROGRAM_LINE_MAX]; /* all of it, in the alphabet of RFC 4648 section 4 */
	size_t base64_size;
	const char *line;
	size_t line_size;
};

/* Digits stand side by side, or with something between the bytes. */
static void read_line(struct printed *printed, const char *line)
{
	printed->line = line;
	printed->line_size = strlen(line);
	for (size_t i = 0; i < printed->line_size && i < SKEX_PROGRAM_LINE_MAX; i++) {
		const char c = line[i];
		const char lower = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

		if ((lower >= '0' && lower <= '9') || (lower >= 'a' && lower <= 'f'))
			printed->hex[printed->hex_size++] = lower;
		printed->base64[printed->base64_size++] =
			(char)(c == '-' ? '+' : (c == '_' ? '/' : c));
	}
}

/* The bytes themselves, as far as they were kept: what is not printable became a '?', and the end
 * of a line ended it. */
static bool shows_bytes(const struct printed *printed, const uint8_t *key, size_t size)
{
	char part[SKEX_PROGRAM_LINE_MAX];
	unsigned printable = 0;
	size_t i = 0;
	bool shown;

	for (; i < size && i < sizeof(part) && printable < PART_PRINTABLE; i++) {
		if (key[i] == '\n' || key[i] == '\r')
			break;
		part[i] = (char)(key[i] >= ' ' && key[i] <= '~' ? key[i] : '?');
		printable += key[i] >= ' ' && key[i] <= '~';
	}
	shown = printable == PART_PRINTABLE &&
		memmem(printed->line, printed->line_size, part, i) != NULL;
	skex_wipe(part, sizeof(part));
	return shown;
}

/* The part of the key that begins here, in a form that programs print keys in. */
static bool shows_part(const struct printed *printed, const uint8_t *key)
{
	char text[2 * PART_BYTES];
	bool shown;

	skex_hex_write(key, PART_BYTES, text);
	shown = memmem(printed->hex, printed->hex_size, text, sizeof(text)) != NULL;
	skex_base64_encode(text, key, PART_BYTES);
	shown = shown ||
		memmem(printed->base64, printed->base64_size, text, skex_base64_size(PART_BYTES)) !=
			NULL;
	skex_wipe(text, sizeof(text));
	return shown;
}

static bool shows_key(struct printed *printed, const struct skex_hook_key *key)
{
	size_t size =
		skex_key_format_read(key->format, key->text.data, key->text.size, printed->key);

	/* One of before our start may be in a format of before: then as it is. */
	if (size == 0 && key->text.size > 0 && key->text.size <= sizeof(printed->key)) {
		size = key->text.size;
		memcpy(printed->key, key->text.data, size);
	}
	for (size_t i = 0; i + PART_BYTES <= size; i++) {
		if (shows_part(printed, printed->key + i) ||
			shows_bytes(printed, printed->key + i, size - i))
			return true;
	}
	return false;
}

/* Does the line show one of the keys, or a part of it?  Without memory to see it may. */
static bool shows(const char *line, const struct skex_hook_key *keys, size_t count)
{
	struct printed *printed = skex_secret_new(sizeof(*printed));
	bool shown = printed == NULL;

	if (printed != NULL)
		read_line(printed, line);
	for (size_t i = 0; i < count && !shown; i++)
		shown = shows_key(printed, &keys[i]);
	skex_secret_free(printed);
	return shown;
}

void skex_hook_problem(const struct skex_hook_program *program, const struct skex_program_end *end,
	const struct skex_hook_key *keys, size_t keys_count, char *text, size_t room)
{
	const char *line = end->line;

	if (shows(line, keys, keys_count))
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
	const struct skex_hook_key *keys, size_t keys_count)
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
	skex_hook_problem(program, end, keys, keys_count, text, sizeof(text));
	skex_log(platform, SKEX_LEVEL_WARNING, "check of a key: %s", text);
	return SKEX_ROTATION_EVENTS;
}
