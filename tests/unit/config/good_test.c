/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config/text.h"

static const char *root; /* of the sources */
static char message[SKEX_CONFIG_MESSAGE_MAX];

static void hub_defaults(void **state)
{
	struct skex_hub_config config;

	(void)state;
	assert_int_equal(read_hub(LEAST, strlen(LEAST), &config, message), SKEX_OK);
	assert_string_equal(config.name.text, "a");
	assert_int_equal(config.name.size, 1);
	assert_string_equal(config.directory, "/d");
	assert_string_equal(config.kek.file, "/k");
	assert_string_equal(config.kek.credential, "");
	assert_string_equal(config.kek.passphrase_file, "");
	assert_string_equal(config.admin_socket, "/d/admin.sock");
	assert_int_equal(config.metrics.port, 0);
	assert_int_equal(config.listen_count, 2);
	assert_string_equal(config.listen[0].host, "::");
	assert_int_equal(config.listen[0].port, 7100);
	assert_string_equal(config.listen[1].host, "0.0.0.0");
	/* Nobody can connect to a wildcard. */
	assert_int_equal(config.advertise_count, 0);
	assert_int_equal(config.policy_count, 0);
	assert_null(config.policy);
	assert_true(config.pair_quota_bytes == UINT64_C(1) << 30);
	assert_true(config.unacknowledged_bytes == UINT64_C(64) << 20);
	assert_int_equal(config.lifetime_max_s, 7 * 86400);
	assert_int_equal(config.shards, 1);
	skex_hub_config_clear(&config);
}

static void hub_whole(void **state)
{
	static const char text[] =
		"# a comment with \" and {\n"
		"name : \"hub1\", directory = \"/d\" /* = */ // ]\n"
		"kek = { credential = \"kek\"; };\n"
		"listen = ( \"127.0.0.1:0\", \"[::1]:7101\", \"10.1.2.3:7102\" );\n"
		"policy = ( { between = [ \"b\", \"a\" ]; }, { between = [ \"*\", \"b\" ]; } );\n"
		"quota = { unacknowledged = \"1 MiB\"; };\n"
		"lifetime_max = \"90 s\"; shards = 64; admin_socket = \"/s\";\n"
		"metrics = \"[::1]:9100\";";
	struct skex_hub_config config;

	(void)state;
	if (read_hub(text, strlen(text), &config, message) != SKEX_OK)
		fail_msg("%s", message);
	assert_string_equal(config.kek.credential, "kek");
	assert_int_equal(config.listen_count, 3);
	assert_int_equal(config.advertise_count, 2);
	assert_string_equal(config.advertise[0].host, "::1");
	assert_int_equal(config.advertise[1].port, 7102);
	assert_int_equal(config.policy_count, 2);
	assert_string_equal(config.policy[0].a, "b");
	assert_string_equal(config.policy[0].b, "a");
	assert_string_equal(config.policy[1].a, "*");
	assert_true(config.unacknowledged_bytes == UINT64_C(1) << 20);
	assert_true(config.pair_quota_bytes == UINT64_C(1) << 30);
	assert_int_equal(config.lifetime_max_s, 90);
	assert_int_equal(config.shards, 64);
	assert_string_equal(config.admin_socket, "/s");
	assert_string_equal(config.metrics.host, "::1");
	assert_int_equal(config.metrics.port, 9100);
	skex_hub_config_clear(&config);
	assert_null(config.policy);
}

static void agent_defaults(void **state)
{
	struct skex_agent_config config;

	(void)state;
	assert_int_equal(read_agent(LEAST, strlen(LEAST), &config, message), SKEX_OK);
	assert_string_equal(config.socket, "/d/api.sock");
	assert_int_equal(config.socket_mode, 0660);
	assert_int_equal(config.profiles_count + config.peers_count, 0);
	assert_int_equal(config.identities_count, 0);
	assert_int_equal(config.bindings_count, 0);
	assert_int_equal(config.pool.block_bytes, 1024);
	assert_int_equal(config.pool.blocks, 16);
	assert_int_equal(config.pool.low_keys, 256);
	assert_int_equal(config.pool.high_keys, 1024);
	assert_int_equal(config.pool.reserve_keys, 32);
	assert_int_equal(config.pool.idle_s, 3600);
	assert_int_equal(config.pool.lifetime_s, 86400);
	assert_false(config.etsi014.enabled);
	assert_false(config.require_its);
	assert_int_equal(config.metrics.port, 0);
	skex_agent_config_clear(&config);
}

