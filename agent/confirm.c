/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/initiate.h"
#include "agent/qkd014_internal.h"
#include "agent/record.h"
#include "core/base/backoff.h"
#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/wire/confirm_message.h"
#include "platform/memory.h"
#include "store/tables.h"

/*
 * Confirmations that are not known to have arrived, kept over restarts: their bytes were fixed when
 * the block was accepted, in the same transaction, and are sent again as they are.
 *
 * SKEX_TABLE_CONFIRM, key as a batch (side 1: our CONF_AB, 2: our CONF_BA), secret value u8 version
 * 1 | u8 which | u16 blocks | u8 class | u64 expires | 16 profile | blocks * 16 ours | blocks * 16
 * expected (CONF_BA only).
 */
#define CONFIRM_VERSION 1
#define PREFIX_BYTES    29u

/* A hub that refused a confirmation is given it again after that, and later and later. */
#define RETRY_FIRST_MS 2000u
#define RETRY_MOST_MS  512000u
/* An accepted block whose initiator could have confirmed it for so long goes when the initiator has
 * used up half of its room. */
#define GIVEN_UP_MS    600000u

static enum agent_side side_of(uint8_t which)
{
	return which == SKEX_CONFIRM_BA ? AGENT_RESPONDER : AGENT_INITIATOR;
}

static struct agent_confirm **bucket(struct skex_agent *agent, uint8_t which,
	const struct agent_peer *peer, struct skex_block_id first)
{
	uint64_t hash = (uintptr_t)peer ^ (uint64_t)first.instance << 32 ^ first.counter ^
		(uint64_t)which << 60;

	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return &agent->confirms_by_id[hash >> 32 & (AGENT_CONFIRMS - 1u)];
}

static void confirm_free(struct skex_agent *agent, struct agent_confirm *confirm)
{
	struct agent_confirm **chain = bucket(agent, confirm->which, confirm->peer, confirm->first);

	while (*chain != confirm)
		chain = &(*chain)->chain;
	*chain = confirm->chain;
	confirm->peer->confirms[confirm->which - SKEX_CONFIRM_BA]--;
	confirm->peer->confirms_bytes -= confirm->bytes;
	*confirm->self = confirm->next;
	if (confirm->next != NULL)
		confirm->next->self = confirm->self;
	skex_secret_free(confirm->tags);
	free(confirm);
}

void agent_confirms_clear(struct skex_agent *agent)
{
	while (agent->confirms != NULL)
		confirm_free(agent, agent->confirms);
}

/* Over: its record goes with the transaction of this turn. */
static void confirm_over(struct skex_agent *agent, struct agent_confirm *confirm)
{
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);
	uint8_t key[RECORD_KEY_MAX];

	if (txn == NULL)
		return;
	skex_txn_remove(txn, agent->link.store, SKEX_TABLE_CONFIRM,
		skex_view(key,
			record_key(key, side_of(confirm->which), &confirm->peer->name,
				confirm->first, UINT32_MAX)));
	confirm_free(agent, confirm);
}

/* Of an accepted batch that waits for its confirmation. */
static uint64_t bytes_waiting(const struct agent_confirm *confirm)
{
	const struct agent_batch *batch = confirm->which == SKEX_CONFIRM_BA
		? agent_peer_batch(confirm->peer, AGENT_RESPONDER, confirm->first)
		: NULL;

	return batch == NULL ? 0 : agent_batch_bytes(batch);
}

bool agent_confirms_full(const struct agent_peer *peer)
{
	return peer->confirms[0] >= AGENT_UNCONFIRMED_MAX ||
		peer->confirms_bytes >= AGENT_UNCONFIRMED_BYTES;
}

static struct agent_confirm *confirm_new(struct skex_agent *agent, struct agent_peer *peer,
	struct agent_profile *profile, uint8_t which, struct skex_block_id first, uint16_t blocks)
{
	struct agent_confirm *confirm = calloc(1, sizeof(*confirm));
	const size_t size = (size_t)blocks * SKEX_CONFIRM_TAG_BYTES;
	struct agent_confirm **chain;

