/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/keys_cost.h"
#include "deliver/etsi014/call.h"
#include "deliver/skip/request.h"

#define ID1  "0188c0a0-1111-8222-9333-0123456789ab"
#define ID2  "0188c0a0-1111-8222-9333-0123456789ac"
#define KEY1 "AAECAwQFBgc="
#define KEY2 "//79/Pv6+fg="

static const struct skex_etsi014_facts facts = {.kme_id = "kme-1", .limits = {20, 256}};
static const struct skex_https_name caller = {.text = "sae-a"};

static struct skex_etsi014_request request_of(enum skex_etsi014_call call, uint32_t number)
{
	struct skex_etsi014_request request = {
		.call = call, .number = number, .bits = 64, .ids_count = number};

	memcpy(request.sae.text, "sae-b", 6);
	for (size_t i = 0; i < SKEX_KEY_ID_BYTES; i++)
		request.ids[0][i] = (uint8_t)i;
	memcpy(request.ids[1], request.ids[0], SKEX_KEY_ID_BYTES);
	return request;
}

/* The status and body that an answer of the API becomes. */
static void assert_reply(enum skex_etsi014_call call, uint32_t number, const char *answer,
	unsigned status, const char *body)
{
	struct skex_etsi014_request request = request_of(call, number);
	struct skex_https_reply reply;
	json_t *parsed = answer != NULL ? json_loads(answer, 0, NULL) : NULL;

	memset(&reply, 0xa5, sizeof(reply));
	assert_int_equal(answer != NULL, parsed != NULL);
	skex_etsi014_reply_answer(&reply, &facts, &request, &caller, parsed);
	json_decref(parsed);
	assert_int_equal(reply.status, status);
	assert_null(reply.allow);
	if (body == NULL) {
		assert_null(reply.body);
		assert_int_equal(reply.size, 0);
	} else {
		assert_int_equal(reply.size, strlen(body));
		assert_memory_equal(reply.body, body, reply.size);
	}
	skex_https_reply_clear(&reply);
	assert_null(reply.body);
}

#define UNAVAILABLE "{\"message\":\"the key source cannot answer\"}"
#define NOT_FOUND   "{\"message\":\"one or more keys specified are not found on KME\"}"

static void containers(void **state)
{
	static const char one[] = "{\"id\":1,\"keys\":[{\"key_id\":\"" ID1 "\",\"key\":\"" KEY1
				  "\",\"class\":\"its\",\"confirmed\":true}]}";
	static const char two[] = "{\"keys\":[{\"key\":\"" KEY1 "\",\"key_id\":\"" ID1 "\"},"
				  "{\"key\":\"" KEY2 "\",\"key_id\":\"" ID2 "\"}]}";

	(void)state;
	assert_reply(SKEX_ETSI014_ENC_KEYS, 1, one, 200,
		"{\"keys\":[{\"key_ID\":\"" ID1 "\",\"key\":\"" KEY1 "\"}]}");
	assert_reply(SKEX_ETSI014_DEC_KEYS, 2, two, 200,
		"{\"keys\":[{\"key_ID\":\"" ID1 "\",\"key\":\"" KEY1 "\"},"
		"{\"key_ID\":\"" ID2 "\",\"key\":\"" KEY2 "\"}]}");
	assert_reply(SKEX_ETSI014_ENC_KEYS, 2, one, 503, UNAVAILABLE);
	assert_reply(SKEX_ETSI014_ENC_KEYS, 1, two, 503, UNAVAILABLE);
}

static void containers_that_do_not_fit(void **state)
{
	static const char *const keys[] = {
		"null",
		"{}",
		"[]",
		"[null]",
		"[{}]",
		"[{\"key_id\":\"" ID1 "\"}]",
		"[{\"key\":\"" KEY1 "\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":null}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"AAEC\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"AAECAwQFBg=\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"AAECAwQFBgcAAAAA\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"AAECAwQFBg\\\"=\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"AAECAwQFBg\\\\=\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"AAECAwQFBg\\n=\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"AAECAwQF-_c=\"}]",
		"[{\"key_id\":\"" ID1 "\",\"key\":\"AAECAwQF\u00e4c=\"}]",
		"[{\"key_id\":\"" ID1 "0\",\"key\":\"" KEY1 "\"}]",
		"[{\"key_id\":\"\",\"key\":\"" KEY1 "\"}]",
		"[{\"key_id\":1,\"key\":\"" KEY1 "\"}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char answer[256];
		snprintf(answer, sizeof(answer), "{\"keys\":%s}", keys[i]);
		assert_reply(SKEX_ETSI014_ENC_KEYS, 1, answer, 503, UNAVAILABLE);
	}
}

