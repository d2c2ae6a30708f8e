/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/posix.h"

#define TEXT_MAX (1u << 20)
#define SEALS    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum skex_error skex_sealed_make(const char *name, struct skex_view bytes, int *descriptor)
{
	const int made = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (made < 0)
		return SKEX_E_MEMORY;
	if (!skex_write_all(made, bytes.data, bytes.size) || fcntl(made, F_ADD_SEALS, SEALS) != 0) {
		(void)close(made);
		return SKEX_E_IO;
	}
	*descriptor = made;
	return SKEX_OK;
}

/* Every process that has the descriptor shares its position. */
static bool read_all(int descriptor, char *text, size_t size)
{
	size_t done = 0;

	while (done < size) {
		const ssize_t got = pread(descriptor, text + done, size - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

enum skex_error skex_sealed_text(int descriptor, char **out)
{
	struct stat is;
	char *text;

	if (fcntl(descriptor, F_GET_SEALS) != SEALS || fstat(descriptor, &is) != 0 ||
		is.st_size < 0 || is.st_size > (off_t)TEXT_MAX)
		return SKEX_E_IO;
	text = calloc(1, (size_t)is.st_size + 1);
	if (text == NULL)
		return SKEX_E_MEMORY;
	if (!read_all(descriptor, text, (size_t)is.st_size)) {
		free(text);
		return SKEX_E_IO;
	}
	*out = text;
	return SKEX_OK;
}
