/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (UINT64_C(1) << 20)

static enum skex_error fail(struct skex_reason *reason, const char *path, const char *act)
{
	int number = errno;
	enum skex_error error = SKEX_E_IO;

	if (number == ENOSPC || number == EDQUOT || number == EFBIG)
		error = SKEX_E_SPACE;
	if (number == EEXIST)
		error = SKEX_E_REFUSED;
	return skex_reason_set(reason, error, number == EEXIST ? "file_exists" : "file", act,
		"%s: %s", path, strerror(number));
}

static bool write_all(int out, const uint8_t *bytes, size_t size, off_t at)
{
	while (size > 0) {
		ssize_t put = pwrite(out, bytes, size, at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		bytes += put;
		at += put;
		size -= (size_t)put;
	}
	return true;
}

static enum skex_error copy_body(int in, int out, const char *spool, uint64_t size,
	const char *path, struct skex_reason *reason)
{
	uint8_t *piece = malloc(PIECE_BYTES);
	uint64_t at = SKEX_KIT_PREAMBLE_BYTES;
	enum skex_error error = SKEX_OK;

	if (piece == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	while (at < size && error == SKEX_OK) {
		uint64_t left = size - at;
		ssize_t got = pread(in, piece, left < PIECE_BYTES ? left : PIECE_BYTES, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			error = fail(reason, spool, "see the hub's log, then try again");
		else if (!write_all(out, piece, (size_t)got, (off_t)at))
			error = fail(reason, path, "make room, then run the same command again");
		else
			at += (uint64_t)got;
	}
	free(piece);
	return error;
}

bool skex_name_sync(const char *path)
{
	bool good = false;
	char *folder = strdup(path);
	char *slash;
	int descriptor;

	if (folder == NULL)
		return false;
	slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder ? 1 : 0] = '\0';
	descriptor = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor >= 0) {
		/* Some file systems have nothing to do for it, and say so. */
		good = fsync(descriptor) == 0 || errno == EINVAL;
		close(descriptor);
	}
	free(folder);
	return good;
}

enum skex_error skex_kit_file_copy(const char *spool, uint64_t size,
	const uint8_t preamble[static SKEX_KIT_PREAMBLE_BYTES], const char *out,
	struct skex_reason *reason)
{
	int from, to;
	enum skex_error error;

	from = open(spool, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return fail(reason, spool, "run this on the hub's machine, as root or its user");
	to = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0) {
		error = fail(reason, out,
			"name a file that does not exist yet; the kit waits at the hub");
		close(from);
		return error;
	}
	error = copy_body(from, to, spool, size, out, reason);
	close(from);
	/* The body is on the disk before what makes it a kit. */
	if (error == SKEX_OK &&
		(fsync(to) != 0 || !write_all(to, preamble, SKEX_KIT_PREAMBLE_BYTES, 0) ||
			fsync(to) != 0 || !skex_name_sync(out)))
		error = fail(reason, out, "look at the disk, then run the same command again");
	close(to);
	if (error != SKEX_OK)
		(void)unlink(out);
	return error;
}
