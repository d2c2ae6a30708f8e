/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <string.h>

#include "core/base/mem.h"

#define BYE_WAIT_MS 30000u /* after one that a new connection does not change */

/*
 * How a connection opens: each end sends a fresh nonce and its marks, and believes the other's
 * marks only when they come with its own nonce.  So a recorded HELLO moves nothing.
 *
 *   agent                                hub
 *     | -- 1: nonce a, marks ------------> |   not believed yet
 *     | <- 2: nonce h, echo a, marks ----- |
 *     |  compare marks: up                 |
 *     | -- 3: nonce a, echo h, marks ----> |
 *     |                                    |   compare marks: up
 */

static void fill(const struct skex_connection *connection, const struct skex_leg *leg,
	uint8_t stage, struct skex_hello *hello)
{
	const struct skex_platform *platform = connection->link->platform;

	memset(hello, 0, sizeof(*hello));
	hello->direction = link_tx_direction(connection->link);
	hello->stage = stage;
	hello->highest_version = SKEX_WIRE_VERSION;
	memcpy(hello->nonce, connection->nonce, sizeof(hello->nonce));
	if (stage != 1)
		memcpy(hello->echo, connection->other_nonce, sizeof(hello->echo));
	hello->sent = leg->tx.next;
	hello->received = leg->rx_durable;
	hello->wall_ms = platform->wall_ms(platform->context);
}

static bool send_hello(struct skex_connection *connection, struct skex_leg *leg, uint8_t stage)
{
	uint8_t bytes[SKEX_HELLO_BYTES];
	struct skex_hello hello;

	fill(connection, leg, stage, &hello);
	connection->said = hello.received;
	connection->asked = stage != 3;
	skex_hello_encode(&hello, bytes);
	return connection_send(connection, skex_view(bytes, sizeof(bytes)), skex_view(NULL, 0)) ==
		SKEX_OK;
}

/* Agent: the stream is open and our epoch durable. */
void session_begin(struct skex_connection *connection)
{
	struct skex_leg *leg = connection->leg;
	const struct skex_platform *platform = connection->link->platform;

	if (!connection->open)
		return;
	if (!leg->envelope_tx.ready) {
		/* An epoch is begun only when something will leave in it. */
		leg_want_epoch(leg);
		return;
	}
	if (platform->random(platform->context, connection->nonce, sizeof(connection->nonce)) !=
		SKEX_OK) {
		connection_close(connection, "no randomness");
		return;
	}
	if (!send_hello(connection, leg, 1))
		connection_close(connection, "cannot send");
}

bool session_released(struct skex_leg *leg, struct skex_pad_position received)
{
	if (skex_pad_compare(received, leg->released) <= 0 ||
		skex_pad_compare(received, leg->tx.next) > 0)
		return false;
	leg_told(leg, received);
	if (leg->rx_answer) /* an ACK may have found no room */
		skex_leg_work(leg);
	leg->link->events->released(leg->link->owner, leg);
	return true;
}

/*
 * The comparison that finds restored backups, snapshots and clones.  The other end cannot have
 * received what we have not sent, nor have sent less than we received, nor forget what it told us;
 * whichever of us does not fit was taken back in time.
 */
static enum skex_leg_halt contradiction(
	const struct skex_leg *leg, const struct skex_hello *hello, const char **text)
{
	if (leg->behind && !leg_resuming(leg)) {
		*text = "keys of our pads are gone behind our marks: was a backup restored "
			"here, or did the disk lose what it had synced?";
		return SKEX_HALT_OURS;
	}
	if (skex_pad_compare(hello->received, leg->tx.next) > 0) {
		*text = "our state is older than the other end's: was a backup restored here?";
		return SKEX_HALT_OURS;
	}
	/* After the operator's word the other end may still have to move its own mark. */
	if (!leg_resuming(leg) && skex_pad_compare(hello->sent, leg->rx_durable) < 0) {
		*text = "the other end forgot what it sent: was a backup restored there?";
		return SKEX_HALT_THEIRS;
	}
	if (skex_pad_compare(hello->received, leg->released) < 0) {
		*text = "the other end forgot what it received: was a backup restored there?";
		return SKEX_HALT_THEIRS;
	}
	return SKEX_HALT_NONE;
}

static void take_over(struct skex_connection *connection, struct skex_leg *leg)
{
	struct skex_connection *older = leg->connection;

	if (older != NULL && older != connection) {
		if (older->up)
			skex_leg_bye(leg, SKEX_BYE_REPLACED);
		else
			connection_close(older, "replaced by a newer connection");
	}
	leg->connection = connection;
	connection->leg = leg;
	if (leg->opening == connection)
		leg->opening = NULL;
}

/* The leg stops, or is stopped; false, for the connection ends. */
static bool turn_away(struct skex_connection *connection, struct skex_leg *leg,
	enum skex_leg_halt halt, const char *text)
{
	/* The hub has to compare as well, and takes no BYE before that. */
	if (leg->link->role == SKEX_ROLE_AGENT)
		(void)!send_hello(connection, leg, 3);
	if (halt != SKEX_HALT_NONE)
		leg_stop(leg, halt, text);
	take_over(connection, leg);
	connection->up = true;
	skex_leg_bye(leg, SKEX_BYE_ROLLBACK);
	return false;
}

