/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/backoff.h"
#include "core/base/mem.h"
#include "core/wire/packet.h"

#define ATTEMPT_FIRST_MS 200u
#define ATTEMPT_MOST_MS  30000u

static uint64_t now(const struct skex_link *link)
{
	return link->platform->now_ms(link->platform->context);
}

static void remove_from_list(struct skex_connection *connection)
{
	struct skex_link *link = connection->link;

	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		link->connections = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	link->connections_count--;
}

void connection_free(struct skex_connection *connection)
{
	remove_from_list(connection);
	foreign_forget(connection);
	stranger_forget(connection);
	skex_frames_clear(&connection->frames);
	free(connection->rest);
	free(connection);
}

/* Forgets the connection; its stream is closed already. */
static void gone(struct skex_connection *connection, const char *why)
{
	struct skex_leg *leg = connection->leg;
	struct skex_link *link = connection->link;
	const bool was_up = connection->told;
	const bool was_the_legs = leg != NULL && leg->connection == connection;
	const bool unanswered = connection->asked && !connection->up;

	if (leg != NULL && leg->opening == connection)
		leg->opening = NULL;
	connection_free(connection);
	if (leg != NULL && unanswered && (was_the_legs || leg->connection == NULL))
		epoch_unanswered(leg);
	if (!was_the_legs)
		return;
	leg->connection = NULL;
	leg_acks_take_back(leg);
	if (leg->state != SKEX_LEG_STOPPED) {
		leg_set_state(leg, SKEX_LEG_DOWN);
		skex_leg_error(leg, "%s", why);
	}
	if (link->role == SKEX_ROLE_AGENT) {
		leg->attempt_ms =
			now(link) + skex_back_off(ATTEMPT_FIRST_MS, leg->attempts, ATTEMPT_MOST_MS);
		leg->attempts++;
	}
	if (was_up)
		link->events->down(link->owner, leg);
}

void connection_close(struct skex_connection *connection, const char *why)
{
	connection->link->platform->net->close(connection->stream);
	gone(connection, why);
}

void connections_close_of(struct skex_leg *leg)
{
	if (leg->opening != NULL)
		connection_close(leg->opening, "the leg is gone");
	if (leg->connection != NULL)
		connection_close(leg->connection, "the leg is gone");
}

void connection_break(struct skex_connection *connection, const char *why)
{
	if (connection->broken)
		return;
	connection->broken = true;
	connection->why = why;
	if (connection->leg != NULL)
		skex_leg_work(connection->leg);
}

enum skex_error connection_send(
	struct skex_connection *connection, struct skex_view header, struct skex_view body)
{
	uint8_t sealed[SKEX_FRAME_LENGTH_BYTES + SKEX_PACKET_OVERHEAD + SKEX_HEADER_MAX] SKEX_UNSET;
	struct skex_leg *leg = connection->leg;
	const struct skex_link *link = connection->link;
	const size_t size = SKEX_PACKET_OVERHEAD + header.size;
	struct skex_view parts[2];
	struct skex_writer writer;
	enum skex_error error;

	if (connection->broken)
		return SKEX_E_OFFLINE;
	if (header.size > SKEX_HEADER_MAX)
		return SKEX_E_SPACE;
	error = skex_envelope_seal(&leg->envelope_tx, link->crypto, leg->record.leg, header,
		sealed + SKEX_FRAME_LENGTH_BYTES);
	if (skex_envelope_tx_wants_epoch(&leg->envelope_tx))
		leg_want_epoch(leg);
	if (error != SKEX_OK) {
		connection_break(connection, "a packet cannot be sealed now");
		return error;
	}
	skex_writer_init(&writer, sealed, SKEX_FRAME_LENGTH_BYTES);
	skex_write_u32(&writer, (uint32_t)(size + body.size));
	parts[0] = skex_view(sealed, SKEX_FRAME_LENGTH_BYTES + size);
	parts[1] = body;
	error = link->platform->net->send(connection->stream, parts, body.size > 0 ? 2 : 1);
	if (error != SKEX_OK)
		connection_break(connection, "a packet could not be sent");
	return error;
}

static struct skex_leg *leg_of(struct skex_connection *connection, uint64_t number)
{
	struct skex_link *link = connection->link;

	if (connection->leg != NULL)
		return connection->leg->record.leg == number ? connection->leg : NULL;
	return link->role == SKEX_ROLE_HUB ? link->events->find(link->owner, number) : NULL;
}

/* Nothing covers a body but a one-time tag.  Behind HELLO it is not the HELLO that is due. */
static bool refuse_body(
	struct skex_connection *connection, struct skex_leg *leg, struct skex_view header)
{
	message_refused(leg, SKEX_E_SYNTAX);
	if (skex_message_type(header) != SKEX_MESSAGE_HELLO && leg->connection == connection &&
		connection->up)
		return true;
	connection_close(connection, "a body behind a header that has no one-time tag");
	return false;
}

