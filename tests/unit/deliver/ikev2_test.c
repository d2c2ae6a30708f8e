/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/ikev2/ikev2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/deliver/fake_charon.h"

#define UUID_A "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
#define UUID_B "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"
#define UUID_C "cccccccc-cccc-cccc-cccc-cccccccccccc"

static const struct skex_ikev2_setting settings[] = {{"children.net.local_ts", "10.0.0.0/8"}};
static const struct skex_ikev2_config configs[2] = {
	{"charon.vici", "site", "x.skex", true, settings, 1, "site-b"},
	{"charon.vici", "site", "x.skex", false, settings, 1, "site-b"}};

#define STAGE  SKEX_ROTATION_DO_STAGE
#define SWITCH SKEX_ROTATION_DO_SWITCH
#define SETTLE SKEX_ROTATION_DO_SETTLE

struct fixture {
	struct fake_charon charon;
	struct skex_ikev2 *ikev2;
	struct skex_rotation_keys keys;
	uint8_t bytes[3][32];
	int dones;
	uint8_t reason;
	char text[512];
	enum skex_rotation_event seen;
	bool again; /* act once more from inside */
};

static int set_up_end(void **state, bool leads)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fake_charon_init(&fixture->charon);
	assert_int_equal(
		skex_ikev2_new(&fixture->charon.platform, &configs[leads ? 0 : 1], &fixture->ikev2),
		SKEX_OK);
	/* What is another's is left alone by all tests. */
	fake_charon_add_key(&fixture->charon, "ike-1");
	fake_charon_add_key(&fixture->charon, "skex/site-x/" UUID_C);
	fake_charon_add_conn(&fixture->charon, "site-x-" UUID_C);
	fake_charon_add_sa(&fixture->charon, "site-x-" UUID_C, false);
	fake_charon_add_sa(&fixture->charon, "siteX", false);
	*state = fixture;
	return 0;
}

static int leader(void **state)
{
	return set_up_end(state, true);
}

static int follower(void **state)
{
	return set_up_end(state, false);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	assert_non_null(fake_charon_key(&fixture->charon, "ike-1"));
	assert_non_null(fake_charon_key(&fixture->charon, "skex/site-x/" UUID_C));
	assert_non_null(fake_charon_conn(&fixture->charon, "site-x-" UUID_C));
	assert_non_null(fake_charon_sa(&fixture->charon, "site-x-" UUID_C));
	assert_non_null(fake_charon_sa(&fixture->charon, "siteX"));
	skex_ikev2_free(fixture->ikev2);
	assert_false(fixture->charon.open || fixture->charon.waits);
	assert_false(fixture->charon.ear.open || fixture->charon.ear.waits);
	free(fixture);
	return 0;
}

static void put_key(struct fixture *fixture, struct skex_rotation_secret *place, uint8_t value)
{
	uint8_t *bytes = fixture->bytes[value % 3];

	memset(bytes, value, 32);
	*place = (struct skex_rotation_secret){.there = true, .bytes = bytes, .size = 32};
	memset(place->id, value, sizeof(place->id));
}

static void on_done(void *owner, uint8_t reason, const char *text)
{
	struct fixture *fixture = owner;

	fixture->dones++;
	fixture->reason = reason;
	(void)snprintf(fixture->text, sizeof(fixture->text), "%s", text);
	if (!fixture->again)
		return;
	fixture->again = false;
	skex_ikev2_consumer.act(fixture->ikev2, STAGE, &fixture->keys, on_done, fixture);
}

static void on_seen(void *owner, enum skex_rotation_event event, const char *text)
{
	struct fixture *fixture = owner;

	(void)text;
	fixture->dones++;
	fixture->seen = event;
}

static uint8_t act(struct fixture *fixture, uint32_t actions)
{
	fixture->dones = 0;
	fixture->charon.asked[0] = '\0';
	skex_ikev2_consumer.act(fixture->ikev2, actions, &fixture->keys, on_done, fixture);
	fake_charon_serve(&fixture->charon);
	assert_int_equal(fixture->dones, 1);
	assert_false(fixture->charon.open);
	return fixture->reason;
}

