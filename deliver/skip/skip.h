/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_SKIP_SKIP_H
#define SKEX_DELIVER_SKIP_SKIP_H

#include "config/config.h"

/* The key provider server of Cisco SKIP as a process of its own; see skex_https_main of
 * deliver/https/server.h for the descriptor and the exit code.  config outlives the call. */
int skex_skip_main(int api_descriptor, const struct skex_agent_config *config);

#endif
