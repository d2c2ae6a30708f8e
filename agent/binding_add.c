/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "store/tables.h"

/* Bindings that are added and removed at run time.  SKEX_TABLE_BINDING_ADDED, key the binding's
 * name: u8 version 1 | its text (skex_binding_text). */
#define RECORD_VERSION 1u
#define BINDINGS_MOST  10000u

/* ---- the list ----------------------------------------------------------------------------------
 */

static bool make_room(struct skex_agent *agent, size_t more)
{
	const size_t room = 2 * (agent->bindings_count + more);
	struct skex_binding_config **list;

	if (agent->bindings_count + more <= agent->bindings_room)
		return true;
	list = realloc(agent->bindings, room * sizeof(struct skex_binding_config *));
	if (list == NULL)
		return false;
	agent->bindings = list;
	agent->bindings_room = room;
	return true;
}

/* There is room for it. */
static void insert(struct skex_agent *agent, struct skex_binding_config *binding)
{
	const size_t at = agent_binding_place(agent, binding->name.text, false);

	memmove(&agent->bindings[at + 1], &agent->bindings[at],
		(agent->bindings_count - at) * sizeof(struct skex_binding_config *));
	agent->bindings[at] = binding;
	agent->bindings_count++;
}

static void take_out(struct skex_agent *agent, const struct skex_binding_config *binding)
{
	const size_t at = agent_binding_place(agent, binding->name.text, false);
	struct skex_binding_config *gone = agent->bindings[at];

	agent->bindings_count--;
	memmove(&agent->bindings[at], &agent->bindings[at + 1],
		(agent->bindings_count - at) * sizeof(struct skex_binding_config *));
	skex_bindings_clear(gone, 1);
}

void agent_bindings_clear(struct skex_agent *agent)
{
	size_t i;

	for (i = 0; i < agent->bindings_count; i++)
		skex_bindings_clear(agent->bindings[i], 1);
	free(agent->bindings);
	agent->bindings = NULL;
	agent->bindings_count = agent->bindings_room = 0;
}

/* Another one that keys what this one does, or NULL. */
static const struct skex_binding_config *rival_of(
	const struct skex_agent *agent, const struct skex_binding_config *binding)
{
	const struct skex_binding_config *other = skex_agent_binding_next(agent, NULL);

	while (other != NULL &&
		(skex_name_equal(&other->name, &binding->name) ||
			!skex_binding_same_place(other, binding)))
		other = skex_agent_binding_next(agent, other->name.text);
	return other;
}

/* ---- the start ---------------------------------------------------------------------------------
 */

static void unusable(struct skex_agent *agent, struct skex_view name, const char *why)
{
	agent_event(agent, SKEX_LEVEL_ERROR, "binding_unusable", "", "",
		"binding %.*s, which was added at run time, is not run: %s; `skex binding rm` "
		"takes it back",
		(int)name.size, (const char *)name.data, why);
}

/* Where the configuration says something else, it counts. */
static void take_loaded(struct skex_agent *agent, struct skex_binding_config *binding)
{
	const struct skex_view name = skex_name_view(&binding->name);
	const struct skex_binding_config *rival = rival_of(agent, binding);
	char why[SKEX_CONFIG_MESSAGE_MAX];

	if (skex_agent_binding_named(agent, binding->name.text) != NULL) {
		agent_stranger_remove(agent, SKEX_TABLE_BINDING_ADDED, name);
		agent_event(agent, SKEX_LEVEL_NOTICE, "binding_configured", "", "",
			"binding %s is in the configuration now: the one that was added at run "
			"time is taken back",
			binding->name.text);
	} else if (rival != NULL) {
		(void)snprintf(why, sizeof(why), "binding %s keys the same", rival->name.text);
		unusable(agent, name, why);
	} else if (!skex_binding_permitted(agent->config, binding, why)) {
		unusable(agent, name, why);
	} else if (make_room(agent, 1)) {
		insert(agent, binding);
		return;
	}
	skex_bindings_clear(binding, 1);
}

static enum skex_error load(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct skex_binding_config *read = NULL;
	char why[SKEX_CONFIG_MESSAGE_MAX];
	enum skex_error error = SKEX_E_VERSION;
	size_t count = 0;
	char *text;

	if (value.size < 1 || value.data[0] != RECORD_VERSION) {
		unusable(agent, key, "another version of skexd wrote it");
		return SKEX_OK;
	}
	text = strndup((const char *)value.data + 1, value.size - 1);
	if (text == NULL)
		return SKEX_E_MEMORY;
	error = skex_bindings_read("its record", text, &agent->name, &read, &count, why);
	free(text);
	if (error == SKEX_OK &&
		(count != 1 || !skex_view_equal(skex_name_view(&read->name), key))) {
		skex_bindings_clear(read, count);
		(void)snprintf(why, sizeof(why), "its record is damaged");
		error = SKEX_E_CORRUPT;
	}
	if (error == SKEX_OK)
		take_loaded(agent, read);
	else
		unusable(agent, key, why);
	return error == SKEX_E_MEMORY ? error : SKEX_OK;
}

