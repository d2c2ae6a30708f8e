/* SPDX-License-Identifier: Apache-2.0 */

/* SOCKET SOCKET FOLDER NAMESPACE BOND INTERFACE INTERFACE: of the two wpa_supplicants, and of the
 * bond in that network namespace. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deliver/macsec/macsec.h"
#include "tests/system/rotation/ends.h"

static struct skex_macsec_config configs[2];

/* Sockets stay in the namespace in which they were made. */
static int netlink_in(const char *path, int protocol)
{
	const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const int there = open(path, O_RDONLY | O_CLOEXEC);
	int fd = -1;

	if (home >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
		if (setns(home, CLONE_NEWNET) != 0)
			_exit(5);
	}
	(void)close(home);
	(void)close(there);
	return fd;
}

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
			.route = netlink_in(arguments[3], NETLINK_ROUTE),
			.generic = netlink_in(arguments[3], NETLINK_GENERIC),
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
