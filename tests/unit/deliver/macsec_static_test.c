/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/macsec/static_plan.h"

/* A MACsec interface as the kernel has it: what it takes and what it refuses. */

enum {
	NONE,
	OLD,
	ACTIVE,
	NEXT,
	PEERS,
	KINDS,
};

static const uint8_t peer[MACSEC_SCI_BYTES] = {2, 0, 0, 0, 0, 9, 0, 1};

static struct macsec_sa sa_with(unsigned what)
{
	struct macsec_sa sa = {.there = what != NONE, .active = what != NONE};

	if (sa.there) {
		sa.id[3] = (uint8_t)what;
		sa.pn = 77;
	}
	return sa;
}

static struct macsec_key key(unsigned what, bool there, bool held)
{
	struct macsec_key key = {.there = there, .held = there && held};

	if (there)
		key.id[3] = (uint8_t)what;
	return key;
}

static unsigned count(const struct macsec_secy *secy, unsigned what)
{
	unsigned found = 0;
	unsigned i;

	for (i = 0; i < MACSEC_ANS; i++) {
		found += secy->tx[i].there && secy->tx[i].id[3] == what;
		found += secy->rx[i].there && secy->rx[i].id[3] == what;
	}
	return found;
}

/* As linux/drivers/net/macsec.c does it. */
static void apply(struct macsec_secy *secy, const struct macsec_move *move)
{
	struct macsec_sa *tx = &secy->tx[move->an];
	struct macsec_sa *rx = &secy->rx[move->an];
	bool ours = memcmp(move->sci, peer, sizeof(peer)) == 0;

	assert_true(move->an < MACSEC_ANS);
	switch (move->change) {
	case MACSEC_ADD_CHANNEL:
		assert_true(ours && !secy->channel);
		secy->channel = true;
		break;
	case MACSEC_DROP_CHANNEL:
		assert_true(ours ? secy->channel : secy->others_count > 0);
		if (ours) {
			secy->channel = false;
			memset(secy->rx, 0, sizeof(secy->rx));
		} else {
			secy->others_count--;
		}
		break;
	case MACSEC_ADD_RX:
		assert_true(ours && secy->channel && !rx->there);
		*rx = sa_with(move->id[3]);
		break;
	case MACSEC_ADD_TX:
		/* What the other end sends under it is taken before anything is sent. */
		assert_true(!tx->there && rx->there && rx->id[3] == move->id[3]);
		*tx = sa_with(move->id[3]);
		tx->active = false;
		break;
	case MACSEC_DROP_RX:
		assert_true(ours && secy->channel && rx->there);
		*rx = sa_with(NONE);
		break;
	case MACSEC_DROP_TX:
		assert_true(tx->there);
		*tx = sa_with(NONE);
		break;
	case MACSEC_USE:
		/* Linux would count from 0 again. */
		assert_true(tx->there && tx->pn != 0);
		tx->active = true;
		secy->encoding = move->an;
		break;
	}
}

struct beginning {
	unsigned what[MACSEC_ANS]; /* both ways */
	unsigned encoding;
	unsigned odd; /* one of these is there one way only */
	uint32_t pn;
	unsigned bits;
};

