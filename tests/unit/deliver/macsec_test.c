/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/hex.h"
#include "deliver/macsec/control.h"
#include "deliver/macsec/macsec.h"
#include "tests/unit/deliver/consumer_world.h"

#define SETTLE ((uint32_t)SKEX_ROTATION_DO_SETTLE)
#define STAGE  ((uint32_t)SKEX_ROTATION_DO_STAGE)
#define SWITCH ((uint32_t)SKEX_ROTATION_DO_SWITCH)

/*
 * Two wpa_supplicants that do what they are asked over their sockets, and lie where the test wants
 * it, for what real ones do not do on demand.  The real ones are in tests/kernel/macsec.py.
 */
struct fake {
	pthread_t thread;
	int fd;
	char path[128];
	pthread_mutex_t lock; /* of all below */

	int network; /* -1: none */
	bool policy;
	char port[80];
	char cak[80];
	char ckn[80];
	unsigned selected; /* how often */

	bool running; /* MKA */
	char running_ckn[80];
	char running_cak[80];
	bool peer; /* somebody at the other end has the key */
	bool server;

	bool deaf;          /* takes it and says nothing */
	bool idle;          /* SELECT_NETWORK does nothing */
	const char *refuse; /* what FAILs: a part of a request */
	const char *blunt;  /* what is answered with OK, though a list or number is asked for */
};

static struct fake fakes[2];
static struct consumer_world world;
static struct skex_macsec_config config;
static struct skex_macsec *macsec;

static void select_it(struct fake *fake)
{
	fake->selected++;
	if (fake->idle)
		return;
	fake->running = fake->policy;
	memcpy(fake->running_ckn, fake->ckn, sizeof(fake->ckn));
	memcpy(fake->running_cak, fake->cak, sizeof(fake->cak));
}

static bool set_it(struct fake *fake, const char *request)
{
	char name[32];
	char value[80];
	int network;

	if (sscanf(request, "SET_NETWORK %d %31s %79s", &network, name, value) != 3 ||
		network != fake->network)
		return false;
	if (strcmp(name, "macsec_policy") == 0)
		fake->policy = value[0] == '1';
	else if (strcmp(name, "mka_cak") == 0)
		(void)snprintf(fake->cak, sizeof(fake->cak), "%s", value);
	else if (strcmp(name, "mka_ckn") == 0)
		(void)snprintf(fake->ckn, sizeof(fake->ckn), "%s", value);
	else if (strcmp(name, "macsec_port") == 0)
		(void)snprintf(fake->port, sizeof(fake->port), "%s", value);
	else
		return strcmp(name, "key_mgmt") == 0 || strcmp(name, "eapol_flags") == 0 ||
			(strcmp(name, "mka_priority") == 0 &&
				strcmp(value, config.leads ? "32" : "16") == 0);
	return true;
}

static void status_of(const struct fake *fake, char *reply, size_t room)
{
	int size = snprintf(reply, room, "bssid=01:80:c2:00:00:03\nwpa_state=COMPLETED\n");

	if (fake->running)
		(void)snprintf(reply + size, room - (size_t)size,
			"PAE KaY status=Active\nSecured=%s\nIs Key Server=%s\n"
			"participant_idx=0\nckn=%s\nlive_peers=%d\n",
			fake->peer ? "Yes" : "No", fake->server ? "Yes" : "No", fake->running_ckn,
			fake->peer);
}

