/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/combine.h"
#include "core/base/cursor.h"
#include "store/tables.h"

#define ASK_VERSION      1u
#define ASK_VERSION_PART 2u
#define PAIR_VERSION     1u

/* ---- what a first message asks for -------------------------------------------------------------
 */

size_t agent_block_ask_encode(
	const struct agent_block_ask *ask, uint8_t out[static AGENT_BLOCK_ASK_MAX])
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, out, AGENT_BLOCK_ASK_MAX);
	skex_write_u8(&writer, ask->part.instance == 0 ? ASK_VERSION : ASK_VERSION_PART);
	skex_write_u32(&writer, ask->first.instance);
	skex_write_u64(&writer, ask->first.counter);
	skex_write_u16(&writer, ask->blocks);
	skex_write_u32(&writer, ask->secret_size);
	skex_write_u32(&writer, ask->lifetime_s);
	skex_write_lp8(&writer, skex_view(ask->purpose, strlen(ask->purpose)));
	if (ask->part.instance != 0) {
		skex_write_u32(&writer, ask->part.instance);
		skex_write_u64(&writer, ask->part.counter);
	}
	return skex_writer_end(&writer, &size) == SKEX_OK ? size : 0;
}

static bool in_range(const struct agent_block_ask *ask, struct skex_view purpose)
{
	return ask->first.instance != 0 && ask->blocks >= 1 && ask->blocks <= SKEX_BATCH_MAX &&
		ask->first.counter <= SKEX_COUNTER_MAX - (ask->blocks - 1u) &&
		ask->secret_size >= SKEX_SECRET_MIN && ask->secret_size <= SKEX_SECRET_MAX &&
		ask->secret_size % SKEX_SECRET_MIN == 0 &&
		(uint32_t)ask->blocks * ask->secret_size <= AGENT_PAIR_BYTES &&
		ask->lifetime_s >= 1 && ask->lifetime_s <= INT32_MAX &&
		skex_purpose_valid(purpose) && purpose.data[0] != AGENT_PART_MARK;
}

bool agent_block_ask_decode(struct agent_block_ask *ask, struct skex_view blob)
{
	struct agent_block_ask read = {0};
	struct skex_reader reader;
	struct skex_view purpose;
	uint8_t version;

	skex_reader_init(&reader, blob);
	version = skex_read_u8(&reader);
	if (version != ASK_VERSION && version != ASK_VERSION_PART)
		return false;
	read.first.instance = skex_read_u32(&reader);
	read.first.counter = skex_read_u64(&reader);
	read.blocks = skex_read_u16(&reader);
	read.secret_size = skex_read_u32(&reader);
	read.lifetime_s = skex_read_u32(&reader);
	purpose = skex_read_lp8(&reader, SKEX_PURPOSE_MAX);
	if (version == ASK_VERSION_PART) {
		read.part.instance = skex_read_u32(&reader);
		read.part.counter = skex_read_u64(&reader);
	}
	if (skex_reader_end(&reader) != SKEX_OK || !in_range(&read, purpose) ||
		(version == ASK_VERSION_PART &&
			(read.part.instance == 0 || read.part.counter > SKEX_COUNTER_MAX)))
		return false;
	memcpy(read.purpose, purpose.data, purpose.size);
	*ask = read;
	return true;
}

enum skex_error agent_block_secret(const struct skex_association_keys *keys,
	const struct agent_block_ask *ask, uint16_t i, uint8_t *out)
{
	uint8_t context[4u + 4u + 8u + 4u + 1u + SKEX_PURPOSE_MAX];
	enum skex_error error = SKEX_OK;
	uint32_t at;

	for (at = 0; at < ask->secret_size && error == SKEX_OK; at += SKEX_KDF_MAX) {
		const uint32_t left = ask->secret_size - at;
		struct skex_writer writer;
		size_t size = 0;

		skex_writer_init(&writer, context, sizeof(context));
		skex_write_u32(&writer, keys->number);
		skex_write_u32(&writer, ask->first.instance);
		skex_write_u64(&writer, ask->first.counter + i);
		skex_write_u32(&writer, at);
		skex_write_lp8(&writer, skex_view(ask->purpose, strlen(ask->purpose)));
		error = skex_writer_end(&writer, &size);
		if (error == SKEX_OK)
			error = skex_association_export(keys, "skex-block",
				skex_view(context, size), out + at,
				left < SKEX_KDF_MAX ? left : SKEX_KDF_MAX);
	}
	return error;
}

/* ---- the record of a pair ----------------------------------------------------------------------
 */

struct skex_view agent_pair_key(const struct agent_pair *pair, uint8_t out[SKEX_NAME_MAX + 1])
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, out, SKEX_NAME_MAX + 1);
	skex_write_lp8(&writer, skex_name_view(&pair->peer->name));
	return skex_writer_end(&writer, &size) == SKEX_OK ? skex_view(out, size)
							  : skex_view(NULL, 0);
}

enum skex_error agent_pair_peer(struct skex_view key, struct skex_name *name)
{
	struct skex_reader reader;
	struct skex_view text;

	skex_reader_init(&reader, key);
	text = skex_read_lp8(&reader, SKEX_NAME_MAX);
	return skex_reader_end(&reader) == SKEX_OK && skex_name_parse(name, text) ? SKEX_OK
										  : SKEX_E_CORRUPT;
}

void agent_pair_put(const struct agent_pair *pair, struct skex_txn *txn)
{
	uint8_t value[3u + SKEX_PAIRWISE_ID_BYTES + 1u + SKEX_HOST_MAX + 2u];
	uint8_t key[SKEX_NAME_MAX + 1];
	struct skex_writer writer;
	struct skex_view part;
	size_t size = 0;

	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u8(&writer, PAIR_VERSION);
	skex_write_u8(&writer, pair->slot);
	skex_write_u8(&writer, pair->depth);
	skex_write_bytes(&writer, pair->fingerprint, sizeof(pair->fingerprint));
	skex_write_lp8(&writer, skex_view(pair->host, strlen(pair->host)));
	skex_write_u16(&writer, pair->port);
	if (skex_writer_end(&writer, &size) != SKEX_OK)
		return;
	part = skex_view(value, size);
	skex_txn_put(txn, pair->agent->link.store, SKEX_TABLE_PAIRED, agent_pair_key(pair, key),
		&part, 1);
}

enum skex_error agent_pair_decode(struct agent_pair *pair, struct skex_view value)
{
	uint8_t fingerprint[SKEX_PAIRWISE_ID_BYTES];
	struct skex_reader reader;
	struct skex_view host;
	uint16_t port;
	uint8_t slot, depth;

	skex_reader_init(&reader, value);
	if (skex_read_u8(&reader) != PAIR_VERSION)
		return SKEX_E_VERSION;
	slot = skex_read_u8(&reader);
	depth = skex_read_u8(&reader);
	skex_read_bytes(&reader, fingerprint, sizeof(fingerprint));
	host = skex_read_lp8(&reader, SKEX_HOST_MAX);
	port = skex_read_u16(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || slot > 1 ||
		(host.size > 0 && memchr(host.data, '\0', host.size) != NULL))
		return SKEX_E_CORRUPT;
	pair->slot = slot;
	pair->depth = depth;
	pair->port = port;
	memcpy(pair->fingerprint, fingerprint, sizeof(fingerprint));
	if (host.size > 0)
		memcpy(pair->host, host.data, host.size);
	pair->host[host.size] = '\0';
	return SKEX_OK;
}
