/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bindings/confined.h"

#include <stdlib.h>
#include <sys/prctl.h>

#include "platform/confine.h"

#define PER_BINDING 2u

/* A consumer that is not known here may need anything. */
static bool runs_none(const struct skex_binding_config *binding)
{
	if (binding->tls.enabled)
		return binding->tls.reload.count == 0 && binding->tls.check.count == 0;
	if (binding->hook.enabled)
		return binding->hook.program.count == 0;
	return binding->wireguard.enabled || binding->ikev2.enabled || binding->routing.enabled;
}

static bool none_runs_programs(const struct skex_agent_config *config)
{
	for (size_t i = 0; i < config->bindings_count; i++)
		if (!runs_none(&config->bindings[i]))
			return false;
	return true;
}

/* ---- with programs ---- */

static enum skex_error confine_as_programs(const struct skex_platform *platform)
{
	struct skex_confined confined;
	enum skex_error error = SKEX_E_IO;

	skex_confine_support(&confined);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		error = skex_confine_calls(SKEX_CALLS_PROGRAMS, &confined);
	if (error != SKEX_OK)
		return error;
	if (confined.exempt != NULL || !confined.seccomp)
		skex_confined_log(platform, "the process of the bindings", &confined);
	else
		skex_log(platform, SKEX_LEVEL_INFO,
			"the process of the bindings runs programs, and is confined only as they "
			"are: no memory of others, no change of the kernel");
	return SKEX_OK;
}

/* ---- without ---- */

struct table {
	struct skex_confine_path *paths;
	size_t count;
	char (*folders)[SKEX_CONFINE_PATH_MAX];
	size_t folders_count;
};

static void add(struct table *table, const char *path, enum skex_path_rights rights)
{
	table->paths[table->count++] =
		(struct skex_confine_path){.path = path, .rights = rights, .optional = true};
}

/* Files are replaced, so that it is the folder that counts. */
static void add_folder_of(struct table *table, const char *path, enum skex_path_rights rights)
{
	char *folder = table->folders[table->folders_count];

	if (path[0] == '\0')
		return;
	skex_confine_folder(folder, path);
	table->folders_count++;
	add(table, folder, rights);
}

static void fill(struct table *table, const struct skex_agent_config *config)
{
	/* With /proc, which also says what program a pid file means. */
	for (size_t i = 0; i < SKEX_CONFINE_LOOKUP_PATHS; i++)
		add(table, skex_confine_lookup_paths[i], SKEX_PATH_READ);
	for (size_t i = 0; i < config->bindings_count; i++) {
		const struct skex_binding_config *binding = &config->bindings[i];

		if (binding->tls.enabled) {
			add_folder_of(table, binding->tls.file, SKEX_PATH_WRITE);
			add_folder_of(table, binding->tls.pid_file, SKEX_PATH_READ);
		}
		if (binding->routing.enabled)
			add_folder_of(table, binding->routing.file, SKEX_PATH_WRITE);
		if (binding->hook.enabled)
			add_folder_of(table, binding->hook.file, SKEX_PATH_WRITE);
	}
}

static enum skex_error confine_by(const struct skex_platform *platform, const struct table *table)
{
	const struct skex_confine_files files = {.paths = table->paths,
		.paths_count = table->count,
		.connects = true,
		.signals = true};

	return skex_confine(platform, "the process of the bindings", &files, SKEX_CALLS_BINDINGS);
}

enum skex_error skex_bindings_confine(
	const struct skex_platform *platform, const struct skex_agent_config *config)
{
	const size_t most = PER_BINDING * config->bindings_count;
	struct table table = {.paths = NULL};
	enum skex_error error = SKEX_E_MEMORY;

	if (!none_runs_programs(config))
		return confine_as_programs(platform);
	table.paths = calloc(SKEX_CONFINE_LOOKUP_PATHS + most, sizeof(*table.paths));
	table.folders = calloc(most + 1, sizeof(*table.folders));
	if (table.paths != NULL && table.folders != NULL) {
		fill(&table, config);
		error = confine_by(platform, &table);
	}
	free(table.paths);
	free(table.folders);
	return error;
}
