/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/ikev2/connection.h"
#include "deliver/ikev2/vici.h"

/* As the README of the plugin shows it, behind the length and the type of an event "e". */
static const uint8_t sample[] = {0, 0, 0, 48, 7, 1, 'e',
	/* key1 = value1 */
	3, 4, 'k', 'e', 'y', '1', 0, 6, 'v', 'a', 'l', 'u', 'e', '1',
	/* section1 { sub-section { key2 = value2 } */
	1, 8, 's', 'e', 'c', 't', 'i', 'o', 'n', '1', 3, 1, 'k', 0, 0, 2,
	/* list1 = [item1, item2] */
	4, 5, 'l', 'i', 's', 't', '1', 5, 0, 1, 'x', 5, 0, 0, 6};

/* All tokens as text. */
static const char *read_all(const uint8_t *bytes, size_t size, size_t piece)
{
	static const char *const elements[] = {"?", "{", "}", "=", "[", "-", "]"};
	static char text[4096];
	struct skex_vici_reader reader;
	size_t at = 0, out = 0;

	skex_vici_reader_init(&reader);
	text[0] = '\0';
	while (at < size) {
		const size_t part = size - at < piece ? size - at : piece;
		uint8_t *copy = malloc(part);
		struct skex_view view = skex_view(copy, part);
		enum skex_vici_token token;

		assert_non_null(copy);
		memcpy(copy, bytes + at, part);
		at += part;
		while ((token = skex_vici_next(&reader, &view)) != SKEX_VICI_MORE &&
			token != SKEX_VICI_BAD) {
			if (token == SKEX_VICI_PACKET)
				out += (size_t)snprintf(text + out, sizeof(text) - out, "%u(%.*s) ",
					reader.type, (int)reader.name_size, (char *)reader.name);
			if (token == SKEX_VICI_ELEMENT)
				out += (size_t)snprintf(text + out, sizeof(text) - out,
					"%s%u:%.*s:%.*s ", elements[reader.element], reader.depth,
					(int)reader.name_size, (char *)reader.name,
					(int)reader.value_size, (char *)reader.value);
			if (token == SKEX_VICI_DONE)
				out += (size_t)snprintf(text + out, sizeof(text) - out, ". ");
		}
		free(copy);
		if (token == SKEX_VICI_BAD) {
			struct skex_view more = skex_view(bytes, 1);

			assert_int_equal(skex_vici_next(&reader, &more), SKEX_VICI_BAD);
			(void)snprintf(text + out, sizeof(text) - out, "bad");
			return text;
		}
	}
	return text;
}

static void reads(void **state)
{
	uint8_t twice[2 * sizeof(sample)];

	(void)state;
	memcpy(twice, sample, sizeof(sample));
	memcpy(twice + sizeof(sample), sample, sizeof(sample));
	for (size_t piece = 1; piece <= sizeof(twice); piece++) {
		assert_string_equal(read_all(twice, sizeof(twice), piece),
			"7(e) =0:key1:value1 {1:section1: =1:k: }0:k: [0:list1: -0:list1:x "
			"-0:list1: ]0:list1: . "
			"7(e) =0:key1:value1 {1:section1: =1:k: }0:k: [0:list1: -0:list1:x "
			"-0:list1: ]0:list1: . ");
	}
	/* An answer without elements, and what has none. */
	assert_string_equal(
		read_all((const uint8_t *)"\0\0\0\1\1\0\0\0\1\5", 10, 3), "1() . 5() . ");
}

static bool is_bad(const void *bytes, size_t size)
{
	const char *text = read_all(bytes, size, 1);

	return strlen(text) >= 3 && strcmp(text + strlen(text) - 3, "bad") == 0;
}

#define BAD(bytes) assert_true(is_bad(bytes, sizeof(bytes) - 1))