static void answer(struct fake *fake, const char *request, char *reply, size_t room)
{
	int network;
	bool good = false;

	if (fake->refuse != NULL && strstr(request, fake->refuse) != NULL) {
		(void)snprintf(reply, room, "FAIL\n");
		return;
	}
	if (fake->blunt != NULL && strcmp(request, fake->blunt) == 0) {
		(void)snprintf(reply, room, "OK\n");
		return;
	}
	if (strcmp(request, "STATUS") == 0) {
		status_of(fake, reply, room);
		return;
	}
	if (strcmp(request, "LIST_NETWORKS") == 0) {
		(void)snprintf(reply, room, "network id / ssid / bssid / flags\n");
		if (fake->network >= 0)
			(void)snprintf(reply + strlen(reply), room - strlen(reply), "%d\t\tany\t\n",
				fake->network);
		return;
	}
	if (strcmp(request, "ADD_NETWORK") == 0) {
		fake->network = (int)fake->selected + 3;
		fake->policy = false;
		fake->cak[0] = '\0';
		fake->ckn[0] = '\0';
		(void)snprintf(reply, room, "%d\n", fake->network);
		return;
	}
	if (sscanf(request, "REMOVE_NETWORK %d", &network) == 1) {
		good = network == fake->network;
		fake->network = -1; /* and goes on with MKA */
	} else if (sscanf(request, "SELECT_NETWORK %d", &network) == 1) {
		good = network == fake->network;
		select_it(fake);
	} else {
		good = set_it(fake, request);
	}
	(void)snprintf(reply, room, good ? "OK\n" : "UNKNOWN COMMAND\n");
}

static void *serve(void *context)
{
	struct fake *fake = context;
	char request[256];
	char reply[1024];

	for (;;) {
		struct sockaddr_un from;
		socklen_t from_size = sizeof(from);
		const ssize_t got = recvfrom(fake->fd, request, sizeof(request) - 1, 0,
			(struct sockaddr *)&from, &from_size);
		bool deaf;

		if (got <= 0)
			return NULL;
		request[got] = '\0';
		pthread_mutex_lock(&fake->lock);
		deaf = fake->deaf;
		answer(fake, request, reply, sizeof(reply));
		pthread_mutex_unlock(&fake->lock);
		if (!deaf)
			(void)sendto(fake->fd, reply, strlen(reply), 0,
				(const struct sockaddr *)&from, from_size);
	}
}

