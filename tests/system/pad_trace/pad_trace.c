/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/cursor.h"
#include "core/dske/initiator.h"
#include "core/wire/share_message.h"
#include "link/trace.h"

/*
 * Linked into a daemon in place of link/trace.c: appends a record to the file that $SKEX_PAD_TRACE
 * names, before each transmission.  pad_trace.py reads them:
 *
 *   u64 leg | u64 pad | u8 direction | u8 type | u32 generation | u64 offset | u64 size |
 *   32 SHA-256 of header and body
 *
 * One write at the end of a file is never mixed with another's, and outlives the process.
 */
#define RECORD_BYTES 70u

static int trace = -1;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "pad trace: %s, errno %d\n", what, errno);
	abort();
}

/* Before the daemon confines itself to its own files. */
__attribute__((constructor)) static void open_trace(void)
{
	const char *path = getenv("SKEX_PAD_TRACE"); /* rule 6: a path, no secret */

	if (path == NULL)
		return;
	trace = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (trace < 0)
		fail("the file cannot be opened");
}

void skex_trace_send(const struct skex_leg *leg, struct skex_view header, struct skex_view body)
{
	const struct skex_view parts[2] = {header, body};
	const struct skex_crypto *crypto = leg->link->crypto;
	uint64_t size = SKEX_ONETIME_KEY_BYTES;
	uint8_t record[RECORD_BYTES];
	uint8_t digest[SKEX_HASH_BYTES];
	struct skex_share_message share;
	struct skex_prefix prefix;
	struct skex_writer writer;

	if (trace < 0)
		fail("SKEX_PAD_TRACE is not set");
	if (skex_prefix_decode(&prefix, header) != SKEX_OK)
		fail("a message without a prefix");
	if (prefix.type == SKEX_MESSAGE_SHARE) {
		if (skex_share_message_decode(&share, prefix.direction, prefix.fields, body.size) !=
			SKEX_OK)
			fail("a share that is none");
		size += (uint64_t)share.blocks * skex_vector_size(&share.common);
	}
	if (crypto->sha256(crypto->context, parts, 2, digest) != SKEX_OK)
		fail("no digest");
	skex_writer_init(&writer, record, sizeof(record));
	skex_write_u64(&writer, leg->record.leg);
	skex_write_u64(&writer, leg->tx_scope.pad);
	skex_write_u8(&writer, prefix.direction);
	skex_write_u8(&writer, prefix.type);
	skex_write_u32(&writer, prefix.generation);
	skex_write_u64(&writer, prefix.offset);
	skex_write_u64(&writer, skex_pad_align(size));
	skex_write_bytes(&writer, digest, sizeof(digest));
	if (write(trace, record, sizeof(record)) != (ssize_t)sizeof(record))
		fail("the record cannot be written");
}
