/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_NET_INTERNAL_H
#define SKEX_NET_INTERNAL_H

#include <netinet/in.h>
#include <sys/un.h>
#include <uv.h>

#include "net/linger.h"
#include "net/list.h"
#include "net/loop.h"

/* What libuv may read at once, into one buffer that all streams of a loop share. */
#define NET_RECEIVE_BYTES (256u * 1024u)
/* Bytes collected for a stream before they are written; what is less waits for the end of the turn.
 */
#define NET_COLLECT_BYTES (64u * 1024u)
/* How long one address of a name may take to answer before the next one is tried. */
#define NET_CONNECT_MS    5000u
/* A connection whose other end answers nothing for this long is dead. */
#define NET_SILENCE_S     60u

union net_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

struct skex_loop {
	uv_loop_t uv;
	uv_prepare_t prepare; /* runs the turn, before libuv waits */
	uv_timer_t timer;     /* at zero, when the turn wants to be called again at once */
	int alarm_fd;         /* ends the wait when it wants to be called again later */
	uv_poll_t alarm;
	uint64_t alarm_ms; /* when that is set to go off; UINT64_MAX: it is not */
	uv_async_t async;  /* ends the wait for a wake from another thread */
	uv_signal_t terminate;
	uv_signal_t interrupt;
	uv_signal_t hangup;
	uv_signal_t child;
	uv_thread_t thread;

	struct skex_platform platform;
	struct skex_files files;
	struct skex_net net;
	struct skex_jobs jobs;

	uint64_t (*turn)(void *owner, uint64_t now_ms);
	void (*stopping)(void *owner);
	void (*reload)(void *owner);
	void *owner;
	bool stopping_called;
	bool again;          /* another turn is wanted at once */
	bool children_ended; /* some may have, and are to be looked for */
	bool freeing;        /* owners are gone: no more callbacks */
	struct net_linger linger;

	struct net_list streams;    /* all that are not yet freed */
	struct net_list listeners;  /* all that are not closed */
	struct net_list dirty;      /* streams with bytes that were collected and not yet tried */
	struct net_list failed;     /* streams whose closed is still to be called */
	struct net_list connecting; /* streams by connect_deadline_ms, earliest first */
	struct net_list children;
	struct net_list sockets;           /* all that are bound */
	struct net_list found;             /* lookups whose done is still to be called */
	struct net_list works[SKEX_WORKS]; /* see work.c */
	struct net_list laters;
	struct net_list programs;
	char *receive_buffer;
	char *datagrams; /* what comes in, of all sockets; NULL until one is bound */
};

/* Bytes on their way out; of a Unix socket, where they can hold keys, in secret memory. */
struct net_buffer {
	char *data;
	size_t size;
	size_t capacity;
};

enum net_state {
	NET_CONNECTING,
	NET_OPEN,
	NET_FAILED, /* closed is to be called, from the next turn of the loop */
	NET_CLOSED, /* nothing is called any more; freed when libuv lets go of the handle */
};

struct net_connect;

struct skex_stream {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	union {
		uv_connect_t connect;
		uv_write_t write;
	} request;
	struct skex_loop *loop;
	const struct skex_stream_events *events;
	void *owner;
	struct net_connect *connect; /* while connecting */
	uint64_t connect_deadline_ms;

	struct net_link all;
	struct net_link dirty;
	struct net_link failed;
	struct net_link connecting;

	struct net_buffer collected; /* not yet given to libuv */
	struct net_buffer flying;    /* lent to libuv until written */
	enum net_state state;
	enum skex_error why;
	bool local;
	bool paused;
	bool broken; /* nothing can be written any more, there may be something to read */
	struct sockaddr_in6 peer; /* or a sockaddr_in; unset for a Unix socket */
};

struct skex_listener {
	uv_poll_t poll;
	uv_timer_t pause; /* after a connection that could not be taken */
	int closing;      /* of these two, those that are not closed yet */
	int descriptor;
	int reserve; /* another one of it, given up to take a connection and close it; -1: none */
	struct skex_loop *loop;
	struct net_link all;
	void (*accepted)(void *owner, struct skex_stream *stream);
	void *owner;
	uint64_t warned_ms;
	char *path; /* of a Unix socket: removed at the end */
};

struct skex_socket {
	union {
		uv_handle_t handle;
		uv_udp_t udp;
	} uv;
	struct skex_loop *loop;
	struct net_link all;
	struct net_list lookups; /* that are under way for it */
	skex_received_fn received;
	void *owner;
	int family; /* AF_INET or AF_INET6: what it can reach */
};

struct net_child {
	struct net_link link;
	pid_t process;
	bool dead;   /* and its number its own still */
	bool buried; /* the number may be another's by now */
	int status;
	void (*ended)(void *owner, int status);
	void *owner;
};

/* The house's error for one of libuv; SKEX_OK for the end of a stream. */
enum skex_error net_error(int error);

/* streams.c: a stream without a handle, NULL when there is no memory. */
struct skex_stream *net_stream_new(struct skex_loop *loop, bool local);
/* Gives it a fresh handle; on failure it has none, and is given back by net_stream_free. */
int net_stream_open(struct skex_stream *stream);
void net_stream_free(struct skex_stream *stream);
/* It is connected: sets its socket options and remembers the address of the other end. */
void net_stream_connected(struct skex_stream *stream);
/* A stream over a connected socket, which is its own from then on; on an error it is not. */
enum skex_error net_stream_adopt(
	struct skex_loop *loop, int descriptor, bool local, struct skex_stream **out);