static void start(struct fake *fake, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(fake, 0, sizeof(*fake));
	fake->network = -1;
	(void)snprintf(fake->path, sizeof(fake->path), "%s", consumer_path(&world, name));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", fake->path);
	fake->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fake->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(pthread_mutex_init(&fake->lock, NULL), 0);
	assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

static void stop(struct fake *fake)
{
	if (fake->fd < 0)
		return;
	assert_int_equal(shutdown(fake->fd, SHUT_RDWR), 0);
	assert_int_equal(pthread_join(fake->thread, NULL), 0);
	(void)close(fake->fd);
	(void)unlink(fake->path);
	fake->fd = -1;
}

static int set_up(void **state)
{
	(void)state;
	consumer_init(&world);
	world.consumer = &skex_macsec_consumer;
	start(&fakes[0], "a");
	start(&fakes[1], "b");
	config = (struct skex_macsec_config){
		.sockets = {fakes[0].path, fakes[1].path},
		.folder = world.folder,
		.route = -1,
		.generic = -1,
		.description = "lab",
	};
	assert_int_equal(skex_macsec_new(world.platform, &config, &macsec), SKEX_OK);
	world.context = macsec;
	return 0;
}

/* The folder is empty then: nothing of ours was left in it. */
static int tear_down(void **state)
{
	(void)state;
	skex_macsec_free(macsec);
	stop(&fakes[0]);
	stop(&fakes[1]);
	consumer_clear(&world);
	return 0;
}

static void change(struct fake *fake, bool *what, bool value)
{
	pthread_mutex_lock(&fake->lock);
	*what = value;
	pthread_mutex_unlock(&fake->lock);
}

/* Runs MKA with this key, and no other; 0: does not. */
static void assert_runs(struct fake *fake, unsigned number)
{
	char text[65] = "";
	const struct skex_rotation_secret key = consumer_key(number);

	pthread_mutex_lock(&fake->lock);
	assert_int_equal(fake->running, number != 0);
	if (number != 0) {
		skex_hex_write(key.id, 16, text);
		assert_string_equal(fake->running_ckn, text);
		skex_hex_write(key.bytes, 32, text);
		assert_string_equal(fake->running_cak, text);
		assert_string_equal(fake->port, fake == &fakes[0] ? "1" : "2");
	}
	pthread_mutex_unlock(&fake->lock);
}

static void rotates(void **state)
{
	uint64_t begun_ms;

	(void)state;
	world.keys.next = consumer_key(1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_runs(&fakes[0], 1);
	assert_runs(&fakes[1], 0);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	change(&fakes[0], &fakes[0].peer, true);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	world.keys = (struct skex_rotation_keys){.active = consumer_key(1)};
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);

	/* The next one comes beside it, and is used when it is seen there. */
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_runs(&fakes[0], 1);
	assert_runs(&fakes[1], 2);
	assert_int_equal(fakes[0].selected, 1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	change(&fakes[1], &fakes[1].peer, true);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	world.keys = (struct skex_rotation_keys){.active = consumer_key(2), .old = consumer_key(1)};
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	assert_runs(&fakes[0], 1);
	/* The other end may send under the old one for a moment. */
	begun_ms = world.platform->now_ms(world.platform->context);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_true(world.platform->now_ms(world.platform->context) - begun_ms >= 3000);
	assert_runs(&fakes[0], 0);
	assert_runs(&fakes[1], 2);
	/* Nothing that is right is touched. */
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(fakes[1].selected, 1);
	assert_int_equal(fakes[0].selected, 2);

	/* The grace is over. */
	world.keys = (struct skex_rotation_keys){0};
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_runs(&fakes[0], 0);
	assert_runs(&fakes[1], 0);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
}

/* At the key server: the other end has the CAK, and maybe not yet the key of frames. */
static void serves(void **state)
{
	uint64_t begun_ms;

	(void)state;
	config.leads = true;
	world.keys.next = consumer_key(1);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	change(&fakes[0], &fakes[0].server, true);
	change(&fakes[0], &fakes[0].peer, true);
	begun_ms = world.platform->now_ms(world.platform->context);
	while (consumer_look(&world) != SKEX_ROTATION_USED)
		(void)usleep(100000);
	assert_true(world.platform->now_ms(world.platform->context) - begun_ms >= 6000);
	/* Another one begins anew. */
	change(&fakes[0], &fakes[0].peer, false);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	change(&fakes[0], &fakes[0].peer, true);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	change(&fakes[0], &fakes[0].server, false);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
}

static void comes_to_nothing(void **state)
{
	(void)state;
	world.keys =
		(struct skex_rotation_keys){.next = consumer_key(2), .active = consumer_key(1)};
	assert_int_equal(consumer_act(&world, SETTLE | STAGE), SKEX_ROTATION_FINE);
	world.keys.next = consumer_key(0);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_true(fakes[0].running != fakes[1].running);
	assert_runs(&fakes[fakes[1].running], 1);
}

static void started_again(void **state)
{
	(void)state;
	world.keys.active = consumer_key(1);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	change(&fakes[0], &fakes[0].peer, true);
	/* An agent that was does not have its bytes. */
	skex_macsec_free(macsec);
	assert_int_equal(skex_macsec_new(world.platform, &config, &macsec), SKEX_OK);
	world.context = macsec;
	world.keys.active = consumer_lost_key(1);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_runs(&fakes[0], 1);
	assert_int_equal(fakes[0].selected, 1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	/* A wpa_supplicant that was knows nothing. */
	change(&fakes[0], &fakes[0].running, false);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	world.keys.active = consumer_key(1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_runs(&fakes[0], 1);
}

static void refuses(void **state)
{
	static const char *const words[] = {"STATUS", "LIST_NETWORKS", "ADD_NETWORK", "key_mgmt",
		"eapol_flags", "macsec_policy", "macsec_port", "mka_priority", "mka_ckn", "mka_cak",
		"SELECT_NETWORK"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		fakes[0].refuse = words[i];
		world.keys.next = consumer_key(1);
		assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
		assert_non_null(strstr(world.text, words[i]));
		assert_null(strstr(world.text, "11111111"));
		assert_false(fakes[0].running);
	}
	/* The last one has left a network. */
	fakes[0].refuse = "REMOVE_NETWORK";
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, "REMOVE_NETWORK"));
	fakes[0].refuse = NULL;
	for (i = 0; i < 3; i++) {
		fakes[0].blunt = words[i];
		assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
		assert_non_null(strstr(world.text, words[i]));
	}
	fakes[0].blunt = NULL;
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
}

static void lies(void **state)
{
	(void)state;
	world.keys.next = consumer_key(1);
	change(&fakes[0], &fakes[0].idle, true);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, "does not do what it was told"));
	assert_int_equal(fakes[0].selected, 1);
	world.keys.next.size = 16;
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, "size"));
}

