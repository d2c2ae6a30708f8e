/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/agent_schema.h"

enum skex_error config_check_twice(const struct config_reading *reading, struct config_text *texts,
	size_t count, const char *what)
{
	const struct config_text *found = config_find_twice(texts, count);

	if (found == NULL)
		return SKEX_OK;
	return config_wrong_setting(
		reading, found->setting, "%s; \"%.191s\" stays at one place", what, found->text);
}

/* ---- profiles ---- */

static enum skex_error check_profile(const struct config_reading *reading,
	const config_setting_t *written, const struct skex_profile_config *profile)
{
	const config_setting_t *hubs = config_member(written, "hubs");
	struct config_text texts[SKEX_HUBS_MAX];

	if (profile->k > profile->n)
		return config_wrong_setting(reading, config_member(written, "k"),
			"%u is more than the %u hubs of this profile; allowed: 2 to %u", profile->k,
			profile->n, profile->n);
	for (size_t i = 0; i < profile->n; i++) {
		texts[i].text = profile->hubs[i].name.text;
		texts[i].setting = config_setting_get_elem(hubs, (unsigned)i);
	}
	return config_check_twice(reading, texts, profile->n, "this hub is in the profile twice");
}

static enum skex_error check_profiles(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_agent_config *config)
{
	const config_setting_t *list = config_member(root, "profiles");
	struct config_text texts[PROFILES_MAX];

	for (size_t i = 0; i < config->profiles_count; i++) {
		const config_setting_t *written = config_setting_get_elem(list, (unsigned)i);
		enum skex_error error = check_profile(reading, written, &config->profiles[i]);

		if (error != SKEX_OK)
			return error;
		texts[i].text = config->profiles[i].name;
		texts[i].setting = written;
	}
	return config_check_twice(
		reading, texts, config->profiles_count, "this profile is there twice");
}

/* ---- peers ---- */

static enum skex_error check_peer_profiles(const struct config_reading *reading,
	const config_setting_t *written, const struct skex_agent_config *config,
	const struct skex_peer_config *peer)
{
	const config_setting_t *list = config_member(written, "profiles");
	struct config_text texts[8];

	for (size_t i = 0; i < peer->profiles_count; i++) {
		size_t j = 0;

		texts[i].text = peer->profiles[i];
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
		while (j < config->profiles_count &&
			strcmp(config->profiles[j].name, peer->profiles[i]) != 0)
			j++;
		if (j == config->profiles_count)
			return config_wrong_setting(reading, texts[i].setting,
				"there is no profile \"%s\"; name one of profiles",
				peer->profiles[i]);
	}
	return config_check_twice(
		reading, texts, peer->profiles_count, "this profile is named twice");
}

/* Combined is what comes of hubs and of a KME or a pair: both are needed. */
static enum skex_error check_combine(const struct config_reading *reading,
	const config_setting_t *written, const struct skex_agent_config *config,
	const struct skex_peer_config *peer)
{
	const config_setting_t *setting = config_member(written, "combine");

	if (peer->profiles_count == 0)
		return config_wrong_setting(reading, setting,
			"keys are combined out of those of hubs and of a KME or a pair; name "
			"profiles for this peer");
	if (!config->pairwise.enabled && !config_has_kme(config, &peer->name))
		return config_wrong_setting(reading, setting,
			"keys are combined out of those of hubs and of a KME or a pair; name the "
			"peer in qkd014, or set pairwise.listen");
	return SKEX_OK;
}

static enum skex_error check_peers(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_agent_config *config)
{
	const config_setting_t *list = config_member(root, "peers");
	struct config_text *texts;
	enum skex_error error = SKEX_OK;

	if (config->peers_count == 0)
		return SKEX_OK;
	texts = calloc(config->peers_count, sizeof(*texts));
	if (texts == NULL)
		return SKEX_E_MEMORY;
	for (size_t i = 0; error == SKEX_OK && i < config->peers_count; i++) {
		const struct skex_peer_config *peer = &config->peers[i];
		const config_setting_t *written = config_setting_get_elem(list, (unsigned)i);

		texts[i].text = peer->name.text;
		texts[i].setting = written;
		if (skex_name_equal(&peer->name, &config->name))
			error = config_wrong_setting(reading, config_member(written, "name"),
				"\"%s\" is this agent itself; name another one", peer->name.text);
		else
			error = check_peer_profiles(reading, written, config, peer);
		if (error == SKEX_OK && peer->combine)
			error = check_combine(reading, written, config, peer);
	}
	if (error == SKEX_OK)
		error = config_check_twice(
			reading, texts, config->peers_count, "this peer is there twice");
	free(texts);
	return error;
}

/* ---- identities ---- */

static size_t add_identities(struct config_text *texts, const config_setting_t *group, size_t count,
	char (*identities)[SKEX_PURPOSE_MAX + 1])
{
	const config_setting_t *list = config_member(group, "identities");

	for (size_t i = 0; i < count; i++) {
		texts[i].text = identities[i];
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
	}
	return count;
}

