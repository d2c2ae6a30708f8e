/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/binding.h"

#include <string.h>

#include "agent/consumer.h"
#include "agent/internal.h"
#include "core/base/cursor.h"
#include "store/tables.h"

/* SKEX_TABLE_BINDING, key the binding's name: u8 version 1 | u64 round | u8 active (1), and
 * settled (2), or none (0) | 16 key id | u64 since, milliseconds of the wall clock. */
#define RECORD_VERSION 1u
#define RECORD_BYTES   (1u + 8u + 1u + SKEX_KEY_ID_BYTES + 8u)

static bool has_purpose(const struct skex_binding_config *binding, const char *purpose)
{
	const char *consumer = skex_binding_consumer(binding);
	const size_t size = strlen(consumer);

	return strncmp(purpose, consumer, size) == 0 && purpose[size] == ':' &&
		strcmp(purpose + size + 1, binding->name.text) == 0;
}

/* Both lists are in the order of their names: where the first stands that is at least this, or
 * that is after it. */
static size_t place_in(const struct skex_binding_config *list,
	struct skex_binding_config *const *added, size_t count, const char *name, bool after)
{
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct skex_binding_config *at =
			added != NULL ? added[middle] : &list[middle];
		const int order = strcmp(at->name.text, name);

		if (order < 0 || (order == 0 && after))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct skex_binding_config *configured_at(
	const struct skex_agent *agent, const char *name, bool after)
{
	const struct skex_agent_config *config = agent->config;
	const size_t at = place_in(config->bindings, NULL, config->bindings_count, name, after);

	return at < config->bindings_count ? &config->bindings[at] : NULL;
}

size_t agent_binding_place(const struct skex_agent *agent, const char *name, bool after)
{
	return place_in(NULL, agent->bindings, agent->bindings_count, name, after);
}

static const struct skex_binding_config *added_at(
	const struct skex_agent *agent, const char *name, bool after)
{
	const size_t at = agent_binding_place(agent, name, after);

	return at < agent->bindings_count ? agent->bindings[at] : NULL;
}

const struct skex_binding_config *skex_agent_binding_next(
	const struct skex_agent *agent, const char *name)
{
	const char *from = name == NULL ? "" : name;
	const struct skex_binding_config *configured = configured_at(agent, from, true);
	const struct skex_binding_config *added = added_at(agent, from, true);

	if (configured == NULL || added == NULL)
		return configured == NULL ? added : configured;
	return strcmp(configured->name.text, added->name.text) < 0 ? configured : added;
}

static bool is_named(const struct skex_binding_config *binding, const char *name)
{
	return binding != NULL && strcmp(binding->name.text, name) == 0;
}

const struct skex_binding_config *skex_agent_binding_named(
	const struct skex_agent *agent, const char *name)
{
	const struct skex_binding_config *binding = configured_at(agent, name, false);

	if (!is_named(binding, name))
		binding = added_at(agent, name, false);
	return is_named(binding, name) ? binding : NULL;
}

bool skex_agent_binding_added(
	const struct skex_agent *agent, const struct skex_binding_config *binding)
{
	return configured_at(agent, binding->name.text, false) != binding;
}

const struct skex_binding_config *skex_agent_binding_of(
	const struct skex_agent *agent, const char *peer, const char *purpose)
{
	const char *colon = strchr(purpose, ':');
	const struct skex_binding_config *binding =
		colon == NULL ? NULL : skex_agent_binding_named(agent, colon + 1);

	if (binding == NULL || !has_purpose(binding, purpose) ||
		strcmp(binding->peer.text, peer) != 0)
		return NULL;
	return binding;
}

bool skex_agent_binding_purpose(const char *purpose)
{
	const struct agent_consumer *consumer = agent_consumer_of(purpose);

	return consumer != NULL && consumer->bindings;
}

enum skex_error skex_agent_binding_remember(struct skex_agent *agent,
	const struct skex_binding_config *binding, const struct skex_binding_memory *memory)
{
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);
	uint8_t value[RECORD_BYTES];
	struct skex_writer writer;
	struct skex_view part;
	size_t size = 0;

	if (txn == NULL)
		return SKEX_E_MEMORY;
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u8(&writer, RECORD_VERSION);
	skex_write_u64(&writer, memory->round);
	skex_write_u8(&writer, !memory->active ? 0 : memory->settled ? 2 : 1);
	skex_write_bytes(&writer, memory->key_id, SKEX_KEY_ID_BYTES);
	skex_write_u64(&writer, memory->since_wall_ms);
	if (skex_writer_end(&writer, &size) != SKEX_OK)
		return SKEX_E_STATE;
	part = skex_view(value, size);
	skex_txn_put(txn, agent->link.store, SKEX_TABLE_BINDING, skex_name_view(&binding->name),
		&part, 1);
	agent->link.platform->wake(agent->link.platform->context);
	return SKEX_OK;
}

enum skex_error skex_agent_binding_recall(const struct skex_agent *agent,
	const struct skex_binding_config *binding, struct skex_binding_memory *memory)
{
	struct skex_binding_memory read = {0};
	uint8_t value[RECORD_BYTES];
	struct skex_reader reader;
	size_t size = 0;
	enum skex_error error;
	uint8_t version;
	uint8_t active;

	error = skex_store_get(agent->link.store, SKEX_TABLE_BINDING,
		skex_name_view(&binding->name), value, sizeof(value), &size);
	if (error != SKEX_OK)
		return error == SKEX_E_SPACE ? SKEX_E_VERSION : error;
	skex_reader_init(&reader, skex_view(value, size));
	version = skex_read_u8(&reader);
	read.round = skex_read_u64(&reader);
	active = skex_read_u8(&reader);
	read.active = active != 0;
	read.settled = active == 2;
	skex_read_bytes(&reader, read.key_id, SKEX_KEY_ID_BYTES);
	read.since_wall_ms = skex_read_u64(&reader);
	if (version != RECORD_VERSION)
		return SKEX_E_VERSION;
	if (skex_reader_end(&reader) != SKEX_OK || active > 2)
		return SKEX_E_CORRUPT;
	*memory = read;
	return SKEX_OK;
}
