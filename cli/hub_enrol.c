/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/hub.h"
#include "enrol/enrol_hub.h"

/* skex hub enrol, skex hub refill */

#define PAD_BYTES_DEFAULT (UINT64_C(64) << 20)

static void print_json(
	const struct skex_hub_kit_order *order, const struct skex_hub_kit_result *result)
{
	json_t *object = json_pack("{ss ss sI ss ss sI sb}", "agent", order->agent, "leg",
		result->leg, "generation", (json_int_t)result->generation, "class", result->class,
		"kit", order->out, "bytes", (json_int_t)result->size, "passphrase",
		order->passphrase_file != NULL ? 1 : 0);

	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void print_text(
	const struct skex_hub_kit_order *order, const struct skex_hub_kit_result *result)
{
	if (order->refill)
		printf("agent %s has more pad: leg %s, generation %lu, class %s\n", order->agent,
			result->leg, result->generation, result->class);
	else
		printf("agent %s is enrolled: leg %s, class %s\n", order->agent, result->leg,
			result->class);
	printf("kit: %s, %" PRIu64 " bytes\n", order->out, result->size);
	if (order->passphrase_file == NULL)
		printf("It has no passphrase: whoever reads the file has the leg. Carry it "
		       "yourself.\n");
	printf("At the agent: skex join %s\n", order->out);
}

static int run(int argc, char **argv, bool refill)
{
	struct skex_hub_kit_order order = {
		.admin = SKEX_HUB_ADMIN_DEFAULT, .refill = refill, .pad_bytes = PAD_BYTES_DEFAULT};
	struct skex_argument_texts groups = {0};
	bool json = false;
	const struct skex_argument both[] = {
		{"--out", SKEX_ARGUMENT_TEXT, &order.out, 0, 0},
		{"--pad", SKEX_ARGUMENT_SIZE, &order.pad_bytes, SKEX_ENROL_PAD_MIN,
			SKEX_ENROL_PAD_MAX},
		{"--pad-source", SKEX_ARGUMENT_TEXT, &order.pad_source, 0, 0},
		{"--pad-source-unmarked", SKEX_ARGUMENT_FLAG, &order.pad_source_unmarked, 0, 0},
		{"--passphrase-file", SKEX_ARGUMENT_TEXT, &order.passphrase_file, 0, 0},
		{"--again", SKEX_ARGUMENT_FLAG, &order.again, 0, 0},
		{"--admin", SKEX_ARGUMENT_TEXT, &order.admin, 0, 0},
		{"--json", SKEX_ARGUMENT_FLAG, &json, 0, 0},
		/* Of a new leg only: */
		{refill ? NULL : "--group", SKEX_ARGUMENT_TEXTS, &groups, 0, 0},
		{"--suite", SKEX_ARGUMENT_TEXT, &order.suite, 0, 0},
		{"--ratchet", SKEX_ARGUMENT_FLAG, &order.ratchet, 0, 0},
		{NULL, SKEX_ARGUMENT_FLAG, NULL, 0, 0},
	};
	struct skex_hub_kit_result result;
	struct skex_reason reason;
	int code = skex_arguments_read(argc, argv, both, &order.agent, 1);

	if (code != 0)
		return code;
	if (order.out == NULL)
		return skex_command_misuse("--out FILE is missing: where to write the kit");
	if (access(order.out, F_OK) == 0)
		return skex_command_fail(SKEX_E_REFUSED, "name a file that does not exist yet",
			"%s is there already", order.out);
	order.groups = groups.texts;
	order.groups_count = groups.count;
	if (skex_hub_kit_order(&order, &result, &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	if (json)
		print_json(&order, &result);
	else
		print_text(&order, &result);
	return 0;
}

int skex_hub_run_enrol(int argc, char **argv)
{
	return run(argc, argv, false);
}

int skex_hub_run_refill(int argc, char **argv)
{
	return run(argc, argv, true);
}
