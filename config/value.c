/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "config/schema.h"
#include "config/values.h"

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path))

/* ---- what is allowed, in words ---- */

static void range_of_numbers(const struct schema *setting, char *text, size_t size)
{
	char least[32];
	char most[32];
	char step[32] = "";

	if (setting->type == SCHEMA_SIZE) {
		skex_format_size(setting->least, least);
		skex_format_size(setting->most, most);
		skex_format_size(setting->step, step);
	} else if (setting->type == SCHEMA_TIME) {
		skex_format_time(setting->least * 1000, least);
		skex_format_time(setting->most * 1000, most);
		skex_format_time(setting->step * 1000, step);
	} else {
		(void)snprintf(least, sizeof(least), "%" PRIu64, setting->least);
		(void)snprintf(most, sizeof(most), "%" PRIu64, setting->most);
		(void)snprintf(step, sizeof(step), "%" PRIu64, setting->step);
	}
	(void)snprintf(text, size, "%s to %s%s%s", least, most,
		setting->step > 1 ? ", in steps of " : "", setting->step > 1 ? step : "");
}

static void range_of_choices(const char *choices, char *text, size_t size)
{
	const char *at = choices;
	size_t used = 0;

	/* "a", "a or b", "a, b or c" */
	while (used < size) {
		const size_t one = strcspn(at, "|");
		const char *next = at + one;

		used += (size_t)snprintf(text + used, size - used, "%.*s%s", (int)one, at,
			*next == '\0'                           ? ""
				: strchr(next + 1, '|') == NULL ? " or "
								: ", ");
		if (*next == '\0')
			return;
		at = next + 1;
	}
}

static void range_of_one(const struct schema *setting, char *text, size_t size)
{
	static const char printable[] = "printable ASCII characters, no space, quote or backslash";

	switch (setting->type) {
	case SCHEMA_NAME:
	case SCHEMA_WORD:
		(void)snprintf(text, size, "1 to %d of a-z 0-9 . _ -, the first a letter or digit",
			SKEX_NAME_MAX);
		break;
	case SCHEMA_GROUP_NAME:
		(void)snprintf(text, size, "the name of a group, or * for every group");
		break;
	case SCHEMA_PATH:
		(void)snprintf(
			text, size, "an absolute path of at most %u bytes", SKEX_PATH_MAX - 1);
		break;
	case SCHEMA_SOCKET:
		(void)snprintf(
			text, size, "an absolute path of at most %zu bytes", SOCKET_PATH_MAX - 1);
		break;
	case SCHEMA_INPUT:
		(void)snprintf(text, size,
			"an absolute path of at most %u bytes, or - for standard input",
			SKEX_PATH_MAX - 1);
		break;
	case SCHEMA_CREDENTIAL:
		(void)snprintf(text, size, "1 to 63 of A-Z a-z 0-9 . _ -, the first not a dot");
		break;
	case SCHEMA_IDENTITY:
		(void)snprintf(text, size, "1 to %u %s", SKEX_PURPOSE_MAX, printable);
		break;
	case SCHEMA_LABEL:
		(void)snprintf(text, size, "1 to %d %s", SKEX_NAME_MAX, printable);
		break;
	case SCHEMA_PATTERN:
		(void)snprintf(text, size, "1 to %u %s; a * at the end stands for any more",
			SKEX_PURPOSE_MAX, printable);
		break;
	case SCHEMA_ARGUMENT:
		(void)snprintf(
			text, size, "1 to %u printable ASCII characters", SKEX_ASSIGNMENT_MAX);
		break;
	case SCHEMA_ASSIGNMENT:
		(void)snprintf(text, size, "NAME = VALUE, at most %u printable ASCII characters",
			SKEX_ASSIGNMENT_MAX);
		break;
	case SCHEMA_ADDRESS:
		(void)snprintf(text, size, "HOST:PORT or [IPV6]:PORT, port 1 to 65535");
		break;
	case SCHEMA_LISTEN:
		(void)snprintf(text, size, "IPV4:PORT or [IPV6]:PORT, port %" PRIu64 " to 65535",
			setting->least);
		break;
	case SCHEMA_MODE:
		(void)snprintf(text, size, "four octal digits, 0600 to 0660, nothing for others");
		break;
	case SCHEMA_SIZE:
	case SCHEMA_TIME:
	case SCHEMA_COUNT:
		range_of_numbers(setting, text, size);
		break;
	case SCHEMA_FLAG:
		(void)snprintf(text, size, "true or false");
		break;
	case SCHEMA_CHOICE:
		range_of_choices(setting->choices, text, size);
		break;
	case SCHEMA_GROUP:
		(void)snprintf(text, size, "a group in braces");
		break;
	}
}

