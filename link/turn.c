/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "link/internal.h"

/* The turn of a link: timers, and what becomes durable as one; and its end. */
#define SWEEP_MS 1000u

/* Of a ratchet, what was sent goes from the store: one state takes the place of another. */
static void catch_up(struct skex_leg *leg)
{
	struct skex_txn *txn = NULL;

	if (skex_pad_bytes_behind(leg->tx_pad, leg->tx.next))
		txn = skex_commit_txn(&leg->link->commit);
	if (txn != NULL)
		skex_pad_bytes_commit(leg->tx_pad, txn, leg->tx.next);
}

/* Not with reservations alone, of which one is good for thousands of messages: all of them could be
 * computed from the disk until the next. */
static void catch_up_all(struct skex_link *link, uint64_t now_ms)
{
	struct skex_leg *leg;

	if (now_ms < link->behind_ms)
		return;
	link->behind_ms = UINT64_MAX;
	for (leg = link->legs[SKEX_LEGS_LOADED]; leg != NULL; leg = leg->in[SKEX_LEGS_LOADED].next)
		catch_up(leg);
}

static void work(struct skex_leg *leg, uint64_t now_ms)
{
	struct skex_link *link = leg->link;
	const bool agent = link->role == SKEX_ROLE_AGENT;

	leg->in_work = false;
	if (leg->connection != NULL && leg->connection->broken)
		connection_close(leg->connection, leg->connection->why);
	if (leg->state != SKEX_LEG_UP)
		leg->rx_answer = false;
	if (leg->rx_answer && agent)
		leg_acknowledge(leg);
	else if (leg->rx_answer)
		leg_acknowledge_with_commit(leg);
	leg_commit(leg);
	if (!agent)
		return;
	/* Within a second: one for all that is sent meanwhile. */
	if (skex_pad_bytes_behind(leg->tx_pad, leg->tx.next) && now_ms + SWEEP_MS < link->behind_ms)
		link->behind_ms = now_ms + SWEEP_MS;
	skex_pad_bytes_forget(leg->tx_pad, leg->tx.next);
}

/* Moves the legs before this one to the end of the list of those with tables. */
static void begin_with(struct skex_link *link, struct skex_leg *leg)
{
	const enum skex_leg_list list = SKEX_LEGS_TABLES;
	struct skex_leg **first = &link->legs[list];
	struct skex_leg *last = leg;

	if (leg->in[list].previous == NULL)
		return;
	while (last->in[list].next != NULL)
		last = last->in[list].next;
	last->in[list].next = *first;
	(*first)->in[list].previous = last;
	leg->in[list].previous->in[list].next = NULL;
	leg->in[list].previous = NULL;
	*first = leg;
}

/* They are many, and of most of them nothing is due for long. */
static void sweep_connections(struct skex_link *link, uint64_t now_ms)
{
	struct skex_connection *connection;
	struct skex_connection *next;
	uint64_t quiet_ms = UINT64_MAX;

	if (now_ms < link->quiet_ms && !link->paused)
		return;
	/* One that is made meanwhile says so itself. */
	link->quiet_ms = UINT64_MAX;
	for (connection = link->connections; connection != NULL; connection = next) {
		uint64_t due_ms;

		next = connection->next;
		due_ms = connection_sweep(connection, now_ms);
		quiet_ms = due_ms < quiet_ms ? due_ms : quiet_ms;
	}
	if (quiet_ms < link->quiet_ms)
		link->quiet_ms = quiet_ms;
}

static void turn_pad(struct skex_leg *leg, struct skex_pad_bytes *pad, uint64_t now_ms)
{
	enum skex_error error;

	(void)skex_pad_bytes_turn(pad, now_ms);
	if (skex_pad_bytes_suspect(pad))
		leg->link->pads_suspect = true;
	error = skex_pad_bytes_trouble(pad);
	if (error == SKEX_OK)
		return;
	skex_leg_error(leg,
		"a file of its pad cannot be used (%s): tried again and again; look at the disk",
		skex_error_name(error));
	leg->link->events->alarm(leg->link->owner, leg, "leg_unusable", leg->last_error);
}

static void sweep(struct skex_link *link, uint64_t now_ms)
{
	struct skex_leg *leg;

	sweep_connections(link, now_ms);
	for (leg = link->legs[SKEX_LEGS_TABLES]; leg != NULL;
		leg = leg->in[SKEX_LEGS_TABLES].next) {
		/* As many files as may have a descriptor are being synced: the others are first the
		 * next time. */
		if (skex_file_pool_crowded(&link->pad_files)) {
			begin_with(link, leg);
			break;
		}
		turn_pad(leg, leg->tx_pad, now_ms);
		turn_pad(leg, leg->rx_pad, now_ms);
	}
}

