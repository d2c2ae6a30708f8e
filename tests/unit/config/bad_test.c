/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config/text.h"

/* What is written after the obligatory settings, and the message without the name of the file. */
struct bad {
	const char *text;
	const char *message; /* how it begins */
};

static char message[SKEX_CONFIG_MESSAGE_MAX];

static void check_message(enum skex_error error, const struct bad *bad)
{
	const char *what = strchr(message, ':');

	if (error != SKEX_E_CONFIG || what == NULL ||
		strncmp(what + 1, bad->message, strlen(bad->message)) != 0)
		fail_msg("%s\nerror %x, message: %s\nwanted: %s", bad->text, error, message,
			bad->message);
	/* What is wrong, and what to do instead. */
	assert_int_equal(strncmp(message, "/tmp/skex-config-", 17), 0);
	if (what == NULL || strpbrk(what, ";?") == NULL)
		fail_msg("%s", message);
}

static void check_agent_text(const char *text, const struct bad *bad)
{
	struct skex_agent_config config;
	struct skex_agent_config before;

	memset(&config, 0x5a, sizeof(config));
	before = config;
	check_message(read_agent(text, strlen(text), &config, message), bad);
	assert_memory_equal(&config, &before, sizeof(config));
}

static void check_agent(const struct bad *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[4096];

		(void)snprintf(text, sizeof(text), "%s%s", LEAST, cases[i].text);
		check_agent_text(text, &cases[i]);
	}
}

#define CHECK_AGENT(cases) check_agent(cases, sizeof(cases) / sizeof((cases)[0]))

static void check_hub(const struct bad *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct skex_hub_config config;
		struct skex_hub_config before;
		char text[4096];

		memset(&config, 0x5a, sizeof(config));
		before = config;
		(void)snprintf(text, sizeof(text), "%s%s", LEAST, cases[i].text);
		check_message(read_hub(text, strlen(text), &config, message), &cases[i]);
		assert_memory_equal(&config, &before, sizeof(config));
	}
}

