/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/reseed.h"

#include "core/base/mem.h"

/* The listener of the window that is not there any more listens to nothing. */
static void swap_ids(struct skex_pairwise *pairwise)
{
	uint8_t(*ids)[SKEX_PAIRWISE_ID_BYTES] = pairwise->main.ids;

	pairwise->main.ids = pairwise->spare->ids;
	pairwise->spare->ids = ids;
}

enum skex_error skex_pairwise_reseed_own(struct skex_pairwise *pairwise)
{
	struct skex_pairwise_state *state = pairwise->state;
	struct skex_pairwise_reseed *reseed = state->reseed;
	struct skex_pairwise_window old = state->in;
	struct skex_pairwise_listener listener = pairwise->main;
	enum skex_error error;

	/* The new window takes the nodes that are not in use. */
	state->in.tree.nodes = reseed->spare.tree.nodes;
	error = skex_pairwise_state_renew(state, pairwise->crypto, reseed->secret);
	if (error != SKEX_OK)
		state->in = old;
	else
		reseed->spare = old;
	/* Both have chain keys. */
	skex_wipe(&old, sizeof(old));
	if (error != SKEX_OK) {
		skex_wipe(&listener, sizeof(listener));
		return error;
	}
	pairwise->claim = 0;
	reseed->pending = SKEX_PAIRWISE_PENDING_OLD;
	skex_wipe(reseed->secret, sizeof(reseed->secret));
	swap_ids(pairwise);
	pairwise->spare->window = &reseed->spare;
	pairwise->spare->ahead = listener.ahead;
	pairwise->spare->listed = listener.listed;
	skex_wipe(&listener, sizeof(listener));
	memset(&pairwise->main.ahead, 0, sizeof(pairwise->main.ahead));
	pairwise->main.listed = 0;
	error = skex_pairwise_list(pairwise, &pairwise->main);
	if (error == SKEX_OK)
		error = skex_pairwise_locate(pairwise);
	if (error != SKEX_OK)
		pairwise->broken = true;
	return error;
}

void skex_pairwise_reseed_forget(struct skex_pairwise *pairwise)
{
	struct skex_pairwise_reseed *reseed = pairwise->state->reseed;

	skex_pairwise_tree_wipe(&reseed->spare.tree);
	reseed->pending = SKEX_PAIRWISE_PENDING_NONE;
	pairwise->spare->window = NULL;
}

enum skex_error skex_pairwise_reseed_pend(struct skex_pairwise *pairwise, uint32_t attempt,
	const uint8_t secret[static SKEX_HASH_BYTES])
{
	struct skex_pairwise_state *state = pairwise->state;
	struct skex_pairwise_reseed *reseed = state->reseed;
	struct skex_pairwise_window window;
	enum skex_error error;

	error = skex_pairwise_window_init(&window, pairwise->crypto, state, secret,
		(uint8_t)(1 - state->slot), reseed->spare.tree.nodes);
	if (error != SKEX_OK)
		return error;
	if (reseed->pending != SKEX_PAIRWISE_PENDING_NONE)
		skex_pairwise_tree_wipe(&reseed->spare.tree);
	reseed->spare = window;
	reseed->pending = SKEX_PAIRWISE_PENDING_NEW;
	reseed->attempt = attempt;
	memcpy(reseed->secret, secret, sizeof(reseed->secret));
	memset(&pairwise->spare->ahead, 0, sizeof(pairwise->spare->ahead));
	pairwise->spare->window = &reseed->spare;
	pairwise->spare->listed = 0;
	skex_wipe(&window, sizeof(window));
	error = skex_pairwise_list(pairwise, pairwise->spare);
	if (error != SKEX_OK)
		pairwise->broken = true;
	return error;
}

enum skex_error skex_pairwise_reseed_peer(struct skex_pairwise *pairwise)
{
	struct skex_pairwise_state *state = pairwise->state;
	struct skex_pairwise_reseed *reseed = state->reseed;
	struct skex_pairwise_node *nodes = state->in.tree.nodes;
	enum skex_error error;

	error = skex_pairwise_state_renew(state, pairwise->crypto, reseed->secret);
	if (error != SKEX_OK)
		return error;
	pairwise->claim = 0;
	/* The pending window may have moved already: it is the one that counts. */
	skex_pairwise_tree_wipe(&state->in.tree);
	state->in = reseed->spare;
	skex_wipe(&reseed->spare, sizeof(reseed->spare));
	skex_wipe(reseed->secret, sizeof(reseed->secret));
	reseed->spare.tree.nodes = nodes;
	reseed->pending = SKEX_PAIRWISE_PENDING_NONE;
	swap_ids(pairwise);
	pairwise->main.ahead = pairwise->spare->ahead;
	pairwise->main.listed = pairwise->spare->listed;
	pairwise->spare->window = NULL;
	error = skex_pairwise_locate(pairwise);
	if (error != SKEX_OK)
		pairwise->broken = true;
	return error;
}
