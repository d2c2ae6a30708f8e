/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/bed.h"

#include <stdio.h>
#include <string.h>

#include "pairwise/credential.h"

/* pair_make, pair_take, pair_ls and pair_revoke, as docs/api.md describes them. */

/* A credential that another agent made for agent1. */
static void made_elsewhere(char text[static SKEX_CREDENTIAL_TEXT_MAX], const char *taker)
{
	struct skex_credential credential = {
		.suites_count = 1, .suites = {1}, .slot = 1, .port = 7500};

	memset(credential.psk, 7, sizeof(credential.psk));
	assert_true(skex_credential_text_set(&credential.id[0], skex_view("agent9", 6)));
	assert_true(skex_credential_text_set(&credential.id[1], skex_view(taker, strlen(taker))));
	assert_true(skex_credential_text_set(&credential.purpose,
		skex_view(SKEX_CREDENTIAL_PURPOSE, strlen(SKEX_CREDENTIAL_PURPOSE))));
	assert_true(skex_credential_text_set(&credential.host, skex_view("other.example", 13)));
	assert_int_equal(skex_credential_encode(&credential, text), SKEX_OK);
}

static void test_make(void **state)
{
	struct bed *bed = *state;
	const struct skex_pair_status *pair = &bed->agent->pair.status;
	struct skex_credential credential;
	const char *answer;
	const char *from;

	fake_send(bed->client,
		"{\"id\":1,\"op\":\"pair_make\",\"peer\":\"agent3\","
		"\"address\":\"[2001:db8::1]:7500\",\"depth\":8}\n");
	bed_turn(bed);
	answer = fake_take(bed->client);
	assert_non_null(strstr(answer,
		"\"peer\":\"agent3\",\"fingerprint\":\"a0a1a2a3a4a5a6a7\","
		"\"slot\":0,\"identity\":\"agent1\"}"));
	assert_string_equal(pair->host, "2001:db8::1");
	assert_int_equal(pair->port, 7500);
	from = strstr(answer, "SKEX-PAIR-1:");
	assert_non_null(from);
	assert_int_equal(
		skex_credential_decode(&credential, skex_view(from, strcspn(from, "\""))), SKEX_OK);
	assert_int_equal(credential.psk[31], 31);
	assert_int_equal(credential.depth, 8);
	assert_int_equal(credential.slot, 1);
	assert_string_equal(credential.id[0].text, "agent1");
	assert_string_equal(credential.id[1].text, "agent3");

	bed_error(bed, "{\"id\":1,\"op\":\"pair_make\",\"peer\":\"agent3\"}", "usage", "paired");
	bed_error(bed, "{\"id\":1,\"op\":\"pair_make\"}", "usage", "bad_request");
	bed_error(bed, "{\"id\":1,\"op\":\"pair_make\",\"peer\":\"a\",\"address\":\"host\"}",
		"usage", "bad_request");
	bed_error(bed, "{\"id\":1,\"op\":\"pair_make\",\"peer\":\"a\",\"address\":\"host:0\"}",
		"usage", "bad_request");
	bed_error(bed, "{\"id\":1,\"op\":\"pair_make\",\"peer\":\"a\",\"depth\":33}", "usage",
		"bad_request");
	bed_error(bed, "{\"id\":1,\"op\":\"pair_revoke\",\"peer\":\"agent4\"}", "refused",
		"unpaired");
	bed_ask(bed, "{\"id\":1,\"op\":\"pair_revoke\",\"peer\":\"agent3\"}",
		"{\"id\":1,\"peer\":\"agent3\"}\n");
	bed_ask(bed, "{\"id\":2,\"op\":\"pair_ls\"}", "{\"id\":2,\"pairs\":[]}\n");
}

static void take(const char *text, const char *more, char request[4096])
{
	snprintf(request, 4096, "{\"id\":1,\"op\":\"pair_take\",\"credential\":\"%s\"%s}", text,
		more);
}

static void test_take(void **state)
{
	struct bed *bed = *state;
	char text[SKEX_CREDENTIAL_TEXT_MAX];
	char request[4096];

	made_elsewhere(text, "agent1");
	take(text, "", request);
	bed_ask(bed, request,
		"{\"id\":1,\"peer\":\"agent9\",\"fingerprint\":\"a0a1a2a3a4a5a6a7\",\"slot\":1,"
		"\"identity\":\"agent1\"}\n");
	assert_string_equal(bed->agent->pair_terms.host, "other.example");
	assert_int_equal(bed->agent->pair_terms.port, 7500);
	assert_int_equal(bed->agent->pair_terms.psk[0], 7);
	take(text, ",\"address\":\"here.example:99\",\"peer\":\"agent9\"", request);
	bed_ask(bed, request,
		"{\"id\":1,\"peer\":\"agent9\",\"fingerprint\":\"a0a1a2a3a4a5a6a7\",\"slot\":1,"
		"\"identity\":\"agent1\"}\n");
	assert_string_equal(bed->agent->pair.host, "here.example");

	/* Of another agent, miscopied, of another version, and nothing of the kind. */
	made_elsewhere(text, "agent2");
	take(text, "", request);
	bed_error(bed, request, "refused", "other_agent");
	text[40] = text[40] == 'A' ? 'B' : 'A';
	take(text, "", request);
	bed_error(bed, request, "peer", "bad_credential");
	text[10] = '2';
	take(text, "", request);
	bed_error(bed, request, "peer", "bad_credential");
	take("nonsense", "", request);
	bed_error(bed, request, "peer", "bad_credential");
}

/* Whoever asked is gone before it was durable: nothing is told to nobody. */
static void test_gone(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *mine = bed->client;
	struct skex_stream *other = fake_connect(&bed->net, 0);

	bed->client = other;
	fake_send(other, "{\"id\":1,\"op\":\"pair_make\",\"peer\":\"agent3\"}\n");
	fake_hang_up(other);
	bed_turn(bed);
	assert_true(bed->agent->pair.there);
	assert_null(bed->agent->pair.paired);
	fake_stream_free(other);
	bed->client = mine;
}

static void test_rights(void **state)
{
	struct bed *bed = *state;
	struct skex_stream *mine = bed->client;
	struct skex_stream *other = fake_connect(&bed->net, 4242);

	bed->client = other;
	bed_error(bed, "{\"id\":1,\"op\":\"pair_make\",\"peer\":\"agent3\"}", "refused",
		"not_administrator");
	bed_error(bed, "{\"id\":1,\"op\":\"pair_take\",\"credential\":\"x\"}", "refused",
		"not_administrator");
	bed_error(bed, "{\"id\":1,\"op\":\"pair_revoke\",\"peer\":\"agent3\"}", "refused",
		"not_administrator");
	bed_ask(bed, "{\"id\":2,\"op\":\"pair_ls\"}", "{\"id\":2,\"pairs\":[]}\n");
	fake_hang_up(other);
	bed_turn(bed);
	fake_stream_free(other);
	bed->client = mine;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_up, bed_down)
	const struct CMUnitTest tests[] = {
		TEST(test_make),
		TEST(test_take),
		TEST(test_gone),
		TEST(test_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
