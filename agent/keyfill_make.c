/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keyfill_internal.h"
#include "core/base/mem.h"
#include "enrol/source.h"
#include "platform/memory.h"

/*
 * A fill is made: into one file below the agent's directory, which nobody can open without its
 * preamble.  The agent that made it has nothing of it until it takes in a copy, like the other one.
 */
#define PIECE_BYTES   65536u
#define PIECES_A_STEP 8u

struct making {
	struct agent_fill_job job;
	struct skex_pad_source *source;
	struct skex_kit_writer *writer;
	struct skex_kit_lock lock;
	struct skex_kit_header header;
	skex_fill_made_fn made;
	char path[1024];
	uint64_t left;
	uint8_t piece[PIECE_BYTES];
};

void fill_spool_path(const struct skex_agent *agent, char *path, size_t room)
{
	(void)snprintf(path, room, "%s/keyfill.spool", agent->link.directory);
}

enum skex_error fill_busy(struct skex_reason *reason)
{
	return skex_reason_set(reason, SKEX_E_BUSY, "keyfill_busy",
		"wait until it is done, then try again",
		"other key material is being made or taken in");
}

static enum skex_error fail(
	struct making *making, enum skex_error error, struct skex_reason *reason)
{
	return skex_reason_set(reason, error, "spool",
		"check the agent's directory, its disk and the space left on it",
		"%s: the file cannot be written (%s)", making->path, skex_error_name(error));
}

static enum skex_error step(struct agent_fill_job *job, struct skex_reason *reason)
{
	struct making *making = (struct making *)job;
	enum skex_error error = SKEX_OK;
	unsigned i;

	for (i = 0; i < PIECES_A_STEP && making->left > 0; i++) {
		size_t size = making->left < PIECE_BYTES ? (size_t)making->left : PIECE_BYTES;

		error = skex_pad_source_read(making->source, making->piece, size, &size, reason);
		if (error != SKEX_OK)
			return error;
		error = skex_kit_writer_add(making->writer, making->piece, size);
		skex_wipe(making->piece, size);
		if (error != SKEX_OK)
			return fail(making, error, reason);
		making->left -= size;
	}
	if (making->left > 0)
		return SKEX_E_BUSY;
	error = skex_kit_writer_finish(making->writer);
	return error == SKEX_OK ? SKEX_OK : fail(making, error, reason);
}

static void end(struct agent_fill_job *job, const struct skex_reason *reason)
{
	struct making *making = (struct making *)job;
	struct skex_fill_made made = {.path = making->path};

	if (reason == NULL) {
		made.size = skex_kit_writer_size(making->writer);
		skex_kit_preamble_encode(&making->lock, made.size, made.preamble);
		memcpy(made.id, making->lock.id, sizeof(made.id));
		made.class = skex_kit_class(&making->header, &making->lock);
		made.keys_256 = making->header.pad_bytes[0] / 2 / 32;
		agent_event(job->agent, SKEX_LEVEL_NOTICE, "keyfill_made",
			making->header.ends[1].text, "",
			"key material for %s was made, out of %s: to be taken in at both ends",
			making->header.ends[1].text, making->header.source);
	}
	if (job->owner != NULL)
		making->made(job->owner, reason, reason == NULL ? &made : NULL);
	else
		skex_agent_fill_fetched(job->agent);
	skex_wipe(&made, sizeof(made));
}

static void free_job(struct agent_fill_job *job)
{
	struct making *making = (struct making *)job;

	skex_pad_source_close(making->source);
	skex_kit_writer_free(making->writer);
	skex_secret_free(making);
}

/* Random, and of no blocks that are known here; that the other end knows none is checked there. */
static enum skex_error make_instances(struct skex_agent *agent, uint32_t instances[2])
{
	const struct skex_platform *platform = agent->link.platform;
	enum skex_error error;

