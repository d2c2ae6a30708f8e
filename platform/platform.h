/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_PLATFORM_H
#define SKEX_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * The platform table: all that hub and agent get from the world.  net/ fills it with libuv for the
 * daemons; tests/sim fills it with a virtual clock, network, disk and entropy, so that thousands of
 * hubs and agents run in one process from one seed.
 *
 * One thread per table.  A callback is never called from inside the call that asked for it.
 */

/* ---- files ------------------------------------------------------------------------------------
 */

struct skex_file;

enum skex_open_flag {
	SKEX_OPEN_READ = 0,        /* an existing file, for reading */
	SKEX_OPEN_WRITE = 1 << 0,  /* also for writing */
	SKEX_OPEN_CREATE = 1 << 1, /* made (mode 0600) when it is not there */
	SKEX_OPEN_NEW = 1 << 2,    /* with CREATE: fails with SKEX_E_BUSY when it is there */
	SKEX_OPEN_FRESH = 1 << 3,  /* what only memory has of it is forgotten; see below */
};

typedef void (*skex_done_fn)(void *owner, enum skex_error error);

/*
 * A write is on stable storage only after a sync of its file that began after it; a new name, a
 * rename or a removal only after sync_directory.  Until then a power cut may lose it, wholly or in
 * part, in any order.
 *
 * What was written before a sync that failed is still read, and no later sync writes it: Linux
 * calls such pages clean.  Who goes on after one, in this life or the next, opens with
 * SKEX_OPEN_FRESH: what is read then is on the disk, or will be after the next sync.  That reads
 * from the disk.
 */
struct skex_files {
	void *context;
	/* SKEX_E_UNKNOWN when there is no such file; SKEX_E_IO. */
	enum skex_error (*open)(
		void *context, const char *path, unsigned flags, struct skex_file **file);
	/* NULL is fine.  The done of a sync under way is not called any more. */
	void (*close)(struct skex_file *file);
	enum skex_error (*size)(struct skex_file *file, uint64_t *size);
	/* Exactly size bytes; SKEX_E_CORRUPT when the file ends before. */
	enum skex_error (*read)(struct skex_file *file, uint64_t offset, void *out, size_t size);
	/* Exactly these bytes; the file grows when needed.  SKEX_E_IO (and SKEX_E_SPACE when the
	 * disk is full) may have written a part. */
	enum skex_error (*write)(
		struct skex_file *file, uint64_t offset, const void *data, size_t size);
	/* Sets the size; new bytes are zero and have their space on the disk. */
	enum skex_error (*resize)(struct skex_file *file, uint64_t size);
	/* Asks for a sync of all that was written so far; done is called later with its result. */
	enum skex_error (*sync)(struct skex_file *file, skex_done_fn done, void *owner);
	/* Syncs before it returns: for starts and for administration, never on a busy path. */
	enum skex_error (*sync_wait)(struct skex_file *file);
	/* Atomic on the same file system. */
	enum skex_error (*rename)(void *context, const char *from, const char *to);
	enum skex_error (*remove)(void *context, const char *path);
	enum skex_error (*make_directory)(
		void *context, const char *path); /* mode 0700; fine when it is there */
	enum skex_error (*sync_directory)(void *context, const char *path); /* before it returns */
	/* Calls each with every name in the directory, without . and .., in no order. */
	enum skex_error (*list)(void *context, const char *path,
		void (*each)(void *owner, const char *name), void *owner);
	/* Takes an exclusive lock that ends with the process; SKEX_E_BUSY when another holds it. */
	enum skex_error (*lock)(struct skex_file *file);
	/* SKEX_E_REFUSED when users other than the owner and the superuser may read it. */
	enum skex_error (*check_private)(struct skex_file *file);
};

/* ---- network ----------------------------------------------------------------------------------
 */

struct skex_stream;
struct skex_listener;

struct skex_stream_events {
	/* A connection that we asked for is open. */
	void (*opened)(void *owner, struct skex_stream *stream);
	/* Bytes came in; they are valid during the call only.  The stream may be closed in it. */
	void (*received)(void *owner, struct skex_stream *stream, struct skex_view bytes);
	/* All that was sent is with the system: once after one or more sends, never from inside
	 * send. */
	void (*drained)(void *owner, struct skex_stream *stream);
	/* It ended, by the other end or an error (SKEX_OK: in order), or could not be opened.
	 * Nothing is called after this; the stream is gone.  The end of the other's sending is the
	 * end of the stream. */
	void (*closed)(void *owner, struct skex_stream *stream, enum skex_error why);
};

struct skex_socket;
struct skex_lookup;

/* What a datagram may hold: with the headers of IPv6 and UDP it fits 1,500 bytes. */
#define SKEX_DATAGRAM_MAX     1452u
#define SKEX_DATAGRAMS_A_TURN 64u

/*
 * Where a datagram comes from or goes to.  Opaque: made by received and by resolve only, of use
 * with the table that made it, and never stored for another run of the program.  There is one form
 * of each address and unused bytes are zero, so that two are the same when all of their bytes
 * are.  An address says nothing of who is there: only what is authentic does.
 */
