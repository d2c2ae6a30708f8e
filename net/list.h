/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_NET_LIST_H
#define SKEX_NET_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Doubly linked rings through the members of other structs.  A link on no list is all zero. */
struct net_link {
	struct net_link *next;
	struct net_link *prev;
};

struct net_list {
	struct net_link head;
};

#define NET_OWNER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void net_list_init(struct net_list *list)
{
	list->head.next = &list->head;
	list->head.prev = &list->head;
}

static inline bool net_link_linked(const struct net_link *link)
{
	return link->next != NULL;
}

/* Appends; nothing happens when it is on a list already. */
static inline void net_list_add(struct net_list *list, struct net_link *link)
{
	if (net_link_linked(link))
		return;
	link->next = &list->head;
	link->prev = list->head.prev;
	list->head.prev->next = link;
	list->head.prev = link;
}

/* Nothing happens when it is on no list. */
static inline void net_list_remove(struct net_link *link)
{
	if (!net_link_linked(link))
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->next = NULL;
	link->prev = NULL;
}

/* The first link, or NULL. */
static inline struct net_link *net_list_first(struct net_list *list)
{
	return list->head.next == &list->head ? NULL : list->head.next;
}

static inline bool net_list_empty(const struct net_list *list)
{
	return list->head.next == &list->head;
}

/* Takes the first link off; NULL when there is none. */
static inline struct net_link *net_list_pop(struct net_list *list)
{
	struct net_link *link = list->head.next;

	if (link == &list->head)
		return NULL;
	list->head.next = link->next;
	link->next->prev = &list->head;
	link->next = NULL;
	link->prev = NULL;
	return link;
}

/* Moves all that is on from to the empty list to. */
static inline void net_list_take(struct net_list *to, struct net_list *from)
{
	net_list_init(to);
	if (net_list_empty(from))
		return;
	to->head = from->head;
	to->head.next->prev = &to->head;
	to->head.prev->next = &to->head;
	net_list_init(from);
}

#endif
