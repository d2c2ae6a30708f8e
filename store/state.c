/* SPDX-License-Identifier: Apache-2.0 */
#include "store/state.h"

#include <stdio.h>

#define PATH_ROOM 1024u

static enum skex_error below(char path[static PATH_ROOM], const char *directory, const char *name)
{
	int size = snprintf(path, PATH_ROOM, "%s%s", directory, name);

	return size > 0 && (size_t)size < PATH_ROOM ? SKEX_OK : SKEX_E_ARGUMENT;
}

static enum skex_error make_directories(const struct skex_platform *platform, const char *directory)
{
	static const char *const names[] = {"", "/store", "/pads", "/spool"};
	const struct skex_files *files = platform->files;
	enum skex_error error = SKEX_OK;
	char path[PATH_ROOM];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && error == SKEX_OK; i++) {
		error = below(path, directory, names[i]);
		if (error == SKEX_OK)
			error = files->make_directory(files->context, path);
	}
	return error;
}

/*
 * SQLite reads what a life before left through the memory of the system.  A change whose sync
 * failed looks whole there, and is not on the disk: what is appended behind it would be lost with
 * it in a power cut, although its own sync was fine.
 */
static enum skex_error read_anew(const struct skex_files *files, const char *directory)
{
	static const char *const names[] = {"/registry.db", "/registry.db-wal"};
	enum skex_error error = SKEX_OK;
	struct skex_file *file;
	char path[PATH_ROOM];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && error == SKEX_OK; i++) {
		error = below(path, directory, names[i]);
		if (error == SKEX_OK)
			error = files->open(files->context, path, SKEX_OPEN_FRESH, &file);
		if (error == SKEX_OK)
			files->close(file);
		if (error == SKEX_E_UNKNOWN)
			error = SKEX_OK;
	}
	return error;
}

enum skex_error skex_state_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *directory,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_state *state)
{
	struct skex_state opened = {NULL, NULL};
	char path[PATH_ROOM];
	enum skex_error error = make_directories(platform, directory);

	if (error != SKEX_OK)
		return error;
	error = below(path, directory, "/store");
	if (error == SKEX_OK)
		error = skex_log_store_open(platform, crypto, path, kek, &opened.store);
	if (error == SKEX_OK)
		error = read_anew(platform->files, directory);
	if (error == SKEX_OK)
		error = below(path, directory, "/registry.db");
	if (error == SKEX_OK)
		error = skex_registry_open(path, &opened.registry);
	/* SQLite syncs the names of its files too, and takes no notice of the answer. */
	if (error == SKEX_OK)
		error = platform->files->sync_directory(platform->files->context, directory);
	if (error != SKEX_OK) {
		skex_state_close(&opened);
		return error;
	}
	*state = opened;
	return SKEX_OK;
}

void skex_state_close(struct skex_state *state)
{
	if (state->registry != NULL)
		skex_registry_close(state->registry);
	skex_store_close(state->store);
	state->registry = NULL;
	state->store = NULL;
}
