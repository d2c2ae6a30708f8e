/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "enrol/kit.h"
#include "enrol/source_mark.h"

#define MEMORY_DEVICES 1u /* Linux: major number of null, zero, random, urandom */

struct skex_pad_source {
	const struct skex_platform *platform;
	int descriptor; /* -1: the platform's generator */
	bool regular;
	bool unmarked;
	uint64_t at;  /* of a regular file */
	uint64_t end; /* of what was claimed of it */
	enum skex_class class;
	char path[SKEX_KIT_SOURCE_MAX + 1]; /* for messages, cut */
	char text[SKEX_KIT_SOURCE_MAX + 1];
	char real[PATH_MAX]; /* of a regular file, without links */
};

static enum skex_error fail_source(
	struct skex_reason *reason, enum skex_error error, const char *path, const char *what)
{
	return skex_reason_set(reason, error, "pad_source",
		"give a file of truly random bytes, in one of the daemon's `pad_folders`, or the "
		"device that makes them; the daemon has to be able to read it",
		"pad source %s: %s", path, what);
}

/* Everything that is not printable becomes '?': the text stands in kits, tables and log lines. */
static void set_text(struct skex_pad_source *source, const char *what, const char *path)
{
	const char *name = strrchr(path, '/');

	(void)snprintf(source->path, sizeof(source->path), "%s", path);
	(void)snprintf(source->text, sizeof(source->text), "%s %s", what,
		source->regular && name != NULL ? name + 1 : path);
	for (char *c = source->text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static enum skex_error read_at(int descriptor, uint64_t offset, uint8_t *out, size_t size)
{
	while (size > 0) {
		ssize_t got = pread(descriptor, out, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return SKEX_E_IO;
		out += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return SKEX_OK;
}

/* "source." and 128 bits of the serial's digest in hexadecimal letters a..p. */
static enum skex_error claim_name(
	const struct skex_crypto *crypto, int descriptor, char name[static SOURCE_NAME_BYTES])
{
	uint8_t serial[SKEX_PAD_SOURCE_SERIAL_BYTES];
	uint8_t digest[SKEX_HASH_BYTES];
	struct skex_view parts[2] = {skex_view("skex pad source/1", 17), {serial, sizeof(serial)}};
	enum skex_error error = read_at(descriptor, 0, serial, sizeof(serial));
	size_t at = 7;

	if (error == SKEX_OK)
		error = crypto->sha256(crypto->context, parts, 2, digest);
	skex_wipe(serial, sizeof(serial));
	if (error != SKEX_OK)
		return error;
	memcpy(name, "source.", 7);
	for (size_t i = 0; i < 16; i++) {
		name[at++] = (char)('a' + (digest[i] >> 4));
		name[at++] = (char)('a' + (digest[i] & 15));
	}
	name[at] = '\0';
	return SKEX_OK;
}

/* ---- how much is used --------------------------------------------------------------------------
 */

static enum skex_error fail_mark(
	struct skex_reason *reason, enum skex_error error, const char *path, const char *what)
{
	return skex_reason_set(reason, error, "pad_source_mark",
		error == SKEX_E_IO
			? "name its directory in `pad_folders`, and make it writable for the "
			  "daemon; or, with "
			  "--pad-source-unmarked, only the registry remembers it, and one from a "
			  "backup gives bytes again"
			: "put back the mark that belongs to this file; if it never had one, move "
			  "the wrong one away",
		"pad source %s: %s" SOURCE_MARK_SUFFIX ", where its used bytes are noted, %s", path,
		path, what);
}

static enum skex_error registry_used(struct skex_pad_source *source, struct skex_registry *registry,
	const char *name, uint64_t *used, struct skex_reason *reason)
{
	uint8_t value[8];
	size_t size = 0;
	struct skex_reader reader;
	uint64_t found;
	enum skex_error error = skex_registry_get(registry, name, value, sizeof(value), &size);

	if (error == SKEX_E_UNKNOWN)
		return SKEX_OK;
	skex_reader_init(&reader, skex_view(value, error == SKEX_OK ? size : 0));
	found = skex_read_u64(&reader);
	if (error == SKEX_OK)
		error = skex_reader_end(&reader);
	if (error != SKEX_OK)
		return fail_source(reason, error, source->path, "the registry cannot be read");
	*used = found > *used ? found : *used;
	return SKEX_OK;
}

static enum skex_error mark_used(struct skex_pad_source *source, const char *name, uint64_t *used,
	struct skex_reason *reason)
{
	uint64_t found = 0;
	enum skex_error error = source_mark_read(source->real, name, &found);

	if (error == SKEX_OK)
		*used = found > *used ? found : *used;
	if (error == SKEX_OK || error == SKEX_E_UNKNOWN)
		return SKEX_OK;
	if (error == SKEX_E_REFUSED)
		return fail_mark(reason, error, source->path, "is that of another file");
	if (error == SKEX_E_IO)
		return fail_source(reason, error, source->path,
			"how much of it is used cannot be read from the mark beside it");
	return fail_mark(reason, error, source->path, "is damaged");
}

static enum skex_error put_used(struct skex_pad_source *source, struct skex_registry *registry,
	const char *name, uint64_t used, struct skex_reason *reason)
{
	uint8_t value[8];
	struct skex_writer writer;
	enum skex_error error = source_mark_write(source->real, name, used);

	if (error != SKEX_OK && !source->unmarked)
		return fail_mark(reason, error, source->path, strerror(errno));
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u64(&writer, used);
	error = skex_registry_set(registry, name, skex_view(value, sizeof(value)));
	if (error != SKEX_OK)
		return fail_source(reason, error, source->path, "the registry cannot be written");
	return SKEX_OK;
}

/* Takes the next bytes of a regular file for good. */
static enum skex_error claim_locked(struct skex_pad_source *source,
	const struct skex_crypto *crypto, struct skex_registry *registry, uint64_t size,
	uint64_t bytes, struct skex_reason *reason)
{
	char name[SOURCE_NAME_BYTES];
	uint64_t used = SKEX_PAD_SOURCE_SERIAL_BYTES;
	enum skex_error error;

	if (size < SKEX_PAD_SOURCE_SERIAL_BYTES)
		return fail_source(reason, SKEX_E_EXHAUSTED, source->path, "has under 32 bytes");
	error = claim_name(crypto, source->descriptor, name);
	if (error != SKEX_OK)
		return fail_source(reason, error, source->path, skex_error_name(error));
	error = registry_used(source, registry, name, &used, reason);
	if (error == SKEX_OK)
		error = mark_used(source, name, &used, reason);
	if (error != SKEX_OK)
		return error;
	if (used > size || bytes > size - used)
		return skex_reason_set(reason, SKEX_E_EXHAUSTED, "pad_source_exhausted",
			"give a larger or a new file, or smaller pads (--pad)",
			"pad source %s: %" PRIu64 " of its %" PRIu64 " bytes are used, %" PRIu64
			" more are needed",
			source->path, used < size ? used : size, size, bytes);
	error = put_used(source, registry, name, used + bytes, reason);
	if (error != SKEX_OK)
		return error;
	source->at = used;
	source->end = used + bytes;
	return SKEX_OK;
}

/* Of two daemons one claims at a time; the lock is on the source, which nobody replaces. */
static enum skex_error claim(struct skex_pad_source *source, const struct skex_crypto *crypto,
	struct skex_registry *registry, const struct skex_pad_source_order *order, uint64_t size,
	struct skex_reason *reason)
{
	enum skex_error error;

	if (realpath(order->path, source->real) == NULL)
		return fail_source(reason, SKEX_E_IO, source->path, strerror(errno));
	source->unmarked = order->unmarked;
	if (flock(source->descriptor, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return skex_reason_set(reason, SKEX_E_BUSY, "pad_source_busy", "try again",
				"pad source %s: another program takes bytes of it just now",
				source->path);
		if (!source->unmarked)
			return fail_mark(reason, SKEX_E_IO, source->path, strerror(errno));
	}
	error = claim_locked(source, crypto, registry, size, order->bytes, reason);
	(void)flock(source->descriptor, LOCK_UN);
	return error;
}

/* ---- opening and reading -----------------------------------------------------------------------
 */

static enum skex_error look(struct skex_pad_source *source, const char *path, uint64_t *size,
	struct skex_reason *reason)
{
	struct stat status;

	if (fstat(source->descriptor, &status) != 0)
		return fail_source(reason, SKEX_E_IO, path, strerror(errno));
	source->regular = S_ISREG(status.st_mode);
	if (!source->regular && !S_ISCHR(status.st_mode) && !S_ISFIFO(status.st_mode))
		return fail_source(
			reason, SKEX_E_ARGUMENT, path, "is no file, character device or pipe");
	if (S_ISCHR(status.st_mode) && major(status.st_rdev) == MEMORY_DEVICES)
		return skex_reason_set(reason, SKEX_E_REFUSED, "pad_source_kernel",
			"leave --pad-source out: that is what is used then, and its class is "
			"computational",
			"pad source %s: the kernel's generator is not truly random", path);
	*size = (uint64_t)status.st_size;
	set_text(source, source->regular ? "file" : "device", path);
	return SKEX_OK;
}

enum skex_error skex_pad_source_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, struct skex_registry *registry,
	const struct skex_pad_source_order *order, struct skex_pad_source **source,
	struct skex_reason *reason)
{
	const char *path = order->path;
	struct skex_pad_source *made = calloc(1, sizeof(*made));
	uint64_t size = 0;
	enum skex_error error;

	if (made == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	made->platform = platform;
	made->class = path == NULL ? SKEX_CLASS_COMPUTATIONAL : SKEX_CLASS_ITS;
	made->descriptor = -1;
	if (path == NULL) {
		(void)snprintf(made->text, sizeof(made->text), "kernel");
		*source = made;
		return SKEX_OK;
	}
	made->descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (made->descriptor < 0)
		error = fail_source(reason, errno == ENOENT ? SKEX_E_UNKNOWN : SKEX_E_IO, path,
			strerror(errno));
	else
		error = look(made, path, &size, reason);
	if (error == SKEX_OK && made->regular)
		error = claim(made, crypto, registry, order, size, reason);
	if (error != SKEX_OK) {
		skex_pad_source_close(made);
		return error;
	}
	*source = made;
	return SKEX_OK;
}

static enum skex_error read_file(struct skex_pad_source *source, uint8_t *out, size_t size,
	size_t *got, struct skex_reason *reason)
{
	ssize_t count;

	/* What lies behind belongs to whoever claims it next. */
	if (source->regular && size > source->end - source->at)
		size = (size_t)(source->end - source->at);
	if (source->regular)
		count = pread(source->descriptor, out, size, (off_t)source->at);
	else
		count = read(source->descriptor, out, size);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return SKEX_E_EMPTY;
	if (count < 0)
		return fail_source(reason, SKEX_E_IO, source->path, strerror(errno));
	if (count == 0)
		return fail_source(reason, SKEX_E_EXHAUSTED, source->path, "has ended");
	source->at += (uint64_t)count;
	*got = (size_t)count;
	return SKEX_OK;
}

enum skex_error skex_pad_source_read(struct skex_pad_source *source, uint8_t *out, size_t size,
	size_t *got, struct skex_reason *reason)
{
	const struct skex_platform *platform = source->platform;
	enum skex_error error;

	if (source->descriptor >= 0)
		return read_file(source, out, size, got, reason);
	error = platform->random(platform->context, out, size);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "entropy", "see the kernel's log",
			"the kernel gives no randomness");
	*got = size;
	return SKEX_OK;
}

enum skex_class skex_pad_source_class(const struct skex_pad_source *source)
{
	return source->class;
}

const char *skex_pad_source_text(const struct skex_pad_source *source)
{
	return source->text;
}

void skex_pad_source_close(struct skex_pad_source *source)
{
	if (source == NULL)
		return;
	if (source->descriptor >= 0)
		close(source->descriptor);
	free(source);
}