/* An identity lives at one place: at a peer, or here. */
static enum skex_error check_identities(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_agent_config *config)
{
	const config_setting_t *list = config_member(root, "peers");
	size_t count = config->identities_count;
	struct config_text *texts;
	enum skex_error error;
	size_t used;

	for (size_t i = 0; i < config->peers_count; i++)
		count += config->peers[i].identities_count;
	if (count == 0)
		return SKEX_OK;
	texts = calloc(count, sizeof(*texts));
	if (texts == NULL)
		return SKEX_E_MEMORY;
	used = add_identities(texts, root, config->identities_count, config->identities);
	for (size_t i = 0; i < config->peers_count; i++)
		used += add_identities(texts + used, config_setting_get_elem(list, (unsigned)i),
			config->peers[i].identities_count, config->peers[i].identities);
	error = config_check_twice(reading, texts, count, "this identity is there twice");
	free(texts);
	return error;
}

/* ---- the rest ---- */

static enum skex_error check_pool(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_pool_config *pool)
{
	const config_setting_t *written = config_member(root, "pool");

	if (pool->low_keys > pool->high_keys)
		return config_wrong_setting(reading, written,
			"low is %u and high is %u; low is at most high", pool->low_keys,
			pool->high_keys);
	if (pool->reserve_keys > pool->low_keys)
		return config_wrong_setting(reading, written,
			"reserve is %u and low is %u; reserve is at most low", pool->reserve_keys,
			pool->low_keys);
	return SKEX_OK;
}

/* A server without a way to know its clients must not start. */
static enum skex_error check_skip(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_skip_config *skip)
{
	const config_setting_t *written = config_member(root, "skip");
	const bool all =
		skip->ca[0] != '\0' && skip->certificate[0] != '\0' && skip->key[0] != '\0';
	const bool any =
		skip->ca[0] != '\0' || skip->certificate[0] != '\0' || skip->key[0] != '\0';
	const bool psk = skip->psk_file[0] != '\0';

	if (!skip->enabled || (psk ? !any : all))
		return SKEX_OK;
	return config_wrong_setting(reading, written,
		"clients have to be known in one way; write psk_file, or ca, certificate and key");
}

static enum skex_error read_agent(const struct config_reading *reading,
	const config_setting_t *root, struct skex_agent_config *config)
{
	enum skex_error error = config_read_group(reading, skex_agent_schema, root, config);

	if (error == SKEX_OK)
		error = config_check_kek(reading, root, &config->kek);
	if (error == SKEX_OK)
		error = config_default_socket(
			reading, root, config->directory, "api.sock", config->socket);
	if (error == SKEX_OK)
		error = check_profiles(reading, root, config);
	if (error == SKEX_OK)
		error = check_peers(reading, root, config);
	if (error == SKEX_OK)
		error = check_identities(reading, root, config);
	if (error == SKEX_OK)
		error = check_pool(reading, root, &config->pool);
	if (error == SKEX_OK)
		error = check_skip(reading, root, &config->skip);
	if (error == SKEX_OK)
		error = config_check_qkd014(reading, root, config);
	if (error == SKEX_OK)
		error = config_check_bindings(reading, root, config);
	if (error == SKEX_OK && config->etsi014.kme_id[0] == '\0')
		memcpy(config->etsi014.kme_id, config->name.text, sizeof(config->name.text));
	return error;
}

enum skex_error skex_agent_config_parse(
	const char *path, const char *text, struct skex_agent_config *config, char *message)
{
	const struct config_reading reading = {path, message};
	struct skex_agent_config read;
	enum skex_error error;
	config_t tree;

	memset(&read, 0, sizeof(read));
	message[0] = '\0';
	error = config_load_text(&reading, text, &tree);
	if (error == SKEX_OK)
		error = read_agent(&reading, config_root_setting(&tree), &read);
	config_destroy(&tree);
	if (error != SKEX_OK) {
		if (message[0] == '\0')
			(void)config_wrong(&reading, 0, NULL, "%s", skex_error_name(error));
		skex_agent_config_clear(&read);
		return error;
	}
	(void)snprintf(read.file, sizeof(read.file), "%s", path);
	*config = read;
	return SKEX_OK;
}

enum skex_error skex_agent_config_read(
	const char *path, struct skex_agent_config *config, char *message)
{
	char *text = NULL;
	enum skex_error error = skex_config_text(path, &text, message);

	if (error == SKEX_OK)
		error = skex_agent_config_parse(path, text, config, message);
	free(text);
	return error;
}

void skex_agent_config_clear(struct skex_agent_config *config)
{
	for (size_t i = 0; config->peers != NULL && i < config->peers_count; i++)
		free(config->peers[i].identities);
	free(config->peers);
	free(config->profiles);
	free(config->identities);
	for (size_t i = 0; config->qkd014 != NULL && i < config->qkd014_count; i++)
		free(config->qkd014[i].peers);
	free(config->qkd014);
	skex_bindings_clear(config->bindings, config->bindings_count);
	memset(config, 0, sizeof(*config));
}
