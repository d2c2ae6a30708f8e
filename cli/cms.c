/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cms_input.h"
#include "cli/command.h"
#include "cli/key_output.h"
#include "cli/local.h"
#include "deliver/openssl/cms.h"
#include "platform/memory.h"
#include "platform/posix.h"

/* cms encrypt and cms decrypt: messages of CMS for another agent. */

#define PURPOSE_DEFAULT "cms:default"
#define PURPOSE_KIND    "cms:"
#define WAIT_DEFAULT_MS 5000u /* the first keys of a purpose have to be made */

struct order {
	struct skex_local local;
	struct skex_client_request request;
	struct skex_identity identity; /* of the key */
	struct skex_name own;
	struct cms_input input;
	struct skex_key_output output;
	const char *require;
	const char *in;
	const char *out;
	uint64_t wait_ms;
	int write_error; /* errno of the write that failed */
};

/* ---- the order ---- */

static int read_order(struct order *order, int argc, char **argv)
{
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&order->local),
		{"--peer", SKEX_ARGUMENT_TEXT, &order->request.peer, 0, 0},
		{"--purpose", SKEX_ARGUMENT_TEXT, &order->request.purpose, 0, 0},
		{"--require", SKEX_ARGUMENT_TEXT, &order->require, 0, 0},
		{"--wait", SKEX_ARGUMENT_TIME, &order->wait_ms, 0, 600000},
		{"--in", SKEX_ARGUMENT_TEXT, &order->in, 0, 0},
		{"--out", SKEX_ARGUMENT_TEXT, &order->out, 0, 0}, {.name = NULL}};
	int code;

	order->input.descriptor = -1;
	order->input.spool = -1;
	order->output.descriptor = -1;
	order->wait_ms = WAIT_DEFAULT_MS;
	code = skex_arguments_read(argc, argv, table, NULL, 0);
	order->request.wait_ms = (uint32_t)order->wait_ms;
	if (code == 0)
		code = skex_require_read(order->require, &order->request.require);
	if (code == 0 && order->request.purpose != NULL &&
		strncmp(order->request.purpose, PURPOSE_KIND, strlen(PURPOSE_KIND)) != 0)
		code = skex_command_misuse("--purpose begins with " PURPOSE_KIND);
	if (code == 0 && order->local.json && order->out == NULL)
		code = skex_command_misuse("--json goes with --out");
	return code;
}

/* Both ends of the way, before a key is taken. */
static int open_ends(struct order *order)
{
	int code = cms_input_open(&order->input, order->in);

	if (code != 0)
		return code;
	if (order->out != NULL)
		return skex_key_output_file(&order->output, order->out);
	if (isatty(STDOUT_FILENO) == 1)
		return skex_command_misuse("standard output is a terminal; give --out FILE");
	return skex_key_output_descriptor(&order->output, STDOUT_FILENO);
}

static int ask_name(struct order *order)
{
	json_t *status = NULL;
	int code = skex_local_status(&order->local, &status);
	const char *name = skex_json_text(status, "name");

	if (code == 0 && !skex_name_parse(&order->own, skex_view(name, strlen(name))))
		code = skex_command_fail(SKEX_E_SYNTAX, "check that the socket is skexd's",
			"the daemon does not say its agent's name");
	json_decref(status);
	return code;
}

static int begin(struct order *order, int argc, char **argv)
{
	int code = read_order(order, argc, argv);

	skex_process_protect();
	if (code == 0)
		code = open_ends(order);
	if (code == 0)
		code = skex_local_open(&order->local);
	return code == 0 ? ask_name(order) : code;
}

static int end(struct order *order, struct skex_client_keys *keys, int code)
{
	skex_client_keys_free(keys);
	skex_key_output_end(&order->output);
	cms_input_close(&order->input);
	skex_local_close(&order->local);
	return code;
}

/* ---- what is told ---- */

static int fail_input(
	const struct order *order, const char *act, enum skex_error error, const char *what)
{
	return skex_command_fail(error, act, "%s: %s", cms_input_name(&order->input), what);
}

