/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/sweep.h"

#include <linux/genetlink.h>
#include <linux/if_macsec.h>
#include <string.h>

#include "deliver/macsec/netlink.h"

#define FOUND_MAX 16u /* of each kind; what is more is found the next time */
#define ROUNDS    8u

struct found {
	uint16_t family;
	int32_t index; /* of the interface */
	bool there;
	size_t an_count;
	uint8_t an[FOUND_MAX]; /* of transmit SAs */
	size_t sci_count;
	uint64_t sci[FOUND_MAX]; /* of receive SCs */
};

static struct rtattr *attributes(struct nlmsghdr *head, size_t *size)
{
	const size_t fixed = NLMSG_LENGTH(GENL_HDRLEN);

	*size = head->nlmsg_len < fixed ? 0 : head->nlmsg_len - fixed;
	return (struct rtattr *)(void *)((char *)head + fixed);
}

static void read_family(void *owner, struct nlmsghdr *head)
{
	size_t size;
	struct rtattr *data = attributes(head, &size);
	struct found *found = owner;

	(void)macsec_number(macsec_find(data, size, CTRL_ATTR_FAMILY_ID), &found->family,
		sizeof(found->family));
}

/* Each attribute of a list is one of its elements. */
static void read_list(struct found *found, struct rtattr *list, bool sends)
{
	struct rtattr *element;
	size_t left;

	if (list == NULL)
		return;
	left = RTA_PAYLOAD(list);
	for (element = RTA_DATA(list); RTA_OK(element, left); element = RTA_NEXT(element, left)) {
		if (sends && found->an_count < FOUND_MAX &&
			macsec_number(macsec_find_in(element, MACSEC_SA_ATTR_AN),
				&found->an[found->an_count], sizeof(found->an[0])))
			found->an_count++;
		if (!sends && found->sci_count < FOUND_MAX &&
			macsec_number(macsec_find_in(element, MACSEC_RXSC_ATTR_SCI),
				&found->sci[found->sci_count], sizeof(found->sci[0])))
			found->sci_count++;
	}
}

static void read_interface(void *owner, struct nlmsghdr *head)
{
	size_t size;
	struct rtattr *data = attributes(head, &size);
	struct found *found = owner;
	int32_t index = 0;

	if (!macsec_number(macsec_find(data, size, MACSEC_ATTR_IFINDEX), &index, sizeof(index)) ||
		index != found->index)
		return;
	found->there = true;
	read_list(found, macsec_find(data, size, MACSEC_ATTR_TXSA_LIST), true);
	read_list(found, macsec_find(data, size, MACSEC_ATTR_RXSC_LIST), false);
}

static void begin(struct macsec_request *request, uint16_t family, uint8_t command, uint8_t version)
{
	const struct genlmsghdr fixed = {.cmd = command, .version = version};

	macsec_request_begin(request, family, NLM_F_ACK, &fixed, sizeof(fixed));
}

/* Something of the interface that an attribute describes, of which one number says which. */
static int change(int fd, const struct found *found, uint8_t command, uint16_t nest, uint16_t which,
	const void *number, size_t size)
{
	const uint8_t off = 0;
	struct macsec_request request;
	struct rtattr *config;

	begin(&request, found->family, command, MACSEC_GENL_VERSION);
	(void)macsec_request_put(
		&request, MACSEC_ATTR_IFINDEX, &found->index, sizeof(found->index));
	config = macsec_request_put(&request, (uint16_t)(nest | NLA_F_NESTED), NULL, 0);
	(void)macsec_request_put(&request, which, number, size);
	if (command == MACSEC_CMD_UPD_TXSA)
		(void)macsec_request_put(&request, MACSEC_SA_ATTR_ACTIVE, &off, sizeof(off));
	macsec_request_end(&request, config);
	return macsec_talk(fd, &request, NULL, NULL);
}

static bool remove_found(int fd, const struct found *found)
{
	int error = 0;
	size_t i;

	for (i = 0; error == 0 && i < found->sci_count; i++)
		error = change(fd, found, MACSEC_CMD_DEL_RXSC, MACSEC_ATTR_RXSC_CONFIG,
			MACSEC_RXSC_ATTR_SCI, &found->sci[i], sizeof(found->sci[i]));
	for (i = 0; error == 0 && i < found->an_count; i++) {
		/* One that is at work cannot be removed. */
		error = change(fd, found, MACSEC_CMD_UPD_TXSA, MACSEC_ATTR_SA_CONFIG,
			MACSEC_SA_ATTR_AN, &found->an[i], sizeof(found->an[i]));
		if (error == 0)
			error = change(fd, found, MACSEC_CMD_DEL_TXSA, MACSEC_ATTR_SA_CONFIG,
				MACSEC_SA_ATTR_AN, &found->an[i], sizeof(found->an[i]));
	}
	return error == 0;
}

static enum skex_error sweep(int fd, struct found *found)
{
	static const char name[] = MACSEC_GENL_NAME;
	struct macsec_request request;
	unsigned i;

	begin(&request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	(void)macsec_request_put(&request, CTRL_ATTR_FAMILY_NAME, name, sizeof(name));
	if (macsec_talk(fd, &request, read_family, found) != 0 || found->family == 0)
		return SKEX_E_UNKNOWN;
	for (i = 0; i < ROUNDS; i++) {
		found->there = false;
		found->an_count = 0;
		found->sci_count = 0;
		begin(&request, found->family, MACSEC_CMD_GET_TXSC, MACSEC_GENL_VERSION);
		request.head.nlmsg_flags |= NLM_F_DUMP;
		if (macsec_talk(fd, &request, read_interface, found) != 0)
			return SKEX_E_IO;
		if (!found->there)
			return SKEX_E_UNKNOWN;
		if (found->an_count + found->sci_count == 0)
			return SKEX_OK;
		if (!remove_found(fd, found))
			return SKEX_E_REFUSED;
	}
	return SKEX_E_REFUSED;
}

enum skex_error macsec_sweep(int route, int generic, const char *interface)
{
	const int links = macsec_netlink_open(route, NETLINK_ROUTE);
	const int fd = macsec_netlink_open(generic, NETLINK_GENERIC);
	struct found found = {.index = links < 0 ? 0 : macsec_interface(links, interface)};
	enum skex_error error = SKEX_E_IO;

	if (links >= 0 && fd >= 0)
		error = found.index == 0 ? SKEX_E_UNKNOWN : sweep(fd, &found);
	macsec_netlink_close(route, links);
	macsec_netlink_close(generic, fd);
	return error;
}
