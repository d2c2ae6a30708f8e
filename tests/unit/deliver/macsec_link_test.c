/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <linux/if_macsec.h>

#include "deliver/macsec/static.h"
#include "tests/unit/deliver/consumer_world.h"
#include "tests/unit/deliver/fake_macsec.h"

/* Static keys of one end, in a kernel that is a thread.  The real thing is tests/kernel/. */

#define STAGE  SKEX_ROTATION_DO_STAGE
#define SWITCH SKEX_ROTATION_DO_SWITCH
#define SETTLE SKEX_ROTATION_DO_SETTLE

static struct consumer_world world;
static struct fake_macsec fake;
static struct skex_macsec_static_config config;
static struct skex_macsec_static *link_end;
static int frames[2];

static void be(bool leads)
{
	skex_macsec_static_free(link_end);
	config.leads = leads;
	assert_int_equal(skex_macsec_static_new(world.platform, &config, &link_end), SKEX_OK);
	world.context = link_end;
}

static int set_up(void **state)
{
	(void)state;
	consumer_init(&world);
	world.consumer = &skex_macsec_static_consumer;
	fake_macsec_start(&fake);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, frames), 0);
	config = (struct skex_macsec_static_config){
		.interface = "macsec7",
		.peer_sci = {2, 0, 0, 0, 0, 2, 0, 1},
		.route = fake.route,
		.generic = fake.generic,
		.packet = frames[0], /* takes no frame */
		.description = "lab",
	};
	link_end = NULL;
	be(true);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	skex_macsec_static_free(link_end);
	fake_macsec_stop(&fake);
	(void)close(frames[0]);
	(void)close(frames[1]);
	consumer_clear(&world);
	return 0;
}

static struct skex_rotation_secret key(unsigned number, uint64_t round)
{
	struct skex_rotation_secret key = consumer_key(number);

	key.round = round;
	return key;
}

static struct macsec_secy now(void)
{
	struct macsec_secy secy;

	pthread_mutex_lock(&fake.lock);
	secy = fake.secy;
	pthread_mutex_unlock(&fake.lock);
	return secy;
}

/* Frames of the peer come in under it. */
static void arrives(unsigned an)
{
	pthread_mutex_lock(&fake.lock);
	fake.secy.rx[an].fine += 3;
	pthread_mutex_unlock(&fake.lock);
}

/* Which keys are there, in the order of their numbers: "1-2-" are keys 1 and 2. */
static void assert_has(const char *text, int encoding)
{
	const struct macsec_secy secy = now();
	unsigned i;

	for (i = 0; i < MACSEC_ANS; i++) {
		const unsigned wanted = text[i] == '-' ? 0 : (unsigned)(text[i] - '0');

		assert_int_equal(secy.tx[i].there ? secy.tx[i].id[0] : 0, wanted);
		assert_int_equal(secy.rx[i].there ? secy.rx[i].id[0] : 0, wanted);
		if (wanted != 0)
			assert_memory_equal(fake.keys[i], consumer_bytes[wanted], secy.key_size);
	}
	assert_int_equal(secy.operational, encoding >= 0);
	if (encoding >= 0)
		assert_int_equal(secy.encoding, encoding);
}

/* The key comes into use at this end. */
static void bring(unsigned number, uint64_t round, unsigned before)
{
	world.keys = (struct skex_rotation_keys){.next = key(number, round)};
	if (before != 0)
		world.keys.active = consumer_lost_key(before);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	world.keys.next.bytes = NULL;
	if (config.leads)
		assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	arrives((unsigned)(round % MACSEC_ANS));
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	world.keys = (struct skex_rotation_keys){.active = consumer_lost_key(number)};
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
}

static void rotates(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		be(i == 0);
		bring(1, 5, 0);
		assert_has("-1--", 1);
		assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
		world.keys.next = key(2, 7);
		assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
		world.keys.next.bytes = NULL;
		assert_has("-1-2", 1);
		/* The leader tries it, and its traffic stays where it was. */
		if (config.leads)
			assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
		assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
		assert_has("-1-2", 1);
		arrives(3);
		assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
		assert_has("-1-2", 3);
		/* It comes to nothing after all, and the old one is used again. */
		assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
		assert_has("-1--", 1);
		bring(3, 8, 1);
		assert_has("3---", 0);
		/* Without a key nothing is left. */
		world.keys = (struct skex_rotation_keys){.swapped = false};
		assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
		assert_has("----", -1);
		assert_false(now().channel);
		assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	}
	for (i = 1; i <= 3; i++)
		assert_int_equal(fake.given[i], 2);
}

