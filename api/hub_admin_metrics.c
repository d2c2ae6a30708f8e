/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/hub_admin_internal.h"

#define TEXT_ROOM 8192u

/* Appends one metric with its help; what does not fit is left out whole. */
static size_t add_metric(
	char *text, size_t at, const char *name, const char *type, const char *help, uint64_t value)
{
	int size =
		snprintf(text + at, TEXT_ROOM - at, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n",
			name, help, name, type, name, value);

	if (size > 0 && (size_t)size < TEXT_ROOM - at)
		return at + (size_t)size;
	text[at] = '\0';
	return at;
}

char *skex_hub_admin_metrics(const struct skex_hub_admin *admin)
{
	struct skex_hub_counters c;
	char *text = calloc(1, TEXT_ROOM);
	size_t at = 0;

	if (text == NULL)
		return NULL;
	skex_hub_counters(admin->setup.hub, &c);
	const struct {
		const char *name;
		const char *type;
		const char *help;
		uint64_t value;
	} all[] = {
		{"skex_hub_connections_total", "counter", "Connections of agents.", c.connections},
		{"skex_hub_connected", "gauge", "Agents connected now.", c.connected},
		{"skex_hub_strangers", "gauge", "Connections that proved nothing yet.",
			c.strangers},
		{"skex_hub_pushed_out_total", "counter",
			"Connections that proved nothing, ended for want of room.", c.pushed_out},
		{"skex_hub_packets_refused_total", "counter", "Packets refused.",
			c.packets_refused},
		{"skex_hub_tags_wrong_total", "counter", "Wrong one-time tags.", c.tags_wrong},
		{"skex_hub_shares_in_total", "counter", "Share messages taken.", c.shares_in},
		{"skex_hub_shares_out_total", "counter", "Share messages sent.", c.shares_out},
		{"skex_hub_blocks_in_total", "counter", "Blocks in the shares taken.", c.blocks_in},
		{"skex_hub_confirms_total", "counter", "Confirmations forwarded.", c.confirms},
		{"skex_hub_notes_total", "counter", "Notes forwarded.", c.notes},
		{"skex_hub_refused_policy_total", "counter", "Refused by policy.",
			c.refused_policy},
		{"skex_hub_refused_quota_total", "counter", "Refused by quota.", c.refused_quota},
		{"skex_hub_refused_duplicate_total", "counter", "Second shares of a block.",
			c.refused_duplicate},
		{"skex_hub_refused_other_total", "counter", "Refused otherwise.", c.refused_other},
		{"skex_hub_queued_messages", "gauge", "Messages that wait.", c.queued_messages},
		{"skex_hub_queued_bytes", "gauge", "Their bytes.", c.queued_bytes},
		{"skex_hub_expired_total", "counter", "Messages never fetched.", c.expired},
		{"skex_hub_rollbacks_total", "counter", "States from the past seen.", c.rollbacks},
		{"skex_hub_reuse_alarms_total", "counter", "Pads seen used twice.", c.reuse_alarms},
	};
	for (size_t i = 0; i < SKEX_COUNT(all); i++)
		at = add_metric(text, at, all[i].name, all[i].type, all[i].help, all[i].value);
	return text;
}

void hub_admin_op_metrics(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	char *text;

	if (!hub_admin_read(call, NULL, 0, request, NULL))
		return;
	text = skex_hub_admin_metrics(admin);
	skex_api_reply(call, text == NULL ? NULL : json_pack("{ss}", "text", text));
	free(text);
}
