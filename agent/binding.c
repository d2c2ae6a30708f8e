/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/binding.h"

#include <stdlib.h>
#include <string.h>

#include "agent/consumer.h"
#include "agent/internal.h"
#include "core/base/cursor.h"
#include "store/tables.h"

/* SKEX_TABLE_BINDING, key the binding's name: u8 version 1 | u64 round | u8 active | 16 key id |
 * u64 since, milliseconds of the wall clock. */
#define RECORD_VERSION 1u
#define RECORD_BYTES   (1u + 8u + 1u + SKEX_KEY_ID_BYTES + 8u)

static bool has_purpose(const struct skex_binding_config *binding, const char *purpose)
{
	const char *consumer = skex_binding_consumer(binding);
	const size_t size = strlen(consumer);

	return strncmp(purpose, consumer, size) == 0 && purpose[size] == ':' &&
		strcmp(purpose + size + 1, binding->name.text) == 0;
}

static int compare(const void *name, const void *binding)
{
	return strcmp(name, ((const struct skex_binding_config *)binding)->name.text);
}

const struct skex_binding_config *skex_agent_binding_named(
	const struct skex_agent *agent, const char *name)
{
	const struct skex_agent_config *config = agent->config;

	return config->bindings_count == 0 ? NULL
					   : bsearch(name, config->bindings, config->bindings_count,
						     sizeof(config->bindings[0]), compare);
}

const struct skex_binding_config *skex_agent_bindings(const struct skex_agent *agent, size_t *count)
{
	*count = agent->config->bindings_count;
	return agent->config->bindings;
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
	skex_write_u8(&writer, memory->active);
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

	error = skex_store_get(agent->link.store, SKEX_TABLE_BINDING,
		skex_name_view(&binding->name), value, sizeof(value), &size);
	if (error != SKEX_OK)
		return error == SKEX_E_SPACE ? SKEX_E_VERSION : error;
	skex_reader_init(&reader, skex_view(value, size));
	version = skex_read_u8(&reader);
	read.round = skex_read_u64(&reader);
	read.active = skex_read_u8(&reader) == 1;
	skex_read_bytes(&reader, read.key_id, SKEX_KEY_ID_BYTES);
	read.since_wall_ms = skex_read_u64(&reader);
	if (version != RECORD_VERSION)
		return SKEX_E_VERSION;
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_CORRUPT;
	*memory = read;
	return SKEX_OK;
}
