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
	uint64_t round;       /* 0: not known, from before the start */
	const uint8_t *bytes; /* NULL: not in our hands, from before the start or given already */
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
/* event is USED, FAILING, GONE, UNDONE, ORDER, or SKEX_ROTATION_EVENTS when there is nothing to
 * report; text is what people have to know, as why it cannot even be looked at, or "". */
typedef void (*skex_consumer_seen_fn)(
	void *owner, enum skex_rotation_event event, const char *text);

struct skex_consumer {
	bool one_place;
	bool once; /* a key's bytes are wiped when an act with STAGE has ended, however it did */
	size_t key_size;      /* bytes of a key */
	uint64_t patience_ms; /* how long act and look may take before they are ended; 0: any time
			       */
	/* Carries out the actions from SETTLE to SWAP, in the order of their bits, reads back what
	 * it did, and calls done once.  Not called again before that. */
	void (*act)(void *consumer, uint32_t actions, const struct skex_rotation_keys *keys,
		skex_consumer_done_fn done, void *owner);
	/* Looks at it, and calls seen once.  Not called while act or look is under way. */
	void (*look)(void *consumer, const struct skex_rotation_keys *keys,
		skex_consumer_seen_fn seen, void *owner);
	/* Gives up what is under way, and calls nothing for it any more; act and look may be called
	 * again.  What the consumer knows stays. */
	void (*end)(void *consumer);
	/* Did the last look see that what no key protects passes as well?  NULL: it never does. */
	bool (*unsafe)(const void *consumer);
};

#endif