static void values(void **state)
{
	static const struct bad cases[] = {
		{"pool={idle=\"30\";};",
			"2: pool.idle: \"30\" is not allowed; allowed: 1 s to 400 d"},
		{"pool={idle=30;};", "2: pool.idle: needs a time with its unit"},
		{"\npool={idle=\"3x\";};", "3: pool.idle: \"3x\" is not allowed"},
		{"pool={idle=\"30 ms\";};", "2: pool.idle: \"30 ms\" is not allowed"},
		{"pool={idle=\"1500 ms\";};", "2: pool.idle: \"1500 ms\" is not allowed"},
		{"pool={idle=\"0 s\";};", "2: pool.idle: \"0 s\" is not allowed"},
		{"pool={idle=\"401 d\";};", "2: pool.idle: \"401 d\" is not allowed"},
		{"pool={idle=\"010 s\";};", "2: pool.idle: \"010 s\" is not allowed"},
		{"pool={idle=\"1.9 h\";};", "2: pool.idle: \"1.9 h\" is not allowed"},
		{"pool={idle=\"-1 h\";};", "2: pool.idle: \"-1 h\" is not allowed"},
		{"pool={idle=\"99999999999999999999 d\";};",
			"2: pool.idle: \"99999999999999999999 d\" is not allowed"},
		{"pool={block=\"1 kb\";};",
			"2: pool.block: \"1 kb\" is not allowed; allowed: 16 B to 64 KiB, in steps "
			"of 16 B"},
		{"pool={block=\"1000 B\";};", "2: pool.block: \"1000 B\" is not allowed"},
		{"pool={block=\"65 KiB\";};", "2: pool.block: \"65 KiB\" is not allowed"},
		{"pool={block=1024;};", "2: pool.block: needs a size with its unit"},
		{"pool={blocks=0;};", "2: pool.blocks: 0 is not allowed; allowed: 1 to 256"},
		{"pool={blocks=257;};", "2: pool.blocks: 257 is not allowed"},
		{"pool={blocks=-1;};", "2: pool.blocks: -1 is not allowed"},
		{"pool={blocks=4294967297;};",
			"2: pool.blocks: 4294967297 is not a whole number up to 2147483647"},
		{"pool={blocks=010;};", "2: pool.blocks: 010 is not a whole number"},
		{"pool={blocks=0x10;};", "2: pool.blocks: 0x10 is not a whole number"},
		{"pool={blocks=+1;};", "2: pool.blocks: +1 is not a whole number"},
		{"pool={blocks=10L;};", "2: pool.blocks: 10L is not a whole number"},
		{"pool={blocks=1.9;};", "2: pool.blocks: 1.9 is not a whole number"},
		{"pool={blocks=1e3;};", "2: pool.blocks: 1e3 is not a whole number"},
		{"pool={blocks=3x;};", "2: pool.blocks: 3x is not a whole number"},
		{"pool={blocks=30 s;};", "2: pool.s: is followed by no value"},
		{"pool={blocks=99999999999999999999;};",
			"2: pool.blocks: 99999999999999999999 is not a whole number"},
		{"pool={blocks=\"16\";};", "2: pool.blocks: needs a whole number"},
		{"pool={blocks=true;};", "2: pool.blocks: needs a whole number"},
		{"require_its=maybe;", "2: require_its: maybe is neither a number nor true"},
		{"require_its=yes;", "2: require_its: yes is neither a number nor true"},
		{"require_its=TRUE;", "2: require_its: TRUE is neither a number nor true"},
		{"require_its=1;", "2: require_its: needs true or false"},
		{"require_its=\"true\";", "2: require_its: needs true or false"},
		{"socket_mode=0660;", "2: socket_mode: 0660 is not a whole number"},
		{"socket_mode=\"660\";", "2: socket_mode: \"660\" is not allowed"},
		{"socket_mode=\"0666\";", "2: socket_mode: \"0666\" is not allowed"},
		{"socket_mode=\"0460\";", "2: socket_mode: \"0460\" is not allowed"},
		{"metrics=\"localhost:9100\";", "2: metrics: \"localhost:9100\" is not allowed"},
		{"metrics=\"127.0.0.1\";", "2: metrics: \"127.0.0.1\" is not allowed"},
		{"metrics=\"127.0.0.1:0\";", "2: metrics: \"127.0.0.1:0\" is not allowed"},
		{"metrics=9100;", "2: metrics: needs text in quotes"},
		/* Of a path nothing is repeated: it might be the passphrase itself. */
		{"socket=\"s3cret\";", "2: socket: not allowed; allowed: an absolute path"},
		{"socket=\"\";", "2: socket: not allowed"},
		{"identities=[\"\"];", "2: identities[0]: \"\" is not allowed"},
		{"identities=[\"a b\"];", "2: identities[0]: \"a b\" is not allowed"},
		{"identities=[\"ok\",\"a\\\"\"];", "2: identities[1]: \"a\"\" is not allowed"},
		{"identities=[1];", "2: identities[0]: needs text in quotes"},
		{"identities=\"x\";", "2: identities: needs a list"},
		{"pool=1;", "2: pool: needs a group"},
		{"pool=({});", "2: pool: needs a group"},
		{"peers={};", "2: peers: needs a list"},
		{"peers=[];", "2: peers: needs a list"},
		{"peers=(1);", "2: peers[0]: needs a group"},
	};

	(void)state;
	CHECK_AGENT(cases);
}

