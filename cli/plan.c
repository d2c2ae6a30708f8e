/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "api/pad_cost.h"
#include "cli/command.h"
#include "cli/local.h"
#include "cli/text.h"

/* plan: how much pad a year needs. */

#define DAYS       365u
#define ROUND_UP   (UINT64_C(1) << 20) /* nobody makes pads to the byte */
#define HUBS_LEAST 2u
#define HUBS_MOST  16u
#define DAY_MS     UINT64_C(86400000)
#define BODY_MOST  (UINT64_C(1) << 20) /* of one message */

/* The defaults of the configuration: a pool that is asked less than once an hour is idle. */
#define POOL_BUSY       1024u
#define POOL_IDLE       32u
#define IDLE_A_DAY_MOST 24u

struct plan {
	/* What was asked. */
	uint64_t peers;
	uint64_t keys_per_day; /* with each peer, taken at this end; as many at the other */
	uint64_t bits;
	uint64_t n;
	uint64_t k;
	uint64_t block;       /* bytes of secret of one */
	uint64_t blocks;      /* of one batch */
	uint64_t pool;        /* keys that are kept ready */
	uint64_t lifetime_ms; /* after which they are made anew */
	uint64_t margin;      /* percent */
	bool json;
	/* What comes out. */
	uint64_t made_per_day; /* keys, those included that nobody asks for in time */
	uint64_t keys_per_batch;
	uint64_t batch_bytes; /* of pad at one leg, in both directions together */
	uint64_t batches;     /* a year, begun at this end; as many at the other */
	uint64_t direction_bytes;
	uint64_t kit_bytes;
	uint64_t all_bytes;
};

static bool multiply(uint64_t *value, uint64_t by)
{
	return !__builtin_mul_overflow(*value, by, value);
}

/* Keys go through the pool in the order in which they were made: when they are taken slowly they
 * come of age in it, and then its whole content is made anew once in a lifetime. */
static uint64_t made_per_day(const struct plan *plan)
{
	uint64_t aged = plan->pool * DAY_MS / plan->lifetime_ms;

	return aged > plan->keys_per_day ? aged : plan->keys_per_day;
}

/*
 * One batch costs the direction of its share skex_pad_cost_share, and the other
 * SKEX_PAD_COST_SMALL.  As both ends begin as many, the two directions of a leg need the same.  k
 * of n hubs changes nothing: every hub of the profile carries a share of each block.
 */
static bool compute(struct plan *plan)
{
	uint64_t keys;
	uint64_t rest;

	plan->keys_per_batch = plan->blocks * skex_keys_of_block(plan->block, plan->bits / 8);
	plan->batch_bytes = skex_pad_cost_share(plan->blocks, plan->block) + SKEX_PAD_COST_SMALL;
	plan->made_per_day = made_per_day(plan);
	keys = plan->made_per_day;
	if (!multiply(&keys, DAYS))
		return false;
	if (plan->keys_per_batch == 0)
		return false;
	plan->batches = keys / plan->keys_per_batch + (keys % plan->keys_per_batch != 0);
	if (!multiply(&plan->batches, plan->peers))
		return false;
	plan->direction_bytes = plan->batches;
	if (!multiply(&plan->direction_bytes, plan->batch_bytes) ||
		!multiply(&plan->direction_bytes, 100 + plan->margin))
		return false;
	plan->direction_bytes /= 100;
	rest = plan->direction_bytes % ROUND_UP;
	plan->direction_bytes += rest == 0 ? 0 : ROUND_UP - rest;
	plan->kit_bytes = plan->direction_bytes;
	if (!multiply(&plan->kit_bytes, 2))
		return false;
	plan->all_bytes = plan->kit_bytes;
	return multiply(&plan->all_bytes, plan->n) && plan->all_bytes <= INT64_MAX;
}

static int print_json(const struct plan *plan)
{
	return skex_json_print(json_pack("{sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI}",
		"peers", (json_int_t)plan->peers, "keys_per_day", (json_int_t)plan->keys_per_day,
		"bits", (json_int_t)plan->bits, "n", (json_int_t)plan->n, "k", (json_int_t)plan->k,
		"block_bytes", (json_int_t)plan->block, "blocks", (json_int_t)plan->blocks,
		"pool_keys", (json_int_t)plan->pool, "lifetime_ms", (json_int_t)plan->lifetime_ms,
		"margin_percent", (json_int_t)plan->margin, "keys_made_per_day",
		(json_int_t)plan->made_per_day, "keys_per_batch", (json_int_t)plan->keys_per_batch,
		"batch_pad_bytes", (json_int_t)plan->batch_bytes, "batches_per_year",
		(json_int_t)plan->batches, "pad_bytes_per_direction",
		(json_int_t)plan->direction_bytes, "pad_bytes_per_kit", (json_int_t)plan->kit_bytes,
		"pad_bytes_of_all_kits", (json_int_t)plan->all_bytes));
}

