/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/internal.h"

/* Work in another thread, one piece at a time: the first of the list is under way. */
struct work {
	struct net_link link;
	uv_work_t request;
	struct skex_loop *loop;
	void (*run)(void *owner);
	void (*done)(void *owner);
	void *owner;
};

static void begin(struct skex_loop *loop);

static void on_run(uv_work_t *request)
{
	struct work *work = request->data;

	work->run(work->owner);
}

static void on_done(uv_work_t *request, int status)
{
	struct work *work = request->data;
	struct skex_loop *loop = work->loop;

	(void)status;
	net_list_remove(&work->link);
	begin(loop);
	work->done(work->owner);
	free(work);
}

static void begin(struct skex_loop *loop)
{
	struct net_link *link = net_list_first(&loop->works);
	struct work *work;

	if (link == NULL)
		return;
	work = NET_OWNER(link, struct work, link);
	work->request.data = work;
	/* It fails for want of a function only. */
	(void)uv_queue_work(&loop->uv, &work->request, on_run, on_done);
}

enum skex_error net_work(
	void *context, void (*run)(void *owner), void (*done)(void *owner), void *owner)
{
	struct skex_loop *loop = context;
	const bool idle = net_list_empty(&loop->works);
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return SKEX_E_MEMORY;
	work->loop = loop;
	work->run = run;
	work->done = done;
	work->owner = owner;
	net_list_add(&loop->works, &work->link);
	if (idle)
		begin(loop);
	return SKEX_OK;
}