/* Both ends go on. */
static bool tell_up(struct skex_connection *connection, struct skex_leg *leg)
{
	connection->told = true;
	/* Before the leg is up: what waits goes before what is new, and up is who says so. */
	leg->link->events->released(leg->link->owner, leg);
	leg_set_state(leg, SKEX_LEG_UP);
	leg->attempts = 0;
	leg->last_error[0] = '\0';
	/* What lies before it, the other end takes neither as accepted nor as refused. */
	leg->rx_acked = leg->rx_durable;
	if (leg->refusals_count > 0) {
		leg->rx_answer = true;
		skex_leg_work(leg);
	}
	skex_leg_want_reserve(leg);
	if (leg->rx.failures >= SKEX_PAD_FAILURES_MAX)
		message_paused(leg);
	leg->link->events->up(leg->link->owner, leg);
	/* The owner may have ended it. */
	return leg->connection == connection;
}

bool session_spoken(struct skex_connection *connection)
{
	struct skex_leg *leg = connection->leg;

	if (connection->spoken)
		return true;
	connection->spoken = true;
	if (!connection->told) {
		leg_went_along(leg);
		if (!tell_up(connection, leg))
			return false;
	}
	if (leg->link->events->agreed != NULL)
		leg->link->events->agreed(leg->link->owner, leg);
	return leg->connection == connection;
}

/* Refusals went over the connection before, or were given up with it, since our HELLO, which says
 * less: what they refuse would come again, and be acknowledged without them. */
static bool refused_more(struct skex_connection *connection, const struct skex_leg *leg)
{
	if (skex_pad_compare(leg->rx_refused, connection->said) <= 0)
		return false;
	connection_close(connection, "the marks moved while it opened");
	return true;
}

static bool go_up(
	struct skex_connection *connection, struct skex_leg *leg, const struct skex_hello *hello)
{
	const char *wrong = NULL;
	const char *ends;
	enum skex_leg_halt halt;

	connection->asked = false;
	epoch_answered(leg);
	ends = leg_take_marks(leg, hello);
	if (ends != NULL) {
		connection_close(connection, ends);
		return false;
	}
	if (refused_more(connection, leg))
		return false;
	halt = contradiction(leg, hello, &wrong);
	if (halt != SKEX_HALT_NONE || leg->state == SKEX_LEG_STOPPED)
		return turn_away(connection, leg, halt, wrong);
	if (leg->link->role == SKEX_ROLE_AGENT && !send_hello(connection, leg, 3)) {
		connection_close(connection, "cannot send");
		return false;
	}
	take_over(connection, leg);
	if (refused_more(connection, leg))
		return false;
	connection->up = true;
	skex_frames_limit(&connection->frames, SKEX_PACKET_MAX);
	if (skex_pad_compare(hello->received, leg->released) > 0)
		leg_told(leg, hello->received);
	/* The answer shows that the other end compared as well, and goes on. */
	if (leg->link->role == SKEX_ROLE_AGENT || leg_resuming(leg))
		session_send_ping(connection, true);
	if (!leg_resuming(leg))
		return tell_up(connection, leg);
	/* Nothing that uses pad leaves before that. */
	leg_set_state(leg, SKEX_LEG_CONNECTING);
	return leg->connection == connection;
}

/* An agent has one place until it is up, however often it comes: it is no stranger any more, and
 * could take all others by saying HELLO and no more.  We end the one before, so that it is no sign
 * that our epoch was refused. */
static void replace_opening(struct skex_connection *connection, struct skex_leg *leg)
{
	struct skex_connection *older = leg->opening;

	leg->opening = connection;
	if (older == NULL || older == connection)
		return;
	older->asked = false;
	connection_close(older, "replaced by a newer connection");
}

/* Hub, stage 1: answer, when our own epoch is durable. */
static bool answer(
	struct skex_connection *connection, struct skex_leg *leg, const struct skex_hello *hello)
{
	const struct skex_platform *platform = connection->link->platform;

	memcpy(connection->other_nonce, hello->nonce, sizeof(connection->other_nonce));
	connection->leg = leg;
	stranger_forget(connection);
	replace_opening(connection, leg);
	if (!leg->envelope_tx.ready) {
		connection->answer_pending = true;
		leg_want_epoch(leg);
		return true;
	}
	connection->answer_pending = false;
	if (platform->random(platform->context, connection->nonce, sizeof(connection->nonce)) !=
			SKEX_OK ||
		!send_hello(connection, leg, 2)) {
		connection_close(connection, "cannot answer");
		return false;
	}
	return true;
}