static int print_text(const struct plan *plan)
{
	char block[SKEX_TEXT_MAX], keys[SKEX_TEXT_MAX], day[SKEX_TEXT_MAX];
	char made[SKEX_TEXT_MAX], life[SKEX_TEXT_MAX];
	char direction[SKEX_TEXT_MAX], kit[SKEX_TEXT_MAX], all[SKEX_TEXT_MAX];

	skex_text_size(block, plan->block);
	skex_text_count(day, plan->keys_per_day, "key");
	skex_text_count(keys, plan->keys_per_batch, "key");
	skex_text_duration(life, plan->lifetime_ms);
	skex_text_size(direction, plan->direction_bytes);
	skex_text_size(kit, plan->kit_bytes);
	skex_text_size(all, plan->all_bytes);
	printf("%s of %" PRIu64 " bits a day with each of %" PRIu64 " peer%s, and as many that "
	       "they take;\n%" PRIu64 " of %" PRIu64 " hubs, batches of %" PRIu64
	       " block%s of %s\n\n",
		day, plan->bits, plan->peers, plan->peers == 1 ? "" : "s", plan->k, plan->n,
		plan->blocks, plan->blocks == 1 ? "" : "s", block);
	printf("a batch           %s, %" PRIu64 " bytes of pad at each hub: %.1f a key\n", keys,
		plan->batch_bytes, (double)plan->batch_bytes / (double)plan->keys_per_batch);
	skex_text_count(made, plan->made_per_day, "key");
	printf("made              %s a day and peer, with a pool of %" PRIu64 " that live %s\n",
		made, plan->pool, life);
	printf("pad for a year    %s in each direction, at each hub (%" PRIu64 " %% to spare)\n",
		direction, plan->margin);
	printf("a kit             %s\n", kit);
	printf("all %2" PRIu64 " kits       %s for one agent\n\n", plan->n, all);
	printf("Keys stay secret while fewer than %" PRIu64 " hubs are compromised; there are new "
	       "ones while %" PRIu64 " are\nhonest and can be reached.\n",
		plan->k, plan->k);
	printf("Make each kit with: skex hub enrol NAME --pad %" PRIu64 "MiB --out FILE\n",
		plan->direction_bytes / ROUND_UP);
	if (fflush(stdout) != 0)
		return skex_command_fail(SKEX_E_IO, NULL, "the plan cannot be printed");
	return 0;
}

static int check(const struct plan *plan)
{
	if (plan->k > plan->n)
		return skex_command_misuse("--k is more than --n");
	if (plan->bits % 8 != 0)
		return skex_command_misuse("--bits has to be a multiple of 8");
	if (plan->block % 16 != 0)
		return skex_command_misuse("--block has to be a multiple of 16 bytes");
	if (skex_keys_of_block(plan->block, plan->bits / 8) == 0)
		return skex_command_misuse("--block is too small for one key");
	if (plan->blocks * (112 + plan->block) > BODY_MOST)
		return skex_command_misuse("--blocks of this size are more than one message takes");
	return 0;
}

static int run_plan(int argc, char **argv)
{
	struct plan plan = {.peers = 1,
		.keys_per_day = 24,
		.bits = 256,
		.n = 5,
		.k = 3,
		.block = 1024,
		.blocks = 1,
		.lifetime_ms = DAY_MS,
		.margin = 25};
	const struct skex_argument table[] = {
		{"--peers", SKEX_ARGUMENT_NUMBER, &plan.peers, 1, 1000000},
		{"--keys-per-day", SKEX_ARGUMENT_NUMBER, &plan.keys_per_day, 1, 1000000000},
		{"--bits", SKEX_ARGUMENT_NUMBER, &plan.bits, 8, 65536},
		{"--n", SKEX_ARGUMENT_NUMBER, &plan.n, HUBS_LEAST, HUBS_MOST},
		{"--k", SKEX_ARGUMENT_NUMBER, &plan.k, HUBS_LEAST, HUBS_MOST},
		{"--block", SKEX_ARGUMENT_SIZE, &plan.block, 16, 65536},
		{"--blocks", SKEX_ARGUMENT_NUMBER, &plan.blocks, 1, 256},
		{"--pool", SKEX_ARGUMENT_NUMBER, &plan.pool, 1, 1000000},
		{"--lifetime", SKEX_ARGUMENT_TIME, &plan.lifetime_ms, 1000, 400 * DAY_MS},
		{"--margin", SKEX_ARGUMENT_NUMBER, &plan.margin, 0, 1000},
		{"--json", SKEX_ARGUMENT_FLAG, &plan.json, 0, 0}, {.name = NULL}};
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0)
		code = check(&plan);
	if (code != 0)
		return code;
	if (plan.pool == 0)
		plan.pool = plan.keys_per_day > IDLE_A_DAY_MOST ? POOL_BUSY : POOL_IDLE;
	if (!compute(&plan))
		return skex_command_misuse("that is more pad than there are numbers for");
	return plan.json ? print_json(&plan) : print_text(&plan);
}

const struct skex_command skex_plan_commands[] = {
	{"plan",
		"[--peers N] [--keys-per-day N] [--bits N] [--n HUBS] [--k THRESHOLD] "
		"[--block SIZE] [--blocks N] [--pool KEYS] [--lifetime TIME] [--margin PERCENT] "
		"[--json]",
		"say how much pad a year needs", run_plan},
	{.name = NULL},
};
