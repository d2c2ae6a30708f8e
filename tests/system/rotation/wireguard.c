/* SPDX-License-Identifier: Apache-2.0 */

/* SOCKET PEER: of an interface, and the public key of the other end in hexadecimal. */
#include <string.h>

#include "deliver/wireguard/uapi.h"
#include "deliver/wireguard/wireguard.h"
#include "tests/system/rotation/ends.h"

static struct skex_wireguard_config configs[2];
static uint8_t peers[2][SKEX_WIREGUARD_KEY_BYTES];

static void *open_end(const struct skex_platform *platform, unsigned end, char **arguments)
{
	struct skex_wireguard *wireguard;

	configs[end] = (struct skex_wireguard_config){
		.socket = arguments[0],
		.peer = peers[end],
		.description = end == 0 ? "leader" : "follower",
	};
	if (!skex_wireguard_hex_read(arguments[1], strlen(arguments[1]), peers[end]) ||
		skex_wireguard_new(platform, &configs[end], &wireguard) != SKEX_OK)
		return NULL;
	return wireguard;
}

static void close_end(void *consumer)
{
	skex_wireguard_free(consumer);
}

const struct ends_kind ends_wireguard = {
	.name = "wireguard",
	.arguments = 2,
	.consumer = &skex_wireguard_consumer,
	.open = open_end,
	.close = close_end,
};
