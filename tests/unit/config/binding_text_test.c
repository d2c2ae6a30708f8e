/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config/text.h"

/* Bindings that stand in no file, and how one is written again. */

#define KEY   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define USUAL "peer=\"b\";role=\"leads\";"
#define ONE   "bindings=({name=\"x\";" USUAL "hook={file=\"/k\";};});"

static char message[SKEX_CONFIG_MESSAGE_MAX];

static enum skex_error read_text(
	const char *text, struct skex_binding_config **bindings, size_t *count)
{
	struct skex_name self;

	assert_true(skex_name_parse(&self, skex_view("a", 1)));
	return skex_bindings_read("the text", text, &self, bindings, count, message);
}

/* Every setting of every consumer, none at its default. */
static const char *const whole[] = {
	"bindings = ( {\n"
	"  name = \"w\";\n"
	"  peer = \"b\";\n"
	"  role = \"follows\";\n"
	"  period = \"90 s\";\n"
	"  grace = \"3 h\";\n"
	"  expired = \"open\";\n"
	"  require = [ \"its\", \"combined\" ];\n"
	"  wireguard = {\n"
	"    interface = \"wg7\";\n"
	"    socket = \"/s/wg\";\n"
	"    public_key = \"" KEY "\";\n"
	"  };\n"
	"} );\n",
	"bindings = ( {\n"
	"  name = \"i\";\n"
	"  peer = \"b\";\n"
	"  role = \"leads\";\n"
	"  period = \"1 h\";\n"
	"  grace = \"0 ms\";\n"
	"  expired = \"close\";\n"
	"  require = [ ];\n"
	"  ikev2 = {\n"
	"    connection = \"gw\";\n"
	"    domain = \"d.example\";\n"
	"    socket = \"/s/vici\";\n"
	"    settings = [ \"a = 1\", \"b = \\\"2\\\\3\\\"\" ];\n"
	"  };\n"
	"} );\n",
	"bindings = ( {\n"
	"  name = \"t\";\n"
	"  peer = \"b\";\n"
	"  role = \"leads\";\n"
	"  period = \"1 d\";\n"
	"  grace = \"1 d\";\n"
	"  expired = \"close\";\n"
	"  require = [ \"confirmed\" ];\n"
	"  tls = {\n"
	"    file = \"/f\";\n"
	"    pid_file = \"/p\";\n"
	"    program = \"stunnel\";\n"
	"    reload = [ \"/bin/r\", \"-x y\" ];\n"
	"    check = [ \"/bin/c\" ];\n"
	"    probe = \"[::1]:4433\";\n"
	"  };\n"
	"} );\n",
	"bindings = ( {\n"
	"  name = \"r\";\n"
	"  peer = \"b\";\n"
	"  role = \"leads\";\n"
	"  period = \"2 min\";\n"
	"  grace = \"1 d\";\n"
	"  expired = \"close\";\n"
	"  require = [ \"confirmed\" ];\n"
	"  routing = {\n"
	"    method = \"bfd\";\n"
	"    protocol = \"p1\";\n"
	"    interface = \"eth0\";\n"
	"    file = \"/f\";\n"
	"    socket = \"/s/bird\";\n"
	"  };\n"
	"} );\n",
	"bindings = ( {\n"
	"  name = \"h\";\n"
	"  peer = \"b\";\n"
	"  role = \"leads\";\n"
	"  period = \"2 min\";\n"
	"  grace = \"1 d\";\n"
	"  expired = \"close\";\n"
	"  require = [ \"confirmed\" ];\n"
	"  hook = {\n"
	"    file = \"/f\";\n"
	"    mode = \"0640\";\n"
	"    format = \"id-hex\";\n"
	"    program = [ \"/bin/h\" ];\n"
	"    checks = true;\n"
	"    one_place = true;\n"
	"    timeout = \"11 s\";\n"
	"  };\n"
	"} );\n",
};

static void again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		struct skex_binding_config *bindings = NULL;
		size_t count = 0;
		char *text;

		assert_int_equal(read_text(whole[i], &bindings, &count), SKEX_OK);
		assert_int_equal(count, 1);
		text = skex_binding_text(bindings);
		assert_string_equal(text, whole[i]);
		free(text);
		skex_bindings_clear(bindings, count);
	}
}