static void what_is_none(void **state)
{
	uint8_t copy[sizeof(sample)];

	(void)state;
	BAD("\0\0\0\0");   /* nothing */
	BAD("\0\x08\0\1"); /* one byte too long */
	assert_false(is_bad("\0\x08\0\0", 4));
	BAD("\0\0\0\1\x08");               /* a type that there is not */
	BAD("\0\0\0\2\5\0");               /* a confirmation with more */
	BAD("\0\0\0\3\7\0\0");             /* an event without a name */
	BAD("\0\0\0\3\7\2x");              /* whose name is longer than the packet */
	BAD("\0\0\0\1\7");                 /* or not there */
	BAD("\0\0\0\2\1\7");               /* an element that there is not */
	BAD("\0\0\0\2\1\2");               /* an end without a section */
	BAD("\0\0\0\2\1\6");               /* or a list */
	BAD("\0\0\0\4\1\5\0\0");           /* an item without a list */
	BAD("\0\0\0\4\1\1\1s");            /* a section without an end */
	BAD("\0\0\0\4\1\4\1l");            /* a list */
	BAD("\0\0\0\7\1\4\1l\1\1s");       /* a section in a list */
	BAD("\0\0\0\x09\1\4\1l\3\1k\0\0"); /* a value in a list */
	BAD("\0\0\0\5\1\3\1k\0");          /* a value whose length is cut */
	BAD("\0\0\0\7\1\3\1k\0\2v");       /* or its bytes */
	BAD("\0\0\0\x1c\1\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s"); /* too deep */
	/* Cut at every byte: never whole, and what is cut is found at the end of the packet. */
	for (size_t size = 8; size < sizeof(sample); size++) {
		memcpy(copy, sample, size);
		assert_null(strchr(read_all(copy, size, size), '.'));
		copy[3] = (uint8_t)(size - 4);
		(void)read_all(copy, size, 1);
	}
}

static void long_values_are_cut(void **state)
{
	static const uint8_t head[] = {0, 1, 0, 5, SKEX_VICI_CMD_RESPONSE, 3, 1, 'k', 255, 255};
	const size_t size = sizeof(head) + UINT16_MAX;
	uint8_t *bytes = calloc(1, size);
	struct skex_vici_reader reader;
	struct skex_view view;

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, head, sizeof(head));
	assert_int_equal(size - 4, 0x10005);
	skex_vici_reader_init(&reader);
	view = skex_view(bytes, size);
	assert_int_equal(skex_vici_next(&reader, &view), SKEX_VICI_PACKET);
	assert_int_equal(skex_vici_next(&reader, &view), SKEX_VICI_ELEMENT);
	assert_int_equal(reader.value_size, SKEX_VICI_VALUE_MAX);
	assert_int_equal(skex_vici_next(&reader, &view), SKEX_VICI_DONE);
	assert_int_equal(view.size, 0);
	free(bytes);
}

static void writes(void **state)
{
	uint8_t out[sizeof(sample)];
	struct skex_writer writer;
	size_t size = 0, measured = 0;

	(void)state;
	for (size_t room = 0; room <= sizeof(sample); room++) {
		skex_writer_init(&writer, out, room);
		skex_vici_begin(&writer, SKEX_VICI_EVENT, "e");
		skex_vici_text(&writer, "key1", "value1");
		skex_vici_section(&writer, skex_view("section1", 8));
		skex_vici_value(&writer, "k", skex_view(NULL, 0));
		skex_vici_section_end(&writer);
		skex_vici_list(&writer, skex_view("list1", 5));
		skex_vici_item(&writer, skex_view("x", 1));
		skex_vici_item(&writer, skex_view(NULL, 0));
		skex_vici_list_end(&writer);
		assert_int_equal(skex_vici_end(&writer, &size),
			room == sizeof(sample) ? SKEX_OK : SKEX_E_SPACE);
	}
	assert_int_equal(size, sizeof(sample));
	assert_memory_equal(out, sample, sizeof(sample));
	skex_writer_init(&writer, NULL, SIZE_MAX);
	skex_vici_begin(&writer, SKEX_VICI_CMD_REQUEST, "get-shared");
	assert_int_equal(skex_vici_end(&writer, &measured), SKEX_OK);
	assert_int_equal(measured, 16);
	skex_writer_init(&writer, NULL, SIZE_MAX);
	skex_vici_begin(&writer, SKEX_VICI_CMD_REQUEST, "x");
	for (int i = 0; i < 9; i++)
		skex_vici_value(&writer, "v", skex_view(sample, UINT16_MAX));
	assert_int_equal(skex_vici_end(&writer, &measured), SKEX_E_SPACE);
	skex_writer_init(&writer, NULL, SIZE_MAX);
	skex_vici_value(&writer, "v", skex_view(sample, UINT16_MAX + 1));
	assert_int_equal(skex_vici_end(&writer, &measured), SKEX_E_SPACE);
}

