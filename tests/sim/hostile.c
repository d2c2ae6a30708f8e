/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/wire/key_id.h"
#include "crypto/openssl.h"
#include "link/internal.h"

static void need(bool good, const char *what)
{
	if (good)
		return;
	fail_msg("%s", what);
	abort(); /* never: cmocka went on elsewhere, which the compiler does not know */
}

/* ---- legs --------------------------------------------------------------------------------------
 */

struct skex_leg *hostile_agent_leg(struct world *world, uint32_t agent, uint32_t hub)
{
	struct skex_agent *at = world_agent_of(world_agent(world, agent));
	const struct agent_leg *leg =
		agent_leg_by_hub(at, &world_hub_config(world_hub(world, hub))->name);

	need(leg != NULL, "no such leg");
	return leg->leg;
}

uint32_t hostile_agent_legs(struct world *world, uint32_t agent)
{
	const struct agent_leg *leg;
	uint32_t count = 0;

	for (leg = world_agent_of(world_agent(world, agent))->legs; leg != NULL; leg = leg->next)
		count += !leg->broken;
	return count;
}

struct skex_leg *hostile_hub_leg_if(struct world *world, uint32_t hub, uint32_t agent)
{
	struct skex_hub *at = world_hub_of(world_hub(world, hub));
	const struct hub_member *member =
		hub_member_find(&at->members, &world_agent_config(world_agent(world, agent))->name);
	struct hub_leg *leg = member == NULL ? NULL : hub_leg_get(at, member->row.leg);

	return leg == NULL ? NULL : hub_leg_load(leg);
}

struct skex_leg *hostile_hub_leg(struct world *world, uint32_t hub, uint32_t agent)
{
	struct skex_leg *loaded = hostile_hub_leg_if(world, hub, agent);

	need(loaded != NULL, "no such member");
	return loaded;
}

void lower_leg(struct world *world, uint32_t agent, uint32_t hub)
{
	struct world_node *node = world_agent(world, agent);
	struct skex_leg_record record = hostile_agent_leg(world, agent, hub)->record;

	world_crash(node);
	record.class = SKEX_CLASS_COMPUTATIONAL;
	need(skex_registry_leg_put(world_registry(node), &record) == SKEX_OK, "no such leg");
	world_start(node);
}

static enum skex_error say(struct skex_leg *leg, uint8_t type, struct skex_view fields,
	struct skex_view clear, struct skex_pad_range *at)
{
	struct skex_outgoing *message = NULL;
	uint8_t *body;
	enum skex_error error =
		leg->state == SKEX_LEG_UP ? skex_leg_take(leg, clear.size, at) : SKEX_E_STATE;

	if (error != SKEX_OK)
		return error;
	body = calloc(1, clear.size + 1);
	error = skex_leg_tx_pad(leg, *at, body, clear.size);
	if (error == SKEX_OK && clear.size > 0)
		skex_xor(body, body, clear.data, clear.size);
	if (error == SKEX_OK)
		error = skex_leg_compose(
			leg, type, *at, fields, skex_view(body, clear.size), &message);
	if (error == SKEX_OK)
		error = skex_leg_transmit(leg, skex_view(message->bytes, message->header_size),
			skex_view(message->bytes + message->header_size, message->body_size));
	free(message);
	free(body);
	return error;
}

void hostile_say(struct skex_leg *leg, uint8_t type, struct skex_view fields,
	struct skex_view clear, struct skex_pad_range *range)
{
	struct skex_pad_range at;

	need(say(leg, type, fields, clear, &at) == SKEX_OK, "cannot be said");
	if (range != NULL)
		*range = at;
}

bool hostile_say_if(
	struct skex_leg *leg, uint8_t type, struct skex_view fields, struct skex_view clear)
{
	struct skex_pad_range at;

	return say(leg, type, fields, clear, &at) == SKEX_OK;
}

void hostile_forge(struct skex_leg *leg, uint64_t ahead)
{
	static const uint8_t key[SKEX_ONETIME_KEY_BYTES];
	struct skex_pad_position at = leg->tx.next;
	uint8_t header[SKEX_HEADER_MAX];
	uint8_t fields[SKEX_HEADER_MAX];
	size_t size = 0;

	at.offset += ahead;
	need(skex_ack_message_encode((struct skex_pad_position){0, 0}, NULL, 0, fields,
		     sizeof(fields), &size) == SKEX_OK,
		"not an ACK");
	memcpy(header + SKEX_MESSAGE_PREFIX_BYTES, fields, size);
	skex_message_seal(leg->link->math, &leg->tx_scope, SKEX_MESSAGE_ACK, at, key, header,
		SKEX_MESSAGE_PREFIX_BYTES + size, skex_view(NULL, 0));
	need(connection_send(leg->connection, skex_view(header, SKEX_MESSAGE_PREFIX_BYTES + size),
		     skex_view(NULL, 0)) == SKEX_OK,
		"cannot be sent");
}

