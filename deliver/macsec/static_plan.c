/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/static_plan.h"

#include "core/base/mem.h"

size_t macsec_an_of(const struct macsec_secy *secy, const uint8_t id[SKEX_KEY_ID_BYTES])
{
	size_t an;

	for (an = 0; an < MACSEC_ANS; an++) {
		if (secy->tx[an].there && macsec_same(secy->tx[an].id, id) && secy->rx[an].there &&
			secy->rx[an].active && macsec_same(secy->rx[an].id, id))
			break;
	}
	return an;
}

bool macsec_uses(const struct macsec_secy *secy, size_t an)
{
	return secy->encoding == an && secy->tx[an].there && secy->tx[an].active;
}

#define MOMENT (UINT32_C(1) << 24) /* packet numbers: more than pass while this is decided */

bool macsec_spent(const struct macsec_sa *sa)
{
	return sa->pn == 0 || sa->pn > UINT32_MAX - MOMENT;
}

/* Is any association there with the key of this id? */
static bool has(const struct macsec_secy *secy, const uint8_t *id)
{
	size_t i;

	for (i = 0; i < MACSEC_ANS; i++) {
		if ((secy->tx[i].there && macsec_same(secy->tx[i].id, id)) ||
			(secy->rx[i].there && macsec_same(secy->rx[i].id, id)))
			return true;
	}
	return false;
}

static bool stays(const struct macsec_static_wish *wish, const struct macsec_sa *sa)
{
	const bool stage = (wish->actions & SKEX_ROTATION_DO_STAGE) != 0;

	if (!sa->there)
		return false;
	return (wish->active.there && macsec_same(sa->id, wish->active.id)) ||
		(stage && wish->next.there && macsec_same(sa->id, wish->next.id)) ||
		(stage && !skex_ct_is_zero(wish->peer_active, SKEX_KEY_ID_BYTES) &&
			macsec_same(sa->id, wish->peer_active));
}

static struct macsec_move *move(struct macsec_moves *moves, enum macsec_change change, size_t an,
	const uint8_t sci[MACSEC_SCI_BYTES])
{
	struct macsec_move *made = &moves->moves[moves->count++];

	*made = (struct macsec_move){.change = change, .an = (uint8_t)an};
	memcpy(made->sci, sci, sizeof(made->sci));
	return made;
}

/* Nothing is sent in between. */
static void use(const struct macsec_secy *secy, size_t an, const struct macsec_static_wish *wish,
	struct macsec_moves *moves)
{
	if (an < MACSEC_ANS && !macsec_uses(secy, an) && !macsec_spent(&secy->tx[an]))
		(void)move(moves, MACSEC_USE, an, wish->sci);
}

static void clear(const struct macsec_secy *secy, const struct macsec_static_wish *wish,
	struct macsec_moves *moves)
{
	bool any = false;
	size_t i;

	for (i = 0; i < MACSEC_ANS; i++) {
		if (secy->tx[i].there && !stays(wish, &secy->tx[i]))
			(void)move(moves, MACSEC_DROP_TX, i, wish->sci);
		if (secy->rx[i].there && !stays(wish, &secy->rx[i]))
			(void)move(moves, MACSEC_DROP_RX, i, wish->sci);
		any = any || stays(wish, &secy->rx[i]);
	}
	for (i = 0; i < secy->others_count; i++)
		(void)move(moves, MACSEC_DROP_CHANNEL, 0, secy->others[i]);
	if (secy->channel && !any && (wish->actions & SKEX_ROTATION_DO_STAGE) == 0)
		(void)move(moves, MACSEC_DROP_CHANNEL, 0, wish->sci);
}

static enum macsec_static_verdict stage(const struct macsec_secy *secy,
	const struct macsec_static_wish *wish, size_t an, struct macsec_moves *moves)
{
	if (macsec_an_of(secy, wish->next.id) < MACSEC_ANS)
		return MACSEC_STATIC_FINE;
	if (!wish->next.held || has(secy, wish->next.id))
		return MACSEC_STATIC_LOST;
	if (stays(wish, &secy->tx[an]) || stays(wish, &secy->rx[an]))
		return MACSEC_STATIC_CROWDED;
	if (!secy->channel)
		(void)move(moves, MACSEC_ADD_CHANNEL, 0, wish->sci);
	move(moves, MACSEC_ADD_RX, an, wish->sci)->id = wish->next.id;
	move(moves, MACSEC_ADD_TX, an, wish->sci)->id = wish->next.id;
	return MACSEC_STATIC_FINE;
}

enum macsec_static_verdict macsec_static_plan(const struct macsec_secy *secy,
	const struct macsec_static_wish *wish, struct macsec_moves *moves)
{
	const uint32_t of_keys =
		(uint32_t)SKEX_ROTATION_DO_SETTLE | (uint32_t)SKEX_ROTATION_DO_STAGE;
	const bool stages = (wish->actions & SKEX_ROTATION_DO_STAGE) != 0;

	moves->count = 0;
	if ((wish->actions & SKEX_ROTATION_DO_SETTLE) != 0 && wish->active.there)
		use(secy, macsec_an_of(secy, wish->active.id), wish, moves);
	if ((wish->actions & of_keys) != 0)
		clear(secy, wish, moves);
	if (stages)
		return stage(secy, wish, (size_t)(wish->next_round % MACSEC_ANS), moves);
	if ((wish->actions & SKEX_ROTATION_DO_SWITCH) != 0 &&
		macsec_an_of(secy, wish->next.id) == MACSEC_ANS)
		return MACSEC_STATIC_LOST;
	return MACSEC_STATIC_FINE;
}
