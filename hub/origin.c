/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/origin.h"

#include <stdlib.h>

#define BUCKETS_FIRST 4u

void hub_origins_clear(struct hub_origins *origins)
{
	uint32_t i;

	for (i = 0; i < origins->buckets_count; i++) {
		while (origins->buckets[i] != NULL) {
			struct hub_origin *origin = origins->buckets[i];

			origins->buckets[i] = origin->next;
			free(origin);
		}
	}
	free(origins->buckets);
	*origins = (struct hub_origins){0};
}

/* The numbers of legs are random. */
static struct hub_origin **place(const struct hub_origins *origins, uint64_t leg)
{
	struct hub_origin **at = &origins->buckets[leg & (origins->buckets_count - 1)];

	while (*at != NULL && (*at)->leg != leg)
		at = &(*at)->next;
	return at;
}

uint64_t hub_origins_bytes(const struct hub_origins *origins, uint64_t leg)
{
	const struct hub_origin *origin = origins->count == 0 ? NULL : *place(origins, leg);

	return origin == NULL ? 0 : origin->bytes;
}

static enum skex_error grow(struct hub_origins *origins)
{
	struct hub_origins grown = *origins;
	uint32_t i;

	if (origins->count < origins->buckets_count)
		return SKEX_OK;
	grown.buckets_count = grown.count == 0 ? BUCKETS_FIRST : 2 * grown.buckets_count;
	grown.buckets = calloc(grown.buckets_count, sizeof(struct hub_origin *));
	if (grown.buckets == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; i < origins->buckets_count; i++) {
		while (origins->buckets[i] != NULL) {
			struct hub_origin *origin = origins->buckets[i];
			struct hub_origin **at = place(&grown, origin->leg);

			origins->buckets[i] = origin->next;
			origin->next = NULL;
			*at = origin;
		}
	}
	free(origins->buckets);
	*origins = grown;
	return SKEX_OK;
}

enum skex_error hub_origins_add(struct hub_origins *origins, uint64_t leg, uint64_t bytes)
{
	struct hub_origin **at;

	if (grow(origins) != SKEX_OK)
		return SKEX_E_MEMORY;
	at = place(origins, leg);
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return SKEX_E_MEMORY;
		(*at)->leg = leg;
		origins->count++;
	}
	(*at)->bytes += bytes;
	return SKEX_OK;
}

void hub_origins_remove(struct hub_origins *origins, uint64_t leg, uint64_t bytes)
{
	struct hub_origin **at = origins->count == 0 ? NULL : place(origins, leg);
	struct hub_origin *origin = at == NULL ? NULL : *at;

	if (origin == NULL)
		return;
	origin->bytes -= bytes;
	if (origin->bytes > 0)
		return;
	*at = origin->next;
	free(origin);
	origins->count--;
}
