/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "core/base/cursor.h"

/*
 * Connections of those who have no leg yet (docs/spec/join.md): frames with messages of the
 * pairwise mode, whose first byte is 16 and the type.  Such a connection carries nothing else, has
 * as long as one has for HELLO, and costs nothing beyond what any new connection does.
 */
#define FOREIGN_BIT       16u
#define FOREIGN_MOST      1100u
#define FOREIGN_MESSAGES  16u
#define FOREIGN_SLOT_BITS 6u

bool foreign_is(const struct skex_connection *connection, struct skex_view bytes)
{
	return connection->foreign != 0 ||
		(connection->link->role == SKEX_ROLE_HUB && connection->leg == NULL &&
			bytes.size > 0 && bytes.data[0] > FOREIGN_BIT &&
			bytes.data[0] < 2 * FOREIGN_BIT);
}

/* A number for it that is never used again; 0 when all places are taken. */
static uint64_t number_of(struct skex_connection *connection)
{
	struct skex_link *link = connection->link;

	for (uint64_t slot = 0; slot < SKEX_LINK_FOREIGN_MAX; slot++) {
		if (link->foreign[slot] != NULL)
			continue;
		link->foreign[slot] = connection;
		return ++link->foreign_serial << FOREIGN_SLOT_BITS | slot;
	}
	return 0;
}

bool foreign_receive(struct skex_connection *connection, struct skex_view bytes)
{
	struct skex_link *link = connection->link;

	if (connection->foreign == 0)
		connection->foreign = number_of(connection);
	if (connection->foreign != 0 && bytes.size <= FOREIGN_MOST &&
		connection->foreign_messages++ < FOREIGN_MESSAGES &&
		link->events->foreign != NULL &&
		link->events->foreign(link->owner, connection->foreign, bytes))
		return true;
	link->packets_refused++;
	connection_close(connection, "not a packet of a leg");
	return false;
}

void foreign_forget(struct skex_connection *connection)
{
	if (connection->foreign != 0)
		connection->link->foreign[connection->foreign % SKEX_LINK_FOREIGN_MAX] = NULL;
}

void skex_link_foreign_send(struct skex_link *link, uint64_t number, struct skex_view bytes)
{
	const struct skex_connection *connection = link->foreign[number % SKEX_LINK_FOREIGN_MAX];
	uint8_t length[SKEX_FRAME_LENGTH_BYTES];
	const struct skex_view parts[2] = {skex_view(length, sizeof(length)), bytes};
	struct skex_writer writer;

	if (connection == NULL || connection->foreign != number)
		return;
	skex_writer_init(&writer, length, sizeof(length));
	skex_write_u32(&writer, (uint32_t)bytes.size);
	(void)!link->platform->net->send(connection->stream, parts, 2);
}
