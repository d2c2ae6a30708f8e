/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_CLIENT_BATCH_H
#define SKEX_DELIVER_ETSI014_CLIENT_BATCH_H

#include "deliver/etsi014/client.h"

/*
 * Several keys at a time from a KME, by the client of client.h, checked strictly: as many as were
 * asked for, each of exactly the size asked for, with ids that are UUIDs, each once.
 */
#define SKEX_ETSI014_BATCH_MAX 16u

struct skex_etsi014_batch {
	uint32_t count;     /* 1 .. SKEX_ETSI014_BATCH_MAX; set by the caller */
	uint32_t key_bytes; /* of each, up to SKEX_ETSI014_CLIENT_KEY_MAX; the same */
	uint8_t ids[SKEX_ETSI014_BATCH_MAX][16];
	uint8_t keys[SKEX_ETSI014_BATCH_MAX * SKEX_ETSI014_CLIENT_KEY_MAX]; /* one after the other
									     */
};

/*
 * Fresh keys for this SAE and the slave SAE.  batch is in locked memory, the caller's; what is in
 * it after an error is to be thrown away.  per_request is the most that the KME gives at a time.
 * Errors are those of skex_etsi014_client_enc.
 */
SKEX_MUST_USE enum skex_error skex_etsi014_batch_enc(struct skex_etsi014_client *client,
	const char *slave, uint32_t per_request, struct skex_etsi014_batch *batch,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX]);
/* The keys with these ids, which the master SAE got; in the order of the ids. */
SKEX_MUST_USE enum skex_error skex_etsi014_batch_dec(struct skex_etsi014_client *client,
	const char *master, uint32_t per_request, struct skex_etsi014_batch *batch,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX]);

/* What a KME says of itself towards a slave SAE; 0 and "" for what it does not say. */
struct skex_etsi014_says {
	char master[SKEX_ETSI014_CLIENT_ID_MAX + 1];
	uint64_t max_per_request;
	uint64_t min_bits;
	uint64_t max_bits;
};
SKEX_MUST_USE enum skex_error skex_etsi014_client_says(struct skex_etsi014_client *client,
	const char *slave, struct skex_etsi014_says *says,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX]);

#endif
