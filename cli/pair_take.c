/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/carry.h"
#include "cli/command.h"
#include "cli/pair.h"
#include "core/base/mem.h"
#include "core/base/name.h"
#include "pairwise/credential.h"
#include "pairwise/words.h"
#include "platform/memory.h"

/* pair take: a credential from a file, a picture, standard input or typed words. */

#define NOT_GIVEN  UINT64_MAX
#define TEXT_ROOM  (SKEX_CREDENTIAL_TEXT_MAX + 64u) /* with white space around */
#define WORDS_ROOM 1024u

struct order {
	struct skex_local local;
	struct skex_carried carried;
	bool words;
	const char *peer;
	const char *address;
	uint64_t slot;
	uint64_t depth;
	char *text; /* TEXT_ROOM; of the credential */
};

static int check_order(struct order *order)
{
	const bool carried = order->carried.file != NULL || order->carried.image != NULL;

	if ((order->carried.file != NULL) + (order->carried.image != NULL) + order->words != 1)
		return skex_command_misuse(
			"where is the credential? --in FILE, --in -, --qr-image FILE or --words");
	if (carried && (order->slot != NOT_GIVEN || order->depth != NOT_GIVEN))
		return skex_command_misuse(
			"--slot and --depth go with --words: a credential says them itself");
	if (order->words && order->peer == NULL)
		return skex_command_misuse("--words needs --peer: words do not say who made them");
	if (order->words && order->carried.keep)
		return skex_command_misuse("--keep goes with a file");
	if (order->slot == NOT_GIVEN)
		order->slot = 1;
	if (order->depth == NOT_GIVEN)
		order->depth = 0;
	if (order->depth != 0 && order->depth != 8 && order->depth != 32)
		return skex_command_misuse("--depth has to be 0, 8 or 32");
	return 0;
}

static int read_order(struct order *order, int argc, char **argv)
{
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&order->local),
		{"--in", SKEX_ARGUMENT_TEXT, &order->carried.file, 0, 0},
		{"--qr-image", SKEX_ARGUMENT_TEXT, &order->carried.image, 0, 0},
		{"--words", SKEX_ARGUMENT_FLAG, &order->words, 0, 0},
		{"--peer", SKEX_ARGUMENT_TEXT, &order->peer, 0, 0},
		{"--address", SKEX_ARGUMENT_TEXT, &order->address, 0, 0},
		{"--slot", SKEX_ARGUMENT_NUMBER, &order->slot, 0, 1},
		{"--depth", SKEX_ARGUMENT_NUMBER, &order->depth, 0, 32},
		{"--keep", SKEX_ARGUMENT_FLAG, &order->carried.keep, 0, 0}, {.name = NULL}};
	int code;

	order->slot = NOT_GIVEN;
	order->depth = NOT_GIVEN;
	code = skex_arguments_read(argc, argv, table, NULL, 0);
	return code == 0 ? check_order(order) : code;
}

/* ---- from a file, a picture or standard input ---- */

/* Says what is wrong with a text before the daemon is asked; true when nothing is. */
static bool text_good(const char *text, const char *where, struct skex_reason *reason)
{
	struct skex_credential *credential = skex_secret_new(sizeof(*credential));
	enum skex_error error = SKEX_E_MEMORY;

	if (credential != NULL)
		error = skex_credential_decode(credential, skex_view(text, strlen(text)));
	skex_secret_free(credential);
	if (error == SKEX_OK)
		return true;
	if (error == SKEX_E_CORRUPT)
		(void)skex_reason_set(reason, SKEX_E_SYNTAX, "bad_credential",
			"copy it again, all of it",
			"%s: the credential was miscopied, its check does not fit", where);
	else if (error == SKEX_E_VERSION)
		(void)skex_reason_set(reason, error, "bad_credential",
			"use the same version of skex at both ends",
			"%s: the credential is of another version", where);
	else if (error == SKEX_E_MEMORY)
		(void)skex_reason_set(reason, error, "memory", "free some memory", "no memory");
	else
		(void)skex_reason_set(reason, error, "bad_credential",
			"give the line that skex pair make made: " SKEX_CREDENTIAL_HEAD "...",
			"%s: this is no credential", where);
	return false;
}

