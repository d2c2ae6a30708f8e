/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/dske/initiator.h"
#include "tests/system/lying_hub/faults.h"

/* A copy that changes nothing but pad when it is passed on: its block counts as seen. */
static struct hub_mail *copy_mail(const struct hub_mail *mail)
{
	struct hub_mail *copy = hub_mail_new(
		mail->type, skex_view(mail->fields, mail->fields_size), mail->body_size);

	if (copy == NULL)
		abort();
	memcpy(copy->body, mail->body, mail->body_size);
	copy->from = mail->from;
	copy->to = mail->to;
	copy->at = mail->at;
	copy->sender = mail->sender;
	copy->lifetime_s = mail->lifetime_s;
	copy->first = mail->first;
	copy->blocks = 0;
	return copy;
}

static void pass_copy(const struct passing *passing, const struct hub_mail *mail)
{
	struct passing again = *passing;

	again.mail = copy_mail(mail);
	(void)pass_on(&again);
	hub_mail_free(again.mail);
}

static struct hub_mail *before; /* for replay */
static struct hub_mail *first;  /* for swap_shares */

void copies_forget(void)
{
	hub_mail_free(before);
	hub_mail_free(first);
	before = NULL;
	first = NULL;
}

/* The share itself, once more, and the one before it. */
uint16_t replay(struct passing *passing)
{
	struct hub_mail *copy = copy_mail(passing->mail);
	uint16_t status = pass_on(passing);

	if (status == 0) {
		pass_copy(passing, copy);
		if (before != NULL && before->to == copy->to)
			pass_copy(passing, before);
	}
	hub_mail_free(before);
	before = copy;
	return status;
}

static void exchange(uint8_t *a, uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

/* Two blocks of one message; or two messages, of which the first waits for the second. */
uint16_t swap_shares(struct passing *passing)
{
	const size_t vector = skex_vector_size(&passing->share.common);

	if (passing->share.blocks > 1) {
		exchange(passing->mail->body, passing->mail->body + vector, vector);
		return pass_on(passing);
	}
	if (first == NULL || first->to != passing->mail->to ||
		first->body_size != passing->mail->body_size) {
		hub_mail_free(first);
		first = copy_mail(passing->mail);
		return 0;
	}
	exchange(first->body, passing->mail->body, passing->mail->body_size);
	pass_copy(passing, first);
	hub_mail_free(first);
	first = NULL;
	return pass_on(passing);
}

struct search {
	const struct passing *passing;
	struct skex_member *third;
	bool found;
};

static bool look(void *owner, const struct skex_member *member)
{
	struct search *search = owner;

	if (member->state != SKEX_MEMBER_ENROLLED ||
		skex_name_equal(&member->name, &search->passing->share.common.initiator) ||
		skex_name_equal(&member->name, &search->passing->share.common.responder))
		return true;
	*search->third = *member;
	search->found = true;
	return false;
}

bool find_third(const struct passing *passing, struct skex_member *third)
{
	struct search search = {passing, third, false};

	if (skex_registry_members(passing->hub->link.registry, NULL, look, &search) != SKEX_OK)
		abort();
	return search.found;
}

uint16_t redirect(struct passing *passing)
{
	struct passing elsewhere = *passing;
	struct skex_member third;

	if (!find_third(passing, &third))
		return 0;
	elsewhere.to = hub_leg_get(passing->hub, third.leg);
	if (elsewhere.to == NULL || hub_leg_load(elsewhere.to) == NULL)
		abort();
	return pass_on(&elsewhere);
}
