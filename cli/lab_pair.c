/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/ask.h"
#include "cli/lab.h"

/* Every two agents of a lab are paired: what `skex pair make` and `skex pair take` do, without the
 * person who carries the credential. */

#define ASK_MS 20000

static enum skex_error ask(const struct lab *lab, const struct lab_node *agent, json_t *request,
	json_t **answer, struct skex_reason *reason)
{
	char socket[LAB_PATH_MAX];

	lab_path(socket, lab, agent, "api.sock");
	return skex_ask(socket, request, ASK_MS, answer, reason);
}

static enum skex_error pair(const struct lab *lab, const struct lab_node *maker,
	const struct lab_node *taker, struct skex_reason *reason)
{
	json_t *made = NULL, *taken = NULL, *request;
	enum skex_error error;

	error = ask(lab, maker, json_pack("{ss ss}", "op", "pair_make", "peer", taker->name), &made,
		reason);
	if (error != SKEX_OK)
		return error;
	request = json_pack(
		"{ss sO}", "op", "pair_take", "credential", json_object_get(made, "credential"));
	error = ask(lab, taker, request, &taken, reason);
	skex_json_wipe(json_object_get(made, "credential"));
	json_decref(made);
	json_decref(taken);
	return error;
}

enum skex_error lab_pair_all(const struct lab *lab, struct skex_reason *reason)
{
	enum skex_error error = SKEX_OK;

	for (unsigned i = 0; i < lab->m; i++)
		for (unsigned j = i + 1; j < lab->m && error == SKEX_OK; j++)
			error = pair(lab, &lab->agents[i], &lab->agents[j], reason);
	return error;
}