enum skex_error agent_bindings_load(struct skex_agent *agent)
{
	return skex_store_each(
		agent->link.store, SKEX_TABLE_BINDING_ADDED, skex_view(NULL, 0), load, agent);
}

/* ---- adding ------------------------------------------------------------------------------------
 */

static struct agent_peer *peer_of(
	struct skex_agent *agent, const struct skex_binding_config *binding)
{
	return agent_peer_find(agent, &binding->peer);
}

static enum skex_error complain(struct skex_agent *agent, struct skex_problem *problem,
	enum skex_error error, const char *code, const char *act)
{
	return agent_complain(problem, error, code, agent->bindings_problem, act);
}

#define SAY(agent, ...)                                                                            \
	((void)snprintf((agent)->bindings_problem, sizeof((agent)->bindings_problem), __VA_ARGS__))

static enum skex_error complain_configured(struct skex_agent *agent,
	const struct skex_binding_config *there, struct skex_problem *problem)
{
	SAY(agent, "binding %s is in the configuration: line %u of %.300s", there->name.text,
		(unsigned)there->line, agent->config->file);
	return complain(
		agent, problem, SKEX_E_STATE, "configured", "change it there and restart skexd");
}

/* Is it there as it is? */
static bool is_same(
	const struct skex_binding_config *there, const struct skex_binding_config *binding)
{
	char *texts[2] = {skex_binding_text(there), skex_binding_text(binding)};
	const bool same = texts[0] != NULL && texts[1] != NULL && strcmp(texts[0], texts[1]) == 0;

	free(texts[0]);
	free(texts[1]);
	return same;
}

/* What is wrong with one that is to be added; *there: nothing, and it is there already. */
static enum skex_error check(struct skex_agent *agent, const struct skex_binding_config *binding,
	bool *there, struct skex_problem *problem)
{
	const struct skex_binding_config *other =
		skex_agent_binding_named(agent, binding->name.text);
	const struct agent_peer *peer = peer_of(agent, binding);

	*there = other != NULL;
	if (other != NULL && !skex_agent_binding_added(agent, other))
		return complain_configured(agent, other, problem);
	if (other != NULL && is_same(other, binding))
		return SKEX_OK;
	if (other != NULL) {
		SAY(agent, "there is another binding with the name %s", binding->name.text);
		return complain(agent, problem, SKEX_E_STATE, "binding_differs",
			"take another name, or remove that one first: skex binding rm");
	}
	if (!skex_binding_permitted(agent->config, binding, agent->bindings_problem))
		return complain(agent, problem, SKEX_E_REFUSED, "binding_not_permitted",
			"name it in skexd's configuration, and restart skexd");
	if (peer == NULL || !agent_peer_serves(peer)) {
		SAY(agent, "binding %s is with %s, which is no peer of this agent",
			binding->name.text, binding->peer.text);
		return complain(agent, problem, SKEX_E_UNKNOWN, "unknown_peer",
			"see skex peer ls; skex peer add adds one");
	}
	other = rival_of(agent, binding);
	if (other != NULL) {
		SAY(agent, "binding %s would key what binding %s keys already", binding->name.text,
			other->name.text);
		return complain(agent, problem, SKEX_E_STATE, "binding_rival",
			"name another consumer, or remove that binding first: skex binding rm");
	}
	return SKEX_OK;
}

static enum skex_error put(
	struct skex_agent *agent, struct skex_txn *txn, const struct skex_binding_config *binding)
{
	static const uint8_t version = RECORD_VERSION;
	struct skex_view parts[2] = {skex_view(&version, 1), skex_view(NULL, 0)};
	char *text = skex_binding_text(binding);

	if (text == NULL)
		return SKEX_E_MEMORY;
	parts[1] = skex_view(text, strlen(text));
	skex_txn_put(txn, agent->link.store, SKEX_TABLE_BINDING_ADDED,
		skex_name_view(&binding->name), parts, 2);
	free(text);
	return SKEX_OK;
}

static void remove_records(struct skex_agent *agent, struct skex_txn *txn, struct skex_view name)
{
	skex_txn_remove(txn, agent->link.store, SKEX_TABLE_BINDING_ADDED, name);
	skex_txn_remove(txn, agent->link.store, SKEX_TABLE_BINDING, name);
}

static void want(struct skex_agent *agent, const struct skex_binding_config *binding, bool wanted)
{
	struct agent_peer *peer = peer_of(agent, binding);
	char purpose[SKEX_PURPOSE_MAX + 1];

	(void)snprintf(purpose, sizeof(purpose), "%s:%s", skex_binding_consumer(binding),
		binding->name.text);
	if (peer != NULL)
		agent_pools_want(peer, purpose, wanted);
}

