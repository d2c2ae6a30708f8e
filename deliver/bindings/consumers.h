/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_CONSUMERS_H
#define SKEX_DELIVER_BINDINGS_CONSUMERS_H

#include "config/config.h"
#include "deliver/rotation/consumer.h"
#include "platform/platform.h"

/* The consumer of a binding, made from its configuration: the one place that knows all adapters. */
struct bindings_consumer {
	const struct skex_consumer *consumer;
	void *context; /* of its functions */
	void *config;  /* of the adapter */
	void (*release)(struct bindings_consumer *consumer);
};

#define BINDINGS_WHY_BYTES 256u

/* binding and platform outlive it.  SKEX_E_MEMORY; SKEX_E_CONFIG for what its adapter does not
 * take, and why says that to people. */
SKEX_MUST_USE enum skex_error bindings_consumer_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer,
	char why[BINDINGS_WHY_BYTES]);
/* After the binding that uses it was freed; one that was never made (zero) is fine. */
void bindings_consumer_free(struct bindings_consumer *consumer);

#endif