/* ---- blocks ------------------------------------------------------------------------------------
 */

static void random_bytes(struct world *world, uint8_t *out, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		out[i] = (uint8_t)world_random(world);
}

void forge(struct world *world, struct forged *forged, uint8_t initiator, uint8_t responder,
	struct skex_block_id first, uint16_t blocks, const char *purpose)
{
	static uint8_t bodies[SKEX_HUBS_MAX][sizeof(forged->shares[0])];
	const struct skex_agent *agent = world_agent_of(world_agent(world, responder));
	const struct skex_profile *profile = &agent->profiles[0].profile;
	const size_t size = (size_t)blocks * FORGED_VECTOR;
	uint8_t confirm[FORGED_BLOCKS_MAX * 16];
	struct skex_initiator_pads pads = {0};
	struct skex_initiator run;
	uint8_t i;

	need(blocks <= FORGED_BLOCKS_MAX, "too many blocks");
	memset(forged, 0, sizeof(*forged));
	forged->common.initiator = world_agent_config(world_agent(world, initiator))->name;
	forged->common.responder = world_agent_config(world_agent(world, responder))->name;
	forged->common.first = first;
	memcpy(forged->common.profile, profile->id, sizeof(forged->common.profile));
	forged->common.n = profile->n;
	forged->common.k = profile->k;
	forged->common.secret_size = FORGED_SECRET;
	forged->common.class_initiator = SKEX_CLASS_ITS;
	forged->common.purpose_size = (uint8_t)strlen(purpose);
	memcpy(forged->common.purpose, purpose, strlen(purpose));
	forged->common.lifetime_s = 3600;
	forged->blocks = blocks;
	for (i = 0; i < profile->n; i++) {
		random_bytes(world, forged->shares[i], size);
		pads.pads[i] = forged->shares[i];
		pads.bodies[i] = bodies[i];
	}
	skex_initiator_init(&run, &skex_math_portable, profile, &forged->common, blocks,
		forged->vectors, forged->tags, confirm);
	need(skex_initiator_step(&run, SKEX_INITIATOR_START, &pads), "cannot be split");
	for (i = 0; i < profile->n; i++) {
		if ((run.bare & (UINT32_C(1) << (i + 1u))) == 0)
			skex_xor(forged->shares[i], forged->shares[i], bodies[i], size);
	}
}

static size_t share_fields(const struct forged *forged, uint64_t stamp_ms, uint8_t *fields)
{
	struct skex_share_message share = {0};
	size_t size = 0;

	share.common = forged->common;
	share.blocks = forged->blocks;
	share.secret_tags = skex_view(forged->tags, (size_t)forged->blocks * 16);
	share.stamp_ms = stamp_ms;
	need(skex_share_message_encode(&share, fields, SKEX_HEADER_MAX, &size) == SKEX_OK,
		"not a share");
	return size;
}

static struct skex_view share_of(const struct forged *forged, uint32_t hub)
{
	return skex_view(forged->shares[hub], (size_t)forged->blocks * FORGED_VECTOR);
}

static void tell(struct skex_leg *leg, const struct forged *forged, uint8_t hub, uint64_t stamp_ms,
	struct skex_pad_range *range)
{
	uint8_t fields[SKEX_HEADER_MAX];
	const size_t size = share_fields(forged, stamp_ms, fields);

	hostile_say(leg, SKEX_MESSAGE_SHARE, skex_view(fields, size), share_of(forged, hub), range);
}

void forged_tell(struct world *world, const struct forged *forged, uint8_t hub, uint8_t agent,
	struct skex_pad_range *range)
{
	tell(hostile_hub_leg(world, hub, agent), forged, hub,
		UINT64_C(1700000000000) + world_now(world), range);
}

void forged_give(struct world *world, const struct forged *forged, uint8_t agent, uint8_t hub,
	struct skex_pad_range *range)
{
	tell(hostile_agent_leg(world, agent, hub), forged, hub, 0, range);
}