static int read_carried(struct order *order)
{
	const char *where = order->carried.image != NULL ? order->carried.image
		: strcmp(order->carried.file, "-") == 0  ? "standard input"
							 : order->carried.file;
	struct skex_reason reason;

	if (skex_carried_read(&order->carried, order->text, TEXT_ROOM, &reason) != SKEX_OK ||
		!text_good(order->text, where, &reason))
		return skex_ask_fail(&reason);
	return 0;
}

/* ---- from words ---- */

/* "group 2, word 3" */
static void say_wrong(enum skex_error error, const struct skex_words_wrong *wrong)
{
	if (wrong->group == 0)
		fprintf(stderr, "There are too many words.\n");
	else if (error == SKEX_E_CORRUPT)
		fprintf(stderr,
			"Group %u is wrong: its words do not fit its check, the fifth word.\n",
			wrong->group);
	else
		fprintf(stderr, "Group %u is wrong: word %u is missing or is no word.\n",
			wrong->group, wrong->word);
}

/* A line without buffering, of which nothing stays; false at the end of the input. */
static bool read_line(char *line, size_t room)
{
	size_t size = 0;

	for (;;) {
		char c;

		if (read(STDIN_FILENO, &c, 1) != 1)
			return false;
		if (c == '\n')
			break;
		if (size + 1 < room)
			line[size++] = c;
	}
	line[size] = '\0';
	return true;
}

/* A person is asked for one group after the other, and again for one that is wrong. */
static int ask_words(uint8_t psk[static SKEX_HASH_BYTES], char *line)
{
	struct skex_words_wrong wrong;
	uint8_t group = 1;

	fprintf(stderr, "Four groups of five words, a group on a line.\n");
	while (group <= SKEX_WORDS_GROUPS) {
		uint8_t *at = psk + (size_t)(group - 1) * (SKEX_HASH_BYTES / SKEX_WORDS_GROUPS);
		enum skex_error error;

		fprintf(stderr, "Group %u of %u: ", group, SKEX_WORDS_GROUPS);
		if (!read_line(line, WORDS_ROOM))
			return skex_command_fail(SKEX_E_SYNTAX, "type all four groups",
				"the words end before group %u", group);
		error = skex_words_decode_group(skex_view(line, strlen(line)), group, at, &wrong);
		if (error == SKEX_OK)
			group++;
		else
			say_wrong(error, &wrong);
	}
	return 0;
}

static int pipe_words(uint8_t psk[static SKEX_HASH_BYTES], char *text)
{
	const struct skex_carried input = {.file = "-"};
	struct skex_words_wrong wrong = {0, 0};
	struct skex_reason reason;
	enum skex_error error = skex_carried_read(&input, text, WORDS_ROOM, &reason);

	if (error != SKEX_OK)
		return skex_ask_fail(&reason);
	error = skex_words_decode(skex_view(text, strlen(text)), psk, &wrong);
	if (error == SKEX_OK)
		return 0;
	say_wrong(error, &wrong);
	return skex_command_fail(SKEX_E_SYNTAX, "read that group again, letter by letter",
		"the words were miscopied");
}

/* What words do not say: who this agent is is known to it, the rest by the command. */
static int fill(struct order *order, struct skex_credential *credential)
{
	const char *name;
	json_t *status = NULL;
	int code = skex_local_status(&order->local, &status);
	struct skex_credential_text *own = &credential->id[order->slot];
	struct skex_credential_text *other = &credential->id[1 - order->slot];

	if (code != 0)
		return code;
	name = skex_json_text(status, "name");
	credential->slot = (uint8_t)order->slot;
	credential->depth = (uint8_t)order->depth;
	credential->suites_count = 1;
	credential->suites[0] = SKEX_PAIRWISE_SUITE_HMAC;
	if (!skex_credential_text_set(own, skex_view(name, strlen(name))) ||
		!skex_credential_text_set(other, skex_view(order->peer, strlen(order->peer))) ||
		!skex_credential_text_set(&credential->purpose,
			skex_view(SKEX_CREDENTIAL_PURPOSE, strlen(SKEX_CREDENTIAL_PURPOSE))) ||
		skex_credential_encode(credential, order->text) != SKEX_OK)
		code = skex_command_misuse(
			"--peer %s: this cannot be the other agent's name", order->peer);
	json_decref(status);
	return code;
}