static void names(void **state)
{
	static const struct bad cases[] = {
		{"sockt=\"/x\";", "2: sockt: unknown setting; did you mean socket?"},
		{"pool={lifetim=\"1 h\";};",
			"2: pool.lifetim: unknown setting; did you mean lifetime?"},
		{"pool={LOW=1;};", "2: pool.LOW: unknown setting; known are block, blocks, low"},
		{"frobnicate=1;", "2: frobnicate: unknown setting; known are name, directory"},
		{"listen=[\"[::]:1\"];", "2: listen: unknown setting; known are"},
		{"kek2=1;", "2: kek2: unknown setting; did you mean kek?"},
		{"name=\"b\";", "2: name: is there twice; keep one of them"},
		{"pool={low=1;\nhigh=2;\nlow=3;};", "4: pool.low: is there twice"},
		{"peers=({name=\"b\";profiles=[\"m\"];name=\"c\";});",
			"2: peers.name: is there twice"},
		{"skip={};",
			"2: skip: clients have to be known in one way; write psk_file, or ca, "
			"certificate and key"},
		{"skip={psk_file=\"/p\"; ca=\"/c\";};",
			"2: skip: clients have to be known in one way; write psk_file, or ca, "
			"certificate and key"},
		{"etsi014={ca=\"/a\"; certificate=\"/b\";};",
			"2: etsi014: key is missing; write an absolute path"},
		{"peers=({name=\"b\";address=\"x\";});", "2: peers[0].address: \"x\" is no"},
		{"peers=({name=\"b\";address=\"x:0\";});", "2: peers[0].address:"},
		{"peers=({name=\"b\";combine=1;});", "2: peers[0].combine: needs true or false"},
		{"pairwise={};", "2: pairwise: listen is missing"},
		{"pairwise={listen=\"host:1\";};", "2: pairwise.listen:"},
		{"pairwise={listen=\"::1:1\";};", "2: pairwise.listen:"},
		{"profiles=({name=\"m\";hubs=();});",
			"2: profiles[0]: k is missing; write 2 to 16"},
	};
	static const struct bad missing[] = {
		{"directory=\"/d\"; kek={file=\"/k\";};", "1: name: is missing; write 1 to 63"},
		{"name=\"a\"; kek={file=\"/k\";};", "1: directory: is missing; write an absolute"},
		{"name=\"a\"; directory=\"/d\";", "1: kek: is missing; write a group"},
		{"", "1: name: is missing"},
		{"\n\n# nothing\n", "1: name: is missing"},
		{"name=\"A\"; directory=\"/d\";",
			"1: name: \"A\" is not allowed; allowed: 1 to 63"},
		{"name=\"a\"; directory=\"d\";", "1: directory: not allowed; allowed: an absolute"},
		{"name=\"a\"; directory=\"/d\"; kek={};", "1: kek: has 0 of its settings; write "},
		{"name=\"a\"; directory=\"/d\"; kek={file=\"/k\"; credential=\"c\";};",
			"1: kek: has 2 of its settings; write exactly one"},
		{"name=\"a\"; directory=\"/d\"; kek={credential=\"../c\";};",
			"1: kek.credential: not allowed; allowed: 1 to 63"},
		{"name=\"a\"; directory=\"/d\"; kek={passphrase_file=\"hunter2\";};",
			"1: kek.passphrase_file: not allowed; allowed: an absolute path of at most "
			"511 bytes, or -"},
	};

	(void)state;
	CHECK_AGENT(cases);
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		check_agent_text(missing[i].text, &missing[i]);
		assert_null(strstr(message, "hunter2"));
	}
}

#define PROFILE(k, hubs) "profiles=({name=\"m\";k=" k ";hubs=(" hubs ");});\n"
#define HUB(name)        "{name=\"" name "\";owner=\"o\";}"
#define MAIN             PROFILE("2", HUB("h1") "," HUB("h2"))

static void cross_checks(void **state)
{
	static const struct bad cases[] = {
		{PROFILE("3", HUB("h1") "," HUB("h2")),
			"2: profiles[0].k: 3 is more than the 2 hubs of this profile; allowed: 2 "
			"to 2"},
		{PROFILE("1", HUB("h1") "," HUB("h2")), "2: profiles[0].k: 1 is not allowed"},
		{PROFILE("17", HUB("h1") "," HUB("h2")), "2: profiles[0].k: 17 is not allowed"},
		{PROFILE("2", HUB("h1")), "2: profiles[0].hubs: has 1 elements; allowed: 2 to 16"},
		{PROFILE("2", HUB("h1") "," HUB("h1")),
			"2: profiles[0].hubs[1]: this hub is in the profile twice"},
		{"profiles=({name=\"m\";k=2;hubs=(" HUB("h1") "," HUB(
			 "h2") ");},\n"
			       "{name=\"m\";k=2;hubs=(" HUB("h1") "," HUB("h2") ");});",
			"3: profiles[1]: this profile is there twice; \"m\""},
		{"peers=({name=\"b\";profiles=[\"m\"];});",
			"2: peers[0].profiles[0]: there is no profile \"m\""},
		{MAIN "peers=({name=\"b\";profiles=[\"m\",\"m\"];});",
			"3: peers[0].profiles[1]: this profile is named twice"},
		{MAIN "peers=({name=\"b\";profiles=[\"m\",\"m\",\"m\",\"m\",\"m\","
		      "\"m\",\"m\",\"m\",\"m\"];});",
			"3: peers[0].profiles: has 9 elements; allowed: 0 to 8"},
		{"peers=({name=\"b\";combine=true;});\npairwise={listen=\"[::1]:7\";};",
			"2: peers[0].combine: keys are combined out of those of hubs and of a "
			"KME or a pair; name profiles for this peer"},
		{MAIN "peers=({name=\"b\";profiles=[\"m\"];combine=true;});",
			"3: peers[0].combine: keys are combined out of those of hubs and of a "
			"KME or a pair; name the peer in qkd014, or set pairwise.listen"},
		{MAIN "peers=({name=\"a\";profiles=[\"m\"];});",
			"3: peers[0].name: \"a\" is this agent itself"},
		{MAIN "peers=({name=\"b\";profiles=[\"m\"];},\n{name=\"c\";profiles=[\"m\"];},\n"
		      "{name=\"b\";profiles=[\"m\"];});",
			"5: peers[2]: this peer is there twice; \"b\""},
		{MAIN "peers=({name=\"b\";profiles=[\"m\"];accept=[\"app:*x\"];});",
			"3: peers[0].accept[0]: \"app:*x\" is not allowed"},
		{MAIN "peers=({name=\"b\";profiles=[\"m\"];identities=[\"x\"];},\n"
		      "{name=\"c\";profiles=[\"m\"];identities=[\"y\",\"x\"];});",
			"4: peers[1].identities[1]: this identity is there twice; \"x\""},
		{"identities=[\"x\"];\n" MAIN
		 "peers=({name=\"b\";profiles=[\"m\"];identities=[\"x\"];});",
			"4: peers[0].identities[0]: this identity is there twice"},
		{"identities=[\"x\",\"x\"];", "2: identities[1]: this identity is there twice"},
		{"pool={low=5;high=4;reserve=1;};", "2: pool: low is 5 and high is 4"},
		{"pool={low=5;high=9;reserve=6;};", "2: pool: reserve is 6 and low is 5"},
		{"pool={low=2000;};", "2: pool: low is 2000 and high is 1024"},
	};

	(void)state;
	CHECK_AGENT(cases);
}