/* ---- a connection ------------------------------------------------------------------------------
 */

static const struct skex_ikev2_setting settings[] = {{"remote_addrs", "192.0.2.1, 192.0.2.2,"},
	{"children.net.local_ts", "10.0.0.0/8"}, {"local.auth", "psk"},
	{"children.other.mode", "tunnel"}, {"children.net.mode", "transport"},
	{"local.id", "a, b"}};
static const struct skex_ikev2_config good = {.socket = "s",
	.connection = "site-b",
	.domain = "x.skex",
	.leads = true,
	.settings = settings,
	.settings_count = 6,
	.description = "d"};
static const uint8_t id[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
#define UUID "00010203-0405-0607-0809-0a0b0c0d0eff"

static const char *written(const struct skex_ikev2_config *config)
{
	uint8_t out[IKEV2_REQUEST_MAX];
	struct skex_writer writer;
	size_t size;

	skex_writer_init(&writer, out, sizeof(out));
	ikev2_write_connection(&writer, config, id, 7);
	assert_int_equal(skex_vici_end(&writer, &size), SKEX_OK);
	return read_all(out, size, size);
}

static void connections(void **state)
{
	struct skex_ikev2_config config = good;
	struct skex_ikev2_setting with_dpd[7];

	(void)state;
	assert_string_equal(written(&config),
		"0(load-conn) {1:site-b-" UUID ": =1:version:2 =1:ppk_id:" UUID "@x.skex "
		"=1:ppk_required:yes =1:dpd_delay:10s [1:remote_addrs: -1:remote_addrs:192.0.2.1 "
		"-1:remote_addrs:192.0.2.2 ]1:remote_addrs: {2:children: {3:net: [3:local_ts: "
		"-3:local_ts:10.0.0.0/8 ]3:local_ts: =3:mode:transport }2:mode: {3:other: "
		"=3:mode:tunnel }2:mode: }1:mode: {2:local: =2:auth:psk =2:id:a, b }1:id: "
		"}0:id: . ");
	memcpy(with_dpd, settings, sizeof(settings));
	with_dpd[6] = (struct skex_ikev2_setting){"dpd_delay", "0"};
	config.settings = with_dpd;
	config.settings_count = 7;
	config.leads = false;
	assert_non_null(strstr(written(&config), "{1:site-b: "));
	assert_non_null(strstr(written(&config), "=1:ppk_id:*@x.skex "));
	assert_non_null(strstr(written(&config), "=1:dpd_delay:0 "));
	assert_null(strstr(written(&config), "10s"));
	assert_non_null(strstr(written(&config), "{3:net: =3:priority:379527 "));
	assert_non_null(strstr(written(&config), "{3:other: =3:priority:367239 "));
	assert_true(skex_view_equal(ikev2_child(&good, 0), skex_view("net", 3)));
	assert_true(skex_view_equal(ikev2_child(&good, 1), skex_view("other", 5)));
	assert_int_equal(ikev2_child(&good, 2).size, 0);
}

static uint32_t priority_of(const char *local, const char *remote)
{
	const struct skex_ikev2_setting both[] = {
		{"children.c.local_ts", local}, {"children.c.remote_ts", remote}};
	const struct skex_ikev2_config config = {.settings = both, .settings_count = 2};

	return (400000 - ikev2_priority(&config, skex_view("c", 1))) / 512;
}

/* As charon's kernel-netlink sees the widest of the selectors. */
static void priorities(void **state)
{
	(void)state;
	assert_int_equal(priority_of("10.0.0.0/8", "10.0.0.0/24"), 32);
	assert_int_equal(priority_of("10.0.0.0/8, 10.1.0.0/16", "10.0.0.1"), 40);
	assert_int_equal(priority_of("dynamic", "10.0.0.0/8[tcp/80]"), 40);
	assert_int_equal(priority_of("2001:db8::/32", "2001:db8::1"), 160);
	assert_int_equal(priority_of("10.0.0.1-10.0.0.9", "0.0.0.0/0"), 0);
	assert_int_equal(priority_of("x/999999999999", "::/999"), 256);
	assert_int_equal(priority_of("", ","), 256);
	assert_int_equal(priority_of("dynamic[a/b]", "10.0.0.0/"), 32);
}

static bool reads_name(const char *text)
{
	uint8_t out[16];

	return ikev2_name_read(&good, skex_view(text, strlen(text)), out) &&
		memcmp(out, id, sizeof(id)) == 0;
}

static void names(void **state)
{
	char text[IKEV2_NAME_MAX];
	uint8_t out[16];

	(void)state;
	assert_true(reads_name("site-b-" UUID));
	assert_false(reads_name("site-b"));
	assert_false(reads_name("site-b-"));
	assert_false(reads_name("site-b-x-" UUID)); /* of a connection `site-b-x` */
	assert_false(reads_name("site-c-" UUID));
	assert_false(reads_name("site-b-" UUID "0"));
	assert_false(reads_name("site-b-00010203-0405-0607-0809-0a0b0c0d0ef"));
	ikev2_secret_name(&good, id, text);
	assert_string_equal(text, "skex/site-b/" UUID);
	assert_true(ikev2_secret_name_read(&good, skex_view(text, strlen(text)), out));
	assert_memory_equal(out, id, sizeof(id));
	assert_false(ikev2_secret_name_read(&good, skex_view("skex/site/" UUID, 46), out));
}

static void expect_wrong(struct skex_ikev2_config config, const char *path, const char *words)
{
	struct skex_ikev2_setting more[7];
	char text[200];
	const char *wrong;

	if (path != NULL) {
		memcpy(more, settings, sizeof(settings));
		more[6] = (struct skex_ikev2_setting){path, "1"};
		config.settings = more;
		config.settings_count = 7;
	}
	wrong = skex_ikev2_wrong(&config, text);
	if (words == NULL) {
		assert_null(wrong);
		return;
	}
	assert_non_null(wrong);
	assert_non_null(strstr(wrong, words));
}

static void what_is_wrong(void **state)
{
	static char long_value[IKEV2_REQUEST_MAX];
	struct skex_ikev2_setting big = {"children.net.remote_ts", long_value};
	struct skex_ikev2_config config = good;
	struct skex_ikev2_setting many[33];
	char paths[33][32];

	(void)state;
	expect_wrong(good, NULL, NULL);
	expect_wrong(good, "rekey_time", NULL);
	expect_wrong(good, "ppk_required", "ppk_required is set by skex");
	expect_wrong(good, "ppk_id", "set by skex");
	expect_wrong(good, "children.net.start_action", "set by skex");
	expect_wrong(good, "local.certs", "swanctl --load-creds");
	expect_wrong(good, "a..b", "no name of a setting");
	expect_wrong(good, "a.", "no name of a setting");
	expect_wrong(good, ".a", "no name of a setting");
	expect_wrong(good, "", "no name of a setting");
	config.connection = "a b";
	expect_wrong(config, NULL, "connection's name");
	config.connection = "";
	expect_wrong(config, NULL, "connection's name");
	config = good;
	config.domain = "x/y";
	expect_wrong(config, NULL, "domain");
	config = good;
	config.settings_count = 1;
	expect_wrong(config, NULL, "no child");
	config = good;
	config.settings = many;
	config.settings_count = 33;
	for (size_t i = 0; i < 33; i++) {
		(void)snprintf(paths[i], sizeof(paths[i]), "children.c%zu.mode", i);
		many[i] = (struct skex_ikev2_setting){paths[i], "x"};
	}
	expect_wrong(config, NULL, "more than 32 children");
	config.settings_count = 32;
	expect_wrong(config, NULL, NULL);
	config = good;
	config.settings_count = 1;
	memset(long_value, 'x', sizeof(long_value) - 1);
	config.settings = &big;
	expect_wrong(config, NULL, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(writes),
		cmocka_unit_test(connections),
		cmocka_unit_test(priorities),
		cmocka_unit_test(names),
		cmocka_unit_test(what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