/* The check of the characters has no branch on them: here it is compared with one that has. */
static void every_character(void **state)
{
	struct skex_etsi014_request request = request_of(SKEX_ETSI014_ENC_KEYS, 1);

	(void)state;
	for (int c = 1; c < 128; c++) {
		char key[] = "AAECAwQFBgc=";
		key[5] = (char)c;
		bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
		json_t *keys = json_pack("[{s:s,s:s}]", "key_id", ID1, "key", key);
		struct skex_https_reply reply = {.status = 7};
		enum skex_error error = skex_etsi014_container_encode(&reply, &request, keys);
		assert_int_equal(error, good ? SKEX_OK : SKEX_E_SYNTAX);
		assert_int_equal(reply.status, good ? 200 : 7);
		skex_https_reply_clear(&reply);
		json_decref(keys);
	}
}

static void statuses(void **state)
{
#define STATUS(ready, most, bits, additional)                                                      \
	"{\"source_KME_ID\":\"kme-1\",\"target_KME_ID\":\"agent2\",\"master_SAE_ID\":\"sae-a\","   \
	"\"slave_SAE_ID\":\"sae-b\",\"key_size\":256,\"stored_key_count\":" ready                  \
	",\"max_key_count\":" most ",\"max_key_per_request\":20,\"max_key_size\":" bits            \
	",\"min_key_size\":64,\"max_SAE_ID_count\":" additional "}"

	(void)state;
	assert_reply(SKEX_ETSI014_STATUS, 1, "{\"id\":1,\"ready\":0,\"peer\":\"agent2\"}", 200,
		STATUS("0", "20", "65536", "0"));
	assert_reply(SKEX_ETSI014_STATUS, 1, "{\"ready\":5000,\"peer\":\"agent2\"}", 200,
		STATUS("5000", "5000", "65536", "0"));
	assert_reply(SKEX_ETSI014_STATUS, 1,
		"{\"ready\":5,\"peer\":\"agent2\",\"capacity\":1024,\"max_bits\":512,"
		"\"max_additional\":3}",
		200, STATUS("5", "1024", "512", "3"));
	assert_reply(SKEX_ETSI014_STATUS, 1, "{\"ready\":-1,\"peer\":\"x\"}", 503, UNAVAILABLE);
	assert_reply(SKEX_ETSI014_STATUS, 1, "{\"ready\":1}", 503, UNAVAILABLE);
	assert_reply(SKEX_ETSI014_STATUS, 1, "{\"peer\":\"x\"}", 503, UNAVAILABLE);
	assert_reply(SKEX_ETSI014_STATUS, 1, "{}", 503, UNAVAILABLE);
}

static void errors(void **state)
{
#define ERROR(class, code)                                                                         \
	"{\"id\":1,\"error\":{\"class\":\"" class "\",\"code\":\"" code                            \
						  "\",\"message\":\"no\",\"do\":\"wait\"}}"
#define SAID(code) "{\"message\":\"no\",\"details\":[{\"" code "\":\"wait\"}]}"
	static const char *const busy[] = {"again", "limit", "environment", "peer", "fatal", "?"};

	(void)state;
	for (int call = SKEX_ETSI014_STATUS; call <= SKEX_ETSI014_DEC_KEYS; call++) {
		enum skex_etsi014_call each = (enum skex_etsi014_call)call;
		for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
			json_t *answer = json_pack("{s:{s:s,s:s,s:s,s:s}}", "error", "class",
				busy[i], "code", "x", "message", "no", "do", "wait");
			char *text = json_dumps(answer, 0);
			assert_reply(each, 1, text, 503, SAID("x"));
			free(text);
			json_decref(answer);
		}
		assert_reply(each, 1, ERROR("refused", "not_named"), 401, NULL);
		assert_reply(each, 1, ERROR("refused", "foreign_identity"), 401, NULL);
		assert_reply(each, 1, ERROR("refused", "unknown_key"), 400,
			each == SKEX_ETSI014_DEC_KEYS ? NOT_FOUND : SAID("unknown_key"));
		assert_reply(each, 1, ERROR("usage", "argument"), 400,
			each == SKEX_ETSI014_DEC_KEYS ? NOT_FOUND : SAID("argument"));
		assert_reply(each, 1, "{\"error\":null}", 503, UNAVAILABLE);
		assert_reply(each, 1, "{\"error\":[]}", 503, UNAVAILABLE);
		assert_reply(each, 1, NULL, 503, UNAVAILABLE);
	}
}

static void problems(void **state)
{
	struct skex_https_problem problem;
	struct skex_https_reply reply;

	(void)state;
	skex_https_problem_set(&problem, 400, "%s", "a \"b\"");
	skex_etsi014_reply_problem(&reply, &problem);
	assert_int_equal(reply.size, strlen("{\"message\":\"a \\\"b\\\"\"}"));
	skex_https_reply_clear(&reply);
	skex_https_problem_set(&problem, 405, "x");
	problem.allow = "GET";
	skex_etsi014_reply_problem(&reply, &problem);
	assert_string_equal(reply.allow, "GET");
	skex_https_reply_clear(&reply);
	skex_https_problem_set(&problem, 401, "x");
	skex_etsi014_reply_problem(&reply, &problem);
	assert_null(reply.body);
}