	if (confirm == NULL)
		return NULL;
	confirm->tags = skex_secret_new(2 * size);
	if (confirm->tags == NULL) {
		free(confirm);
		return NULL;
	}
	confirm->expected = which == SKEX_CONFIRM_BA ? confirm->tags + size : NULL;
	confirm->peer = peer;
	confirm->profile = profile;
	confirm->since_ms = agent_now(agent);
	confirm->which = which;
	confirm->first = first;
	confirm->blocks = blocks;
	confirm->self = &agent->confirms;
	confirm->next = agent->confirms;
	if (confirm->next != NULL)
		confirm->next->self = &confirm->next;
	agent->confirms = confirm;
	agent_sweep_soon(agent);
	chain = bucket(agent, which, peer, first);
	confirm->chain = *chain;
	*chain = confirm;
	confirm->bytes = bytes_waiting(confirm);
	peer->confirms[which - SKEX_CONFIRM_BA]++;
	peer->confirms_bytes += confirm->bytes;
	return confirm;
}

static struct agent_confirm *confirm_find(struct skex_agent *agent, uint8_t which,
	const struct agent_peer *peer, struct skex_block_id first)
{
	struct agent_confirm *confirm = *bucket(agent, which, peer, first);

	while (confirm != NULL &&
		!(confirm->which == which && confirm->peer == peer &&
			confirm->first.instance == first.instance &&
			confirm->first.counter == first.counter))
		confirm = confirm->chain;
	return confirm;
}

bool agent_confirm_waits(struct skex_agent *agent, uint8_t which, const struct agent_peer *peer,
	struct skex_block_id first)
{
	return confirm_find(agent, which, peer, first) != NULL;
}

/* ---- sending -----------------------------------------------------------------------------------
 */

/* Most are waited for, and sent through this hub already. */
static bool is_to_be_sent(const struct skex_agent *agent, const struct agent_confirm *confirm,
	const struct agent_leg *leg, uint8_t index)
{
	return index != 0 && confirm->durable && agent_now(agent) >= confirm->retry_ms &&
		(confirm->sent & (UINT32_C(1) << index)) == 0 && leg->leg->state == SKEX_LEG_UP;
}

static void send_now(struct skex_agent *agent, struct agent_confirm *confirm, struct agent_leg *leg,
	uint8_t index)
{
	uint8_t fields[SKEX_HEADER_MAX - SKEX_MESSAGE_PREFIX_BYTES];
	struct skex_confirm_message message = {0};
	struct skex_outgoing *outgoing = NULL;
	struct skex_pad_range range;
	size_t size = 0;

	message.which = confirm->which;
	message.initiator = confirm->which == SKEX_CONFIRM_BA ? confirm->peer->name : agent->name;
	message.responder = confirm->which == SKEX_CONFIRM_BA ? agent->name : confirm->peer->name;
	message.first = confirm->first;
	message.class_responder = confirm->class_responder;
	message.blocks = confirm->blocks;
	message.tags = skex_view(confirm->tags, (size_t)confirm->blocks * SKEX_CONFIRM_TAG_BYTES);
	if (skex_confirm_message_encode(&message, fields, sizeof(fields), &size) != SKEX_OK ||
		skex_leg_take(leg->leg, 0, &range) != SKEX_OK ||
		skex_leg_compose(leg->leg, SKEX_MESSAGE_CONFIRM, range, skex_view(fields, size),
			skex_view(NULL, 0), &outgoing) != SKEX_OK)
		return;
	confirm->sent |= UINT32_C(1) << index;
	agent_send(leg, outgoing);
}

static void send_through(
	struct skex_agent *agent, struct agent_confirm *confirm, struct agent_leg *leg)
{
	const uint8_t index = skex_profile_index(&confirm->profile->profile, leg->leg->record.hub);

	if (is_to_be_sent(agent, confirm, leg, index))
		send_now(agent, confirm, leg, index);
}

static void send_through_all(struct skex_agent *agent, struct agent_confirm *confirm)
{
	uint8_t i;

	for (i = 0; i < confirm->profile->profile.n; i++)
		send_through(agent, confirm, confirm->profile->legs[i]);
}

