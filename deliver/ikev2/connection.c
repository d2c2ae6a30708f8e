/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/ikev2/connection.h"

#include <stdio.h>
#include <string.h>

#define DPD_DELAY "10s" /* where there is none: a peer that was started again is found by it */

static bool is_one_of(struct skex_view word, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (skex_view_equal(word, skex_view(words[i], strlen(words[i]))))
			return true;
	}
	return false;
}

/* ---- names -------------------------------------------------------------------------------------
 */

void ikev2_name(const struct skex_ikev2_config *config, const uint8_t id[SKEX_KEY_ID_BYTES],
	char out[IKEV2_NAME_MAX])
{
	char uuid[SKEX_KEY_ID_TEXT_BYTES];

	skex_uuid_print(id, uuid);
	if (config->leads)
		(void)snprintf(out, IKEV2_NAME_MAX, "%s-%s", config->connection, uuid);
	else
		(void)snprintf(out, IKEV2_NAME_MAX, "%s", config->connection);
}

/* What comes after the prefix is an id. */
static bool read_id(struct skex_view name, const char *prefix, uint8_t id[SKEX_KEY_ID_BYTES])
{
	const size_t size = strlen(prefix);

	return name.size > size && memcmp(name.data, prefix, size) == 0 &&
		skex_uuid_parse(id, skex_view(name.data + size, name.size - size)) == SKEX_OK;
}

bool ikev2_name_read(const struct skex_ikev2_config *config, struct skex_view name,
	uint8_t id[SKEX_KEY_ID_BYTES])
{
	char prefix[IKEV2_NAME_MAX];

	(void)snprintf(prefix, sizeof(prefix), "%s-", config->connection);
	return read_id(name, prefix, id);
}

void ikev2_secret_name(const struct skex_ikev2_config *config, const uint8_t id[SKEX_KEY_ID_BYTES],
	char out[IKEV2_NAME_MAX])
{
	char uuid[SKEX_KEY_ID_TEXT_BYTES];

	skex_uuid_print(id, uuid);
	(void)snprintf(out, IKEV2_NAME_MAX, "skex/%s/%s", config->connection, uuid);
}

bool ikev2_secret_name_read(const struct skex_ikev2_config *config, struct skex_view name,
	uint8_t id[SKEX_KEY_ID_BYTES])
{
	char prefix[IKEV2_NAME_MAX];

	(void)snprintf(prefix, sizeof(prefix), "skex/%s/", config->connection);
	return read_id(name, prefix, id);
}

void ikev2_ppk_id(
	const struct skex_ikev2_config *config, const uint8_t *id, char out[IKEV2_NAME_MAX])
{
	char uuid[SKEX_KEY_ID_TEXT_BYTES] = "*";

	if (id != NULL)
		skex_uuid_print(id, uuid);
	(void)snprintf(out, IKEV2_NAME_MAX, "%s@%s", uuid, config->domain);
}

/* ---- settings ----------------------------------------------------------------------------------
 *
 * "a.b.c" is the value c in the section b of the section a.
 */

static struct skex_view rest_of(const char *path, size_t prefix)
{
	return skex_view(path + prefix, strlen(path) - prefix);
}

/* Up to the next dot. */
static struct skex_view first_of(struct skex_view path)
{
	const uint8_t *dot = path.size == 0 ? NULL : memchr(path.data, '.', path.size);

	return dot == NULL ? path : skex_view(path.data, (size_t)(dot - path.data));
}

static bool is_below(const char *path, struct skex_view prefix)
{
	return strlen(path) > prefix.size && memcmp(path, prefix.data, prefix.size) == 0;
}

/* Is this the first setting with this section below the prefix? */
static bool is_first(const struct skex_ikev2_config *config, size_t number, struct skex_view prefix,
	struct skex_view section)
{
	size_t i;

	for (i = 0; i < number; i++) {
		const char *path = config->settings[i].path;

		if (is_below(path, prefix) &&
			skex_view_equal(first_of(rest_of(path, prefix.size)), section))
			return false;
	}
	return true;
}

struct skex_view ikev2_child(const struct skex_ikev2_config *config, size_t number)
{
	static const char children[] = "children.";
	const struct skex_view prefix = skex_view(children, sizeof(children) - 1);
	size_t i;

	for (i = 0; i < config->settings_count; i++) {
		const char *path = config->settings[i].path;
		struct skex_view name;

		if (!is_below(path, prefix))
			continue;
		name = first_of(rest_of(path, prefix.size));
		if (name.size == strlen(path) - prefix.size)
			continue; /* a value, not a section */
		if (is_first(config, i, prefix, name) && number-- == 0)
			return name;
	}
	return skex_view(NULL, 0);
}