struct skex_net_address {
	uint8_t size; /* 0: no address */
	uint8_t bytes[28];
};

/*
 * A datagram came in.  from and bytes (1 to SKEX_DATAGRAM_MAX; others are dropped) are valid during
 * the call only.  The socket may be unbound in it, and nothing is called for it after that.
 */
typedef void (*skex_received_fn)(void *owner, struct skex_socket *socket,
	const struct skex_net_address *from, struct skex_view bytes);
/* A lookup ended and is gone.  address is NULL unless error is SKEX_OK, and valid during the call
 * only. */
typedef void (*skex_resolved_fn)(
	void *owner, enum skex_error error, const struct skex_net_address *address);

struct skex_net {
	void *context;
	/*
	 * Listens on a literal IPv4 or IPv6 address and port (0: any free one, see port), or on a
	 * Unix socket when port is -1 and host is a path (at most 107 bytes; made with mode 0600, a
	 * socket left over by a dead process is replaced).  accepted is called for each connection;
	 * it sets the owner and events of the stream with attach before it returns, or closes it.
	 * SKEX_E_BUSY when the address is in use.
	 */
	enum skex_error (*listen)(void *context, const char *host, int port,
		void (*accepted)(void *owner, struct skex_stream *stream), void *owner,
		struct skex_listener **listener);
	uint16_t (*port)(struct skex_listener *listener);
	void (*unlisten)(struct skex_listener *listener);
	/* Connects to a name or literal address, or to a Unix socket when port is -1 and host is a
	 * path; opened or closed follows.  Names are looked up each time, and each address of a
	 * name is tried in turn. */
	enum skex_error (*connect)(void *context, const char *host, int port,
		const struct skex_stream_events *events, void *owner, struct skex_stream **stream);
	void (*attach)(
		struct skex_stream *stream, const struct skex_stream_events *events, void *owner);
	/* Queues the parts, in order, as one piece; they are copied or written before it returns.
	 * SKEX_E_OFFLINE when the stream is not open. */
	enum skex_error (*send)(
		struct skex_stream *stream, const struct skex_view *parts, size_t count);
	/* Bytes queued and not yet given to the system. */
	size_t (*queued)(struct skex_stream *stream);
	/* Stops and starts the delivery of received bytes: back-pressure. */
	void (*pause)(struct skex_stream *stream, bool paused);
	/* Ends it: what is queued is still sent when that is possible at once.  No callback
	 * follows. */
	void (*close)(struct skex_stream *stream);
	/* The address of the other end as text, for log lines: at most 63 characters and the zero.
	 */
	void (*peer)(struct skex_stream *stream, char text[64]);
	/* Of a Unix socket: user, group and process of the other end; SKEX_E_STATE for others. */
	enum skex_error (*credentials)(
		struct skex_stream *stream, uint32_t *user, uint32_t *group, int32_t *process);

	/*
	 * Datagrams: they may be lost, come twice, late, in another order, and never in part.
	 *
	 * Binds a socket to a literal IPv4 or IPv6 address ("0.0.0.0" for all of IPv4, "::" for all
	 * of IPv6; who wants both binds two sockets, as for listen) and port (0: any free one, see
	 * bound_port).  received is called for each datagram, for one socket at most
	 * SKEX_DATAGRAMS_A_TURN times in one turn, so that a flood delays other work by no more
	 * than that; what the system cannot hold meanwhile is lost.  SKEX_E_BUSY when the address
	 * is in use, SKEX_E_ARGUMENT when it is no literal address, SKEX_E_MEMORY, SKEX_E_IO for
	 * others (an address that is not of this machine, a port that needs a privilege).
	 */
	enum skex_error (*bind)(void *context, const char *host, int port,
		skex_received_fn received, void *owner, struct skex_socket **socket);
	uint16_t (*bound_port)(struct skex_socket *socket);
	/* NULL is fine.  Ends the lookups of the socket too; no callback follows. */
	void (*unbind)(struct skex_socket *socket);
	/*
	 * Sends one datagram, best effort: SKEX_OK says nothing of its arrival, and nothing is
	 * queued here, so who needs an answer sends again by a timer.  SKEX_E_OFFLINE when the
	 * system does not take it now (no route, no room), SKEX_E_ARGUMENT when it is empty or
	 * longer than SKEX_DATAGRAM_MAX, or the address is not of a kind that the socket can reach.
	 */
	enum skex_error (*send_to)(struct skex_socket *socket,
		const struct skex_net_address *address, struct skex_view bytes);
	/*
	 * Looks up a name or literal address, for an address that the socket can reach; done
	 * follows: SKEX_E_OFFLINE when there is none, or none can be had now.  Names change: who
	 * hears nothing from an address looks it up again.  SKEX_E_ARGUMENT for a port that is not
	 * 1 to 65535 or a host that is empty or above 255 bytes, SKEX_E_MEMORY; no done follows
	 * then.
	 */
	enum skex_error (*resolve)(struct skex_socket *socket, const char *host, int port,
		skex_resolved_fn done, void *owner, struct skex_lookup **lookup);
	/* Gives up a lookup whose done was not called yet; NULL is fine.  No callback follows. */
	void (*unresolve)(struct skex_lookup *lookup);
	/* As text with the port, for log lines: "192.0.2.1:7500", "[2001:db8::1]:7500". */
	void (*address_text)(const struct skex_net_address *address, char text[64]);
};