/* One packet; false when the connection is gone. */
static bool take_packet(struct skex_connection *connection, struct skex_view bytes)
{
	uint8_t header[SKEX_HEADER_MAX];
	struct skex_packet packet;
	struct skex_leg *leg;
	struct skex_view view;
	bool moved = false;
	enum skex_error error;

	if (foreign_is(connection, bytes))
		return foreign_receive(connection, bytes);
	error = skex_packet_decode(&packet, bytes);
	leg = error == SKEX_OK ? leg_of(connection, packet.leg) : NULL;
	if (leg == NULL) {
		connection->link->packets_refused++;
		connection_close(connection,
			error == SKEX_E_VERSION ? "another protocol version"
						: "not a packet of a leg");
		return false;
	}
	error = skex_envelope_open(&leg->envelope_rx, connection->link->crypto, &packet,
		now(connection->link), header, &moved);
	if (error != SKEX_OK) {
		message_refused(leg, error);
		/* A stranger is not listened to twice; on an open connection one bad packet ends it
		 * too, for on a stream nothing is lost or reordered. */
		connection_close(connection, "a packet that does not verify");
		return false;
	}
	if (moved) {
		leg->epoch_rx_dirty = true;
		skex_leg_work(leg);
	}
	connection->heard_ms = now(connection->link);
	view = skex_view(header, packet.sealed.size);
	if (packet.body.size > 0 && skex_message_type(view) < SKEX_MESSAGE_SHARE)
		return refuse_body(connection, leg, view);
	if (skex_message_type(view) == SKEX_MESSAGE_HELLO)
		return session_hello(connection, leg, view);
	if (leg->connection != connection || !connection->up) {
		connection_close(connection, "a message before HELLO");
		return false;
	}
	if (skex_message_type(view) == SKEX_MESSAGE_BYE)
		return session_bye(connection, view);
	if (!session_spoken(connection))
		return false;
	if (skex_message_type(view) == SKEX_MESSAGE_PING)
		return session_ping(connection, view);
	message_receive(leg, view, packet.body);
	return leg->connection == connection;
}

/* ---- stream events ----------------------------------------------------------------------------
 */

static void opened(void *owner, struct skex_stream *stream)
{
	struct skex_connection *connection = owner;

	connection->open = true;
	connection->link->platform->net->peer(stream, connection->peer);
	session_begin(connection);
}

struct feeding {
	struct skex_connection *connection;
	bool gone;
};

/* After each packet: is it time to let the disk catch up? */
static bool packet(void *owner, struct skex_view bytes)
{
	struct feeding *feeding = owner;
	struct skex_link *link = feeding->connection->link;

	if (!take_packet(feeding->connection, bytes)) {
		feeding->gone = true;
		return false;
	}
	return !pace_check(link);
}

void connection_feed(struct skex_connection *connection, struct skex_view bytes)
{
	struct feeding feeding = {connection, false};
	enum skex_error error = skex_frames_feed(&connection->frames, &bytes, packet, &feeding);

	if (feeding.gone)
		return;
	if (error != SKEX_OK) {
		connection->link->packets_refused++;
		connection_close(connection, "a packet of a size that cannot be");
	} else if (bytes.size > 0 && !pace_keep(connection, bytes)) {
		connection_close(connection, "no memory");
	}
}

static void received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct skex_connection *connection = owner;

	(void)stream;
	if (!connection->link->paused && connection->rest == NULL)
		connection_feed(connection, bytes);
	else if (!pace_keep(connection, bytes))
		connection_close(connection, "no memory");
}

static void drained(void *owner, struct skex_stream *stream)
{
	struct skex_connection *connection = owner;

	(void)stream;
	if (connection->told)
		connection->link->events->writable(connection->link->owner, connection->leg);
}

static void closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_connection *connection = owner;

	(void)stream;
	gone(connection,
		why == SKEX_OK ? "the other end closed the connection" : "cannot be reached");
}

static const struct skex_stream_events events = {
	.opened = opened,
	.received = received,
	.drained = drained,
	.closed = closed,
};

static struct skex_connection *connection_new(struct skex_link *link, struct skex_leg *leg)
{
	struct skex_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return NULL;
	connection->link = link;
	connection->leg = leg;
	connection->since_ms = now(link);
	connection->heard_ms = connection->since_ms;
	connection->pinged_ms = connection->since_ms;
	skex_frames_init(&connection->frames, CONNECTION_MOST_BEFORE_UP);
	connection->next = link->connections;
	if (link->connections != NULL)
		link->connections->previous = connection;
	link->connections = connection;
	link->connections_count++;
	if (connection->since_ms + CONNECTION_OPEN_MS < link->quiet_ms)
		link->quiet_ms = connection->since_ms + CONNECTION_OPEN_MS;
	return connection;
}