static enum skex_rotation_event look(struct fixture *fixture)
{
	fixture->dones = 0;
	fixture->charon.asked[0] = '\0';
	skex_ikev2_consumer.look(fixture->ikev2, &fixture->keys, on_seen, fixture);
	fake_charon_serve(&fixture->charon);
	assert_int_equal(fixture->dones, 1);
	assert_false(fixture->charon.open);
	return fixture->seen;
}

static void fails(struct fixture *fixture, uint32_t actions, const char *words)
{
	assert_int_equal(act(fixture, actions), SKEX_ROTATION_CONSUMER);
	if (strstr(fixture->text, words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", fixture->text, words);
	assert_non_null(strstr(fixture->text, "IKEv2 site-b: "));
}

static void promote(struct fixture *fixture)
{
	fixture->keys.old = fixture->keys.active;
	fixture->keys.active = fixture->keys.next;
	fixture->keys.next.there = false;
}

/* A leader whose key A is active. */
static void rotate_to(struct fixture *fixture, uint8_t value)
{
	put_key(fixture, &fixture->keys.next, value);
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	assert_int_equal(act(fixture, SWITCH), SKEX_ROTATION_FINE);
	promote(fixture);
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	fixture->keys.old.there = false;
}

static void leads(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;
	const struct fake_key *key;

	for (charon->piece = 0; charon->piece < 4; charon->piece++) {
		rotate_to(fixture, 0xaa);
		key = fake_charon_key(charon, "skex/site/" UUID_A);
		assert_non_null(key);
		assert_memory_equal(key->data, fixture->keys.active.bytes, 32);
		assert_string_equal(key->owner, UUID_A "@x.skex");
		assert_string_equal(
			fake_charon_conn(charon, "site-" UUID_A)->ppk_id, UUID_A "@x.skex");
		assert_true(fake_charon_conn(charon, "site-" UUID_A)->required);

		/* The next one: both keys are there, and the old SA until the new one is. */
		put_key(fixture, &fixture->keys.next, 0xbb);
		assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
		assert_int_equal(charon->keys_count, 4);
		assert_int_equal(look(fixture), SKEX_ROTATION_USED); /* still A */
		assert_int_equal(charon->sas_count, 3);
		assert_int_equal(act(fixture, SWITCH), SKEX_ROTATION_FINE);
		assert_null(fake_charon_sa(charon, "site-" UUID_A));
		assert_non_null(fake_charon_sa(charon, "site-" UUID_B));
		assert_true(strstr(charon->asked, "initiate") < strstr(charon->asked, "terminate"));
		assert_int_equal(look(fixture), SKEX_ROTATION_USED);
		promote(fixture);
		assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
		assert_null(fake_charon_key(charon, "skex/site/" UUID_A));
		assert_null(fake_charon_conn(charon, "site-" UUID_A));
		assert_int_equal(charon->keys_count, 3);
	}
}

static void follows(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;

	put_key(fixture, &fixture->keys.next, 0xaa);
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(fake_charon_conn(charon, "site")->ppk_id, "*@x.skex");
	assert_true(fake_charon_conn(charon, "site")->required);
	fake_charon_add_sa(charon, "site", true);
	promote(fixture);
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	/* The active key and the leader's are kept, and nothing else of ours. */
	put_key(fixture, &fixture->keys.next, 0xbb);
	fake_charon_add_key(charon, "skex/site/" UUID_C);
	fake_charon_add_key(charon, "skex/site/dddddddd-dddd-dddd-dddd-dddddddddddd");
	memset(fixture->keys.peer_active_id, 0xcc, 16);
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	assert_int_equal(charon->keys_count, 5);
	assert_non_null(fake_charon_key(charon, "skex/site/" UUID_C));
	assert_non_null(fake_charon_sa(charon, "site"));
	assert_null(strstr(charon->asked, "initiate"));
	/* It closes: nothing is left. */
	fixture->keys.next.there = false;
	fixture->keys.active.there = false;
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(charon->keys_count, 2);
	assert_null(fake_charon_conn(charon, "site"));
	assert_null(fake_charon_sa(charon, "site"));
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
}

static unsigned long priority(const struct fixture *fixture)
{
	return strtoul(fake_charon_conn(&fixture->charon, "site")->priority, NULL, 10);
}

/* The policies of each key come behind those of the one before, also after a start. */
static void takes_turns(void **state)
{
	struct fixture *fixture = *state;
	unsigned long first, last;

	put_key(fixture, &fixture->keys.next, 0xaa);
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	first = priority(fixture);
	assert_int_equal(first, 400000 - 512 * (8 + 32) + 1);
	promote(fixture);
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(priority(fixture), first);
	for (unsigned long i = 1; i < 5; i++) {
		skex_ikev2_free(fixture->ikev2);
		assert_int_equal(
			skex_ikev2_new(&fixture->charon.platform, &configs[1], &fixture->ikev2),
			SKEX_OK);
		/* What mends the connection leaves it as it is. */
		assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
		put_key(fixture, &fixture->keys.next, i % 2 != 0 ? 0xbb : 0xaa);
		assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
		assert_int_equal(priority(fixture), first + i);
		fixture->charon.conns[1].required = false;
		assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
		assert_true(fake_charon_conn(&fixture->charon, "site")->required);
		assert_int_equal(priority(fixture), first + i);
		promote(fixture);
	}
	/* It begins anew before it reaches those of wider selectors. */
	last = priority(fixture);
	for (unsigned long i = 0; i < 250; i++) {
		put_key(fixture, &fixture->keys.next, 0xcc);
		assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
		assert_true(priority(fixture) < 400000 - 512 * (8 + 32) + 250);
	}
	assert_int_equal(priority(fixture), last);
}

/* What an agent before this one left behind is found. */
static void leftovers(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;

	fake_charon_add_key(charon, "skex/site/" UUID_A);
	fake_charon_add_conn(charon, "site-" UUID_B);
	fake_charon_add_sa(charon, "site-" UUID_A, true);
	fake_charon_add_sa(charon, "site-" UUID_C, true); /* without a trace elsewhere */
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(charon->keys_count, 2);
	assert_int_equal(charon->conns_count, 1);
	assert_int_equal(charon->sas_count, 2);
	/* More than goes at once. */
	for (int i = 0; i < 20; i++) {
		char name[64];

		(void)snprintf(
			name, sizeof(name), "skex/site/aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaa%02d", i);
		fake_charon_add_key(charon, name);
	}
	fails(fixture, SETTLE, "charon keeps a key");
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(charon->keys_count, 2);
}

static void not_used(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;

	rotate_to(fixture, 0xaa);
	put_key(fixture, &fixture->keys.next, 0xbb);
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	charon->peer_refuses = true;
	fails(fixture, SWITCH, "not in use: received AUTHENTICATION_FAILED; establishing failed");
	charon->peer_refuses = false;
	assert_null(fake_charon_conn(charon, "site-" UUID_B));
	assert_non_null(fake_charon_sa(charon, "site-" UUID_A));
	/* An attempt that goes on is broken off. */
	charon->peer_silent = true;
	fails(fixture, SWITCH, "not established after 10000ms");
	charon->peer_silent = false;
	assert_null(fake_charon_sa(charon, "site-" UUID_B));
	/* A tunnel that is up, and without a PPK. */
	charon->no_ppk = true;
	fails(fixture, SWITCH, "without the PPK");
	charon->no_ppk = false;
	assert_null(fake_charon_sa(charon, "site-" UUID_B));
	charon->no_sa = true;
	fails(fixture, SWITCH, "it is not");
	charon->no_sa = false;
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	fixture->keys.next.there = false;
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(charon->keys_count, 3);
	assert_non_null(fake_charon_sa(charon, "site-" UUID_A));
}

static void lies(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;

	put_key(fixture, &fixture->keys.next, 0xaa);
	charon->refuses_keys = true;
	fails(fixture, STAGE, "charon refuses the key: no  room");
	charon->refuses_keys = false;
	charon->loses_keys = true;
	fails(fixture, STAGE, "did not keep the key");
	charon->loses_keys = false;
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	charon->refuses_conns = true;
	fails(fixture, SWITCH, "charon refuses the connection: invalid value for: proposals");
	charon->refuses_conns = false;
	rotate_to(fixture, 0xaa);
	fixture->keys.active.there = false;
	charon->keeps_keys = true;
	fails(fixture, SETTLE, "keeps a key");
	charon->keeps_keys = false;
	fake_charon_add_sa(charon, "site-" UUID_A, true);
	charon->keeps_sas = true;
	fails(fixture, SETTLE, "keeps an IKE_SA");
	charon->keeps_sas = false;
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	fixture->keys.next.bytes = fixture->bytes[0];
	fixture->keys.next.there = true;
	fixture->keys.next.size = 31;
	fails(fixture, STAGE, "another size");
}

static void spoilt_connection(void **state)
{
	struct fixture *fixture = *state;

	put_key(fixture, &fixture->keys.next, 0xaa);
	fixture->charon.spoils_conns = true;
	fails(fixture, STAGE, "connection is not as it was loaded");
	fixture->charon.spoils_conns = false;
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
}

static void looks(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;

	rotate_to(fixture, 0xaa);
	/* The connection is gone, or changed, and nothing else: it is mended. */
	charon->conns_count = 1;
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	assert_non_null(fake_charon_conn(charon, "site-" UUID_A));
	charon->conns[1].required = false;
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	assert_true(fake_charon_conn(charon, "site-" UUID_A)->required);
	assert_non_null(strstr(charon->log, "had changed the connection"));
	/* An IKE_SA without a PPK is closed, and the one with it stays. */
	fake_charon_add_sa(charon, "site-" UUID_A, false);
	fake_charon_add_sa(charon, "site-" UUID_A, false);
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	assert_int_equal(charon->sas_count, 3);
	assert_true(fake_charon_sa(charon, "site-" UUID_A)->ppk);
	assert_non_null(strstr(charon->log, "without a PPK"));
	/* Without one that has it the key is not in use, and it is brought up again. */
	charon->sas[2].ppk = false;
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	charon->sas[2].child_coming = true;
	charon->peer_refuses = true;
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	charon->sas[2].child_coming = false;
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	charon->sas[2].childless = true;
	charon->peer_refuses = true;
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_int_equal(look(fixture), SKEX_ROTATION_FAILING);
	assert_non_null(strstr(charon->log, "does not come up"));
	charon->peer_refuses = false;
	charon->peer_silent = true;
	charon->sas_count = 2;
	assert_int_equal(look(fixture), SKEX_ROTATION_FAILING);
	assert_int_equal(charon->sas_count, 3);
	assert_int_equal(look(fixture), SKEX_ROTATION_FAILING);
	assert_int_equal(charon->sas_count, 3); /* it is under way */
	charon->sas[2].coming = false;
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	/* The key: it is asked for from time to time, or when the connection is gone too. */
	charon->keys_count = 2;
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	charon->now_ms += 30000;
	assert_int_equal(look(fixture), SKEX_ROTATION_GONE);
	charon->conns_count = 1;
	assert_int_equal(look(fixture), SKEX_ROTATION_GONE);
	assert_int_equal(charon->conns_count, 1);
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	/* Without its bytes it cannot be restored, and nothing is claimed. */
	charon->keys_count = 2;
	fixture->keys.active.bytes = NULL;
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(look(fixture), SKEX_ROTATION_GONE);
}

#define HEARD "using PPK for PPK_ID '" UUID_A "@x.skex'"

/* The follower claims a use only when charon says in its log which PPK it was. */
static void follower_looks(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;

	put_key(fixture, &fixture->keys.next, 0xaa);
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_int_equal(charon->streams, 0);
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	assert_true(charon->ear.registered);
	fake_charon_add_sa(charon, "site", true);
	fake_charon_add_sa(charon, "site", false);
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_int_equal(charon->sas_count, 3);
	/* Said once as long as it stays so, and once more when it is so again. */
	assert_int_equal(charon->logs, 1);
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	fake_charon_add_sa(charon, "site", false);
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	fake_charon_add_sa(charon, "site", false);
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_int_equal(charon->logs, 2);
	fake_charon_log(charon, "using PPK for PPK_ID '" UUID_B "@x.skex'");
	fake_charon_log(charon, HEARD " or not");
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	fake_charon_log(charon, HEARD);
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	/* Not when nothing is up any more, nor for another key. */
	charon->sas_count = 2;
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	fake_charon_add_sa(charon, "site", true);
	promote(fixture);
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_false(charon->ear.open);
	put_key(fixture, &fixture->keys.next, 0xbb);
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	fake_charon_log(charon, HEARD);
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	/* It listens for a minute. */
	charon->now_ms += 59999;
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_true(charon->ear.open);
	charon->now_ms++;
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_false(charon->ear.open);
	charon->keys_count = 2;
	charon->now_ms += 30000;
	assert_int_equal(look(fixture), SKEX_ROTATION_GONE);
}

/* What it hears is no log, or ends: it goes on by the leader's word. */
static void hears_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;

	put_key(fixture, &fixture->keys.next, 0xaa);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
		fake_charon_tell_ear(charon, i == 0 ? "\0\0\0\0" : NULL, 4);
		assert_false(charon->ear.open);
		fake_charon_log(charon, HEARD);
		assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	}
	/* Staged once more: once more from the beginning. */
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	fake_charon_add_sa(charon, "site", true);
	fake_charon_log(charon, HEARD);
	assert_int_equal(look(fixture), SKEX_ROTATION_USED);
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
}