void config_range(const struct schema *setting, char *text, size_t size)
{
	char one[160];

	range_of_one(setting, one, sizeof(one));
	if (setting->list == NULL)
		(void)snprintf(text, size, "%s", one);
	else if (setting->type == SCHEMA_GROUP)
		(void)snprintf(text, size, "%zu to %zu groups in a list", setting->list->least,
			setting->list->most);
	else if (setting->list->least == setting->list->most)
		(void)snprintf(text, size, "exactly %zu, each %s", setting->list->least, one);
	else
		(void)snprintf(text, size, "%zu to %zu, each %s", setting->list->least,
			setting->list->most, one);
}

/* ---- reading ---- */

void config_store(void *field, size_t size, uint64_t number)
{
	uint8_t u8 = (uint8_t)number;
	uint16_t u16 = (uint16_t)number;
	uint32_t u32 = (uint32_t)number;

	switch (size) {
	case 1:
		memcpy(field, &u8, 1);
		break;
	case 2:
		memcpy(field, &u16, 2);
		break;
	case 4:
		memcpy(field, &u32, 4);
		break;
	default:
		memcpy(field, &number, 8);
		break;
	}
}

static bool take_number(const struct schema *setting, uint64_t number, void *field)
{
	if (number < setting->least || number > setting->most)
		return false;
	if (setting->step > 1 && number % setting->step != 0)
		return false;
	config_store(field, setting->size, number);
	return true;
}

static bool take_text(const char *text, size_t capacity, void *field)
{
	size_t size = strlen(text);

	if (size == 0 || size >= capacity)
		return false;
	memcpy(field, text, size + 1);
	return true;
}

static bool take_path(const char *text, size_t capacity, void *field)
{
	return text[0] == '/' && take_text(text, capacity, field);
}

static bool take_name(const char *text, struct skex_name *name)
{
	return skex_name_parse(name, skex_view(text, strlen(text)));
}

static bool take_word(const char *text, void *field)
{
	struct skex_name name;

	return take_name(text, &name) && take_text(name.text, sizeof(name.text), field);
}

static bool take_credential(const char *text, void *field)
{
	for (const char *c = text; *c != '\0'; c++) {
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');

		if (!letter && (*c < '0' || *c > '9') && strchr("._-", *c) == NULL)
			return false;
	}
	return text[0] != '.' && take_text(text, 64, field);
}

static bool take_printable(const char *text, size_t capacity, void *field)
{
	return skex_purpose_valid(skex_view(text, strlen(text))) &&
		take_text(text, capacity, field);
}

static bool take_pattern(const char *text, void *field)
{
	const char *star = strchr(text, '*');

	return (star == NULL || star[1] == '\0') &&
		take_printable(text, SKEX_PURPOSE_MAX + 1, field);
}

static bool take_argument(const char *text, void *field)
{
	const char *at;

	for (at = text; *at != '\0'; at++) {
		if (*at < ' ' || *at > '~')
			return false;
	}
	return take_text(text, SKEX_ASSIGNMENT_MAX + 1, field);
}

static bool take_assignment(const char *text, void *field)
{
	const char *equals = strchr(text, '=');

	return equals != NULL && equals != text && take_argument(text, field);
}

static bool take_address(const struct schema *setting, const char *text, struct skex_address *field)
{
	struct skex_address address;

	if (!skex_parse_address(text, &address))
		return false;
	if (setting->type == SCHEMA_LISTEN ? !skex_host_literal(address.host)
					   : skex_host_wildcard(address.host))
		return false;
	if (address.port < (setting->type == SCHEMA_LISTEN ? setting->least : 1))
		return false;
	*field = address;
	return true;
}

static bool take_mode(const char *text, void *field)
{
	uint32_t mode;

	if (!skex_parse_mode(text, &mode) || (mode & 0600) != 0600 || (mode & ~0660u) != 0)
		return false;
	memcpy(field, &mode, sizeof(mode));
	return true;
}

static bool take_choice(const struct schema *setting, const char *text, void *field)
{
	const char *at = setting->choices;
	const size_t size = strlen(text);
	uint64_t number;

	for (number = 0; *at != '\0'; number++) {
		const size_t one = strcspn(at, "|");

		if (one == size && strncmp(at, text, size) == 0) {
			config_store(field, setting->size, number);
			return true;
		}
		at += one;
		at += *at == '|';
	}
	return false;
}

