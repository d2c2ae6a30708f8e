/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/qkd014.h"
#include "tests/unit/api/fake_agent.h"

static struct skex_qkd014_peer_config peers[] = {
	{.name = {6, "agent2"}, .sae_id = "SAE-2", .class = SKEX_QKD014_ITS}};
static const struct skex_qkd014_config kme = {.name = {5, "kme-1"},
	.url = "https://kme-1.example:8443",
	.sae_id = "SAE-1",
	.key_bits = 256,
	.peers_count = 1,
	.peers = peers};

enum skex_error skex_agent_qkd014_attach(
	struct skex_agent *agent, skex_qkd014_order_fn order, void *owner)
{
	if (agent->order != NULL)
		return SKEX_E_BUSY;
	agent->order = order;
	agent->order_owner = owner;
	return SKEX_OK;
}

void skex_agent_qkd014_detach(struct skex_agent *agent)
{
	agent->order = NULL;
}

void fake_qkd014_order(struct skex_agent *agent, bool by_id)
{
	static const uint8_t ids[2][SKEX_SOURCE_ID_BYTES] = {
		{0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0x40, 0xab, 0x80, 0xab, 0xab, 0xab, 0xab, 0xab,
			0, 1},
		{0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0x40, 0xab, 0x80, 0xab, 0xab, 0xab, 0xab, 0xab,
			0, 2}};
	const struct skex_qkd014_order order = {.number = ++agent->orders,
		.kme = &kme,
		.peer = &peers[0],
		.count = 2,
		.key_bytes = 3,
		.wait_ms = 50000,
		.ids = by_id ? ids : NULL};

	agent->order(agent->order_owner, &order);
}

enum skex_error skex_agent_qkd014_keys(struct skex_agent *agent, uint64_t number,
	const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], uint32_t count, struct skex_view keys)
{
	if (number != agent->orders)
		return SKEX_OK;
	if (count != 2 || keys.size != 6)
		return SKEX_E_ARGUMENT;
	memcpy(agent->kme_ids, ids, sizeof(agent->kme_ids));
	memcpy(agent->kme_keys, keys.data, keys.size);
	return SKEX_OK;
}

void skex_agent_qkd014_failed(
	struct skex_agent *agent, uint64_t number, enum skex_qkd014_failure how, const char *text)
{
	if (number != agent->orders)
		return;
	agent->kme_how = how;
	strncpy(agent->kme_text, text, sizeof(agent->kme_text) - 1);
}

enum skex_error skex_agent_qkd014_report(
	struct skex_agent *agent, const char *name, const char *problem)
{
	if (strcmp(name, kme.name.text) != 0)
		return SKEX_E_UNKNOWN;
	strncpy(agent->kme_text, problem, sizeof(agent->kme_text) - 1);
	return SKEX_OK;
}

void skex_agent_qkd014_status(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_qkd014_status *status), void *owner)
{
	const struct skex_qkd014_status status = {.kme = &kme,
		.state = agent->order == NULL ? "unserved" : "failing",
		.problem = agent->kme_text,
		.keys = 20,
		.blocks = 2,
		.dropped = 10};

	visit(owner, &status);
}
