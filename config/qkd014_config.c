/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "config/agent_schema.h"

/* KMEs of other houses, from which keys are fetched by ETSI GS QKD 014. */

#define FIELD(type, member) .offset = offsetof(struct type, member)
#define SIZED(type, member) FIELD(type, member), .size = sizeof(((struct type *)0)->member)

static const char https[] = "https://";

static const struct schema peer_schema[] = {
	{.name = "peer",
		.type = SCHEMA_NAME,
		.required = true,
		FIELD(skex_qkd014_peer_config, name)},
	{.name = "sae_id",
		.type = SCHEMA_LABEL,
		.required = true,
		FIELD(skex_qkd014_peer_config, sae_id)},
	{.name = "class",
		.type = SCHEMA_CHOICE,
		.fallback = "computational",
		.choices = "computational|its",
		SIZED(skex_qkd014_peer_config, class)},
	{.name = NULL},
};

static const struct schema_list peers_list = {
	.least = 1,
	.most = PEERS_MAX,
	.stride = sizeof(struct skex_qkd014_peer_config),
	.count_offset = offsetof(struct skex_qkd014_config, peers_count),
	.count_size = sizeof(((struct skex_qkd014_config *)0)->peers_count),
	.allocated = true,
};

const struct schema config_qkd014_schema[] = {
	{.name = "name", .type = SCHEMA_NAME, .required = true, FIELD(skex_qkd014_config, name)},
	{.name = "url", .type = SCHEMA_ARGUMENT, .required = true, FIELD(skex_qkd014_config, url)},
	{.name = "ca", .type = SCHEMA_PATH, .required = true, FIELD(skex_qkd014_config, ca)},
	{.name = "certificate",
		.type = SCHEMA_PATH,
		.required = true,
		FIELD(skex_qkd014_config, certificate)},
	{.name = "key", .type = SCHEMA_PATH, .required = true, FIELD(skex_qkd014_config, key)},
	{.name = "sae_id",
		.type = SCHEMA_LABEL,
		.required = true,
		FIELD(skex_qkd014_config, sae_id)},
	{.name = "key_bits",
		.type = SCHEMA_COUNT,
		.fallback = "256",
		.least = 64,
		.most = 8192,
		.step = 8,
		SIZED(skex_qkd014_config, key_bits)},
	{.name = "independent",
		.type = SCHEMA_FLAG,
		.fallback = "false",
		FIELD(skex_qkd014_config, independent)},
	{.name = "peers",
		.type = SCHEMA_GROUP,
		.required = true,
		FIELD(skex_qkd014_config, peers),
		.list = &peers_list,
		.inner = peer_schema},
	{.name = NULL},
};

bool config_has_kme(const struct skex_agent_config *config, const struct skex_name *peer)
{
	for (size_t i = 0; i < config->qkd014_count; i++) {
		for (size_t j = 0; j < config->qkd014[i].peers_count; j++) {
			if (skex_name_equal(&config->qkd014[i].peers[j].name, peer))
				return true;
		}
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	const struct skex_peer_config *const *x = a;
	const struct skex_peer_config *const *y = b;

	return strcmp((*x)->name.text, (*y)->name.text);
}

static int named(const void *name, const void *peer)
{
	return strcmp(((const struct skex_name *)name)->text,
		(*(const struct skex_peer_config *const *)peer)->name.text);
}

/* A peer that is configured, and that notes can be sent to. */
static enum skex_error check_peer(const struct config_reading *reading,
	const config_setting_t *written, const struct skex_name *name,
	const struct skex_peer_config *const *sorted, size_t count)
{
	const config_setting_t *setting = config_member(written, "peer");
	const struct skex_peer_config *const *found = count == 0
		? NULL
		: bsearch(name, sorted, count, sizeof(struct skex_peer_config *), named);

	if (found == NULL)
		return config_wrong_setting(
			reading, setting, "there is no peer \"%s\"; name one of peers", name->text);
	if ((*found)->profiles_count == 0)
		return config_wrong_setting(reading, setting,
			"the two ends tell each other by notes through hubs which keys a KME gave; "
			"name profiles for \"%s\" in peers",
			name->text);
	return SKEX_OK;
}

static enum skex_error check_url(const struct config_reading *reading,
	const config_setting_t *written, struct skex_qkd014_config *kme)
{
	const size_t size = strlen(kme->url);

	if (strncmp(kme->url, https, sizeof(https) - 1) != 0 || size == sizeof(https) - 1 ||
		strpbrk(kme->url, " ?#@") != NULL)
		return config_wrong_setting(reading, config_member(written, "url"),
			"\"%s\" is not allowed; write https://HOST, with a port and a path where "
			"the KME has them",
			kme->url);
	if (kme->url[size - 1] == '/')
		kme->url[size - 1] = '\0';
	return SKEX_OK;
}

static enum skex_error check_all(const struct config_reading *reading, const config_setting_t *list,
	struct skex_agent_config *config, const struct skex_peer_config **sorted,
	struct config_text *texts)
{
	size_t used = 0;
	enum skex_error error = SKEX_OK;

	for (size_t i = 0; i < config->peers_count; i++)
		sorted[i] = &config->peers[i];
	qsort(sorted, config->peers_count, sizeof(struct skex_peer_config *), by_name);
	for (size_t i = 0; error == SKEX_OK && i < config->qkd014_count; i++) {
		struct skex_qkd014_config *kme = &config->qkd014[i];
		const config_setting_t *written = config_setting_get_elem(list, (unsigned)i);
		const config_setting_t *peers = config_member(written, "peers");

		error = check_url(reading, written, kme);
		for (size_t j = 0; error == SKEX_OK && j < kme->peers_count; j++) {
			const config_setting_t *peer = config_setting_get_elem(peers, (unsigned)j);

			texts[used].text = kme->peers[j].name.text;
			texts[used++].setting = config_member(peer, "peer");
			error = check_peer(
				reading, peer, &kme->peers[j].name, sorted, config->peers_count);
		}
	}
	return error != SKEX_OK ? error
				: config_check_twice(reading, texts, used,
					  "the keys with this peer come from one KME");
}

static enum skex_error check_names(const struct config_reading *reading,
	const config_setting_t *list, const struct skex_agent_config *config)
{
	struct config_text texts[KMES_MAX];

	for (size_t i = 0; i < config->qkd014_count; i++) {
		texts[i].text = config->qkd014[i].name.text;
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
	}
	return config_check_twice(reading, texts, config->qkd014_count, "this KME is there twice");
}

enum skex_error config_check_qkd014(const struct config_reading *reading,
	const config_setting_t *root, struct skex_agent_config *config)
{
	const config_setting_t *list = config_member(root, "qkd014");
	const struct skex_peer_config **sorted;
	struct config_text *texts;
	size_t count = 0;
	enum skex_error error;

	if (config->qkd014_count == 0)
		return SKEX_OK;
	for (size_t i = 0; i < config->qkd014_count; i++)
		count += config->qkd014[i].peers_count;
	sorted = calloc(config->peers_count + 1, sizeof(struct skex_peer_config *));
	texts = calloc(count, sizeof(*texts));
	error = sorted == NULL || texts == NULL ? SKEX_E_MEMORY
						: check_names(reading, list, config);
	if (error == SKEX_OK)
		error = check_all(reading, list, config, sorted, texts);
	free(sorted);
	free(texts);
	return error;
}