/* ---- the other way: what the API is asked ---- */

static void assert_call(const struct skex_etsi014_request *request, const char *wanted)
{
	char text[SKEX_HTTPS_CALL_MAX];
	size_t size = 0;

	assert_int_equal(
		skex_etsi014_call_encode(text, &size, request, &caller, 256, 5000), SKEX_OK);
	assert_int_equal(size, strlen(wanted));
	assert_memory_equal(text, wanted, size);
}

static void calls(void **state)
{
#define WHO "\"consumer\":\"etsi014\",\"local\":\"sae-a\",\"remote\":\"sae-b\""
	struct skex_etsi014_request request = request_of(SKEX_ETSI014_STATUS, 2);

	(void)state;
	assert_call(&request, "\"op\":\"identity_status\"," WHO ",\"bits\":256");
	request.call = SKEX_ETSI014_ENC_KEYS;
	assert_call(&request,
		"\"op\":\"get\"," WHO ",\"bits\":64,\"count\":2,"
		"\"require\":[\"confirmed\"],\"wait_ms\":5000");
	memcpy(request.additional[0].text, "c", 2);
	memcpy(request.additional[1].text, "d", 2);
	request.additional_count = 2;
	assert_call(&request,
		"\"op\":\"get\"," WHO ",\"bits\":64,\"count\":2,"
		"\"require\":[\"confirmed\"],\"wait_ms\":5000,"
		"\"additional\":[\"c\",\"d\"]");
	request.call = SKEX_ETSI014_DEC_KEYS;
	assert_call(&request,
		"\"op\":\"fetch\"," WHO ",\"key_ids\":[\"00010203-0405-0607-0809-0a0b0c0d0e0f\","
		"\"00010203-0405-0607-0809-0a0b0c0d0e0f\"]");
}

static void longest_call(void **state)
{
	struct skex_etsi014_request request = {.bits = 65536, .number = 128};
	char text[SKEX_HTTPS_CALL_MAX];
	size_t size = 0;

	(void)state;
	memset(request.sae.text, 'x', SKEX_HTTPS_NAME_MAX);
	request.call = SKEX_ETSI014_DEC_KEYS;
	request.ids_count = SKEX_ETSI014_KEYS_MAX;
	assert_int_equal(
		skex_etsi014_call_encode(text, &size, &request, &request.sae, 65536, UINT32_MAX),
		SKEX_OK);
	request.call = SKEX_ETSI014_ENC_KEYS;
	request.additional_count = SKEX_ETSI014_ADDITIONAL_MAX;
	for (size_t i = 0; i < SKEX_ETSI014_ADDITIONAL_MAX; i++)
		request.additional[i] = request.sae;
	assert_int_equal(
		skex_etsi014_call_encode(text, &size, &request, &request.sae, 65536, UINT32_MAX),
		SKEX_OK);
}

/* As much as the agent reckons with, from what is asked or from the size that an id says. */
static void longest_answers(void **state)
{
	static const char *const ids[] = {"abababab-abab-8000-8000-000020000001", /* 512 bytes */
		"abababab-abab-8000-8000-000002000001", "abababab-abab-8000-8000-000000000001"};
	struct skex_etsi014_request request = request_of(SKEX_ETSI014_ENC_KEYS, 128);
	struct skex_skip_request skip = {.call = SKEX_SKIP_KEY_NEW, .bits = 512};

	(void)state;
	request.bits = 65536;
	assert_int_equal(skex_etsi014_answer_most(&request), skex_keys_text_most(128, 8192));
	request.call = SKEX_ETSI014_DEC_KEYS;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(skex_uuid_parse(request.ids[i], skex_view(ids[i], 36)), SKEX_OK);
	request.ids_count = 2;
	assert_int_equal(skex_etsi014_answer_most(&request), skex_keys_text_most(2, 512));
	/* The agent gives out none that is larger than 8 KiB. */
	request.ids_count = 3;
	assert_int_equal(skex_etsi014_answer_most(&request), skex_keys_text_most(3, 8192));
	assert_int_equal(skex_skip_answer_most(&skip), skex_keys_text_most(1, 64));
	skip.call = SKEX_SKIP_KEY_BY_ID;
	memcpy(skip.id, request.ids[0], sizeof(skip.id));
	assert_int_equal(skex_skip_answer_most(&skip), skex_keys_text_most(1, 512));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers),
		cmocka_unit_test(containers_that_do_not_fit),
		cmocka_unit_test(every_character),
		cmocka_unit_test(statuses),
		cmocka_unit_test(errors),
		cmocka_unit_test(problems),
		cmocka_unit_test(calls),
		cmocka_unit_test(longest_call),
		cmocka_unit_test(longest_answers),
	};

	return cmocka_run_group_tests_name("etsi014_reply", tests, NULL, NULL);
}
