/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/record.h"
#include "fuzz/fuzz.h"
#include "token/record.h"

/*
 * What lies in a store, which may be of another version, of a backup, or of another hand.  The
 * first byte says which record the rest is.  What is accepted is what would be written.
 */

static void key(struct skex_view bytes)
{
	uint8_t again[RECORD_KEY_MAX];
	struct skex_block_id first;
	struct skex_name peer;
	uint32_t piece;
	uint8_t side;

	if (record_key_decode(bytes, &side, &peer, &first, &piece) != SKEX_OK)
		return;
	must(record_key(again, (enum agent_side)side, &peer, first, piece) == bytes.size);
	must(memcmp(again, bytes.data, bytes.size) == 0);
}

static void batch(struct skex_view bytes)
{
	char purpose[SKEX_PURPOSE_MAX + 1], same[SKEX_PURPOSE_MAX + 1];
	static struct agent_pool pool;
	struct agent_batch found, second;
	uint8_t again[RECORD_BATCH_MAX];
	size_t size;

	memset(&found, 0, sizeof(found));
	memset(&second, 0, sizeof(second));
	if (record_batch_decode(bytes, &found, purpose) != SKEX_OK)
		return;
	must(strlen(purpose) < sizeof(pool.purpose));
	memcpy(pool.purpose, purpose, strlen(purpose) + 1);
	found.pool = second.pool = &pool;
	size = record_batch(again, &found);
	must(size > 0);
	must(record_batch_decode(skex_view(again, size), &second, same) == SKEX_OK);
	must(memcmp(&found, &second, sizeof(found)) == 0 && strcmp(purpose, same) == 0);
}

static void piece(struct skex_view bytes)
{
	uint64_t used[AGENT_SHARERS_MAX];
	uint8_t again[RECORD_PIECE_MAX];
	size_t head = 0;
	uint8_t sharers;

	if (bytes.size == 0)
		return;
	sharers = bytes.data[0];
	bytes = skex_view(bytes.data + 1, bytes.size - 1);
	if (record_piece_decode(bytes, sharers, used, &head) != SKEX_OK)
		return;
	must(head <= bytes.size && sharers <= AGENT_SHARERS_MAX);
	if (bytes.data[0] == 2)
		must(record_piece(again, used, sharers) == head &&
			memcmp(again, bytes.data, head) == 0);
}

static void token(struct skex_view bytes)
{
	static const uint8_t id[SKEX_TOKEN_ID_BYTES] = {1};
	struct skex_token_record record;

	if (skex_token_record_decode(&record, skex_view(id, sizeof(id)), bytes) != SKEX_OK)
		return;
	must(record.groups_count <= SKEX_GROUPS_MAX && record.state <= SKEX_TOKEN_GRANTED);
	for (unsigned i = 0; i < record.groups_count; i++)
		must(record.groups[i].size > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct skex_view bytes) = {key, batch, piece, token};

	if (size > 0)
		kinds[data[0] % 4](skex_view(data + 1, size - 1));
	return 0;
}
