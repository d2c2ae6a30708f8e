/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_SOURCE_H
#define SKEX_ENROL_SOURCE_H

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
 * bytes are its serial number, by whose digest the hub remembers, durably and before it uses them,
 * up to where the bytes were used.  A copy of the file is recognised; the same file at two hubs is
 * not, and must not be.
 */
#define SKEX_PAD_SOURCE_SERIAL_BYTES 32u

struct skex_pad_source;

/*
 * path NULL: the platform's generator.  bytes is how much will be read in all; of a regular file
 * they are claimed here.  SKEX_E_EXHAUSTED when the file has not that many left; SKEX_E_REFUSED for
 * the kernel's generators, which are what no path gives.
 */
SKEX_MUST_USE enum skex_error skex_pad_source_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, struct skex_registry *registry, const char *path,
	uint64_t bytes, struct skex_pad_source **source, struct skex_reason *reason);
/* 1..size bytes, *got of them; SKEX_E_EMPTY when a device has none just now. */
SKEX_MUST_USE enum skex_error skex_pad_source_read(struct skex_pad_source *source, uint8_t *out,
	size_t size, size_t *got, struct skex_reason *reason);
enum skex_class skex_pad_source_class(const struct skex_pad_source *source);
/* For the kit: "kernel", "file NAME" or "device NAME", cut to SKEX_KIT_SOURCE_MAX characters. */
const char *skex_pad_source_text(const struct skex_pad_source *source);
void skex_pad_source_close(struct skex_pad_source *source); /* NULL is fine */

#endif
