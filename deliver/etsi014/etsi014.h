/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_ETSI014_H
#define SKEX_DELIVER_ETSI014_ETSI014_H

#include "config/config.h"

/*
 * The key delivery server of ETSI GS QKD 014 V1.1.1, as a process of its own that holds no pads: it
 * sees only the keys that pass through it.
 *
 * Serves until SIGTERM or SIGINT, or until the other end of api_descriptor closes, and then returns
 * within a second.  api_descriptor is a connected stream socket to a privileged stream of skexd's
 * local API; the process owns it from here on.  config and agent_name outlive the call.
 *
 * Gives the exit code of the process: 0 after a signal or when the API has closed, otherwise the
 * class of the error, which was logged.
 */
int skex_etsi014_main(
	int api_descriptor, const struct skex_etsi014_config *config, const char *agent_name);

#endif
