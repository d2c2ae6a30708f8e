/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/local.h"
#include "cli/text.h"

/* note send and note watch. */

#define NOTE_MAX     256u
#define FOR_EVER_MS  (7u * 86400u * 1000u)
#define WAIT_DEFAULT 5000u

/* The text on standard input, without the newline at its end; text has NOTE_MAX + 2 bytes. */
static int read_text(char *text)
{
	size_t size = fread(text, 1, NOTE_MAX + 2, stdin);

	if (ferror(stdin) != 0)
		return skex_command_fail(SKEX_E_IO, NULL, "standard input cannot be read");
	if (size > 0 && size <= NOTE_MAX + 1 && text[size - 1] == '\n')
		size--;
	if (size < 1 || size > NOTE_MAX)
		return skex_command_misuse("a note has 1 to 256 bytes, read from standard input");
	if (memchr(text, '\0', size) != NULL)
		return skex_command_misuse("a note is text: it has no zero byte");
	text[size] = '\0';
	return 0;
}

static int run_send(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	uint64_t wait_ms = WAIT_DEFAULT;
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local),
		{"--wait", SKEX_ARGUMENT_TIME, &wait_ms, 0, 600000}, {.name = NULL}};
	char text[NOTE_MAX + 2] = {0};
	json_t *answer = NULL;
	const char *peer;
	int code = skex_arguments_read(argc, argv, table, &peer, 1);

	if (code == 0)
		code = read_text(text);
	if (code == 0)
		code = skex_local_open(&local);
	if (code == 0) {
		/* A note is taken when hubs have it: it waits for them as long as need be. */
		skex_client_set_timeout(local.client, FOR_EVER_MS);
		code = skex_local_ask(&local, "note",
			json_pack("{ss ss sI}", "peer", peer, "text", text, "wait_ms",
				(json_int_t)wait_ms),
			&answer);
	}
	if (code == 0 && local.json)
		code = skex_json_print(json_incref(answer));
	else if (code == 0)
		printf("sent through %" PRIu64 " hubs: %s\n", skex_json_number(answer, "hubs"),
			skex_json_text(answer, "note_id"));
	json_decref(answer);
	skex_local_close(&local);
	return code;
}

/* What a peer wrote goes to a terminal: without control characters. */
static void print_clean(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		const unsigned char byte = (unsigned char)text[i];
		/* Those of Latin-1 are two bytes in UTF-8. */
		const bool late = i > 0 && (unsigned char)text[i - 1] == 0xc2 && byte < 0xa0;

		if (byte == 0xc2 && i + 1 < size && (unsigned char)text[i + 1] < 0xa0)
			continue;
		putchar((byte < 0x20 && byte != '\t') || byte == 0x7f || late ? '?' : byte);
	}
}

static int print_note(const struct skex_local *local, const struct skex_client_note *note)
{
	char when[SKEX_TEXT_MAX];

	if (local->json)
		return skex_json_print(json_pack("{ss ss so sI}", "note_id", note->id, "peer",
			note->peer, "text", json_stringn(note->text, note->size), "wall_ms",
			(json_int_t)note->wall_ms));
	skex_text_time(when, note->wall_ms);
	printf("%s %s: ", when, note->peer);
	print_clean(note->text, note->size);
	putchar('\n');
	if (fflush(stdout) != 0)
		return skex_command_fail(SKEX_E_IO, NULL, "the note cannot be printed");
	return 0;
}

static int run_watch(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	struct skex_client_note note;
	uint64_t count = UINT64_MAX;
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local),
		{"--count", SKEX_ARGUMENT_NUMBER, &count, 1, 0}, {.name = NULL}};
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0)
		code = skex_local_open(&local);
	if (code == 0 && skex_client_watch_notes(local.client, &local.error) != SKEX_CLIENT_OK)
		code = skex_local_fail(&local);
	for (; code == 0 && count > 0; count--) {
		if (skex_client_next_note(local.client, -1, &note, &local.error) != SKEX_CLIENT_OK)
			code = skex_local_fail(&local);
		else
			code = print_note(&local, &note);
	}
	skex_local_close(&local);
	return code;
}

const struct skex_command skex_note_commands[] = {
	{"send", "PEER [--wait TIME] [--json] [--socket PATH]",
		"send a short text, read from standard input, to a peer, encrypted end to end",
		run_send},
	{"watch", "[--count N] [--json] [--socket PATH]",
		"print the notes that come in, one a line", run_watch},
	{.name = NULL},
};
