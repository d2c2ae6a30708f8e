/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "deliver/bindings/bindings.h"
#include "deliver/bindings/internal.h"

/* How bindings leave this process: one that is removed, or all, because another process is to go on
 * with others. */

#define END_MOST_MS 20000u /* until it ends whatever is under way, as after a crash */
#define LEFT_MOST   64u    /* what is left of those that were removed goes with the process */

/* ---- one that is removed -----------------------------------------------------------------------
 */

static void on_told(void *owner, const json_t *answer)
{
	const struct bindings *bindings = owner;
	char text[256];

	if (bindings_error(answer, text, sizeof(text)))
		skex_log(bindings->platform, SKEX_LEVEL_WARNING,
			"bindings: that one was taken out is not heard: %s", text);
}

/* The agent waits for this. */
static void tell_removed(struct bindings *bindings, const char *name, const char *problem)
{
	json_t *said =
		json_pack("{ss so}", "binding", name, "problem", bindings_problem_json(problem));

	if (local_api_ask(bindings->api, "binding_removed", said, on_told, bindings) != SKEX_OK)
		bindings_stop(bindings, SKEX_E_MEMORY);
}

static void on_retired(void *owner, uint8_t reason, const char *text)
{
	struct bindings_end *end = owner;

	end->retiring = false;
	if (reason != SKEX_ROTATION_FINE)
		skex_log(end->all->platform, SKEX_LEVEL_WARNING,
			"%s: its consumer keeps what it has: %s", end->purpose, text);
	tell_removed(end->all, end->config->name.text, reason == SKEX_ROTATION_FINE ? "" : text);
	end->all->platform->wake(end->all->platform->context);
}

void bindings_retire_late(struct bindings_end *end, uint64_t now_ms)
{
	if (!end->retiring || now_ms < end->late_ms)
		return;
	end->consumer.consumer->end(end->consumer.context);
	on_retired(end, SKEX_ROTATION_CONSUMER, "the consumer does not answer; does it still run?");
}

/* The keys are wiped, and nothing is begun any more. */
static void let_go(struct bindings_end *end)
{
	skex_binding_free(end->binding);
	end->binding = NULL;
}

static void retire(struct bindings_end *end)
{
	static const struct skex_rotation_keys none;
	const struct skex_platform *platform = end->all->platform;
	const struct skex_consumer *consumer = end->consumer.consumer;

	if (!end->policy.close) {
		on_retired(end, SKEX_ROTATION_FINE, "");
		return;
	}
	if (end->refused) {
		/* It may have a key of a process that came before. */
		on_retired(end, SKEX_ROTATION_CONSUMER, end->wrong);
		return;
	}
	end->retiring = true;
	end->late_ms = consumer->patience_ms == 0
		? UINT64_MAX
		: platform->now_ms(platform->context) + consumer->patience_ms;
	skex_schedule_set(&end->all->schedule, &end->due, end->late_ms);
	consumer->act(end->consumer.context, SKEX_ROTATION_DO_SETTLE, &none, on_retired, end);
}

void bindings_remove(struct bindings *bindings, const char *name, bool leave)
{
	struct bindings_end *end = bindings_named(bindings, name);

	bindings_others_drop(bindings, name);
	if (end == NULL && !leave) {
		/* It was added after this process began: no consumer has a key of it. */
		tell_removed(bindings, name, "");
	}
	if (end == NULL)
		return;
	bindings_end_leave(end);
	let_go(end);
	if (!leave)
		retire(end);
	if (bindings->left_count >= LEFT_MOST)
		bindings_renew(bindings);
}

/* ---- the end of all ----------------------------------------------------------------------------
 */

static void on_rested(void *owner, const json_t *answer)
{
	struct bindings *bindings = owner;

	(void)answer; /* if not, it begins with a new key */
	bindings->resting--;
	bindings->platform->wake(bindings->platform->context);
}

/* The process that goes on with it needs no new key. */
static void tell_rested(struct bindings_end *end)
{
	if (skex_binding_settled(end->binding) &&
		local_api_ask(end->all->api, "binding_rest",
			json_pack("{ss}", "binding", end->config->name.text), on_rested,
			end->all) == SKEX_OK)
		end->all->resting++;
}

void bindings_rest(struct bindings_end *end)
{
	if (end->binding == NULL || !skex_binding_rests(end->binding))
		return;
	tell_rested(end);
	let_go(end);
}

void bindings_renew(struct bindings *bindings)
{
	const uint64_t soonest_ms = bindings->began_ms + SKEX_BINDINGS_LEAST_MS;
	const uint64_t now_ms = bindings->platform->now_ms(bindings->platform->context);

	/* An order that comes again puts nothing off. */
	if (bindings->ending || bindings->renew_ms != UINT64_MAX)
		return;
	bindings->renew_ms = soonest_ms > now_ms ? soonest_ms : now_ms;
	bindings->platform->wake(bindings->platform->context);
}

static void end_all(struct bindings *bindings, uint64_t now_ms)
{
	size_t i;

	bindings->ending = true;
	bindings->end_ms = now_ms + END_MOST_MS;
	for (i = 0; i < bindings->count; i++)
		bindings_rest(bindings->ends[i]);
}

static bool are_at_rest(const struct bindings *bindings)
{
	const struct bindings_end *left = bindings->left;
	size_t i = 0;

	while (i < bindings->count && bindings->ends[i]->binding == NULL)
		i++;
	while (left != NULL && !left->retiring)
		left = left->next_left;
	return i == bindings->count && left == NULL && bindings->resting == 0;
}

uint64_t bindings_end_turn(struct bindings *bindings, uint64_t now_ms, uint64_t next_ms)
{
	if (!bindings->ending && now_ms >= bindings->renew_ms)
		end_all(bindings, now_ms);
	if (!bindings->ending)
		return next_ms < bindings->renew_ms ? next_ms : bindings->renew_ms;
	if (now_ms >= bindings->end_ms || are_at_rest(bindings))
		bindings_stop(bindings, SKEX_OK);
	return next_ms < bindings->end_ms ? next_ms : bindings->end_ms;
}
