/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/qkd014_internal.h"
#include "core/base/cursor.h"
#include "store/tables.h"

/*
 * What was seen of the keys of a KME, so that none is used twice: ids, and hashes of their bytes
 * under a salt that only this process has.  The ids of what became a block are kept over restarts,
 * those of the last USED_MAX blocks, each with its block; nothing of the bytes is, since a hash of
 * a key on a disk would be the end of its being information-theoretically secret.
 *
 * SKEX_TABLE_QKD014, key lp8 KME | u16 place; value u8 1 | u64 number | ids, 16 bytes each.  A
 * record replaces the one of its place, which is its number modulo USED_MAX.
 */
#define USED_MAX     256u /* of 13 ids at most: all of them are seen ones */
#define USED_VERSION 1u
#define USED_KEY_MAX (1u + SKEX_NAME_MAX + 2u)
#define PREFIX_BYTES 9u

static bool has(const struct agent_seen *seen, const uint8_t print[static 16])
{
	uint32_t i;

	for (i = 0; i < AGENT_QKD_SEEN; i++) {
		/* rule 3: public ids, and hashes under a salt that is secret */
		if (memcmp(seen->prints[i], print, 16) == 0)
			return true;
	}
	return false;
}

static void add(struct agent_seen *seen, const uint8_t print[static 16])
{
	memcpy(seen->prints[seen->next++ % AGENT_QKD_SEEN], print, 16);
}

bool qkd_seen(
	const struct agent_kme *kme, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], uint32_t count)
{
	uint32_t i = 0;

	while (i < count && !has(&kme->ids, ids[i]))
		i++;
	return i < count;
}

static enum skex_error print_key(const struct agent_qkd *qkd, const uint8_t *key,
	uint32_t key_bytes, uint8_t print[static SKEX_HASH_BYTES])
{
	const struct skex_crypto *crypto = qkd->agent->link.crypto;
	const struct skex_view parts[2] = {
		skex_view(qkd->salt, AGENT_QKD_SALT), skex_view(key, key_bytes)};

	return crypto->sha256(crypto->context, parts, 2, print);
}

const char *qkd_see(struct agent_qkd_peer *source, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES],
	uint32_t count, const uint8_t *keys, uint32_t key_bytes)
{
	struct agent_kme *kme = source->kme;
	const char *wrong = NULL;
	uint8_t print[SKEX_HASH_BYTES];
	uint32_t i;

	/* What was seen stays seen, also when something is wrong with another one. */
	for (i = 0; i < count; i++) {
		if (has(&kme->ids, ids[i]))
			wrong = "it gave a key_ID that it gave before: nothing is made of these "
				"keys";
		add(&kme->ids, ids[i]);
	}
	for (i = 0; i < count; i++) {
		if (print_key(source->all, keys + (size_t)i * key_bytes, key_bytes, print) !=
			SKEX_OK)
			return "the hash fails";
		if (has(&kme->keys, print))
			wrong = "it gave the bytes of a key that it gave before: nothing is made "
				"of these keys";
		add(&kme->keys, print);
	}
	return wrong;
}

/* ---- over restarts -----------------------------------------------------------------------------
 */

void qkd_used(struct agent_qkd_peer *source, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES],
	uint32_t count, struct skex_txn *txn)
{
	struct agent_kme *kme = source->kme;
	const struct skex_view name = skex_name_view(&kme->config->name);
	uint8_t prefix[PREFIX_BYTES];
	uint8_t key[USED_KEY_MAX];
	struct skex_writer writer;
	struct skex_view parts[2];
	size_t size = 0;

	skex_writer_init(&writer, key, sizeof(key));
	skex_write_lp8(&writer, name);
	skex_write_u16(&writer, (uint16_t)(kme->used % USED_MAX));
	(void)!skex_writer_end(&writer, &size);
	skex_writer_init(&writer, prefix, sizeof(prefix));
	skex_write_u8(&writer, USED_VERSION);
	skex_write_u64(&writer, kme->used);
	parts[0] = skex_view(prefix, sizeof(prefix));
	parts[1] = skex_view(ids, (size_t)count * sizeof(ids[0]));
	skex_txn_put(txn, source->all->agent->link.store, SKEX_TABLE_QKD014, skex_view(key, size),
		parts, 2);
	kme->used++;
}

static struct agent_kme *kme_named(struct agent_qkd *qkd, struct skex_view name)
{
	size_t i;

	for (i = 0; i < qkd->kmes_count; i++) {
		if (skex_view_equal(skex_name_view(&qkd->kmes[i].config->name), name))
			return &qkd->kmes[i];
	}
	return NULL;
}

static enum skex_error load(void *owner, struct skex_view key, struct skex_view value)
{
	struct agent_kme *kme;
	struct skex_reader reader;
	struct skex_view name;
	struct skex_view ids;
	uint16_t place;
	uint64_t number;
	size_t i;

	skex_reader_init(&reader, key);
	name = skex_read_lp8(&reader, SKEX_NAME_MAX);
	place = skex_read_u16(&reader);
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_CORRUPT;
	skex_reader_init(&reader, value);
	if (skex_read_u8(&reader) != USED_VERSION)
		return SKEX_E_VERSION;
	number = skex_read_u64(&reader);
	ids = skex_read_rest(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || ids.size % SKEX_SOURCE_ID_BYTES != 0 ||
		number % USED_MAX != place || number == UINT64_MAX)
		return SKEX_E_CORRUPT;
	/* Of a KME that is not configured they stay, should it be again. */
	kme = kme_named(owner, name);
	if (kme == NULL)
		return SKEX_OK;
	for (i = 0; i < ids.size; i += SKEX_SOURCE_ID_BYTES)
		add(&kme->ids, ids.data + i);
	if (number >= kme->used)
		kme->used = number + 1;
	return SKEX_OK;
}

enum skex_error qkd_used_load(struct agent_qkd *qkd)
{
	return skex_store_each(
		qkd->agent->link.store, SKEX_TABLE_QKD014, skex_view(NULL, 0), load, qkd);
}
