/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_METRICS_H
#define SKEX_API_METRICS_H

#include <stdint.h>

#include "core/base/error.h"
#include "platform/platform.h"

/*
 * The metrics of a daemon for Prometheus: GET /metrics over HTTP/1.1, one request a connection,
 * without authentication, so best on loopback.  Nothing in it is secret.
 */
struct skex_metrics;

/* text gives the page on the heap, to be freed here; NULL when there is no memory. */
SKEX_MUST_USE enum skex_error skex_metrics_new(const struct skex_platform *platform,
	const char *host, uint16_t port, char *(*text)(void *owner), void *owner,
	struct skex_metrics **metrics);
/* NULL is fine. */
void skex_metrics_free(struct skex_metrics *metrics);

#endif