static struct skex_view trimmed(struct skex_view text)
{
	while (text.size > 0 && text.data[0] == ' ')
		text = skex_view(text.data + 1, text.size - 1);
	while (text.size > 0 && text.data[text.size - 1] == ' ')
		text.size--;
	return text;
}

/* ---- priorities --------------------------------------------------------------------------------
 */

#define PRIO_BASE    400000u /* of charon's kernel-netlink, for a policy of a CHILD_SA */
#define PRIO_A_BIT   512u
#define DYNAMIC_BITS 32u /* the address of an end */

/* Of one selector: "10.1.0.0/16[tcp/http]". */
static uint32_t prefix_bits(struct skex_view selector)
{
	const uint8_t *slash = memchr(selector.data, '/', selector.size);
	const uint8_t *bracket = memchr(selector.data, '[', selector.size);
	const bool six = memchr(selector.data, ':', selector.size) != NULL;
	const uint8_t *end = selector.data + selector.size;
	uint32_t bits = 0;

	end = bracket != NULL ? bracket : end;
	if (slash == NULL || slash > end)
		return memchr(selector.data, '-', selector.size) != NULL ? 0
			: six                                            ? 128
									 : DYNAMIC_BITS;
	while (++slash < end && *slash >= '0' && *slash <= '9' && bits < 128)
		bits = bits * 10 + (uint32_t)(*slash - '0');
	return bits < 128 ? bits : 128;
}

/* Of the widest selector in a list. */
static uint32_t least_bits(const char *value)
{
	uint32_t bits = 128;

	for (;;) {
		const char *comma = strchr(value, ',');
		const size_t size = comma == NULL ? strlen(value) : (size_t)(comma - value);
		const struct skex_view item = trimmed(skex_view(value, size));
		const uint32_t its = item.size == 0 ? 128 : prefix_bits(item);

		bits = its < bits ? its : bits;
		if (comma == NULL)
			return bits;
		value = comma + 1;
	}
}

uint32_t ikev2_priority(const struct skex_ikev2_config *config, struct skex_view child)
{
	static const char *const names[] = {"local_ts", "remote_ts"};
	uint32_t bits = 0;
	size_t i, j;

	for (i = 0; i < 2; i++) {
		uint32_t its = DYNAMIC_BITS;
		char path[IKEV2_NAME_MAX];

		(void)snprintf(path, sizeof(path), "children.%.*s.%s", (int)child.size,
			(const char *)child.data, names[i]);
		for (j = 0; j < config->settings_count; j++) {
			if (strcmp(config->settings[j].path, path) == 0)
				its = least_bits(config->settings[j].value);
		}
		bits += its;
	}
	return PRIO_BASE - bits * PRIO_A_BIT;
}

static void write_priority(struct skex_writer *writer, const struct skex_ikev2_config *config,
	struct skex_view child, uint32_t turn)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", ikev2_priority(config, child) + turn);
	skex_vici_text(writer, "priority", text);
}

/* ---- the description ---------------------------------------------------------------------------
 */

static void write_list(struct skex_writer *writer, struct skex_view name, const char *value)
{
	skex_vici_list(writer, name);
	for (;;) {
		const char *comma = strchr(value, ',');
		const size_t size = comma == NULL ? strlen(value) : (size_t)(comma - value);
		const struct skex_view item = trimmed(skex_view(value, size));

		if (item.size > 0)
			skex_vici_item(writer, item);
		if (comma == NULL)
			break;
		value = comma + 1;
	}
	skex_vici_list_end(writer);
}

static void write_value(
	struct skex_writer *writer, const struct skex_ikev2_setting *setting, size_t prefix)
{
	/* As swanctl does it. */
	static const char *const lists[] = {"local_addrs", "remote_addrs", "proposals",
		"esp_proposals", "ah_proposals", "local_ts", "remote_ts", "vips", "pools", "groups",
		"cert_policy"};
	const struct skex_view name = rest_of(setting->path, prefix);

	if (is_one_of(name, lists, sizeof(lists) / sizeof(lists[0])))
		write_list(writer, name, setting->value);
	else
		skex_vici_text(writer, setting->path + prefix, setting->value);
}

