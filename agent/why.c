/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/initiate.h"
#include "agent/internal.h"

/* Why there is no key, which hubs have to do with it, and what to do: for people. */

/* Cut where there is no more room. */
static void say(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void say(char *text, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, size, format, arguments);
	va_end(arguments);
}

static uint32_t bit_of(uint8_t i)
{
	return UINT32_C(2) << i;
}

void agent_hubs_text(
	const struct agent_profile *profile, uint32_t set, char *text, size_t text_size)
{
	static const char more[] = " and others";
	size_t used = 0;
	uint8_t i;

	text[0] = '\0';
	for (i = 0; i < profile->profile.n; i++) {
		const char *name = profile->legs[i]->leg->record.other.text;
		const size_t size = strlen(name) + (used > 0 ? 2u : 0u);

		if ((set & bit_of(i)) == 0)
			continue;
		if (used + size + sizeof(more) > text_size) {
			say(text + used, text_size - used, "%s", more);
			return;
		}
		say(text + used, text_size - used, "%s%s", used > 0 ? ", " : "", name);
		used += size;
	}
}

/* The hubs whose leg is up. */
static uint32_t hubs_up(const struct agent_profile *profile)
{
	uint32_t set = 0;
	uint8_t i;

	for (i = 0; profile->usable && i < profile->profile.n; i++) {
		if (profile->legs[i]->leg->state == SKEX_LEG_UP)
			set |= bit_of(i);
	}
	return set;
}

uint32_t agent_hubs_with_pad(const struct agent_profile *profile, uint64_t body_size)
{
	const uint64_t need = skex_pad_align(SKEX_ONETIME_KEY_BYTES + body_size);
	uint32_t set = hubs_up(profile);
	uint8_t i;

	for (i = 0; i < profile->profile.n; i++) {
		if ((set & bit_of(i)) != 0 && skex_leg_send_low(profile->legs[i]->leg, need))
			set &= ~bit_of(i);
	}
	return set;
}

uint64_t agent_pad_of_hubs(const struct agent_profile *profile)
{
	const uint32_t up = hubs_up(profile);
	uint64_t most[SKEX_HUBS_MAX] = {0}; /* falling */
	uint8_t i;
	uint8_t j;

	for (i = 0; i < profile->profile.n; i++) {
		uint64_t left =
			(up & bit_of(i)) != 0 ? skex_leg_send_left(profile->legs[i]->leg) : 0;

		for (j = 0; j < profile->profile.n; j++) {
			const uint64_t at = most[j];

			if (left > at) {
				most[j] = left;
				left = at;
			}
		}
	}
	return most[profile->config->k - 1];
}

/* The hubs through which the keys go that are being made for a pool. */
static uint32_t hubs_in_use(const struct agent_pool *pool, const struct agent_profile *profile)
{
	const struct agent_run *run;
	uint32_t set = 0;

	for (run = pool->agent->runs; run != NULL; run = run->next) {
		if (run->pool == pool && run->profile == profile)
			set |= run->engine.members;
	}
	return set;
}

void agent_why_unconfirmed(const struct agent_peer *peer, const struct agent_profile *profile,
	uint32_t hubs, char *text, size_t text_size)
{
	char names[AGENT_HUBS_TEXT];

	agent_hubs_text(profile, hubs, names, sizeof(names));
	say(text, text_size,
		"%s did not confirm the keys made through %s: it is away, or fewer than %u of "
		"these hubs pass on what they get unchanged",
		peer->name.text, names, profile->profile.k);
}

/* False when the profile's hubs and pads are not what holds up the keys. */
static bool why_hubs(
	const struct agent_pool *pool, const struct agent_profile *profile, struct agent_why *why)
{
	const uint32_t all = agent_all_hubs(profile);
	const uint32_t up = hubs_up(profile);
	const uint32_t good =
		agent_hubs_with_pad(profile, SKEX_BLOCK_EXTRA_BYTES + pool->block_bytes);
	char names[AGENT_HUBS_TEXT];

	if (__builtin_popcount(up) < profile->profile.k) {
		agent_hubs_text(profile, all & ~up, names, sizeof(names));
		say(why->message, sizeof(why->message),
			"%d of the %u hubs of profile %s can be reached, and %u are needed: no "
			"connection to %s",
			__builtin_popcount(up), profile->profile.n, profile->config->name,
			profile->profile.k, names);
		say(why->act, sizeof(why->act),
			"look at these hubs and at the network to them; see skex status");
		return true;
	}
	if (__builtin_popcount(good) < profile->profile.k) {
		agent_hubs_text(profile, up & ~good, names, sizeof(names));
		say(why->message, sizeof(why->message),
			"the pad towards %s is used up, and %u of the %u hubs of profile %s are "
			"needed",
			names, profile->profile.k, profile->profile.n, profile->config->name);
		say(why->act, sizeof(why->act),
			"add pad there: skex hub refill %s; see skex status",
			pool->agent->name.text);
		return true;
	}
	return false;
}