	do {
		error = platform->random(platform->context, instances, 2 * sizeof(*instances));
	} while (error == SKEX_OK &&
		(instances[0] == 0 || instances[1] == 0 || instances[0] == instances[1] ||
			instances[0] == agent->instance || instances[1] == agent->instance ||
			agent_fills_instance(agent, instances[0]) ||
			agent_fills_instance(agent, instances[1])));
	return error;
}

static enum skex_error check(
	struct making *making, const struct skex_fill_order *order, struct skex_reason *reason)
{
	struct skex_agent *agent = making->job.agent;
	struct skex_kit_header *header = &making->header;
	const struct skex_view name = skex_view(order->peer, strlen(order->peer));

	if (!skex_name_parse(&header->ends[1], name) ||
		skex_name_equal(&header->ends[1], &agent->name))
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "bad_name",
			"name the other agent, as its skexd.conf does",
			"that is no name of another agent");
	if (order->bytes < SKEX_FILL_BYTES_MIN || order->bytes > SKEX_FILL_BYTES_MAX ||
		order->bytes % SKEX_FILL_BYTES_MIN != 0)
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "bad_size",
			"give a multiple of 4 KiB, at most 64 MiB; make several for more",
			"%" PRIu64 " bytes of material are not a multiple of %u, up to %u",
			order->bytes, SKEX_FILL_BYTES_MIN, SKEX_FILL_BYTES_MAX);
	header->type = SKEX_KIT_FILL;
	header->ends[0] = agent->name;
	header->pad_bytes[0] = order->bytes / 2;
	header->pad_bytes[1] = order->bytes / 2;
	making->left = order->bytes;
	return SKEX_OK;
}

static enum skex_error begin(
	struct making *making, const struct skex_fill_order *order, struct skex_reason *reason)
{
	struct skex_agent *agent = making->job.agent;
	const struct skex_platform *platform = agent->link.platform;
	struct skex_kit_header *header = &making->header;
	const struct skex_pad_source_order source = {
		order->source, order->bytes, order->source_unmarked};
	enum skex_error error = check(making, order, reason);

	if (error != SKEX_OK)
		return error;
	fill_spool_path(agent, making->path, sizeof(making->path));
	error = make_instances(agent, header->instances);
	if (error == SKEX_OK && order->lock != NULL)
		making->lock = *order->lock;
	else if (error == SKEX_OK)
		error = skex_kit_lock_make(platform, &making->lock);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "entropy", "see the kernel's log",
			"the kernel gives no randomness");
	error = skex_pad_source_open(platform, agent->link.crypto, agent->link.registry, &source,
		&making->source, reason);
	if (error != SKEX_OK)
		return error;
	header->class = skex_pad_source_class(making->source);
	snprintf(
		header->source, sizeof(header->source), "%s", skex_pad_source_text(making->source));
	error = skex_kit_writer_new(
		platform, agent->link.crypto, making->path, &making->lock, header, &making->writer);
	return error == SKEX_OK ? SKEX_OK : fail(making, error, reason);
}

enum skex_error skex_agent_fill_make(struct skex_agent *agent, const struct skex_fill_order *order,
	skex_fill_made_fn made, void *owner, struct skex_reason *reason)
{
	struct making *making;
	enum skex_error error;

	if (agent->fills_job != NULL)
		return fill_busy(reason);
	making = skex_secret_new(sizeof(*making));
	if (making == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	making->job = (struct agent_fill_job){
		.step = step, .end = end, .free = free_job, .agent = agent, .owner = owner};
	making->made = made;
	error = begin(making, order, reason);
	if (error != SKEX_OK) {
		free_job(&making->job);
		return error;
	}
	fill_job_begin(&making->job, agent);
	return SKEX_OK;
}

void skex_agent_fill_fetched(struct skex_agent *agent)
{
	const struct skex_platform *platform = agent->link.platform;
	char path[1024];

	fill_spool_path(agent, path, sizeof(path));
	(void)!skex_kit_shred(platform, path);
}
