/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/dske/block.h"
#include "core/dske/initiator.h"
#include "core/wire/confirm_message.h"
#include "tests/system/lying_hub/faults.h"

/* Changes up to 8 of these bytes; at least one differs after it. */
static void change(const struct passing *passing, uint8_t *bytes, size_t size)
{
	uint32_t count = 1 + random_below(passing, 8);
	uint32_t at = random_below(passing, (uint32_t)size);

	for (uint32_t i = 0; i < count; i++)
		bytes[(at + i * 7) % size] ^= (uint8_t)(1 + random_below(passing, 255));
}

static uint16_t change_body(struct passing *passing, size_t from, size_t size)
{
	const size_t vector = skex_vector_size(&passing->share.common);

	for (size_t i = 0; i < passing->share.blocks; i++)
		change(passing, passing->mail->body + i * vector + from, size);
	return pass_on(passing);
}

uint16_t bad_share(struct passing *passing)
{
	return change_body(passing, SKEX_BLOCK_EXTRA_BYTES, passing->share.common.secret_size);
}

uint16_t bad_w(struct passing *passing)
{
	return change_body(passing, SKEX_BLOCK_U_BYTES, SKEX_BLOCK_W_BYTES);
}

/* A view borrows from the fields: the same place, to be written. */
static uint8_t *writable(const struct passing *passing, struct skex_view view)
{
	const uint8_t *first = passing->mail->fields;
	const uint8_t *at = view.data;

	return passing->mail->fields + (at - first);
}

uint16_t bad_tag(struct passing *passing)
{
	uint8_t *tags = writable(passing, passing->share.secret_tags);

	for (size_t i = 0; i < passing->share.blocks; i++)
		change(passing, tags + i * SKEX_SECRET_TAG_BYTES, SKEX_SECRET_TAG_BYTES);
	return pass_on(passing);
}

uint16_t bad_confirm(struct passing *passing)
{
	struct skex_confirm_message message;
	uint8_t *tags;

	if (skex_confirm_message_decode(&message,
		    skex_view(passing->mail->fields, passing->mail->fields_size)) != SKEX_OK)
		abort();
	tags = writable(passing, message.tags);
	for (size_t i = 0; i < message.blocks; i++)
		change(passing, tags + i * SKEX_CONFIRM_TAG_BYTES, SKEX_CONFIRM_TAG_BYTES);
	return pass_on(passing);
}

/* Passes on the share with another header; what is under way is not longer than before. */
static uint16_t pass_rewritten(const struct passing *passing, const struct skex_common *common)
{
	uint8_t fields[SKEX_HEADER_MAX];
	struct skex_share_message share = passing->share;
	struct passing rewritten = *passing;
	size_t size = 0;
	uint16_t status;

	share.common = *common;
	if (skex_share_message_encode(&share, fields, sizeof(fields), &size) != SKEX_OK)
		abort();
	rewritten.mail = hub_mail_new(
		passing->mail->type, skex_view(fields, size), passing->mail->body_size);
	if (rewritten.mail == NULL)
		abort();
	memcpy(rewritten.mail->body, passing->mail->body, passing->mail->body_size);
	rewritten.mail->from = passing->mail->from;
	rewritten.mail->to = passing->mail->to;
	rewritten.mail->at = passing->mail->at;
	rewritten.mail->sender = passing->mail->sender;
	rewritten.mail->lifetime_s = passing->mail->lifetime_s;
	rewritten.mail->first = passing->mail->first;
	rewritten.mail->blocks = passing->mail->blocks;
	status = pass_on(&rewritten);
	hub_mail_free(rewritten.mail);
	return status;
}

uint16_t wrong_sender(struct passing *passing)
{
	static const char nobody[] = "nobody";
	struct skex_common common = passing->share.common;
	struct skex_member third;

	if (find_third(passing, &third))
		common.initiator = third.name;
	else if (!skex_name_parse(&common.initiator, skex_view(nobody, sizeof(nobody) - 1)))
		abort();
	return pass_rewritten(passing, &common);
}

/* One that the responder accepts from this initiator, in a lab. */
uint16_t wrong_purpose(struct passing *passing)
{
	static const char other[] = "app:other";
	struct skex_common common = passing->share.common;

	memset(common.purpose, 0, sizeof(common.purpose));
	memcpy(common.purpose, other, sizeof(other));
	common.purpose_size = sizeof(other) - 1;
	return pass_rewritten(passing, &common);
}

uint16_t wrong_time(struct passing *passing)
{
	static const uint64_t stamps_ms[] = {
		1, UINT64_C(86400000), UINT64_C(253402300799000), UINT64_MAX / 2, UINT64_MAX};
	const size_t count = sizeof(stamps_ms) / sizeof(stamps_ms[0]);
	struct skex_writer writer;

	/* The stamp is the last field. */
	skex_writer_init(&writer, passing->mail->fields + passing->mail->fields_size - 8, 8);
	skex_write_u64(&writer, stamps_ms[random_below(passing, (uint32_t)count)]);
	return pass_on(passing);
}
