/* SPDX-License-Identifier: Apache-2.0 */

/* SOCKET SOCKET FOLDER NAMESPACE BOND INTERFACE INTERFACE: of the two wpa_supplicants, and of the
 * bond in that network namespace. */
#include <linux/netlink.h>
#include <sys/socket.h>

#include "deliver/macsec/macsec.h"
#include "tests/system/rotation/ends.h"
#include "tests/system/rotation/namespace.h"

static struct skex_macsec_config configs[2];

static void *open_end(const struct skex_platform *platform, unsigned end, char **arguments)
{
	struct skex_macsec *macsec;

	if (configs[end].sockets[0] == NULL)
		configs[end] = (struct skex_macsec_config){
			.sockets = {arguments[0], arguments[1]},
			.leads = end == 0,
			.folder = arguments[2],
			.bond = arguments[4],
			.interfaces = {arguments[5], arguments[6]},
			.route = ends_socket_in(arguments[3], AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
			.generic =
				ends_socket_in(arguments[3], AF_NETLINK, SOCK_RAW, NETLINK_GENERIC),
			.description = end == 0 ? "leader" : "follower",
		};
	if (configs[end].route < 0 || configs[end].generic < 0 ||
		skex_macsec_new(platform, &configs[end], &macsec) != SKEX_OK)
		return NULL;
	return macsec;
}

static void close_end(void *consumer)
{
	skex_macsec_free(consumer);
}

const struct ends_kind ends_macsec = {
	.name = "macsec",
	.arguments = 7,
	.consumer = &skex_macsec_consumer,
	.open = open_end,
	.close = close_end,
};
