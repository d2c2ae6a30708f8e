/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_BINDINGS_H
#define SKEX_DELIVER_BINDINGS_BINDINGS_H

#include "config/config.h"
#include "platform/platform.h"

/* It runs so long at least before it ends by itself. */
#define SKEX_BINDINGS_LEAST_MS 5000u

/*
 * The process that runs the bindings of an agent: it gives consumers one key after the other, in
 * step with the other ends (deliver/rotation).  It holds no pads; keys and what the ends tell each
 * other come over the local API, on this descriptor, a connected stream socket, which it owns.
 *
 * Bindings that were added at run time are asked for there, put with those of the configuration,
 * and only then it confines itself to what they all need.  What it may do cannot become more, and
 * is not to stay more: when others are added or removed, and all together need other things, it
 * ends, so that another one can go on with them.
 *
 * Runs until the agent ends the connection, or SIGTERM, or it ends for that.  Gives the exit
 * status: 0, or the class of the error.
 */
int skex_bindings_main(int api_descriptor, struct skex_agent_config *config);

/* Whether the adapters take these; why says what one does not. */
bool skex_bindings_check(const struct skex_platform *platform,
	const struct skex_binding_config *bindings, size_t count,
	char why[SKEX_CONFIG_MESSAGE_MAX]);

#endif
