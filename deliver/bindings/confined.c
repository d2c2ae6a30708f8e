/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bindings/confined.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* ---- what is needed ---- */

static enum skex_error add_path(
	struct bindings_rights *rights, const char *path, enum skex_path_rights of)
{
	struct bindings_folder *folders;

	folders = realloc(rights->folders, (rights->count + 1) * sizeof(*folders));
	if (folders == NULL)
		return SKEX_E_MEMORY;
	rights->folders = folders;
	memset(&folders[rights->count], 0, sizeof(folders[0]));
	(void)snprintf(folders[rights->count].path, sizeof(folders[0].path), "%s", path);
	folders[rights->count++].rights = of;
	return SKEX_OK;
}

/* Files are replaced, so that it is the folder that counts. */
static enum skex_error add_folder_of(
	struct bindings_rights *rights, const char *path, enum skex_path_rights of)
{
	char folder[SKEX_CONFINE_PATH_MAX];

	if (path[0] == '\0')
		return SKEX_OK;
	skex_confine_folder(folder, path);
	return add_path(rights, folder, of);
}

enum skex_error bindings_rights_add(
	struct bindings_rights *rights, const struct skex_binding_config *binding)
{
	const bool known = binding->wireguard.enabled || binding->ikev2.enabled ||
		binding->tls.enabled || binding->routing.enabled || binding->macsec.enabled ||
		binding->hook.enabled;
	enum skex_error error = SKEX_OK;

	/* A consumer that is not known here may need anything. */
	rights->programs = rights->programs || !known || skex_binding_runs_programs(binding);
	if (binding->tls.enabled) {
		error = add_folder_of(rights, binding->tls.file, SKEX_PATH_WRITE);
		if (error == SKEX_OK)
			error = add_folder_of(rights, binding->tls.pid_file, SKEX_PATH_READ);
	}
	if (binding->routing.enabled)
		error = add_folder_of(rights, binding->routing.file, SKEX_PATH_WRITE);
	if (binding->hook.enabled)
		error = add_folder_of(rights, binding->hook.file, SKEX_PATH_WRITE);
	rights->links = rights->links || binding->macsec.enabled;
	/* For sockets to which wpa_supplicant answers. */
	if (binding->macsec.enabled && binding->macsec.mode == SKEX_BINDING_MKA)
		error = add_path(rights, binding->macsec.folder, SKEX_PATH_WRITE);
	return error;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct bindings_folder));
}

static void look(struct bindings_folder *folder)
{
	struct stat is;

	if (stat(folder->path, &is) != 0)
		return;
	folder->device = is.st_dev;
	folder->inode = is.st_ino;
}

void bindings_rights_end(struct bindings_rights *rights)
{
	size_t kept = 0;
	size_t i;

	if (rights->programs) {
		bindings_rights_clear(rights);
		rights->programs = true;
	}
	if (rights->count > 0)
		qsort(rights->folders, rights->count, sizeof(rights->folders[0]), compare);
	for (i = 0; i < rights->count; i++) {
		if (kept == 0 || compare(&rights->folders[kept - 1], &rights->folders[i]) != 0)
			rights->folders[kept++] = rights->folders[i];
	}
	rights->count = kept;
	for (i = 0; i < kept; i++)
		look(&rights->folders[i]);
}

bool bindings_rights_equal(const struct bindings_rights *a, const struct bindings_rights *b)
{
	return a->programs == b->programs && a->links == b->links && a->count == b->count &&
		(a->count == 0 ||
			memcmp(a->folders, b->folders, a->count * sizeof(a->folders[0])) == 0);
}

void bindings_rights_clear(struct bindings_rights *rights)
{
	free(rights->folders);
	*rights = (struct bindings_rights){.folders = NULL};
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

static enum skex_error confine_to_files(
	const struct skex_platform *platform, const struct bindings_rights *rights)
{
	const size_t count = SKEX_CONFINE_LOOKUP_PATHS + rights->count;
	struct skex_confine_path *paths = calloc(count, sizeof(*paths));
	const struct skex_confine_files files = {
		.paths = paths, .paths_count = count, .connects = true, .signals = true};
	enum skex_error error;
	size_t i;

	if (paths == NULL)
		return SKEX_E_MEMORY;
	/* With /proc, which also says what program a pid file means. */
	for (i = 0; i < SKEX_CONFINE_LOOKUP_PATHS; i++)
		paths[i] = (struct skex_confine_path){.path = skex_confine_lookup_paths[i],
			.rights = SKEX_PATH_READ,
			.optional = true};
	for (i = 0; i < rights->count; i++)
		paths[SKEX_CONFINE_LOOKUP_PATHS + i] =
			(struct skex_confine_path){.path = rights->folders[i].path,
				.rights = rights->folders[i].rights,
				.optional = true};
	error = skex_confine(platform, "the process of the bindings", &files,
		rights->links ? SKEX_CALLS_LINKS : SKEX_CALLS_BINDINGS);
	free(paths);
	return error;
}

enum skex_error bindings_confine(
	const struct skex_platform *platform, const struct bindings_rights *rights)
{
	return rights->programs ? confine_as_programs(platform)
				: confine_to_files(platform, rights);
}
