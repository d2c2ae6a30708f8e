/* SPDX-License-Identifier: Apache-2.0 */
#include "store/path.h"

#include <stdio.h>
#include <string.h>

enum skex_error skex_path_append(
	char out[static SKEX_PATH_BYTES], const char *path, const char *suffix)
{
	if (strlen(path) + strlen(suffix) >= SKEX_PATH_BYTES)
		return SKEX_E_ARGUMENT;
	int size = snprintf(out, SKEX_PATH_BYTES, "%s%s", path, suffix);
	return size >= 0 ? SKEX_OK : SKEX_E_ARGUMENT;
}

enum skex_error skex_path_sync_parent(const struct skex_files *files, const char *path)
{
	char parent[SKEX_PATH_BYTES];
	enum skex_error error = skex_path_append(parent, path, "");

	if (error != SKEX_OK)
		return error;
	char *slash = strrchr(parent, '/');
	if (slash == NULL)
		return files->sync_directory(files->context, ".");
	if (slash == parent)
		slash++;
	*slash = '\0';
	return files->sync_directory(files->context, parent);
}

enum skex_error skex_path_exists(const struct skex_files *files, const char *path, bool *exists)
{
	struct skex_file *file = NULL;
	enum skex_error error = files->open(files->context, path, SKEX_OPEN_READ, &file);

	if (error != SKEX_OK && error != SKEX_E_UNKNOWN)
		return error;
	files->close(file);
	*exists = error == SKEX_OK;
	return SKEX_OK;
}

enum skex_error skex_path_remove(const struct skex_files *files, const char *path)
{
	enum skex_error error = files->remove(files->context, path);

	return error == SKEX_E_UNKNOWN ? SKEX_OK : error;
}
