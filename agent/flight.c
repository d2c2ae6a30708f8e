/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "agent/internal.h"

/* Messages under way on a leg: first those that the hub may not have (`flight`), then those that
 * it has and may yet refuse (`arrived`). */

#define ARRIVED_MAX 256u   /* messages of a leg whose acceptance is waited for */
#define SETTLE_MS   10000u /* and how long: that, to twice that and a pause of a calm agent */

static void transmit(struct agent_leg *leg, const struct skex_outgoing *message)
{
	/* Not sent ends the connection, and nothing follows: it goes again, in its place, with the
	 * next one. */
	(void)!skex_leg_transmit(leg->leg, skex_view(message->bytes, message->header_size),
		skex_view(message->bytes + message->header_size, message->body_size));
}

void agent_send(struct agent_leg *leg, struct skex_outgoing *message)
{
	*leg->flight_end = message;
	leg->flight_end = &message->next;
	transmit(leg, message);
}

void agent_flight_again(struct agent_leg *leg)
{
	const struct skex_outgoing *message;

	for (message = leg->flight; message != NULL; message = message->next)
		transmit(leg, message);
}

static struct skex_outgoing *take_first(struct skex_outgoing **first, struct skex_outgoing ***end)
{
	struct skex_outgoing *message = *first;

	if (message == NULL)
		return NULL;
	*first = message->next;
	if (*first == NULL)
		*end = first;
	message->next = NULL;
	return message;
}

/* Nothing hangs on whether a share is accepted: a refusal finds the run by its place in the pad. */
static bool is_share(const struct skex_outgoing *message)
{
	struct skex_prefix prefix;

	return skex_prefix_decode(&prefix, skex_view(message->bytes, message->header_size)) !=
		SKEX_OK ||
		prefix.type == SKEX_MESSAGE_SHARE;
}

static bool before(const struct skex_outgoing *message, struct skex_pad_position mark)
{
	return skex_pad_compare(skex_pad_end(message->range), mark) <= 0;
}

/* The first of those that arrived: it is accepted, or that will never be known. */
static void settle(struct agent_leg *leg, bool accepted)
{
	struct skex_outgoing *message = take_first(&leg->arrived, &leg->arrived_end);

	if (message == NULL)
		return;
	leg->arrived_count--;
	if (accepted) {
		agent_confirm_delivered(leg, message);
		agent_note_delivered(leg, message);
	} else {
		agent_confirm_unknown(leg, message);
		agent_note_unknown(leg, message);
	}
	free(message);
}

void agent_flight_released(struct agent_leg *leg)
{
	const struct skex_leg *link_leg = leg->leg;

	while (leg->flight != NULL && before(leg->flight, link_leg->released)) {
		struct skex_outgoing *message = take_first(&leg->flight, &leg->flight_end);

		if (message == NULL || is_share(message)) {
			free(message);
			continue;
		}
		*leg->arrived_end = message;
		leg->arrived_end = &message->next;
		leg->arrived_count++;
	}
	while (leg->arrived != NULL && before(leg->arrived, link_leg->accepted))
		settle(leg, true);
	/* That of an earlier connection never comes. */
	while (leg->arrived != NULL && link_leg->state != SKEX_LEG_UP)
		settle(leg, false);
	while (leg->arrived_count > ARRIVED_MAX)
		settle(leg, true);
}

void agent_flight_sweep(struct agent_leg *leg, uint64_t now_ms)
{
	if (now_ms < leg->settle_ms || leg->leg->state != SKEX_LEG_UP)
		return;
	while (leg->arrived != NULL && before(leg->arrived, leg->settle_mark))
		settle(leg, true);
	leg->settle_mark = leg->leg->released;
	leg->settle_ms = now_ms + SETTLE_MS;
}

/* The message at this place, which is not kept any more; NULL: none. */
static struct skex_outgoing *take_at(
	struct skex_outgoing **first, struct skex_outgoing ***end, struct skex_pad_position at)
{
	struct skex_outgoing **link = first;
	struct skex_outgoing *message;

	while (*link != NULL &&
		((*link)->range.generation != at.generation || (*link)->range.offset != at.offset))
		link = &(*link)->next;
	message = *link;
	if (message == NULL)
		return NULL;
	*link = message->next;
	if (*end == &message->next)
		*end = link;
	return message;
}

void agent_flight_refused(struct agent_leg *leg, struct skex_pad_position at)
{
	struct skex_outgoing *message = take_at(&leg->arrived, &leg->arrived_end, at);

	if (message != NULL)
		leg->arrived_count--;
	else
		message = take_at(&leg->flight, &leg->flight_end, at);
	if (message != NULL)
		agent_confirm_refused(leg, message);
	free(message);
}

void agent_flight_clear(struct agent_leg *leg)
{
	while (leg->flight != NULL)
		free(take_first(&leg->flight, &leg->flight_end));
	while (leg->arrived != NULL)
		free(take_first(&leg->arrived, &leg->arrived_end));
}