static void absent(void **state)
{
	(void)state;
	world.keys.next = consumer_key(1);
	change(&fakes[1], &fakes[1].deaf, true);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, "does not answer"));
	change(&fakes[1], &fakes[1].deaf, false);
	stop(&fakes[1]);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, "does not answer"));
	world.keys = (struct skex_rotation_keys){.active = consumer_key(1)};
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_non_null(strstr(world.text, "does not answer"));
	config.folder = "/nowhere/at/all";
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_CONSUMER);
	assert_non_null(strstr(world.text, "/nowhere/at/all"));
}

static void without_bond(void **state)
{
	unsigned i;

	(void)state;
	world.keys.active = consumer_key(1);
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_act(&world, SETTLE | STAGE), SKEX_ROTATION_FINE);
	world.keys.next = consumer_key(0);
	config.bond = "skexnobond";
	config.interfaces[0] = "lo";
	config.interfaces[1] = "skexnoother";
	change(&fakes[1], &fakes[1].peer, true);
	for (i = 0; i < 6; i++) {
		assert_string_equal(world.text, "");
		assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	}
	assert_non_null(strstr(world.text, "there is no bond skexnobond"));
}

/* What is no MACsec interface is not taken for one without keys. */
static void without_interfaces(void **state)
{
	(void)state;
	config.interfaces[0] = "lo";
	config.interfaces[1] = "skexnoother";
	world.keys.next = consumer_key(1);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	assert_string_equal(world.text,
		"MACsec lab: there is no MACsec interface lo; make it with ip link add");
	assert_false(fakes[0].running || fakes[1].running);
}

static void shorter(void **state)
{
	(void)state;
	world.consumer = &skex_macsec_128_consumer;
	world.keys.next = consumer_key(1);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_CONSUMER);
	world.keys.next.size = 16;
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(fakes[0].running_cak, "11111111111111111111111111111111");
}

static void wipes(void **state)
{
	const struct skex_rotation_secret key = consumer_key(1);
	char request[MACSEC_REQUEST_MAX];
	struct macsec_control control;
	const struct macsec_put put = {1, 16, key.id, skex_view(key.bytes, 32)};
	size_t i;

	(void)state;
	memset(request, 0xee, sizeof(request));
	assert_int_equal(macsec_control_open(&control, world.folder, fakes[0].path), SKEX_OK);
	assert_int_equal(macsec_control_put(&control, &put, request), SKEX_OK);
	macsec_control_close(&control);
	assert_runs(&fakes[0], 1);
	for (i = 0; i < sizeof(request); i++)
		assert_int_equal(request[i], 0);
}

/* What is under way is given up, and nothing is called. */
static void ended(void **state)
{
	(void)state;
	world.keys.next = consumer_key(1);
	world.answered = false;
	world.consumer->act(world.context, STAGE, &world.keys, consumer_on_done, &world);
	world.consumer->end(world.context);
	assert_false(world.answered);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(rotates),
		CASE(serves),
		CASE(comes_to_nothing),
		CASE(started_again),
		CASE(refuses),
		CASE(lies),
		CASE(absent),
		CASE(without_bond),
		CASE(without_interfaces),
		CASE(shorter),
		CASE(wipes),
		CASE(ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
