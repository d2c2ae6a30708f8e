/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_SOURCE_H
#define SKEX_ENROL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/wire/common.h"
#include "enrol/reason.h"
#include "platform/platform.h"
#include "store/registry.h"

/*
 * Where the bytes of a pad table come from: the generator of the platform (class computational), or
 * a file or device that the operator declares to be truly random (class its).
 *
 * A regular file is used once from its beginning to its end, over any number of pads: its first 32
 * bytes are its serial number, by whose digest it is remembered, durably and before they are used,
 * up to where the bytes were used.  That stands in the registry and in a file beside the source
 * (source_mark.h), and the larger of both holds: a registry that went back in time does not give
 * bytes again, nor does another daemon that is given the same file.  A copy of the file is
 * recognised where it was used itself; a copy at another daemon, or one of which the serial number
 * was cut off, is not, and must not be used.
 */
#define SKEX_PAD_SOURCE_SERIAL_BYTES 32u

struct skex_pad_source;

struct skex_pad_source_order {
	const char *path; /* NULL: the platform's generator */
	uint64_t bytes;   /* that will be read in all */
	bool unmarked;    /* go on where nothing can be written beside a regular file */
};

/*
 * Of a regular file the bytes are claimed here, and no more than those are read.  SKEX_E_EXHAUSTED
 * when the file has not that many left; SKEX_E_REFUSED for the kernel's generators, which are what
 * no path gives, and for a mark beside the file that is not its own; SKEX_E_BUSY while another
 * daemon claims bytes of it.
 */
SKEX_MUST_USE enum skex_error skex_pad_source_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, struct skex_registry *registry,
	const struct skex_pad_source_order *order, struct skex_pad_source **source,
	struct skex_reason *reason);
/* 1..size bytes, *got of them; SKEX_E_EMPTY when a device has none just now. */
SKEX_MUST_USE enum skex_error skex_pad_source_read(struct skex_pad_source *source, uint8_t *out,
	size_t size, size_t *got, struct skex_reason *reason);
enum skex_class skex_pad_source_class(const struct skex_pad_source *source);
/* For the kit: "kernel", "file NAME" or "device NAME", cut to SKEX_KIT_SOURCE_MAX characters. */
const char *skex_pad_source_text(const struct skex_pad_source *source);
void skex_pad_source_close(struct skex_pad_source *source); /* NULL is fine */

#endif
