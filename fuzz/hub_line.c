/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "api/hub_admin.h"
#include "core/math/math.h"
#include "crypto/openssl.h"
#include "fuzz/fuzz.h"
#include "hub/internal.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/disk_node.h"
#include "tests/unit/api/fake_net.h"

/*
 * What an operator sends to a hub: a real hub on a disk in memory.  The first byte says as whom and
 * in which pieces, the rest comes in as it is.  Who is no operator gets nothing done: all that is
 * answered is the refusal.
 */

#define DIRECTORY "/disk/hub"
#define TURNS     40u

static struct fake_net net;
static struct disk *disk;
static uint64_t dice;
static uint8_t kek[SKEX_KEK_BYTES];
static struct skex_store *store;
static struct skex_registry *registry;
static struct skex_hub_config config;
static struct skex_hub *hub;
static struct skex_token_hub *tokens;
static struct skex_enrol_hub enrol;
static struct skex_api_server *server;
static struct skex_hub_admin *admin;

static enum skex_error random_bytes(void *context, void *out, size_t size)
{
	uint8_t *at = out;

	(void)context;
	while (size-- > 0)
		*at++ = (uint8_t)disk_random(&dice);
	return SKEX_OK;
}

static uint64_t wall_ms(void *context)
{
	(void)context;
	return UINT64_C(1700000000000);
}

static void open_hub(void)
{
	const struct skex_hub_setup setup = {
		.platform = &net.platform,
		.crypto = skex_crypto_openssl(),
		.math = skex_math_select(0),
		.store = store,
		.registry = registry,
		.config = &config,
		.directory = DIRECTORY,
		.kek = kek,
	};

	must(skex_hub_new(&setup, &hub) == SKEX_OK);
	enrol = (struct skex_enrol_hub){
		.platform = setup.platform,
		.crypto = setup.crypto,
		.store = store,
		.registry = registry,
		.directory = DIRECTORY,
		.kek = kek,
		.addresses = "192.0.2.1 7100",
	};
	enrol.name = config.name;
	memcpy(enrol.hub, skex_hub_id(hub), sizeof(enrol.hub));
	const struct skex_token_hub_setup token_setup = {
		.platform = setup.platform,
		.crypto = setup.crypto,
		.store = store,
		.enrol = &enrol,
		.hub = hub,
	};
	must(skex_token_hub_new(&token_setup, &tokens) == SKEX_OK);
}

/* The server sets the mode of what lies where it thinks that its socket is: a file, for a moment.
 */
static void open_server(void)
{
	const struct skex_hub_admin_setup setup = {&net.platform, hub, &config, &enrol, tokens};
	char path[64];

	must(skex_api_server_new(&net.platform, &server) == SKEX_OK);
	must(skex_hub_admin_new(&setup, server, &admin) == SKEX_OK);
	(void)snprintf(path, sizeof(path), "/tmp/skex-fuzz-hub-%d", (int)getpid());
	must(skex_api_server_listen(server, path, 0600) == SKEX_OK);
	(void)unlink(path);
}

static void open_all(void)
{
	static const char *const names[] = {
		DIRECTORY, DIRECTORY "/store", DIRECTORY "/pads", DIRECTORY "/spool"};
	const struct skex_files *files;

	dice = 5;
	fake_net_init(&net);
	disk = disk_new();
	files = disk_files(disk);
	net.platform.files = files;
	net.platform.random = random_bytes;
	net.platform.wall_ms = wall_ms;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		must(files->make_directory(files->context, names[i]) == SKEX_OK);
	config = (struct skex_hub_config){.lifetime_max_s = 3600};
	must(skex_name_parse(&config.name, skex_view("hub1", 4)));
	must(skex_log_store_open(&net.platform, skex_crypto_openssl(), DIRECTORY "/store", kek,
		     &store) == SKEX_OK);
	must(skex_registry_open(":memory:", &registry) == SKEX_OK);
	open_hub();
	open_server();
}

static void close_all(void)
{
	skex_api_server_free(server);
	skex_token_hub_free(tokens);
	skex_hub_free(hub);
	skex_store_close(store);
	skex_hub_admin_free(admin);
	skex_registry_close(registry);
	disk_free(disk);
}

static void turn(void)
{
	net.now_ms += 10;
	(void)skex_hub_admin_turn(admin, net.now_ms);
	(void)skex_token_hub_turn(tokens, net.now_ms);
	(void)skex_hub_turn(hub, net.now_ms);
	(void)skex_api_server_turn(server, net.now_ms);
	(void)disk_turn(disk);
}

/* Until nothing is heard any more. */
static size_t listen(struct skex_stream *client, bool trusted)
{
	size_t heard = 0;

	for (unsigned i = 0; i < TURNS; i++) {
		const char *text;

		turn();
		text = client->closed ? "" : fake_take(client);
		if (text[0] == '\0')
			continue;
		heard += strlen(text);
		must(trusted || strncmp(text, "{\"error\"", 8) == 0 ||
			strstr(text, "\"error\"") != NULL);
		must(text[strlen(text) - 1] == '\n');
		i = 0;
	}
	return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const bool trusted = size > 0 && data[0] % 4 != 0;
	struct skex_stream *client;

	if (size == 0)
		return 0;
	open_all();
	client = fake_connect(&net, trusted ? (uint32_t)geteuid() : 54321);
	for (size_t at = 1; at < size && !client->closed && !client->paused;) {
		const size_t most = 1 + data[0] * 7u;
		const size_t piece = most < size - at ? most : size - at;

		fake_send_bytes(client, data + at, piece);
		at += piece;
		turn();
		if (memchr(data + at - piece, '\n', piece) != NULL)
			(void)listen(client, trusted);
	}
	if (!client->closed)
		fake_hang_up(client);
	turn();
	close_all();
	fake_stream_free(client);
	return 0;
}
