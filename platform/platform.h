/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_PLATFORM_H
#define SKEX_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
};

typedef void (*skex_done_fn)(void *owner, enum skex_error error);

/*
 * A write is on stable storage only after a sync of its file that began after it; a new name, a
 * rename or a removal only after sync_directory.  Until then a power cut may lose it, wholly or in
 * part, in any order.
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
};

/* Formats and logs one line through platform->log; longer than 1,023 bytes is cut. */
void skex_log(const struct skex_platform *platform, enum skex_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
