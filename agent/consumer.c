/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/consumer.h"

#include <stdlib.h>
#include <string.h>

#include "agent/binding.h"
#include "agent/combine.h"
#include "agent/note.h"

static const struct agent_consumer consumers[] = {
	{.name = "app"},
	{.name = "etsi014", .identities = true, .responders = AGENT_SHARERS_MAX},
	{.name = "wireguard", .bindings = true, .few_bytes = AGENT_FEW_BYTES},
	{.name = "ikev2", .bindings = true, .few_bytes = AGENT_FEW_BYTES},
	{.name = "tlsfile", .bindings = true, .few_bytes = AGENT_FEW_BYTES},
	{.name = "routing", .bindings = true, .few_bytes = AGENT_FEW_BYTES},
	{.name = "macsec", .bindings = true, .few_bytes = AGENT_FEW_BYTES},
	{.name = "hook", .bindings = true, .few_bytes = AGENT_FEW_BYTES},
	{.name = "skex", .only = SKEX_NOTE_PURPOSE, .few_bytes = AGENT_FEW_BYTES},
};

const struct agent_consumer *agent_consumer_of(const char *purpose)
{
	const size_t size = strcspn(purpose, ":");
	size_t i;

	for (i = 0; i < sizeof(consumers) / sizeof(consumers[0]) && purpose[size] == ':'; i++) {
		if (strlen(consumers[i].name) == size &&
			strncmp(consumers[i].name, purpose, size) == 0)
			return &consumers[i];
	}
	return NULL;
}

/* ---- where identities live ---------------------------------------------------------------------
 */

static bool in_list(char (*list)[SKEX_PURPOSE_MAX + 1], size_t count, struct skex_view text)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (skex_view_equal(skex_view(list[i], strlen(list[i])), text))
			return true;
	}
	return false;
}

static bool lives_here(const struct skex_agent *agent, struct skex_view identity)
{
	return in_list(agent->config->identities, agent->config->identities_count, identity);
}

static bool lives_there(const struct agent_peer *peer, struct skex_view identity)
{
	return peer->config != NULL &&
		in_list(peer->config->identities, peer->config->identities_count, identity);
}

struct agent_peer *agent_peer_of_identity(struct skex_agent *agent, const char *identity)
{
	struct agent_peer *peer;

	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		if (agent_peer_serves(peer) &&
			lives_there(peer, skex_view(identity, strlen(identity))))
			return peer;
	}
	return NULL;
}

bool agent_identity_is_local(const struct skex_agent *agent, const char *identity)
{
	return lives_here(agent, skex_view(identity, strlen(identity)));
}

/* ---- the parts of a purpose --------------------------------------------------------------------
 */