#define DIGITS           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* 42 of them */
#define GROUP(name, key) "wireguard={interface=\"" name "\";public_key=\"" key "\";};"
#define WG               GROUP("wg0", DIGITS "A=")
#define BINDING(members) "bindings=({name=\"x\";" members "});"
#define USUAL            "peer=\"b\";role=\"leads\";"
#define SOCKETS          "sockets=[\"/a\",\"/b\"];"
#define STATIC           "macsec={mode=\"static\";"
#define SCI              "0200000000010001"
#define TWO(a, b)        "bindings=({name=\"x\";" USUAL a "},\n{name=\"y\";" USUAL b "});"
#define NO_KEY           "2: bindings[0].wireguard.public_key: this is no public key of WireGuard"

static void bindings(void **state)
{
	static const struct bad cases[] = {
		{"bindings={};", "2: bindings: needs a list"},
		{"bindings=({});", "2: bindings[0]: name is missing"},
		{BINDING("role=\"leads\";" WG), "2: bindings[0]: peer is missing"},
		{BINDING("peer=\"b\";" WG),
			"2: bindings[0]: role is missing; write leads or follows"},
		{BINDING("peer=\"b\";role=\"lead\";" WG),
			"2: bindings[0].role: \"lead\" is not allowed; allowed: leads or follows"},
		{BINDING("peer=\"b\";role=\"leads|follows\";" WG),
			"2: bindings[0].role: \"leads|follows\" is not allowed"},
		{BINDING("peer=\"b\";role=\"\";" WG), "2: bindings[0].role: \"\" is not allowed"},
		{BINDING("peer=\"b\";role=\"Leads\";" WG),
			"2: bindings[0].role: \"Leads\" is not allowed"},
		{BINDING("peer=\"b\";role=true;" WG), "2: bindings[0].role: needs text in quotes"},
		{BINDING(USUAL "expired=\"never\";" WG),
			"2: bindings[0].expired: \"never\" is not allowed; allowed: close or open"},
		{BINDING(USUAL "period=\"0 s\";" WG),
			"2: bindings[0].period: \"0 s\" is not allowed; allowed: 1 s to 400 d"},
		{BINDING(USUAL "grace=\"401 d\";" WG),
			"2: bindings[0].grace: \"401 d\" is not allowed; allowed: 0 ms to 400 d"},
		{BINDING("peer=\"a\";role=\"leads\";" WG),
			"2: bindings[0].peer: \"a\" is this agent itself; name another one"},
		{BINDING(USUAL),
			"2: bindings[0]: has 0 consumers; write one group: wireguard, ikev2, tls, "
			"routing, macsec or hook"},
		{BINDING(USUAL "macsec={sockets=[\"/a\"];};"),
			"2: bindings[0].macsec.sockets: has 1 elements; allowed: 2 to 2"},
		{BINDING(USUAL "macsec={sockets=[\"/a\",\"/a\"];interfaces=[\"x\",\"y\"];};"),
			"2: bindings[0].macsec.sockets: the two are the same; "},
		{BINDING(USUAL "macsec={" SOCKETS "bond=\"b\";};"),
			"2: bindings[0].macsec: interfaces is missing"},
		{BINDING(USUAL "macsec={" SOCKETS "interfaces=[\"x\",\"x\"];};"),
			"2: bindings[0].macsec.interfaces: the two are the same; "},
		{BINDING(USUAL "macsec={" SOCKETS
			       "bond=\"b\";interfaces=[\"x\",\"0123456789abcdef\"];};"),
			"2: bindings[0].macsec: 0123456789abcdef is longer than 15 characters"},
		{BINDING(USUAL "macsec={" SOCKETS "interfaces=[\"x\",\"y\"];cak=\"192\";};"),
			"2: bindings[0].macsec.cak: \"192\" is not allowed; allowed: 256 or 128"},
		{BINDING(USUAL "macsec={mode=\"none\";};"),
			"2: bindings[0].macsec.mode: \"none\" is not allowed; allowed: mka or "
			"static"},
		{BINDING(USUAL "macsec={interfaces=[\"x\",\"y\"];};"),
			"2: bindings[0].macsec: sockets is missing; mode \"mka\" needs it"},
		{BINDING(USUAL "macsec={" SOCKETS "interfaces=[\"x\",\"y\"];interface=\"m\";};"),
			"2: bindings[0].macsec.interface: is of mode \"static\"; leave it out"},
		{BINDING(USUAL STATIC "interface=\"m\";};"),
			"2: bindings[0].macsec: peer_sci is missing; mode \"static\" needs it"},
		{BINDING(USUAL STATIC "peer_sci=\"" SCI "\";};"),
			"2: bindings[0].macsec: interface is missing; mode \"static\" needs it"},
		{BINDING(USUAL STATIC "interface=\"m\";peer_sci=\"" SCI "\";bond=\"b\";};"),
			"2: bindings[0].macsec.bond: is of mode \"mka\"; leave it out"},
		{BINDING(USUAL STATIC "interface=\"m\";peer_sci=\"" SCI "0\";};"),
			"2: bindings[0].macsec.peer_sci: \"" SCI
			"0\" is no SCI; write the 16 digits"},
		{BINDING(USUAL STATIC "interface=\"m\";peer_sci=\"020000000001000G\";};"),
			"2: bindings[0].macsec.peer_sci: "},
		{BINDING(USUAL STATIC "interface=\"0123456789abcdef\";peer_sci=\"" SCI "\";};"),
			"2: bindings[0].macsec: 0123456789abcdef is longer than 15 characters"},
		{BINDING(USUAL STATIC "interface=\"m\";peer_sci=\"" SCI "\";cipher=\"xpn\";};"),
			"2: bindings[0].macsec.cipher: \"xpn\" is not allowed; allowed: "
			"gcm-aes-256 or gcm-aes-128"},
		{"bindings=({name=\"x\";" USUAL STATIC "interface=\"m\";peer_sci=\"" SCI
		 "\";};},\n{name=\"y\";" USUAL STATIC "interface=\"m\";peer_sci=\"" SCI "\";};});",
			"3: bindings[1]: another binding keys this already; \"m\" stays at"},
		{TWO(STATIC "interface=\"m\";peer_sci=\"" SCI "\";};",
			 "macsec={" SOCKETS "interfaces=[\"w\",\"m\"];};"),
			"3: bindings[1]: another binding keys this already; \"m\" stays at"},
		{TWO("macsec={" SOCKETS "interfaces=[\"w\",\"m\"];};",
			 "macsec={sockets=[\"/b\",\"/c\"];interfaces=[\"x\",\"y\"];};"),
			"3: bindings[1]: another binding keys this already; \"/b\" stays at"},
		{BINDING(USUAL WG WG), "2: bindings.wireguard: is there twice"},
		{BINDING(USUAL "wireguard={interface=\"wg0\";};"),
			"2: bindings[0].wireguard: public_key is missing"},
		{BINDING(USUAL "wireguard={public_key=\"" DIGITS "A=\";};"),
			"2: bindings[0].wireguard: interface is missing"},
		{BINDING(USUAL GROUP("../wg0", DIGITS "A=")),
			"2: bindings[0].wireguard.interface: not allowed"},
		{BINDING(USUAL GROUP("wg0", DIGITS "=")),
			NO_KEY "; write what `wg show wg0 peers` shows"},
		{BINDING(USUAL GROUP("wg0", DIGITS "AA=")), NO_KEY},
		{BINDING(USUAL GROUP("wg0", DIGITS "A=A")), NO_KEY},
		{BINDING(USUAL GROUP("wg0", DIGITS "AA")), NO_KEY},
		{BINDING(USUAL GROUP("wg0", DIGITS "==")), NO_KEY},
		/* The last digit stands for four bits: two are zero. */
		{BINDING(USUAL GROUP("wg0", DIGITS "B=")), NO_KEY},
		{BINDING(USUAL GROUP("wg0", DIGITS "/=")), NO_KEY},
		{BINDING(USUAL GROUP("wg0", "-" DIGITS "=")), NO_KEY},
		{BINDING(USUAL GROUP("wg0", "_" DIGITS "=")), NO_KEY},
		{BINDING(USUAL "require=[\"its\",\"secret\"];" WG),
			"2: bindings[0].require[1]: \"secret\" is not allowed; allowed: its, "
			"confirmed, forward-secret, combined"},
		{BINDING(USUAL "require=[\"ITS\"];" WG), "2: bindings[0].require[0]: "},
		{BINDING(USUAL "require=[\"its\",\"combined\",\"its\"];" WG),
			"2: bindings[0].require[2]: this word is there twice; \"its\" stays at"},
		{BINDING(USUAL "require=[\"its\",\"combined\",\"its\",\"its\",\"its\"];" WG),
			"2: bindings[0].require: has 5 elements; allowed: 0 to 4"},
		{"bindings=({name=\"x\";" USUAL WG "},\n{name=\"y\";" USUAL GROUP("wg1",
			 DIGITS "A=") "},\n{name=\"x\";" USUAL GROUP("wg2", DIGITS "A=") "});",
			"4: bindings[2]: this binding is there twice; \"x\" stays at one place"},
		{"bindings=({name=\"x\";" USUAL WG "},\n{name=\"y\";peer=\"c\";"
		 "role=\"follows\";" WG "});",
			"3: bindings[1]: another binding keys this already; "
			"\"" DIGITS "A= of /var/run/wireguard/wg0.sock\" stays at one place"},
	};

	(void)state;
	CHECK_AGENT(cases);
}

