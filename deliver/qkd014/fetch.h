/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_QKD014_FETCH_H
#define SKEX_DELIVER_QKD014_FETCH_H

#include "config/config.h"
#include "deliver/etsi014/client_batch.h"

/* One KME and what is asked of it.  Everything here waits for the network: it runs in another
 * thread, one call at a time. */

struct qkd014_kme {
	const struct skex_qkd014_config *config;
	struct skex_etsi014_client *client; /* NULL: not made yet */
	uint32_t per_request;               /* at most; 0: as many as are asked for */
};
void qkd014_kme_clear(struct qkd014_kme *kme);

/* What came of a fetch; in locked memory. */
struct qkd014_fetch {
	struct qkd014_kme *kme;
	const struct skex_qkd014_peer_config *peer; /* NULL: how the KME is, is asked */
	bool by_id;
	uint64_t until_ms; /* by the clock of skex_posix_now_ms: it ends then */
	enum skex_error error;
	char message[SKEX_ETSI014_CLIENT_MESSAGE_MAX];
	struct skex_etsi014_batch batch;
};
void qkd014_fetch_run(struct qkd014_fetch *fetch);

#endif
