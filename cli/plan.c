/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/local.h"
#include "cli/sizing.h"
#include "cli/text.h"

/* plan: what a year needs. */

#define MIB        (UINT64_C(1) << 20)
#define HUBS_LEAST 2u
#define HUBS_MOST  16u
#define BODY_MOST  (UINT64_C(1) << 20) /* of one message */

/* The defaults of the configuration: a pool that is asked less than once an hour is idle. */
#define KEYS_A_DAY      24u
#define BLOCK           1024u
#define POOL_BUSY       1024u
#define POOL_IDLE       32u
#define IDLE_A_DAY_MOST 24u

struct plan {
	struct skex_sizing_ask ask;
	struct skex_sizing out;
	uint64_t k;
	bool json;
};

static int print_json(const struct plan *plan)
{
	const struct skex_sizing_ask *ask = &plan->ask;
	const struct skex_sizing *out = &plan->out;
	const struct {
		const char *name;
		uint64_t value;
	} members[] = {
		{"peers", ask->peers},
		{"keys_per_day", ask->every_ms > 0 ? out->made_per_day : ask->keys_per_day},
		{"every_ms", ask->every_ms},
		{"bits", ask->bits},
		{"n", ask->n},
		{"k", plan->k},
		{"block_bytes", ask->block},
		{"blocks", ask->blocks},
		{"pool_keys", ask->pool},
		{"lifetime_ms", ask->lifetime_ms},
		{"margin_percent", ask->margin},
		{"agents", ask->agents},
		{"keys_per_year", out->keys},
		{"keys_made_per_day", out->made_per_day},
		{"keys_per_batch", out->keys_per_batch},
		{"batch_pad_bytes", out->batch_bytes},
		{"batches_per_year", out->batches},
		{"notes_per_year", out->notes},
		{"pad_bytes_per_direction", out->direction_bytes},
		{"pad_bytes_per_kit", out->kit_bytes},
		{"pad_bytes_of_all_kits", out->all_bytes},
		{"messages_per_year", out->messages},
		{"network_bytes_per_year", out->network_bytes},
		{"network_bytes_idle", out->idle_bytes},
		{"agent_disk_bytes", out->disk_bytes},
		{"hub_pad_bytes", out->hub_pad_bytes},
		{"hub_messages_per_year", out->hub_messages},
		{"hub_network_bytes_per_year", out->hub_network_bytes},
		{"hub_disk_bytes", out->hub_disk_bytes},
	};
	json_t *answer = json_object();

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		(void)json_object_set_new(
			answer, members[i].name, json_integer((json_int_t)members[i].value));
	return skex_json_print(answer);
}

/* Keys, and out of which blocks. */
static void print_keys(const struct plan *plan)
{
	const struct skex_sizing_ask *ask = &plan->ask;
	const struct skex_sizing *out = &plan->out;
	char text[SKEX_TEXT_MAX], life[SKEX_TEXT_MAX];

	if (ask->every_ms > 0) {
		skex_text_duration(text, ask->every_ms);
		printf("a new key of %" PRIu64 " bits every %s for a binding with each of %" PRIu64
		       " peer%s;\n",
			ask->bits, text, ask->peers, ask->peers == 1 ? "" : "s");
	} else {
		skex_text_count(text, ask->keys_per_day, "key");
		printf("%s of %" PRIu64 " bits a day with each of %" PRIu64
		       " peer%s, and as many that they take;\n",
			text, ask->bits, ask->peers, ask->peers == 1 ? "" : "s");
	}
	skex_text_size(text, ask->block);
	printf("%" PRIu64 " of %" PRIu64 " hubs, batches of %" PRIu64 " block%s of %s\n\n", plan->k,
		ask->n, ask->blocks, ask->blocks == 1 ? "" : "s", text);
	skex_text_count(text, out->keys, "key");
	printf("taken             %s a year\n", text);
	skex_text_count(text, out->keys_per_batch, "key");
	printf("a batch           %s, %" PRIu64 " bytes of pad at each hub: %.1f a key\n", text,
		out->batch_bytes, (double)out->batch_bytes / (double)out->keys_per_batch);
	if (ask->every_ms > 0) {
		skex_text_count(text, out->notes, "note");
		printf("told              %s a year, and as many are heard\n", text);
		return;
	}
	skex_text_count(text, out->made_per_day, "key");
	skex_text_duration(life, ask->lifetime_ms);
	printf("made              %s a day and peer, with a pool of %" PRIu64 " that live %s\n",
		text, ask->pool, life);
}

static int print_text(const struct plan *plan)
{
	const struct skex_sizing_ask *ask = &plan->ask;
	const struct skex_sizing *out = &plan->out;
	char text[SKEX_TEXT_MAX], idle[SKEX_TEXT_MAX];

	print_keys(plan);
	skex_text_size(text, out->direction_bytes);
	printf("pad for a year    %s in each direction, at each hub (%" PRIu64 " %% to spare)\n",
		text, ask->margin);
	skex_text_size(text, out->kit_bytes);
	printf("a kit             %s\n", text);
	skex_text_size(text, out->all_bytes);
	printf("all %2" PRIu64 " kits       %s for one agent\n", ask->n, text);
	skex_text_size(text, out->disk_bytes);
	printf("disk              %s at the agent\n", text);
	skex_text_size(text, out->network_bytes);
	skex_text_size(idle, out->idle_bytes);
	printf("network           %s a year, %s of it to keep connections alive\n", text, idle);
	skex_text_count(text, out->messages, "message");
	printf("                  %s a year\n\n", text);
	skex_text_count(text, ask->agents, "such agent");
	printf("Each hub, with %s:\n", text);
	skex_text_size(text, out->hub_pad_bytes);
	printf("pad for a year    %s\n", text);
	skex_text_size(text, out->hub_disk_bytes);
	printf("disk              %s\n", text);
	skex_text_size(text, out->hub_network_bytes);
	printf("network           %s a year\n", text);
	skex_text_count(text, out->hub_messages, "message");
	printf("                  %s a year\n\n", text);
	printf("Keys stay secret while fewer than %" PRIu64 " hubs are compromised; there are new "
	       "ones while %" PRIu64 " are\nhonest and can be reached.\n",
		plan->k, plan->k);
	printf("Make each kit with: skex hub enrol NAME --pad %" PRIu64 "MiB --out FILE\n",
		out->direction_bytes / MIB);
	if (fflush(stdout) != 0)
		return skex_command_fail(SKEX_E_IO, NULL, "the plan cannot be printed");
	return 0;
}

