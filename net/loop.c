/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "net/internal.h"
#include "platform/memory.h"
#include "platform/posix.h"

enum skex_error net_error(int error)
{
	switch (error) {
	case 0:
	case UV_EOF:
		return SKEX_OK;
	case UV_ENOMEM:
	case UV_EAI_MEMORY:
		return SKEX_E_MEMORY;
	case UV_EADDRINUSE:
		return SKEX_E_BUSY;
	case UV_EINVAL:
	case UV_ENAMETOOLONG:
	case UV_EAFNOSUPPORT:
		return SKEX_E_ARGUMENT;
	case UV_EMFILE:
	case UV_ENFILE:
	case UV_ENOBUFS:
	case UV_EACCES:
	case UV_EPERM:
	case UV_EADDRNOTAVAIL:
		return SKEX_E_IO;
	default:
		return SKEX_E_OFFLINE;
	}
}

void net_log(struct skex_loop *loop, enum skex_level level, const char *what, const char *host,
	int port, int error)
{
	if (port < 0)
		skex_log(&loop->platform, level, "%s %s: %s", what, host, uv_strerror(error));
	else
		skex_log(&loop->platform, level, "%s %s port %d: %s", what, host, port,
			uv_strerror(error));
}

static void wake(void *context)
{
	struct skex_loop *loop = context;
	uv_thread_t self = uv_thread_self();

	if (uv_thread_equal(&self, &loop->thread))
		loop->again = true;
	else
		(void)uv_async_send(&loop->async);
}

/* Only ends the wait: the work is done by the turn. */
static void on_timer(uv_timer_t *timer)
{
	(void)timer;
}

static void on_async(uv_async_t *async)
{
	(void)async;
}

static void on_alarm(uv_poll_t *poll, int status, int events)
{
	struct skex_loop *loop = poll->data;
	uint64_t times;

	(void)status;
	(void)events;
	if (read(loop->alarm_fd, &times, sizeof(times)) == (ssize_t)sizeof(times))
		loop->alarm_ms = UINT64_MAX;
}

/*
 * A wait with a time limit sets a timer of the system and takes it back each time, which a local
 * caller feels: a seventh of a bare echo.  So the limit is a descriptor that is waited for like any
 * other, and set only when it would go off too late; when it goes off too early a turn too many is
 * run.
 */