/* Instead of each answer. */
static void broken(struct fixture *fixture, const void *answer, size_t size, const char *words)
{
	struct fake_charon *charon = &fixture->charon;

	charon->answer = answer;
	charon->answer_size = size;
	put_key(fixture, &fixture->keys.next, 0xaa);
	for (charon->breaks_at = 1; charon->breaks_at <= 3; charon->breaks_at++)
		fails(fixture, STAGE, words);
	charon->breaks_at = 0;
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
	for (charon->breaks_at = 1; charon->breaks_at <= 6; charon->breaks_at++)
		fails(fixture, SWITCH, words);
	fixture->keys.next.there = false;
	for (charon->breaks_at = 1; charon->breaks_at <= 4; charon->breaks_at++)
		fails(fixture, SETTLE, words);
	put_key(fixture, &fixture->keys.active, 0xaa);
	for (charon->breaks_at = 1; charon->breaks_at <= 4; charon->breaks_at++) {
		assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
		assert_non_null(strstr(charon->log, words));
	}
	charon->breaks_at = 0;
	fixture->keys.active.there = false;
	assert_int_equal(act(fixture, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(charon->keys_count, 2);
}

static void bad_answers(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;
	static const uint8_t event[] = {0, 0, 0, 4, SKEX_VICI_EVENT, 2, 'n', 'o'};
	static uint8_t endless[1 << 20];

	broken(fixture, NULL, 0, "charon does not answer");
	broken(fixture, "HTTP/1.1 400 Bad Request\r\n", 26, "cannot be read");
	broken(fixture, "\0\x08\0\1\1", 5, "cannot be read");
	broken(fixture, "\0\0\0\1\2", 5, "does not know a request");
	broken(fixture, "\0\0\0\1\6", 5, "does not know a request");
	broken(fixture, "\0\0\0\7\0\5hello", 11, "out of turn");
	/* A packet that says nothing of success. */
	put_key(fixture, &fixture->keys.next, 0xaa);
	charon->answer = "\0\0\0\1\1";
	charon->answer_size = 5;
	charon->breaks_at = 2;
	fails(fixture, STAGE, "charon refuses the key: it does not say why");
	charon->breaks_at = 0;
	/* Events without end: one that nobody asked for, again and again. */
	for (size_t i = 0; i + sizeof(event) <= sizeof(endless); i += sizeof(event))
		memcpy(endless + i, event, sizeof(event));
	charon->breaks_at = 1;
	charon->answer = endless;
	charon->answer_size = sizeof(endless);
	fixture->dones = 0;
	skex_ikev2_consumer.act(fixture->ikev2, STAGE, &fixture->keys, on_done, fixture);
	fake_charon_serve(charon);
	for (int i = 0; i < 64 && fixture->dones == 0; i++)
		charon->events->received(charon->owner, (struct skex_stream *)charon,
			skex_view(endless, sizeof(endless)));
	assert_int_equal(fixture->dones, 1);
	assert_non_null(strstr(fixture->text, "has no end"));
	charon->breaks_at = 0;
	charon->absent = true;
	fails(fixture, STAGE, "cannot be reached");
	charon->absent = false;
	charon->deaf = true;
	fails(fixture, STAGE, "takes nothing");
	charon->deaf = false;
	assert_int_equal(act(fixture, STAGE), SKEX_ROTATION_FINE);
}

/* It hangs, and is given up: then it is asked again. */
static void given_up(void **state)
{
	struct fixture *fixture = *state;

	put_key(fixture, &fixture->keys.next, 0xaa);
	fixture->dones = 0;
	skex_ikev2_consumer.act(fixture->ikev2, STAGE, &fixture->keys, on_done, fixture);
	skex_ikev2_consumer.end(fixture->ikev2);
	fake_charon_serve(&fixture->charon);
	assert_int_equal(fixture->dones, 0);
	rotate_to(fixture, 0xaa);
}

/* What is left of the last answer is not read as one of the next stream. */
static void acts_from_inside(void **state)
{
	struct fixture *fixture = *state;
	struct fake_charon *charon = &fixture->charon;

	put_key(fixture, &fixture->keys.next, 0xaa);
	charon->breaks_at = 2;
	charon->answer = "\0\0\0\1\1 and more";
	charon->answer_size = 14;
	fixture->again = true;
	skex_ikev2_consumer.act(fixture->ikev2, STAGE, &fixture->keys, on_done, fixture);
	fake_charon_serve(charon);
	assert_int_equal(fixture->dones, 1);
	assert_int_equal(fixture->reason, SKEX_ROTATION_CONSUMER);
	assert_true(charon->waits);
	charon->breaks_at = 0;
	fake_charon_serve(charon);
	assert_int_equal(fixture->dones, 2);
	assert_int_equal(fixture->reason, SKEX_ROTATION_FINE);
}

static void said_once(void **state)
{
	struct fixture *fixture = *state;

	put_key(fixture, &fixture->keys.active, 0xaa);
	fixture->charon.absent = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(fixture), SKEX_ROTATION_EVENTS);
	assert_int_equal(fixture->charon.logs, 1);
}

static void refuses_a_wrong_description(void **state)
{
	struct skex_ikev2_config config = configs[0];
	struct skex_ikev2 *ikev2 = NULL;

	(void)state;
	config.settings_count = 0;
	assert_int_equal(skex_ikev2_new(NULL, &config, &ikev2), SKEX_E_ARGUMENT);
	assert_null(ikev2);
	skex_ikev2_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(leads, leader, tear_down),
		cmocka_unit_test_setup_teardown(follows, follower, tear_down),
		cmocka_unit_test_setup_teardown(takes_turns, follower, tear_down),
		cmocka_unit_test_setup_teardown(leftovers, leader, tear_down),
		cmocka_unit_test_setup_teardown(not_used, leader, tear_down),
		cmocka_unit_test_setup_teardown(lies, leader, tear_down),
		cmocka_unit_test_setup_teardown(spoilt_connection, follower, tear_down),
		cmocka_unit_test_setup_teardown(looks, leader, tear_down),
		cmocka_unit_test_setup_teardown(follower_looks, follower, tear_down),
		cmocka_unit_test_setup_teardown(hears_nothing, follower, tear_down),
		cmocka_unit_test_setup_teardown(bad_answers, leader, tear_down),
		cmocka_unit_test_setup_teardown(given_up, leader, tear_down),
		cmocka_unit_test_setup_teardown(acts_from_inside, leader, tear_down),
		cmocka_unit_test_setup_teardown(said_once, leader, tear_down),
		cmocka_unit_test(refuses_a_wrong_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