static void agent_example(void **state)
{
	struct skex_agent_config config;
	char path[512];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/examples/skexd.conf", root);
	if (skex_agent_config_read(path, &config, message) != SKEX_OK)
		fail_msg("%s", message);
	assert_string_equal(config.name.text, "agent1");
	assert_string_equal(config.kek.credential, "kek");
	assert_int_equal(config.profiles_count, 1);
	assert_string_equal(config.profiles[0].name, "main");
	assert_int_equal(config.profiles[0].k, 3);
	assert_int_equal(config.profiles[0].n, 5);
	assert_string_equal(config.profiles[0].hubs[4].name.text, "hub5");
	assert_string_equal(config.profiles[0].hubs[4].owner.text, "abroad");
	assert_int_equal(config.peers_count, 1);
	assert_string_equal(config.peers[0].name.text, "agent2");
	assert_int_equal(config.peers[0].profiles_count, 1);
	assert_string_equal(config.peers[0].profiles[0], "main");
	assert_string_equal(config.peers[0].accept[0], "app:*");
	assert_int_equal(config.peers[0].identities_count, 1);
	assert_string_equal(config.peers[0].identities[0], "sae-agent2");
	assert_string_equal(config.identities[0], "sae-agent1");
	assert_true(config.etsi014.enabled);
	assert_int_equal(config.etsi014.listen.port, 8443);
	assert_int_equal(config.etsi014.max_key_per_request, 128);
	assert_int_equal(config.etsi014.key_bits, 256);
	assert_int_equal(config.bindings_count, 1);
	assert_string_equal(config.bindings[0].name.text, "site-b");
	assert_int_equal(config.bindings[0].role, SKEX_BINDING_LEADS);
	assert_string_equal(config.bindings[0].wireguard.interface, "wg0");
	skex_agent_config_clear(&config);
}

static void check_wireguard(const struct skex_binding_config *binding)
{
	assert_string_equal(binding->wireguard.interface, "wg0");
}

static void check_routing(const struct skex_binding_config *binding)
{
	assert_string_equal(skex_binding_consumer(binding), "routing");
	assert_int_equal(binding->routing.method, 0);
	assert_string_equal(binding->routing.protocol, "ospf1");
	assert_string_equal(binding->routing.interface, "eth1");
	assert_string_equal(binding->routing.file, "/etc/bird/skex/site-b.conf");
	assert_string_equal(binding->routing.socket, "/run/bird/bird.ctl");
}

/* The two snippets of a page: a binding of agent1, and one of agent2. */
static void check_page(const char *name, void (*check)(const struct skex_binding_config *binding))
{
	const char *const ends[] = {"agent1", "agent2"};
	struct skex_agent_config config;
	char path[512];
	char page[16384] = "";
	const char *at = page;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/docs/integration/%s.md", root, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(page, 1, sizeof(page) - 1, file) < sizeof(page) - 1);
	(void)fclose(file);
	for (size_t i = 0; i < 2; i++) {
		char text[4096];
		char mark[32];
		size_t size;

		(void)snprintf(mark, sizeof(mark), "`skexd.conf at %s`", ends[i]);
		at = strstr(at, mark);
		assert_non_null(at);
		at = strstr(at, "```conf\n");
		assert_non_null(at);
		at += strlen("```conf\n");
		size = (size_t)(strstr(at, "```\n") - at);
		(void)snprintf(text, sizeof(text),
			"name=\"%s\"; directory=\"/d\"; kek={file=\"/k\";};\n%.*s", ends[i],
			(int)size, at);
		if (read_agent(text, strlen(text), &config, message) != SKEX_OK)
			fail_msg("%s", message);
		assert_int_equal(config.bindings_count, 1);
		assert_string_equal(config.bindings[0].name.text, "site-b");
		assert_string_equal(config.bindings[0].peer.text, ends[1 - i]);
		assert_int_equal(config.bindings[0].role,
			i == 0 ? SKEX_BINDING_LEADS : SKEX_BINDING_FOLLOWS);
		check(&config.bindings[0]);
		skex_agent_config_clear(&config);
	}
}

static void wireguard_page(void **state)
{
	(void)state;
	check_page("wireguard", check_wireguard);
}

static void routing_page(void **state)
{
	(void)state;
	check_page("routing", check_routing);
}

static void hub_example(void **state)
{
	struct skex_hub_config config;
	char path[512];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/examples/skex-hub.conf", root);
	if (skex_hub_config_read(path, &config, message) != SKEX_OK)
		fail_msg("%s", message);
	assert_int_equal(config.advertise_count, 1);
	assert_int_equal(config.policy_count, 2);
	skex_hub_config_clear(&config);
}

