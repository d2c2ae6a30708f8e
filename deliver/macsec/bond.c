/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/bond.h"

#include <linux/if_link.h>
#include <sys/socket.h>

#include "deliver/macsec/netlink.h"

static void read_active(void *owner, struct nlmsghdr *head)
{
	const size_t fixed = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	char *data = (char *)head + fixed;
	struct rtattr *info;

	if (head->nlmsg_type != RTM_NEWLINK || head->nlmsg_len < fixed)
		return;
	info = macsec_find(data, head->nlmsg_len - fixed, IFLA_LINKINFO);
	(void)macsec_number(
		macsec_find_in(macsec_find_in(info, IFLA_INFO_DATA), IFLA_BOND_ACTIVE_SLAVE), owner,
		sizeof(uint32_t));
}

/* 0: it has none. */
static uint32_t active_of(int fd, int32_t bond)
{
	const struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = bond};
	struct macsec_request request;
	uint32_t active = 0;

	macsec_request_begin(&request, RTM_GETLINK, NLM_F_ACK, &link, sizeof(link));
	return macsec_talk(fd, &request, read_active, &active) == 0 ? active : 0;
}

static enum skex_error change(int fd, int32_t bond, uint32_t active)
{
	const struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = bond};
	struct macsec_request request;
	struct rtattr *info;
	struct rtattr *data;
	int error;

	macsec_request_begin(&request, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
	info = macsec_request_put(&request, IFLA_LINKINFO, NULL, 0);
	(void)macsec_request_put(&request, IFLA_INFO_KIND, "bond", 4);
	data = macsec_request_put(&request, IFLA_INFO_DATA, NULL, 0);
	(void)macsec_request_put(&request, IFLA_BOND_ACTIVE_SLAVE, &active, sizeof(active));
	macsec_request_end(&request, data);
	macsec_request_end(&request, info);
	error = macsec_talk(fd, &request, NULL, NULL);
	if (error == MACSEC_SILENT)
		return SKEX_E_IO;
	return error == 0 && active_of(fd, bond) == active ? SKEX_OK : SKEX_E_REFUSED;
}

enum skex_error macsec_bond_use(int route, const char *bond, const char *interface)
{
	const int fd = macsec_netlink_open(route, NETLINK_ROUTE);
	const int32_t master = fd < 0 ? 0 : macsec_interface(fd, bond);
	const int32_t wanted = fd < 0 ? 0 : macsec_interface(fd, interface);
	enum skex_error error = SKEX_OK;

	if (fd < 0)
		error = SKEX_E_IO;
	else if (master == 0 || wanted == 0)
		error = SKEX_E_UNKNOWN;
	else if (active_of(fd, master) != (uint32_t)wanted)
		error = change(fd, master, (uint32_t)wanted);
	macsec_netlink_close(route, fd);
	return error;
}
