/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

/*
 * A leg that stopped, and how it goes on (docs/spec/distributed.md, section 6.4).  Each step is
 * durable before the next, so that a crash repeats at most one of them:
 *
 *   stopped --operator--> RESUMED --marks of a HELLO, durable--> TAKEN --the other end--> up
 *
 * The larger marks are taken once for each word of an operator, and that connection ends there: so
 * no end speaks as one that goes on before its marks are durable.  Until the other end goes along,
 * which it does by its own operator's word, this end connects again and again, takes no offence at
 * being turned away, and sends nothing that uses pad.  So the order of the two words is no matter.
 */

bool skex_leg_halted(const struct skex_leg_record *record)
{
	return record->halt == SKEX_HALT_OURS || record->halt == SKEX_HALT_THEIRS;
}

bool leg_resuming(const struct skex_leg *leg)
{
	return leg->record.halt == SKEX_HALT_RESUMED || leg->record.halt == SKEX_HALT_TAKEN;
}

static enum skex_error set_halt(struct skex_leg *leg, enum skex_leg_halt halt)
{
	struct skex_leg_record record = leg->record;
	enum skex_error error;

	record.halt = halt;
	error = skex_registry_leg_put(leg->link->registry, &record);
	if (error == SKEX_OK)
		leg->record = record;
	return error;
}

/* Where it cannot be recorded it holds for this life, and the next one begins at what was. */
static void keep_halt(struct skex_leg *leg, enum skex_leg_halt halt)
{
	if (set_halt(leg, halt) == SKEX_OK)
		return;
	leg->record.halt = halt;
	skex_log(leg->link->platform, SKEX_LEVEL_ERROR,
		"leg %016llx: what became of its rollback cannot be recorded",
		(unsigned long long)leg->record.leg);
}

void leg_stop(struct skex_leg *leg, enum skex_leg_halt halt, const char *text)
{
	keep_halt(leg, halt);
	skex_leg_error(leg, "%s", text);
	leg_set_state(leg, SKEX_LEG_STOPPED);
	leg->link->events->alarm(leg->link->owner, leg, "rollback", text);
}

enum skex_error skex_leg_resume(struct skex_leg *leg)
{
	enum skex_error error = SKEX_OK;

	/* Marks of the word before are still being written. */
	if (leg->taking)
		return SKEX_E_BUSY;
	if (skex_leg_halted(&leg->record))
		error = set_halt(leg, SKEX_HALT_RESUMED);
	else if (!leg_resuming(leg))
		error = SKEX_E_STATE;
	if (error != SKEX_OK)
		return error;
	if (leg->state == SKEX_LEG_STOPPED)
		leg_set_state(leg, SKEX_LEG_DOWN);
	leg->reach_told = false;
	leg->attempts = 0;
	leg->attempt_ms = 0;
	leg->last_error[0] = '\0';
	return SKEX_OK;
}

/* ---- the larger marks -------------------------------------------------------------------------
 */

static void later(struct skex_pad_position *mark, struct skex_pad_position other)
{
	if (skex_pad_compare(other, *mark) > 0)
		*mark = other;
}

/* What was received by either view is over. */
static void raise_received(struct skex_leg *leg, struct skex_pad_position sent)
{
	struct skex_pad_position mark = leg->rx.mark;
	struct skex_pad_range jump;

	later(&mark, sent);
	later(&mark, leg->rx_begins);
	jump.generation = mark.generation;
	jump.offset = mark.offset;
	jump.size = 0;
	tags_advance(leg, jump, skex_pad_bytes_size(leg->rx_pad, mark.generation));
}

/* The next generation of the pad that we send from; false when it is not here. */
static bool next_generation(struct skex_leg *leg)
{
	const uint64_t size = skex_pad_bytes_size(leg->tx_pad, leg->tx.next.generation + 1);

	return size != 0 && skex_pad_tx_switch(&leg->tx, size) == SKEX_OK;
}

/* What can have been in flight of the pad that we send from, a multiple of 16. */
static uint64_t flight_span(const struct skex_leg *leg)
{
	return skex_pad_align(leg->link->span_bytes + SKEX_PACKET_MAX);
}

/* What was sent by either view is over, and what can have been in flight behind it, which may have
 * gone on to the next generations.  That the other end's mark lies in a pad was checked. */
static void raise_sent(struct skex_leg *leg, struct skex_pad_position received)
{
	const uint64_t span = flight_span(leg);
	struct skex_pad_position mark = leg->tx.next;

	later(&mark, received);
	later(&mark, leg->tx_begins);
	while (leg->tx.next.generation < mark.generation && next_generation(leg))
		;
	while ((mark.offset >= leg->tx.size || span > leg->tx.size - mark.offset) &&
		next_generation(leg))
		mark = leg->tx.next;
	mark.offset = mark.offset < leg->tx.size && span < leg->tx.size - mark.offset
		? mark.offset + span
		: leg->tx.size;
	later(&leg->tx.next, mark);
	later(&leg->tx.reserved, leg->tx.next);
	leg->tx_dirty = leg->link->role == SKEX_ROLE_HUB;
	leg->life = leg->tx.next;
}

