/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_PATH_H
#define SKEX_STORE_PATH_H

#include "core/base/error.h"
#include "platform/platform.h"

/* The longest path of a state file, its end included. */
#define SKEX_PATH_BYTES 4096u

/* out = path followed by suffix.  SKEX_E_ARGUMENT when it is too long. */
SKEX_MUST_USE enum skex_error skex_path_append(
	char out[static SKEX_PATH_BYTES], const char *path, const char *suffix);

/* Syncs the directory that path lies in: a new name, rename or removal of path is durable after it.
 */
SKEX_MUST_USE enum skex_error skex_path_sync_parent(
	const struct skex_files *files, const char *path);

/* True when the file can be opened; *exists is set.  Another error than its absence is given. */
SKEX_MUST_USE enum skex_error skex_path_exists(
	const struct skex_files *files, const char *path, bool *exists);

/* Removes a file; fine when there is none. */
SKEX_MUST_USE enum skex_error skex_path_remove(const struct skex_files *files, const char *path);

#endif
