/* SPDX-License-Identifier: Apache-2.0 */
#include "config/values.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: formatting takes the first that divides. */
static const struct unit size_units[] = {
	{"GiB", UINT64_C(1) << 30},
	{"MiB", UINT64_C(1) << 20},
	{"KiB", UINT64_C(1) << 10},
	{"B", 1},
	{NULL, 0},
};

static const struct unit time_units[] = {
	{"d", UINT64_C(86400000)},
	{"h", UINT64_C(3600000)},
	{"min", UINT64_C(60000)},
	{"s", UINT64_C(1000)},
	{"ms", 1},
	{NULL, 0},
};

/* Reads digits; NULL when there are none, a leading zero, or too many.  Gives what comes after. */
static const char *digits(const char *text, uint64_t *number)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return NULL;
		value = value * 10 + digit;
	}
	if (at == text || (text[0] == '0' && at != text + 1))
		return NULL;
	*number = value;
	return at;
}

bool skex_parse_number(const char *text, uint64_t *number)
{
	uint64_t value;
	const char *end = digits(text, &value);

	if (end == NULL || *end != '\0')
		return false;
	*number = value;
	return true;
}

static bool with_unit(const char *text, const struct unit *units, uint64_t *number)
{
	uint64_t value;
	const char *end = digits(text, &value);

	if (end == NULL)
		return false;
	if (*end == ' ')
		end++;
	for (; units->name != NULL; units++) {
		if (strcmp(end, units->name) != 0)
			continue;
		if (value > UINT64_MAX / units->factor)
			return false;
		*number = value * units->factor;
		return true;
	}
	return false;
}

bool skex_parse_size(const char *text, uint64_t *bytes)
{
	return with_unit(text, size_units, bytes);
}

bool skex_parse_time(const char *text, uint64_t *milliseconds)
{
	return with_unit(text, time_units, milliseconds);
}

static void format(uint64_t value, const struct unit *units, char text[32])
{
	while (units->factor > 1 && (value == 0 || value % units->factor != 0))
		units++;
	(void)snprintf(text, 32, "%" PRIu64 " %s", value / units->factor, units->name);
}

void skex_format_size(uint64_t bytes, char text[32])
{
	format(bytes, size_units, text);
}

void skex_format_time(uint64_t milliseconds, char text[32])
{
	format(milliseconds, time_units, text);
}

static bool v6_valid(const char *host);

bool skex_host_literal(const char *host)
{
	struct in_addr v4;

	return inet_pton(AF_INET, host, &v4) == 1 || v6_valid(host);
}

bool skex_host_wildcard(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return v4.s_addr == 0;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

static bool letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A DNS name or an IPv4 address.  What looks like an address has to be one: no 10.1 or 1.2.3.999.
 */
static bool host_valid(const char *host)
{
	const char *label = host;
	bool numeric = true;

	for (const char *at = host; *at != '\0'; at++) {
		if (*at == '.') {
			if (at == label || at - label > 63)
				return false;
			label = at + 1;
		} else if (!letter_or_digit(*at) && *at != '-' && *at != '_') {
			return false;
		}
		if (*at != '.' && (*at < '0' || *at > '9'))
			numeric = false;
	}
	if (*label == '\0' || strlen(label) > 63)
		return false;
	return !numeric || skex_host_literal(host);
}

/* An IPv6 address; a link-local one with its interface: fe80::1%eth0. */
static bool v6_valid(const char *host)
{
	const char *percent = strchr(host, '%');
	size_t size = percent == NULL ? strlen(host) : (size_t)(percent - host);
	char address[INET6_ADDRSTRLEN];
	struct in6_addr v6;

	if (size >= sizeof(address))
		return false;
	memcpy(address, host, size);
	address[size] = '\0';
	if (inet_pton(AF_INET6, address, &v6) != 1)
		return false;
	return percent == NULL || (IN6_IS_ADDR_LINKLOCAL(&v6) && host_valid(percent + 1));
}

bool skex_parse_address(const char *text, struct skex_address *address)
{
	struct skex_address parsed;
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	size_t size;
	uint64_t port;

	if (colon == NULL || !skex_parse_number(colon + 1, &port) || port > UINT16_MAX)
		return false;
	size = (size_t)(colon - text);
	if (bracket) {
		if (size < 2 || text[size - 1] != ']')
			return false;
		text++;
		size -= 2;
	}
	if (size == 0 || size > SKEX_HOST_MAX)
		return false;
	memset(&parsed, 0, sizeof(parsed));
	memcpy(parsed.host, text, size);
	parsed.port = (uint16_t)port;
	if (bracket ? !v6_valid(parsed.host) : !host_valid(parsed.host))
		return false;
	*address = parsed;
	return true;
}

bool skex_parse_mode(const char *text, uint32_t *mode)
{
	uint32_t value = 0;

	if (strlen(text) != 4 || text[0] != '0')
		return false;
	for (size_t i = 1; i < 4; i++) {
		if (text[i] < '0' || text[i] > '7')
			return false;
		value = value * 8 + (uint32_t)(text[i] - '0');
	}
	*mode = value;
	return true;
}
