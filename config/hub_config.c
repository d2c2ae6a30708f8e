/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"
#include "config/values.h"

#define FIELD(member) .offset = offsetof(struct skex_hub_config, member)
#define SIZED(member) FIELD(member), .size = sizeof(((struct skex_hub_config *)0)->member)

#define KIB   UINT64_C(1024)
#define MIB   (1024 * KIB)
#define GIB   (1024 * MIB)
#define DAY_S UINT64_C(86400)

static const struct schema_list listen_list = {
	.least = 1,
	.most = 16,
	.stride = sizeof(struct skex_address),
	.count_offset = offsetof(struct skex_hub_config, listen_count),
	.count_size = sizeof(size_t),
};

static const struct schema_list advertise_list = {
	.least = 1,
	.most = 16,
	.stride = sizeof(struct skex_address),
	.count_offset = offsetof(struct skex_hub_config, advertise_count),
	.count_size = sizeof(size_t),
};

static const struct schema_list policy_list = {
	.least = 0,
	.most = 10000,
	.stride = sizeof(struct skex_policy_rule),
	.count_offset = offsetof(struct skex_hub_config, policy_count),
	.count_size = sizeof(size_t),
	.allocated = true,
};

static const struct schema_list between_list = {
	.least = 2,
	.most = 2,
	.stride = offsetof(struct skex_policy_rule, b),
};

static const struct schema policy_schema[] = {
	{.name = "between",
		.type = SCHEMA_GROUP_NAME,
		.required = true,
		.offset = offsetof(struct skex_policy_rule, a),
		.list = &between_list},
	{.name = NULL},
};

static const struct schema_list pad_folders_list = {
	.least = 0,
	.most = SKEX_PAD_FOLDERS_MAX,
	.stride = SKEX_PATH_MAX,
	.count_offset = offsetof(struct skex_hub_config, pad_folders_count),
	.count_size = sizeof(size_t),
};

/* Its offsets are in struct skex_hub_config. */
static const struct schema quota_schema[] = {
	{.name = "pair_per_day",
		.type = SCHEMA_SIZE,
		.fallback = "1 GiB",
		.least = 64 * KIB,
		.most = 1024 * GIB,
		SIZED(pair_quota_bytes)},
	{.name = "unacknowledged",
		.type = SCHEMA_SIZE,
		.fallback = "64 MiB",
		.least = MIB,
		.most = 1024 * GIB,
		SIZED(unacknowledged_bytes)},
	{.name = NULL},
};

const struct schema skex_hub_schema[] = {
	{.name = "name", .type = SCHEMA_NAME, .required = true, FIELD(name)},
	{.name = "directory", .type = SCHEMA_PATH, .required = true, FIELD(directory)},
	{.name = "kek",
		.type = SCHEMA_GROUP,
		.required = true,
		FIELD(kek),
		.inner = config_kek_schema},
	{.name = "listen",
		.type = SCHEMA_LISTEN,
		.fallback = "[::]:7100 0.0.0.0:7100",
		.shown = "[::]:7100 and 0.0.0.0:7100",
		FIELD(listen),
		.list = &listen_list},
	{.name = "advertise",
		.type = SCHEMA_ADDRESS,
		.shown = "those of listen with an address and a port",
		FIELD(advertise),
		.list = &advertise_list},
	{.name = "policy",
		.type = SCHEMA_GROUP,
		.shown = "none, so that nothing is allowed",
		FIELD(policy),
		.list = &policy_list,
		.inner = policy_schema},
	{.name = "quota", .type = SCHEMA_GROUP, .inner = quota_schema},
	{.name = "lifetime_max",
		.type = SCHEMA_TIME,
		.fallback = "7 d",
		.least = 1,
		.most = 400 * DAY_S,
		SIZED(lifetime_max_s)},
	{.name = "shards",
		.type = SCHEMA_COUNT,
		.fallback = "1",
		.least = 1,
		.most = 64,
		SIZED(shards)},
	{.name = "admin_socket",
		.type = SCHEMA_SOCKET,
		.shown = "DIRECTORY/admin.sock",
		FIELD(admin_socket)},
	{.name = "metrics",
		.type = SCHEMA_LISTEN,
		.shown = "none, so that there are no metrics",
		.least = 1,
		FIELD(metrics)},
	{.name = "pad_folders",
		.type = SCHEMA_PATH,
		.shown = "none",
		FIELD(pad_folders),
		.list = &pad_folders_list},
	{.name = NULL},
};