static void agent_lists(void **state)
{
	static const char text[] = LEAST
		"etsi014 = { ca=\"/c\"; certificate=\"/d\"; key=\"/e\"; };\n"
		"profiles = ( { name=\"p\"; k=2; hubs=({name=\"h\";owner=\"o\";},\n"
		"  {name=\"g\";owner=\"o\";}); }, { name=\"q\"; k=2; hubs=(\n"
		"  {name=\"h\";owner=\"o\";}, {name=\"i\";owner=\"o\";}); } );\n"
		"peers = ( { name=\"b\"; profiles=[\"q\",\"p\"]; accept=[]; combine=true; },\n"
		"  { name=\"c\"; profiles=[\"p\"]; accept=[\"a:x\",\"*\"];\n"
		"    identities=[\"KME/C=1\",\"2\"]; } );\n"
		"pairwise = { listen=\"127.0.0.1:7\"; };\n"
		"require_its = true; socket_mode = \"0600\"; pool = { low = 0; reserve = 0; };";
	struct skex_agent_config config;

	(void)state;
	if (read_agent(text, strlen(text), &config, message) != SKEX_OK)
		fail_msg("%s", message);
	assert_true(config.etsi014.enabled);
	assert_string_equal(config.etsi014.kme_id, "a");
	assert_string_equal(config.etsi014.listen.host, "127.0.0.1");
	assert_int_equal(config.profiles_count, 2);
	assert_int_equal(config.profiles[1].n, 2);
	assert_int_equal(config.peers[0].profiles_count, 2);
	assert_int_equal(config.peers[0].accept_count, 0);
	assert_string_equal(config.peers[0].profiles[1], "p");
	assert_true(config.peers[0].combine && !config.peers[1].combine);
	assert_int_equal(config.peers[1].accept_count, 2);
	assert_string_equal(config.peers[1].accept[1], "*");
	assert_int_equal(config.peers[1].identities_count, 2);
	assert_true(config.require_its);
	assert_int_equal(config.socket_mode, 0600);
	assert_int_equal(config.pool.low_keys, 0);
	assert_int_equal(config.pool.high_keys, 1024);
	skex_agent_config_clear(&config);
}

static void agent_kmes(void **state)
{
	static const char text[] =
		LEAST "profiles = ( { name=\"p\"; k=2; hubs=({name=\"h\";owner=\"o\";},\n"
		      "  {name=\"g\";owner=\"o\";}); } );\n"
		      "peers = ( { name=\"c\"; profiles=[\"p\"]; combine=true; },\n"
		      "  { name=\"b\"; profiles=[\"p\"]; } );\n"
		      "qkd014 = ( { name=\"q\"; url=\"https://kme.example:8443/x/\"; ca=\"/c\";\n"
		      "    certificate=\"/d\"; key=\"/e\"; sae_id=\"SAE-A/1\"; key_bits=1024;\n"
		      "    independent=true;\n"
		      "    peers = ( { peer=\"c\"; sae_id=\"SAE-C\"; class=\"its\"; },\n"
		      "      { peer=\"b\"; sae_id=\"SAE-B\"; } ); } );";
	const struct skex_qkd014_config *kme;
	struct skex_agent_config config;

	(void)state;
	/* What hubs make is combined with what it gives: no pair is needed. */
	if (read_agent(text, strlen(text), &config, message) != SKEX_OK)
		fail_msg("%s", message);
	assert_int_equal(config.qkd014_count, 1);
	kme = &config.qkd014[0];
	assert_string_equal(kme->url, "https://kme.example:8443/x");
	assert_string_equal(kme->sae_id, "SAE-A/1");
	assert_int_equal(kme->key_bits, 1024);
	assert_true(kme->independent);
	assert_int_equal(kme->peers_count, 2);
	assert_string_equal(kme->peers[0].name.text, "c");
	assert_string_equal(kme->peers[0].sae_id, "SAE-C");
	assert_int_equal(kme->peers[0].class, SKEX_QKD014_ITS);
	assert_int_equal(kme->peers[1].class, SKEX_QKD014_COMPUTATIONAL);
	skex_agent_config_clear(&config);
}

#define KEY_0 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_1 "+/9zZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ8="