#define ONLY_LINKS                                                                                 \
	"2: bindings[0].routing: ospf and bfd need interface, and tcp-md5 and tcp-ao have none"
#define ROUTING(members) BINDING(USUAL "routing={file=\"/f\";protocol=\"p1\";" members "};")

static void routing(void **state)
{
	static const struct bad cases[] = {
		{ROUTING(""), "2: bindings[0].routing: method is missing"},
		{ROUTING("method=\"rip\";"),
			"2: bindings[0].routing.method: \"rip\" is not allowed; allowed: ospf, "
			"bfd, tcp-md5 or tcp-ao"},
		{ROUTING("method=\"ospf\";"),
			"2: bindings[0].routing: ospf and bfd need interface"},
		{ROUTING("method=\"bfd\";"), ONLY_LINKS "; write it"},
		{ROUTING("method=\"tcp-md5\";interface=\"eth1\";"), ONLY_LINKS "; leave it out"},
		{ROUTING("method=\"tcp-ao\";interface=\"eth1\";"), ONLY_LINKS "; leave it out"},
		{BINDING(USUAL "routing={file=\"/f\";protocol=\"1p\";method=\"tcp-md5\";};"),
			"2: bindings[0].routing.protocol: \"1p\" is no name of a protocol in BIRD"},
		{BINDING(USUAL "routing={file=\"/f\";protocol=\"p-1\";method=\"tcp-md5\";};"),
			"2: bindings[0].routing.protocol: \"p-1\" is no name of a protocol"},
		{BINDING(USUAL "routing={protocol=\"p1\";method=\"tcp-md5\";};"),
			"2: bindings[0].routing: file is missing"},
		{"bindings=({name=\"x\";" USUAL "routing={file=\"/f\";protocol=\"p1\";"
		 "method=\"tcp-md5\";};},\n{name=\"y\";" USUAL "routing={file=\"/f\";"
		 "protocol=\"p2\";method=\"tcp-ao\";};});",
			"3: bindings[1]: another binding keys this already; \"/f\" stays at one "
			"place"},
	};

	(void)state;
	CHECK_AGENT(cases);
}

