/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_AGENT_METRICS_H
#define SKEX_API_AGENT_METRICS_H

#include "api/agent_ops.h"

/* What Prometheus is told of an agent: hubs and their pad, peers, pools with the age of their last
 * block, bindings with the age of their keys, counters.  On the heap; NULL when there is no memory.
 */
char *skex_agent_metrics(const struct skex_agent_ops *ops);

#endif