/* A leg came up, or has room again. */
void agent_confirm_up(struct agent_leg *leg)
{
	struct agent_confirm *confirm;

	for (confirm = leg->agent->confirms; confirm != NULL; confirm = confirm->next)
		send_through(leg->agent, confirm, leg);
}

static void durable(void *owner, enum skex_error error)
{
	struct agent_confirm *confirm = owner;

	if (error != SKEX_OK)
		return;
	confirm->durable = true;
	if (confirm->over)
		confirm_over(confirm->profile->legs[0]->agent, confirm);
	else
		send_through_all(confirm->profile->legs[0]->agent, confirm);
}

enum skex_error agent_confirm_add(struct skex_agent *agent, struct agent_peer *peer,
	struct agent_profile *profile, uint8_t which, struct skex_block_id first, uint16_t blocks,
	uint8_t class_responder, const uint8_t *tags, const uint8_t *expected,
	uint64_t expires_wall_ms)
{
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);
	const size_t size = (size_t)blocks * SKEX_CONFIRM_TAG_BYTES;
	struct agent_confirm *confirm;
	uint8_t key[RECORD_KEY_MAX];
	uint8_t prefix[PREFIX_BYTES];
	struct skex_view parts[2];
	struct skex_writer writer;

	confirm = txn == NULL ? NULL : confirm_new(agent, peer, profile, which, first, blocks);
	if (confirm == NULL)
		return SKEX_E_MEMORY;
	confirm->class_responder = class_responder;
	confirm->expires_wall_ms = expires_wall_ms;
	memcpy(confirm->tags, tags, size);
	if (expected != NULL)
		memcpy(confirm->tags + size, expected, size);
	skex_writer_init(&writer, prefix, sizeof(prefix));
	skex_write_u8(&writer, CONFIRM_VERSION);
	skex_write_u8(&writer, which);
	skex_write_u16(&writer, blocks);
	skex_write_u8(&writer, class_responder);
	skex_write_u64(&writer, expires_wall_ms);
	skex_write_bytes(&writer, profile->profile.id, SKEX_PROFILE_ID_BYTES);
	parts[0] = skex_view(prefix, sizeof(prefix));
	parts[1] = skex_view(confirm->tags, expected != NULL ? 2 * size : size);
	skex_txn_put_secret(txn, agent->link.store, SKEX_TABLE_CONFIRM,
		skex_view(key, record_key(key, side_of(which), &peer->name, first, UINT32_MAX)),
		parts, 2);
	skex_commit_after(&agent->link.commit, durable, confirm);
	return SKEX_OK;
}

/* ---- what comes back ---------------------------------------------------------------------------
 */

/* Our CONF_AB that is in a message, and the hub's place in its profile; NULL when it is none. */
static struct agent_confirm *find_sent(
	const struct agent_leg *leg, const struct skex_outgoing *message, uint32_t *bit)
{
	struct skex_agent *agent = leg->agent;
	struct skex_confirm_message sent;
	struct skex_prefix prefix;
	struct agent_peer *peer;
	struct agent_confirm *confirm;
	uint8_t index;

	if (skex_prefix_decode(&prefix, skex_view(message->bytes, message->header_size)) !=
			SKEX_OK ||
		prefix.type != SKEX_MESSAGE_CONFIRM ||
		skex_confirm_message_decode(&sent, prefix.fields) != SKEX_OK ||
		sent.which != SKEX_CONFIRM_AB)
		return NULL;
	peer = agent_peer_find(agent, &sent.responder);
	confirm = peer == NULL ? NULL : confirm_find(agent, SKEX_CONFIRM_AB, peer, sent.first);
	index = confirm == NULL
		? 0
		: skex_profile_index(&confirm->profile->profile, leg->leg->record.hub);
	*bit = UINT32_C(1) << index;
	return index == 0 ? NULL : confirm;
}

/* Once k hubs accepted our CONF_AB at least one honest one will bring it. */
void agent_confirm_delivered(struct agent_leg *leg, const struct skex_outgoing *message)
{
	uint32_t bit = 0;
	struct agent_confirm *confirm = find_sent(leg, message, &bit);

	if (confirm == NULL)
		return;
	confirm->delivered |= bit;
	if (__builtin_popcount(confirm->delivered) >= confirm->profile->profile.k)
		confirm_over(leg->agent, confirm);
}

