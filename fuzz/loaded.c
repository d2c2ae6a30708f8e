/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/binding.h"
#include "agent/keyfill_internal.h"
#include "agent/pairwise.h"
#include "agent/qkd014_internal.h"
#include "core/base/cursor.h"
#include "enrol/pending.h"
#include "fuzz/fuzz.h"
#include "fuzz/shelf.h"
#include "hub/pair.h"
#include "hub/queue.h"
#include "store/tables.h"

/*
 * Records that only who loads them reads.  The first byte says who loads; the rest is what its
 * store holds, see shelf.h, be it of another version, of a backup, or of another hand.  What is
 * accepted is what would be written, and what is not changes nothing.
 */

#define DAY_MS   UINT64_C(86400000)
#define OURS     77u /* the leg whose hub says that the state here is from the past */
#define FILLED   0xa5
#define NAME(of) ((struct skex_name){.size = sizeof(of) - 1, .text = of})

static struct shelf shelf;

static struct skex_view value_of(const struct shelf_record *record)
{
	return skex_view(record->value, record->size);
}

/* The next record of a table that is held. */
static const struct shelf_record *next(uint8_t table, size_t *at)
{
	while (*at < shelf.held.count) {
		const struct shelf_record *record = &shelf.held.records[(*at)++];

		if (record->table == table)
			return record;
	}
	return NULL;
}

static bool untouched(const void *memory, size_t size)
{
	const uint8_t *bytes = memory;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != FILLED)
			return false;
	}
	return true;
}

/* What was written under this key is this prefix, and then all of the rest of the held value. */
static bool written_as(
	const struct shelf_record *held, const uint8_t *head, size_t size, size_t replaced)
{
	const struct shelf_record *written = shelf_written(&shelf, held->table, shelf_key(held));

	return written != NULL && !written->removed &&
		written->size == held->size - replaced + size &&
		memcmp(written->value, head, size) == 0 &&
		memcmp(written->value + size, held->value + replaced, held->size - replaced) == 0;
}

/* ---- an agent ---------------------------------------------------------------------------------
 */

static uint64_t no_time(void *context)
{
	(void)context;
	return 1000;
}