static void taken(void *owner, enum skex_error error)
{
	struct skex_leg *leg = owner;

	if (error != SKEX_OK)
		return;
	leg->taking = false;
	leg->behind = false;
	keep_halt(leg, SKEX_HALT_TAKEN);
}

/* Whether a mark of the other end, where it is larger than ours, can be gone to: each generation up
 * to its own is here, and it lies in that. */
static bool reachable(
	struct skex_pad_bytes *pad, struct skex_pad_position ours, struct skex_pad_position theirs)
{
	uint32_t generation;

	if (skex_pad_compare(theirs, ours) <= 0)
		return true;
	for (generation = ours.generation; generation < theirs.generation; generation++) {
		if (skex_pad_bytes_size(pad, generation + 1) == 0)
			return false;
	}
	return skex_pad_position_valid(theirs) &&
		theirs.offset <= skex_pad_bytes_size(pad, theirs.generation);
}

static uint32_t newest_of(const struct skex_leg *leg, const struct skex_hello *hello)
{
	const uint32_t all[] = {leg->tx.next.generation, leg->rx.mark.generation,
		hello->sent.generation, hello->received.generation};
	uint32_t newest = 0;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		newest = all[i] > newest ? all[i] : newest;
	return newest;
}

/*
 * Agent: is all here that can have been in flight?  Of the life that was forgotten it may lie in a
 * refill that a backup does not have, whose kit is joined again later and begins at its first byte.
 * A hub makes no more than one generation beyond what both views are in, and makes one that it
 * lost of other bytes: so it has not to ask.
 */
static bool flight_here(const struct skex_leg *leg, const struct skex_hello *hello)
{
	const uint32_t newest = newest_of(leg, hello);
	struct skex_pad_position at = leg->tx.next;
	uint64_t size;

	if (leg->link->role == SKEX_ROLE_HUB)
		return true;
	later(&at, hello->received);
	size = skex_pad_bytes_size(leg->tx_pad, at.generation);
	while (flight_span(leg) > size - at.offset && at.generation <= newest) {
		if (at.generation == UINT32_MAX)
			return true;
		at.generation++;
		at.offset = 0;
		size = skex_pad_bytes_size(leg->tx_pad, at.generation);
		if (size == 0)
			return false;
	}
	return true;
}

/* Told once for each word of the operator: the other end connects again and again. */
static const char *out_of_reach(struct skex_leg *leg, const char *text)
{
	if (!leg->reach_told)
		leg->link->events->alarm(leg->link->owner, leg, "marks_unknown", text);
	leg->reach_told = true;
	return text;
}

/* The other end took its marks too, and may have gone over whole generations: what comes next does
 * not lie in the one behind ours, as it does otherwise. */
static void follow(struct skex_leg *leg, struct skex_pad_position sent)
{
	const struct skex_pad_position begin = {sent.generation, 0};

	if (leg->record.halt == SKEX_HALT_TAKEN && skex_pad_compare(begin, leg->rx.mark) > 0 &&
		reachable(leg->rx_pad, leg->rx.mark, sent))
		raise_received(leg, begin);
}

const char *leg_take_marks(struct skex_leg *leg, const struct skex_hello *hello)
{
	struct skex_txn *txn;

	follow(leg, hello->sent);
	if (leg->record.halt != SKEX_HALT_RESUMED)
		return NULL;
	if (leg->taking)
		return "the larger marks are being written";
	if (!reachable(leg->tx_pad, leg->tx.next, hello->received) ||
		!reachable(leg->rx_pad, leg->rx.mark, hello->sent))
		return out_of_reach(leg,
			"the other end speaks of a pad that is not here: is a refill missing?");
	if (!flight_here(leg, hello))
		return out_of_reach(leg,
			"what was in flight may lie in a refill that is not here: join it (again), "
			"or the hub's next one");
	/* A mark that is being written could take the new one back. */
	txn = leg->reserve_pending ? NULL : skex_commit_txn(&leg->link->commit);
	if (txn == NULL)
		return "the marks cannot be written now";
	raise_received(leg, hello->sent);
	raise_sent(leg, hello->received);
	/* What the other end told in the life that one of us forgot does not count. */
	leg_told(leg, hello->received);
	leg->taking = true;
	/* A hub's mark goes with leg_commit, an agent's moves by reservations otherwise. */
	if (leg->link->role == SKEX_ROLE_AGENT) {
		leg_put_mark(leg, txn, link_tx_direction(leg->link), leg->tx.next);
		skex_pad_bytes_commit(leg->tx_pad, txn, leg->tx.next);
	}
	/* Now, and not when the turn comes: what flushes the commit before that would report the
	 * marks as taken without them. */
	leg_commit(leg);
	skex_leg_work(leg);
	skex_commit_after(&leg->link->commit, taken, leg);
	return "the larger marks are taken: the next connection goes on";
}

void leg_went_along(struct skex_leg *leg)
{
	if (leg->record.halt == SKEX_HALT_TAKEN)
		keep_halt(leg, SKEX_HALT_NONE);
}