/* A failure of what reads and writes; what is for all others. */
static int fail_streams(const struct order *order, enum skex_error error, const char *what)
{
	if (error == SKEX_E_IO && order->write_error != 0)
		return skex_command_fail(error, "mend what the message says", "writing to %s: %s",
			order->out != NULL ? order->out : "standard output",
			strerror(order->write_error));
	if (error == SKEX_E_IO)
		return fail_input(
			order, "mend what the message says", error, strerror(order->input.error));
	if (error == SKEX_E_QUOTA)
		return fail_input(order, "cut it into parts", error,
			"it is longer than 64 GiB, the most that AES-GCM can encrypt");
	if (error == SKEX_E_AUTH)
		return fail_input(order, "have it encrypted anew: its key is used up", error, what);
	if (error == SKEX_E_SYNTAX)
		return fail_input(
			order, "get the message again; its key was not touched", error, what);
	return fail_input(
		order, "look at the installation of OpenSSL, and at the memory", error, what);
}

static int tell(const struct order *order, const char *doing)
{
	const struct skex_identity *identity = &order->identity;

	if (order->local.json)
		return skex_json_print(json_pack("{ss ss ss ss}", "key_id", identity->key_id,
			"from", identity->from.text, "to", identity->to.text, "purpose",
			identity->purpose));
	fprintf(stderr, "%s %s to %s, key %s, purpose %s\n", doing, identity->from.text,
		identity->to.text, identity->key_id, identity->purpose);
	return 0;
}

static enum skex_error write_some(void *owner, const uint8_t *data, size_t size)
{
	struct order *order = owner;

	if (skex_write_all(order->output.descriptor, data, size))
		return SKEX_OK;
	order->write_error = errno;
	return SKEX_E_IO;
}

static enum skex_error write_nothing(void *owner, const uint8_t *data, size_t size)
{
	(void)owner, (void)data, (void)size;
	return SKEX_OK;
}

static int check_key(const struct skex_client_keys *keys)
{
	if (keys->list[0].size == CMS_KEY_BYTES)
		return 0;
	return skex_command_fail(SKEX_E_REFUSED, "have it encrypted with `skex cms encrypt`",
		"the key that the message names is not one of 256 bits");
}

/* ---- encrypt ---- */

static int seal(struct order *order, const struct skex_client_key *key)
{
	const struct cms_sink sink = {.write = write_some, .owner = order};
	struct skex_identity *identity = &order->identity;
	const char *peer = order->request.peer;
	enum skex_error error;

	memcpy(identity->key_id, key->id, sizeof(identity->key_id));
	identity->from = order->own;
	if (!skex_name_parse(&identity->to, skex_view(peer, strlen(peer))))
		return skex_command_misuse("--peer is no name of an agent");
	snprintf(identity->purpose, sizeof(identity->purpose), "%s", order->request.purpose);
	error = cms_seal(key->bytes, identity, cms_input_source(&order->input), sink);
	if (error != SKEX_OK)
		return fail_streams(order, error, "OpenSSL cannot encrypt it");
	return skex_key_output_finish(&order->output);
}

static int run_encrypt(int argc, char **argv)
{
	struct order order = {.wait_ms = 0};
	struct skex_client_keys *keys = NULL;
	int code = begin(&order, argc, argv);

	if (code == 0 && order.request.peer == NULL)
		code = skex_command_misuse("--peer is missing: for which agent is it?");
	if (order.request.purpose == NULL)
		order.request.purpose = PURPOSE_DEFAULT;
	if (code == 0 &&
		skex_client_get(order.local.client, &order.request, &keys, &order.local.error) !=
			SKEX_CLIENT_OK)
		code = skex_local_fail(&order.local);
	if (code == 0)
		code = check_key(keys);
	if (code == 0)
		code = seal(&order, &keys->list[0]);
	if (code == 0)
		code = tell(&order, "encrypted, from");
	return end(&order, keys, code);
}

/* ---- decrypt ---- */

/* May this message be opened, as far as it can be known without a key? */
static int check_recipient(const struct order *order, const struct cms_message *message)
{
	const struct skex_identity *identity = &message->identity;
	const struct skex_client_request *request = &order->request;

	if (message->recipient == CMS_NONE)
		return fail_input(order, "open it with what made it, openssl-cms(1) for instance",
			SKEX_E_UNKNOWN, "no key of skex can open it");
	if (message->recipient == CMS_OTHER)
		return skex_command_fail(SKEX_E_REFUSED, "take it to that agent",
			"%s: it is for the agent %s, and this is %s", cms_input_name(&order->input),
			identity->to.text, order->own.text);
	if (request->peer != NULL && strcmp(request->peer, identity->from.text) != 0)
		return skex_command_fail(SKEX_E_REFUSED,
			"name that peer, if you expect it from there",
			"%s: it is from the agent %s, not from %s", cms_input_name(&order->input),
			identity->from.text, request->peer);
	/* Of other kinds no key is touched: they are for other consumers. */
	if ((request->purpose != NULL && strcmp(request->purpose, identity->purpose) != 0) ||
		strncmp(identity->purpose, PURPOSE_KIND, strlen(PURPOSE_KIND)) != 0)
		return skex_command_fail(SKEX_E_REFUSED,
			"name its purpose, if it begins with " PURPOSE_KIND,
			"%s: its key is for the purpose %s", cms_input_name(&order->input),
			identity->purpose);
	return 0;
}

