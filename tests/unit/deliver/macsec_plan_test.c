/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/macsec/plan.h"

/* As wpa_supplicant 2.10 says it. */
#define BEFORE                                                                                     \
	"bssid=01:80:c2:00:00:03\nfreq=0\nssid=\nid=0\nmode=station\npairwise_cipher=NONE\n"       \
	"group_cipher=NONE\nkey_mgmt=NONE\nwpa_state=COMPLETED\nip_address=10.67.0.1\n"            \
	"address=de:4e:ac:cf:5c:70\n"
#define KAY(secured)                                                                               \
	"PAE KaY status=Active\nAuthenticated=No\nSecured=" secured "\nFailed=No\n"                \
	"Actor Priority=16\nKey Server Priority=16\nIs Key Server=Yes\n"                           \
	"Number of Keys Distributed=1\n"                                                           \
	"Number of Keys Received=0\nMKA Hello Time=2000\n"                                         \
	"actor_sci=02:00:00:00:00:01@1\nkey_server_sci=02:00:00:00:00:01@1\n"
#define PART(ckn, peers)                                                                           \
	"participant_idx=0\nckn=" ckn "\nmi=8a1ed0b1b5a9d3e2b2f4d7c1\nmn=13\nactive=Yes\n"         \
	"participant=No\nretain=No\nlive_peers=" peers "\npotential_peers=0\nis_key_server=Yes\n"  \
	"is_elected=Yes\n"
#define AFTER "uuid=f5c3f2b8-6a4b-5ed1-9d9a-0d2b0d0c0d0e\n"
#define CKN   "000102030405060708090a0b0c0d0e0f"

static struct macsec_state read_text(const char *text)
{
	struct macsec_state state;

	memset(&state, 0xee, sizeof(state));
	assert_true(macsec_read_status(skex_view(text, strlen(text)), &state));
	return state;
}

static void status(void **test)
{
	struct macsec_state state;
	unsigned i;

	(void)test;
	state = read_text(BEFORE KAY("Yes") PART(CKN, "1") AFTER);
	assert_true(state.keyed && state.ours && state.secured && state.server);
	for (i = 0; i < SKEX_KEY_ID_BYTES; i++)
		assert_int_equal(state.id[i], i);
	state = read_text(BEFORE KAY("No") PART(CKN, "1") AFTER);
	assert_true(state.keyed && state.ours && !state.secured);
	state = read_text(BEFORE KAY("Yes") PART(CKN, "0") AFTER);
	assert_false(state.secured);
	state = read_text(BEFORE KAY("Yes") PART(CKN, "x") AFTER);
	assert_false(state.secured);
	state = read_text(BEFORE KAY("YesNo") PART(CKN, "1") AFTER);
	assert_false(state.secured);
	state = read_text(BEFORE AFTER);
	assert_false(state.keyed || state.ours || state.secured);
	/* Keys of others. */
	state = read_text(BEFORE KAY("Yes") PART("00", "1") AFTER);
	assert_true(state.keyed && !state.ours && state.secured);
	state = read_text(BEFORE KAY("Yes") PART(CKN "00", "1") AFTER);
	assert_true(state.keyed && !state.ours);
	state = read_text(BEFORE KAY("Yes") PART("0001020304050607_8090a0b0c0d0e0f", "1") AFTER);
	assert_true(state.keyed && !state.ours);
	assert_int_equal(state.id[0] | state.id[1], 0);
	state = read_text(BEFORE KAY("Yes") PART(CKN, "1") PART(CKN, "1") AFTER);
	assert_true(state.keyed && !state.ours);
}

/* Cut anywhere it is nothing that is secured by more than was said. */
static void status_cut(void **test)
{
	static const char text[] = BEFORE KAY("Yes") PART(CKN, "1");
	const size_t peers = (size_t)(strstr(text, "live_peers=1") - text) + 12;
	size_t i;

	(void)test;
	for (i = 0; i < sizeof(text); i++) {
		char *copy = malloc(i + 1);
		struct macsec_state state = {.secured = true};

		assert_non_null(copy);
		memcpy(copy, text, i);
		if (macsec_read_status(skex_view(copy, i), &state))
			assert_true(state.secured == (i >= peers));
		else
			assert_true(state.secured);
		free(copy);
	}
	assert_false(macsec_read_status(skex_view("FAIL\n", 5), &(struct macsec_state){0}));
	assert_false(
		macsec_read_status(skex_view("UNKNOWN COMMAND\n", 16), &(struct macsec_state){0}));
	assert_false(macsec_read_status(skex_view("", 0), &(struct macsec_state){0}));
}

