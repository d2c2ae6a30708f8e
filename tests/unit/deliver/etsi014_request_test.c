/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct skex_etsi014_limits limits = {.keys_max = 20, .bits_default = 256};

#define JSON "application/json"
#define ENC  "/api/v1/keys/sae-b/enc_keys"
#define DEC  "/api/v1/keys/sae-a/dec_keys"
#define ID1  "0188c0a0-1111-8222-9333-0123456789ab"
#define ID2  "0188c0a0-1111-8222-9333-0123456789ac"

struct outcome {
	enum skex_error error;
	struct skex_etsi014_request request;
	struct skex_https_problem problem;
};

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* What holds after every call, whatever was asked. */
static void assert_request(const struct skex_etsi014_request *request)
{
	struct skex_https_name again;

	assert_true(terminated(request->sae.text, sizeof(request->sae.text)));
	assert_true(skex_https_name_parse(
		&again, skex_view(request->sae.text, strlen(request->sae.text))));
	assert_in_range(request->number, 1, limits.keys_max);
	assert_in_range(request->bits, SKEX_ETSI014_BITS_MIN, SKEX_ETSI014_BITS_MAX);
	assert_int_equal(request->bits % 8, 0);
	assert_in_range(request->additional_count, 0, SKEX_ETSI014_ADDITIONAL_MAX);
	assert_in_range(request->ids_count, 0, SKEX_ETSI014_KEYS_MAX);
	if (request->call == SKEX_ETSI014_DEC_KEYS && !request->body_wanted)
		assert_int_equal(request->ids_count, 1);
	for (size_t i = 0; i < request->additional_count; i++)
		assert_true(skex_https_name_parse(&again,
			skex_view(
				request->additional[i].text, strlen(request->additional[i].text))));
}

static void assert_problem(const struct skex_https_problem *problem)
{
	assert_true(problem->status == 400 || problem->status == 404 || problem->status == 405 ||
		problem->status == 413 || problem->status == 414);
	assert_true((problem->status == 405) == (problem->allow != NULL));
	assert_true(terminated(problem->message, sizeof(problem->message)));
	assert_true(terminated(problem->name, sizeof(problem->name)));
	assert_true(terminated(problem->value, sizeof(problem->value)));
	assert_true(problem->message[0] != '\0');
	assert_true(printable(problem->message));
	assert_true(printable(problem->name));
	assert_true(printable(problem->value));
}

static void untouched(const void *object, size_t size)
{
	for (size_t i = 0; i < size; i++)
		assert_int_equal(((const uint8_t *)object)[i], 0xa5);
}

static void outcome_check(const struct outcome *outcome)
{
	if (outcome->error == SKEX_OK) {
		assert_request(&outcome->request);
		untouched(&outcome->problem, sizeof(outcome->problem));
	} else {
		assert_int_equal(outcome->error, SKEX_E_SYNTAX);
		assert_problem(&outcome->problem);
	}
}

static struct outcome head(const char *method, const char *uri, const char *type)
{
	struct outcome outcome;

	memset(&outcome, 0xa5, sizeof(outcome));
	outcome.error = skex_etsi014_request_head(
		&outcome.request, &limits, method, uri, type, &outcome.problem);
	outcome_check(&outcome);
	if (outcome.error != SKEX_OK)
		untouched(&outcome.request, sizeof(outcome.request));
	return outcome;
}

static struct outcome body_of(const char *uri, const void *body, size_t size)
{
	struct outcome outcome = head("POST", uri, JSON);
	struct skex_etsi014_request before = outcome.request;

	assert_int_equal(outcome.error, SKEX_OK);
	assert_true(outcome.request.body_wanted);
	memset(&outcome.problem, 0xa5, sizeof(outcome.problem));
	/* A copy of its exact size, so that the sanitizers see a read beyond. */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	assert_non_null(copy);
	memcpy(copy, body, size);
	outcome.error = skex_etsi014_request_body(
		&outcome.request, &limits, skex_view(copy, size), &outcome.problem);
	free(copy);
	outcome_check(&outcome);
	if (outcome.error != SKEX_OK)
		assert_memory_equal(&outcome.request, &before, sizeof(before));
	return outcome;
}

static struct outcome body(const char *uri, const char *text)
{
	return body_of(uri, text, strlen(text));
}