static void form(void **state)
{
	static const struct bad cases[] = {
		{"@include \"/etc/passwd\"", "2: other files cannot be included"},
		{"pool = {\n@include \"x\"\n};", "3: pool: other files cannot be included"},
		{"pool={low=1", "2: pool: a bracket is not closed"},
		{"pool={low=1;);",
			"2: pool: another bracket is open, from line 2; close it with }"},
		{"}", "2: a bracket closes nothing"},
		{"identities=[\"x\",];", "2: identities: a value is missing before"},
		{"identities=[\"x\" \"y\"];", "2: identities: text follows a value; separate"},
		{"identities=[\"x\"; \"y\"];", "2: identities: ; ends a setting; in brackets"},
		{"identities=[\"x\" 1];", "2: identities: 1 follows a value; separate"},
		{"identities=[[\"x\"]];", "2: "},
		{"socket=\"/x", "2: socket: text is not closed on its line; end"},
		{"socket=\"/x\n\";", "2: socket: text is not closed on its line"},
		{"socket=\"/\\x41\";", "2: socket: a backslash stands before"},
		{"socket=\"/a\" \"b\";", "2: socket: text follows a value"},
		{"socket \"/x\";", "2: socket: is followed by no value; write NAME = VALUE;"},
		{"socket;", "2: socket: is followed by no value"},
		{"socket=;", "2: socket: a value is missing"},
		{"socket=", "2: socket: a value is missing"},
		{"= 1;", "2: = stands between a name and its value only"},
		{"socket==\"/x\";", "2: socket: = stands between a name"},
		{"\"socket\"=\"/x\";", "2: text without a name"},
		{";;", "2: a value is missing"},
		{"/* no end", "2: a comment is not closed"},
		{"socket=\"/x\" $", "2: socket: a character that has no meaning here"},
		{"\xef\xbb\xbfsocket=\"/x\";", "2: a character that has no meaning here"},
		{"{ low = 1; };", "2: a value without a name"},
		{"pool={ { low = 1; }; };", "2: pool: a value without a name"},
		{"\"/x\"; socket=\"/y\";", "2: text without a name; write NAME = VALUE"},
		{"pool={ \"x\"; };", "2: pool: text without a name"},
		{"pool={low=1;} {high=2;};", "2: pool: a value follows a value"},
		{"x=((((((((((1))))))))));", "2: x: too many brackets inside each other"},
	};

	(void)state;
	CHECK_AGENT(cases);
}

