/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_METRICS_H
#define SKEX_API_METRICS_H

#include <stdint.h>

#include "core/base/error.h"
#include "platform/platform.h"

/*
 * The metrics of a daemon for Prometheus: GET /metrics over HTTP/1.1, one request a connection,
 * without authentication, so best on loopback.  Nothing in it is secret.
 *
 * Whoever can connect is a stranger: a request is answered once, request and answer have
 * SKEX_METRICS_MS together, and of more connections than there are places the oldest is ended.
 */
struct skex_metrics;

#define SKEX_METRICS_MS 10000u

/* text gives the page on the heap, to be freed here; NULL when there is no memory. */
SKEX_MUST_USE enum skex_error skex_metrics_new(const struct skex_platform *platform,
	const char *host, uint16_t port, char *(*text)(void *owner), void *owner,
	struct skex_metrics **metrics);
/* Ends those whose time is over: once per turn of the loop; gives when to call again at the latest.
 * NULL is fine. */
uint64_t skex_metrics_turn(struct skex_metrics *metrics, uint64_t now_ms);
/* NULL is fine. */
void skex_metrics_free(struct skex_metrics *metrics);

#endif