static int compare(struct skex_view a, struct skex_view b)
{
	const size_t size = a.size < b.size ? a.size : b.size;
	const int order = memcmp(a.data, b.data, size); /* rule 3: names, not secrets */

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* A purpose with identities, taken apart; views borrow from it. */
struct parts {
	struct skex_view consumer;
	struct skex_view initiator;
	uint32_t count;
	struct skex_view responders[AGENT_SHARERS_MAX];
};

/* Strict: so that one set of identities has one purpose, and a purpose one reading. */
static bool take_apart(const char *purpose, struct parts *parts)
{
	const char *colon = strchr(purpose, ':');
	const char *arrow = colon == NULL ? NULL : strchr(colon, '>');
	const char *at;

	if (arrow == NULL || strchr(arrow + 1, '>') != NULL)
		return false;
	parts->consumer = skex_view(purpose, (size_t)(colon - purpose));
	parts->initiator = skex_view(colon + 1, (size_t)(arrow - colon - 1));
	parts->count = 0;
	for (at = arrow + 1; parts->count < AGENT_SHARERS_MAX; at++) {
		const size_t size = strcspn(at, ",");
		const struct skex_view one = skex_view(at, size);

		if (size == 0 ||
			(parts->count > 0 &&
				compare(parts->responders[parts->count - 1], one) >= 0))
			return false;
		parts->responders[parts->count++] = one;
		at += size;
		if (*at == '\0')
			return parts->initiator.size > 0;
	}
	return false;
}

static uint32_t responders_most(const char *purpose)
{
	const struct agent_consumer *consumer = agent_consumer_of(purpose);

	return consumer == NULL ? 1 : consumer->responders;
}

/* ---- which are accepted ------------------------------------------------------------------------
 */

static bool identities_accepted(
	const struct skex_agent *agent, const struct agent_peer *peer, const char *purpose)
{
	struct parts parts;
	uint32_t i;

	if (!take_apart(purpose, &parts) || parts.count > responders_most(purpose) ||
		!lives_there(peer, parts.initiator))
		return false;
	for (i = 0; i < parts.count; i++) {
		if (!lives_here(agent, parts.responders[i]))
			return false;
	}
	return true;
}

static bool matches(const char *pattern, const char *purpose)
{
	size_t size = strlen(pattern);

	if (size > 0 && pattern[size - 1] == '*')
		return strncmp(pattern, purpose, size - 1) == 0;
	return strcmp(pattern, purpose) == 0;
}

bool agent_purpose_accepted(
	const struct skex_agent *agent, const struct agent_peer *peer, const char *named)
{
	/* What parts are for is as welcome as the keys that they become. */
	const char *purpose = named + agent_purpose_is_part(named);
	const struct agent_consumer *consumer = agent_consumer_of(purpose);
	size_t i;

	if (consumer != NULL && consumer->only != NULL)
		return strcmp(consumer->only, purpose) == 0;
	if (consumer != NULL && consumer->bindings)
		return skex_agent_binding_of(agent, peer->name.text, purpose) != NULL;
	/* With identities: theirs lives there, ours here, and nothing else counts. */
	if ((consumer != NULL && consumer->identities) || strchr(purpose, '>') != NULL)
		return identities_accepted(agent, peer, purpose);
	if (peer->config == NULL || peer->config->accept_count == 0)
		return matches("app:*", purpose);
	for (i = 0; i < peer->config->accept_count; i++) {
		if (matches(peer->config->accept[i], purpose))
			return true;
	}
	return false;
}

/* ---- making and reading them -------------------------------------------------------------------
 */

static int compare_texts(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return compare(skex_view(*x, strlen(*x)), skex_view(*y, strlen(*y)));
}

static bool append(char *out, size_t *size, const char *text)
{
	const size_t more = strlen(text);

	if (more > SKEX_PURPOSE_MAX - *size)
		return false;
	memcpy(out + *size, text, more + 1);
	*size += more;
	return true;
}

enum skex_error agent_purpose_make(char *purpose, const char *consumer, const char *initiator,
	const struct agent_responders *responders)
{
	struct agent_responders sorted = *responders;
	char made[SKEX_PURPOSE_MAX + 1];
	struct parts parts;
	size_t size = 0;
	bool fits;
	uint32_t i;

	if (sorted.count < 1 || sorted.count > AGENT_SHARERS_MAX)
		return SKEX_E_ARGUMENT;
	qsort(sorted.list, sorted.count, sizeof(sorted.list[0]), compare_texts);
	fits = append(made, &size, consumer) && append(made, &size, ":") &&
		append(made, &size, initiator);
	for (i = 0; fits && i < sorted.count; i++)
		fits = append(made, &size, i == 0 ? ">" : ",") &&
			append(made, &size, sorted.list[i]);
	/* What cannot be read back as it was meant: an identity twice, or with ',' or '>' in it. */
	if (!fits || !take_apart(made, &parts) || parts.count != sorted.count ||
		parts.count > responders_most(made) || parts.initiator.size != strlen(initiator))
		return SKEX_E_ARGUMENT;
	memcpy(purpose, made, size + 1);
	return SKEX_OK;
}

int agent_purpose_place(const char *purpose, const char *single)
{
	struct parts all;
	struct parts one;
	uint32_t i;

	if (strcmp(purpose, single) == 0)
		return 0;
	if (!take_apart(purpose, &all) || !take_apart(single, &one) || one.count != 1 ||
		!skex_view_equal(all.consumer, one.consumer) ||
		!skex_view_equal(all.initiator, one.initiator))
		return -1;
	for (i = 0; i < all.count; i++) {
		if (skex_view_equal(all.responders[i], one.responders[0]))
			return (int)i;
	}
	return -1;
}

bool agent_purpose_for_others(const char *purpose, const char *single)
{
	struct parts all;
	struct parts one;

	return take_apart(purpose, &all) && take_apart(single, &one) &&
		skex_view_equal(all.consumer, one.consumer) &&
		skex_view_equal(all.initiator, one.initiator) &&
		agent_purpose_place(purpose, single) < 0;
}

uint32_t agent_purpose_responders(const char *purpose)
{
	struct parts parts;

	return take_apart(purpose, &parts) ? parts.count : 1;
}

/* ---- how many ----------------------------------------------------------------------------------
 */

static int longer_first(const void *a, const void *b)
{
	const size_t *x = a;
	const size_t *y = b;

	return (*x < *y) - (*x > *y);
}

uint32_t agent_responders_besides(const struct agent_peer *peer, const char *consumer,
	const char *initiator, const char *responder)
{
	size_t left = SKEX_PURPOSE_MAX;
	size_t used = strlen(consumer) + strlen(initiator) + strlen(responder) + 2;
	size_t longest[AGENT_SHARERS_MAX] = {0};
	const struct skex_peer_config *config = peer->config;
	uint32_t count = 0;
	size_t i;

	/* The longest ones, since whichever are named have to fit. */
	for (i = 0; config != NULL && i < config->identities_count; i++) {
		const size_t size = strlen(config->identities[i]);

		if (strcmp(config->identities[i], responder) == 0 ||
			size <= longest[AGENT_SHARERS_MAX - 1])
			continue;
		longest[AGENT_SHARERS_MAX - 1] = size;
		qsort(longest, AGENT_SHARERS_MAX, sizeof(longest[0]), longer_first);
	}
	while (count < AGENT_SHARERS_MAX - 1 && longest[count] > 0 && used <= left &&
		longest[count] + 1 <= left - used) {
		used += longest[count] + 1;
		count++;
	}
	return count;
}
