/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keyfill_internal.h"
#include "core/base/mem.h"
#include "platform/memory.h"

/*
 * A fill is taken in: its pieces are written while the file is read, in several transactions; only
 * when the last chunk of the file was verified its record says that it is ready.  What a crash
 * leaves before that is removed at the next start, and the file can be taken in again.
 */
#define PIECES_A_STEP 64u

struct taking {
	struct agent_fill_job job;
	struct skex_kit *kit;
	struct agent_fill *fill; /* not the agent's yet */
	skex_fill_taken_fn taken;
	uint32_t done; /* pieces, of both directions */
	bool ready;    /* the last record is on its way */
	uint8_t *piece;
};

/* ---- jobs --------------------------------------------------------------------------------------
 */

struct job_answer {
	struct skex_agent *agent;
	uint64_t number;
};

static void job_durable(void *owner, enum skex_error error)
{
	struct job_answer *answer = owner;

	if (error == SKEX_OK && answer->agent->fills_job != NULL &&
		answer->agent->fills_job->number == answer->number) {
		answer->agent->fills_job->waiting = false;
		agent_wake(answer->agent);
	}
	free(answer);
}

bool fill_job_wait(struct agent_fill_job *job)
{
	struct job_answer *answer = malloc(sizeof(*answer));

	if (answer == NULL)
		return false;
	*answer = (struct job_answer){job->agent, job->number};
	job->waiting = true;
	skex_commit_after(&job->agent->link.commit, job_durable, answer);
	return true;
}

void fill_job_begin(struct agent_fill_job *job, struct skex_agent *agent)
{
	job->number = ++agent->fills_jobs;
	agent->fills_job = job;
	agent_wake(agent);
}

void skex_agent_fill_forget(struct skex_agent *agent)
{
	if (agent->fills_job != NULL)
		agent->fills_job->owner = NULL;
}

/* ---- may it be taken in? -----------------------------------------------------------------------
 */

static enum skex_error check_ends(struct taking *taking, const struct skex_kit_header *header,
	const char *path, struct skex_reason *reason)
{
	struct skex_agent *agent = taking->job.agent;
	struct agent_fill *fill = taking->fill;

	if (skex_name_equal(&header->ends[0], &agent->name))
		fill->end = 0;
	else if (skex_name_equal(&header->ends[1], &agent->name))
		fill->end = 1;
	else
		return skex_reason_set(reason, SKEX_E_REFUSED, "other_agent",
			"take it to one of these two, or make one for this agent",
			"%s: made for %s and %s; this is %s", path, header->ends[0].text,
			header->ends[1].text, agent->name.text);
	fill->peer = agent_peer_find(agent, &header->ends[1 - fill->end]);
	if (fill->peer == NULL || !agent_peer_serves(fill->peer))
		return skex_reason_set(reason, SKEX_E_UNKNOWN, "unknown_peer",
			"name it in peers of skexd.conf, or: skex peer add NAME; then try again",
			"%s: the other end is %s, which is no peer of this agent", path,
			header->ends[1 - fill->end].text);
	return SKEX_OK;
}

static enum skex_error check_id(struct taking *taking, const struct skex_kit_header *header,
	const char *path, struct skex_reason *reason)
{
	const struct agent_fill *fill = taking->fill;
	struct skex_agent *agent = taking->job.agent;
	enum fill_state state = FILL_OVER;
	const enum skex_error error = fill_known(agent, fill->id, &state);
	uint8_t i;

	/* Of one that failed a moment ago the record may still be there. */
	if (error == SKEX_OK && state != FILL_TAKING)
		return skex_reason_set(reason, SKEX_E_SPENT, "fill_taken",
			"destroy this copy; for more keys make a new one: skex keyfill make",
			"%s: was taken in here already%s", path,
			state == FILL_OVER ? ", and is used up or removed" : "");
	if (error != SKEX_OK && error != SKEX_E_UNKNOWN)
		return skex_reason_set(reason, error, "store", "look at the disk and the log",
			"%s: what was taken in before cannot be read (%s)", path,
			skex_error_name(error));
	for (i = 0; i < 2; i++) {
		const uint32_t instance = header->instances[i];

		if (agent_fills_instance(agent, instance) || instance == agent->instance ||
			instance == fill->peer->spent_instance)
			return skex_reason_set(reason, SKEX_E_REFUSED, "fill_number",
				"have a new one made: the number in it is random",
				"%s: its keys would have ids that others have already", path);
	}
	return SKEX_OK;
}

static enum skex_error check(struct taking *taking, const char *path, struct skex_reason *reason)
{
	const struct skex_kit_header *header = skex_kit_header_get(taking->kit);
	struct skex_agent *agent = taking->job.agent;
	struct agent_fill *fill;
	enum skex_error error;

