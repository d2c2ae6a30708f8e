/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/agent_schema.h"

#define DAY_S  UINT64_C(86400)
#define YEAR_S (UINT64_C(400) * DAY_S)

#define FIELD(member) .offset = offsetof(struct skex_binding_config, member)
#define SIZED(member) FIELD(member), .size = sizeof(((struct skex_binding_config *)0)->member)
#define WIREGUARD(member)                                                                          \
	.offset = offsetof(struct skex_binding_config, wireguard.member) -                         \
		offsetof(struct skex_binding_config, wireguard)

/* ---- consumers ---- */

static const struct schema wireguard_schema[] = {
	{.name = "interface", .type = SCHEMA_CREDENTIAL, .required = true, WIREGUARD(interface)},
	{.name = "socket",
		.type = SCHEMA_SOCKET,
		.shown = "/var/run/wireguard/INTERFACE.sock",
		WIREGUARD(socket)},
	{.name = "public_key", .type = SCHEMA_LABEL, .required = true, WIREGUARD(public_key)},
	{.name = NULL},
};

/* All groups of which a binding has one. */
static const struct {
	const char *name;
	size_t enabled;
} consumers[] = {
	{"wireguard", offsetof(struct skex_binding_config, wireguard.enabled)},
};
#define CONSUMERS (sizeof(consumers) / sizeof(consumers[0]))

static bool is_enabled(const struct skex_binding_config *binding, size_t which)
{
	bool enabled;

	memcpy(&enabled, (const char *)binding + consumers[which].enabled, sizeof(enabled));
	return enabled;
}

const char *skex_binding_consumer(const struct skex_binding_config *binding)
{
	size_t i;

	for (i = 0; i < CONSUMERS; i++) {
		if (is_enabled(binding, i))
			return consumers[i].name;
	}
	return "";
}

/* ---- the binding ---- */

static const struct schema_list require_list = {
	.least = 0,
	.most = 4,
	.stride = SKEX_NAME_MAX + 1,
	.count_offset = offsetof(struct skex_binding_config, require_count),
	.count_size = sizeof(((struct skex_binding_config *)0)->require_count),
};

const struct schema config_binding_schema[] = {
	{.name = "name", .type = SCHEMA_NAME, .required = true, FIELD(name)},
	{.name = "peer", .type = SCHEMA_NAME, .required = true, FIELD(peer)},
	{.name = "role",
		.type = SCHEMA_CHOICE,
		.required = true,
		.choices = "leads|follows",
		SIZED(role)},
	{.name = "period",
		.type = SCHEMA_TIME,
		.fallback = "2 min",
		.least = 1,
		.most = YEAR_S,
		SIZED(period_s)},
	{.name = "grace",
		.type = SCHEMA_TIME,
		.fallback = "1 d",
		.least = 0,
		.most = YEAR_S,
		SIZED(grace_s)},
	{.name = "expired",
		.type = SCHEMA_CHOICE,
		.fallback = "close",
		.choices = "close|open",
		SIZED(expired)},
	{.name = "require",
		.type = SCHEMA_WORD,
		.fallback = "confirmed",
		FIELD(require),
		.list = &require_list},
	{.name = "wireguard",
		.type = SCHEMA_GROUP,
		FIELD(wireguard),
		.inner = wireguard_schema,
		.present_offset = offsetof(struct skex_binding_config, wireguard.enabled)},
	{.name = NULL},
};

/* ---- checks ---- */

/* Base64 of 32 bytes as one way of writing has it: 42 digits, one of which two bits count, and "=".
 */
static bool is_public_key(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return strlen(text) == SKEX_WIREGUARD_PUBLIC_KEY && strspn(text, digits) == 43 &&
		strchr("AEIMQUYcgkosw048", text[42]) != NULL && text[43] == '=';
}

static enum skex_error check_wireguard(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding)
{
	const config_setting_t *group = config_member(written, "wireguard");
	const size_t room = sizeof(binding->wireguard.socket);
	int size;