/* Reads all of it without a key, which is given out once: not for a message that is cut off. */
static int look(struct order *order, struct cms_message *message)
{
	const struct cms_sink none = {.write = write_nothing};
	enum skex_error error;
	int code = cms_input_spool(&order->input, order->out == NULL);

	if (code != 0)
		return code;
	error = cms_open_begin(message, &order->own, cms_input_source(&order->input));
	if (error == SKEX_OK)
		error = cms_open_rest(message, NULL, none);
	if (error != SKEX_OK)
		return fail_streams(order, error, message->ber.wrong);
	code = check_recipient(order, message);
	if (code != 0)
		return code;
	/* Now, so that a full disk does not cost the key. */
	if (order->out != NULL && message->content_bytes > 0 &&
		fallocate(order->output.descriptor, FALLOC_FL_KEEP_SIZE, 0,
			(off_t)message->content_bytes) != 0 &&
		errno == ENOSPC)
		return skex_command_fail(
			SKEX_E_IO, "make room", "%s: %s", order->out, strerror(errno));
	return 0;
}

static int open_with(
	struct order *order, struct cms_message *message, const uint8_t *key, struct cms_sink sink)
{
	int code = cms_input_rewind(&order->input);
	enum skex_error error;

	if (code != 0)
		return code;
	error = cms_open_begin(message, &order->own, cms_input_source(&order->input));
	if (error == SKEX_OK)
		error = cms_open_rest(message, key, sink);
	return error == SKEX_OK ? 0 : fail_streams(order, error, message->ber.wrong);
}

/* A file gets its name when all is verified.  For standard output it is decrypted twice: once to
 * verify it, and nothing that is decrypted lies on a disk in between. */
static int open_message(struct order *order, struct cms_message *message, const uint8_t *key)
{
	const struct cms_sink none = {.write = write_nothing};
	const struct cms_sink sink = {.write = write_some, .owner = order};
	int code = 0;

	if (order->out == NULL)
		code = open_with(order, message, key, none);
	if (code == 0)
		code = open_with(order, message, key, sink);
	return code == 0 ? skex_key_output_finish(&order->output) : code;
}

static int fetch(struct order *order, struct skex_client_keys **keys)
{
	const char *id = order->identity.key_id;

	order->request.peer = order->identity.from.text;
	order->request.purpose = order->identity.purpose;
	if (skex_client_fetch(order->local.client, &order->request, &id, 1, keys,
		    &order->local.error) != SKEX_CLIENT_OK)
		return skex_local_fail(&order->local);
	return check_key(*keys);
}

static int run_decrypt(int argc, char **argv)
{
	struct cms_message *message = calloc(1, sizeof(*message));
	struct order order = {.wait_ms = 0};
	struct skex_client_keys *keys = NULL;
	int code = begin(&order, argc, argv);

	if (code == 0 && message == NULL)
		code = skex_command_fail(SKEX_E_MEMORY, "free memory", "there is no memory");
	if (code == 0)
		code = skex_command_confine();
	if (code == 0 && message != NULL) {
		code = look(&order, message);
		order.identity = message->identity;
	}
	if (code == 0)
		code = fetch(&order, &keys);
	if (code == 0 && message != NULL)
		code = open_message(&order, message, keys->list[0].bytes);
	if (code == 0)
		code = tell(&order, "decrypted, from");
	free(message);
	return end(&order, keys, code);
}

const struct skex_command skex_cms_commands[] = {
	{"encrypt",
		"--peer PEER [--purpose cms:NAME] [--require its,confirmed,forward-secret] "
		"[--wait TIME] [--in FILE] [--out FILE [--json]] [--socket PATH]",
		"encrypt a message for the agent PEER, as CMS", run_encrypt},
	{"decrypt",
		"[--peer PEER] [--purpose cms:NAME] [--require its,confirmed,forward-secret] "
		"[--wait TIME] [--in FILE] [--out FILE [--json]] [--socket PATH]",
		"decrypt a message that a peer encrypted", run_decrypt},
	{.name = NULL},
};
