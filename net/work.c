/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "net/internal.h"

/* Work in other threads, one piece of a kind at a time: the first of its list is under way.  Of the
 * kind for others all are, as far as there are threads. */
struct skex_work {
	struct net_link link;
	uv_work_t request;
	struct skex_loop *loop;
	struct net_list *list;
	bool in_turn;
	void (*run)(void *owner);
	void (*done)(void *owner);
	void *owner;
	pthread_mutex_t lock; /* of the two below */
	pthread_cond_t ended;
	bool running;
	bool dropped; /* its owner may be gone */
};

static void begin(struct skex_work *work);

static void on_run(uv_work_t *request)
{
	struct skex_work *work = request->data;

	(void)pthread_mutex_lock(&work->lock);
	work->running = !work->dropped;
	(void)pthread_mutex_unlock(&work->lock);
	if (!work->running)
		return;
	work->run(work->owner);
	(void)pthread_mutex_lock(&work->lock);
	work->running = false;
	(void)pthread_cond_signal(&work->ended);
	(void)pthread_mutex_unlock(&work->lock);
}

static void on_done(uv_work_t *request, int status)
{
	struct skex_work *work = request->data;
	struct net_link *next;

	(void)status;
	net_list_remove(&work->link);
	next = net_list_first(work->list);
	if (work->in_turn && next != NULL)
		begin(NET_OWNER(next, struct skex_work, link));
	if (!work->dropped)
		work->done(work->owner);
	(void)pthread_cond_destroy(&work->ended);
	(void)pthread_mutex_destroy(&work->lock);
	free(work);
}

static void begin(struct skex_work *work)
{
	work->request.data = work;
	/* It fails for want of a function only. */
	(void)uv_queue_work(&work->loop->uv, &work->request, on_run, on_done);
}

enum skex_error net_work(void *context, enum skex_work_for what, void (*run)(void *owner),
	void (*done)(void *owner), void *owner, struct skex_work **out)
{
	struct skex_loop *loop = context;
	struct net_list *list = &loop->works[what];
	const bool idle = net_list_empty(list);
	struct skex_work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return SKEX_E_MEMORY;
	work->loop = loop;
	work->list = list;
	work->in_turn = what != SKEX_WORK_FOR_OTHERS;
	work->run = run;
	work->done = done;
	work->owner = owner;
	(void)pthread_mutex_init(&work->lock, NULL);
	(void)pthread_cond_init(&work->ended, NULL);
	net_list_add(list, &work->link);
	if (idle || !work->in_turn)
		begin(work);
	*out = work;
	return SKEX_OK;
}

void net_work_drop(struct skex_work *work)
{
	if (work == NULL)
		return;
	(void)pthread_mutex_lock(&work->lock);
	work->dropped = true;
	while (work->running)
		(void)pthread_cond_wait(&work->ended, &work->lock);
	(void)pthread_mutex_unlock(&work->lock);
}