/* What is left out has its default, whoever writes it; and how it is written does not matter. */
static void same(void **state)
{
	static const char *const alike[] = {ONE,
		"bindings = (\n{ hook = { file = \"/k\"; format = \"raw\"; };\n # so\n"
		"role = \"leads\"; peer = \"b\"; name = \"x\"; period = \"120 s\"; });\n"};
	char *texts[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct skex_binding_config *bindings = NULL;
		size_t count = 0;

		assert_int_equal(read_text(alike[i], &bindings, &count), SKEX_OK);
		texts[i] = skex_binding_text(bindings);
		assert_non_null(texts[i]);
		assert_int_equal(bindings->line, i + 1);
		skex_bindings_clear(bindings, count);
	}
	assert_string_equal(texts[0], texts[1]);
	free(texts[0]);
	free(texts[1]);
}

static void wrong(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"", "the text:1: bindings: is missing"},
		{"\n\nname=\"a\";", "the text:3: name: unknown setting; known are bindings"},
		{ONE "directory=\"/d\";", "the text:1: directory: unknown setting"},
		{"bindings=();", "the text:1: bindings: has 0 elements; allowed: 1 to 64"},
		{"bindings=({name=\"x\";" USUAL "});", "the text:1: bindings[0]: has 0 consumers"},
		{"bindings=({name=\"x\";peer=\"a\";role=\"leads\";hook={file=\"/k\";};});",
			"the text:1: bindings[0].peer: \"a\" is this agent itself"},
		{"bindings=({name=\"x\";" USUAL "hook={};});",
			"the text:1: bindings[0].hook: has neither file nor program"},
		{"bindings=(", "the text:1: "},
	};
	struct skex_binding_config *bindings = NULL;
	size_t count = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_text(cases[i].text, &bindings, &count), SKEX_E_CONFIG);
		assert_memory_equal(message, cases[i].message, strlen(cases[i].message));
	}
	assert_null(bindings);
	assert_int_equal(count, 7);
}

static bool same_place(const char *a, const char *b)
{
	struct skex_binding_config *x = NULL;
	struct skex_binding_config *y = NULL;
	size_t count = 0;
	bool same;

	assert_int_equal(read_text(a, &x, &count), SKEX_OK);
	assert_int_equal(read_text(b, &y, &count), SKEX_OK);
	same = skex_binding_same_place(x, y);
	skex_bindings_clear(x, count);
	skex_bindings_clear(y, count);
	return same;
}

#define SCI "0200000000010001"

static void places(void **state)
{
#define MKA(name, a, b, c, d)                                                                      \
	"bindings=({name=\"" name "\";" USUAL "macsec={sockets=[\"" a "\",\"" b                    \
	"\"];interfaces=[\"" c "\",\"" d "\"];};});"
#define LINK(name, interface)                                                                      \
	"bindings=({name=\"" name "\";" USUAL                                                      \
	"macsec={mode=\"static\";interface=\"" interface "\";peer_sci=\"" SCI "\";};});"
#define HOOK(name, file) "bindings=({name=\"" name "\";" USUAL "hook={file=\"" file "\";};});"
#define TLS(name, file)  "bindings=({name=\"" name "\";" USUAL "tls={file=\"" file "\";};});"
	(void)state;
	assert_true(same_place(HOOK("x", "/k"), HOOK("y", "/k")));
	assert_false(same_place(HOOK("x", "/k"), HOOK("y", "/l")));
	/* Each has its own lines in such a file. */
	assert_false(same_place(TLS("x", "/k"), TLS("y", "/k")));
	assert_false(same_place(HOOK("x", "/k"), TLS("x", "/k")));
	/* One link, in either mode and by either name. */
	assert_true(same_place(MKA("x", "/a", "/b", "m", "n"), MKA("y", "/b", "/c", "v", "w")));
	assert_true(same_place(MKA("x", "/a", "/b", "m", "n"), MKA("y", "/c", "/d", "n", "w")));
	assert_false(same_place(MKA("x", "/a", "/b", "m", "n"), MKA("y", "/c", "/d", "v", "w")));
	assert_true(same_place(MKA("x", "/a", "/b", "m", "n"), LINK("y", "n")));
	assert_true(same_place(LINK("x", "m"), MKA("y", "/a", "/b", "m", "n")));
	assert_false(same_place(LINK("x", "m"), LINK("y", "n")));
}