static void networks(void **test)
{
	static const char head[] = "network id / ssid / bssid / flags\n";
	static const char two[] = "network id / ssid / bssid / flags\n7\t\tany\t[DISABLED]\n"
				  "12\t\tany\t[CURRENT]\n";
	uint32_t number = 99;

	(void)test;
	assert_false(macsec_read_network(skex_view(head, sizeof(head) - 1), &number));
	assert_false(macsec_read_network(skex_view("1", 1), &number));
	assert_false(macsec_read_network(skex_view("x\t\n-1\t\n1234567890\t\n", 19), &number));
	assert_true(macsec_read_network(skex_view(two, sizeof(two) - 1), &number));
	assert_int_equal(number, 7);
}

/* ---- plans ---- */

enum {
	NONE,
	FOREIGN,
	OLD,
	ACTIVE,
	NEXT,
	PEERS,
	KINDS,
};

static struct macsec_state slot_with(unsigned what)
{
	struct macsec_state slot = {.keyed = what != NONE, .ours = what > FOREIGN};

	if (slot.ours)
		slot.id[3] = (uint8_t)what;
	return slot;
}

static struct macsec_key key(unsigned what, bool there, bool held)
{
	struct macsec_key key = {.there = there, .held = there && held};

	if (there)
		key.id[3] = (uint8_t)what;
	return key;
}

static void apply(struct macsec_state slots[2], const enum macsec_step steps[2])
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (steps[i] == MACSEC_CLEAR)
			slots[i] = slot_with(NONE);
		else if (steps[i] != MACSEC_KEEP)
			slots[i] = slot_with(steps[i] == MACSEC_PUT_NEXT ? NEXT : ACTIVE);
	}
}

static bool has(const struct macsec_state slots[2], unsigned what)
{
	return macsec_slot_of(slots, slot_with(what).id) < 2;
}

/* Of one beginning: what has to be true, whatever it was. */
static void check_plan(unsigned a, unsigned b, unsigned bits, uint32_t actions)
{
	const bool stage = (actions & SKEX_ROTATION_DO_STAGE) != 0;
	const struct macsec_wish wish = {
		.actions = actions,
		.next = key(NEXT, stage || (bits & 1) != 0, true),
		.active = key(ACTIVE, (bits & 2) != 0, (bits & 4) != 0),
		.peer_active = {0, 0, 0, (bits & 8) != 0 ? PEERS : 0},
	};
	const struct macsec_state before[2] = {slot_with(a), slot_with(b)};
	struct macsec_state slots[2] = {before[0], before[1]};
	enum macsec_step steps[2];
	const bool had = has(before, ACTIVE);
	unsigned i;

	macsec_plan(slots, &wish, steps);
	for (i = 0; i < 2; i++) {
		/* Make before break. */
		if (had && wish.active.there && before[i].id[3] == ACTIVE)
			assert_int_equal(steps[i], MACSEC_KEEP);
		if (stage && before[i].id[3] == NEXT)
			assert_int_equal(steps[i], MACSEC_KEEP);
	}
	apply(slots, steps);
	assert_true(has(slots, ACTIVE) == (wish.active.there && (had || wish.active.held)));
	assert_true(has(slots, NEXT) == stage);
	assert_false(has(slots, OLD));
	assert_true(!slots[0].keyed || slots[0].ours);
	assert_true(!slots[1].keyed || slots[1].ours);
	/* The other end's key stays only where ours would be. */
	if (has(slots, PEERS))
		assert_true(stage && !wish.active.there && (bits & 8) != 0);
	else
		assert_false(stage && !wish.active.there && (bits & 8) != 0 && has(before, PEERS));
	macsec_plan(slots, &wish, steps);
	assert_true(steps[0] == MACSEC_KEEP && steps[1] == MACSEC_KEEP);
}

static void plans(void **test)
{
	unsigned a, b, bits;

	(void)test;
	for (a = 0; a < KINDS; a++) {
		for (b = 0; b < KINDS; b++) {
			if (a == b && a > FOREIGN)
				continue;
			for (bits = 0; bits < 16; bits++) {
				check_plan(a, b, bits, SKEX_ROTATION_DO_SETTLE);
				check_plan(a, b, bits, SKEX_ROTATION_DO_STAGE);
				check_plan(a, b, bits,
					(uint32_t)SKEX_ROTATION_DO_SETTLE |
						(uint32_t)SKEX_ROTATION_DO_STAGE);
			}
		}
	}
}

static void switch_alone(void **test)
{
	const struct macsec_state slots[2] = {slot_with(ACTIVE), slot_with(NEXT)};
	const struct macsec_wish wish = {.actions = SKEX_ROTATION_DO_SWITCH,
		.next = key(NEXT, true, true),
		.active = key(ACTIVE, true, true)};
	enum macsec_step steps[2];

	(void)test;
	macsec_plan(slots, &wish, steps);
	assert_true(steps[0] == MACSEC_KEEP && steps[1] == MACSEC_KEEP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status),
		cmocka_unit_test(status_cut),
		cmocka_unit_test(networks),
		cmocka_unit_test(plans),
		cmocka_unit_test(switch_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
