/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/lying_hub/faults.h"

#include <stdlib.h>

static uint16_t silent(struct passing *passing)
{
	(void)passing;
	return 0;
}

const struct fault faults[FAULTS] = {
	{"bad-share", "bytes of the secret are changed", bad_share, NULL, false},
	{"bad-w", "bytes of w, from which the confirmations come, are changed", bad_w, NULL, false},
	{"bad-tag", "the secret tag o is changed", bad_tag, NULL, false},
	{"bad-confirm", "confirmations are changed", NULL, bad_confirm, false},
	{"replay", "shares that were sent are sent again, under fresh pad", replay, NULL, true},
	{"swap-shares", "the shares of two blocks are exchanged", swap_shares, NULL, true},
	{"wrong-sender", "the initiator's name is that of another agent", wrong_sender, NULL,
		false},
	{"wrong-purpose", "the purpose is another", wrong_purpose, NULL, false},
	{"wrong-time", "the stamp is far in the past or in the future", wrong_time, NULL, false},
	{"redirect", "shares go to another agent than the responder", redirect, NULL, false},
	{"silent", "everything is accepted and nothing passed on", silent, silent, false},
};

uint16_t pass_on(const struct passing *passing)
{
	return hub_accept(passing->hub, passing->mail, passing->to, passing->pair);
}

uint32_t random_below(const struct passing *passing, uint32_t limit)
{
	const struct skex_platform *platform = passing->hub->link.platform;
	uint32_t number = 0;

	if (platform->random(platform->context, &number, sizeof(number)) != SKEX_OK)
		abort();
	return number % limit;
}

uint16_t fault_pass(const struct fault *fault, struct skex_hub *hub, struct hub_mail *mail,
	struct hub_leg *to, struct hub_pair *pair)
{
	struct passing passing = {.hub = hub, .mail = mail, .to = to, .pair = pair};

	if (fault == NULL)
		return pass_on(&passing);
	if (mail->type == SKEX_MESSAGE_CONFIRM && fault->confirm != NULL)
		return fault->confirm(&passing);
	if (mail->type != SKEX_MESSAGE_SHARE || fault->share == NULL)
		return pass_on(&passing);
	/* It was decoded before: this cannot fail. */
	if (skex_share_message_decode(&passing.share, SKEX_TO_AGENT,
		    skex_view(mail->fields, mail->fields_size), mail->body_size) != SKEX_OK)
		abort();
	return fault->share(&passing);
}
