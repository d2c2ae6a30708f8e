/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/command.h"
#include "cli/key_output.h"
#include "cli/pair.h"
#include "cli/qr.h"
#include "core/base/mem.h"
#include "pairwise/credential.h"
#include "pairwise/words.h"
#include "platform/memory.h"
#include "platform/posix.h"

/* pair make: the agent makes the credential, here it is given to whoever carries it. */

struct order {
	struct skex_local local;
	const char *peer;
	const char *address;
	uint64_t depth;
	const char *out;
	bool qr;
	bool words;
	struct skex_key_output output;
};

/* Where the credential goes, checked before one is made. */
static int open_output(struct order *order)
{
	const int ways = (order->out != NULL) + order->qr + order->words;

	if (ways > 1)
		return skex_command_misuse("--out, --qr and --words: one of them");
	if (order->local.json && order->out == NULL)
		return skex_command_misuse("--json goes with --out: the credential is not shown");
	if (order->out != NULL && access(order->out, F_OK) == 0)
		return skex_command_misuse("%s is there already: name a new file", order->out);
	if (order->out != NULL)
		return skex_key_output_file(&order->output, order->out);
	if (ways == 1)
		return 0;
	if (isatty(STDOUT_FILENO) == 1)
		return skex_command_misuse("how is the credential carried? --out FILE, --qr or "
					   "--words");
	return skex_key_output_descriptor(&order->output, STDOUT_FILENO);
}

static int read_order(struct order *order, int argc, char **argv)
{
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&order->local),
		{"--out", SKEX_ARGUMENT_TEXT, &order->out, 0, 0},
		{"--qr", SKEX_ARGUMENT_FLAG, &order->qr, 0, 0},
		{"--words", SKEX_ARGUMENT_FLAG, &order->words, 0, 0},
		{"--address", SKEX_ARGUMENT_TEXT, &order->address, 0, 0},
		{"--depth", SKEX_ARGUMENT_NUMBER, &order->depth, 0, 32}, {.name = NULL}};
	int code = skex_arguments_read(argc, argv, table, &order->peer, 1);

	if (code == 0 && order->depth != 0 && order->depth != 8 && order->depth != 32)
		code = skex_command_misuse("--depth has to be 0, 8 or 32");
	return code;
}

static int write_words(const char *credential, struct skex_credential *made, char *text)
{
	if (skex_credential_decode(made, skex_view(credential, strlen(credential))) != SKEX_OK)
		return skex_command_fail(SKEX_E_SYNTAX,
			"check that skex and skexd are of the same version",
			"the daemon's answer cannot be read");
	skex_words_encode(text, made->psk);
	if (!skex_write_all(STDOUT_FILENO, text, strlen(text)))
		return skex_command_fail(
			SKEX_E_IO, "mend the output", "the words cannot be written");
	return 0;
}

static int print_words(const char *credential)
{
	struct skex_credential *made = skex_secret_new(sizeof(*made));
	char *text = skex_secret_new(SKEX_WORDS_TEXT);
	int code;

	if (made != NULL && text != NULL)
		code = write_words(credential, made, text);
	else
		code = skex_command_fail(SKEX_E_MEMORY, "free some memory", "no memory");
	skex_secret_free(text);
	skex_secret_free(made);
	return code;
}

static int print_qr(const char *credential)
{
	struct skex_reason reason;

	if (skex_qr_draw(STDOUT_FILENO, credential, &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	return 0;
}

static int give(struct order *order, const json_t *answer)
{
	const char *credential = skex_json_text(answer, "credential");

	if (order->qr)
		return print_qr(credential);
	if (order->words)
		return print_words(credential);
	return skex_key_output_text(&order->output, credential);
}

/* A credential that nobody has is of no use to this agent either. */
static void take_back(struct order *order)
{
	if (skex_local_ask(&order->local, "pair_revoke", json_pack("{ss}", "peer", order->peer),
		    NULL) == 0)
		fprintf(stderr, "The pair was revoked again: nobody has its credential.\n");
}

static void print_text(const struct order *order, const json_t *answer)
{
	/* Beside a credential on standard output. */
	FILE *out = order->out != NULL || isatty(STDOUT_FILENO) == 1 ? stdout : stderr;

	pair_print_ends(out, answer);
	fprintf(out, "\n");
	if (order->words)
		fprintf(out, "At %s: skex pair take --words --peer %s%s\n", order->peer,
			skex_json_text(answer, "identity"),
			order->depth == 0           ? ""
				: order->depth == 8 ? " --depth 8"
						    : " --depth 32");
	else if (order->qr)
		fprintf(out,
			"At %s: skex pair take --qr-image FILE, or its text on standard "
			"input\n",
			order->peer);
	else
		fprintf(out, "At %s: skex pair take --in FILE\n", order->peer);
	fprintf(out,
		"Compare the fingerprint there: it has to be the same, and the slots different.\n"
		"As long as a copy of the credential exists (a file, a picture, paper, words on "
		"a screen)\nno key of this pair is forward secret: destroy them all.\n");
}

static int print_json(const struct order *order, json_t *answer)
{
	(void)json_object_del(answer, "credential");
	(void)json_object_set_new(answer, "credential_file", json_string(order->out));
	return skex_json_print(json_incref(answer));
}

static json_t *request(const struct order *order)
{
	json_t *members =
		json_pack("{ss sI}", "peer", order->peer, "depth", (json_int_t)order->depth);

	if (order->address != NULL)
		(void)json_object_set_new(members, "address", json_string(order->address));
	return members;
}

int pair_run_make(int argc, char **argv)
{
	struct order order = {.output = {.descriptor = -1}};
	json_t *answer = NULL;
	int code = read_order(&order, argc, argv);

	pair_protect();
	/* A reader that went away is an error, after which the pair is revoked again. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (code == 0)
		code = open_output(&order);
	if (code == 0)
		code = skex_local_open(&order.local);
	if (code == 0)
		code = skex_local_ask(&order.local, "pair_make", request(&order), &answer);
	if (code == 0) {
		code = give(&order, answer);
		if (code != 0)
			take_back(&order);
	}
	if (code == 0 && order.local.json)
		code = print_json(&order, answer);
	else if (code == 0)
		print_text(&order, answer);
	skex_key_output_end(&order.output);
	json_decref(answer);
	skex_local_close(&order.local);
	return code;
}
