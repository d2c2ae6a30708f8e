/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/enrolment.h"

#include <string.h>

#include "core/base/mem.h"
#include "enrol/kit_stream.h"
#include "platform/memory.h"
#include "store/tables.h"

#define PIECES_PER_STEP 8u

static enum skex_error fail(struct skex_enrolment *enrolment, enum skex_error error,
	const char *code, const char *what, struct skex_reason *reason)
{
	return skex_reason_set(reason, error, code,
		"see the hub's log, its disk and the space left on it, then try again",
		"agent %s: %s (%s); nothing was enrolled", enrolment->header.agent.text, what,
		skex_error_name(error));
}

/* The sync of the rows failed: what the disk has of them is read when the hub starts. */
static enum skex_error in_doubt(
	struct skex_enrolment *enrolment, enum skex_error error, struct skex_reason *reason)
{
	return skex_reason_set(reason, error, "registry",
		"see the hub's log and its disk, start the hub again, then see skex hub ls",
		"agent %s: the registry cannot be synced (%s): whether it is enrolled is known "
		"when the hub has started again",
		enrolment->header.agent.text, skex_error_name(error));
}

/* ---- beginning --------------------------------------------------------------------------------
 */

static enum skex_error open_source(struct skex_enrolment *enrolment,
	const struct skex_enrol_request *request, struct skex_reason *reason)
{
	const struct skex_enrol_hub *hub = enrolment->hub;
	struct skex_kit_header *header = &enrolment->header;
	const struct skex_pad_source_order order = {
		.path = request->source,
		.bytes = header->pad_bytes[0] + header->pad_bytes[1],
		.unmarked = request->source_unmarked,
	};
	enum skex_error error;

	if (enrolment->copy)
		return SKEX_OK;
	error = skex_pad_source_open(
		hub->platform, hub->crypto, hub->registry, &order, &enrolment->source, reason);
	if (error != SKEX_OK)
		return error;
	header->class = skex_pad_source_class(enrolment->source);
	memcpy(header->source, skex_pad_source_text(enrolment->source), sizeof(header->source));
	return SKEX_OK;
}

static enum skex_error open_copies(struct skex_enrolment *enrolment, struct skex_reason *reason)
{
	const struct skex_enrol_hub *hub = enrolment->hub;
	const struct skex_kit_header *header = &enrolment->header;

	for (int i = 0; i < 2 && enrolment->copy; i++) {
		char path[1024];
		enum skex_error error = SKEX_E_ARGUMENT;

		if (skex_pad_path(path, sizeof(path), hub->directory, header->leg, (uint8_t)i,
			    header->generation))
			error = skex_pad_file_open(hub->platform, hub->crypto, path, hub->kek, 0,
				&enrolment->files[i]);
		if (error != SKEX_OK)
			return fail(enrolment, error, "pad_file",
				"the pads of this generation cannot be read", reason);
	}
	return SKEX_OK;
}

static enum skex_error open_files(struct skex_enrolment *enrolment, struct skex_reason *reason)
{
	const struct skex_enrol_hub *hub = enrolment->hub;
	const struct skex_kit_header *header = &enrolment->header;
	enum skex_error error = SKEX_OK;

	if (!enrolment->copy)
		error = skex_pad_makers_new(hub->platform, hub->crypto, hub->directory, hub->kek,
			header, &enrolment->makers);
	if (error != SKEX_OK)
		return fail(enrolment, error, "pad_file", "the pads cannot be made", reason);
	error = skex_kit_writer_new(hub->platform, hub->crypto, enrolment->path, &enrolment->lock,
		header, &enrolment->writer);
	if (error != SKEX_OK)
		return fail(enrolment, error, "spool", "the kit cannot be written", reason);
	return SKEX_OK;
}

static enum skex_error set_pending(struct skex_enrolment *enrolment)
{
	struct skex_pending *pending = &enrolment->pending;
	const struct skex_kit_header *header = &enrolment->header;
	uint8_t encoded[SKEX_KIT_HEADER_MAX];
	size_t size = 0;
	enum skex_error error = skex_kit_header_encode(header, encoded, &size);

	skex_wipe(encoded, sizeof(encoded));
	if (error != SKEX_OK)
		return error;
	pending->agent = header->agent;
	pending->ready = false;
	pending->type = header->type;
	pending->leg = header->leg;
	pending->generation = header->generation;
	pending->file_size =
		skex_kit_file_size(4 + size + header->pad_bytes[0] + header->pad_bytes[1]);
	skex_kit_preamble_encode(&enrolment->lock, pending->file_size, pending->preamble);
	if (!skex_pending_path(enrolment->path, sizeof(enrolment->path), enrolment->hub->directory,
		    pending->leg, pending->generation))
		return SKEX_E_ARGUMENT;
	return SKEX_OK;
}