void skex_link_accept(struct skex_link *link, struct skex_stream *stream)
{
	struct skex_connection *connection =
		stranger_has_room(link) ? connection_new(link, NULL) : NULL;

	if (connection == NULL) {
		link->platform->net->close(stream);
		return;
	}
	connection->stream = stream;
	connection->open = true;
	link->platform->net->peer(stream, connection->peer);
	stranger_remember(connection);
	link->platform->net->attach(stream, &events, connection);
	if (link->paused)
		link->platform->net->pause(stream, true);
}

/* Address number i of "host port,host port"; counts around. */
static bool address(const char *addresses, uint32_t i, char host[SKEX_HOST_MAX + 1], int *port)
{
	uint32_t count = 1;
	const char *at;
	const char *c;
	char *end;
	size_t size;
	long number;

	for (c = addresses; *c != '\0'; c++)
		count += *c == ',';
	at = addresses;
	for (i %= count; i > 0; i--)
		at = strchr(at, ',') + 1;
	size = strcspn(at, " ,");
	if (size == 0 || size > SKEX_HOST_MAX || at[size] != ' ')
		return false;
	number = strtol(at + size + 1, &end, 10);
	if (number < 1 || number > 65535 || (*end != ',' && *end != '\0'))
		return false;
	memcpy(host, at, size);
	host[size] = '\0';
	*port = (int)number;
	return true;
}

void skex_leg_connect(struct skex_leg *leg, uint64_t now_ms)
{
	struct skex_link *link = leg->link;
	char host[SKEX_HOST_MAX + 1];
	int port = 0;
	struct skex_connection *connection;

	if (leg->connection != NULL || leg->state != SKEX_LEG_DOWN || now_ms < leg->attempt_ms)
		return;
	leg->attempt_ms = now_ms + ATTEMPT_MOST_MS;
	if (!address(leg->record.addresses, leg->address++, host, &port)) {
		skex_leg_error(leg, "the kit has no usable address of this hub");
		return;
	}
	connection = connection_new(link, leg);
	if (connection == NULL)
		return;
	leg->connection = connection;
	leg_set_state(leg, SKEX_LEG_CONNECTING);
	if (link->platform->net->connect(link->platform->net->context, host, port, &events,
		    connection, &connection->stream) != SKEX_OK)
		gone(connection, "cannot connect");
	else if (link->paused)
		link->platform->net->pause(connection->stream, true);
}

void skex_leg_bye(struct skex_leg *leg, enum skex_bye_reason reason)
{
	struct skex_connection *connection = leg->connection;
	struct skex_bye bye = {0};
	uint8_t bytes[SKEX_BYE_BYTES];

	if (connection == NULL)
		return;
	if (connection->up) {
		bye.direction = link_tx_direction(leg->link);
		bye.reason = (uint16_t)reason;
		skex_bye_encode(&bye, bytes);
		(void)!connection_send(
			connection, skex_view(bytes, sizeof(bytes)), skex_view(NULL, 0));
	}
	connection_close(connection, "closed here");
}

size_t skex_leg_queued(const struct skex_leg *leg)
{
	if (leg->connection == NULL || !leg->connection->open)
		return 0;
	return leg->link->platform->net->queued(leg->connection->stream);
}

/* ---- the turn ----------------------------------------------------------------------------------
 */

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t connection_sweep(struct skex_connection *connection, uint64_t now_ms)
{
	const bool agent = connection->link->role == SKEX_ROLE_AGENT;

	/* Nobody is silent while we do not listen. */
	if (connection->link->paused) {
		connection->since_ms = now_ms;
		connection->heard_ms = now_ms;
	}
	if (!connection->up && now_ms - connection->since_ms >= CONNECTION_OPEN_MS) {
		connection_close(connection, "no HELLO in time");
		return UINT64_MAX;
	}
	if (!connection->up)
		return connection->since_ms + CONNECTION_OPEN_MS;
	if (now_ms - connection->heard_ms >= CONNECTION_SILENT_MS) {
		connection_close(connection, "silent for too long");
		return UINT64_MAX;
	}
	/* With those of the other legs: one time to wake up for all. */
	if (agent &&
		now_ms - connection->pinged_ms >= CONNECTION_PING_MS - CONNECTION_PING_EARLY_MS) {
		connection->pinged_ms = now_ms;
		session_send_ping(connection, true);
	}
	return lesser(connection->heard_ms + CONNECTION_SILENT_MS,
		agent ? connection->pinged_ms + CONNECTION_PING_MS : UINT64_MAX);
}