bool forged_give_if(struct world *world, const struct forged *forged, uint32_t agent, uint32_t hub)
{
	uint8_t fields[SKEX_HEADER_MAX];
	const size_t size = share_fields(forged, 0, fields);

	return hostile_say_if(hostile_agent_leg(world, agent, hub), SKEX_MESSAGE_SHARE,
		skex_view(fields, size), share_of(forged, hub));
}

const uint8_t *forged_secret(const struct forged *forged, uint16_t block)
{
	return forged->vectors + (size_t)block * FORGED_VECTOR + 112;
}

void forged_key_id(
	const struct forged *forged, uint16_t block, uint8_t id[static SKEX_KEY_ID_BYTES])
{
	struct skex_key_id key = {forged->common.first, 0, 32};

	key.block.counter += block;
	need(skex_key_id_encode(skex_crypto_openssl(), &key, &forged->common.initiator,
		     &forged->common.responder, id) == SKEX_OK,
		"not an id");
}

/* ---- what arrives ------------------------------------------------------------------------------
 */

/* By role: all links of a role have the same real events. */
static const struct skex_link_events *real[2];
static struct skex_link_events watching[2];
static struct seen seen[SEEN_MAX];
static uint32_t seen_next;

static struct seen *note(const struct skex_leg *leg, uint8_t type, struct skex_pad_position at)
{
	struct seen *one = &seen[seen_next++];

	need(seen_next < SEEN_MAX, "too much was seen");
	memset(one, 0, sizeof(*one));
	one->link = leg->link;
	one->leg = leg->record.leg;
	one->type = type;
	one->at = at;
	return one;
}

static void on_message(void *owner, struct skex_leg *leg, const struct skex_incoming *message)
{
	const struct skex_pad_position at = {message->range.generation, message->range.offset};
	const struct skex_view parts[2] = {message->header, message->body};
	struct seen *one = note(leg, message->type, at);

	need(leg->link->crypto->sha256(leg->link->crypto->context, parts, 2, one->digest) ==
			SKEX_OK,
		"hash");
	real[leg->link->role]->message(owner, leg, message);
}

static void on_refused(
	void *owner, struct skex_leg *leg, struct skex_pad_position at, uint16_t status)
{
	note(leg, SKEX_MESSAGE_ACK, at)->status = status;
	real[leg->link->role]->refused(owner, leg, at, status);
}

void seen_watch(struct skex_link *link)
{
	seen_clear();
	if (link->events == &watching[link->role])
		return;
	real[link->role] = link->events;
	watching[link->role] = *link->events;
	watching[link->role].message = on_message;
	watching[link->role].refused = on_refused;
	link->events = &watching[link->role];
}

void seen_clear(void)
{
	seen_next = 0;
}

uint32_t seen_count(const struct skex_link *link, uint8_t type)
{
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < seen_next; i++)
		count += seen[i].link == link && seen[i].type == type;
	return count;
}

const struct seen *seen_at(const struct skex_link *link, uint64_t leg, struct skex_pad_position at)
{
	uint32_t i;

	for (i = 0; i < seen_next; i++) {
		if (seen[i].link == link && seen[i].leg == leg &&
			seen[i].type != SKEX_MESSAGE_ACK && skex_pad_compare(seen[i].at, at) == 0)
			return &seen[i];
	}
	return NULL;
}

uint16_t seen_refusal(const struct skex_link *link, uint64_t leg, struct skex_pad_range range)
{
	const struct skex_pad_position at = {range.generation, range.offset};
	uint32_t i;

	for (i = 0; i < seen_next; i++) {
		if (seen[i].link == link && seen[i].leg == leg &&
			seen[i].type == SKEX_MESSAGE_ACK && skex_pad_compare(seen[i].at, at) == 0)
			return seen[i].status;
	}
	return 0;
}

uint16_t seen_status(const struct skex_link *link, uint32_t i)
{
	uint32_t at;

	for (at = 0; at < seen_next; at++) {
		if (seen[at].link == link && seen[at].type == SKEX_MESSAGE_ACK && i-- == 0)
			return seen[at].status;
	}
	return 0;
}

/* ---- keys --------------------------------------------------------------------------------------
 */

