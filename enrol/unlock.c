/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/kek.h"

static bool given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static enum skex_error fail_passphrase(
	struct skex_reason *reason, enum skex_error error, const char *path, const char *what)
{
	return skex_reason_set(reason, error, "passphrase_file",
		"write the passphrase into a file of mode 0600, one line, or give - for standard "
		"input",
		"passphrase file %s: %s", path, what);
}

static enum skex_error read_line(int descriptor, const char *path,
	uint8_t out[static SKEX_PASSPHRASE_MAX], size_t *size, struct skex_reason *reason)
{
	size_t filled = 0;

	while (filled < SKEX_PASSPHRASE_MAX) {
		ssize_t got = read(descriptor, out + filled, SKEX_PASSPHRASE_MAX - filled);
		const uint8_t *newline;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_passphrase(reason, SKEX_E_IO, path, strerror(errno));
		newline = memchr(out + filled, '\n', (size_t)got);
		filled = newline != NULL ? (size_t)(newline - out) : filled + (size_t)got;
		if (got > 0 && newline == NULL)
			continue;
		if (filled == 0)
			return fail_passphrase(reason, SKEX_E_ARGUMENT, path, "is empty");
		*size = filled;
		return SKEX_OK;
	}
	return fail_passphrase(reason, SKEX_E_ARGUMENT, path, "is longer than 1,023 bytes");
}

enum skex_error skex_passphrase_read(const char *path, uint8_t out[static SKEX_PASSPHRASE_MAX],
	size_t *size, struct skex_reason *reason)
{
	struct stat status;
	enum skex_error error;
	int descriptor;

	if (strcmp(path, "-") == 0)
		return read_line(STDIN_FILENO, "- (standard input)", out, size, reason);
	descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (descriptor < 0)
		return fail_passphrase(reason, errno == ENOENT ? SKEX_E_UNKNOWN : SKEX_E_IO, path,
			strerror(errno));
	if (fstat(descriptor, &status) != 0 ||
		(S_ISREG(status.st_mode) && (status.st_mode & 077) != 0))
		error = fail_passphrase(reason, SKEX_E_REFUSED, path,
			"can be read by others; that is not accepted");
	else
		error = read_line(descriptor, path, out, size, reason);
	close(descriptor);
	return error;
}

static enum skex_error from_passphrase(const struct skex_platform *platform,
	const struct skex_unlock *from, uint8_t kek[static SKEX_KEK_BYTES],
	struct skex_reason *reason)
{
	uint8_t *passphrase = skex_secret_new(SKEX_PASSPHRASE_MAX);
	enum skex_error error;
	size_t size = 0;

	if (passphrase == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	error = skex_passphrase_read(from->passphrase_file, passphrase, &size, reason);
	if (error == SKEX_OK) {
		error = skex_kek_derive(
			platform, from->directory, skex_view(passphrase, size), kek);
		if (error != SKEX_OK)
			(void)skex_reason_set(reason, error, "kek",
				"check the directory, and that 256 MiB of memory are free",
				"no key could be made from the passphrase for %s (%s)",
				from->directory, skex_error_name(error));
	}
	skex_secret_free(passphrase);
	return error;
}

static enum skex_error from_file(const struct skex_platform *platform, const char *path,
	uint8_t kek[static SKEX_KEK_BYTES], struct skex_reason *reason)
{
	enum skex_error error = skex_kek_read(platform, path, kek);

	if (error == SKEX_E_UNKNOWN)
		return skex_reason_set(reason, error, "kek_missing",
			"without it the state cannot be read: bring it back, or begin anew",
			"key file %s: there is no such file", path);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "kek",
			"it holds exactly 32 bytes and has mode 0600 or stricter",
			"key file %s cannot be used (%s)", path, skex_error_name(error));
	return SKEX_OK;
}

enum skex_error skex_unlock(const struct skex_platform *platform, const struct skex_unlock *from,
	uint8_t kek[static SKEX_KEK_BYTES], struct skex_reason *reason)
{
	const char *folder;
	char path[1024];
	int size;

	if (given(from->file))
		return from_file(platform, from->file, kek, reason);
	if (given(from->passphrase_file))
		return from_passphrase(platform, from, kek, reason);
	if (!given(from->credential))
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "kek",
			"set a key file, a credential or a passphrase file",
			"no key-encryption key is configured");
	folder = getenv("CREDENTIALS_DIRECTORY"); /* rule 6: a path from systemd, no secret */
	size = folder == NULL ? -1
			      : snprintf(path, sizeof(path), "%s/%s", folder, from->credential);
	if (size < 0 || (size_t)size >= sizeof(path))
		return skex_reason_set(reason, SKEX_E_UNKNOWN, "kek_missing",
			"start it as a systemd service with LoadCredential=",
			"credential %s: systemd gave no credentials", from->credential);
	return from_file(platform, path, kek, reason);
}