/* What agents can connect to: no wildcard, and a port that is known now. */
static void default_advertise(const config_setting_t *root, struct skex_hub_config *config)
{
	if (config_member(root, "advertise") != NULL)
		return;
	config->advertise_count = 0;
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct skex_address *address = &config->listen[i];

		if (address->port != 0 && !skex_host_wildcard(address->host))
			config->advertise[config->advertise_count++] = *address;
	}
}

static enum skex_error check_addresses(const struct config_reading *reading,
	const config_setting_t *root, const char *name, const struct skex_address *addresses,
	size_t count)
{
	const config_setting_t *list = config_member(root, name);

	for (size_t i = 0; list != NULL && i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (addresses[i].port != 0 && addresses[i].port == addresses[j].port &&
				strcmp(addresses[i].host, addresses[j].host) == 0)
				return config_wrong_setting(reading,
					config_setting_get_elem(list, (unsigned)i),
					"is there twice; keep one of them");
		}
	}
	return SKEX_OK;
}

/* A rule goes both ways: (a, b) and (b, a) are the same. */
static enum skex_error check_policy(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_hub_config *config)
{
	const config_setting_t *list = config_member(root, "policy");
	const size_t stride = 2 * sizeof(config->policy->a) + 1;
	struct config_text *texts;
	const struct config_text *twice;
	enum skex_error error = SKEX_OK;
	char *keys;

	if (config->policy_count < 2)
		return SKEX_OK;
	texts = calloc(config->policy_count, sizeof(*texts));
	keys = calloc(config->policy_count, stride);
	if (texts == NULL || keys == NULL) {
		free(texts);
		free(keys);
		return SKEX_E_MEMORY;
	}
	for (size_t i = 0; i < config->policy_count; i++) {
		const struct skex_policy_rule *rule = &config->policy[i];
		bool ordered = strcmp(rule->a, rule->b) <= 0;

		(void)snprintf(keys + i * stride, stride, "%s %s", ordered ? rule->a : rule->b,
			ordered ? rule->b : rule->a);
		texts[i].text = keys + i * stride;
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
	}
	twice = config_find_twice(texts, config->policy_count);
	if (twice != NULL)
		error = config_wrong_setting(
			reading, twice->setting, "is there twice; keep one of them");
	free(texts);
	free(keys);
	return error;
}

static enum skex_error read_hub(const struct config_reading *reading, const config_setting_t *root,
	struct skex_hub_config *config)
{
	enum skex_error error = config_read_group(reading, skex_hub_schema, root, config);

	if (error == SKEX_OK)
		error = config_check_kek(reading, root, &config->kek);
	if (error == SKEX_OK)
		error = config_default_socket(
			reading, root, config->directory, "admin.sock", config->admin_socket);
	if (error == SKEX_OK)
		error = check_addresses(
			reading, root, "listen", config->listen, config->listen_count);
	if (error == SKEX_OK)
		error = check_addresses(
			reading, root, "advertise", config->advertise, config->advertise_count);
	if (error == SKEX_OK)
		error = check_policy(reading, root, config);
	if (error == SKEX_OK)
		default_advertise(root, config);
	return error;
}

enum skex_error skex_hub_config_read(
	const char *path, struct skex_hub_config *config, char *message)
{
	const struct config_reading reading = {path, message};
	struct skex_hub_config read;
	enum skex_error error;
	config_t tree;

	memset(&read, 0, sizeof(read));
	message[0] = '\0';
	error = config_load(&reading, &tree);
	if (error == SKEX_OK)
		error = read_hub(&reading, config_root_setting(&tree), &read);
	config_destroy(&tree);
	if (error != SKEX_OK) {
		if (message[0] == '\0')
			(void)config_wrong(&reading, 0, NULL, "%s", skex_error_name(error));
		skex_hub_config_clear(&read);
		return error;
	}
	*config = read;
	return SKEX_OK;
}

void skex_hub_config_clear(struct skex_hub_config *config)
{
	free(config->policy);
	memset(config, 0, sizeof(*config));
}