static void agent_bindings(void **state)
{
	/* A name twice in lists of other things, one consumer, all that can be left out. */
	static const char text[] =
		LEAST "bindings = ( { name=\"z\"; peer=\"b\"; role=\"follows\";\n"
		      "    wireguard = { interface=\"wg0\"; public_key=\"" KEY_0 "\"; }; },\n"
		      "  { name=\"c\"; peer=\"b\"; role=\"leads\"; period=\"1 h\"; grace=\"0 s\";\n"
		      "    expired=\"open\"; require=[\"its\",\"confirmed\",\"forward-secret\",\n"
		      "    \"combined\"]; wireguard = { interface=\"wg1.a_b-C\"; socket=\"/s\";\n"
		      "    public_key=\"" KEY_1 "\"; }; },\n"
		      "  { name=\"d\"; peer=\"e\"; role=\"leads\"; expired=\"close\"; require=[];\n"
		      "    wireguard = { interface=\"wg1\"; public_key=\"" KEY_0 "\"; }; } );";
	struct skex_agent_config config;
	const struct skex_binding_config *binding;

	(void)state;
	if (read_agent(text, strlen(text), &config, message) != SKEX_OK)
		fail_msg("%s", message);
	/* In the order of their names. */
	assert_int_equal(config.bindings_count, 3);
	assert_string_equal(config.bindings[0].name.text, "c");
	assert_string_equal(config.bindings[1].name.text, "d");
	assert_string_equal(config.bindings[2].name.text, "z");
	binding = &config.bindings[2];
	assert_string_equal(binding->peer.text, "b");
	assert_int_equal(binding->role, SKEX_BINDING_FOLLOWS);
	assert_int_equal(binding->expired, SKEX_BINDING_CLOSES);
	assert_int_equal(binding->period_s, 120);
	assert_int_equal(binding->grace_s, 86400);
	assert_int_equal(binding->require_count, 1);
	assert_string_equal(binding->require[0], "confirmed");
	assert_true(binding->wireguard.enabled);
	assert_string_equal(binding->wireguard.interface, "wg0");
	assert_string_equal(binding->wireguard.socket, "/var/run/wireguard/wg0.sock");
	assert_string_equal(binding->wireguard.public_key, KEY_0);
	assert_string_equal(skex_binding_consumer(binding), "wireguard");
	binding = &config.bindings[0];
	assert_int_equal(binding->role, SKEX_BINDING_LEADS);
	assert_int_equal(binding->expired, SKEX_BINDING_STAYS_OPEN);
	assert_int_equal(binding->period_s, 3600);
	assert_int_equal(binding->grace_s, 0);
	assert_int_equal(binding->require_count, 4);
	assert_string_equal(binding->require[3], "combined");
	assert_string_equal(binding->wireguard.socket, "/s");
	assert_string_equal(binding->wireguard.public_key, KEY_1);
	assert_int_equal(config.bindings[1].require_count, 0);
	assert_int_equal(config.bindings[1].expired, SKEX_BINDING_CLOSES);
	skex_agent_config_clear(&config);
	assert_null(config.bindings);
}

/* As many peers as fit into a file. */
static void many_peers(void **state)
{
	struct skex_agent_config config;
	size_t size = 1024 * 1024;
	char *text = malloc(size + 1);
	size_t used;
	unsigned count = 0;

	(void)state;
	used = (size_t)snprintf(text, size, "%s",
		LEAST "profiles=({name=\"p\";k=2;hubs=({name=\"h\";owner=\"o\";},"
		      "{name=\"g\";owner=\"o\";});});\npeers=(\n");
	while (used < size - 100)
		used += (size_t)snprintf(text + used, size - used,
			"%s{name=\"p%u\";profiles=[\"p\"];identities=[\"i%u\"];}",
			count > 0 ? ",\n" : "", count, count),
			count++;
	used += (size_t)snprintf(text + used, size - used, ");\n");
	assert_int_equal(read_agent(text, used, &config, message), SKEX_OK);
	assert_int_equal(config.peers_count, count);
	assert_true(count > 15000);
	skex_agent_config_clear(&config);
	free(text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hub_defaults),
		cmocka_unit_test(hub_whole),
		cmocka_unit_test(hub_example),
		cmocka_unit_test(agent_defaults),
		cmocka_unit_test(agent_lists),
		cmocka_unit_test(agent_kmes),
		cmocka_unit_test(agent_bindings),
		cmocka_unit_test(agent_example),
		cmocka_unit_test(wireguard_page),
		cmocka_unit_test(routing_page),
		cmocka_unit_test(many_peers),
	};

	if (argc != 2)
		return 2;
	root = argv[1];
	return cmocka_run_group_tests_name("config good", tests, NULL, NULL);
}
