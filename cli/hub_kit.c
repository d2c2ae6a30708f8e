/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/hub.h"
#include "cli/kit_lock.h"

/* A kit is ordered at a hub and brought home. */

static json_t *make_request(const struct skex_hub_kit_order *order)
{
	json_t *request = json_pack(
		"{ss ss}", "op", order->refill ? "refill" : "enrol", "agent", order->agent);
	json_t *groups = NULL;

	if (request == NULL)
		return NULL;
	if (!order->ratchet)
		(void)json_object_set_new(
			request, "pad_bytes", json_integer((json_int_t)order->pad_bytes));
	if (order->groups_count > 0)
		groups = json_array();
	for (size_t i = 0; i < order->groups_count; i++)
		(void)json_array_append_new(groups, json_string(order->groups[i]));
	if (groups != NULL)
		(void)json_object_set_new(request, "groups", groups);
	if (order->pad_source != NULL)
		(void)json_object_set_new(request, "pad_source", json_string(order->pad_source));
	if (order->pad_source_unmarked)
		(void)json_object_set_new(request, "pad_source_unmarked", json_true());
	if (order->suite != NULL)
		(void)json_object_set_new(request, "suite", json_string(order->suite));
	if (order->ratchet)
		(void)json_object_set_new(request, "ratchet", json_true());
	if (order->again)
		(void)json_object_set_new(request, "again", json_true());
	return request;
}

/* Copies the kit that the answer describes; fills the result. */
static enum skex_error take(const struct skex_hub_kit_order *order, json_t *answer,
	struct skex_hub_kit_result *result, struct skex_reason *reason)
{
	const char *leg, *class;
	json_int_t generation;
	enum skex_error error;

	if (json_unpack(answer, "{ss ss sI}", "leg", &leg, "class", &class, "generation",
		    &generation) != 0 ||
		strlen(leg) >= sizeof(result->leg) || strlen(class) >= sizeof(result->class))
		return skex_reason_set(reason, SKEX_E_SYNTAX, "bad_answer",
			"use a skex of the hub's version", "the hub's answer makes no sense");
	error = skex_kit_bring(answer, order->out, &result->size, reason);
	if (error != SKEX_OK)
		return error;
	result->generation = (unsigned long)generation;
	memcpy(result->leg, leg, strlen(leg) + 1);
	memcpy(result->class, class, strlen(class) + 1);
	return SKEX_OK;
}

static enum skex_error order_kit(const struct skex_hub_kit_order *order, json_t *request,
	struct skex_hub_kit_result *result, struct skex_reason *reason)
{
	json_t *answer = NULL;
	enum skex_error error = skex_ask(order->admin, request, -1, &answer, reason);

	if (error != SKEX_OK)
		return error;
	error = take(order, answer, result, reason);
	skex_kit_json_wipe(answer);
	json_decref(answer);
	if (error != SKEX_OK)
		return error;
	error = skex_ask(order->admin,
		json_pack("{ss ss}", "op", "kit_taken", "agent", order->agent), -1, &answer,
		reason);
	if (error == SKEX_OK)
		json_decref(answer);
	return error;
}

enum skex_error skex_hub_kit_order(const struct skex_hub_kit_order *order,
	struct skex_hub_kit_result *result, struct skex_reason *reason)
{
	json_t *request = make_request(order);
	json_t *key;
	enum skex_error error = SKEX_OK;

	if (request == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	if (order->passphrase_file != NULL)
		error = skex_kit_lock_order(request, order->passphrase_file, reason);
	if (error != SKEX_OK) {
		json_decref(request);
		return error;
	}
	key = json_incref(json_object_get(request, "key"));
	error = order_kit(order, request, result, reason);
	skex_json_wipe(key);
	json_decref(key);
	return error;
}
