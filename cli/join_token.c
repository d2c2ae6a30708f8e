/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/join.h"
#include "crypto/openssl.h"
#include "net/loop.h"
#include "platform/memory.h"
#include "platform/posix.h"
#include "store/state.h"
#include "token/joiner.h"

/* Joining on line with a token: through the daemon, or on the agent's directory with a loop of our
 * own. */

/* ---- through the daemon -----------------------------------------------------------------------
 */

static enum skex_error join_running(const struct skex_join_order *order, const char *text,
	struct skex_join_result *result, struct skex_reason *reason)
{
	/* The line alone: what stands around it is no matter of the daemon's. */
	const size_t begin = strspn(text, " \t\r\n");
	const size_t size = strcspn(text + begin, " \t\r\n");
	json_t *request = json_pack("{ss ss%}", "op", "join", "token", text + begin, size);

	return skex_join_ask(order, request, json_object_get(request, "token"), result, reason);
}

/* ---- on the directory -------------------------------------------------------------------------
 */

struct offline {
	struct skex_loop *loop;
	struct skex_joiner *joiner;
	struct skex_store *store;
	struct skex_reason *reason;
	enum skex_error error;
	bool over;
};

static uint64_t turn(void *owner, uint64_t now_ms)
{
	struct offline *offline = owner;
	uint64_t next_ms = now_ms;
	uint64_t store_ms;
	enum skex_error error = SKEX_OK;

	if (!offline->over)
		error = skex_joiner_step(offline->joiner, now_ms, &next_ms, offline->reason);
	if (error == SKEX_E_BUSY)
		next_ms = now_ms;
	if (!offline->over && skex_joiner_over(offline->joiner)) {
		offline->over = true;
		offline->error = error;
	}
	if (offline->over) {
		next_ms = now_ms + 10;
		if (skex_joiner_stop(offline->joiner, now_ms))
			skex_loop_stop(offline->loop);
	}
	store_ms = skex_store_turn(offline->store, now_ms);
	return store_ms < next_ms ? store_ms : next_ms;
}

static void stopping(void *owner)
{
	struct offline *offline = owner;

	if (!offline->over)
		offline->error = skex_reason_set(offline->reason, SKEX_E_STATE, "stopped",
			"join again with the same token", "stopped before it was done");
	offline->over = true;
	skex_loop_stop(offline->loop);
}

static void fill_result(const struct skex_joiner *joiner, struct skex_join_result *result)
{
	const struct skex_kit_header *header = skex_joiner_header(joiner);

	(void)snprintf(result->agent, sizeof(result->agent), "%s", header->agent.text);
	(void)snprintf(result->hub, sizeof(result->hub), "%s", header->hub_name.text);
	(void)snprintf(result->leg, sizeof(result->leg), "%016" PRIx64, header->leg);
	(void)snprintf(result->class, sizeof(result->class), "computational");
	result->replaced = skex_joiner_replaced(joiner);
}

static enum skex_error join_state(const struct skex_join_order *order,
	const struct skex_token *token, const uint8_t *kek, const struct skex_state *state,
	struct offline *offline, struct skex_join_result *result)
{
	struct skex_name agent = {0};
	const struct skex_join_setup setup = {
		.platform = skex_loop_platform(offline->loop),
		.crypto = skex_crypto_openssl(),
		.store = state->store,
		.registry = state->registry,
		.directory = order->directory,
		.kek = kek,
		.agent = order->agent == NULL ? NULL : &agent,
		.replace = order->replace,
	};

	if (order->agent != NULL &&
		!skex_name_parse(&agent, skex_view(order->agent, strlen(order->agent))))
		return skex_reason_set(offline->reason, SKEX_E_ARGUMENT, "bad_name",
			"give another name", "%s is no name of an agent", order->agent);
	offline->error = skex_joiner_begin(&setup, token, &offline->joiner, offline->reason);
	if (offline->error != SKEX_OK)
		return offline->error;
	offline->store = state->store;
	offline->error = SKEX_E_STATE;
	skex_loop_run(offline->loop, turn, stopping, NULL, offline);
	if (offline->error == SKEX_OK)
		fill_result(offline->joiner, result);
	skex_joiner_free(offline->joiner);
	return offline->error;
}

static enum skex_error join_offline(const struct skex_join_order *order,
	const struct skex_token *token, struct skex_join_result *result, struct skex_reason *reason)
{
	uint8_t *kek = skex_secret_new(SKEX_KEK_BYTES);
	struct skex_state state = {NULL, NULL};
	struct offline offline = {.reason = reason};
	enum skex_error error = kek == NULL ? SKEX_E_MEMORY : skex_loop_new(&offline.loop);

	if (error != SKEX_OK) {
		skex_secret_free(kek);
		return skex_reason_set(reason, error, "memory", "free some memory", "no memory");
	}
	error = skex_join_open_state(skex_loop_platform(offline.loop), order, kek, &state, reason);
	if (error == SKEX_OK)
		error = join_state(order, token, kek, &state, &offline, result);
	skex_state_close(&state);
	skex_loop_free(offline.loop);
	skex_secret_free(kek);
	return error;
}

/* And not the hub, which cannot be reached by a daemon that runs. */
static bool no_daemon(const struct skex_reason *reason)
{
	return strcmp(reason->code, "no_daemon") == 0;
}

enum skex_error skex_join_token_order(const struct skex_join_order *order,
	struct skex_join_result *result, struct skex_reason *reason)
{
	struct {
		struct skex_token token;
		char text[SKEX_TOKEN_TEXT_MAX];
	} *secret = skex_secret_new(sizeof(*secret));
	enum skex_error error;

	if (secret == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	error = skex_carried_read(&order->token, secret->text, sizeof(secret->text), reason);
	if (error == SKEX_OK)
		error = skex_token_read(
			&secret->token, skex_view(secret->text, strlen(secret->text)), reason);
	if (error == SKEX_OK && order->replace) {
		error = join_offline(order, &secret->token, result, reason);
	} else if (error == SKEX_OK) {
		error = join_running(order, secret->text, result, reason);
		if (error == SKEX_E_OFFLINE && no_daemon(reason))
			error = join_offline(order, &secret->token, result, reason);
	}
	skex_secret_free(secret);
	return error;
}