static void check(const struct beginning *from, uint32_t actions, uint64_t round)
{
	const bool stage = (actions & SKEX_ROTATION_DO_STAGE) != 0;
	const bool settle = (actions & SKEX_ROTATION_DO_SETTLE) != 0;
	struct macsec_static_wish wish = {
		.actions = actions,
		.next = key(NEXT, stage || (from->bits & 1) != 0, (from->bits & 16) != 0),
		.next_round = round,
		.active = key(ACTIVE, (from->bits & 2) != 0, false),
		.peer_active = {0, 0, 0, (from->bits & 8) != 0 ? PEERS : 0},
	};
	struct macsec_secy secy = {
		.encoding = (uint8_t)from->encoding, .channel = true, .others_count = 1};
	enum macsec_static_verdict verdict;
	struct macsec_secy before;
	struct macsec_moves moves;
	bool there;
	size_t active;
	size_t i;

	memcpy(wish.sci, peer, sizeof(peer));
	for (i = 0; i < MACSEC_ANS; i++) {
		secy.tx[i] = sa_with(from->what[i]);
		secy.tx[i].pn = from->pn;
		secy.rx[i] = sa_with(from->odd == i + 1 ? NONE : from->what[i]);
	}
	before = secy;
	active = wish.active.there ? macsec_an_of(&before, wish.active.id) : MACSEC_ANS;
	there = macsec_an_of(&before, wish.next.id) < MACSEC_ANS;
	verdict = macsec_static_plan(&secy, &wish, &moves);
	assert_true(moves.count <= MACSEC_MOVES_MAX);
	if (verdict != MACSEC_STATIC_FINE) {
		/* Never a key that was there, in part or not, and none without bytes. */
		if (stage && verdict == MACSEC_STATIC_LOST)
			assert_true(!there && (count(&before, NEXT) > 0 || !wish.next.held));
		if (verdict == MACSEC_STATIC_CROWDED)
			assert_true(stage && before.tx[round % MACSEC_ANS].there);
		return;
	}
	for (i = 0; i < moves.count; i++) {
		const struct macsec_move *move = &moves.moves[i];

		if (move->change == MACSEC_ADD_RX || move->change == MACSEC_ADD_TX)
			assert_true(stage && wish.next.held && count(&before, NEXT) == 0 &&
				move->id[3] == NEXT && move->an == round % MACSEC_ANS);
		apply(&secy, move);
		/* The key in use is never gone, nor does the new one send before it is to. */
		if (active < MACSEC_ANS) {
			assert_true(macsec_an_of(&secy, wish.active.id) == active);
			if (macsec_uses(&before, active))
				assert_true(macsec_uses(&secy, active));
		}
		if (stage && !there)
			assert_false(macsec_uses(&secy, macsec_an_of(&secy, wish.next.id)));
	}
	if (stage)
		assert_true(macsec_an_of(&secy, wish.next.id) < MACSEC_ANS);
	if (settle && active < MACSEC_ANS && from->pn == 77)
		assert_true(macsec_uses(&secy, active));
	if (settle || stage) {
		assert_int_equal(secy.others_count, 0);
		assert_int_equal(count(&secy, OLD), 0);
		assert_true(stage || count(&secy, NEXT) + count(&secy, PEERS) == 0);
	}
	/* Without a key nothing is left, neither to send nor to receive. */
	if (settle && !stage && !wish.active.there)
		assert_true(count(&secy, ACTIVE) == 0 && !secy.channel);
	/* Read back: nothing is missing, and the bytes are not needed again. */
	wish.next.held = false;
	assert_int_equal(macsec_static_plan(&secy, &wish, &moves), MACSEC_STATIC_FINE);
	assert_int_equal(moves.count, 0);
}

/* All that can be there, and all that can be asked. */
static void plans(void **test)
{
	static const uint32_t actions[] = {SKEX_ROTATION_DO_SETTLE, SKEX_ROTATION_DO_STAGE,
		SKEX_ROTATION_DO_SETTLE | SKEX_ROTATION_DO_STAGE, SKEX_ROTATION_DO_SWITCH,
		SKEX_ROTATION_DO_STAGE | SKEX_ROTATION_DO_SWITCH};
	struct beginning from;
	unsigned n;
	unsigned i;

	(void)test;
	for (n = 0; n < KINDS * KINDS * KINDS * KINDS; n++) {
		unsigned twice[KINDS] = {0};
		unsigned left = n;
		bool possible = true;

		for (i = 0; i < MACSEC_ANS; i++, left /= KINDS) {
			from.what[i] = left % KINDS;
			possible = possible && (from.what[i] <= OLD || ++twice[from.what[i]] == 1);
		}
		for (i = 0; possible && i < 4 * 5 * 32 * 5; i++) {
			from.pn = i % 7 == 0 ? 0 : i % 7 == 1 ? UINT32_MAX - 9 : 77;
			from.encoding = i % 4;
			from.odd = i / 4 % 5;
			from.bits = i / 20 % 32;
			check(&from, actions[i / 640], 4 + n % 4);
		}
	}
}

/* Which one is said to be in use. */
static void used(void **test)
{
	struct macsec_secy secy = {.encoding = 2};
	struct macsec_key active = key(ACTIVE, true, false);

	(void)test;
	assert_int_equal(macsec_an_of(&secy, active.id), MACSEC_ANS);
	secy.tx[2] = sa_with(ACTIVE);
	assert_int_equal(macsec_an_of(&secy, active.id), MACSEC_ANS);
	secy.rx[1] = sa_with(ACTIVE);
	assert_int_equal(macsec_an_of(&secy, active.id), MACSEC_ANS);
	secy.rx[2] = sa_with(ACTIVE);
	secy.rx[2].active = false;
	assert_int_equal(macsec_an_of(&secy, active.id), MACSEC_ANS);
	secy.rx[2].active = true;
	assert_int_equal(macsec_an_of(&secy, active.id), 2);
	assert_true(macsec_uses(&secy, 2));
	assert_false(macsec_uses(&secy, 1));
	secy.tx[2].active = false;
	assert_false(macsec_uses(&secy, 2));
	assert_false(macsec_uses(&secy, MACSEC_ANS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
