/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

/*
 * Connections that came in and proved nothing yet.  They are few at a time, and one more takes the
 * place of another: the oldest of those who share a network with the most others.  Who floods from
 * one network so pushes out its own; and an agent needs its place for one way there and back.
 */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void skex_link_limit(struct skex_link *link, uint32_t connections)
{
	link->connections_max = least(connections, SKEX_LINK_CONNECTIONS_MAX);
	link->strangers_max = least(link->connections_max / 4, SKEX_LINK_STRANGERS_MAX);
}

static struct skex_connection *one_of_the_most(const struct skex_link *link)
{
	const struct skex_strangers *most = &link->strangers[0];

	for (size_t i = 1; i < SKEX_NETWORKS; i++)
		if (link->strangers[i].count > most->count)
			most = &link->strangers[i];
	return most->first;
}

bool stranger_has_room(struct skex_link *link)
{
	while (link->strangers_count >= link->strangers_max ||
		link->connections_count >= link->connections_max) {
		struct skex_connection *other = one_of_the_most(link);

		if (other == NULL)
			return false;
		link->strangers_pushed_out++;
		connection_close(other, "others want its place");
	}
	return true;
}

void stranger_remember(struct skex_connection *connection)
{
	struct skex_strangers *network;

	connection->network = skex_network_of_peer(connection->peer);
	network = &connection->link->strangers[connection->network];
	connection->stranger = true;
	connection->stranger_next = NULL;
	connection->stranger_previous = network->last;
	if (network->last != NULL)
		network->last->stranger_next = connection;
	else
		network->first = connection;
	network->last = connection;
	network->count++;
	connection->link->strangers_count++;
}

void stranger_forget(struct skex_connection *connection)
{
	struct skex_strangers *network = &connection->link->strangers[connection->network];

	if (!connection->stranger)
		return;
	connection->stranger = false;
	if (connection->stranger_previous != NULL)
		connection->stranger_previous->stranger_next = connection->stranger_next;
	else
		network->first = connection->stranger_next;
	if (connection->stranger_next != NULL)
		connection->stranger_next->stranger_previous = connection->stranger_previous;
	else
		network->last = connection->stranger_previous;
	network->count--;
	connection->link->strangers_count--;
}
