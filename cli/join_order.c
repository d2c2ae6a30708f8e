/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/join.h"
#include "cli/kit_lock.h"
#include "crypto/openssl.h"
#include "enrol/join.h"
#include "enrol/unlock.h"
#include "platform/memory.h"
#include "platform/posix.h"
#include "store/state.h"

static void wake(void *context)
{
	(void)context;
}

static const struct skex_platform platform = {
	.now_ms = skex_posix_now_ms,
	.wall_ms = skex_posix_wall_ms,
	.random = skex_posix_random,
	.log = skex_posix_log,
	.wake = wake,
	.files = &skex_posix_files,
};

/* ---- through the daemon -----------------------------------------------------------------------
 */

static enum skex_error read_answer(
	json_t *answer, struct skex_join_result *result, struct skex_reason *reason)
{
	const char *agent, *hub, *type, *leg, *class;
	json_int_t generation;

	if (json_unpack(answer, "{ss ss ss ss ss sI}", "agent", &agent, "hub", &hub, "type", &type,
		    "leg", &leg, "class", &class, "generation", &generation) != 0)
		return skex_reason_set(reason, SKEX_E_SYNTAX, "bad_answer",
			"use a skex of the daemon's version",
			"it was taken in, but the daemon's answer makes no sense");
	(void)snprintf(result->agent, sizeof(result->agent), "%s", agent);
	(void)snprintf(result->hub, sizeof(result->hub), "%s", hub);
	(void)snprintf(result->leg, sizeof(result->leg), "%s", leg);
	(void)snprintf(result->class, sizeof(result->class), "%s", class);
	result->refill = strcmp(type, "refill") == 0;
	result->generation = (uint32_t)generation;
	result->running = true;
	return SKEX_OK;
}

enum skex_error skex_join_ask(const struct skex_join_order *order, json_t *request, json_t *secret,
	struct skex_join_result *result, struct skex_reason *reason)
{
	json_t *answer;
	enum skex_error error;

	json_incref(secret);
	error = skex_ask(order->socket, request, -1, &answer, reason);
	skex_json_wipe(secret);
	json_decref(secret);
	if (error != SKEX_OK)
		return error;
	error = read_answer(answer, result, reason);
	json_decref(answer);
	return error;
}

static enum skex_error join_running(const struct skex_join_order *order,
	const struct skex_kit_lock *lock, struct skex_join_result *result,
	struct skex_reason *reason)
{
	char *path = realpath(order->kit, NULL);
	json_t *request = json_pack("{ss ss}", "op", "join", "kit", path == NULL ? "" : path);
	enum skex_error error;

	free(path);
	error = skex_kit_lock_give(request, lock, reason);
	if (error != SKEX_OK) {
		json_decref(request);
		return error;
	}
	return skex_join_ask(order, request, json_object_get(request, "key"), result, reason);
}

/* ---- on the directory -------------------------------------------------------------------------
 */

enum skex_error skex_join_open_state(const struct skex_platform *on,
	const struct skex_join_order *order, uint8_t *kek, struct skex_state *state,
	struct skex_reason *reason)
{
	const struct skex_unlock from = {order->kek_file, order->kek_credential,
		order->kek_passphrase_file, order->directory};
	enum skex_error error = skex_unlock(on, &from, kek, reason);

	if (error != SKEX_OK)
		return error;
	error = skex_state_open(on, skex_crypto_openssl(), order->directory, kek, state);
	if (error == SKEX_E_BUSY && order->replace)
		return skex_reason_set(reason, error, "directory_busy",
			"stop skexd, and start it again afterwards",
			"%s: skexd has it, and a leg is replaced while it does not run",
			order->directory);
	if (error == SKEX_E_BUSY)
		return skex_reason_set(reason, error, "directory_busy",
			"name the daemon's socket with --socket, or stop it",
			"%s: skexd has it, and does not answer at %s", order->directory,
			order->socket);
	if (error == SKEX_E_AUTH)
		return skex_reason_set(reason, error, "kek", "give the key file of this agent",
			"%s: this is not its key-encryption key", order->directory);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "directory",
			"check the path, who may write there, and the disk",
			"%s: the state cannot be opened (%s)", order->directory,
			skex_error_name(error));
	return SKEX_OK;
}

