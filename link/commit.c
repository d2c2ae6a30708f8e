/* SPDX-License-Identifier: Apache-2.0 */
#include "link/commit.h"

#include <stdlib.h>
#include <string.h>

struct skex_after {
	skex_done_fn done;
	void *owner;
};

struct skex_commit_round {
	struct skex_commit *commit;
	struct skex_commit_round *next;
	struct skex_txn *txn;
	struct skex_after *after;
	size_t count;
	size_t room;
};

/* Someone who waits for keys to be destroyed: first for the round, then in the list of these. */
struct skex_commit_erasing {
	struct skex_commit *commit;
	struct skex_commit_erasing *next;
	struct skex_commit_erasing **self; /* NULL: not in the list */
	skex_done_fn done;
	void *owner;
};

void skex_commit_init(struct skex_commit *commit, struct skex_store *store)
{
	memset(commit, 0, sizeof(*commit));
	commit->store = store;
}

static struct skex_commit_round *open_round(struct skex_commit *commit)
{
	struct skex_commit_round *round;

	if (commit->open != NULL)
		return commit->open;
	round = calloc(1, sizeof(*round));
	if (round == NULL) {
		commit->failed = SKEX_E_MEMORY;
		return NULL;
	}
	round->commit = commit;
	commit->open = round;
	return round;
}

struct skex_txn *skex_commit_txn(struct skex_commit *commit)
{
	struct skex_commit_round *round;

	if (commit->failed != SKEX_OK)
		return NULL;
	round = open_round(commit);
	if (round == NULL)
		return NULL;
	if (round->txn == NULL)
		round->txn = skex_txn_begin(commit->store);
	if (round->txn == NULL)
		commit->failed = SKEX_E_MEMORY;
	return round->txn;
}

void skex_commit_after(struct skex_commit *commit, skex_done_fn done, void *owner)
{
	struct skex_commit_round *round = open_round(commit);
	struct skex_after *grown;

	if (round == NULL)
		return;
	if (round->count == round->room) {
		size_t room = round->room == 0 ? 8 : round->room * 2;

		grown = realloc(round->after, room * sizeof(*grown));
		if (grown == NULL) {
			commit->failed = SKEX_E_MEMORY;
			return;
		}
		round->after = grown;
		round->room = room;
	}
	round->after[round->count].done = done;
	round->after[round->count].owner = owner;
	round->count++;
}

static void erasing_end(struct skex_commit_erasing *erasing, enum skex_error error)
{
	if (erasing->self != NULL) {
		*erasing->self = erasing->next;
		if (erasing->next != NULL)
			erasing->next->self = erasing->self;
	}
	erasing->done(erasing->owner, error);
	free(erasing);
}

static void erased(void *owner, enum skex_error error)
{
	struct skex_commit_erasing *erasing = owner;

	if (error != SKEX_OK && erasing->commit->failed == SKEX_OK)
		erasing->commit->failed = error;
	erasing_end(erasing, error);
}

static void erase_next(void *owner, enum skex_error error)
{
	struct skex_commit_erasing *erasing = owner;
	struct skex_commit *commit;

	if (error == SKEX_OK) {
		commit = erasing->commit;
		error = skex_store_erased(commit->store, erased, erasing);
		if (error == SKEX_OK) {
			erasing->self = &commit->erasing;
			erasing->next = commit->erasing;
			if (erasing->next != NULL)
				erasing->next->self = &erasing->next;
			commit->erasing = erasing;
			return;
		}
		if (commit->failed == SKEX_OK)
			commit->failed = error;
	}
	erasing_end(erasing, error);
}

void skex_commit_after_erased(struct skex_commit *commit, skex_done_fn done, void *owner)
{
	struct skex_commit_erasing *erasing = calloc(1, sizeof(*erasing));

	if (erasing == NULL) {
		commit->failed = SKEX_E_MEMORY;
		return;
	}
	erasing->commit = commit;
	erasing->done = done;
	erasing->owner = owner;
	skex_commit_after(commit, erase_next, erasing);
}

/* Tells everyone who waits for a round, in order, how it ended; frees it. */
static void round_end(struct skex_commit_round *round, enum skex_error error)
{
	size_t i;

	for (i = 0; i < round->count; i++)
		round->after[i].done(round->after[i].owner, error);
	free(round->after);
	free(round);
}

static void durable(void *owner, enum skex_error error)
{
	struct skex_commit_round *round = owner;
	struct skex_commit *commit = round->commit;

	/* The store reports in order, so this is the head. */
	commit->pending = round->next;
	if (error != SKEX_OK && commit->failed == SKEX_OK)
		commit->failed = error;
	round_end(round, error);
}

uint64_t skex_commit_load(const struct skex_commit *commit)
{
	const struct skex_commit_round *round = commit->open;
	uint64_t load = skex_store_pending(commit->store);

	if (round != NULL && round->txn != NULL)
		load += skex_txn_size(round->txn, commit->store);
	return load;
}

/* More than the store takes, while there is something whose end makes room. */
static bool too_much(const struct skex_commit *commit)
{
	return skex_store_pending(commit->store) > 0 &&
		skex_commit_load(commit) > SKEX_STORE_PENDING_MAX;
}

void skex_commit_flush(struct skex_commit *commit)
{
	struct skex_commit_round *round = commit->open;
	struct skex_commit_round **tail = &commit->pending;
	enum skex_error error = commit->failed;
	struct skex_txn *txn;

	if (round == NULL || (error == SKEX_OK && too_much(commit)))
		return;
	if (error == SKEX_OK && round->txn == NULL && skex_commit_txn(commit) == NULL)
		error = commit->failed;
	txn = round->txn;
	commit->open = NULL;
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = round;
	round->txn = NULL;
	if (error == SKEX_OK)
		error = skex_txn_submit(txn, commit->store, durable, round);
	else if (txn != NULL)
		skex_txn_abandon(txn, commit->store);
	if (error == SKEX_OK)
		return;
	/* Nothing that waits for it may ever happen: the daemon has to stop. */
	if (commit->failed == SKEX_OK)
		commit->failed = error;
	*tail = NULL;
	round_end(round, error);
}

enum skex_error skex_commit_settle(struct skex_commit *commit)
{
	enum skex_error error;

	skex_commit_flush(commit);
	error = skex_store_settle(commit->store);
	if (error != SKEX_OK || commit->open == NULL)
		return error;
	/* What had to wait for the first, or what its end added. */
	skex_commit_flush(commit);
	return skex_store_settle(commit->store);
}

enum skex_error skex_commit_failed(const struct skex_commit *commit)
{
	return commit->failed != SKEX_OK ? commit->failed : skex_store_failed(commit->store);
}

bool skex_commit_busy(const struct skex_commit *commit)
{
	return commit->open != NULL || commit->pending != NULL || commit->erasing != NULL;
}

void skex_commit_clear(struct skex_commit *commit)
{
	struct skex_commit_round *round;

	while (commit->erasing != NULL)
		erasing_end(commit->erasing, SKEX_E_STATE);
	while ((round = commit->pending) != NULL) {
		commit->pending = round->next;
		round_end(round, SKEX_E_STATE);
	}
	if ((round = commit->open) != NULL) {
		commit->open = NULL;
		if (round->txn != NULL)
			skex_txn_abandon(round->txn, commit->store);
		round_end(round, SKEX_E_STATE);
	}
}
