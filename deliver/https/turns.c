/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/turns.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum part {
	SMALL,
	LARGE,
	PARTS,
};

static const size_t part_bytes[PARTS] = {
	[SMALL] = SKEX_HTTPS_SMALL_ALL,
	[LARGE] = SKEX_HTTPS_LARGE_ALL,
};

_Static_assert(SKEX_HTTPS_SMALL_ALL + SKEX_HTTPS_LARGE_ALL <= SKEX_API_PROMISED_MAX,
	"the agent takes what is under way");
_Static_assert(SKEX_HTTPS_SMALL_ALL / SKEX_HTTPS_TURN_LEAST +
			SKEX_HTTPS_LARGE_ALL / SKEX_HTTPS_SMALL_MAX <=
		SKEX_API_CALLS_MAX_OWN,
	"and as many of them");

/* An identity with requests that wait or are under way. */
struct skex_https_caller {
	struct skex_https_caller *next;
	struct skex_https_name name;
	struct skex_https_turn *first; /* of those that wait */
	uint32_t turns;                /* with those under way and answered */
	size_t owed[PARTS];            /* with answers that were not sent */
};

static enum part part_of(const struct skex_https_turn *turn)
{
	return turn->bytes > SKEX_HTTPS_SMALL_MAX ? LARGE : SMALL;
}

/* Where the pointer to this caller is; to the end of the order when it is not there. */
static struct skex_https_caller **find(
	struct skex_https_turns *turns, const struct skex_https_name *name)
{
	struct skex_https_caller **at = &turns->first;

	while (*at != NULL && strcmp((*at)->name.text, name->text) != 0)
		at = &(*at)->next;
	return at;
}

enum skex_error skex_https_turns_join(struct skex_https_turns *turns, struct skex_https_turn *turn,
	const struct skex_https_name *name, size_t bytes)
{
	struct skex_https_caller **at = find(turns, name);
	struct skex_https_turn **end;

	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return SKEX_E_MEMORY;
		(*at)->name = *name;
	}
	if (bytes < SKEX_HTTPS_TURN_LEAST)
		bytes = SKEX_HTTPS_TURN_LEAST;
	if (bytes > SKEX_HTTPS_LARGE_ALL)
		bytes = SKEX_HTTPS_LARGE_ALL;
	*turn = (struct skex_https_turn){SKEX_HTTPS_TURN_WAITING, NULL, *at, bytes};
	for (end = &(*at)->first; *end != NULL; end = &(*end)->next)
		;
	*end = turn;
	(*at)->turns++;
	return SKEX_OK;
}

static void to_the_end(struct skex_https_turns *turns, struct skex_https_caller *caller)
{
	struct skex_https_caller **at = &turns->first;

	while (*at != caller)
		at = &(*at)->next;
	*at = caller->next;
	while (*at != NULL)
		at = &(*at)->next;
	caller->next = NULL;
	*at = caller;
}

struct skex_https_turn *skex_https_turns_next(struct skex_https_turns *turns)
{
	bool kept[PARTS] = {false, false};

	for (struct skex_https_caller *caller = turns->first; caller != NULL;
		caller = caller->next) {
		struct skex_https_turn *turn = caller->first;

		if (turn == NULL || kept[part_of(turn)])
			continue;
		enum part part = part_of(turn);
		if (caller->owed[part] + turn->bytes > part_bytes[part] - turns->owed[part]) {
			/* Room is kept for who is owed nothing, or others' smaller requests
			 * would take it for ever. */
			kept[part] = caller->owed[part] == 0;
			continue;
		}
		caller->first = turn->next;
		caller->owed[part] += turn->bytes;
		turns->owed[part] += turn->bytes;
		turn->state = SKEX_HTTPS_TURN_UNDER_WAY;
		turn->next = NULL;
		to_the_end(turns, caller);
		return turn;
	}
	return NULL;
}

static void stop_waiting(struct skex_https_turn *turn)
{
	struct skex_https_turn **at = &turn->caller->first;

	while (*at != turn)
		at = &(*at)->next;
	*at = turn->next;
}

void skex_https_turns_answered(struct skex_https_turns *turns, struct skex_https_turn *turn)
{
	turns->owed[part_of(turn)] -= turn->bytes;
	turn->state = SKEX_HTTPS_TURN_ANSWERED;
	/* The room that this leaves is for others first, those that came since too. */
	to_the_end(turns, turn->caller);
}

void skex_https_turns_leave(struct skex_https_turns *turns, struct skex_https_turn *turn)
{
	struct skex_https_caller *caller = turn->caller;

	if (turn->state == SKEX_HTTPS_TURN_UNDER_WAY)
		skex_https_turns_answered(turns, turn);
	if (turn->state == SKEX_HTTPS_TURN_ANSWERED)
		caller->owed[part_of(turn)] -= turn->bytes;
	else
		stop_waiting(turn);
	*turn = (struct skex_https_turn){SKEX_HTTPS_TURN_NONE, NULL, NULL, 0};
	if (--caller->turns == 0) {
		struct skex_https_caller **at = find(turns, &caller->name);

		*at = caller->next;
		free(caller);
	}
}