static enum skex_error prepare(struct skex_enrolment *enrolment,
	const struct skex_enrol_request *request, struct skex_reason *reason)
{
	bool evict = false;
	enum skex_error error = enrol_plan(enrolment, request, &evict, reason);

	if (error == SKEX_OK)
		error = open_source(enrolment, request, reason);
	if (error == SKEX_OK)
		error = open_copies(enrolment, reason);
	if (error != SKEX_OK)
		return error;
	if (request->lock != NULL)
		enrolment->lock = *request->lock;
	else
		error = skex_kit_lock_make(enrolment->hub->platform, &enrolment->lock);
	if (error == SKEX_OK)
		error = set_pending(enrolment);
	if (error != SKEX_OK)
		return fail(enrolment, error, "kit", "the kit cannot be begun", reason);
	enrolment->class = skex_kit_class(&enrolment->header, &enrolment->lock);
	if (!evict)
		return SKEX_OK;
	error = skex_enrol_evict(enrolment->hub, &request->agent, reason);
	if (error == SKEX_OK)
		skex_log(enrolment->hub->platform, SKEX_LEVEL_NOTICE,
			"enrolment_voided: agent %s: its enrolment, which was never used, is void; "
			"a new one is made",
			request->agent.text);
	return error;
}

/* Is the kit's file still there?  Without it the kit counts as taken. */
static bool spooled(const struct skex_enrol_hub *hub, const struct skex_pending *pending)
{
	const struct skex_files *files = hub->platform->files;
	struct skex_file *file;
	uint64_t size = 0;
	char path[1024];

	if (!skex_pending_path(
		    path, sizeof(path), hub->directory, pending->leg, pending->generation) ||
		files->open(files->context, path, SKEX_OPEN_READ, &file) != SKEX_OK)
		return false;
	if (files->size(file, &size) != SKEX_OK)
		size = 0;
	files->close(file);
	return size == pending->file_size;
}

/* SKEX_OK to go on; otherwise what is pending decides. */
static enum skex_error look_pending(const struct skex_enrol_hub *hub,
	const struct skex_enrol_request *request, bool *ready, struct skex_reason *reason)
{
	struct skex_pending pending;
	const char *name = request->agent.text;
	bool real = false;
	enum skex_error error = skex_pending_get(hub->store, &request->agent, &pending);

	*ready = false;
	if (error == SKEX_E_UNKNOWN)
		return SKEX_OK;
	if (error == SKEX_OK && pending.ready)
		error = enrol_is_real(hub, &pending, &real);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "store", "see the hub's log",
			"agent %s: its pending kit cannot be read (%s)", name,
			skex_error_name(error));
	if (!real)
		error = skex_reason_set(reason, SKEX_E_BUSY, "kit_in_the_making",
			"wait a moment, then try again; if that lasts, see kit_not_undone in the "
			"hub's log",
			"agent %s: a kit is being made, or one that was not finished is being "
			"undone",
			name);
	else if (pending.type != request->type)
		error = skex_reason_set(reason, SKEX_E_BUSY, "kit_waiting",
			pending.type == SKEX_KIT_ENROL
				? "fetch it: `skex hub enrol NAME --out FILE`"
				: "fetch it: `skex hub refill NAME --out FILE`",
			"agent %s: a kit of the other type waits to be taken", name);
	else
		*ready = !request->again && spooled(hub, &pending);
	skex_wipe(&pending, sizeof(pending));
	return error;
}

enum skex_error skex_enrolment_begin(const struct skex_enrol_hub *hub,
	const struct skex_enrol_request *request, struct skex_enrolment **enrolment,
	struct skex_reason *reason)
{
	struct skex_enrolment *made;
	bool ready;
	enum skex_error error = look_pending(hub, request, &ready, reason);