static bool take_written(const struct schema *setting, const char *text, void *field)
{
	uint64_t number;

	switch (setting->type) {
	case SCHEMA_NAME:
		return take_name(text, field);
	case SCHEMA_WORD:
		return take_word(text, field);
	case SCHEMA_GROUP_NAME:
		return strcmp(text, "*") == 0 ? take_text(text, 2, field) : take_word(text, field);
	case SCHEMA_PATH:
		return take_path(text, SKEX_PATH_MAX, field);
	case SCHEMA_SOCKET:
		return take_path(text, SOCKET_PATH_MAX, field);
	case SCHEMA_INPUT:
		return strcmp(text, "-") == 0 ? take_text(text, 2, field)
					      : take_path(text, SKEX_PATH_MAX, field);
	case SCHEMA_CREDENTIAL:
		return take_credential(text, field);
	case SCHEMA_IDENTITY:
		return take_printable(text, SKEX_PURPOSE_MAX + 1, field);
	case SCHEMA_LABEL:
		return take_printable(text, SKEX_NAME_MAX + 1, field);
	case SCHEMA_PATTERN:
		return take_pattern(text, field);
	case SCHEMA_ARGUMENT:
		return take_argument(text, field);
	case SCHEMA_ASSIGNMENT:
		return take_assignment(text, field);
	case SCHEMA_ADDRESS:
	case SCHEMA_LISTEN:
		return take_address(setting, text, field);
	case SCHEMA_MODE:
		return take_mode(text, field);
	case SCHEMA_SIZE:
		return skex_parse_size(text, &number) && take_number(setting, number, field);
	case SCHEMA_TIME:
		return skex_parse_time(text, &number) && number % 1000 == 0 &&
			take_number(setting, number / 1000, field);
	case SCHEMA_CHOICE:
		return take_choice(setting, text, field);
	case SCHEMA_COUNT:
	case SCHEMA_FLAG:
	case SCHEMA_GROUP:
		break;
	}
	return false;
}

bool config_read_default(const struct schema *setting, const char *text, void *field)
{
	bool flag = strcmp(text, "true") == 0;
	uint64_t number;

	if (setting->type == SCHEMA_COUNT)
		return skex_parse_number(text, &number) && take_number(setting, number, field);
	if (setting->type == SCHEMA_FLAG)
		memcpy(field, &flag, sizeof(flag));
	return setting->type == SCHEMA_FLAG || take_written(setting, text, field);
}

static bool is_number(const config_setting_t *written)
{
	int type = config_setting_type(written);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static enum skex_error wrong_type(const struct config_reading *reading,
	const struct schema *setting, const config_setting_t *written)
{
	char range[256];
	const char *wanted = "needs text in quotes";

	range_of_one(setting, range, sizeof(range));
	if (setting->type == SCHEMA_COUNT)
		wanted = "needs a whole number, without quotes";
	else if (setting->type == SCHEMA_FLAG)
		wanted = "needs true or false, without quotes";
	else if (setting->type == SCHEMA_SIZE)
		wanted = "needs a size with its unit (B, KiB, MiB, GiB), in quotes";
	else if (setting->type == SCHEMA_TIME)
		wanted = "needs a time with its unit (ms, s, min, h, d), in quotes";
	return config_wrong_setting(reading, written, "%s; allowed: %s", wanted, range);
}

/* Of a path no more is said: somebody may have put a passphrase in its place. */
static enum skex_error wrong_text(const struct config_reading *reading,
	const struct schema *setting, const config_setting_t *written)
{
	const char *text = config_setting_get_string(written);
	char range[256];

	range_of_one(setting, range, sizeof(range));
	if (setting->type == SCHEMA_PATH || setting->type == SCHEMA_SOCKET ||
		setting->type == SCHEMA_INPUT || setting->type == SCHEMA_CREDENTIAL)
		return config_wrong_setting(reading, written, "not allowed; allowed: %s", range);
	return config_wrong_setting(
		reading, written, "\"%.64s\" is not allowed; allowed: %s", text, range);
}

enum skex_error config_read_value(const struct config_reading *reading,
	const struct schema *setting, const config_setting_t *written, void *field)
{
	char range[256];
	long long number;
	bool flag;

	if (setting->type == SCHEMA_FLAG) {
		if (config_setting_type(written) != CONFIG_TYPE_BOOL)
			return wrong_type(reading, setting, written);
		flag = config_setting_get_bool(written) != CONFIG_FALSE;
		memcpy(field, &flag, sizeof(flag));
		return SKEX_OK;
	}
	if (setting->type == SCHEMA_COUNT) {
		if (!is_number(written))
			return wrong_type(reading, setting, written);
		number = config_setting_get_int64(written);
		if (number >= 0 && take_number(setting, (uint64_t)number, field))
			return SKEX_OK;
		range_of_one(setting, range, sizeof(range));
		return config_wrong_setting(
			reading, written, "%lld is not allowed; allowed: %s", number, range);
	}
	if (config_setting_type(written) != CONFIG_TYPE_STRING)
		return wrong_type(reading, setting, written);
	if (!take_written(setting, config_setting_get_string(written), field))
		return wrong_text(reading, setting, written);
	return SKEX_OK;
}
