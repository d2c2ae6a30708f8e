/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_LINK_FRAME_H
#define SKEX_LINK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * Packets on a stream: each preceded by its length as u32.  A packet that lies whole in what was
 * received is handed on without a copy; a split one is put together in a buffer that exists only
 * meanwhile.
 */
struct skex_frames {
	uint8_t prefix[4];
	size_t prefix_size; /* bytes of the length read so far */
	uint8_t *packet;    /* being put together, or NULL */
	size_t size;        /* of the whole packet */
	size_t at;
	size_t most; /* longest packet accepted now */
};

/* most: see skex_frames_limit. */
void skex_frames_init(struct skex_frames *frames, size_t most);
/* Longest packet accepted from now on: small before the other end is known, large after. */
void skex_frames_limit(struct skex_frames *frames, size_t most);
/*
 * Feeds received bytes and calls packet for each whole packet, in order, until packet gives false;
 * then *bytes is the rest, to be fed later, and frames is not looked at any more: the owner may
 * have cleared it.  SKEX_E_SYNTAX for an empty or too long packet; SKEX_E_MEMORY.
 */
SKEX_MUST_USE enum skex_error skex_frames_feed(struct skex_frames *frames, struct skex_view *bytes,
	bool (*packet)(void *owner, struct skex_view packet), void *owner);
void skex_frames_clear(struct skex_frames *frames);

#endif