/* A binding has a pool of its own kind, and takes keys when it wants them. */
static int check_binding(const struct skex_sizing_ask *ask)
{
	if (ask->keys_per_day != 0)
		return skex_command_misuse("--every and --keys-per-day say the same thing twice");
	if (ask->block != 0 || ask->blocks != 0 || ask->pool != 0)
		return skex_command_misuse(
			"--block, --blocks and --pool are not those of a binding, which "
			"--every is about");
	return 0;
}

static void complete(struct skex_sizing_ask *ask)
{
	if (ask->every_ms > 0)
		ask->block = SKEX_SIZING_BINDING_BLOCK;
	else if (ask->keys_per_day == 0)
		ask->keys_per_day = KEYS_A_DAY;
	if (ask->block == 0)
		ask->block = BLOCK;
	if (ask->blocks == 0)
		ask->blocks = 1;
	if (ask->pool == 0 && ask->every_ms == 0)
		ask->pool = ask->keys_per_day > IDLE_A_DAY_MOST ? POOL_BUSY : POOL_IDLE;
	if (ask->agents == 0)
		ask->agents = ask->peers + 1;
}

static int check(const struct plan *plan)
{
	const struct skex_sizing_ask *ask = &plan->ask;

	if (plan->k > ask->n)
		return skex_command_misuse("--k is more than --n");
	if (ask->bits % 8 != 0)
		return skex_command_misuse("--bits has to be a multiple of 8");
	if (ask->block % 16 != 0)
		return skex_command_misuse("--block has to be a multiple of 16 bytes");
	if (ask->blocks * (112 + ask->block) > BODY_MOST)
		return skex_command_misuse("--blocks of this size are more than one message takes");
	if (ask->block < ask->bits / 8 && ask->every_ms > 0)
		return skex_command_misuse("keys of a binding have at most 2048 bits");
	if (ask->block < ask->bits / 8)
		return skex_command_misuse("--block is too small for one key");
	return 0;
}

static int run_plan(int argc, char **argv)
{
	struct plan plan = {.ask = {.peers = 1,
				    .bits = 256,
				    .n = 5,
				    .lifetime_ms = SKEX_SIZING_DAY_MS,
				    .margin = 25},
		.k = 3};
	struct skex_sizing_ask *ask = &plan.ask;
	const struct skex_argument table[] = {
		{"--peers", SKEX_ARGUMENT_NUMBER, &ask->peers, 1, 1000000},
		{"--keys-per-day", SKEX_ARGUMENT_NUMBER, &ask->keys_per_day, 1, 1000000000},
		{"--every", SKEX_ARGUMENT_TIME, &ask->every_ms, 1000, 400 * SKEX_SIZING_DAY_MS},
		{"--bits", SKEX_ARGUMENT_NUMBER, &ask->bits, 8, 65536},
		{"--n", SKEX_ARGUMENT_NUMBER, &ask->n, HUBS_LEAST, HUBS_MOST},
		{"--k", SKEX_ARGUMENT_NUMBER, &plan.k, HUBS_LEAST, HUBS_MOST},
		{"--block", SKEX_ARGUMENT_SIZE, &ask->block, 16, 65536},
		{"--blocks", SKEX_ARGUMENT_NUMBER, &ask->blocks, 1, 256},
		{"--pool", SKEX_ARGUMENT_NUMBER, &ask->pool, 1, 1000000},
		{"--lifetime", SKEX_ARGUMENT_TIME, &ask->lifetime_ms, 1000,
			400 * SKEX_SIZING_DAY_MS},
		{"--margin", SKEX_ARGUMENT_NUMBER, &ask->margin, 0, 1000},
		{"--agents", SKEX_ARGUMENT_NUMBER, &ask->agents, 1, 1000000},
		{"--json", SKEX_ARGUMENT_FLAG, &plan.json, 0, 0}, {.name = NULL}};
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0 && ask->every_ms > 0)
		code = check_binding(ask);
	complete(ask);
	if (code == 0)
		code = check(&plan);
	if (code != 0)
		return code;
	if (!skex_sizing_compute(&plan.out, ask))
		return skex_command_misuse("that is more than there are numbers for");
	return plan.json ? print_json(&plan) : print_text(&plan);
}

const struct skex_command skex_plan_commands[] = {
	{"plan",
		"[--peers N] [--keys-per-day N | --every TIME] [--bits N] [--n HUBS] "
		"[--k THRESHOLD] [--block SIZE] [--blocks N] [--pool KEYS] [--lifetime TIME] "
		"[--margin PERCENT] [--agents N] [--json]",
		"say how much pad, disk and network a year needs", run_plan},
	{.name = NULL},
};