static void answered(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct asked *asked = owner;

	asked->done = true;
	if (problem != NULL) {
		snprintf(asked->code, sizeof(asked->code), "%s", problem->code);
		return;
	}
	need(count == 1 && keys[0].size <= sizeof(asked->key.bytes), "one short key");
	asked->good = true;
	memcpy(asked->key.id, keys[0].id, sizeof(asked->key.id));
	memcpy(asked->key.bytes, keys[0].bytes, keys[0].size);
	asked->key.size = keys[0].size;
	asked->class = keys[0].class;
	asked->confirmed = keys[0].confirmed;
	asked->forward_secret = keys[0].forward_secret;
	asked->key.combined = keys[0].combined;
}

void exchange_key(struct world *world, uint8_t from, uint8_t to)
{
	struct world_node *a = world_agent(world, from);
	struct world_node *b = world_agent(world, to);
	struct world_key got = {0};
	struct world_key fetched = {0};

	need(world_get(world, a, b, "app:test", 32, 60000, &got), "no key");
	need(world_fetch(world, b, a, "app:test", got.id, 60000, &fetched), "no key at the peer");
	need(memcmp(got.bytes, fetched.bytes, 32) == 0, "the keys differ");
}

struct asked ask_key(
	struct world *world, struct world_node *at, const struct skex_key_request *request)
{
	const uint64_t end = world_now(world) + request->wait_ms + 5000;
	struct asked asked = {0};
	struct skex_problem problem;
	uint64_t ticket = 0;

	if ((request->ids != NULL ? skex_agent_fetch : skex_agent_get)(
		    world_agent_of(at), request, answered, &asked, &ticket, &problem) != SKEX_OK) {
		snprintf(asked.code, sizeof(asked.code), "%s", problem.code);
		return asked;
	}
	while (!asked.done && world_now(world) < end && world_is_up(at))
		world_run(world, 5);
	if (!asked.done && world_is_up(at))
		skex_agent_cancel(world_agent_of(at), ticket);
	return asked;
}

/* A request for one key; ids is where its id lies. */
static struct skex_key_request for_key(struct world *world, uint8_t from, const char *purpose,
	const uint8_t id[static SKEX_KEY_ID_BYTES], uint32_t wait_ms,
	uint8_t ids[static 1][SKEX_KEY_ID_BYTES])
{
	struct skex_key_request request = {0};

	memcpy(ids[0], id, SKEX_KEY_ID_BYTES);
	request.peer = world_agent_config(world_agent(world, from))->name.text;
	request.purpose = purpose;
	request.count = 1;
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	request.wait_ms = wait_ms;
	return request;
}

struct asked fetch_within(struct world *world, uint8_t at, uint8_t from, const char *purpose,
	const uint8_t id[static SKEX_KEY_ID_BYTES], uint32_t wait_ms)
{
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	const struct skex_key_request request = for_key(world, from, purpose, id, wait_ms, ids);

	return ask_key(world, world_agent(world, at), &request);
}

uint64_t fetch_and_hang(struct world *world, uint8_t at, uint8_t from, const char *purpose,
	const uint8_t id[static SKEX_KEY_ID_BYTES], skex_keys_fn keys, void *owner)
{
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	const struct skex_key_request request = for_key(world, from, purpose, id, 3000, ids);
	const struct agent_request *last;
	struct skex_problem problem;
	uint64_t ticket;

	assert_int_equal(skex_agent_fetch(world_agent_of(world_agent(world, at)), &request, keys,
				 owner, &ticket, &problem),
		SKEX_OK);
	world_hold_disk(world_agent(world, at), true);
	world_run(world, 100);
	last = last_request(world, at);
	assert_true(last != NULL && last->committing);
	return ticket;
}

const struct agent_request *last_request(struct world *world, uint8_t at)
{
	const struct agent_request *last = world_agent_of(world_agent(world, at))->requests;

	while (last != NULL && last->next != NULL)
		last = last->next;
	return last;
}

struct asked fetch_any(struct world *world, uint8_t at, uint8_t from, const char *purpose,
	const uint8_t id[static SKEX_KEY_ID_BYTES])
{
	return fetch_within(world, at, from, purpose, id, 0);
}

/* ---- ends ---------------------------------------------------------------------------------------
 */

struct skex_agent *agent_of(struct world *world, uint8_t i)
{
	return world_agent_of(world_agent(world, i));
}

void hubs(struct world *world, bool up)
{
	uint8_t i;

	for (i = 0; i < 3; i++) {
		if (up)
			world_start(world_hub(world, i));
		else
			world_crash(world_hub(world, i));
	}
}
