/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/qkd014/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 10000u

void qkd014_kme_clear(struct qkd014_kme *kme)
{
	skex_etsi014_client_free(kme->client);
	kme->client = NULL;
}

static enum skex_error reach(struct qkd014_kme *kme, char *message)
{
	const struct skex_qkd014_config *config = kme->config;
	enum skex_error error;

	if (kme->client != NULL)
		return SKEX_OK;
	error = skex_etsi014_client_new(config->url, config->ca, config->certificate, config->key,
		TIMEOUT_MS, &kme->client);
	if (error != SKEX_OK)
		(void)snprintf(message, SKEX_ETSI014_CLIENT_MESSAGE_MAX,
			"%s: no client can be made (%s)", config->url, skex_error_name(error));
	return error;
}

/* What the KME says of itself has to fit what is configured. */
static enum skex_error check(struct qkd014_kme *kme, char *message)
{
	const struct skex_qkd014_config *config = kme->config;
	struct skex_etsi014_says says;
	enum skex_error error =
		skex_etsi014_client_says(kme->client, config->peers[0].sae_id, &says, message);

	if (error != SKEX_OK)
		return error;
	kme->per_request =
		says.max_per_request < SKEX_ETSI014_BATCH_MAX ? (uint32_t)says.max_per_request : 0;
	if (says.master[0] != '\0' && strcmp(says.master, config->sae_id) != 0)
		(void)snprintf(message, SKEX_ETSI014_CLIENT_MESSAGE_MAX,
			"%s: it knows this certificate as the SAE \"%s\", and sae_id is \"%s\"",
			config->url, says.master, config->sae_id);
	else if ((says.max_bits > 0 && config->key_bits > says.max_bits) ||
		config->key_bits < says.min_bits)
		(void)snprintf(message, SKEX_ETSI014_CLIENT_MESSAGE_MAX,
			"%s: it has keys of %" PRIu64 " to %" PRIu64
			" bits, and key_bits is %" PRIu32,
			config->url, says.min_bits, says.max_bits, config->key_bits);
	else
		return SKEX_OK;
	return SKEX_E_SYNTAX;
}

void qkd014_fetch_run(struct qkd014_fetch *fetch)
{
	struct qkd014_kme *kme = fetch->kme;

	fetch->message[0] = '\0';
	fetch->error = reach(kme, fetch->message);
	if (fetch->error != SKEX_OK)
		return;
	skex_etsi014_client_until(kme->client, fetch->until_ms);
	if (fetch->peer == NULL)
		fetch->error = check(kme, fetch->message);
	else if (fetch->by_id)
		fetch->error = skex_etsi014_batch_dec(kme->client, fetch->peer->sae_id,
			kme->per_request, &fetch->batch, fetch->message);
	else
		fetch->error = skex_etsi014_batch_enc(kme->client, fetch->peer->sae_id,
			kme->per_request, &fetch->batch, fetch->message);
}