/* All that is below the prefix, sections within it too. */
static void write_below(/* NOLINT(misc-no-recursion): as deep as a path has dots */
	struct skex_writer *writer, const struct skex_ikev2_config *config, struct skex_view prefix,
	uint32_t turn)
{
	static const char children[] = "children.";
	const bool in_children = skex_view_equal(prefix, skex_view(children, sizeof(children) - 1));
	size_t i;

	for (i = 0; i < config->settings_count; i++) {
		const struct skex_ikev2_setting *setting = &config->settings[i];
		struct skex_view rest, section;

		if (!is_below(setting->path, prefix))
			continue;
		rest = rest_of(setting->path, prefix.size);
		section = first_of(rest);
		if (section.size == rest.size) {
			write_value(writer, setting, prefix.size);
		} else if (is_first(config, i, prefix, section)) {
			skex_vici_section(writer, section);
			if (in_children && !config->leads)
				write_priority(writer, config, section, turn);
			write_below(writer, config,
				skex_view(setting->path, prefix.size + section.size + 1), turn);
			skex_vici_section_end(writer);
		}
	}
}

static bool has(const struct skex_ikev2_config *config, const char *path)
{
	size_t i;

	for (i = 0; i < config->settings_count; i++) {
		if (strcmp(config->settings[i].path, path) == 0)
			return true;
	}
	return false;
}

void ikev2_write_connection(struct skex_writer *writer, const struct skex_ikev2_config *config,
	const uint8_t id[SKEX_KEY_ID_BYTES], uint32_t turn)
{
	char name[IKEV2_NAME_MAX], ppk_id[IKEV2_NAME_MAX];

	ikev2_name(config, id, name);
	ikev2_ppk_id(config, config->leads ? id : NULL, ppk_id);
	skex_vici_begin(writer, SKEX_VICI_CMD_REQUEST, "load-conn");
	skex_vici_section(writer, skex_view(name, strlen(name)));
	skex_vici_text(writer, "version", "2");
	skex_vici_text(writer, "ppk_id", ppk_id);
	skex_vici_text(writer, "ppk_required", "yes");
	if (!has(config, "dpd_delay"))
		skex_vici_text(writer, "dpd_delay", DPD_DELAY);
	write_below(writer, config, skex_view("", 0), turn);
	skex_vici_section_end(writer);
}

/* ---- what is wrong with a description ----------------------------------------------------------
 */

static bool is_name(const char *text, size_t most, const char *more)
{
	const size_t size = strlen(text);
	size_t i;

	for (i = 0; i < size; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			strchr(more, c) == NULL)
			return false;
	}
	return size > 0 && size <= most;
}

/* Each part of it has a name. */
static bool is_path(const char *path)
{
	return is_name(path, 200, "-_.") && path[0] != '.' && path[strlen(path) - 1] != '.' &&
		strstr(path, "..") == NULL;
}

static const char *wrong_setting(const char *path, char out[200])
{
	static const char *const ours[] = {"version", "ppk_id", "ppk_required", "unique",
		"reauth_time", "priority", "start_action", "close_action", "dpd_action"};
	static const char *const files[] = {"certs", "cacerts", "pubkeys"};
	const char *dot = strrchr(path, '.');
	const char *last = dot == NULL ? path : dot + 1;
	const struct skex_view word = skex_view(last, strlen(last));
	const char *why = NULL;

	if (!is_path(path))
		why = "is no name of a setting: write it as in swanctl.conf, with dots";
	else if (is_one_of(word, ours, sizeof(ours) / sizeof(ours[0])))
		why = "is set by skex itself: leave it out";
	else if (is_one_of(word, files, sizeof(files) / sizeof(files[0])))
		why = "is a file, which swanctl --load-creds loads: name the end by its id";
	if (why == NULL)
		return NULL;
	(void)snprintf(out, 200, "the setting %.80s %s", path, why);
	return out;
}

const char *skex_ikev2_wrong(const struct skex_ikev2_config *config, char out[200])
{
	static const uint8_t id[SKEX_KEY_ID_BYTES];
	struct skex_writer writer;
	size_t i, size;

	if (!is_name(config->connection, 64, "-_"))
		return "the connection's name has to be 1 to 64 letters, digits, - and _";
	if (!is_name(config->domain, 128, "-_."))
		return "the domain of PPK ids has to be 1 to 128 letters, digits, - _ and dots";
	for (i = 0; i < config->settings_count; i++) {
		const char *wrong = wrong_setting(config->settings[i].path, out);

		if (wrong != NULL)
			return wrong;
	}
	if (ikev2_child(config, 0).size == 0)
		return "the connection has no child: set children.NAME.remote_ts, for one";
	if (ikev2_child(config, IKEV2_CHILDREN_MAX).size > 0)
		return "the connection has more than 32 children";
	skex_writer_init(&writer, NULL, IKEV2_REQUEST_MAX);
	ikev2_write_connection(&writer, config, id, 0);
	if (skex_vici_end(&writer, &size) != SKEX_OK)
		return "the description of the connection is too long";
	return NULL;
}
