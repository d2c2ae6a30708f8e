/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/binding.h"
#include "cli/command.h"
#include "cli/keyfill.h"
#include "cli/local.h"
#include "cli/peer.h"
#include "cli/text.h"

/* status and events. */

static void print_head(const json_t *status)
{
	char up[SKEX_TEXT_MAX], clock[SKEX_TEXT_MAX];

	skex_text_duration(up, skex_json_number(status, "uptime_ms"));
	skex_text_time(clock, skex_json_number(status, "wall_ms"));
	printf("agent %s, skexd %s, up %s, clock %s\n", skex_json_text(status, "name"),
		skex_json_text(status, "version"), up, clock);
}

static void text_left(char text[static SKEX_TEXT_MAX], const json_t *leg)
{
	uint64_t to_hub = skex_json_number(leg, "send_left_bytes");
	uint64_t to_agent = skex_json_number(leg, "receive_left_bytes");

	if (strcmp(skex_json_text(leg, "pad"), "ratchet") == 0)
		snprintf(text, SKEX_TEXT_MAX, "ratchet");
	else
		skex_text_size(text, to_hub < to_agent ? to_hub : to_agent);
}

static void text_keys(char text[static SKEX_TEXT_MAX], const json_t *leg)
{
	if (json_is_null(json_object_get(leg, "keys_left")))
		snprintf(text, SKEX_TEXT_MAX, "no end");
	else
		skex_text_count(text, skex_json_number(leg, "keys_left"), "key");
}

static bool print_legs(const json_t *status)
{
	static const char *const heads[] = {
		"HUB", "STATE", "CLASS", "PAD LEFT", "GOOD FOR", "FOR ABOUT", "LAST ERROR"};
	const json_t *list = json_object_get(status, "legs");
	char left[SKEX_TEXT_MAX], keys[SKEX_TEXT_MAX], days[SKEX_TEXT_MAX];
	struct skex_columns columns;
	size_t i;

	skex_columns_init(&columns, heads, sizeof(heads) / sizeof(heads[0]));
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *leg = json_array_get(list, i);
		const char *cells[] = {skex_json_text(leg, "hub"), skex_json_text(leg, "state"),
			skex_json_text(leg, "class"), left, keys, days,
			skex_json_text(leg, "last_error")};

		text_left(left, leg);
		text_keys(keys, leg);
		skex_text_days(days, json_object_get(leg, "days_left"));
		skex_columns_add(&columns, cells);
	}
	return skex_columns_print(&columns, stdout, "");
}

static bool print_pools(const json_t *status)
{
	static const char *const heads[] = {
		"POOL", "PURPOSE", "FOR", "READY", "CLASS", "LAST BLOCK", "LAST ERROR"};
	const json_t *list = json_object_get(status, "pools");
	uint64_t now_ms = skex_json_number(status, "wall_ms");
	char ready[SKEX_TEXT_MAX], age[SKEX_TEXT_MAX];
	struct skex_columns columns;
	size_t i;

	if (json_array_size(list) == 0)
		return true;
	printf("\n");
	skex_columns_init(&columns, heads, sizeof(heads) / sizeof(heads[0]));
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *pool = json_array_get(list, i);
		const char *cells[] = {skex_json_text(pool, "peer"),
			skex_json_text(pool, "purpose"), skex_json_text(pool, "direction"), ready,
			skex_json_text(pool, "class"), age, skex_json_text(pool, "last_error")};

		skex_text_count(ready, skex_json_number(pool, "keys_256"), "key");
		skex_text_age(age, skex_json_number(pool, "last_block_ms"), now_ms);
		skex_columns_add(&columns, cells);
	}
	return skex_columns_print(&columns, stdout, "");
}

static bool print_keyfills(const json_t *status)
{
	const json_t *list = json_object_get(status, "keyfills");

	if (json_array_size(list) == 0)
		return true;
	printf("\n");
	return skex_keyfills_print(list);
}

static bool print_bindings(const json_t *status)
{
	const json_t *list = json_object_get(status, "bindings");

	if (json_array_size(list) == 0)
		return true;
	printf("\n");
	return skex_bindings_print(list);
}

/* The peers of a KME as far as there is room: "bravo (its), carol (computational)". */
static void peers_text(const json_t *kme, char *text, size_t room)
{
	const json_t *list = json_object_get(kme, "peers");
	size_t used = 0;
	size_t i;

	text[0] = '\0';
	for (i = 0; i < json_array_size(list) && used < room; i++) {
		const json_t *peer = json_array_get(list, i);

		used += (size_t)snprintf(text + used, room - used, "%s%s (%s)", i > 0 ? ", " : "",
			skex_json_text(peer, "peer"), skex_json_text(peer, "class"));
	}
}