static void hub_settings(void **state)
{
	static const struct bad cases[] = {
		{"listen=[];", "2: listen: has 0 elements; allowed: 1 to 16"},
		{"listen=[\"hub1:7100\"];", "2: listen[0]: \"hub1:7100\" is not allowed"},
		{"listen=[\"[::]:7100\",\"[::]:7100\"];", "2: listen[1]: is there twice"},
		{"advertise=[\"[::]:7100\"];", "2: advertise[0]: \"[::]:7100\" is not allowed"},
		{"advertise=[\"hub1:0\"];", "2: advertise[0]: \"hub1:0\" is not allowed"},
		{"advertise=[\"hub1\"];", "2: advertise[0]: \"hub1\" is not allowed"},
		{"policy=({});", "2: policy[0]: between is missing; write exactly 2"},
		{"policy=({between=[\"a\"];});",
			"2: policy[0].between: has 1 elements; allowed: 2"},
		{"policy=({between=[\"a\",\"b\",\"c\"];});", "2: policy[0].between: has 3"},
		{"policy=({between=[\"a\",\"b*\"];});",
			"2: policy[0].between[1]: \"b*\" is not allowed; allowed: the name of a "
			"group, or *"},
		{"policy=({between=[\"a\",\"b\"];},\n{between=[\"b\",\"a\"];});",
			"3: policy[1]: is there twice"},
		{"quota={pair_per_day=\"1 KiB\";};", "2: quota.pair_per_day: \"1 KiB\" is not"},
		{"quota={unacknowledged=\"2000 GiB\";};", "2: quota.unacknowledged: \"2000 GiB\""},
		{"lifetime_max=\"401 d\";",
			"2: lifetime_max: \"401 d\" is not allowed; allowed: 1 s"},
		{"shards=0;", "2: shards: 0 is not allowed; allowed: 1 to 64"},
		{"admin_socket=\"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\";",
			"2: admin_socket: not allowed; allowed: an absolute path of at most 107"},
		{"pool={};", "2: pool: unknown setting; known are name, directory, kek, listen"},
	};

	(void)state;
	check_hub(cases, sizeof(cases) / sizeof(cases[0]));
}

