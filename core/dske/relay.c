/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dske/relay.h"

#include "core/base/mem.h"

static bool sender(const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	(void)message;
	return facts->sender_is_initiator;
}

static bool known(const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	(void)message;
	return facts->responder_known && !facts->responder_is_sender;
}

static bool welcome(const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	(void)message;
	return !facts->responder_banned;
}

static bool allowed(const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	(void)message;
	return facts->allowed;
}

static bool unstamped(
	const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	(void)facts;
	return message->stamp_ms == 0;
}

static bool lifetime(const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	return message->common.lifetime_s <= facts->lifetime_max_s;
}

static bool fresh(const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	(void)message;
	return facts->block_is_new;
}

static bool quota(const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	(void)message;
	return facts->within_quota;
}

static bool pad(const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	(void)message;
	return facts->pad_left;
}

/* Cheapest and most telling first; policy before quota, so that nobody learns the load of a
 * stranger. */
static const struct {
	bool (*holds)(
		const struct skex_relay_facts *facts, const struct skex_share_message *message);
	uint16_t status;
} checks[] = {
	{sender, SKEX_ACK_REFUSED},
	{unstamped, SKEX_ACK_SYNTAX},
	{known, SKEX_ACK_UNKNOWN},
	{allowed, SKEX_ACK_REFUSED},
	{welcome, SKEX_ACK_BANNED},
	{lifetime, SKEX_ACK_REFUSED},
	{fresh, SKEX_ACK_DUPLICATE},
	{quota, SKEX_ACK_QUOTA},
	{pad, SKEX_ACK_EXHAUSTED},
};

uint16_t skex_relay_admit(
	const struct skex_relay_facts *facts, const struct skex_share_message *message)
{
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (!checks[i].holds(facts, message))
			return checks[i].status;
	}
	return 0;
}

void skex_relay_share(uint8_t *body, const uint8_t *sent, const uint8_t *from_pad,
	const uint8_t *to_pad, size_t size)
{
	skex_xor(body, from_pad, to_pad, size);
	if (sent != NULL)
		skex_xor(body, body, sent, size);
}