static void arm(struct skex_loop *loop, uint64_t next_ms)
{
	struct itimerspec when = {0};

	if (loop->again || next_ms <= skex_posix_now_ms(NULL) ||
		net_linger_stays(&loop->linger, uv_hrtime())) {
		/* libuv counts from the time at which it last looked, which may be long ago. */
		uv_update_time(&loop->uv);
		(void)uv_timer_start(&loop->timer, on_timer, 0, 0);
		return;
	}
	if (next_ms >= loop->alarm_ms)
		return;
	when.it_value.tv_sec = (time_t)(next_ms / 1000);
	when.it_value.tv_nsec = (long)(next_ms % 1000) * 1000000;
	if (timerfd_settime(loop->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
		loop->alarm_ms = next_ms;
}

static uint64_t earliest_connect(struct skex_loop *loop)
{
	struct net_link *link = net_list_first(&loop->connecting);

	if (link == NULL)
		return UINT64_MAX;
	return NET_OWNER(link, struct skex_stream, connecting)->connect_deadline_ms;
}

/* libuv calls this after the events of one turn and before it waits for the next. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct skex_loop *loop = prepare->data;
	uint64_t now_ms = skex_posix_now_ms(NULL);
	uint64_t next_ms = UINT64_MAX;
	uint64_t connect_ms;

	loop->again = false;
	net_children_ended(loop);
	net_connect_expire(loop, now_ms);
	net_flush_dirty(loop);
	net_finish_failed(loop);
	net_finish_lookups(loop);
	loop->again = false; /* whatever was asked for until here, this turn does */
	if (loop->turn != NULL)
		next_ms = loop->turn(loop->owner, now_ms);
	net_flush_dirty(loop);
	if (!net_list_empty(&loop->failed) || !net_list_empty(&loop->dirty) ||
		!net_list_empty(&loop->found))
		loop->again = true;
	connect_ms = earliest_connect(loop);
	arm(loop, next_ms < connect_ms ? next_ms : connect_ms);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
	struct skex_loop *loop = handle->data;

	(void)number;
	if (loop->stopping_called || loop->stopping == NULL)
		return;
	loop->stopping_called = true;
	loop->stopping(loop->owner);
}

static void on_reload_signal(uv_signal_t *handle, int number)
{
	struct skex_loop *loop = handle->data;

	(void)number;
	if (loop->reload != NULL)
		loop->reload(loop->owner);
}

static void handles_init(struct skex_loop *loop)
{
	(void)uv_prepare_init(&loop->uv, &loop->prepare);
	(void)uv_timer_init(&loop->uv, &loop->timer);
	(void)uv_poll_init(&loop->uv, &loop->alarm, loop->alarm_fd);
	(void)uv_signal_init(&loop->uv, &loop->terminate);
	(void)uv_signal_init(&loop->uv, &loop->interrupt);
	(void)uv_signal_init(&loop->uv, &loop->hangup);
	(void)uv_signal_init(&loop->uv, &loop->child);
	loop->prepare.data = loop;
	loop->timer.data = loop;
	loop->alarm.data = loop;
	loop->async.data = loop;
	loop->terminate.data = loop;
	loop->interrupt.data = loop;
	loop->hangup.data = loop;
	loop->child.data = loop;
}

static void platform_init(struct skex_loop *loop)
{
	net_files_init(loop);
	loop->net.context = loop;
	loop->net.listen = net_listen;
	loop->net.port = net_listener_port;
	loop->net.unlisten = net_unlisten;
	loop->net.connect = net_connect;
	net_streams_init(&loop->net);
	loop->net.bind = net_bind;
	loop->net.bound_port = net_bound_port;
	loop->net.unbind = net_unbind;
	loop->net.send_to = net_send_to;
	loop->net.resolve = net_resolve;
	loop->net.unresolve = net_unresolve;
	loop->net.address_text = net_address_text;
	loop->jobs.context = loop;
	loop->jobs.work = net_work;
	loop->jobs.drop = net_work_drop;
	loop->jobs.later = net_later;
	loop->jobs.never = net_later_drop;
	loop->jobs.start = net_program_start;
	loop->jobs.stop = net_program_stop;
	loop->platform.context = loop;
	loop->platform.now_ms = skex_posix_now_ms;
	loop->platform.wall_ms = skex_posix_wall_ms;
	loop->platform.random = skex_posix_random;
	loop->platform.log = skex_posix_log;
	loop->platform.wake = wake;
	loop->platform.files = &loop->files;
	loop->platform.net = &loop->net;
	loop->platform.jobs = &loop->jobs;
}

enum skex_error skex_loop_new(struct skex_loop **out)
{
	struct skex_loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return SKEX_E_MEMORY;
	loop->alarm_fd = -1;
	loop->receive_buffer = skex_secret_new(NET_RECEIVE_BYTES);
	if (loop->receive_buffer == NULL)
		goto failed;
	loop->alarm_ms = UINT64_MAX;
	loop->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	/* Newer ones of libuv would, and the calls are on no list of confine_calls.c. */
	(void)setenv("UV_USE_IO_URING", "0", 1);
	if (loop->alarm_fd < 0 || uv_loop_init(&loop->uv) != 0)
		goto failed;
	if (uv_async_init(&loop->uv, &loop->async, on_async) != 0) {
		(void)uv_loop_close(&loop->uv);
		goto failed;
	}
	net_list_init(&loop->streams);
	net_list_init(&loop->listeners);
	net_list_init(&loop->dirty);
	net_list_init(&loop->failed);
	net_list_init(&loop->connecting);
	net_list_init(&loop->children);
	net_list_init(&loop->sockets);
	net_list_init(&loop->found);
	for (int i = 0; i < SKEX_WORKS; i++)
		net_list_init(&loop->works[i]);
	net_list_init(&loop->laters);
	net_list_init(&loop->programs);
	loop->thread = uv_thread_self();
	handles_init(loop);
	platform_init(loop);
	(void)signal(SIGPIPE, SIG_IGN);
	*out = loop;
	return SKEX_OK;

failed:
	if (loop->alarm_fd >= 0)
		(void)close(loop->alarm_fd);
	skex_secret_free(loop->receive_buffer);
	free(loop);
	return SKEX_E_MEMORY;
}

void skex_loop_threads(unsigned count)
{
	char text[16];

	/* The one way that libuv has. */
	(void)snprintf(text, sizeof(text), "%u", count);
	(void)setenv("UV_THREADPOOL_SIZE", text, 1);
}

const struct skex_platform *skex_loop_platform(struct skex_loop *loop)
{
	return &loop->platform;
}

void skex_loop_run(struct skex_loop *loop, uint64_t (*turn)(void *owner, uint64_t now_ms),
	void (*stopping)(void *owner), void (*reload)(void *owner), void *owner)
{
	loop->turn = turn;
	loop->stopping = stopping;
	loop->reload = reload;
	loop->owner = owner;
	loop->thread = uv_thread_self();
	if (stopping != NULL) {
		(void)uv_signal_start(&loop->terminate, on_stop_signal, SIGTERM);
		(void)uv_signal_start(&loop->interrupt, on_stop_signal, SIGINT);
	}
	if (reload != NULL)
		(void)uv_signal_start(&loop->hangup, on_reload_signal, SIGHUP);
	(void)uv_prepare_start(&loop->prepare, on_prepare);
	(void)uv_poll_start(&loop->alarm, UV_READABLE, on_alarm);
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	(void)uv_prepare_stop(&loop->prepare);
	(void)uv_timer_stop(&loop->timer);
	(void)uv_poll_stop(&loop->alarm);
	(void)uv_signal_stop(&loop->terminate);
	(void)uv_signal_stop(&loop->interrupt);
	(void)uv_signal_stop(&loop->hangup);
}

void skex_loop_stop(struct skex_loop *loop)
{
	uv_stop(&loop->uv);
}

static void close_handles(struct skex_loop *loop)
{
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->timer, NULL);
	uv_close((uv_handle_t *)&loop->alarm, NULL);
	uv_close((uv_handle_t *)&loop->async, NULL);
	uv_close((uv_handle_t *)&loop->terminate, NULL);
	uv_close((uv_handle_t *)&loop->interrupt, NULL);
	uv_close((uv_handle_t *)&loop->hangup, NULL);
	uv_close((uv_handle_t *)&loop->child, NULL);
}

void skex_loop_free(struct skex_loop *loop)
{
	struct net_link *link;

	if (loop == NULL)
		return;
	loop->freeing = true;
	net_programs_end(loop);
	net_laters_end(loop);
	for (link = loop->streams.head.next; link != &loop->streams.head; link = link->next)
		net_stream_close(NET_OWNER(link, struct skex_stream, all));
	while ((link = net_list_first(&loop->listeners)) != NULL)
		net_unlisten(NET_OWNER(link, struct skex_listener, all));
	while ((link = net_list_first(&loop->sockets)) != NULL)
		net_unbind(NET_OWNER(link, struct skex_socket, all));
	while ((link = net_list_pop(&loop->children)) != NULL)
		free(NET_OWNER(link, struct net_child, link));
	close_handles(loop);
	/* Also waits for work in other threads, which uses what is to be freed. */
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop->uv);
	(void)close(loop->alarm_fd);
	skex_secret_free(loop->receive_buffer);
	free(loop->datagrams);
	free(loop);
}