static inline bool skex_net_address_same(
	const struct skex_net_address *a, const struct skex_net_address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- work, time and programs
 * ------------------------------------------------------------------------
 */

/* What a program may be given on its descriptor: a pipe takes so much at once. */
#define SKEX_PROGRAM_INPUT_MAX 4096u
/* What is kept of the first line that it prints, its end included. */
#define SKEX_PROGRAM_LINE_MAX  160u

struct skex_work;
struct skex_later;
struct skex_program;

/* All of it is copied. */
struct skex_program_call {
	const char *const *argv;        /* argv[0] is an absolute path; ends with NULL */
	const char *const *environment; /* all that it gets; ends with NULL */
	struct skex_view input;         /* what it reads from descriptor 3, and then the end */
	uint64_t timeout_ms;            /* then it is killed, and what it started */
};

struct skex_program_end {
	int status;       /* 0..255; 128 + number when a signal ended it */
	bool late;        /* that was ours */
	const char *line; /* the first that it printed, "" if none; printable ASCII only */
};

/* The program ended and is gone; end is valid during the call only. */
typedef void (*skex_program_ended_fn)(void *owner, const struct skex_program_end *end);

/* What a piece of work may wait for: what waits for one does not hold up the other. */
enum skex_work_for {
	SKEX_WORK_FOR_DISK,   /* or for a peer far away: it may hang */
	SKEX_WORK_FOR_KERNEL, /* or for a daemon beside us, with patience */
	SKEX_WORK_FOR_OTHERS, /* each for another one that may hang: no piece waits for one before
			       */
	SKEX_WORKS,
};

struct skex_jobs {
	void *context;
	/*
	 * Runs run(owner) in another thread, one at a time of a kind and in the order asked for
	 * (those for others side by side, as many as there are threads); then done(owner) in this
	 * one, and the work is gone.  Both are called, at the latest when the table ends.
	 * SKEX_E_MEMORY.
	 */
	enum skex_error (*work)(void *context, enum skex_work_for what, void (*run)(void *owner),
		void (*done)(void *owner), void *owner, struct skex_work **work);
	/* Nothing is called any more: waits for a run that has begun.  NULL is fine. */
	void (*drop)(struct skex_work *work);
	/* Calls call(owner) once, after so long; never from inside this.  SKEX_E_MEMORY. */
	enum skex_error (*later)(void *context, uint64_t ms, void (*call)(void *owner), void *owner,
		struct skex_later **later);
	/* Before it was called: it never will be.  NULL is fine. */
	void (*never)(struct skex_later *later);
	/*
	 * Runs a program, in a process group of its own, without a shell: standard input is empty,
	 * standard output and error are read by us.  ended follows.  It dies with this process.
	 * SKEX_E_ARGUMENT when the path is not absolute or the input is too long, SKEX_E_UNKNOWN
	 * when it cannot be run, SKEX_E_MEMORY, SKEX_E_IO.
	 */
	enum skex_error (*start)(void *context, const struct skex_program_call *call,
		skex_program_ended_fn ended, void *owner, struct skex_program **program);
	/* Kills it; ended does not follow.  NULL is fine. */
	void (*stop)(struct skex_program *program);
};

/* ---- the table --------------------------------------------------------------------------------
 */

/* How important a log line is. */
enum skex_level {
	SKEX_LEVEL_ERROR = 3, /* the numbers of syslog (RFC 5424) */
	SKEX_LEVEL_WARNING = 4,
	SKEX_LEVEL_NOTICE = 5,
	SKEX_LEVEL_INFO = 6,
	SKEX_LEVEL_DEBUG = 7,
};

struct skex_platform {
	void *context;
	/* Milliseconds since some start; never goes back. */
	uint64_t (*now_ms)(void *context);
	/* Milliseconds since 1970, 0 when the machine does not know.  May jump. */
	uint64_t (*wall_ms)(void *context);
	/* Fills out with random bytes fit for keys, or gives SKEX_E_ENTROPY. */
	enum skex_error (*random)(void *context, void *out, size_t size);
	/* One line without its end; never holds a secret. */
	void (*log)(void *context, enum skex_level level, const char *line);
	/* Asks that the owner's turn function is run soon, for work that no event announces. */
	void (*wake)(void *context);
	const struct skex_files *files;
	const struct skex_net *net;
	const struct skex_jobs *jobs; /* of daemons that deliver; NULL in others */
};

/* Formats and logs one line through platform->log; longer than 1,023 bytes is cut. */
void skex_log(const struct skex_platform *platform, enum skex_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
