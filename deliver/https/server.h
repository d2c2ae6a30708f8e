/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_SERVER_H
#define SKEX_DELIVER_HTTPS_SERVER_H

#include "config/config.h"
#include "deliver/https/service.h"

/* Where a server listens, and how clients are known: by certificates of ca, or, when psk_file is
 * set, by pre-shared keys.  Paths; what is not used is empty. */
struct skex_https_tls {
	const struct skex_address *listen;
	const char *ca;
	const char *certificate;
	const char *key;
	const char *psk_file;
};

/*
 * A key delivery server as a process of its own that holds no pads: it sees only the keys that pass
 * through it.
 *
 * Serves until SIGTERM or SIGINT, or until the other end of api_descriptor closes, and then returns
 * within a second.  api_descriptor is a connected stream socket to a privileged stream of skexd's
 * local API; the process owns it from here on.  tls and service outlive the call.
 *
 * Gives the exit code of the process: 0 after a signal or when the API has closed, otherwise the
 * class of the error, which was logged.
 */
int skex_https_main(int api_descriptor, const struct skex_https_tls *tls,
	const struct skex_https_service *service);

#endif