void agent_why_empty(const struct agent_pool *pool, struct agent_why *why)
{
	const struct agent_peer *peer = pool->peer;
	const struct agent_profile *profile = peer->profiles_count > 0 ? peer->profiles[0] : NULL;

	if (profile != NULL && profile->usable && why_hubs(pool, profile, why))
		return;
	say(why->act, sizeof(why->act), "see skex status and skex events --recent, here and at %s",
		peer->name.text);
	if (pool->last_error[0] != '\0') {
		say(why->message, sizeof(why->message), "%s", pool->last_error);
	} else if (profile != NULL && profile->usable && pool->runs_all > 0) {
		agent_why_unconfirmed(peer, profile, hubs_in_use(pool, profile), why->message,
			sizeof(why->message));
	} else {
		say(why->message, sizeof(why->message),
			"no key is ready for this peer and purpose yet");
		say(why->act, sizeof(why->act),
			"try again in a moment, or ask with a time to wait; see skex status");
	}
}

static const char *refusal(uint16_t status)
{
	switch (status) {
	case SKEX_ACK_REFUSED:
		return "the hubs' policy forbids keys between these agents: see skex-hub.conf";
	case SKEX_ACK_UNKNOWN:
		return "the hubs know no agent of that name: enrol it at the same hubs";
	case SKEX_ACK_QUOTA:
		return "the hubs' quota for this pair is used up: see quota in skex-hub.conf";
	case SKEX_ACK_EXHAUSTED:
		return "the hubs have no pad left towards the peer: refill it";
	case SKEX_ACK_EXPIRED:
		return "the peer did not fetch the shares in time: is it connected?";
	case SKEX_ACK_BANNED:
		return "the peer is banned at the hubs";
	default:
		return "the hubs refused the shares";
	}
}

/* A hub can say that the peer refused what it refuses itself: so hubs are named, and most decide.
 */
void agent_why_refused(const struct agent_run *run, char *text, size_t text_size)
{
	const uint32_t all = run->engine.refused | run->declined;
	char names[AGENT_HUBS_TEXT];

	if (run->status != 0 && 2 * __builtin_popcount(run->declined) <= __builtin_popcount(all)) {
		say(text, text_size, "%s", refusal(run->status));
		return;
	}
	agent_hubs_text(run->profile, run->declined, names, sizeof(names));
	say(text, text_size,
		"%s refused the shares, say %s: it may have too much from here that was never "
		"confirmed",
		run->pool->peer->name.text, names);
}

void agent_why_failed(const struct agent_group *group, uint32_t heard, char *text, size_t text_size)
{
	const struct agent_profile *profile = group->profile;
	const int liars = __builtin_popcount(heard) - profile->profile.k + 1;
	char through[AGENT_HUBS_TEXT];
	char others[AGENT_HUBS_TEXT];

	agent_hubs_text(profile, heard, through, sizeof(through));
	agent_hubs_text(profile, agent_all_hubs(profile) & ~heard, others, sizeof(others));
	if (group->engine.why == SKEX_E_EMPTY && !group->disputed && liars > 0)
		say(text, text_size,
			"shares of a block came through %s, but never were %u of them here at a "
			"time: more is begun than there is room for, by %s or others",
			through, profile->profile.k, group->peer->name.text);
	else if (group->engine.why == SKEX_E_EMPTY && !group->disputed)
		say(text, text_size,
			"shares of a block came through %s only, and %u are needed: nothing came "
			"through %s",
			through, profile->profile.k, others);
	else
		say(text, text_size,
			"the shares of a block that came through %s do not agree: at least %d of "
			"these hubs changed them, or %s did",
			through, liars > 1 ? liars : 1, group->peer->name.text);
}
