/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bindings/consumers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/client/base64.h"
#include "deliver/wireguard/uapi.h"
#include "deliver/wireguard/wireguard.h"

/* ---- WireGuard ---------------------------------------------------------------------------------
 */

struct wireguard {
	struct skex_wireguard_config config;
	uint8_t peer[SKEX_WIREGUARD_KEY_BYTES];
	char description[128];
};

static void wireguard_release(struct bindings_consumer *consumer)
{
	skex_wireguard_free(consumer->context);
}

static enum skex_error wireguard_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer)
{
	struct wireguard *wireguard = calloc(1, sizeof(*wireguard));
	struct skex_wireguard *made;
	enum skex_error error;
	size_t size = 0;

	if (wireguard == NULL)
		return SKEX_E_MEMORY;
	consumer->config = wireguard;
	if (!skex_base64_decode(wireguard->peer, sizeof(wireguard->peer), &size,
		    binding->wireguard.public_key, strlen(binding->wireguard.public_key)) ||
		size != sizeof(wireguard->peer))
		return SKEX_E_CONFIG;
	(void)snprintf(wireguard->description, sizeof(wireguard->description), "%s, peer %.8s...",
		binding->wireguard.interface, binding->wireguard.public_key);
	wireguard->config = (struct skex_wireguard_config){.socket = binding->wireguard.socket,
		.peer = wireguard->peer,
		.description = wireguard->description};
	error = skex_wireguard_new(platform, &wireguard->config, &made);
	if (error != SKEX_OK)
		return error;
	consumer->consumer = &skex_wireguard_consumer;
	consumer->context = made;
	consumer->release = wireguard_release;
	return SKEX_OK;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

enum skex_error bindings_consumer_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer)
{
	struct bindings_consumer made = {0};
	enum skex_error error = SKEX_E_CONFIG;

	if (binding->wireguard.enabled)
		error = wireguard_new(platform, binding, &made);
	if (error != SKEX_OK) {
		bindings_consumer_free(&made);
		return error;
	}
	*consumer = made;
	return SKEX_OK;
}

void bindings_consumer_free(struct bindings_consumer *consumer)
{
	if (consumer->release != NULL)
		consumer->release(consumer);
	free(consumer->config);
	*consumer = (struct bindings_consumer){0};
}
