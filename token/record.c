/* SPDX-License-Identifier: Apache-2.0 */
#include "token/record.h"

#include <string.h>

#include "core/base/cursor.h"
#include "store/tables.h"

#define RECORD_VERSION 1u
#define RECORD_MAX     (1024u)
#define FLAG_ASK       1u
#define FLAG_FIXED     2u

void skex_token_record_put(
	struct skex_store *store, struct skex_txn *txn, const struct skex_token_record *record)
{
	uint8_t bytes[RECORD_MAX];
	struct skex_writer writer;
	struct skex_view part;
	size_t size = 0;

	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_u8(&writer, RECORD_VERSION);
	skex_write_u8(&writer,
		(uint8_t)((record->ask ? FLAG_ASK : 0u) | (record->fixed ? FLAG_FIXED : 0u)));
	skex_write_u8(&writer, (uint8_t)record->state);
	skex_write_u64(&writer, record->made_ms);
	skex_write_u64(&writer, record->expires_ms);
	skex_write_lp8(&writer, skex_name_view(&record->agent));
	skex_write_u8(&writer, record->groups_count);
	for (uint8_t i = 0; i < record->groups_count; i++)
		skex_write_lp8(&writer, skex_name_view(&record->groups[i]));
	skex_write_u8(&writer, (uint8_t)record->aead);
	skex_write_u64(&writer, record->leg);
	skex_write_u64(&writer, record->pads[0]);
	skex_write_u64(&writer, record->pads[1]);
	/* Nine names at the most: it always fits. */
	(void)!skex_writer_end(&writer, &size);
	part = skex_view(bytes, size);
	skex_txn_put(
		txn, store, SKEX_TABLE_TOKEN, skex_view(record->id, sizeof(record->id)), &part, 1);
}

static void read_name(struct skex_reader *reader, struct skex_name *name)
{
	if (!skex_name_parse(name, skex_read_lp8(reader, SKEX_NAME_MAX)))
		skex_reader_fail(reader);
}

static void read_fields(struct skex_reader *reader, struct skex_token_record *record)
{
	const uint8_t flags = skex_read_u8(reader);
	struct skex_view name;

	record->ask = (flags & FLAG_ASK) != 0;
	record->fixed = (flags & FLAG_FIXED) != 0;
	record->state = (enum skex_token_state)skex_read_u8(reader);
	record->made_ms = skex_read_u64(reader);
	record->expires_ms = skex_read_u64(reader);
	name = skex_read_lp8(reader, SKEX_NAME_MAX);
	if (name.size > 0 && !skex_name_parse(&record->agent, name))
		skex_reader_fail(reader);
	record->groups_count = skex_read_u8(reader);
	if (record->groups_count > SKEX_GROUPS_MAX)
		skex_reader_fail(reader);
	for (uint8_t i = 0; !reader->failed && i < record->groups_count; i++)
		read_name(reader, &record->groups[i]);
	record->aead = (enum skex_aead)skex_read_u8(reader);
	record->leg = skex_read_u64(reader);
	record->pads[0] = skex_read_u64(reader);
	record->pads[1] = skex_read_u64(reader);
}

enum skex_error skex_token_record_decode(
	struct skex_token_record *record, struct skex_view key, struct skex_view value)
{
	struct skex_token_record read = {.ask = false};
	struct skex_reader reader;

	skex_reader_init(&reader, value);
	if (key.size != sizeof(read.id))
		return SKEX_E_CORRUPT;
	if (skex_read_u8(&reader) != RECORD_VERSION)
		return SKEX_E_VERSION;
	memcpy(read.id, key.data, sizeof(read.id));
	read_fields(&reader, &read);
	if (skex_reader_end(&reader) != SKEX_OK || read.state > SKEX_TOKEN_GRANTED)
		return SKEX_E_CORRUPT;
	*record = read;
	return SKEX_OK;
}