	if (!is_public_key(binding->wireguard.public_key))
		return config_wrong_setting(reading, config_member(group, "public_key"),
			"this is no public key of WireGuard; write what `wg show %s peers` shows",
			binding->wireguard.interface);
	if (binding->wireguard.socket[0] != '\0')
		return SKEX_OK;
	size = snprintf(binding->wireguard.socket, room, "/var/run/wireguard/%s.sock",
		binding->wireguard.interface);
	return size > 0 && (size_t)size < room ? SKEX_OK : SKEX_E_CONFIG;
}

static enum skex_error check_require(const struct config_reading *reading,
	const config_setting_t *written, const struct skex_binding_config *binding)
{
	static const char *const words[] = {"its", "confirmed", "forward-secret", "combined"};
	const config_setting_t *list = config_member(written, "require");
	struct config_text texts[4];
	size_t i;
	size_t j;

	if (list == NULL)
		return SKEX_OK;
	for (i = 0; i < binding->require_count; i++) {
		texts[i].text = binding->require[i];
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
		for (j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
			if (strcmp(words[j], binding->require[i]) == 0)
				break;
		}
		if (j == sizeof(words) / sizeof(words[0]))
			return config_wrong_setting(reading, texts[i].setting,
				"\"%s\" is not allowed; allowed: its, confirmed, forward-secret, "
				"combined",
				binding->require[i]);
	}
	return config_check_twice(
		reading, texts, binding->require_count, "this word is there twice");
}

static enum skex_error check_binding(const struct config_reading *reading,
	const config_setting_t *written, const struct skex_name *self,
	struct skex_binding_config *binding)
{
	enum skex_error error = SKEX_OK;
	size_t count = 0;
	size_t i;

	for (i = 0; i < CONSUMERS; i++)
		count += is_enabled(binding, i);
	if (count != 1)
		return config_wrong_setting(
			reading, written, "has %zu consumers; write one group: wireguard", count);
	if (skex_name_equal(&binding->peer, self))
		return config_wrong_setting(reading, config_member(written, "peer"),
			"\"%s\" is this agent itself; name another one", binding->peer.text);
	if (binding->wireguard.enabled)
		error = check_wireguard(reading, written, binding);
	return error != SKEX_OK ? error : check_require(reading, written, binding);
}

/* Two that change the key of the same consumer would undo what the other does. */
static enum skex_error check_shared(const struct config_reading *reading,
	const config_setting_t *list, const struct skex_agent_config *config,
	struct config_text *texts)
{
	const size_t stride = SKEX_PATH_MAX + SKEX_NAME_MAX + 8;
	char *places = malloc(config->bindings_count * stride);
	enum skex_error error;
	size_t i;

	if (places == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; i < config->bindings_count; i++) {
		const struct skex_binding_config *binding = &config->bindings[i];

		texts[i].text = places + i * stride;
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
		(void)snprintf(places + i * stride, stride, "%s of %s",
			binding->wireguard.public_key, binding->wireguard.socket);
	}
	error = config_check_twice(reading, texts, config->bindings_count,
		"another binding has this peer of this interface");
	free(places);
	return error;
}

static int by_name(const void *a, const void *b)
{
	const struct skex_binding_config *x = a;
	const struct skex_binding_config *y = b;

	return strcmp(x->name.text, y->name.text);
}

enum skex_error config_check_bindings(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_agent_config *config)
{
	const config_setting_t *list = config_member(root, "bindings");
	enum skex_error error = SKEX_OK;
	struct config_text *texts;
	size_t i;

	if (config->bindings_count == 0)
		return SKEX_OK;
	texts = calloc(config->bindings_count, sizeof(*texts));
	if (texts == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; error == SKEX_OK && i < config->bindings_count; i++) {
		texts[i].text = config->bindings[i].name.text;
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
		error = check_binding(
			reading, texts[i].setting, &config->name, &config->bindings[i]);
	}
	if (error == SKEX_OK)
		error = config_check_twice(
			reading, texts, config->bindings_count, "this binding is there twice");
	if (error == SKEX_OK)
		error = check_shared(reading, list, config, texts);
	free(texts);
	qsort(config->bindings, config->bindings_count, sizeof(config->bindings[0]), by_name);
	return error;
}