void connection_epoch_ready(struct skex_leg *leg)
{
	struct skex_connection *opening = leg->opening;
	struct skex_hello hello = {0};

	if (leg->link->role == SKEX_ROLE_AGENT) {
		if (leg->connection != NULL && !leg->connection->up)
			session_begin(leg->connection);
		return;
	}
	if (opening == NULL || !opening->answer_pending)
		return;
	memcpy(hello.nonce, opening->other_nonce, sizeof(hello.nonce));
	(void)answer(opening, leg, &hello);
}

static bool fresh(const struct skex_connection *connection, const struct skex_hello *hello)
{
	return !skex_ct_is_zero(connection->nonce, sizeof(connection->nonce)) &&
		skex_ct_equal(hello->echo, connection->nonce, sizeof(hello->echo));
}

bool session_hello(
	struct skex_connection *connection, struct skex_leg *leg, struct skex_view header)
{
	struct skex_hello hello;
	enum skex_error error = skex_hello_decode(&hello, header);

	if (error == SKEX_OK &&
		(hello.direction != link_rx_direction(connection->link) || connection->up))
		error = SKEX_E_SYNTAX;
	if (error == SKEX_OK && connection->link->role == SKEX_ROLE_HUB && hello.stage == 1)
		return answer(connection, leg, &hello);
	if (error == SKEX_OK && connection->link->role == SKEX_ROLE_HUB && hello.stage == 3 &&
		connection->leg == leg && fresh(connection, &hello) &&
		skex_ct_equal(hello.nonce, connection->other_nonce, sizeof(hello.nonce)))
		return go_up(connection, leg, &hello);
	if (error == SKEX_OK && connection->link->role == SKEX_ROLE_AGENT && hello.stage == 2 &&
		fresh(connection, &hello)) {
		memcpy(connection->other_nonce, hello.nonce, sizeof(connection->other_nonce));
		return go_up(connection, leg, &hello);
	}
	message_refused(leg, error == SKEX_OK ? SKEX_E_REPLAY : error);
	connection_close(connection, "a HELLO that does not fit");
	return false;
}

void session_send_ping(struct skex_connection *connection, bool answer_wanted)
{
	uint8_t bytes[SKEX_PING_BYTES];
	struct skex_ping ping = {0};

	ping.direction = link_tx_direction(connection->link);
	ping.answer_wanted = answer_wanted ? 1 : 0;
	/* Nothing that an ACK on its way refuses: it would be taken as accepted. */
	ping.received = leg_ack_refuses(connection->leg) ? connection->leg->rx_acked
							 : connection->leg->rx_durable;
	skex_ping_encode(&ping, bytes);
	(void)!connection_send(connection, skex_view(bytes, sizeof(bytes)), skex_view(NULL, 0));
}

bool session_ping(struct skex_connection *connection, struct skex_view header)
{
	struct skex_ping ping;
	struct skex_leg *leg = connection->leg;

	if (skex_ping_decode(&ping, header) != SKEX_OK ||
		ping.direction != leg->rx_scope.direction) {
		message_refused(leg, SKEX_E_SYNTAX);
		return true;
	}
	(void)session_released(leg, ping.received);
	/* Whoever does not read gets no answers to pile up. */
	if (ping.answer_wanted && skex_leg_queued(leg) < CONNECTION_QUEUE_BYTES)
		session_send_ping(connection, false);
	return true;
}

/* What the other end said does not change by asking at once. */
static void leave(struct skex_connection *connection, const char *why)
{
	struct skex_leg *leg = connection->leg;
	const struct skex_platform *platform = connection->link->platform;

	connection_close(connection, why);
	leg->attempt_ms = platform->now_ms(platform->context) + BYE_WAIT_MS;
}

bool session_bye(struct skex_connection *connection, struct skex_view header)
{
	struct skex_leg *leg = connection->leg;
	struct skex_bye bye;

	if (skex_bye_decode(&bye, header) != SKEX_OK || bye.direction != leg->rx_scope.direction) {
		message_refused(leg, SKEX_E_SYNTAX);
		return true;
	}
	switch (bye.reason) {
	case SKEX_BYE_ROLLBACK:
		if (!connection->told && leg_resuming(leg)) {
			connection_close(connection,
				"the other end is stopped too, until its operator says resume");
			break;
		}
		connection_close(connection, "the other end saw a rollback");
		/* Only an operator can tell which of the two was restored. */
		if (leg->state != SKEX_LEG_STOPPED)
			leg_stop(leg, SKEX_HALT_OURS,
				"the other end stopped the leg: one of us is a restored backup");
		break;
	case SKEX_BYE_BANNED:
		leave(connection, "the hub does not serve this agent any more (banned or evicted)");
		break;
	case SKEX_BYE_PAUSED:
		leave(connection, "the other end saw too many wrong tags");
		leg->link->events->alarm(leg->link->owner, leg, "leg_paused",
			"the other end saw too many wrong one-time tags: who sends in the name of "
			"this end?");
		break;
	case SKEX_BYE_REPLACED:
		leave(connection,
			"another connection took over this leg: is the agent running twice?");
		break;
	default:
		connection_close(connection, "the other end is stopping");
		break;
	}
	return false;
}