	if (header->type != SKEX_KIT_FILL)
		return skex_reason_set(reason, SKEX_E_REFUSED, "kit", "take it in with `skex join`",
			"%s: a kit of hub %s, no key material", path, header->hub_name.text);
	fill = fill_new(agent, (uint32_t)(header->pad_bytes[0] / SKEX_FILL_PIECE_BYTES));
	if (fill == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	taking->fill = fill;
	memcpy(fill->id, skex_kit_lock_get(taking->kit)->id, sizeof(fill->id));
	fill->state = FILL_TAKING;
	fill->class = skex_kit_class(header, skex_kit_lock_get(taking->kit));
	fill->instances[0] = header->instances[0];
	fill->instances[1] = header->instances[1];
	fill->taken_wall_ms = agent_wall(agent);
	snprintf(fill->source, sizeof(fill->source), "%s", header->source);
	error = check_ends(taking, header, path, reason);
	if (error == SKEX_OK)
		error = check_id(taking, header, path, reason);
	if (error == SKEX_OK && agent->config->require_its && fill->class != SKEX_CLASS_ITS)
		error = skex_reason_set(reason, SKEX_E_REFUSED, "class",
			"make one with --pad-source and without passphrase",
			"%s: computational, and require_its is set", path);
	return error;
}

/* ---- the work ----------------------------------------------------------------------------------
 */

static enum skex_error fail_store(struct skex_reason *reason)
{
	return skex_reason_set(reason, SKEX_E_IO, "store",
		"look at the disk, the memory and the log, then try again",
		"the material could not be stored; the file can be taken in again");
}

/* Nothing of it stays. */
static void undo(struct taking *taking)
{
	struct agent_fill *fill = taking->fill;
	struct skex_agent *agent = taking->job.agent;
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);

	if (txn == NULL)
		return;
	(void)fill_destroy(fill);
	fill_forget(fill, txn);
}

static enum skex_error finish(struct taking *taking, struct skex_reason *reason)
{
	struct skex_txn *txn = skex_commit_txn(&taking->job.agent->link.commit);
	enum skex_error error = skex_kit_end(taking->kit, reason);

	if (error != SKEX_OK)
		return error;
	taking->fill->state = FILL_READY;
	if (txn == NULL || !fill_job_wait(&taking->job))
		return fail_store(reason);
	fill_put(taking->fill, txn);
	taking->ready = true;
	return SKEX_E_EMPTY;
}

static enum skex_error step(struct agent_fill_job *job, struct skex_reason *reason)
{
	struct taking *taking = (struct taking *)job;
	struct agent_fill *fill = taking->fill;
	struct skex_txn *txn = skex_commit_txn(&job->agent->link.commit);
	uint32_t i;

	if (taking->ready)
		return SKEX_OK;
	if (txn == NULL)
		return fail_store(reason);
	if (taking->done == 2 * fill->pieces)
		return finish(taking, reason);
	if (taking->done == 0)
		fill_put(fill, txn);
	for (i = 0; i < PIECES_A_STEP && taking->done < 2 * fill->pieces; i++) {
		const uint8_t direction = taking->done < fill->pieces ? 0 : 1;
		const uint32_t piece = direction == 0 ? taking->done : taking->done - fill->pieces;
		enum skex_error error =
			skex_kit_read(taking->kit, taking->piece, SKEX_FILL_PIECE_BYTES, reason);

		if (error != SKEX_OK)
			return error;
		fill_piece_put(fill, direction, piece, taking->piece, txn);
		fill->there[direction][piece] = 1;
		fill->left[direction]++;
		taking->done++;
	}
	return fill_job_wait(job) ? SKEX_E_EMPTY : fail_store(reason);
}

static void end(struct agent_fill_job *job, const struct skex_reason *reason)
{
	struct taking *taking = (struct taking *)job;
	struct agent_fill *fill = taking->fill;
	struct skex_agent *agent = job->agent;
	struct skex_fill_status status;

	if (reason != NULL) {
		undo(taking);
		agent_event(agent, SKEX_LEVEL_WARNING, "keyfill_failed", fill->peer->name.text, "",
			"key material for %s was not taken in: %s", fill->peer->name.text,
			reason->code);
		if (job->owner != NULL)
			taking->taken(job->owner, reason, NULL);
		return;
	}
	fill->left_before = fill->left[fill->end];
	fill->since_ms = agent_now(agent);
	fill_append(fill);
	taking->fill = NULL;
	agent_event(agent, SKEX_LEVEL_NOTICE, "keyfill_taken", fill->peer->name.text, "",
		"key material for %s was taken in, class %s", fill->peer->name.text,
		fill->class == SKEX_CLASS_ITS ? "its" : "computational");
	fill_status(fill, &status);
	if (job->owner != NULL)
		taking->taken(job->owner, NULL, &status);
}

static void free_job(struct agent_fill_job *job)
{
	struct taking *taking = (struct taking *)job;

	fill_free(taking->fill);
	skex_kit_close(taking->kit);
	skex_secret_free(taking->piece);
	free(taking);
}

enum skex_error skex_agent_fill_take(struct skex_agent *agent, const char *path, const uint8_t *key,
	bool kept, skex_fill_taken_fn taken, void *owner, struct skex_reason *reason)
{
	struct taking *taking;
	enum skex_error error;

	if (agent->fills_job != NULL)
		return fill_busy(reason);
	taking = calloc(1, sizeof(*taking));
	if (taking == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	taking->job = (struct agent_fill_job){
		.step = step, .end = end, .free = free_job, .agent = agent, .owner = owner};
	taking->taken = taken;
	taking->piece = skex_secret_new(SKEX_FILL_PIECE_BYTES);
	error = taking->piece == NULL
		? skex_reason_set(reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory")
		: SKEX_OK;
	if (error == SKEX_OK)
		error = skex_kit_open(
			agent->link.platform, agent->link.crypto, path, key, &taking->kit, reason);
	if (error == SKEX_OK)
		error = check(taking, path, reason);
	if (error != SKEX_OK) {
		free_job(&taking->job);
		return error;
	}
	taking->fill->kept = kept;
	fill_job_begin(&taking->job, agent);
	return SKEX_OK;
}