/* What is no place is none by its name either. */
static void names_are_no_places(void **state)
{
	struct skex_binding_config *bindings = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(
		read_text("bindings=({name=\"m\";" USUAL "tls={file=\"/k\";};},{name=\"x\";" USUAL
			  "macsec={mode=\"static\";interface=\"m\";peer_sci=\"" SCI "\";};});",
			&bindings, &count),
		SKEX_OK);
	assert_int_equal(count, 2);
	skex_bindings_clear(bindings, count);
}

static bool is_permitted(const struct skex_agent_config *config, const char *group)
{
	struct skex_binding_config *binding = NULL;
	char text[512];
	size_t count = 0;
	bool permitted;

	snprintf(text, sizeof(text), "bindings=({name=\"x\";" USUAL "%s});", group);
	if (read_text(text, &binding, &count) != SKEX_OK)
		fail_msg("%s", message);
	message[0] = '\0';
	permitted = skex_binding_permitted(config, binding, message);
	assert_int_equal(permitted, message[0] == '\0');
	skex_bindings_clear(binding, count);
	return permitted;
}

static void rule_what_may_be_added_is_configured(void **state)
{
	static const char *const permitted[] = {"wireguard={interface=\"wg0\";public_key=\"" KEY
						"\";};",
		"ikev2={connection=\"c\";settings=[\"a = b\"];};",
		"macsec={mode=\"static\";interface=\"m\";peer_sci=\"" SCI "\";};",
		"hook={file=\"/a/k\";};", "hook={file=\"/b/c/k\";};",
		"hook={program=[\"/bin/p\",\"x\"];};",
		"tls={file=\"/a/k\";pid_file=\"/b/c/p\";program=\"s\";reload=[\"/bin/p\"];};",
		"macsec={sockets=[\"/s\",\"/t\"];interfaces=[\"x\",\"y\"];folder=\"/a\";};"};
	static const char *const refused[] = {"hook={file=\"/k\";};", "hook={file=\"/b/k\";};",
		"hook={file=\"/a/d/k\";};", "hook={file=\"/a/../k\";};", "hook={file=\"/ab/k\";};",
		"hook={file=\"/a/k\";program=[\"/bin/q\"];};",
		"hook={file=\"/a/k\";program=[\"/bin/p/\"];};", "tls={file=\"/x/k\";};",
		"tls={file=\"/a/k\";pid_file=\"/x/p\";program=\"s\";};",
		"tls={file=\"/a/k\";reload=[\"/bin/q\"];};",
		"tls={file=\"/a/k\";check=[\"/bin/q\"];};",
		"routing={method=\"tcp-md5\";protocol=\"p\";file=\"/x/k\";};",
		"macsec={sockets=[\"/s\",\"/t\"];interfaces=[\"x\",\"y\"];};"};
	static const char none[] = LEAST;
	static const char some[] = LEAST "binding_folders=[\"/a\",\"/b/c/\"];\n"
					 "binding_programs=[\"/bin/p\"];\n";
	struct skex_agent_config config;

	(void)state;
	assert_int_equal(read_agent(some, strlen(some), &config, message), SKEX_OK);
	for (size_t i = 0; i < sizeof(permitted) / sizeof(permitted[0]); i++)
		assert_true(is_permitted(&config, permitted[i]));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(is_permitted(&config, refused[i]));
	skex_agent_config_clear(&config);
	/* By itself only what needs neither. */
	assert_int_equal(read_agent(none, strlen(none), &config, message), SKEX_OK);
	for (size_t i = 0; i < sizeof(permitted) / sizeof(permitted[0]); i++)
		assert_int_equal(is_permitted(&config, permitted[i]), i < 3);
	skex_agent_config_clear(&config);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(again),
		cmocka_unit_test(same),
		cmocka_unit_test(wrong),
		cmocka_unit_test(places),
		cmocka_unit_test(names_are_no_places),
		cmocka_unit_test(rule_what_may_be_added_is_configured),
	};

	return cmocka_run_group_tests_name("config binding text", tests, NULL, NULL);
}
