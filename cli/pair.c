/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/pair.h"
#include "cli/text.h"
#include "platform/memory.h"
#include "platform/posix.h"

/* pair ls, show and revoke, and what the others share. */

void pair_fingerprint(char text[static PAIR_FINGERPRINT_TEXT], const char *digits)
{
	size_t size = strnlen(digits, 16);
	size_t at = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		if (i > 0 && i % 4 == 0)
			text[at++] = ' ';
		text[at++] = digits[i];
	}
	text[at] = '\0';
}

void pair_protect(void)
{
	skex_process_protect();
	json_set_alloc_funcs(skex_secret_new, skex_secret_free);
}

void pair_print_ends(FILE *out, const json_t *pair)
{
	const uint64_t slot = skex_json_number(pair, "slot");
	char fingerprint[PAIR_FINGERPRINT_TEXT];

	pair_fingerprint(fingerprint, skex_json_text(pair, "fingerprint"));
	fprintf(out, "this end      %s, slot %" PRIu64 "\n", skex_json_text(pair, "identity"),
		slot);
	fprintf(out, "other end     %s, slot %" PRIu64 "\n", skex_json_text(pair, "peer"),
		slot == 0 ? (uint64_t)1 : 0);
	fprintf(out, "fingerprint   %s\n", fingerprint);
}

/* ---- ls and show ---- */

static void print_list(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "pairs");
	static const char *const heads[] = {
		"PEER", "FINGERPRINT", "IDENTITY", "SLOT", "STATE", "LAST SUCCESS"};
	const uint64_t now = skex_posix_wall_ms(NULL);
	struct skex_columns columns;
	size_t i;

	skex_columns_init(&columns, heads, sizeof(heads) / sizeof(heads[0]));
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *pair = json_array_get(list, i);
		char fingerprint[PAIR_FINGERPRINT_TEXT];
		char slot[SKEX_TEXT_MAX], age[SKEX_TEXT_MAX];
		const char *cells[] = {skex_json_text(pair, "peer"), fingerprint,
			skex_json_text(pair, "identity"), slot, skex_json_text(pair, "state"), age};

		pair_fingerprint(fingerprint, skex_json_text(pair, "fingerprint"));
		snprintf(slot, sizeof(slot), "%" PRIu64, skex_json_number(pair, "slot"));
		skex_text_age(age, skex_json_number(pair, "last_success_ms"), now);
		skex_columns_add(&columns, cells);
	}
	(void)skex_columns_print(&columns, stdout, "");
}

static int run_ls(int argc, char **argv)
{
	return skex_local_list(argc, argv, "pair_ls", print_list);
}

/* What a person is to look at when nothing was ever heard. */
static void explain_silence(const json_t *pair)
{
	const char *peer = skex_json_text(pair, "peer");

	printf("\nNo key was ever made with %s. Look at `skex pair show` of both ends:\n"
	       "- The fingerprints differ: the ends were told different things (another\n"
	       "  credential, a name, the slots, the depth), and hear nothing of each other.\n"
	       "  Revoke at both ends and pair again.\n"
	       "- They are the same: the datagrams do not arrive. Look at the address here, at\n"
	       "  pairwise.listen there, and at what filters UDP between both.\n"
	       "- The other end knows no such pair: take the credential in there.\n",
		peer);
}

static void print_pair(const json_t *pair)
{
	const char *address = skex_json_text(pair, "address");
	const char *heard = skex_json_text(pair, "heard_from");
	const uint64_t success = skex_json_number(pair, "last_success_ms");
	char age[SKEX_TEXT_MAX];

	skex_text_age(age, success, skex_posix_wall_ms(NULL));
	pair_print_ends(stdout, pair);
	printf("state         %s\n", skex_json_text(pair, "state"));
	printf("last success  %s\n", age);
	printf("depth         %" PRIu64 "\n", skex_json_number(pair, "depth"));
	printf("address       %s\n", address[0] != '\0' ? address : "where it is heard from");
	printf("heard from    %s\n", heard[0] != '\0' ? heard : "nowhere yet");
	printf("runs          %" PRIu64 " begun, %" PRIu64 " answered, %" PRIu64
	       " rekeyed, %" PRIu64 " failed\n",
		skex_json_number(pair, "runs_begun"), skex_json_number(pair, "runs_answered"),
		skex_json_number(pair, "rekeyed"), skex_json_number(pair, "runs_failed"));
	printf("dropped       %" PRIu64 " forged, %" PRIu64 " too often\n",
		skex_json_number(pair, "forged"), skex_json_number(pair, "limited"));
	if (success == 0)
		explain_silence(pair);
}

static const json_t *find(const json_t *list, const char *peer)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (strcmp(skex_json_text(json_array_get(list, i), "peer"), peer) == 0)
			return json_array_get(list, i);
	return NULL;
}

/* As the daemon says it of pair_revoke. */
static int unpaired(struct skex_local *local, const char *peer)
{
	struct skex_client_error *error = &local->error;

	memset(error, 0, sizeof(*error));
	error->error_class = SKEX_CLIENT_REFUSED;
	snprintf(error->code, sizeof(error->code), "unpaired");
	snprintf(error->message, sizeof(error->message), "this agent is not paired with %.80s",
		peer);
	snprintf(error->act, sizeof(error->act), "see skex pair ls");
	return skex_local_fail(local);
}

static int run_show(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	json_t *answer = NULL;
	const json_t *pair = NULL;
	const char *peer = "";
	int code = skex_arguments_read(argc, argv, table, &peer, 1);

	if (code == 0)
		code = skex_local_open(&local);
	if (code == 0)
		code = skex_local_ask(&local, "pair_ls", json_object(), &answer);
	if (code == 0) {
		pair = find(json_object_get(answer, "pairs"), peer);
		if (pair == NULL)
			code = unpaired(&local, peer);
	}
	if (code == 0 && local.json)
		code = skex_json_print(json_deep_copy(pair));
	else if (code == 0)
		print_pair(pair);
	json_decref(answer);
	skex_local_close(&local);
	return code;
}

/* ---- revoke ---- */

static int run_revoke(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	json_t *answer = NULL;
	const char *peer = "";
	int code = skex_arguments_read(argc, argv, table, &peer, 1);

	if (code == 0)
		code = skex_local_open(&local);
	if (code == 0)
		code = skex_local_ask(
			&local, "pair_revoke", json_pack("{ss}", "peer", peer), &answer);
	if (code == 0 && local.json)
		code = skex_json_print(json_incref(answer));
	else if (code == 0)
		printf("revoked %s; its end has to be revoked there: skex pair revoke\n", peer);
	json_decref(answer);
	skex_local_close(&local);
	return code;
}

const struct skex_command skex_pair_commands[] = {
	{"make",
		"PEER [--out FILE | --qr | --words] [--address HOST:PORT] [--depth 0|8|32] "
		"[--json] [--socket PATH]",
		"make a credential that another agent takes in", pair_run_make},
	{"take",
		"(--in FILE|- | --qr-image FILE | --words [--slot 0|1] [--depth 0|8|32]) "
		"[--peer PEER] [--address HOST:PORT] [--keep] [--json] [--socket PATH]",
		"take in the credential that another agent made", pair_run_take},
	{"ls", "[--json] [--socket PATH]", "list the pairs and their fingerprints", run_ls},
	{"show", "PEER [--json] [--socket PATH]",
		"what is known of one pair, and what its silence means", run_show},
	{"revoke", "PEER [--json] [--socket PATH]", "end a pair at this end", run_revoke},
	{.name = NULL},
};