static int read_words_into(struct order *order, struct skex_credential *credential, char *text)
{
	int code = isatty(STDIN_FILENO) == 1 ? ask_words(credential->psk, text)
					     : pipe_words(credential->psk, text);

	return code == 0 ? fill(order, credential) : code;
}

static int read_words(struct order *order)
{
	struct skex_credential *credential = skex_secret_new(sizeof(*credential));
	char *text = skex_secret_new(WORDS_ROOM);
	int code;

	if (credential != NULL && text != NULL)
		code = read_words_into(order, credential, text);
	else
		code = skex_command_fail(SKEX_E_MEMORY, "free some memory", "no memory");
	skex_secret_free(text);
	skex_secret_free(credential);
	return code;
}

/* ---- the command ---- */

static json_t *request(const struct order *order)
{
	json_t *members = json_pack("{ss}", "credential", order->text);

	if (order->peer != NULL)
		(void)json_object_set_new(members, "peer", json_string(order->peer));
	if (order->address != NULL)
		(void)json_object_set_new(members, "address", json_string(order->address));
	return members;
}

static void print_text(const struct order *order, const json_t *answer, enum skex_carried_end end)
{
	const char *path =
		order->carried.image != NULL ? order->carried.image : order->carried.file;

	pair_print_ends(stdout, answer);
	printf("\nCompare with `skex pair show` at the other end: the fingerprint has to be the "
	       "same,\nand the slots different.\n");
	if (end == SKEX_CARRIED_DESTROYED)
		printf("%s is overwritten and removed, if the disk allows; destroy copies.\n",
			path);
	else if (end == SKEX_CARRIED_KEPT)
		printf("%s is kept: as long as it exists no key of this pair is forward secret.\n",
			path);
	else if (end == SKEX_CARRIED_ELSEWHERE)
		printf("Destroy what the credential came from: as long as a copy exists no key of "
		       "this pair\nis forward secret.\n");
}

static int finish(const struct order *order, json_t *answer)
{
	enum skex_carried_end end = SKEX_CARRIED_ELSEWHERE;

	if (!order->words)
		end = skex_carried_destroy(&order->carried);
	if (end == SKEX_CARRIED_LEFT)
		fprintf(stderr,
			"skex pair take: paired, but %s cannot be overwritten: destroy it, or "
			"nothing is forward secret\n",
			order->carried.image != NULL ? order->carried.image : order->carried.file);
	if (!order->local.json) {
		print_text(order, answer, end);
		return 0;
	}
	(void)json_object_set_new(answer, "credential_copy", json_string(skex_carried_word(end)));
	return skex_json_print(json_incref(answer));
}

int pair_run_take(int argc, char **argv)
{
	struct order order = {.peer = NULL};
	json_t *answer = NULL;
	int code = read_order(&order, argc, argv);

	/* zbarimg reads an image, and is started for it. */
	if (code == 0 && order.carried.image == NULL)
		code = skex_command_confine();
	if (code != 0)
		return code;
	pair_protect();
	order.text = skex_secret_new(TEXT_ROOM);
	if (order.text == NULL)
		return skex_command_fail(SKEX_E_MEMORY, "free some memory", "no memory");
	if (!order.words)
		code = read_carried(&order);
	if (code == 0 && order.carried.image != NULL)
		code = skex_command_confine();
	if (code == 0)
		code = skex_local_open(&order.local);
	if (code == 0 && order.words)
		code = read_words(&order);
	if (code == 0)
		code = skex_local_ask(&order.local, "pair_take", request(&order), &answer);
	skex_secret_free(order.text);
	if (code == 0)
		code = finish(&order, answer);
	json_decref(answer);
	skex_local_close(&order.local);
	return code;
}