/* All that is new of them, which are allocated one by one. */
static enum skex_error add_all(struct skex_agent *agent, struct skex_binding_config **list,
	size_t count, struct skex_problem *problem)
{
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);
	enum skex_error error = SKEX_OK;
	size_t put_count = 0;
	size_t i;

	if (agent->bindings_count + agent->config->bindings_count + count > BINDINGS_MOST)
		return agent_complain(problem, SKEX_E_QUOTA, "too_many_bindings",
			"an agent has at most 10,000 bindings", "remove some first");
	if (txn == NULL || !make_room(agent, count))
		error = SKEX_E_MEMORY;
	while (error == SKEX_OK && put_count < count)
		error = put(agent, txn, list[put_count++]);
	if (error != SKEX_OK) {
		/* The transaction goes on, without these. */
		for (i = 0; i < put_count; i++)
			skex_txn_remove(txn, agent->link.store, SKEX_TABLE_BINDING_ADDED,
				skex_name_view(&list[i]->name));
		return agent_complain(problem, error, "memory", "no memory for the bindings",
			"look at the daemon's memory limit");
	}
	for (i = 0; i < count; i++) {
		insert(agent, list[i]);
		want(agent, list[i], true);
		list[i] = NULL;
	}
	return SKEX_OK;
}

enum skex_error skex_agent_bindings_add(struct skex_agent *agent,
	struct skex_binding_config *bindings, size_t count, size_t *fresh, skex_done_fn done,
	void *owner, struct skex_problem *problem)
{
	struct skex_binding_config *list[SKEX_BINDINGS_AT_ONCE] = {NULL};
	enum skex_error error = SKEX_OK;
	size_t taken = 0;
	size_t i;

	for (i = 0; error == SKEX_OK && i < count; i++) {
		bool there;

		error = check(agent, &bindings[i], &there, problem);
		if (error != SKEX_OK || there)
			continue;
		list[taken] = malloc(sizeof(*list[taken]));
		if (list[taken] == NULL) {
			error = agent_complain(
				problem, SKEX_E_MEMORY, "memory", "no memory", "try again later");
			continue;
		}
		*list[taken++] = bindings[i];
		memset(&bindings[i], 0, sizeof(bindings[i]));
	}
	if (error == SKEX_OK)
		error = add_all(agent, list, taken, problem);
	if (error == SKEX_OK) {
		*fresh = taken;
		skex_commit_after(&agent->link.commit, done, owner);
	}
	for (i = 0; i < taken; i++)
		skex_bindings_clear(list[i], 1);
	skex_bindings_clear(bindings, count);
	agent_wake(agent);
	return error;
}

/* ---- removing ----------------------------------------------------------------------------------
 */

/* One that is not run has a record all the same. */
static bool has_record(const struct skex_agent *agent, const char *name)
{
	uint8_t byte;
	size_t size;
	const enum skex_error error = skex_store_get(agent->link.store, SKEX_TABLE_BINDING_ADDED,
		skex_view(name, strlen(name)), &byte, sizeof(byte), &size);

	return error == SKEX_OK || error == SKEX_E_SPACE;
}

enum skex_error skex_agent_binding_removable(
	struct skex_agent *agent, const char *name, struct skex_problem *problem)
{
	const struct skex_binding_config *binding = skex_agent_binding_named(agent, name);

	if (binding != NULL && !skex_agent_binding_added(agent, binding))
		return complain_configured(agent, binding, problem);
	if (binding == NULL && !has_record(agent, name))
		return agent_complain(problem, SKEX_E_UNKNOWN, "unknown_binding",
			"no binding has this name here", "`skex binding ls` lists them");
	return SKEX_OK;
}

enum skex_error skex_agent_binding_remove(struct skex_agent *agent, const char *name,
	skex_done_fn done, void *owner, struct skex_problem *problem)
{
	const struct skex_binding_config *binding = skex_agent_binding_named(agent, name);
	enum skex_error error = skex_agent_binding_removable(agent, name, problem);
	struct skex_txn *txn;

	if (error != SKEX_OK)
		return error;
	txn = skex_commit_txn(&agent->link.commit);
	if (txn == NULL)
		return agent_complain(problem, SKEX_E_MEMORY, "memory", "no memory to remove it",
			"look at the daemon's memory limit");
	remove_records(agent, txn, skex_view(name, strlen(name)));
	if (binding != NULL) {
		agent_event(agent, SKEX_LEVEL_NOTICE, "binding_removed", binding->peer.text, "",
			"binding %s was removed: its keys that were not handed out are dropped",
			name);
		want(agent, binding, false);
		take_out(agent, binding);
	}
	skex_commit_after(&agent->link.commit, done, owner);
	agent_wake(agent);
	return SKEX_OK;
}
