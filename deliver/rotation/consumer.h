/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ROTATION_CONSUMER_H
#define SKEX_DELIVER_ROTATION_CONSUMER_H

#include <stddef.h>

#include "deliver/rotation/rotation.h"

/*
 * What a rotation needs of a consumer: what an adapter is.  One thread; nothing blocks.  What could
 * not even be begun is answered from inside the call.
 */

/* One key of a binding. */
struct skex_rotation_secret {
	bool there;
	uint8_t id[SKEX_ROTATION_ID_BYTES];
	const uint8_t *bytes; /* NULL: not in our hands, from before the start */
	size_t size;
};

/* Valid during the call only. */
struct skex_rotation_keys {
	struct skex_rotation_secret next;
	struct skex_rotation_secret active;
	struct skex_rotation_secret old;
	uint8_t peer_active_id[SKEX_ROTATION_ID_BYTES]; /* `theirs.active_id` */
	bool swapped;
};

/* reason is SKEX_ROTATION_FINE, or why it failed, and text says it to people. */
typedef void (*skex_consumer_done_fn)(void *owner, uint8_t reason, const char *text);
/* event is USED, FAILING, GONE, or SKEX_ROTATION_EVENTS when there is nothing to report. */
typedef void (*skex_consumer_seen_fn)(void *owner, enum skex_rotation_event event);

struct skex_consumer {
	bool one_place;
	size_t key_size; /* bytes of a key */
	/* Carries out the actions from SETTLE to SWAP, in the order of their bits, reads back what
	 * it did, and calls done once.  Not called again before that. */
	void (*act)(void *consumer, uint32_t actions, const struct skex_rotation_keys *keys,
		skex_consumer_done_fn done, void *owner);
	/* Looks at it, and calls seen once.  Not called while act or look is under way. */
	void (*look)(void *consumer, const struct skex_rotation_keys *keys,
		skex_consumer_seen_fn seen, void *owner);
	/* Breaks off what is under way, and calls nothing any more.  What the consumer knows stays.
	 * Of one that has not answered for a minute; then it is asked again, so it can be used
	 * after it. */
	void (*end)(void *consumer);
};

#endif
