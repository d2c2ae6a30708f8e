/* SPDX-License-Identifier: Apache-2.0 */

/* INTERFACE PEER-SCI NAMESPACE: a MACsec interface in a network namespace, and the SCI of the other
 * end as `ip macsec show` says it. */
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "deliver/macsec/static.h"
#include "tests/system/rotation/ends.h"
#include "tests/system/rotation/namespace.h"

static struct skex_macsec_static_config configs[2];

static void *open_end(const struct skex_platform *platform, unsigned end, char **arguments)
{
	struct skex_macsec_static_config *config = &configs[end];
	const unsigned long long sci = strtoull(arguments[1], NULL, 16);
	struct skex_macsec_static *link;

	if (config->interface == NULL) {
		*config = (struct skex_macsec_static_config){
			.interface = arguments[0],
			.leads = end == 0,
			.route = ends_socket_in(arguments[2], AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
			.generic =
				ends_socket_in(arguments[2], AF_NETLINK, SOCK_RAW, NETLINK_GENERIC),
			.packet = ends_socket_in(arguments[2], AF_PACKET, SOCK_DGRAM, 0),
			.description = end == 0 ? "leader" : "follower",
		};
		for (unsigned i = 0; i < MACSEC_SCI_BYTES; i++)
			config->peer_sci[i] = (uint8_t)(sci >> (56 - 8 * i));
	}
	if (config->route < 0 || config->generic < 0 || config->packet < 0 ||
		skex_macsec_static_new(platform, config, &link) != SKEX_OK)
		return NULL;
	return link;
}

static void close_end(void *consumer)
{
	skex_macsec_static_free(consumer);
}

const struct ends_kind ends_macsec_static = {
	.name = "macsec-static",
	.arguments = 3,
	.consumer = &skex_macsec_static_consumer,
	.open = open_end,
	.close = close_end,
};

const struct ends_kind ends_macsec_static_128 = {
	.name = "macsec-static-128",
	.arguments = 3,
	.consumer = &skex_macsec_static_128_consumer,
	.open = open_end,
	.close = close_end,
};
