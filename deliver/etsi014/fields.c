/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS 9 /* more never fits a limit */

enum skex_error skex_etsi014_field_number(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, int64_t number,
	struct skex_https_problem *problem)
{
	if (number < 1 || number > (int64_t)limits->keys_max) {
		skex_https_problem_set(
			problem, 400, "number shall be from 1 to %" PRIu32, limits->keys_max);
		return SKEX_E_SYNTAX;
	}
	request->number = (uint32_t)number;
	return SKEX_OK;
}

enum skex_error skex_etsi014_field_size(
	struct skex_etsi014_request *request, int64_t bits, struct skex_https_problem *problem)
{
	if (bits % 8 != 0) {
		skex_https_problem_set(problem, 400, SKEX_ETSI014_MESSAGE_SIZE);
		return SKEX_E_SYNTAX;
	}
	if (bits < (int64_t)SKEX_ETSI014_BITS_MIN || bits > (int64_t)SKEX_ETSI014_BITS_MAX) {
		skex_https_problem_set(problem, 400, "size shall be from %u to %u",
			SKEX_ETSI014_BITS_MIN, SKEX_ETSI014_BITS_MAX);
		return SKEX_E_SYNTAX;
	}
	request->bits = (uint32_t)bits;
	return SKEX_OK;
}

/* Printable, short, and therefore fit to be shown. */
static void printable(char *to, size_t size, struct skex_view text)
{
	size_t length = text.size < size - 1 ? text.size : size - 1;

	for (size_t i = 0; i < length; i++) {
		uint8_t c = text.data[i];
		to[i] = c >= ' ' && c <= '~' ? (char)c : '?';
	}
	to[length] = '\0';
}

enum skex_error skex_etsi014_field_key_id(struct skex_etsi014_request *request,
	struct skex_view text, struct skex_https_problem *problem)
{
	char shown[48];

	if (request->ids_count == SKEX_ETSI014_KEYS_MAX) {
		skex_https_problem_set(
			problem, 400, "at most %u key_IDs a request", SKEX_ETSI014_KEYS_MAX);
		return SKEX_E_SYNTAX;
	}
	/* What is no UUID names no key here: the prescribed message is the true one. */
	if (skex_uuid_parse(request->ids[request->ids_count], text) != SKEX_OK) {
		printable(shown, sizeof(shown), text);
		skex_https_problem_set(problem, 400, SKEX_ETSI014_MESSAGE_NOT_FOUND);
		skex_https_problem_detail(problem, "not_a_UUID", shown);
		return SKEX_E_SYNTAX;
	}
	request->ids_count++;
	return SKEX_OK;
}

enum skex_error skex_etsi014_field_unknown(
	struct skex_view name, struct skex_https_problem *problem)
{
	char shown[65];

	printable(shown, sizeof(shown), name);
	skex_https_problem_set(
		problem, 400, "%s is not known here", name.size > 0 ? shown : "an empty name");
	skex_https_problem_detail(problem, "unknown", shown);
	return SKEX_E_SYNTAX;
}

/* A whole number in decimal, without sign, spaces or leading zeros; -1 when it is none. */
static int64_t decimal(struct skex_view text)
{
	int64_t value = 0;

	if (text.size < 1 || text.size > NUMBER_DIGITS || (text.size > 1 && text.data[0] == '0'))
		return -1;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		value = value * 10 + (text.data[i] - '0');
	}
	return value;
}

static bool named(struct skex_view name, const char *wanted)
{
	return skex_view_equal(name, skex_view(wanted, strlen(wanted)));
}

static enum skex_error twice(const char *name, struct skex_https_problem *problem)
{
	skex_https_problem_set(problem, 400, "%s is given twice", name);
	return SKEX_E_SYNTAX;
}

static enum skex_error query_size(struct skex_etsi014_request *request, struct skex_view value,
	struct skex_https_problem *problem)
{
	int64_t bits = decimal(value);

	if (bits < 0) {
		skex_https_problem_set(problem, 400, "size shall be a whole number");
		return SKEX_E_SYNTAX;
	}
	return skex_etsi014_field_size(request, bits, problem);
}

enum skex_error skex_etsi014_field_query(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, struct skex_view name, struct skex_view value,
	struct skex_https_problem *problem)
{
	bool enc_keys = request->call == SKEX_ETSI014_ENC_KEYS;

	if (enc_keys && named(name, "number")) {
		if (request->number != 0)
			return twice("number", problem);
		return skex_etsi014_field_number(request, limits, decimal(value), problem);
	}
	if (enc_keys && named(name, "size")) {
		if (request->bits != 0)
			return twice("size", problem);
		return query_size(request, value, problem);
	}
	if (request->call == SKEX_ETSI014_DEC_KEYS && named(name, "key_ID")) {
		if (request->ids_count != 0)
			return twice("key_ID", problem);
		return skex_etsi014_field_key_id(request, value, problem);
	}
	return skex_etsi014_field_unknown(name, problem);
}