static enum skex_error run_steps(
	struct skex_join *join, struct skex_store *store, struct skex_reason *reason)
{
	const struct timespec pause = {0, 1000000};
	enum skex_error error;

	for (;;) {
		error = skex_join_step(join, reason);
		if (error != SKEX_E_BUSY && error != SKEX_E_EMPTY)
			return error;
		(void)skex_store_turn(store, skex_posix_now_ms(NULL));
		skex_posix_files_turn();
		if (error == SKEX_E_EMPTY)
			(void)nanosleep(&pause, NULL);
	}
}

static void fill_result(const struct skex_join *join, struct skex_join_result *result)
{
	const struct skex_kit_header *header = skex_join_header(join);

	(void)snprintf(result->agent, sizeof(result->agent), "%s", header->agent.text);
	(void)snprintf(result->hub, sizeof(result->hub), "%s", header->hub_name.text);
	(void)snprintf(result->leg, sizeof(result->leg), "%016" PRIx64, header->leg);
	(void)snprintf(result->class, sizeof(result->class), "%s",
		skex_join_class(join) == SKEX_CLASS_ITS ? "its" : "computational");
	result->refill = header->type == SKEX_KIT_REFILL;
	result->generation = header->generation;
	result->replaced = skex_join_replaced(join);
	result->running = false;
}

static enum skex_error join_state(const struct skex_join_order *order,
	const struct skex_kit_lock *lock, const uint8_t *kek, const struct skex_state *state,
	struct skex_join_result *result, struct skex_reason *reason)
{
	struct skex_name agent = {0};
	const struct skex_join_setup setup = {
		.platform = &platform,
		.crypto = skex_crypto_openssl(),
		.store = state->store,
		.registry = state->registry,
		.directory = order->directory,
		.kek = kek,
		.agent = order->agent == NULL ? NULL : &agent,
		.replace = order->replace,
	};
	struct skex_join *join;
	enum skex_error error;

	if (order->agent != NULL &&
		!skex_name_parse(&agent, skex_view(order->agent, strlen(order->agent))))
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "bad_name", "give another name",
			"%s is no name of an agent", order->agent);
	error = skex_join_begin(
		&setup, order->kit, lock->passphrase ? lock->key : NULL, &join, reason);
	if (error != SKEX_OK)
		return error;
	error = run_steps(join, state->store, reason);
	if (error == SKEX_OK)
		fill_result(join, result);
	skex_join_free(join);
	return error;
}

static enum skex_error join_offline(const struct skex_join_order *order,
	const struct skex_kit_lock *lock, struct skex_join_result *result,
	struct skex_reason *reason)
{
	uint8_t *kek = skex_secret_new(SKEX_KEK_BYTES);
	struct skex_state state = {NULL, NULL};
	enum skex_error error;

	if (kek == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	error = skex_join_open_state(&platform, order, kek, &state, reason);
	if (error == SKEX_OK)
		error = join_state(order, lock, kek, &state, result, reason);
	skex_state_close(&state);
	skex_secret_free(kek);
	return error;
}

enum skex_error skex_join_order(const struct skex_join_order *order,
	struct skex_join_result *result, struct skex_reason *reason)
{
	struct skex_kit_lock lock;
	enum skex_error error =
		skex_kit_lock_find(order->kit, order->passphrase_file, &lock, reason);

	if (error != SKEX_OK)
		return error;
	if (order->replace)
		error = join_offline(order, &lock, result, reason);
	else {
		error = join_running(order, &lock, result, reason);
		if (error == SKEX_E_OFFLINE)
			error = join_offline(order, &lock, result, reason);
	}
	skex_kit_lock_clear(&lock);
	return error;
}
