/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/kit.h"

static enum skex_error overwrite(const struct skex_files *files, struct skex_file *file)
{
	static const uint8_t zero[16384];
	uint64_t size;
	enum skex_error error = files->size(file, &size);

	for (uint64_t at = 0; at < size && error == SKEX_OK;) {
		size_t piece = size - at < sizeof(zero) ? (size_t)(size - at) : sizeof(zero);

		error = files->write(file, at, zero, piece);
		at += piece;
	}
	return error == SKEX_OK ? files->sync_wait(file) : error;
}

enum skex_error skex_kit_shred(const struct skex_platform *platform, const char *path)
{
	const struct skex_files *files = platform->files;
	struct skex_file *file;
	enum skex_error error = files->open(files->context, path, SKEX_OPEN_WRITE, &file);

	if (error != SKEX_OK)
		return error;
	error = overwrite(files, file);
	files->close(file);
	if (error != SKEX_OK)
		return error;
	return files->remove(files->context, path);
}
