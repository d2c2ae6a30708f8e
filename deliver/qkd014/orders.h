/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_QKD014_ORDERS_H
#define SKEX_DELIVER_QKD014_ORDERS_H

#include "config/config.h"
#include "platform/platform.h"

/*
 * What the agent orders, and how each KME is at the start.  Every KME has a queue of its own and a
 * thread for the first in it, so that one that is slow holds up nobody else.  An order is answered
 * within the time that the agent waits for it: one that is not begun by then is dropped, with words
 * for that, and one that is under way ends.  Keys are in memory from the beginning of an order to
 * its answer only.
 */
struct qkd014_orders;
struct json_t; /* of jansson */

/* Says something to the agent: takes the reference, which is NULL without memory. */
typedef void (*qkd014_say_fn)(void *owner, const char *op, struct json_t *members);

/* The KMEs are those of config, which outlives it, as the platform does.  SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error qkd014_orders_new(const struct skex_platform *platform,
	const struct skex_agent_config *config, qkd014_say_fn say, void *owner,
	struct qkd014_orders **orders);
/* How is each KME? */
SKEX_MUST_USE enum skex_error qkd014_orders_look(struct qkd014_orders *orders);
/* An order as docs/api.md has it.  SKEX_E_SYNTAX for what is none, SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error qkd014_orders_take(
	struct qkd014_orders *orders, const struct json_t *asked);
/* Drops what has waited too long; gives when to call again at the latest. */
uint64_t qkd014_orders_turn(struct qkd014_orders *orders, uint64_t now_ms);
/* Nothing is begun or said any more. */
void qkd014_orders_end(struct qkd014_orders *orders);
/* After that, and when no fetch is under way any more; NULL is fine. */
void qkd014_orders_free(struct qkd014_orders *orders);

#endif
