/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_NETLINK_H
#define SKEX_DELIVER_MACSEC_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests to the kernel and their answers (netlink(7)); each call waits for what is there at once.
 */

#define MACSEC_SILENT 1 /* no errno, which is negative here */

struct macsec_request {
	struct nlmsghdr head;
	uint8_t rest[256]; /* the header of its protocol and attributes */
};

/* A socket of this protocol, or given when that is one; -1 when there is none. */
int macsec_netlink_open(int given, int protocol);
void macsec_netlink_close(int given, int fd);

/* fixed: the header of the protocol.  Attributes always have room. */
void macsec_request_begin(struct macsec_request *request, uint16_t type, uint16_t flags,
	const void *fixed, size_t size);
struct rtattr *macsec_request_put(
	struct macsec_request *request, uint16_t type, const void *value, size_t size);
/* Of one that was put without a value: what follows it is in it. */
void macsec_request_end(const struct macsec_request *request, struct rtattr *nest);

/* What is left of a list of attributes. */
struct macsec_list {
	char *at;
	size_t left; /* bytes */
};

/* Those in an attribute; NULL: there are none. */
struct macsec_list macsec_in(struct rtattr *nest);
/* The next one, which is there with all its bytes; NULL: there is none. */
struct rtattr *macsec_take(struct macsec_list *list);

/* NULL: it is not there.  nest NULL: nor is anything in it. */
struct rtattr *macsec_find(void *data, size_t size, uint16_t type);
struct rtattr *macsec_find_in(struct rtattr *nest, uint16_t type);
/* The number of exactly that size that an attribute has; false: it has none. */
bool macsec_number(struct rtattr *attribute, void *number, size_t size);

typedef void (*macsec_answer_fn)(void *owner, struct nlmsghdr *head);
/* Asks, and reads all of the answer: 0, its errno, or MACSEC_SILENT.  -EINTR: of a list that
 * changed while it was made, so that some of it may be missing. */
int macsec_talk(int fd, const struct macsec_request *request, macsec_answer_fn answer, void *owner);

/* The number of an interface; 0: there is none of this name. */
int32_t macsec_interface(int route, const char *name);

#endif
