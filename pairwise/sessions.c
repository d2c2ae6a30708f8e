/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "pairwise/internal.h"
#include "platform/memory.h"

/*
 * Each end rekeys the sessions that it began, and listens in those of the peer: so K1 of both ends
 * never cross.  Of each kind one is current.  An older one stays as long as a run or a half of the
 * engine points at it.
 */

#define LISTEN_MS 15000u

struct kept_session *session_keep(struct skex_association *association,
	const struct skex_pairwise_session *session, const struct kept_session *parent,
	uint64_t subject)
{
	const struct skex_platform *platform = association->all->platform;
	struct kept_session *kept = skex_secret_new(sizeof(*kept));

	if (kept == NULL)
		return NULL;
	kept->session = *session;
	kept->ends_ms = platform->now_ms(platform->context) + SKEX_ASSOCIATION_SESSION_MS;
	/* Whoever listens does so a little longer than the other end asks. */
	if (session->initiator != association->engine->state.slot)
		kept->ends_ms += LISTEN_MS;
	kept->subject = subject;
	if (parent != NULL) {
		kept->ends_ms = parent->ends_ms;
		kept->exported = parent->exported;
		kept->rekeys = parent->rekeys + 1;
	}
	kept->next = association->sessions;
	association->sessions = kept;
	return kept;
}

void session_retire(struct kept_session *kept)
{
	kept->current = false;
}

void session_current(struct skex_association *association, struct kept_session *kept)
{
	const uint8_t initiator = kept->session.initiator;
	struct kept_session *other;

	for (other = association->sessions; other != NULL; other = other->next) {
		if (other->session.initiator == initiator)
			session_retire(other);
	}
	skex_wipe(kept->session.keys.exp, sizeof(kept->session.keys.exp));
	kept->current = true;
	/* One that cannot listen is of no use. */
	if (initiator != association->engine->state.slot &&
		skex_pairwise_listen(&association->engine->pairwise, &kept->session) != SKEX_OK)
		session_retire(kept);
}

static bool is_young(const struct kept_session *kept, uint64_t now_ms)
{
	return kept->current && now_ms < kept->ends_ms &&
		kept->exported < SKEX_ASSOCIATION_SESSION_BYTES &&
		kept->rekeys < SKEX_ASSOCIATION_REKEYS;
}

struct kept_session *session_of(
	const struct skex_association *association, uint8_t initiator, uint64_t now_ms)
{
	struct kept_session *kept = association->sessions;

	while (kept != NULL && !(kept->session.initiator == initiator && is_young(kept, now_ms)))
		kept = kept->next;
	return kept;
}

static bool is_pointed_at(
	const struct skex_association *association, const struct kept_session *kept)
{
	const struct engine *engine = association->engine;
	unsigned i;

	for (i = 0; i < SKEX_ASSOCIATION_RUNS; i++) {
		if (engine->runs[i].session == &kept->session ||
			association->runs[i].made == kept || association->runs[i].parent == kept)
			return true;
	}
	for (i = 0; i < SKEX_ASSOCIATION_HALVES; i++) {
		if (engine->halves[i].session == &kept->session ||
			association->halves[i].parent == kept)
			return true;
	}
	return false;
}

void sessions_sweep(struct skex_association *association, uint64_t now_ms)
{
	struct kept_session **link = &association->sessions;

	while (*link != NULL) {
		struct kept_session *kept = *link;

		if (kept->current && now_ms >= kept->ends_ms)
			session_retire(kept);
		if (kept->current || is_pointed_at(association, kept)) {
			link = &kept->next;
			continue;
		}
		*link = kept->next;
		skex_secret_free(kept);
	}
}

uint64_t sessions_due(const struct skex_association *association)
{
	const struct kept_session *kept;
	uint64_t due = UINT64_MAX;

	for (kept = association->sessions; kept != NULL; kept = kept->next) {
		if (kept->current && kept->ends_ms < due)
			due = kept->ends_ms;
	}
	return due;
}

void sessions_clear(struct skex_association *association)
{
	while (association->sessions != NULL) {
		struct kept_session *kept = association->sessions;

		association->sessions = kept->next;
		skex_secret_free(kept);
	}
}
