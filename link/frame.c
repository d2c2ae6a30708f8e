/* SPDX-License-Identifier: Apache-2.0 */
#include "link/frame.h"

#include <stdlib.h>
#include <string.h>

void skex_frames_init(struct skex_frames *frames, size_t most)
{
	memset(frames, 0, sizeof(*frames));
	frames->most = most;
}

void skex_frames_limit(struct skex_frames *frames, size_t most)
{
	frames->most = most;
}

void skex_frames_clear(struct skex_frames *frames)
{
	free(frames->packet);
	skex_frames_init(frames, frames->most);
}

/* Takes the length; true when it is complete. */
static bool take_length(struct skex_frames *frames, struct skex_view *bytes)
{
	while (frames->prefix_size < sizeof(frames->prefix) && bytes->size > 0) {
		frames->prefix[frames->prefix_size++] = bytes->data[0];
		*bytes = skex_view(bytes->data + 1, bytes->size - 1);
	}
	if (frames->prefix_size < sizeof(frames->prefix))
		return false;
	frames->size = ((size_t)frames->prefix[0] << 24) | ((size_t)frames->prefix[1] << 16) |
		((size_t)frames->prefix[2] << 8) | frames->prefix[3];
	return true;
}

static void next(struct skex_frames *frames)
{
	frames->packet = NULL;
	frames->prefix_size = 0;
	frames->at = 0;
}

enum skex_error skex_frames_feed(struct skex_frames *frames, struct skex_view *bytes,
	bool (*packet)(void *owner, struct skex_view packet), void *owner)
{
	while (bytes->size > 0) {
		size_t piece;

		if (frames->packet == NULL) {
			if (!take_length(frames, bytes))
				break;
			if (frames->size == 0 || frames->size > frames->most)
				return SKEX_E_SYNTAX;
			if (bytes->size >= frames->size) {
				struct skex_view whole = skex_view(bytes->data, frames->size);

				*bytes = skex_view(
					bytes->data + whole.size, bytes->size - whole.size);
				next(frames);
				if (!packet(owner, whole))
					return SKEX_OK;
				continue;
			}
			frames->packet = malloc(frames->size);
			if (frames->packet == NULL)
				return SKEX_E_MEMORY;
		}
		piece = frames->size - frames->at < bytes->size ? frames->size - frames->at
								: bytes->size;
		if (piece > 0)
			memcpy(frames->packet + frames->at, bytes->data, piece);
		frames->at += piece;
		*bytes = skex_view(bytes->data + piece, bytes->size - piece);
		if (frames->at == frames->size) {
			struct skex_view whole = skex_view(frames->packet, frames->size);
			uint8_t *owned = frames->packet;
			bool go_on;

			next(frames);
			go_on = packet(owner, whole);
			free(owned);
			if (!go_on)
				return SKEX_OK;
		}
	}
	return SKEX_OK;
}