/* The follower sends nothing under a key that nothing came in under, and the first one neither. */
static void waits(void **state)
{
	(void)state;
	be(false);
	world.keys.next = key(1, 4);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	world.keys.next.bytes = NULL;
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_has("1---", -1);
	arrives(0);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	assert_has("1---", 0);
}

/* No key is put in twice, whatever became of it. */
static void once(void **state)
{
	(void)state;
	bring(1, 5, 0);
	world.keys.next = key(2, 6);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	world.keys.next.bytes = NULL;
	/* The interface is made anew. */
	pthread_mutex_lock(&fake.lock);
	memset(fake.secy.tx, 0, sizeof(fake.secy.tx));
	memset(fake.secy.rx, 0, sizeof(fake.secy.rx));
	fake.secy.channel = fake.secy.operational = false;
	pthread_mutex_unlock(&fake.lock);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	assert_int_equal(consumer_act(&world, SETTLE | STAGE), SKEX_ROTATION_LOST);
	assert_non_null(strstr(world.text, "macsec7 has lost the key"));
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_LOST);
	assert_has("----", -1);
	assert_int_equal(fake.given[1] + fake.given[2], 2);
	/* What it had before the start goes on. */
	bring(3, 7, 0);
	be(true);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	assert_has("---3", 3);
	/* The number of the one in use is not taken. */
	world.keys.next = key(2, 11);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, "the number of the new key"));
	assert_has("---3", 3);
}

/* The next key is gone, and the one in use is not: that goes on. */
static void undone(void **state)
{
	(void)state;
	bring(1, 5, 0);
	world.keys.next = key(2, 6);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	world.keys.next.bytes = NULL;
	fake.secy.tx[2] = (struct macsec_sa){.there = false};
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_UNDONE);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_has("-1--", 1);
	/* That one is gone. */
	fake.secy.rx[1] = (struct macsec_sa){.there = false};
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
}

static void numbers_end(void **state)
{
	(void)state;
	bring(1, 5, 0);
	pthread_mutex_lock(&fake.lock);
	fake.secy.rx[1].pn = UINT32_C(1) << 31;
	pthread_mutex_unlock(&fake.lock);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_ORDER);
	be(false);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	be(true);
	/* As the kernel leaves it. */
	pthread_mutex_lock(&fake.lock);
	fake.secy.tx[1].pn = 0;
	fake.secy.tx[1].active = fake.secy.operational = false;
	pthread_mutex_unlock(&fake.lock);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_ORDER);
	assert_non_null(strstr(world.text, "used up"));
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	world.keys.next = key(2, 6);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	world.keys.next.bytes = NULL;
	/* There is nothing to go back to. */
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	assert_has("-12-", 2);
	assert_int_equal(now().tx[1].pn, 0);
}

static void refuses(const char *text)
{
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, text));
	assert_null(strstr(world.text, "\x11"));
	assert_has("----", -1);
}

static void unsound(void **state)
{
	struct macsec_secy *secy = &fake.secy;
	bool *const must[] = {&secy->protects, &secy->encrypts, &secy->strict};
	unsigned i;

	(void)state;
	world.keys.next = key(1, 5);
	for (i = 0; i < 3; i++) {
		*must[i] = false;
		refuses("frames pass without protection");
		*must[i] = true;
	}
	fake.suite = MACSEC_CIPHER_ID_GCM_AES_XPN_256;
	refuses("another cipher than gcm-aes-256");
	fake.suite = MACSEC_DEFAULT_CIPHER_ID;
	refuses("another cipher than gcm-aes-256");
	fake.suite = MACSEC_CIPHER_ID_GCM_AES_256;
	secy->sci[5] = 2;
	refuses("the same nonces");
	secy->sci[5] = 1;
	world.keys.next.size = 16;
	refuses("another size");
	world.keys.next.size = 32;
	/* Closing works with an interface of any kind. */
	bring(1, 5, 0);
	secy->strict = false;
	assert_false(world.consumer->unsafe(world.context));
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_non_null(strstr(world.text, "without protection"));
	assert_true(world.consumer->unsafe(world.context));
	secy->strict = true;
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	assert_string_equal(world.text, "");
	assert_false(world.consumer->unsafe(world.context));
	secy->strict = false;
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	world.keys = (struct skex_rotation_keys){.swapped = false};
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_has("----", -1);
}

