/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_BINDINGS_H
#define SKEX_DELIVER_BINDINGS_BINDINGS_H

#include "config/config.h"

/*
 * The process that runs the bindings of an agent: it gives consumers one key after the other, in
 * step with the other ends (deliver/rotation).  It holds no pads; keys and what the ends tell each
 * other come over the local API, on this descriptor, a connected stream socket, which it owns.
 *
 * Runs until the agent ends the connection, or SIGTERM.  Gives the exit status: 0, or the class of
 * the error.
 */
int skex_bindings_main(int api_descriptor, const struct skex_agent_config *config);

/* Whether the adapters take what is configured; why says what one does not. */
bool skex_bindings_check(const struct skex_agent_config *config, char why[SKEX_CONFIG_MESSAGE_MAX]);

#endif