static void no_log(void *context, enum skex_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static void no_wake(void *context)
{
	(void)context;
}

static enum skex_error no_file(void *context, const char *path)
{
	(void)context;
	(void)path;
	return SKEX_E_UNKNOWN;
}

static const struct skex_files files = {.remove = no_file};
static const struct skex_platform platform = {
	.now_ms = no_time, .wall_ms = no_time, .log = no_log, .wake = no_wake, .files = &files};

static struct skex_agent agent;
static struct skex_profile_config config = {.name = "both", .n = 2, .k = 2};
static struct agent_profile profile = {.config = &config, .usable = true};

/* With the peers bob, who is of a profile, and carol. */
static struct agent_peer *agent_up(void)
{
	static struct skex_registry *registry;
	struct agent_peer *bob;

	if (registry == NULL)
		must(skex_registry_open(":memory:", &registry) == SKEX_OK);
	memset(&agent, 0, sizeof(agent));
	agent.link.platform = &platform;
	agent.link.store = &shelf.store;
	agent.link.registry = registry;
	agent.link.directory = "/";
	skex_commit_init(&agent.link.commit, &shelf.store);
	bob = agent_peer_get(&agent, &NAME("bob"));
	must(bob != NULL && agent_peer_get(&agent, &NAME("carol")) != NULL);
	memset(profile.profile.id, 7, sizeof(profile.profile.id));
	bob->profiles[bob->profiles_count++] = &profile;
	return bob;
}

static void agent_down(void)
{
	agent_fills_clear(&agent);
	agent_confirms_clear(&agent);
	skex_commit_clear(&agent.link.commit);
	agent_peers_clear(&agent);
}

static struct skex_txn *transaction(void)
{
	struct skex_txn *txn = skex_commit_txn(&agent.link.commit);

	must(txn != NULL);
	return txn;
}

/* ---- material carried by hand ----
 */

/* Of one that was loaded: its record is written as it was, and its pieces are those that are held.
 */
static void check_fill(const struct agent_fill *fill)
{
	uint32_t left[2] = {0, 0};
	size_t at = 0;
	const struct shelf_record *held = next(SKEX_TABLE_KEYFILL, &at);

	while (held != NULL && !skex_view_equal(shelf_key(held), skex_view(fill->id, 16)))
		held = next(SKEX_TABLE_KEYFILL, &at);
	must(held != NULL && fill->state != FILL_TAKING);
	fill_put(fill, transaction());
	must(shelf_kept(&shelf, held));
	for (unsigned direction = 0; direction < 2; direction++) {
		for (uint32_t i = 0; i < fill->pieces; i++)
			left[direction] += fill->there[direction][i];
		must(left[direction] == fill->left[direction]);
	}
	must(fill->next_own <= fill->pieces);
}

/* A record that makes no fill here: one that was not taken in whole is gone, one of a stranger is
 * over. */
static void check_aside(const struct shelf_record *held)
{
	const uint8_t over[2] = {1, FILL_OVER};
	enum fill_state state = FILL_READY;
	const struct shelf_record *written =
		shelf_written(&shelf, SKEX_TABLE_KEYFILL, shelf_key(held));

	must(held->key_size == SKEX_KIT_ID_BYTES);
	must(fill_known(&agent, held->key, &state) == SKEX_OK);
	if (fill_find(&agent, held->key) != NULL)
		return;
	if (state == FILL_TAKING)
		must(written != NULL && written->removed);
	else
		must(state == FILL_OVER || written_as(held, over, 2, 2));
}

static void fills(void)
{
	const struct agent_fill *fill;
	const struct shelf_record *held;
	size_t at = 0;

	(void)agent_up();
	if (agent_fills_load(&agent) == SKEX_OK) {
		while ((held = next(SKEX_TABLE_KEYFILL, &at)) != NULL)
			check_aside(held);
		for (fill = agent.fills; fill != NULL; fill = fill->next)
			check_fill(fill);
	}
	agent_down();
}

/* ---- on whose word pools were emptied ----
 */

static void past(void)
{
	struct skex_leg legs[2] = {{.record = {.leg = OURS, .halt = SKEX_HALT_OURS}},
		{.record = {.leg = OURS + 1, .halt = SKEX_HALT_NONE}}};
	struct agent_leg two[2] = {{.next = &two[1], .agent = &agent, .leg = &legs[0]},
		{.agent = &agent, .leg = &legs[1]}};
	const struct agent_peer *peer;
	const struct shelf_record *held;
	struct skex_name name;
	size_t at = 0;

	(void)agent_up();
	agent.legs = &two[0];
	if (agent_past_load(&agent) == SKEX_OK) {
		while ((held = next(SKEX_TABLE_PAST, &at)) != NULL) {
			must(skex_name_parse(&name, shelf_key(held)));
			must(held->value[0] == 1 && held->size % 8 == 1);
			must((agent_peer_find(&agent, &name) == NULL) ==
				(shelf_written(&shelf, SKEX_TABLE_PAST, shelf_key(held)) != NULL));
		}
		for (peer = agent.peers; peer != NULL; peer = peer->next) {
			for (uint32_t i = 0; i < peer->acted_count; i++)
				must(peer->acted[i] == OURS);
		}
	}
	agent_down();
}

/* ---- blocks that were accepted ----
 */

static bool all_spent(struct agent_peer *peer, const struct skex_spent *before)
{
	const uint32_t instance = peer->spent_instance;
	bool all = before->floor == 0 ||
		agent_is_spent(
			&agent, peer, (struct skex_block_id){instance, before->floor - 1}, 1);

	for (uint32_t i = 0; i < before->count; i++)
		all = all &&
			agent_is_spent(&agent, peer,
				(struct skex_block_id){instance, before->ranges[i].from}, 1) &&
			agent_is_spent(&agent, peer,
				(struct skex_block_id){instance, before->ranges[i].to - 1}, 1);
	return all;
}

/* What is spent stays so, whatever is spent then. */
static void spend_more(struct agent_peer *peer, const struct skex_spent *before)
{
	const uint64_t top = before->count > 0 ? before->ranges[before->count - 1].to : 0;
	const uint64_t counters[] = {0, before->floor + 2, top / 2, top + 5, top + 9};

	for (size_t i = 0; i < 5; i++) {
		const struct skex_block_id id = {peer->spent_instance, counters[i]};

		if (id.counter > SKEX_COUNTER_MAX)
			continue;
		agent_spend(&agent, peer, id, 2);
		must(agent_is_spent(&agent, peer, id, 2) && all_spent(peer, before));
	}
}

static void check_spent(struct agent_peer *peer, const struct shelf_record *held)
{
	const struct skex_spent before = peer->spent;
	const struct skex_instances left = peer->spent_left;
	struct skex_block_id once = {peer->spent_instance, 0};

	must(all_spent(peer, &before));
	for (uint8_t i = 0; i < left.count; i++)
		must(agent_is_spent(
			&agent, peer, (struct skex_block_id){left.left[i], UINT64_MAX}, 1));
	if (skex_instances_left(&left, once.instance))
		return;
	/* What is spent already, once more: it stays as it was. */
	if (before.count > 0)
		once.counter = before.ranges[0].from;
	if (before.count > 0 || before.floor > 0) {
		agent_spend(&agent, peer, once, 1);
		must(held->value[0] == 1 || shelf_kept(&shelf, held));
	}
	spend_more(peer, &before);
	/* In another instance nothing of it is taken back. */
	if (skex_instances_left(&left, once.instance ^ 1))
		return;
	agent_spend(&agent, peer, (struct skex_block_id){once.instance ^ 1, 3}, 1);
	must(agent_is_spent(&agent, peer, (struct skex_block_id){once.instance, UINT64_MAX}, 1));
}

static void spent(void)
{
	struct agent_peer *bob = agent_up();
	const struct shelf_record *held;
	size_t at = 0;

	while ((held = next(SKEX_TABLE_SPENT, &at)) != NULL) {
		if (!skex_view_equal(shelf_key(held), skex_view("bob", 3)))
			continue;
		(void)agent_is_spent(&agent, bob, (struct skex_block_id){1, 1}, 1);
		if (!bob->spent_unread)
			check_spent(bob, held);
		else /* everything is */
			must(agent_is_spent(&agent, bob, (struct skex_block_id){9, UINT64_MAX}, 1));
	}
	agent_down();
}

/* ---- pairs ----
 */

static void paired(void)
{
	const struct shelf_record *held;
	size_t at = 0;

	(void)agent_up();
	while ((held = next(SKEX_TABLE_PAIRED, &at)) != NULL) {
		struct agent_peer peer = {0};
		struct agent_pair pair;

		memset(&pair, FILLED, sizeof(pair));
		if (agent_pair_decode(&pair, value_of(held)) != SKEX_OK) {
			must(untouched(&pair, sizeof(pair)));
			continue;
		}
		if (agent_pair_peer(shelf_key(held), &peer.name) != SKEX_OK)
			continue;
		pair.agent = &agent;
		pair.peer = &peer;
		agent_pair_put(&pair, transaction());
		must(shelf_kept(&shelf, held));
	}
	agent_down();
}

/* ---- confirmations ----
 */

static void confirms(void)
{
	const struct agent_confirm *confirm;
	const struct shelf_record *held;
	size_t at = 0;

	(void)agent_up();
	if (agent_confirms_load(&agent) == SKEX_OK) {
		/* Those that are added come before those that were loaded. */
		for (confirm = agent.confirms; confirm != NULL; confirm = confirm->next)
			must(agent_confirm_add(&agent, confirm->peer, confirm->profile,
				     confirm->which, confirm->first, confirm->blocks,
				     confirm->class_responder, confirm->tags, confirm->expected,
				     confirm->expires_wall_ms) == SKEX_OK);
		/* Of a profile that may come again nothing is done. */
		while ((held = next(SKEX_TABLE_CONFIRM, &at)) != NULL) {
			const struct shelf_record *written =
				shelf_written(&shelf, held->table, shelf_key(held));

			must(written == NULL || written->removed || shelf_kept(&shelf, held));
		}
		for (size_t i = 0; i < shelf.written.count; i++)
			must(shelf_held(&shelf, &shelf.written.records[i]));
	}
	agent_down();
}

/* ---- keys of a KME ----
 */

static void used(void)
{
	static const struct skex_qkd014_config kme_config = {.name = {.size = 3, .text = "kme"}};
	static uint8_t prints[AGENT_QKD_SEEN][16];
	struct agent_kme kme = {.config = &kme_config, .ids = {.prints = prints}};
	struct agent_qkd qkd = {.agent = &agent, .kmes = &kme, .kmes_count = 1};
	struct agent_qkd_peer source = {.all = &qkd, .kme = &kme};
	const struct shelf_record *held;
	size_t at = 0;

	(void)agent_up();
	memset(prints, 0, sizeof(prints));
	if (qkd_used_load(&qkd) == SKEX_OK) {
		while ((held = next(SKEX_TABLE_QKD014, &at)) != NULL) {
			const uint64_t next_one = kme.used;
			struct skex_reader reader;
			const uint8_t(*ids)[SKEX_SOURCE_ID_BYTES];
			uint32_t count;

			if (held->key[0] != 3 || memcmp(held->key + 1, "kme", 3) != 0)
				continue;
			skex_reader_init(&reader, value_of(held));
			(void)skex_read_u8(&reader);
			kme.used = skex_read_u64(&reader);
			must(kme.used < next_one);
			ids = (const void *)(held->value + reader.at);
			count = (uint32_t)((held->size - reader.at) / SKEX_SOURCE_ID_BYTES);
			for (uint32_t i = 0; i < count; i++)
				must(qkd_seen(&kme, ids + i, 1) || kme.ids.next > AGENT_QKD_SEEN);
			qkd_used(&source, ids, count, transaction());
			must(shelf_kept(&shelf, held));
			kme.used = next_one;
		}
	}
	agent_down();
}

/* ---- where a binding is ----
 */

static void remembered(void)
{
	struct skex_binding_config binding;
	struct skex_binding_memory memory;
	const struct shelf_record *held;
	size_t at = 0;

	(void)agent_up();
	memset(&binding, 0, sizeof(binding));
	while ((held = next(SKEX_TABLE_BINDING, &at)) != NULL) {
		memset(&memory, FILLED, sizeof(memory));
		if (!skex_name_parse(&binding.name, shelf_key(held)))
			continue;
		if (skex_agent_binding_recall(&agent, &binding, &memory) != SKEX_OK) {
			must(untouched(&memory, sizeof(memory)));
			continue;
		}
		must(skex_agent_binding_remember(&agent, &binding, &memory) == SKEX_OK);
		must(shelf_kept(&shelf, held));
	}
	agent_down();
}

/* ---- a hub ------------------------------------------------------------------------------------
 */

static void check_pair(
	struct hub_pairs *pairs, struct hub_pair *pair, const struct shelf_record *held)
{
	const struct skex_block_id here = {pair->instance, pair->next_counter};
	const struct skex_block_id last = {pair->instance, pair->next_counter - 1};

	if (pair->unread) {
		must(!hub_pair_block_is_new(pair, here));
		must(!hub_pair_within_quota(pair, 0, UINT64_MAX, 0));
		return;
	}
	must(pair->next_counter == 0 || !hub_pair_block_is_new(pair, last));
	must(hub_pair_within_quota(pair, 1, 5, 0) == (pair->day != 0 || pair->bytes <= 4));
	if (pair->day > UINT64_MAX / DAY_MS)
		return;
	hub_pair_use(pairs, pair, skex_txn_begin(&shelf.store), here, 0, 0, pair->day * DAY_MS);
	must(held->value[0] == 1 || shelf_kept(&shelf, held));
	hub_pair_durable(pairs, pair);
}

static void hub_pairs(void)
{
	const struct shelf_record *held;
	struct hub_pairs pairs;
	size_t at = 0;

	must(hub_pairs_init(&pairs, &shelf.store, 2) == SKEX_OK);
	while ((held = next(SKEX_TABLE_PAIR, &at)) != NULL) {
		struct skex_name sender, recipient;
		struct skex_reader reader;
		struct hub_pair *pair;

		skex_reader_init(&reader, shelf_key(held));
		skex_read_name(&reader, &sender);
		skex_read_name(&reader, &recipient);
		if (skex_reader_end(&reader) != SKEX_OK)
			continue;
		pair = hub_pair_get(&pairs, &sender, &recipient);
		must(pair != NULL);
		check_pair(&pairs, pair, held);
	}
	hub_pairs_clear(&pairs);
}

/* One that was read goes into another queue, which writes it as it was. */
static void check_waiting(const struct hub_waiting *waiting, struct hub_queue *second,
	const struct shelf_record *held)
{
	struct skex_txn *txn = skex_txn_begin(&shelf.store);
	struct skex_outgoing *message = NULL;

	must(hub_queue_read(&shelf.store, waiting, &message) == SKEX_OK);
	must(message->header_size + message->body_size == waiting->bytes);
	must(hub_queue_add(second, &shelf.store, txn, message, waiting->expires_ms, waiting->origin,
		     waiting->origin_at) != NULL);
	must(shelf_kept(&shelf, held));
}

static void queue(void)
{
	struct hub_expiry expiry = {0}, second_expiry = {0};
	struct hub_queue first, second;
	struct hub_waiting *waiting;
	const struct shelf_record *held;
	uint32_t count = 0;
	size_t at = 0;

	hub_queue_init(&first, &expiry, OURS);
	hub_queue_init(&second, &second_expiry, OURS);
	while ((held = next(SKEX_TABLE_QUEUE, &at)) != NULL) {
		struct skex_reader reader;

		skex_reader_init(&reader, shelf_key(held));
		if (skex_read_u64(&reader) != OURS)
			continue; /* the hub gives a queue what has its number */
		if (hub_queue_restore(&first, shelf_key(held), value_of(held)) == SKEX_OK) {
			count++;
			check_waiting(first.last, &second, held);
		}
		must(first.count == count && expiry.count == count);
	}
	while ((waiting = hub_expiry_first(&expiry)) != NULL)
		hub_queue_remove(waiting, &shelf.store, skex_txn_begin(&shelf.store));
	must(first.count == 0 && first.bytes == 0 && first.first == NULL && first.last == NULL);
	must(first.origins.count == 0);
	hub_queue_clear(&first);
	hub_queue_clear(&second);
	hub_expiry_clear(&expiry);
	hub_expiry_clear(&second_expiry);
}

/* ---- kits that wait ---------------------------------------------------------------------------
 */

static void pending(void)
{
	struct skex_txn *txn = skex_txn_begin(&shelf.store);
	struct skex_pending *list = NULL;
	const struct shelf_record *held;
	size_t at = 0, count = 0;
	bool all = true;

	while ((held = next(SKEX_TABLE_ENROLMENT, &at)) != NULL) {
		struct skex_pending one;
		struct skex_name name;

		memset(&one, FILLED, sizeof(one));
		if (!skex_name_parse(&name, shelf_key(held)) ||
			skex_pending_get(&shelf.store, &name, &one) != SKEX_OK) {
			must(untouched(&one, sizeof(one)));
			all = false;
			continue;
		}
		count++;
		skex_pending_put(&shelf.store, txn, &one);
		must(shelf_kept(&shelf, held));
	}
	at = 0;
	must((skex_pending_list(&shelf.store, &list, &at) == SKEX_OK) == all);
	must(at == (all ? count : 0));
	skex_pending_free(list, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(void) = {
		fills, past, spent, paired, confirms, used, remembered, hub_pairs, queue, pending};

	if (size == 0)
		return 0;
	shelf_fill(&shelf, skex_view(data + 1, size - 1));
	kinds[data[0] % 10]();
	shelf_clear(&shelf);
	return 0;
}