/* Begins or goes on to read, unless it is paused or has no owner yet. */
void net_stream_read(struct skex_stream *stream);
/* It has ended: closed will be called from the loop. */
void net_stream_fail(struct skex_stream *stream, enum skex_error why);
/* Closes without a callback. */
void net_stream_close(struct skex_stream *stream);
/* Calls closed for all that have failed. */
void net_finish_failed(struct skex_loop *loop);
void net_streams_init(struct skex_net *net);

/* output.c */
enum skex_error net_send(struct skex_stream *stream, const struct skex_view *parts, size_t count);
size_t net_queued(struct skex_stream *stream);
/* Writes what was collected in this turn, and tells who has drained. */
void net_flush_dirty(struct skex_loop *loop);
/* Writes what is possible at once and drops the rest: the stream ends. */
void net_output_try(struct skex_stream *stream);
void net_output_free(struct skex_stream *stream);

/* connect.c */
enum skex_error net_connect(void *context, const char *host, int port,
	const struct skex_stream_events *events, void *owner, struct skex_stream **out);
/* The stream is closed or has failed: lets go of what connecting it needed. */
void net_connect_abandon(struct skex_stream *stream);
/* Gives up addresses that have not answered in time. */
void net_connect_expire(struct skex_loop *loop, uint64_t now_ms);
/* Logs that something with host failed. */
void net_log(struct skex_loop *loop, enum skex_level level, const char *what, const char *host,
	int port, int error);
/* Sets *address when host is a literal IPv4 or IPv6 address, or when path fits one. */
bool net_address_parse(const char *host, int port, union net_address *address);
bool net_address_local(const char *path, union net_address *address);
/* Of an address of IPv4 or IPv6. */
uint16_t net_address_port(const union net_address *address);
void net_address_set_port(union net_address *address, int port);
/* With the port: "192.0.2.1:7500", "[2001:db8::1]:7500"; "unknown" for what is neither. */
void net_address_print(const union net_address *address, char text[64]);

/* listen.c */
enum skex_error net_listen(void *context, const char *host, int port,
	void (*accepted)(void *owner, struct skex_stream *stream), void *owner,
	struct skex_listener **out);
uint16_t net_listener_port(struct skex_listener *listener);
void net_unlisten(struct skex_listener *listener);
/* Takes the connections that wait on Unix sockets now; false when the system gives none of some
 * listener, which rests then. */
bool net_listeners_drain(struct skex_loop *loop);

/* udp.c */
enum skex_error net_bind(void *context, const char *host, int port, skex_received_fn received,
	void *owner, struct skex_socket **out);
uint16_t net_bound_port(struct skex_socket *socket);
void net_unbind(struct skex_socket *socket);
enum skex_error net_send_to(
	struct skex_socket *socket, const struct skex_net_address *address, struct skex_view bytes);
/* from is of IPv4 or IPv6. */
void net_address_set(struct skex_net_address *address, const struct sockaddr *from);
void net_address_text(const struct skex_net_address *address, char text[64]);

/* lookup.c */
enum skex_error net_resolve(struct skex_socket *socket, const char *host, int port,
	skex_resolved_fn done, void *owner, struct skex_lookup **out);
void net_unresolve(struct skex_lookup *lookup);
/* Gives up all lookups of a socket. */
void net_lookups_end(struct skex_socket *socket);
/* Calls done for the literal addresses, which need no looking up. */
void net_finish_lookups(struct skex_loop *loop);

/* files.c */
void net_files_init(struct skex_loop *loop);

/* process.c */
/* Buries the children that have ended, and tells of it, when all connections that they made to us
 * are taken: until then, whoever is asked for one of these finds the child. */
void net_children_ended(struct skex_loop *loop);

struct net_spawn {
	const char *const *argv;        /* argv[0] is a path; ends with NULL */
	const char *const *environment; /* NULL: ours */
	const int *descriptors;         /* to be 3, 4, ... */
	size_t count;
	int output; /* to be standard output and error; -1: ours */
	bool group; /* leads a process group of its own */
	void (*ended)(void *owner, int status);
	void *owner;
};

/* In the child that was forked: becomes the program of spawn.  When it cannot, an errno is written
 * to report, which is closed when it can.  It ends with parent. */
_Noreturn void net_run_child(const struct net_spawn *spawn, int report, pid_t parent);
/* The other end of report: waits until the child has become the program; false when it cannot. */
bool net_wait_exec(int report);

/* For a child that is to be started; NULL when there is no memory.  Given to free while it is not.
 */
struct net_child *net_child_new(
	struct skex_loop *loop, void (*ended)(void *owner, int status), void *owner);
/* From now on the loop has it: until ended returns it is valid. */
void net_child_started(struct skex_loop *loop, struct net_child *child, pid_t process);

/* Starts a child process; standard input is /dev/null.  The child is killed by the kernel when this
 * process dies.  ended is called with its exit status (signals: 128 + number), until when the child
 * is valid, and its process number no other's.  All other descriptors are closed in it.
 * SKEX_E_UNKNOWN when the program cannot be run. The thread that calls this has to live as long as
 * the process: the kernel takes its end for that of the parent. */
enum skex_error net_spawn(
	struct skex_loop *loop, const struct net_spawn *spawn, struct net_child **out);

/* work.c */
enum skex_error net_work(void *context, enum skex_work_for what, void (*run)(void *owner),
	void (*done)(void *owner), void *owner, struct skex_work **out);
void net_work_drop(struct skex_work *work);

/* later.c */
enum skex_error net_later(void *context, uint64_t ms, void (*call)(void *owner), void *owner,
	struct skex_later **out);
void net_later_drop(struct skex_later *later);
void net_laters_end(struct skex_loop *loop);

/* program.c */
enum skex_error net_program_start(void *context, const struct skex_program_call *call,
	skex_program_ended_fn ended, void *owner, struct skex_program **out);
void net_program_stop(struct skex_program *program);
void net_programs_end(struct skex_loop *loop);

#endif