static void files(void **state)
{
	static const struct bad zero = {"", " holds a zero byte; a configuration is text"};
	static const struct bad large = {"", " is longer than 1 MiB; a configuration is"};
	static const struct bad deep = {"", "1: directory: is too long for a socket in it"};
	struct skex_agent_config config;
	size_t size = 1024 * 1024;
	char *text = malloc(size + 1);

	(void)state;
	assert_int_equal(
		skex_agent_config_read("/nonexistent/x", &config, message), SKEX_E_UNKNOWN);
	assert_string_equal(message,
		"/nonexistent/x: cannot be read: No such file or directory; name a readable file");
	assert_int_equal(skex_agent_config_read("/tmp", &config, message), SKEX_E_IO);
	check_message(read_agent(LEAST "\0", strlen(LEAST) + 1, &config, message), &zero);
	memset(text, '\n', size + 1);
	memcpy(text, LEAST, sizeof(LEAST) - 1);
	check_message(read_agent(text, size + 1, &config, message), &large);
	assert_int_equal(read_agent(text, size, &config, message), SKEX_OK);
	skex_agent_config_clear(&config);
	(void)snprintf(text, size, "name=\"a\"; directory=\"/%0100d\"; kek={file=\"/k\";};", 0);
	check_message(read_agent(text, strlen(text), &config, message), &deep);
	free(text);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Whatever is written: an error with a message, or a configuration, and nothing else. */
static void random_damage(void **state)
{
	static const char sample[] = LEAST MAIN
		"peers=({name=\"b\";profiles=[\"m\"];accept=[\"x\",\"y*\"];});\n"
		"pool={low=5;high=9;reserve=1;block=\"16 B\";}; require_its=true; // end\n"
		"metrics=\"[::1]:1\"; /* more */ identities=[\"q\"];\n";
	static const char marks[] = "{}[]();:,=\"\\/*#@ \n-+.0a%n";
	uint32_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct skex_agent_config config;
		char text[sizeof(sample)];

		memcpy(text, sample, sizeof(sample));
		for (unsigned i = next_random(&seed) % 4; i < 4; i++)
			text[next_random(&seed) % (sizeof(sample) - 1)] =
				marks[next_random(&seed) % (sizeof(marks) - 1)];
		message[0] = '\0';
		if (read_agent(text, sizeof(sample) - 1 - next_random(&seed) % 3, &config,
			    message) == SKEX_OK)
			skex_agent_config_clear(&config);
		else
			assert_true(message[0] != '\0');
	}
}

#define KME_AT(url, rest)                                                                          \
	"qkd014=({name=\"q\";url=\"" url "\";ca=\"/c\";certificate=\"/d\";key=\"/e\";"             \
	"sae_id=\"s\";" rest "});"
#define KME(rest) KME_AT("https://q:1", rest)
#define TO_B      "peers=({peer=\"b\";sae_id=\"t\";});"
#define WITH_B    MAIN "peers=({name=\"b\";profiles=[\"m\"];},{name=\"c\";});\n"
#define TO(peer)  "{peer=\"" peer "\";sae_id=\"t\";}"

static void kmes(void **state)
{
	static const struct bad cases[] = {
		{WITH_B KME_AT("http://q", TO_B),
			"4: qkd014[0].url: \"http://q\" is not allowed; write https://HOST"},
		{WITH_B KME_AT("https://", TO_B), "4: qkd014[0].url: \"https://\" is not allowed"},
		{WITH_B KME_AT("https://u@q", TO_B),
			"4: qkd014[0].url: \"https://u@q\" is not allowed"},
		{WITH_B KME_AT("https://q/?x", TO_B),
			"4: qkd014[0].url: \"https://q/?x\" is not allowed"},
		{WITH_B KME(""), "4: qkd014[0]: peers is missing"},
		{WITH_B KME("peers=();"), "4: qkd014[0].peers: has 0 elements"},
		{WITH_B KME("peers=(" TO("d") ");"),
			"4: qkd014[0].peers[0].peer: there is no peer \"d\""},
		/* Nobody could tell it which keys they are. */
		{WITH_B KME("peers=(" TO("c") ");"),
			"4: qkd014[0].peers[0].peer: the two ends tell each other by notes through "
			"hubs which keys a KME gave; name profiles for \"c\""},
		{WITH_B KME("peers=(" TO("b") ",\n" TO("b") ");"),
			"5: qkd014[0].peers[1].peer: the keys with this peer come from one KME"},
		{WITH_B KME("key_bits=65;" TO_B), "4: qkd014[0].key_bits: "},
		{WITH_B KME("key_bits=8200;" TO_B), "4: qkd014[0].key_bits: "},
		{WITH_B KME("peers=({peer=\"b\";sae_id=\"t\";class=\"secret\";});"),
			"4: qkd014[0].peers[0].class: "},
	};

	(void)state;
	CHECK_AGENT(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kmes),
		cmocka_unit_test(values),
		cmocka_unit_test(names),
		cmocka_unit_test(cross_checks),
		cmocka_unit_test(bindings),
		cmocka_unit_test(routing),
		cmocka_unit_test(form),
		cmocka_unit_test(hub_settings),
		cmocka_unit_test(files),
		cmocka_unit_test(random_damage),
	};

	return cmocka_run_group_tests_name("config bad", tests, NULL, NULL);
}