	if (error != SKEX_OK)
		return error;
	made = skex_secret_new(sizeof(*made));
	if (made == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	made->hub = hub;
	made->phase = ready ? ENROL_DONE : ENROL_RECORD;
	if (ready)
		error = enrol_check_banned(hub, &request->agent, reason);
	else
		error = prepare(made, request, reason);
	if (error != SKEX_OK) {
		made->phase = ENROL_FAILED;
		skex_enrolment_free(made);
		return error;
	}
	*enrolment = made;
	return SKEX_OK;
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static void stored(void *owner, enum skex_error error)
{
	struct skex_enrolment *enrolment = owner;

	enrolment->waiting = false;
	enrolment->stored = error;
	if (enrolment->abandoned)
		skex_enrolment_free(enrolment);
	else
		enrolment->hub->platform->wake(enrolment->hub->platform->context);
}

/* The pending record, alone or with the keys of the leg. */
static enum skex_error submit(struct skex_enrolment *enrolment, bool with_keys)
{
	struct skex_store *store = enrolment->hub->store;
	struct skex_txn *txn = skex_txn_begin(store);
	enum skex_error error = SKEX_OK;

	if (txn == NULL)
		return SKEX_E_MEMORY;
	skex_pending_put(store, txn, &enrolment->pending);
	if (with_keys)
		error = skex_leg_state_put(enrolment->hub->crypto, store, txn, &enrolment->header);
	if (error != SKEX_OK) {
		skex_txn_abandon(txn, store);
		return error;
	}
	error = skex_txn_submit(txn, store, stored, enrolment);
	enrolment->waiting = error == SKEX_OK;
	enrolment->begun = enrolment->begun || enrolment->waiting;
	return error;
}

static enum skex_error read_piece(struct skex_enrolment *enrolment, int direction, size_t size,
	size_t *got, struct skex_reason *reason)
{
	enum skex_error error;

	if (!enrolment->copy)
		return skex_pad_source_read(enrolment->source, enrolment->piece, size, got, reason);
	error = skex_pad_file_read(
		enrolment->files[direction], enrolment->filled[direction], enrolment->piece, size);
	if (error != SKEX_OK)
		return fail(enrolment, error, "pad_file", "a pad cannot be read", reason);
	*got = size;
	return SKEX_OK;
}

static enum skex_error fill_piece(
	struct skex_enrolment *enrolment, int direction, struct skex_reason *reason)
{
	uint64_t left = enrolment->header.pad_bytes[direction] - enrolment->filled[direction];
	size_t size = left < ENROL_PIECE_BYTES ? (size_t)left : ENROL_PIECE_BYTES;
	enum skex_error error = read_piece(enrolment, direction, size, &size, reason);

	if (error != SKEX_OK)
		return error;
	if (!enrolment->copy)
		error = skex_pad_maker_add(
			enrolment->makers.makers[direction], enrolment->piece, size);
	if (error != SKEX_OK)
		return fail(enrolment, error, "pad_file", "a pad cannot be written", reason);
	error = skex_kit_writer_add(enrolment->writer, enrolment->piece, size);
	if (error != SKEX_OK)
		return fail(enrolment, error, "spool", "the kit cannot be written", reason);
	enrolment->filled[direction] += size;
	return SKEX_OK;
}

/* A few pieces; SKEX_OK when all are there. */
static enum skex_error fill(struct skex_enrolment *enrolment, struct skex_reason *reason)
{
	enum skex_error error = SKEX_OK;
	unsigned pieces = 0;

	for (int i = 0; i < 2; i++)
		while (enrolment->filled[i] < enrolment->header.pad_bytes[i]) {
			if (pieces++ == PIECES_PER_STEP)
				return SKEX_E_BUSY;
			error = fill_piece(enrolment, i, reason);
			if (error != SKEX_OK)
				return error;
		}
	skex_wipe(enrolment->piece, sizeof(enrolment->piece));
	return SKEX_OK;
}

static enum skex_error finish_kit(struct skex_enrolment *enrolment, struct skex_reason *reason)
{
	const struct skex_files *files = enrolment->hub->platform->files;
	char spool[1024];
	char *name;
	enum skex_error error = skex_kit_writer_finish(enrolment->writer);

	memcpy(spool, enrolment->path, sizeof(spool));
	name = strrchr(spool, '/');
	if (name != NULL)
		*name = '\0';
	if (error == SKEX_OK)
		error = files->sync_directory(files->context, spool);
	if (error != SKEX_OK)
		return fail(enrolment, error, "spool", "the kit cannot be written", reason);
	enrolment->pending.ready = true;
	error = submit(enrolment, enrolment->header.type == SKEX_KIT_ENROL);
	if (error != SKEX_OK)
		return fail(enrolment, error, "store", "the keys cannot be stored", reason);
	enrolment->phase = ENROL_KEYS;
	return SKEX_E_EMPTY;
}

enum skex_error enrol_put_rows(const struct skex_enrol_hub *hub,
	const struct skex_kit_header *header, enum skex_class class, struct skex_member *member,
	uint64_t old_leg)
{
	struct skex_registry *registry = hub->registry;
	struct skex_leg_record leg;
	enum skex_error error = skex_registry_begin(registry);

	if (error != SKEX_OK)
		return error;
	if (header->type == SKEX_KIT_ENROL) {
		skex_leg_state_row(header, &header->agent, class, "", &leg);
		member->since_ms = hub->platform->wall_ms(hub->platform->context);
		if (old_leg != 0)
			error = skex_registry_leg_remove(registry, old_leg);
		if (error == SKEX_OK || error == SKEX_E_UNKNOWN)
			error = skex_registry_leg_put(registry, &leg);
		if (error == SKEX_OK)
			error = skex_registry_member_put(registry, member);
	}
	if (error == SKEX_OK)
		error = skex_leg_state_put_pads(registry, header);
	if (error == SKEX_OK)
		return skex_registry_commit(registry);
	skex_registry_undo(registry);
	return error;
}

/*
 * In one go, with no turn of the loop between: once the pads are finished a running leg may find
 * them, and what happened between that and the rows would be undone after a crash.
 */
static enum skex_error commit(struct skex_enrolment *enrolment, struct skex_reason *reason)
{
	const struct skex_enrol_hub *hub = enrolment->hub;
	const struct skex_name *agent = &enrolment->header.agent;
	enum skex_error error = SKEX_OK;

	if (enrolment->copy)
		return SKEX_OK;
	error = skex_pad_makers_finish(&enrolment->makers);
	if (error != SKEX_OK)
		return fail(enrolment, error, "pad_file", "the pads cannot be finished", reason);
	error = enrol_put_rows(
		hub, &enrolment->header, enrolment->class, &enrolment->member, enrolment->old_leg);
	if (error != SKEX_OK && skex_registry_failed(hub->registry) != SKEX_OK)
		return in_doubt(enrolment, error, reason);
	if (error != SKEX_OK)
		return fail(enrolment, error, "registry", "the registry cannot be written", reason);
	skex_log(hub->platform, SKEX_LEVEL_NOTICE, "%s: agent %s, leg %016llx, generation %u, %s",
		enrolment->header.type == SKEX_KIT_ENROL ? "enrolled" : "refilled", agent->text,
		(unsigned long long)enrolment->header.leg, (unsigned)enrolment->header.generation,
		enrolment->class == SKEX_CLASS_ITS ? "its" : "computational");
	if (hub->changed != NULL)
		hub->changed(hub->owner, agent);
	return SKEX_OK;
}

static enum skex_error step(struct skex_enrolment *enrolment, struct skex_reason *reason)
{
	enum skex_error error;

	switch (enrolment->phase) {
	case ENROL_RECORD:
		error = submit(enrolment, false);
		if (error != SKEX_OK)
			return fail(enrolment, error, "store", "it cannot be recorded", reason);
		enrolment->phase = ENROL_RECORDED;
		return SKEX_E_EMPTY;
	case ENROL_RECORDED:
		error = open_files(enrolment, reason);
		enrolment->phase = ENROL_FILL;
		return error == SKEX_OK ? SKEX_E_BUSY : error;
	case ENROL_FILL:
		error = fill(enrolment, reason);
		return error == SKEX_OK ? finish_kit(enrolment, reason) : error;
	case ENROL_KEYS:
		error = commit(enrolment, reason);
		if (error == SKEX_OK)
			enrolment->phase = ENROL_DONE;
		return error;
	case ENROL_DONE:
		return SKEX_OK;
	case ENROL_FAILED:
	default:
		return skex_reason_set(reason, SKEX_E_STATE, "failed", "", "it has failed before");
	}
}

enum skex_error skex_enrolment_step(struct skex_enrolment *enrolment, struct skex_reason *reason)
{
	enum skex_error error;

	if (enrolment->waiting)
		return SKEX_E_EMPTY;
	if (enrolment->stored != SKEX_OK)
		error = fail(enrolment, enrolment->stored, "store", "the store failed", reason);
	else
		error = step(enrolment, reason);
	if (error != SKEX_OK && error != SKEX_E_BUSY && error != SKEX_E_EMPTY)
		enrolment->phase = ENROL_FAILED;
	return error;
}

static void close_files(struct skex_enrolment *enrolment)
{
	skex_pad_makers_free(&enrolment->makers);
	skex_kit_writer_free(enrolment->writer);
	skex_pad_source_close(enrolment->source);
	for (int i = 0; i < 2; i++)
		if (enrolment->files[i] != NULL)
			skex_pad_file_close(enrolment->files[i]);
}

void skex_enrolment_release(struct skex_enrolment *enrolment)
{
	if (enrolment == NULL)
		return;
	close_files(enrolment);
	skex_secret_free(enrolment);
}

void skex_enrolment_free(struct skex_enrolment *enrolment)
{
	if (enrolment == NULL)
		return;
	if (enrolment->waiting) {
		enrolment->abandoned = true;
		return;
	}
	close_files(enrolment);
	if (enrolment->begun && enrolment->phase != ENROL_DONE)
		enrol_undo(enrolment->hub, &enrolment->pending);
	skex_secret_free(enrolment);
}
