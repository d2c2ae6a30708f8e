/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "link/internal.h"

/*
 * Back-pressure from the disk to the network.  What messages change waits in memory until it is
 * durable; when that is too much, nothing is read any more, so that the other ends wait in TCP, and
 * in their own queues.  Nothing is refused and nothing is reordered: of a connection whose packets
 * were only looked at in part, the rest is kept and comes first.
 */
#define LOG_MS 60000u

static void pause_all(struct skex_link *link, bool paused)
{
	struct skex_connection *connection;

	link->paused = paused;
	for (connection = link->connections; connection != NULL; connection = connection->next)
		link->platform->net->pause(connection->stream, paused);
}

bool pace_check(struct skex_link *link)
{
	const uint64_t load = skex_commit_load(&link->commit) + link->posted;
	const uint64_t now_ms = link->platform->now_ms(link->platform->context);

	if (link->paused || load <= link->load_high)
		return link->paused;
	if (link->pauses == 0 || now_ms - link->paused_ms >= LOG_MS) {
		skex_log(link->platform, SKEX_LEVEL_NOTICE,
			"the disk is behind by %llu bytes: nothing is read until it has caught up",
			(unsigned long long)load);
		link->paused_ms = now_ms;
	}
	link->pauses++;
	pause_all(link, true);
	return true;
}

bool pace_keep(struct skex_connection *connection, struct skex_view bytes)
{
	uint8_t *rest = realloc(connection->rest, connection->rest_size + bytes.size);

	if (rest == NULL)
		return false;
	memcpy(rest + connection->rest_size, bytes.data, bytes.size);
	connection->rest = rest;
	connection->rest_size += bytes.size;
	return true;
}

/* A packet may end any connection: so the list is looked at anew after each. */
static struct skex_connection *with_rest(const struct skex_link *link)
{
	struct skex_connection *connection = link->connections;

	while (connection != NULL && connection->rest == NULL)
		connection = connection->next;
	return connection;
}

void pace_resume(struct skex_link *link)
{
	struct skex_connection *connection;

	if (!link->paused || link->commit.failed != SKEX_OK ||
		skex_commit_load(&link->commit) + link->posted > link->load_low)
		return;
	pause_all(link, false);
	while (!link->paused && (connection = with_rest(link)) != NULL) {
		uint8_t *rest = connection->rest;
		const size_t size = connection->rest_size;

		connection->rest = NULL;
		connection->rest_size = 0;
		connection_feed(connection, skex_view(rest, size));
		free(rest);
	}
}
