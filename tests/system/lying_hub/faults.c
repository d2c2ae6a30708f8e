/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/lying_hub/faults.h"

#include <stdlib.h>
#include <string.h>

static uint16_t silent(struct passing *passing)
{
	(void)passing;
	return 0;
}

static const struct fault faults[] = {
	{"bad-share", "bytes of the secret are changed", bad_share, NULL},
	{"bad-w", "bytes of w, from which the confirmations come, are changed", bad_w, NULL},
	{"bad-tag", "the secret tag o is changed", bad_tag, NULL},
	{"bad-confirm", "confirmations are changed", NULL, bad_confirm},
	{"replay", "shares that were sent are sent again, under fresh pad", replay, NULL},
	{"swap-shares", "the shares of two blocks are exchanged", swap_shares, NULL},
	{"wrong-sender", "the initiator's name is that of another agent", wrong_sender, NULL},
	{"wrong-purpose", "the purpose is another", wrong_purpose, NULL},
	{"wrong-time", "the stamp is far in the past or in the future", wrong_time, NULL},
	{"redirect", "shares go to another agent than the responder", redirect, NULL},
	{"silent", "everything is accepted and nothing passed on", silent, silent},
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

/* NULL: an honest hub. */
static const struct fault *chosen;

bool faults_choose(const char *name)
{
	for (size_t i = 0; i < FAULTS; i++) {
		if (strcmp(faults[i].name, name) == 0) {
			chosen = &faults[i];
			return true;
		}
	}
	return false;
}

void faults_list(FILE *out)
{
	for (size_t i = 0; i < FAULTS; i++)
		fprintf(out, "  %-14s %s\n", faults[i].name, faults[i].text);
}

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

/* In place of hub/pass.c. */
uint16_t hub_pass(
	struct skex_hub *hub, struct hub_mail *mail, struct hub_leg *to, struct hub_pair *pair)
{
	struct passing passing = {.hub = hub, .mail = mail, .to = to, .pair = pair};

	if (chosen == NULL)
		return pass_on(&passing);
	if (mail->type == SKEX_MESSAGE_CONFIRM && chosen->confirm != NULL)
		return chosen->confirm(&passing);
	if (mail->type != SKEX_MESSAGE_SHARE || chosen->share == NULL)
		return pass_on(&passing);
	/* It was decoded before: this cannot fail. */
	if (skex_share_message_decode(&passing.share, SKEX_TO_AGENT,
		    skex_view(mail->fields, mail->fields_size), mail->body_size) != SKEX_OK)
		abort();
	return chosen->share(&passing);
}
