/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/internal.h"

/* Something to be called once, after a while. */
struct skex_later {
	struct net_link link;
	uv_timer_t timer;
	void (*call)(void *owner);
	void *owner;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void net_later_drop(struct skex_later *later)
{
	if (later == NULL)
		return;
	net_list_remove(&later->link);
	uv_close((uv_handle_t *)&later->timer, on_closed);
}

static void on_time(uv_timer_t *timer)
{
	struct skex_later *later = timer->data;

	/* Gone before the call, which may ask for another one. */
	net_later_drop(later);
	later->call(later->owner);
}

enum skex_error net_later(
	void *context, uint64_t ms, void (*call)(void *owner), void *owner, struct skex_later **out)
{
	struct skex_loop *loop = context;
	struct skex_later *later = calloc(1, sizeof(*later));

	if (later == NULL)
		return SKEX_E_MEMORY;
	later->call = call;
	later->owner = owner;
	later->timer.data = later;
	(void)uv_timer_init(&loop->uv, &later->timer);
	uv_update_time(&loop->uv);
	(void)uv_timer_start(&later->timer, on_time, ms, 0);
	net_list_add(&loop->laters, &later->link);
	*out = later;
	return SKEX_OK;
}

void net_laters_end(struct skex_loop *loop)
{
	struct net_link *link;

	while ((link = net_list_first(&loop->laters)) != NULL)
		net_later_drop(NET_OWNER(link, struct skex_later, link));
}