/* It goes again as a new message: who has it already drops it. */
void agent_confirm_unknown(struct agent_leg *leg, const struct skex_outgoing *message)
{
	uint32_t bit = 0;
	struct agent_confirm *confirm = find_sent(leg, message, &bit);

	if (confirm != NULL)
		confirm->sent &= ~bit;
}

void agent_confirm_refused(struct agent_leg *leg, const struct skex_outgoing *message)
{
	uint32_t bit = 0;
	struct agent_confirm *confirm = find_sent(leg, message, &bit);

	if (confirm == NULL)
		return;
	confirm->sent &= ~bit;
	confirm->retry_ms = agent_now(leg->agent) +
		skex_back_off(RETRY_FIRST_MS, confirm->refusals, RETRY_MOST_MS);
	confirm->refusals++;
}

/* CONF_AB: what we accepted, the initiator has as well. */
static void confirmed(struct agent_leg *leg, const struct skex_confirm_message *message)
{
	struct skex_agent *agent = leg->agent;
	struct agent_peer *peer = agent_peer_find(agent, &message->initiator);
	struct agent_confirm *confirm =
		peer == NULL ? NULL : confirm_find(agent, SKEX_CONFIRM_BA, peer, message->first);
	struct agent_batch *batch;
	uint32_t bit;

	if (confirm == NULL || !confirm->durable || message->blocks != confirm->blocks ||
		!skex_name_equal(&message->responder, &agent->name))
		return;
	bit = UINT32_C(1) << skex_profile_index(&confirm->profile->profile, leg->leg->record.hub);
	if (bit == 1 || (confirm->tried & bit) != 0)
		return;
	confirm->tried |= bit;
	if (!skex_ct_equal(confirm->expected, message->tags.data,
		    (size_t)confirm->blocks * SKEX_CONFIRM_TAG_BYTES)) {
		agent_suspect_confirmation(leg, peer);
		return;
	}
	batch = agent_peer_batch(peer, AGENT_RESPONDER, message->first);
	if (batch != NULL) {
		batch->confirmed = true;
		agent_batch_update(batch);
	}
	agent->counters.blocks_confirmed += confirm->blocks;
	confirm_over(agent, confirm);
	agent_wake(agent);
}

void agent_confirm_message(struct agent_leg *leg, const struct skex_incoming *incoming)
{
	struct skex_agent *agent = leg->agent;
	struct skex_confirm_message message;

	if (skex_confirm_message_decode(&message, incoming->fields) != SKEX_OK)
		return;
	if (message.which == SKEX_CONFIRM_AB)
		confirmed(leg, &message);
	else if (skex_name_equal(&message.initiator, &agent->name) &&
		!agent_qkd014_confirm(leg, &message))
		agent_run_confirm(leg, &message);
}

/* ---- upkeep ------------------------------------------------------------------------------------
 */

/* What an initiator that crashed never confirms must not lock it out: it makes room for itself. */
static bool is_given_up(struct skex_agent *agent, const struct agent_confirm *confirm)
{
	const struct agent_peer *peer = confirm->peer;

	return confirm->which == SKEX_CONFIRM_BA &&
		(peer->confirms[0] > AGENT_UNCONFIRMED_MAX / 2 ||
			peer->confirms_bytes > AGENT_UNCONFIRMED_BYTES / 2) &&
		agent_now(agent) - confirm->since_ms > GIVEN_UP_MS;
}

static void give_up(struct skex_agent *agent, struct agent_confirm *confirm)
{
	struct agent_batch *batch =
		agent_peer_batch(confirm->peer, AGENT_RESPONDER, confirm->first);

	if (batch != NULL)
		agent_batch_drop(batch);
	agent_event(agent, SKEX_LEVEL_NOTICE, "block_given_up", confirm->peer->name.text, "",
		"a block of %s that it never confirmed is dropped: it has used half of what it may "
		"have of such blocks",
		confirm->peer->name.text);
	confirm_over(agent, confirm);
}