/* What becomes unsound while it has a key. */
static void changes(void **state)
{
	struct macsec_secy *secy = &fake.secy;

	(void)state;
	bring(1, 5, 0);
	secy->replays = true;
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	assert_non_null(strstr(world.text, "replay is off"));
	assert_false(world.consumer->unsafe(world.context));
	secy->replays = false;
	world.keys.next = key(2, 6);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	world.keys.next.bytes = NULL;
	/* It has the peer's SCI now: nothing is sent any more, under either key. */
	secy->sci[5] = 2;
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	assert_non_null(strstr(world.text, "the same nonces"));
	assert_false(now().tx[1].there || now().tx[2].there || now().operational);
	/* Nor does a key come back. */
	world.keys.active = (struct skex_rotation_secret){.there = false};
	assert_int_equal(consumer_act(&world, SETTLE | STAGE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, "the same nonces"));
	world.keys.next = world.keys.active;
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_has("----", -1);
	assert_int_equal(fake.given[1] + fake.given[2], 2);
}

static void absent(void **state)
{
	(void)state;
	world.keys.next = key(1, 5);
	fake.allowed = false;
	refuses("CAP_NET_ADMIN");
	fake.allowed = true;
	fake.deaf = true;
	refuses("does not have the keys");
	fake.deaf = false;
	fake.there = false;
	refuses("there is no MACsec interface macsec7; make it with ip link add");
	world.keys.active = consumer_lost_key(1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_non_null(strstr(world.text, "there is no MACsec interface"));
	fake.there = true;
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	assert_int_equal(fake.given[1], 0);
}

static void assert_unreadable(void)
{
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_non_null(strstr(world.text, "the kernel cannot be asked about macsec7"));
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_CONSUMER);
	assert_has("-1--", 1);
}

/* An interface that is missing in an answer which is not whole is not missing. */
static void half_answers(void **state)
{
	(void)state;
	bring(1, 5, 0);
	fake.torn = 3;
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	assert_int_equal(fake.torn, 0);
	fake.torn = 100;
	assert_unreadable();
	fake.torn = 0;
	fake.broken = -ENOBUFS;
	assert_unreadable();
	fake.broken = 0;
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
}

/* The last of a list may end without padding, and what is behind it is no part of it. */
static void lists_end(void **state)
{
	struct {
		struct rtattr head;
		char value[4];
		struct rtattr behind;
		char more[4];
	} list = {{5, 1}, "x", {8, 2}, "y"};
	struct macsec_list rest = {(char *)&list, 5};

	(void)state;
	assert_ptr_equal(macsec_find(&list, 16, 1), &list.head);
	assert_ptr_equal(macsec_find(&list, 16, 2), &list.behind);
	assert_ptr_equal(macsec_find(&list, 5, 1), &list.head);
	assert_null(macsec_find(&list, 5, 2));
	assert_null(macsec_find(&list, 15, 2));
	assert_null(macsec_find(&list, 4, 1));
	assert_null(macsec_find(&list, 3, 1));
	assert_ptr_equal(macsec_take(&rest), &list.head);
	assert_null(macsec_take(&rest));
	list.head.rta_len = 3;
	assert_null(macsec_find(&list, 16, 1));
	assert_null(macsec_find_in(NULL, 1));
}

/* What something else has put there goes, in its own time nothing of it is used. */
static void foreign(void **state)
{
	(void)state;
	fake.secy.others_count = 2;
	fake.secy.tx[2] = (struct macsec_sa){.there = true, .active = true, .pn = 9, .id = {99}};
	bring(1, 5, 0);
	assert_int_equal(now().others_count, 0);
	assert_has("-1--", 1);
	/* And what sends is put right. */
	pthread_mutex_lock(&fake.lock);
	fake.secy.encoding = 2;
	fake.secy.operational = false;
	pthread_mutex_unlock(&fake.lock);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	assert_has("-1--", 1);
}

static void of_128_bits(void **state)
{
	(void)state;
	world.consumer = &skex_macsec_static_128_consumer;
	fake.suite = MACSEC_DEFAULT_CIPHER_ID;
	fake.secy.key_size = 16;
	world.keys.next = key(1, 5);
	world.keys.next.size = 16;
	assert_int_equal(consumer_act(&world, STAGE | SWITCH), SKEX_ROTATION_FINE);
	assert_has("-1--", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rotates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(undone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(numbers_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unsound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(absent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(half_answers, set_up, tear_down),
		cmocka_unit_test(lists_end),
		cmocka_unit_test_setup_teardown(foreign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(of_128_bits, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
