/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/log.h"

/* Someone who waits until so many keys were destroyed. */
struct skex_log_erasing {
	struct skex_log_erasing *next;
	uint64_t keys;
	skex_done_fn done;
	void *owner;
};

enum skex_error skex_log_erased(struct skex_store *store, skex_done_fn done, void *owner)
{
	struct skex_log *log = skex_log_of(store);
	struct skex_log_erasing *erasing;

	if (log->failed != SKEX_OK)
		return log->failed;
	erasing = calloc(1, sizeof(*erasing));
	if (erasing == NULL)
		return SKEX_E_MEMORY;
	erasing->keys = log->slots.ever_doomed;
	erasing->done = done;
	erasing->owner = owner;
	*log->erasing_end = erasing;
	log->erasing_end = &erasing->next;
	log->slots.hurried = true;
	if (log->platform->wake != NULL)
		log->platform->wake(log->platform->context);
	return SKEX_OK;
}

static struct skex_log_erasing *first_take(struct skex_log *log)
{
	struct skex_log_erasing *first = log->erasing;

	log->erasing = first->next;
	if (log->erasing == NULL)
		log->erasing_end = &log->erasing;
	return first;
}

void skex_log_erased_tell(struct skex_log *log)
{
	while (log->erasing != NULL &&
		(log->failed != SKEX_OK || log->erasing->keys <= log->slots.ever_gone)) {
		struct skex_log_erasing *erasing = first_take(log);

		log->slots.hurried = log->erasing != NULL;
		erasing->done(erasing->owner, log->failed);
		free(erasing);
	}
}

void skex_log_erased_clear(struct skex_log *log)
{
	while (log->erasing != NULL)
		free(first_take(log));
}
