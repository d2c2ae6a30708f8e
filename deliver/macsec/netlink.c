/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/netlink.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- the socket --------------------------------------------------------------------------------
 */

int macsec_netlink_open(int given, int protocol)
{
	const struct timeval wait = {.tv_sec = 1};
	const int fd = given >= 0 ? given : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0) {
		macsec_netlink_close(given, fd);
		return -1;
	}
	return fd;
}

void macsec_netlink_close(int given, int fd)
{
	if (given < 0 && fd >= 0)
		(void)close(fd);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

void macsec_request_begin(struct macsec_request *request, uint16_t type, uint16_t flags,
	const void *fixed, size_t size)
{
	static atomic_uint sequence;

	memset(request, 0, sizeof(*request));
	memcpy(request->rest, fixed, size);
	request->head.nlmsg_len = NLMSG_LENGTH((uint32_t)size);
	request->head.nlmsg_type = type;
	request->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->head.nlmsg_seq = atomic_fetch_add(&sequence, 1) + 1;
}

struct rtattr *macsec_request_put(
	struct macsec_request *request, uint16_t type, const void *value, size_t size)
{
	struct rtattr *attribute =
		(struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size > 0)
		memcpy(RTA_DATA(attribute), value, size);
	request->head.nlmsg_len =
		NLMSG_ALIGN(request->head.nlmsg_len) + (uint32_t)RTA_ALIGN(attribute->rta_len);
	return attribute;
}

void macsec_request_end(const struct macsec_request *request, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)((const char *)request + request->head.nlmsg_len - (char *)nest);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

struct macsec_list macsec_in(struct rtattr *nest)
{
	return nest == NULL ? (struct macsec_list){NULL, 0}
			    : (struct macsec_list){RTA_DATA(nest), RTA_PAYLOAD(nest)};
}

/* The last one may end without the padding of the others. */
static void skip(struct macsec_list *list, size_t size)
{
	const size_t step = size < list->left ? size : list->left;

	list->at += step;
	list->left -= step;
}

struct rtattr *macsec_take(struct macsec_list *list)
{
	struct rtattr *attribute = (struct rtattr *)(void *)list->at;

	if (list->left < sizeof(*attribute) || attribute->rta_len < sizeof(*attribute) ||
		attribute->rta_len > list->left)
		return NULL;
	skip(list, RTA_ALIGN(attribute->rta_len));
	return attribute;
}

static struct rtattr *find(struct macsec_list list, uint16_t type)
{
	struct rtattr *attribute;

	do
		attribute = macsec_take(&list);
	while (attribute != NULL && (attribute->rta_type & NLA_TYPE_MASK) != type);
	return attribute;
}

struct rtattr *macsec_find(void *data, size_t size, uint16_t type)
{
	return find((struct macsec_list){data, size}, type);
}

struct rtattr *macsec_find_in(struct rtattr *nest, uint16_t type)
{
	return find(macsec_in(nest), type);
}

bool macsec_number(struct rtattr *attribute, void *number, size_t size)
{
	if (attribute == NULL || RTA_PAYLOAD(attribute) != size)
		return false;
	memcpy(number, RTA_DATA(attribute), size);
	return true;
}

/* 0 or an errno when this ends the answer; MACSEC_SILENT when more comes. */
static int end_of(struct nlmsghdr *head)
{
	const struct nlmsgerr *error = NLMSG_DATA(head);
	const int *done = NLMSG_DATA(head);

	/* A list can end before it is whole. */
	if (head->nlmsg_type == NLMSG_DONE)
		return head->nlmsg_len >= NLMSG_LENGTH(sizeof(*done)) && *done < 0 ? *done : 0;
	if (head->nlmsg_type != NLMSG_ERROR || head->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
		return MACSEC_SILENT;
	return error->error;
}

static struct nlmsghdr *take_message(struct macsec_list *list)
{
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)list->at;

	if (list->left < sizeof(*head) || head->nlmsg_len < sizeof(*head) ||
		head->nlmsg_len > list->left)
		return NULL;
	skip(list, NLMSG_ALIGN(head->nlmsg_len));
	return head;
}

int macsec_talk(int fd, const struct macsec_request *request, macsec_answer_fn answer, void *owner)
{
	/* Of all that is said of an interface. */
	_Alignas(struct nlmsghdr) char bytes[32768];
	bool torn = false;

	if (send(fd, request, request->head.nlmsg_len, 0) < 0)
		return MACSEC_SILENT;
	for (;;) {
		const ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
		struct macsec_list list = {bytes, got < 0 ? 0 : (size_t)got};
		struct nlmsghdr *head;

		if (got <= 0)
			return MACSEC_SILENT;
		while ((head = take_message(&list)) != NULL) {
			const int error = end_of(head);

			/* Of a request that was given up. */
			if (head->nlmsg_seq != request->head.nlmsg_seq)
				continue;
			torn = torn || (head->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (error != MACSEC_SILENT)
				return error == 0 && torn ? -EINTR : error;
			if (answer != NULL)
				answer(owner, head);
		}
	}
}

static void read_index(void *owner, struct nlmsghdr *head)
{
	const struct ifinfomsg *link = NLMSG_DATA(head);
	int32_t *index = owner;

	if (head->nlmsg_type == RTM_NEWLINK && head->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)))
		*index = link->ifi_index;
}

int32_t macsec_interface(int route, const char *name)
{
	const struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
	struct macsec_request request;
	int32_t index = 0;

	macsec_request_begin(&request, RTM_GETLINK, NLM_F_ACK, &link, sizeof(link));
	(void)macsec_request_put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return macsec_talk(route, &request, read_index, &index) == 0 ? index : 0;
}
