/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_LISTEN_H
#define SKEX_DELIVER_HTTPS_LISTEN_H

#include <stddef.h>

#include "config/config.h"
#include "core/base/error.h"

/* Room for "[host]:port" and the zero. */
#define SKEX_HTTPS_URL_MAX (SKEX_HOST_MAX + 32u)

/*
 * Opens a listening TCP socket.  *descriptor is the caller's to close; url says where it listens,
 * with the port that was chosen when address->port is 0.  SKEX_E_CONFIG when the host cannot be
 * found, SKEX_E_IO with errno when it cannot be listened on.
 */
SKEX_MUST_USE enum skex_error skex_https_listen(
	const struct skex_address *address, int *descriptor, char url[static SKEX_HTTPS_URL_MAX]);

/*
 * Reads a PEM file of at most 256 KiB into secret memory, zero-terminated; *text is the caller's,
 * with skex_secret_free.  SKEX_E_IO with errno, SKEX_E_QUOTA when it is longer, SKEX_E_MEMORY.
 */
SKEX_MUST_USE enum skex_error skex_https_file_read(const char *path, char **text);

#endif
