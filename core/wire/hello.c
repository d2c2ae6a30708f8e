/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/hello.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/wire/message.h"

enum {
	STAGE_OPENING = 1,
	STAGE_ANSWER = 2,
	STAGE_END = 3,
};

static bool hello_valid(const struct skex_hello *hello)
{
	const bool opening = hello->stage == STAGE_OPENING;
	const uint8_t direction = hello->stage == STAGE_ANSWER ? SKEX_TO_AGENT : SKEX_TO_HUB;

	if (hello->stage < STAGE_OPENING || hello->stage > STAGE_END)
		return false;
	if (hello->direction != direction || hello->highest_version == 0)
		return false;
	/* A nonce of zeros is a generator that does not work, and would be echoed by nobody. */
	if (skex_ct_is_zero(hello->nonce, sizeof(hello->nonce)))
		return false;
	return skex_ct_is_zero(hello->echo, sizeof(hello->echo)) == opening;
}

void skex_hello_encode(const struct skex_hello *hello, uint8_t out[static SKEX_HELLO_BYTES])
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, SKEX_HELLO_BYTES);
	skex_write_u8(&writer, SKEX_MESSAGE_HELLO);
	skex_write_u8(&writer, hello->direction);
	skex_write_u8(&writer, hello->stage);
	skex_write_u8(&writer, hello->highest_version);
	skex_write_bytes(&writer, hello->nonce, sizeof(hello->nonce));
	skex_write_bytes(&writer, hello->echo, sizeof(hello->echo));
	skex_write_position(&writer, hello->sent);
	skex_write_position(&writer, hello->received);
	skex_write_u64(&writer, hello->wall_ms);
}

enum skex_error skex_hello_decode(struct skex_hello *hello, struct skex_view header)
{
	struct skex_hello found;
	struct skex_reader reader;

	memset(&found, 0, sizeof(found));
	skex_reader_init(&reader, header);
	if (skex_read_u8(&reader) != SKEX_MESSAGE_HELLO)
		return SKEX_E_SYNTAX;
	found.direction = skex_read_u8(&reader);
	found.stage = skex_read_u8(&reader);
	found.highest_version = skex_read_u8(&reader);
	skex_read_bytes(&reader, found.nonce, sizeof(found.nonce));
	skex_read_bytes(&reader, found.echo, sizeof(found.echo));
	found.sent = skex_read_position(&reader);
	found.received = skex_read_position(&reader);
	found.wall_ms = skex_read_u64(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || !hello_valid(&found))
		return SKEX_E_SYNTAX;

	*hello = found;
	return SKEX_OK;
}

void skex_ping_encode(const struct skex_ping *ping, uint8_t out[static SKEX_PING_BYTES])
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, SKEX_PING_BYTES);
	skex_write_u8(&writer, SKEX_MESSAGE_PING);
	skex_write_u8(&writer, ping->direction);
	skex_write_u8(&writer, ping->answer_wanted);
	skex_write_u8(&writer, 0);
	skex_write_position(&writer, ping->received);
}

enum skex_error skex_ping_decode(struct skex_ping *ping, struct skex_view header)
{
	struct skex_ping found;
	struct skex_reader reader;

	memset(&found, 0, sizeof(found));
	skex_reader_init(&reader, header);
	if (skex_read_u8(&reader) != SKEX_MESSAGE_PING)
		return SKEX_E_SYNTAX;
	found.direction = skex_read_u8(&reader);
	found.answer_wanted = skex_read_u8(&reader);
	if (found.direction > SKEX_TO_AGENT || found.answer_wanted > 1)
		return SKEX_E_SYNTAX;
	if (skex_read_u8(&reader) != 0)
		return SKEX_E_SYNTAX;
	found.received = skex_read_position(&reader);
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_SYNTAX;

	*ping = found;
	return SKEX_OK;
}

void skex_bye_encode(const struct skex_bye *bye, uint8_t out[static SKEX_BYE_BYTES])
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, SKEX_BYE_BYTES);
	skex_write_u8(&writer, SKEX_MESSAGE_BYE);
	skex_write_u8(&writer, bye->direction);
	skex_write_u16(&writer, bye->reason);
}

enum skex_error skex_bye_decode(struct skex_bye *bye, struct skex_view header)
{
	struct skex_bye found;
	struct skex_reader reader;

	skex_reader_init(&reader, header);
	if (skex_read_u8(&reader) != SKEX_MESSAGE_BYE)
		return SKEX_E_SYNTAX;
	found.direction = skex_read_u8(&reader);
	found.reason = skex_read_u16(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || found.direction > SKEX_TO_AGENT)
		return SKEX_E_SYNTAX;
	if (found.reason < SKEX_BYE_CLOSING || found.reason > SKEX_BYE_REPLACED)
		return SKEX_E_SYNTAX;

	*bye = found;
	return SKEX_OK;
}