/* ---- tables ---- */

static void heads_good(void **state)
{
	static const struct {
		const char *method, *uri, *type, *sae;
		enum skex_etsi014_call call;
		uint32_t number, bits;
		bool body_wanted;
	} rows[] = {
		{"GET", "/api/v1/keys/sae-b/status", NULL, "sae-b", SKEX_ETSI014_STATUS, 1, 256, 0},
		{"GET", "/api/v1/keys/x/status?", "text/x", "x", SKEX_ETSI014_STATUS, 1, 256, 0},
		{"GET", ENC, NULL, "sae-b", SKEX_ETSI014_ENC_KEYS, 1, 256, 0},
		{"GET", ENC "?number=20", NULL, "sae-b", SKEX_ETSI014_ENC_KEYS, 20, 256, 0},
		{"GET", ENC "?size=64", NULL, "sae-b", SKEX_ETSI014_ENC_KEYS, 1, 64, 0},
		{"GET", ENC "?size=65536&number=2", NULL, "sae-b", SKEX_ETSI014_ENC_KEYS, 2, 65536,
			0},
		{"GET", ENC "?%73ize=1%36%30&&", NULL, "sae-b", SKEX_ETSI014_ENC_KEYS, 1, 160, 0},
		{"POST", ENC, JSON, "sae-b", SKEX_ETSI014_ENC_KEYS, 1, 256, 1},
		{"POST", ENC, "APPLICATION/json ; charset=x", "sae-b", SKEX_ETSI014_ENC_KEYS, 1,
			256, 1},
		{"GET", DEC "?key_ID=" ID1, NULL, "sae-a", SKEX_ETSI014_DEC_KEYS, 1, 256, 0},
		{"POST", DEC, JSON, "sae-a", SKEX_ETSI014_DEC_KEYS, 1, 256, 1},
		{"GET", "/api/v1/keys/urn:a%2Fb%3f/status", NULL, "urn:a/b?", SKEX_ETSI014_STATUS,
			1, 256, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = head(rows[i].method, rows[i].uri, rows[i].type);
		assert_int_equal(outcome.error, SKEX_OK);
		assert_string_equal(outcome.request.sae.text, rows[i].sae);
		assert_int_equal(outcome.request.call, rows[i].call);
		assert_int_equal(outcome.request.number, rows[i].number);
		assert_int_equal(outcome.request.bits, rows[i].bits);
		assert_int_equal(outcome.request.body_wanted, rows[i].body_wanted);
	}
}

static void heads_bad(void **state)
{
	static const struct {
		const char *method, *uri, *type;
		unsigned status;
		const char *message; /* its beginning */
	} rows[] = {
		{"GET", "", NULL, 404, ""},
		{"GET", "/", NULL, 404, ""},
		{"GET", "/api/v1/keys/", NULL, 404, ""},
		{"GET", "/api/v1/keys/sae-b", NULL, 404, ""},
		{"GET", "/api/v1/keys/sae-b/", NULL, 404, ""},
		{"GET", "/api/v1/keys/sae-b/statu", NULL, 404, ""},
		{"GET", "/api/v1/keys/sae-b/status1", NULL, 404, ""},
		{"GET", "/api/v1/keys/a/b/status", NULL, 404, ""},
		{"GET", "/API/v1/keys/sae-b/status", NULL, 404, ""},
		{"PUT", "/x", NULL, 404, ""},
		{"GET", "/api/v1/keys//status", NULL, 400, "the SAE id"},
		{"GET", "/api/v1/keys/%20/status", NULL, 400, "the SAE id"},
		{"GET", "/api/v1/keys/%00/status", NULL, 400, "the SAE id"},
		{"GET", "/api/v1/keys/%/status", NULL, 400, "the SAE id"},
		{"GET", "/api/v1/keys/a%2/status", NULL, 400, "the SAE id"},
		{"GET", "/api/v1/keys/a,b/status", NULL, 400, "the SAE id"},
		{"GET", "/api/v1/keys/\x80/status", NULL, 400, "the SAE id"},
		{"POST", "/api/v1/keys/sae-b/status", JSON, 405, "the method"},
		{"post", ENC, JSON, 405, "the method"},
		{"HEAD", ENC, NULL, 405, "the method"},
		{"", ENC, NULL, 405, "the method"},
		{"POST", ENC, NULL, 400, "Content-Type"},
		{"POST", ENC, "", 400, "Content-Type"},
		{"POST", ENC, "application/json5", 400, "Content-Type"},
		{"POST", ENC "?number=1", JSON, 400, "a POST"},
		{"GET", "/api/v1/keys/sae-b/status?number=1", NULL, 400, "number is not known"},
		{"GET", ENC "?number=0", NULL, 400, "number shall"},
		{"GET", ENC "?number=21", NULL, 400, "number shall"},
		{"GET", ENC "?number=00", NULL, 400, "number shall"},
		{"GET", ENC "?number=1e1", NULL, 400, "number shall"},
		{"GET", ENC "?number=%001", NULL, 400, "number shall"},
		{"GET", ENC "?number=4294967297", NULL, 400, "number shall"},
		{"GET", ENC "?number=1&number=2", NULL, 400, "number is given twice"},
		{"GET", ENC "?size=12", NULL, 400, SKEX_ETSI014_MESSAGE_SIZE},
		{"GET", ENC "?size=56", NULL, 400, "size shall be from 64 to 65536"},
		{"GET", ENC "?size=65544", NULL, 400, "size shall be from 64 to 65536"},
		{"GET", ENC "?size", NULL, 400, "size shall be a whole"},
		{"GET", ENC "?nUmber=1", NULL, 400, "nUmber is not known"},
		{"GET", ENC "?key_ID=" ID1, NULL, 400, "key_ID is not known"},
		{"GET", DEC, NULL, 400, "key_ID shall be given once"},
		{"GET", DEC "?key_ID=" ID1 "&key_ID=" ID2, NULL, 400, "key_ID is given twice"},
		{"GET", DEC "?key_ID=x", NULL, 400, SKEX_ETSI014_MESSAGE_NOT_FOUND},
		{"GET", DEC "?key_ID=", NULL, 400, SKEX_ETSI014_MESSAGE_NOT_FOUND},
		{"GET", DEC "?key_ID=" ID1 "0", NULL, 400, SKEX_ETSI014_MESSAGE_NOT_FOUND},
		{"GET", DEC "?number=1", NULL, 400, "number is not known"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = head(rows[i].method, rows[i].uri, rows[i].type);
		assert_int_equal(outcome.error, SKEX_E_SYNTAX);
		assert_int_equal(outcome.problem.status, rows[i].status);
		assert_memory_equal(
			outcome.problem.message, rows[i].message, strlen(rows[i].message));
	}
}

static void bodies_good(void **state)
{
	struct outcome outcome;

	(void)state;
	outcome = body(ENC, "{}");
	assert_int_equal(outcome.error, SKEX_OK);
	outcome = body(ENC, " {\"size\":\t64, \"number\" : 20}\r\n ");
	assert_int_equal(outcome.error, SKEX_OK);
	assert_int_equal(outcome.request.number, 20);
	assert_int_equal(outcome.request.bits, 64);
	outcome = body(ENC,
		"{\"additional_slave_SAE_IDs\":[\"c\",\"urn:d\"],"
		"\"extension_mandatory\":[],\"extension_optional\":[{},{\"a\":[1]}]}");
	assert_int_equal(outcome.error, SKEX_OK);
	assert_int_equal(outcome.request.additional_count, 2);
	assert_string_equal(outcome.request.additional[1].text, "urn:d");
	outcome = body(DEC,
		"{\"key_IDs\":[{\"key_ID\":\"" ID1 "\"},"
		"{\"key_ID_extension\":{},\"key_ID\":\"" ID2 "\"}],"
		"\"key_IDs_extension\":{\"x\":null}}");
	assert_int_equal(outcome.error, SKEX_OK);
	assert_int_equal(outcome.request.ids_count, 2);
	assert_int_equal(outcome.request.ids[0][0], 0x01);
	assert_int_equal(outcome.request.ids[1][15], 0xac);
}

static void bodies_bad(void **state)
{
	static const struct {
		const char *uri, *text, *message;
	} rows[] = {
		{ENC, "", "the body is no"},
		{ENC, "{", "the body is no"},
		{ENC, "{}{}", "the body is no"},
		{ENC, "{\"number\":1,\"number\":1}", "the body is no"},
		{ENC, "{\"number\":99999999999999999999}", "the body is no"},
		{ENC, "[]", "the body shall"},
		{ENC, "null", "the body shall"},
		{ENC, "\"x\"", "the body shall"},
		{ENC, "{\"number\":null}", "number shall be a whole"},
		{ENC, "{\"number\":\"1\"}", "number shall be a whole"},
		{ENC, "{\"number\":1.0}", "number shall be a whole"},
		{ENC, "{\"number\":true}", "number shall be a whole"},
		{ENC, "{\"number\":0}", "number shall be from 1 to 20"},
		{ENC, "{\"number\":21}", "number shall be from 1 to 20"},
		{ENC, "{\"number\":-9223372036854775808}", "number shall be from"},
		{ENC, "{\"size\":null}", "size shall be a whole"},
		{ENC, "{\"size\":-8}", "size shall be from"},
		{ENC, "{\"size\":1}", SKEX_ETSI014_MESSAGE_SIZE},
		{ENC, "{\"size\":-1}", SKEX_ETSI014_MESSAGE_SIZE},
		{ENC, "{\"size\":0}", "size shall be from"},
		{ENC, "{\"extension_mandatory\":[{}]}", SKEX_ETSI014_MESSAGE_MANDATORY},
		{ENC, "{\"extension_mandatory\":[1]}", "extension_mandatory shall"},
		{ENC, "{\"extension_mandatory\":null}", "extension_mandatory shall"},
		{ENC, "{\"extension_optional\":{}}", "extension_optional shall"},
		{ENC, "{\"extension_optional\":[\"x\"]}", "extension_optional shall"},
		{ENC, "{\"additional_slave_SAE_IDs\":null}", "additional_slave_SAE_IDs shall"},
		{ENC, "{\"additional_slave_SAE_IDs\":[1]}", "additional_slave_SAE_IDs shall"},
		{ENC, "{\"additional_slave_SAE_IDs\":[\"\"]}", "an SAE id of"},
		{ENC, "{\"additional_slave_SAE_IDs\":[\"sae-b\"]}", "an SAE id is named twice"},
		{ENC, "{\"additional_slave_SAE_IDs\":[\"c\",\"c\"]}", "an SAE id is named twice"},
		{ENC, "{\"Number\":1}", "Number is not known here"},
		{ENC, "{\"\\u00e4\\n\":1}", "??? is not known here"},
		{ENC, "{\"\":1}", "an empty name is not known here"},
		{ENC, "{\"key_IDs\":[]}", "key_IDs is not known here"},
		{DEC, "{}", "key_IDs shall name"},
		{DEC, "{\"key_IDs\":[]}", "key_IDs shall name"},
		{DEC, "{\"key_IDs\":[\"" ID1 "\"]}", "key_IDs shall be an array"},
		{DEC, "{\"key_IDs\":[{}]}", "key_ID shall be a string"},
		{DEC, "{\"key_IDs\":[{\"key_ID\":null}]}", "key_ID shall be a string"},
		{DEC, "{\"key_IDs\":[{\"key_ID\":\"x\"}]}", SKEX_ETSI014_MESSAGE_NOT_FOUND},
		{DEC, "{\"key_IDs\":[{\"key_ID\":\"" ID1 "\",\"x\":1}]}", "x is not known here"},
		{DEC, "{\"key_IDs\":[{\"key_ID\":\"" ID1 "\",\"key_ID_extension\":[]}]}",
			"key_ID_extension shall"},
		{DEC, "{\"key_IDs\":[{\"key_ID\":\"" ID1 "\"}],\"key_IDs_extension\":null}",
			"key_IDs_extension shall"},
		{DEC, "{\"key_IDs\":[{\"key_ID\":\"" ID1 "\"}],\"number\":1}",
			"number is not known here"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = body(rows[i].uri, rows[i].text);
		assert_int_equal(outcome.error, SKEX_E_SYNTAX);
		assert_int_equal(outcome.problem.status, 400);
		assert_memory_equal(
			outcome.problem.message, rows[i].message, strlen(rows[i].message));
	}
}

static void body_sizes(void **state)
{
	size_t size = SKEX_HTTPS_BODY_MAX + 1;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', size);
	text[0] = '{';
	text[1] = '}';
	assert_int_equal(body_of(ENC, text, size - 1).error, SKEX_OK);
	assert_int_equal(body_of(ENC, text, size).problem.status, 413);
	memset(text, '[', size);
	assert_int_equal(body_of(ENC, text, size - 1).problem.status, 400);
	free(text);
}

static void many_key_ids(void **state)
{
	static const char one[] = "{\"key_ID\":\"" ID1 "\"},";
	char text[sizeof(one) * (SKEX_ETSI014_KEYS_MAX + 1) + 32];

	(void)state;
	for (size_t count = SKEX_ETSI014_KEYS_MAX; count <= SKEX_ETSI014_KEYS_MAX + 1; count++) {
		size_t at = (size_t)snprintf(text, sizeof(text), "{\"key_IDs\":[");
		for (size_t i = 0; i < count; i++) {
			memcpy(text + at, one, sizeof(one) - 1);
			at += sizeof(one) - 1;
		}
		memcpy(text + at - 1, "]}", 3);
		struct outcome outcome = body(DEC, text);
		assert_int_equal(outcome.error == SKEX_OK, count == SKEX_ETSI014_KEYS_MAX);
	}
}

static void uri_length(void **state)
{
	char uri[SKEX_HTTPS_URI_MAX + 2];

	(void)state;
	memset(uri, '&', sizeof(uri));
	memcpy(uri, ENC "?", sizeof(ENC));
	uri[SKEX_HTTPS_URI_MAX] = '\0';
	assert_int_equal(head("GET", uri, NULL).error, SKEX_OK);
	uri[SKEX_HTTPS_URI_MAX] = '&';
	uri[SKEX_HTTPS_URI_MAX + 1] = '\0';
	assert_int_equal(head("GET", uri, NULL).problem.status, 414);
}

static void sae_characters(void **state)
{
	struct skex_https_name sae;
	char text[3] = "aXb";

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool good = c > ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\' && c != '>' &&
			c != ',';
		text[1] = (char)c;
		memset(&sae, 0xa5, sizeof(sae));
		assert_int_equal(skex_https_name_parse(&sae, skex_view(text, 3)), good);
		if (!good)
			untouched(&sae, sizeof(sae));
	}
	char longest[SKEX_HTTPS_NAME_MAX + 1];
	memset(longest, 'x', sizeof(longest));
	assert_true(skex_https_name_parse(&sae, skex_view(longest, sizeof(longest) - 1)));
	assert_false(skex_https_name_parse(&sae, skex_view(longest, sizeof(longest))));
	assert_false(skex_https_name_parse(&sae, skex_view(NULL, 0)));
}

static void text_cut(void **state)
{
	char out[8];

	(void)state;
	skex_https_text_cut(out, sizeof(out), "1234567");
	assert_string_equal(out, "1234567");
	skex_https_text_cut(out, sizeof(out), "12345678");
	assert_string_equal(out, "1234567");
	skex_https_text_cut(out, sizeof(out), "12345\xe2\x82\xac");
	assert_string_equal(out, "12345");
	skex_https_text_cut(out, sizeof(out), "123456\xc3\xa4");
	assert_string_equal(out, "123456");
	skex_https_text_cut(out, sizeof(out), "1234\xe2\x82\xac");
	assert_string_equal(out, "1234\xe2\x82\xac");
}

/* ---- properties ---- */

static uint32_t dice_state;

/* Numerical Recipes' generator: the same cases in every run. */
static uint32_t dice(uint32_t below)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % below;
}

/* Every way to encode an SAE id in a path gives that id. */
static void sae_encodings(void **state)
{
	static const char alphabet[] = "abcXYZ019-._~:@!$&()*+;=/?#[]<|{}^`%";
	char plain[SKEX_HTTPS_NAME_MAX + 1], uri[SKEX_HTTPS_URI_MAX + 1];

	(void)state;
	dice_state = 1;
	for (int round = 0; round < 2000; round++) {
		size_t size = 1 + dice(SKEX_HTTPS_NAME_MAX);
		size_t at = (size_t)snprintf(uri, sizeof(uri), "/api/v1/keys/");
		for (size_t i = 0; i < size; i++) {
			char c = alphabet[dice(sizeof(alphabet) - 1)];
			bool must = strchr("/?%", c) != NULL;
			plain[i] = c;
			if (must || dice(2) == 0)
				at += (size_t)snprintf(uri + at, 4, dice(2) ? "%%%02x" : "%%%02X",
					(unsigned char)c);
			else
				uri[at++] = c;
		}
		plain[size] = '\0';
		memcpy(uri + at, "/status", 8);
		struct outcome outcome = head("GET", uri, NULL);
		assert_int_equal(outcome.error, SKEX_OK);
		assert_string_equal(outcome.request.sae.text, plain);
	}
}

/* Both forms of a key request mean the same, and refuse with the same words. */
static void forms_agree(void **state)
{
	char uri[128], text[128];

	(void)state;
	dice_state = 2;
	for (int round = 0; round < 5000; round++) {
		unsigned number = dice(24), bits = dice(4) ? 8 * dice(80) : dice(70000);
		snprintf(uri, sizeof(uri), ENC "?number=%u&size=%u", number, bits);
		snprintf(text, sizeof(text), "{\"number\":%u,\"size\":%u}", number, bits);
		struct outcome get = head("GET", uri, NULL), post = body(ENC, text);
		assert_int_equal(get.error, post.error);
		if (get.error == SKEX_OK) {
			assert_int_equal(get.request.number, post.request.number);
			assert_int_equal(get.request.bits, post.request.bits);
		} else {
			assert_string_equal(get.problem.message, post.problem.message);
		}
	}
}

static size_t mutate(char *text, size_t size, size_t room)
{
	for (uint32_t left = 1 + dice(6); left > 0 && size > 0; left--) {
		size_t at = dice((uint32_t)size);
		switch (dice(4)) {
		case 0:
			text[at] = (char)dice(256);
			break;
		case 1:
			memmove(text + at, text + at + 1, size - at - 1);
			size--;
			break;
		case 2:
			if (size < room) {
				memmove(text + at + 1, text + at, size - at);
				text[at] = "{}[]\",:0e\\"[dice(10)];
				size++;
			}
			break;
		default:
			text[at] = text[dice((uint32_t)size)];
			break;
		}
	}
	return size;
}

static void bodies_mutated(void **state)
{
	static const char *const seeds[] = {
		"{\"number\":3,\"size\":128,\"additional_slave_SAE_IDs\":[\"c\",\"d\"]}",
		"{\"extension_mandatory\":[],\"extension_optional\":[{\"a_b\":1.5e3}]}",
		"{\"key_IDs\":[{\"key_ID\":\"" ID1 "\"},{\"key_ID\":\"" ID2
		"\",\"key_ID_extension\":{}}]}",
	};
	char text[256];

	(void)state;
	dice_state = 3;
	for (int round = 0; round < 60000; round++) {
		uint32_t seed = dice(3);
		size_t size = strlen(seeds[seed]);
		memcpy(text, seeds[seed], size);
		size = mutate(text, size, sizeof(text));
		body_of(seed == 2 ? DEC : ENC, text, size);
	}
}

static void heads_mutated(void **state)
{
	static const char *const seeds[] = {
		"/api/v1/keys/urn:sae%2Fb/status",
		ENC "?number=3&size=%3128",
		DEC "?key_ID=" ID1,
	};
	static const char *const methods[] = {"GET", "POST", "PUT"};
	char uri[256];

	(void)state;
	dice_state = 4;
	for (int round = 0; round < 60000; round++) {
		const char *seed = seeds[dice(3)];
		size_t size = strlen(seed);
		memcpy(uri, seed, size);
		size = mutate(uri, size, sizeof(uri) - 1);
		uri[size] = '\0';
		head(methods[dice(3)], uri, dice(2) ? JSON : NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_good),
		cmocka_unit_test(heads_bad),
		cmocka_unit_test(bodies_good),
		cmocka_unit_test(bodies_bad),
		cmocka_unit_test(body_sizes),
		cmocka_unit_test(many_key_ids),
		cmocka_unit_test(uri_length),
		cmocka_unit_test(sae_characters),
		cmocka_unit_test(text_cut),
		cmocka_unit_test(sae_encodings),
		cmocka_unit_test(forms_agree),
		cmocka_unit_test(bodies_mutated),
		cmocka_unit_test(heads_mutated),
	};

	return cmocka_run_group_tests_name("etsi014_request", tests, NULL, NULL);
}
