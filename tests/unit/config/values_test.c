/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "config/values.h"

#define UNTOUCHED UINT64_C(0x5555555555555555)

struct number_case {
	const char *text;
	bool good;
	uint64_t value;
};

static void check(
	bool (*parse)(const char *text, uint64_t *value), const struct number_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = UNTOUCHED;

		if (parse(cases[i].text, &value) != cases[i].good)
			fail_msg("\"%s\"", cases[i].text);
		assert_true(value == (cases[i].good ? cases[i].value : UNTOUCHED));
	}
}

#define CHECK(parse, cases) check(parse, cases, sizeof(cases) / sizeof((cases)[0]))

static void numbers(void **state)
{
	static const struct number_case cases[] = {
		{"0", true, 0},
		{"1", true, 1},
		{"42", true, 42},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"99999999999999999999999", false, 0},
		{"", false, 0},
		{"00", false, 0},
		{"010", false, 0},
		{"0x10", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1.9", false, 0},
		{"1e3", false, 0},
		{"3x", false, 0},
		{"maybe", false, 0},
		{"1\n", false, 0},
	};

	(void)state;
	CHECK(skex_parse_number, cases);
}

static void sizes(void **state)
{
	static const struct number_case cases[] = {
		{"0 B", true, 0},
		{"16 B", true, 16},
		{"16B", true, 16},
		{"1 KiB", true, 1024},
		{"64 MiB", true, UINT64_C(64) << 20},
		{"1 GiB", true, UINT64_C(1) << 30},
		{"17179869183 GiB", true, UINT64_C(17179869183) << 30},
		{"17179869184 GiB", false, 0},
		{"16", false, 0},
		{"16  B", false, 0},
		{"16\tB", false, 0},
		{"16 b", false, 0},
		{"1 kib", false, 0},
		{"1 KB", false, 0},
		{"1 K", false, 0},
		{"1 KiB ", false, 0},
		{" 1 KiB", false, 0},
		{"KiB", false, 0},
		{"1.5 KiB", false, 0},
		{"-1 KiB", false, 0},
		{"010 KiB", false, 0},
		{"1 s", false, 0},
		{"", false, 0},
	};

	(void)state;
	CHECK(skex_parse_size, cases);
}

static void times(void **state)
{
	static const struct number_case cases[] = {
		{"0 s", true, 0},
		{"1 ms", true, 1},
		{"1 s", true, 1000},
		{"2 min", true, 120000},
		{"1 h", true, 3600000},
		{"7 d", true, UINT64_C(7) * 86400000},
		{"7d", true, UINT64_C(7) * 86400000},
		{"213503982334 d", true, UINT64_C(213503982334) * 86400000},
		{"213503982335 d", false, 0},
		{"30", false, 0},
		{"3x", false, 0},
		{"1 m", false, 0},
		{"1 S", false, 0},
		{"1 day", false, 0},
		{"1 h 30 min", false, 0},
		{"1.9 h", false, 0},
		{"maybe", false, 0},
	};

	(void)state;
	CHECK(skex_parse_time, cases);
}

