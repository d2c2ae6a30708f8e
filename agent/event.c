/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/internal.h"
#include "core/base/text.h"

static void tell(const struct agent_kept_event *kept, skex_event_fn event, void *owner)
{
	struct skex_agent_event told = {0};

	told.name = kept->name;
	told.level = kept->level;
	told.peer = kept->peer;
	told.hub = kept->hub;
	told.text = kept->text;
	told.wall_ms = kept->wall_ms;
	event(owner, &told);
}

/* FNV-1a, of a text and the zero at its end. */
static uint64_t hash_on(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	} while (*text++ != '\0');
	return hash;
}

/* May one more be told?  *left_out is how many like it were not since the last that was. */
static bool is_due(struct skex_agent *agent, const char *name, const char *peer, const char *hub,
	uint32_t *left_out)
{
	const uint64_t of =
		hash_on(hash_on(hash_on(UINT64_C(0xcbf29ce484222325), name), peer), hub);
	struct agent_event_kind *kind = &agent->events_kinds[of % AGENT_EVENT_KINDS];
	const uint64_t now_ms = agent_now(agent);

	if (kind->of != of)
		*kind = (struct agent_event_kind){.of = of, .since_ms = now_ms};
	if (now_ms - kind->since_ms >= AGENT_EVENT_SPAN_MS) {
		kind->since_ms = now_ms;
		kind->told = 0;
	}
	if (kind->told >= AGENT_EVENT_MOST) {
		kind->left_out++;
		return false;
	}
	kind->told++;
	*left_out = kind->left_out;
	kind->left_out = 0;
	return true;
}

void agent_event(struct skex_agent *agent, enum skex_level level, const char *name,
	const char *peer, const char *hub, const char *format, ...)
{
	struct agent_kept_event *kept;
	struct agent_watch *watch;
	struct agent_watch *next;
	uint32_t left_out = 0;
	va_list arguments;
	int size;

	if (agent->events == NULL || !is_due(agent, name, peer, hub, &left_out))
		return;
	kept = &agent->events[agent->events_next++ % AGENT_EVENTS];
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	snprintf(kept->peer, sizeof(kept->peer), "%s", peer);
	snprintf(kept->hub, sizeof(kept->hub), "%s", hub);
	va_start(arguments, format);
	size = vsnprintf(kept->text, sizeof(kept->text), format, arguments);
	va_end(arguments);
	skex_text_mend(kept->text);
	if (left_out > 0 && size > 0 && (size_t)size < sizeof(kept->text))
		snprintf(kept->text + size, sizeof(kept->text) - (size_t)size,
			" (and %u more before)", (unsigned)left_out);
	kept->level = level;
	kept->wall_ms = agent_wall(agent);
	skex_log(agent->link.platform, level, "%s:%s%s%s%s %s", kept->name, *peer ? " peer " : "",
		peer, *hub ? " hub " : "", hub, kept->text);
	for (watch = agent->watches; watch != NULL; watch = next) {
		next = watch->next;
		tell(kept, watch->event, watch->owner);
	}
}

enum skex_error agent_complain(struct skex_problem *problem, enum skex_error error,
	const char *code, const char *message, const char *act)
{
	problem->error = error;
	problem->code = code;
	problem->message = message;
	problem->act = act;
	return error;
}

enum skex_error skex_agent_watch(
	struct skex_agent *agent, skex_event_fn event, void *owner, uint64_t *number)
{
	struct agent_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return SKEX_E_MEMORY;
	watch->event = event;
	watch->owner = owner;
	watch->number = ++agent->next_watch;
	watch->next = agent->watches;
	agent->watches = watch;
	*number = watch->number;
	return SKEX_OK;
}

void skex_agent_unwatch(struct skex_agent *agent, uint64_t watch)
{
	struct agent_watch **link = &agent->watches;

	while (*link != NULL && (*link)->number != watch)
		link = &(*link)->next;
	if (*link != NULL) {
		struct agent_watch *ended = *link;

		*link = ended->next;
		free(ended);
	}
}

void skex_agent_events(struct skex_agent *agent, skex_event_fn event, void *owner)
{
	const uint32_t end = agent->events_next;
	uint32_t i;

	for (i = end > AGENT_EVENTS ? end - AGENT_EVENTS : 0; i < end; i++)
		tell(&agent->events[i % AGENT_EVENTS], event, owner);
}

void agent_events_clear(struct skex_agent *agent)
{
	while (agent->watches != NULL)
		skex_agent_unwatch(agent, agent->watches->number);
	free(agent->events);
	agent->events = NULL;
}