static bool print_kmes(const json_t *status)
{
	static const char *const heads[] = {
		"KME", "STATE", "PEERS", "KEYS", "BLOCKS", "DROPPED", "PROBLEM"};
	const json_t *list = json_object_get(status, "kmes");
	char keys[SKEX_TEXT_MAX], blocks[SKEX_TEXT_MAX], dropped[SKEX_TEXT_MAX];
	char peers[SKEX_TEXT_MAX];
	struct skex_columns columns;
	size_t i;

	if (json_array_size(list) == 0)
		return true;
	printf("\n");
	skex_columns_init(&columns, heads, sizeof(heads) / sizeof(heads[0]));
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *kme = json_array_get(list, i);
		const char *cells[] = {skex_json_text(kme, "kme"), skex_json_text(kme, "state"),
			peers, keys, blocks, dropped, skex_json_text(kme, "problem")};

		peers_text(kme, peers, sizeof(peers));
		skex_text_count(keys, skex_json_number(kme, "keys"), "key");
		skex_text_count(blocks, skex_json_number(kme, "blocks"), "block");
		skex_text_count(dropped, skex_json_number(kme, "dropped"), "key");
		skex_columns_add(&columns, cells);
	}
	return skex_columns_print(&columns, stdout, "");
}

/* Hubs that passed on what does not fit: the words are those of the event. */
static void print_inconsistent(const json_t *status)
{
	const json_t *list = json_object_get(status, "legs");
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *leg = json_array_get(list, i);
		const uint64_t count = skex_json_number(leg, "inconsistent");

		if (count > 0)
			printf("inconsistent shares through %s: %" PRIu64
			       "; keys are made without them, see skex events --recent\n",
				skex_json_text(leg, "hub"), count);
	}
}

static int print_status(const json_t *status)
{
	const json_t *counters = json_object_get(status, "counters");
	bool good;

	print_head(status);
	printf("\n");
	good = print_legs(status);
	printf("\n");
	good = skex_peers_print(json_object_get(status, "peers")) && good;
	good = print_pools(status) && good;
	good = print_keyfills(status) && good;
	good = print_kmes(status) && good;
	good = print_bindings(status) && good;
	printf("\nkeys handed out %" PRIu64 ", fetched %" PRIu64 "; blocks confirmed %" PRIu64
	       ", failed %" PRIu64 "; inconsistent shares %" PRIu64 "\n",
		skex_json_number(counters, "keys_delivered"),
		skex_json_number(counters, "keys_fetched"),
		skex_json_number(counters, "blocks_confirmed"),
		skex_json_number(counters, "blocks_failed"),
		skex_json_number(counters, "inconsistent_shares"));
	print_inconsistent(status);
	if (!good || fflush(stdout) != 0)
		return skex_command_fail(
			SKEX_E_IO, "free memory or disk space", "the answer cannot be printed");
	return 0;
}

static int run_status(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	json_t *status = NULL;
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0)
		code = skex_local_open(&local);
	if (code == 0)
		code = skex_local_status(&local, &status);
	if (code == 0 && local.json)
		code = skex_json_print(json_incref(status));
	else if (code == 0)
		code = print_status(status);
	json_decref(status);
	skex_local_close(&local);
	return code;
}

/* ---- events ---- */

static int print_event(const struct skex_local *local, const struct skex_client_event *event)
{
	char when[SKEX_TEXT_MAX];

	if (local->json)
		return skex_json_print(json_pack("{ss ss ss ss ss sI}", "name", event->name,
			"level", event->level, "peer", event->peer, "hub", event->hub, "text",
			event->text, "wall_ms", (json_int_t)event->wall_ms));
	skex_text_time(when, event->wall_ms);
	printf("%s %-7s %s%s%s%s%s: %s\n", when, event->level, event->name,
		event->peer[0] != '\0' ? " peer " : "", event->peer,
		event->hub[0] != '\0' ? " hub " : "", event->hub, event->text);
	if (fflush(stdout) != 0)
		return skex_command_fail(SKEX_E_IO, NULL, "the event cannot be printed");
	return 0;
}

static int run_events(int argc, char **argv)
{
	struct skex_local local = {.socket = NULL};
	struct skex_client_event event;
	uint64_t count = UINT64_MAX;
	bool recent = false;
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local),
		{"--recent", SKEX_ARGUMENT_FLAG, &recent, 0, 0},
		{"--count", SKEX_ARGUMENT_NUMBER, &count, 1, 0}, {.name = NULL}};
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0)
		code = skex_local_open(&local);
	if (code == 0 &&
		skex_client_subscribe(local.client, recent, &local.error) != SKEX_CLIENT_OK)
		code = skex_local_fail(&local);
	for (; code == 0 && count > 0; count--) {
		if (skex_client_next_event(local.client, -1, &event, &local.error) !=
			SKEX_CLIENT_OK)
			code = skex_local_fail(&local);
		else
			code = print_event(&local, &event);
	}
	skex_local_close(&local);
	return code;
}

const struct skex_command skex_status_commands[] = {
	{"status", "[--json] [--socket PATH]",
		"show hubs and pad, peers, pools of keys and last errors on one screen",
		run_status},
	{"events", "[--recent] [--count N] [--json] [--socket PATH]",
		"print what happens in the agent, line by line; --recent: begin with the last ones",
		run_events},
	{.name = NULL},
};