/* While fewer than k hubs are up nothing can come that confirms it: that time does not count. */
static void count_time(struct agent_confirm *confirm, uint64_t now_ms, uint64_t passed_ms)
{
	if (agent_profile_up(confirm->profile) >= confirm->profile->profile.k)
		return;
	confirm->since_ms += passed_ms;
	if (confirm->since_ms > now_ms)
		confirm->since_ms = now_ms;
}

void agent_confirm_sweep(struct skex_agent *agent)
{
	const uint64_t wall_ms = agent_wall(agent);
	const uint64_t now_ms = agent_now(agent);
	const uint64_t passed_ms = now_ms - agent->confirms_swept_ms;
	struct agent_confirm *confirm = agent->confirms;

	agent->confirms_swept_ms = now_ms;

	while (confirm != NULL) {
		struct agent_confirm *next = confirm->next;

		count_time(confirm, now_ms, passed_ms);
		if (confirm->durable && confirm->expires_wall_ms <= wall_ms)
			confirm_over(agent, confirm);
		else if (confirm->durable && is_given_up(agent, confirm))
			give_up(agent, confirm);
		else if (confirm->durable)
			send_through_all(agent, confirm);
		confirm = next;
	}
}

void agent_confirms_part(struct skex_agent *agent, const struct agent_peer *peer)
{
	struct agent_confirm *confirm = agent->confirms;

	while (confirm != NULL) {
		struct agent_confirm *next = confirm->next;

		if (confirm->peer == peer && confirm->durable)
			confirm_over(agent, confirm);
		else if (confirm->peer == peer)
			confirm->over = true;
		confirm = next;
	}
}

static enum skex_error load(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct skex_block_id first = {0, 0};
	uint8_t profile_id[SKEX_PROFILE_ID_BYTES];
	struct skex_reader reader;
	struct skex_view tags;
	struct skex_name name;
	struct agent_peer *peer;
	struct agent_profile *profile;
	struct agent_confirm *confirm;
	uint32_t piece = 0;
	uint8_t side = 0;
	uint8_t which;
	uint8_t class;
	uint16_t blocks;
	uint64_t expires;
	enum skex_error error = record_key_decode(key, &side, &name, &first, &piece);

	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, value);
	if (skex_read_u8(&reader) != CONFIRM_VERSION)
		return SKEX_E_VERSION;
	which = skex_read_u8(&reader);
	blocks = skex_read_u16(&reader);
	class = skex_read_u8(&reader);
	expires = skex_read_u64(&reader);
	skex_read_bytes(&reader, profile_id, sizeof(profile_id));
	tags = skex_read_rest(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || blocks == 0 || blocks > SKEX_BATCH_MAX ||
		(which != SKEX_CONFIRM_BA && which != SKEX_CONFIRM_AB) || side != side_of(which) ||
		piece != UINT32_MAX ||
		tags.size !=
			(size_t)blocks * SKEX_CONFIRM_TAG_BYTES *
				(which == SKEX_CONFIRM_BA ? 2 : 1))
		return SKEX_E_CORRUPT;
	peer = agent_peer_find(agent, &name);
	profile = peer == NULL ? NULL : agent_profile_accepted(peer, profile_id);
	if (profile == NULL) {
		/* A profile may be configured again: until it expires. */
		if (peer == NULL || expires <= agent_wall(agent))
			agent_stranger_remove(agent, SKEX_TABLE_CONFIRM, key);
		return SKEX_OK;
	}
	confirm = confirm_new(agent, peer, profile, which, first, blocks);
	if (confirm == NULL)
		return SKEX_E_MEMORY;
	confirm->class_responder = class;
	confirm->expires_wall_ms = expires;
	confirm->durable = true;
	memcpy(confirm->tags, tags.data, tags.size);
	return SKEX_OK;
}

enum skex_error agent_confirms_load(struct skex_agent *agent)
{
	return skex_store_each(
		agent->link.store, SKEX_TABLE_CONFIRM, skex_view(NULL, 0), load, agent);
}