static void addresses(void **state)
{
	static const struct {
		const char *text;
		const char *host; /* NULL: not an address */
		uint16_t port;
	} cases[] = {
		{"127.0.0.1:7100", "127.0.0.1", 7100},
		{"0.0.0.0:0", "0.0.0.0", 0},
		{"[::]:7100", "::", 7100},
		{"[2001:db8::1]:65535", "2001:db8::1", 65535},
		{"[fe80::1%eth0]:1", "fe80::1%eth0", 1},
		{"hub1.example.net:7100", "hub1.example.net", 7100},
		{"hub_1:7100", "hub_1", 7100},
		{"localhost:1", "localhost", 1},
		{"", NULL, 0},
		{":7100", NULL, 0},
		{"hub1", NULL, 0},
		{"hub1:", NULL, 0},
		{"hub1:65536", NULL, 0},
		{"hub1:-1", NULL, 0},
		{"hub1:07100", NULL, 0},
		{"hub1: 7100", NULL, 0},
		{"hub1:http", NULL, 0},
		{"hub1 :7100", NULL, 0},
		{"hub 1:7100", NULL, 0},
		{".hub:1", NULL, 0},
		{"hub.:1", NULL, 0},
		{"hub..a:1", NULL, 0},
		{"::1:7100", NULL, 0},
		{"[::1]7100", NULL, 0},
		{"[::1]", NULL, 0},
		{"[::1:7100", NULL, 0},
		{"[]:7100", NULL, 0},
		{"[127.0.0.1]:7100", NULL, 0},
		{"[hub1]:7100", NULL, 0},
		{"[2001:db8::1%eth0]:1", NULL, 0},
		{"1.2.3:7100", NULL, 0},
		{"1.2.3.999:7100", NULL, 0},
		{"123:7100", NULL, 0},
		{"h\xc3\xbc:7100", NULL, 0},
	};
	char long_host[300];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct skex_address address = {"untouched", 77};
		bool good = skex_parse_address(cases[i].text, &address);

		if (good != (cases[i].host != NULL))
			fail_msg("\"%s\"", cases[i].text);
		assert_string_equal(address.host, good ? cases[i].host : "untouched");
		assert_int_equal(address.port, good ? cases[i].port : 77);
	}
	for (size_t size = 250; size < 260; size++) {
		struct skex_address address;

		memset(long_host, 'a', sizeof(long_host));
		for (size_t at = 50; at < size - 1; at += 51)
			long_host[at] = '.';
		memcpy(long_host + size, ":1", 3);
		assert_int_equal(skex_parse_address(long_host, &address), size <= SKEX_HOST_MAX);
	}
	memset(long_host, 'a', 64);
	memcpy(long_host + 64, ":1", 3);
	assert_false(skex_parse_address(long_host, &(struct skex_address){"", 0}));
}

static void hosts(void **state)
{
	(void)state;
	assert_true(skex_host_literal("10.0.0.1"));
	assert_true(skex_host_literal("2001:db8::1"));
	assert_true(skex_host_literal("fe80::1%eth0"));
	assert_false(skex_host_literal("hub1"));
	assert_false(skex_host_literal("10.1"));
	assert_true(skex_host_wildcard("0.0.0.0"));
	assert_true(skex_host_wildcard("::"));
	assert_true(skex_host_wildcard("0:0::0"));
	assert_false(skex_host_wildcard("::1"));
	assert_false(skex_host_wildcard("hub1"));
}

static void modes(void **state)
{
	static const char *const bad[] = {
		"", "660", "00660", "0o660", "0680", "066", "0x660", "-660", "0660 ", "1660", "rw"};
	uint32_t mode = 0;

	(void)state;
	assert_true(skex_parse_mode("0660", &mode));
	assert_int_equal(mode, 0660);
	assert_true(skex_parse_mode("0000", &mode));
	assert_int_equal(mode, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(skex_parse_mode(bad[i], &mode));
	assert_int_equal(mode, 0);
}

static void formats(void **state)
{
	static const uint64_t values[] = {0, 1, 15, 16, 1000, 1023, 1024, 1025, 1536, 3600000,
		86400000, UINT64_C(1) << 30, (UINT64_C(1) << 40) + 1024, UINT64_MAX};
	char text[32];

	(void)state;
	skex_format_size(64 << 20, text);
	assert_string_equal(text, "64 MiB");
	skex_format_size(0, text);
	assert_string_equal(text, "0 B");
	skex_format_time(UINT64_C(7) * 86400000, text);
	assert_string_equal(text, "7 d");
	skex_format_time(90000, text);
	assert_string_equal(text, "90 s");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t again;

		skex_format_size(values[i], text);
		assert_true(skex_parse_size(text, &again));
		assert_true(again == values[i]);
		skex_format_time(values[i], text);
		assert_true(skex_parse_time(text, &again));
		assert_true(again == values[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(sizes),
		cmocka_unit_test(times),
		cmocka_unit_test(addresses),
		cmocka_unit_test(hosts),
		cmocka_unit_test(modes),
		cmocka_unit_test(formats),
	};

	return cmocka_run_group_tests_name("config values", tests, NULL, NULL);
}
