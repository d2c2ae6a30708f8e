/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_QKD014_QKD014_H
#define SKEX_DELIVER_QKD014_QKD014_H

#include "config/config.h"

/*
 * The process that speaks to KMEs of other houses, by ETSI GS QKD 014 (docs/integration/qkd014.md):
 * skexd starts it beside itself and is its only user, over the local API on this descriptor (see
 * "The process of KMEs" in docs/api.md).  What comes from the network is parsed here, and not where
 * keys and pads are.  It ends when the descriptor does; gives the exit code.
 */
int skex_qkd014_main(int api_descriptor, const struct skex_agent_config *config);

#endif
