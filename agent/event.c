/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/internal.h"

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

void agent_event(struct skex_agent *agent, enum skex_level level, const char *name,
	const char *peer, const char *hub, const char *format, ...)
{
	struct agent_kept_event *kept;
	struct agent_watch *watch;
	struct agent_watch *next;
	va_list arguments;

	if (agent->events == NULL)
		return;
	kept = &agent->events[agent->events_next++ % AGENT_EVENTS];
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	snprintf(kept->peer, sizeof(kept->peer), "%s", peer);
	snprintf(kept->hub, sizeof(kept->hub), "%s", hub);
	va_start(arguments, format);
	vsnprintf(kept->text, sizeof(kept->text), format, arguments);
	va_end(arguments);
	kept->level = level;
	kept->wall_ms = agent_wall(agent);
	skex_log(agent->link.platform, level, "%s:%s%s%s%s %s", kept->name, *peer ? " peer " : "",
		peer, *hub ? " hub " : "", hub, kept->text);
	for (watch = agent->watches; watch != NULL; watch = next) {
		next = watch->next;
		tell(kept, watch->event, watch->owner);
	}
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
