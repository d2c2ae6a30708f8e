/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/*
 * Connections that came in and proved nothing yet.  They are few at a time, and one more takes the
 * place of another: the oldest of those who share a bucket with the most others.  Who floods from
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

/*
 * Of "192.0.2.1:4000" the address, of "[2001:db8:1:2:3::4]:4000" its first 64 bits, which one end
 * has to itself.
 */
static uint8_t bucket_of(const char *peer)
{
	const char *port = strrchr(peer, ':');
	const size_t skipped = peer[0] == '[';
	const size_t size = port == NULL ? strlen(peer) : (size_t)(port - peer);
	uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
	char text[INET6_ADDRSTRLEN] = "";
	struct in6_addr address;
	size_t from = 0;
	size_t to = 8;

	if (size > 2 * skipped && size - 2 * skipped < sizeof(text)) {
		memcpy(text, peer + skipped, size - 2 * skipped);
		text[strcspn(text, "%")] = '\0'; /* without its interface */
	}
	if (inet_pton(AF_INET6, text, &address) == 1) {
		if (IN6_IS_ADDR_V4MAPPED(&address)) {
			from = 12;
			to = 16;
		}
		peer = (const char *)address.s6_addr;
	} else {
		to = size;
	}
	for (; from < to; from++)
		hash = (hash ^ (uint8_t)peer[from]) * UINT32_C(16777619);
	return (uint8_t)(hash ^ hash >> 8 ^ hash >> 16 ^ hash >> 24);
}

static struct skex_connection *one_of_the_most(const struct skex_link *link)
{
	const struct skex_strangers *most = &link->strangers[0];

	for (size_t i = 1; i < SKEX_LINK_STRANGER_BUCKETS; i++)
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
	struct skex_strangers *bucket;

	connection->bucket = bucket_of(connection->peer);
	bucket = &connection->link->strangers[connection->bucket];
	connection->stranger = true;
	connection->stranger_next = NULL;
	connection->stranger_previous = bucket->last;
	if (bucket->last != NULL)
		bucket->last->stranger_next = connection;
	else
		bucket->first = connection;
	bucket->last = connection;
	bucket->count++;
	connection->link->strangers_count++;
}

void stranger_forget(struct skex_connection *connection)
{
	struct skex_strangers *bucket = &connection->link->strangers[connection->bucket];

	if (!connection->stranger)
		return;
	connection->stranger = false;
	if (connection->stranger_previous != NULL)
		connection->stranger_previous->stranger_next = connection->stranger_next;
	else
		bucket->first = connection->stranger_next;
	if (connection->stranger_next != NULL)
		connection->stranger_next->stranger_previous = connection->stranger_previous;
	else
		bucket->last = connection->stranger_previous;
	bucket->count--;
	connection->link->strangers_count--;
}