/* Pads of tables are looked after each second; else a link sleeps until a connection is due. */
static uint64_t sweep_due(const struct skex_link *link)
{
	const bool sleeps = link->legs[SKEX_LEGS_TABLES] == NULL && !link->paused;

	return sleeps && link->quiet_ms > link->sweep_ms ? link->quiet_ms : link->sweep_ms;
}

void skex_link_init(struct skex_link *link)
{
	skex_commit_init(&link->commit, link->store);
	skex_file_pool_init(&link->pad_files, link->platform->files, SKEX_LINK_PAD_FILES);
	link->pad_platform = *link->platform;
	link->pad_platform.files = &link->pad_files.files;
	link->behind_ms = UINT64_MAX;
	link->load_high = SKEX_LINK_LOAD_HIGH;
	link->load_low = SKEX_LINK_LOAD_LOW;
	skex_link_limit(link, SKEX_LINK_CONNECTIONS_MAX);
}

uint64_t skex_link_turn(struct skex_link *link, uint64_t now_ms)
{
	uint64_t store_next;
	uint64_t next = UINT64_MAX;
	uint64_t due;
	struct skex_leg *leg;

	if (now_ms >= sweep_due(link)) {
		sweep(link, now_ms);
		link->sweep_ms = now_ms + SWEEP_MS;
	}
	while ((leg = link->work) != NULL) {
		link->work = leg->next_work;
		work(leg, now_ms);
	}
	catch_up_all(link, now_ms);
	skex_commit_flush(&link->commit);
	store_next = skex_store_turn(link->store, now_ms);
	pace_resume(link);
	if (link->role == SKEX_ROLE_AGENT && link->legs[SKEX_LEGS_NOT_UP] != NULL) {
		for (leg = link->legs[SKEX_LEGS_LOADED]; leg != NULL;
			leg = leg->in[SKEX_LEGS_LOADED].next) {
			if (leg->state != SKEX_LEG_DOWN)
				continue;
			skex_leg_connect(leg, now_ms);
			if (leg->state == SKEX_LEG_DOWN && leg->attempt_ms < next)
				next = leg->attempt_ms;
		}
	}
	next = store_next < next ? store_next : next;
	next = link->behind_ms < next ? link->behind_ms : next;
	due = sweep_due(link);
	return due < next ? due : next;
}

enum skex_error skex_link_failed(const struct skex_link *link)
{
	const enum skex_error error = skex_commit_failed(&link->commit);

	return error != SKEX_OK ? error : skex_registry_failed(link->registry);
}

void skex_link_settle(struct skex_link *link)
{
	struct skex_leg *leg;
	/* First what is under way, for its end may send. */
	enum skex_error error = skex_commit_settle(&link->commit);

	for (leg = link->legs[SKEX_LEGS_LOADED]; leg != NULL && error == SKEX_OK;
		leg = leg->in[SKEX_LEGS_LOADED].next) {
		struct skex_txn *txn = tags_room(leg) ? skex_commit_txn(&link->commit) : NULL;

		if (txn != NULL)
			tags_settle(leg, txn);
		if (link->role == SKEX_ROLE_AGENT)
			catch_up(leg);
	}
	if (error == SKEX_OK)
		error = skex_commit_settle(&link->commit);
	for (leg = link->legs[SKEX_LEGS_LOADED]; leg != NULL && error == SKEX_OK;
		leg = leg->in[SKEX_LEGS_LOADED].next) {
		error = skex_pad_bytes_settle(leg->tx_pad);
		if (error == SKEX_OK)
			error = skex_pad_bytes_settle(leg->rx_pad);
	}
	if (error != SKEX_OK)
		skex_log(link->platform, SKEX_LEVEL_WARNING,
			"not all keys of used pad are destroyed (%s): the next start does it",
			skex_error_name(error));
}

void skex_link_clear(struct skex_link *link)
{
	struct skex_leg *leg;

	while (link->connections != NULL) {
		struct skex_connection *connection = link->connections;

		link->platform->net->close(connection->stream);
		connection_free(connection);
	}
	skex_commit_clear(&link->commit);
	while ((leg = link->legs[SKEX_LEGS_LOADED]) != NULL) {
		leg->connection = leg->opening = NULL;
		skex_leg_unload(leg);
	}
	link->work = NULL;
}
