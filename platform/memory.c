/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "core/base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static pthread_mutex_t arena_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t mapped_bytes;
static size_t unlocked_bytes;

#ifndef SANITIZED

/*
 * A slab is SLAB_BYTES of locked memory at a multiple of SLAB_BYTES, so that the slab of an object
 * is found from its address.  It holds a head and then objects of one size, or one large object
 * (and is then as long as that needs).
 */
#define SLAB_BYTES 65536u
#define HEAD_BYTES 64u
#define SMALL_MAX  8192u
/* Of large objects that were freed. */
#define KEPT_BYTES (8u << 20)
#define KEPT_MAX   128u

struct object {
	struct object *next;
};

struct slab {
	struct slab *next; /* slabs of the same class that have a free object */
	struct slab *previous;
	struct object *free;
	size_t mapped;      /* bytes from the head on */
	uint32_t used;      /* objects given out */
	uint32_t untouched; /* offset of the first object never given out; 0 when all were */
	uint32_t class;
	bool locked;
};

_Static_assert(sizeof(struct slab) <= HEAD_BYTES, "the head of a slab has to fit");

static const uint16_t class_bytes[] = {16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536,
	2048, 3072, 4096, 6144, SMALL_MAX};
#define CLASSES     (sizeof(class_bytes) / sizeof(class_bytes[0]))
#define CLASS_LARGE CLASSES

static struct slab *partial[CLASSES]; /* slabs with a free object, by class */
static uint32_t empty[CLASSES];       /* how many of these hold no object: 0 or 1 */

/* Whether there was something kept that is unlocked now. */
static bool kept_give_back(void);

static struct slab *slab_map(size_t mapped, uint32_t class)
{
	/* One slab more than needed, so that an aligned piece is in it; the rest goes back. */
	size_t whole = mapped + SLAB_BYTES;
	uint8_t *base =
		mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	size_t before = (SLAB_BYTES - (uintptr_t)base % SLAB_BYTES) % SLAB_BYTES;
	if (before > 0)
		munmap(base, before);
	if (whole - before > mapped)
		munmap(base + before + mapped, whole - before - mapped);

	/* The start of the mapping is aligned by construction. */
	struct slab *slab = (struct slab *)(void *)(base + before);
	bool locked = mlock(slab, mapped) == 0;
	/* What is kept for later takes the lock of nothing that is needed now. */
	if (!locked && kept_give_back())
		locked = mlock(slab, mapped) == 0;
	madvise(slab, mapped, MADV_DONTDUMP);
	mapped_bytes += mapped;
	if (!locked)
		unlocked_bytes += mapped;
	slab->mapped = mapped;
	slab->class = class;
	slab->locked = locked;
	slab->untouched = HEAD_BYTES;
	return slab;
}

static void slab_unmap(struct slab *slab)
{
	mapped_bytes -= slab->mapped;
	if (!slab->locked)
		unlocked_bytes -= slab->mapped;
	munmap(slab, slab->mapped);
}

static void partial_insert(struct slab *slab)
{
	struct slab **first = &partial[slab->class];
	slab->previous = NULL;
	slab->next = *first;
	if (*first != NULL)
		(*first)->previous = slab;
	*first = slab;
}

static void partial_remove(struct slab *slab)
{
	if (slab->previous != NULL)
		slab->previous->next = slab->next;
	else
		partial[slab->class] = slab->next;
	if (slab->next != NULL)
		slab->next->previous = slab->previous;
}

static bool slab_full(const struct slab *slab)
{
	return slab->free == NULL && slab->untouched == 0;
}

static void *slab_take(struct slab *slab)
{
	uint32_t size = class_bytes[slab->class];
	void *taken;

	if (slab->free != NULL) {
		taken = slab->free;
		slab->free = slab->free->next;
	} else {
		taken = (uint8_t *)slab + slab->untouched;
		slab->untouched += size;
		if (slab->untouched + size > SLAB_BYTES)
			slab->untouched = 0;
	}
	empty[slab->class] -= slab->used == 0;
	slab->used++;
	/* Only the link was written since it was wiped. */
	*(struct object *)taken = (struct object){NULL};
	return taken;
}

static void *small_new(size_t size)
{
	uint32_t class = 0;
	while (class_bytes[class] < size)
		class ++;
	struct slab *slab = partial[class];
	if (slab == NULL) {
		slab = slab_map(SLAB_BYTES, class);
		if (slab == NULL)
			return NULL;
		partial_insert(slab);
		empty[class]++;
	}
	void *taken = slab_take(slab);
	if (slab_full(slab))
		partial_remove(slab);
	return taken;
}

static void small_free(struct slab *slab, struct object *object)
{
	skex_wipe(object, class_bytes[slab->class]);
	if (slab_full(slab))
		partial_insert(slab);
	object->next = slab->free;
	slab->free = object;
	slab->used--;
	if (slab->used > 0)
		return;
	/* One empty slab is kept, so that secrets that come and go cost no system call. */
	if (empty[slab->class] > 0) {
		partial_remove(slab);
		slab_unmap(slab);
	} else {
		empty[slab->class]++;
	}
}

/*
 * Large objects that were freed, wiped and still locked: to map, lock and unmap some hundred KiB
 * takes longer than what most of them are used for.  The one freed last is the first.
 */
static struct slab *kept;
static size_t kept_bytes;
static uint32_t kept_count;

/* Takes it out of the list. */
static struct slab *kept_take(struct slab **link)
{
	struct slab *slab = *link;

	*link = slab->next;
	slab->next = NULL;
	kept_bytes -= slab->mapped;
	kept_count--;
	return slab;
}

/* The smallest that is large enough and not much too large; NULL when there is none. */
static struct slab *kept_find(size_t mapped)
{
	struct slab **best = NULL;

	for (struct slab **link = &kept; *link != NULL; link = &(*link)->next) {
		if ((*link)->mapped == mapped)
			return kept_take(link);
		if ((*link)->mapped > mapped && (*link)->mapped - mapped <= mapped / 4 &&
			(best == NULL || (*link)->mapped < (*best)->mapped))
			best = link;
	}
	return best == NULL ? NULL : kept_take(best);
}

/* Those that were not used for longest go, until so many bytes and objects are left. */
static void kept_shrink(size_t bytes, uint32_t count)
{
	while (kept_bytes > bytes || kept_count > count) {
		struct slab **link = &kept;

		while ((*link)->next != NULL)
			link = &(*link)->next;
		slab_unmap(kept_take(link));
	}
}

static bool kept_give_back(void)
{
	const bool any = kept != NULL;

	kept_shrink(0, 0);
	return any;
}

static void *large_new(size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size_t mapped = (HEAD_BYTES + size + 4095) / 4096 * 4096;
	struct slab *slab = kept_find(mapped);
	if (slab == NULL)
		slab = slab_map(mapped, CLASS_LARGE);
	return slab == NULL ? NULL : (uint8_t *)slab + HEAD_BYTES;
}

static void large_free(struct slab *slab)
{
	/* What could not be locked is better mapped anew. */
	if (!slab->locked || slab->mapped > KEPT_BYTES) {
		slab_unmap(slab);
		return;
	}
	kept_shrink(KEPT_BYTES - slab->mapped, KEPT_MAX - 1);
	slab->next = kept;
	kept = slab;
	kept_bytes += slab->mapped;
	kept_count++;
}

void *skex_secret_new(size_t size)
{
	pthread_mutex_lock(&arena_lock);
	void *taken = size <= SMALL_MAX ? small_new(size) : large_new(size);
	pthread_mutex_unlock(&arena_lock);
	return taken;
}

void skex_secret_free(void *secret)
{
	if (secret == NULL)
		return;
	uint8_t *address = secret;
	struct slab *slab = (struct slab *)(void *)(address - (uintptr_t)secret % SLAB_BYTES);
	pthread_mutex_lock(&arena_lock);
	if (slab->class == CLASS_LARGE) {
		skex_wipe(secret, slab->mapped - HEAD_BYTES);
		large_free(slab);
	} else {
		small_free(slab, secret);
	}
	pthread_mutex_unlock(&arena_lock);
}

#else

/* The sanitizers see the bounds and leaks of what malloc gives, and nothing inside an arena. */
struct sanitized {
	size_t size;
	size_t padding;
};

void *skex_secret_new(size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	struct sanitized *head = calloc(1, sizeof(*head) + size);
	if (head == NULL)
		return NULL;
	head->size = size;
	pthread_mutex_lock(&arena_lock);
	mapped_bytes += size;
	pthread_mutex_unlock(&arena_lock);
	return head + 1;
}

void skex_secret_free(void *secret)
{
	if (secret == NULL)
		return;
	struct sanitized *head = (struct sanitized *)secret - 1;
	skex_wipe(secret, head->size);
	pthread_mutex_lock(&arena_lock);
	mapped_bytes -= head->size;
	pthread_mutex_unlock(&arena_lock);
	free(head);
}

#endif

size_t skex_secret_bytes(void)
{
	pthread_mutex_lock(&arena_lock);
	size_t bytes = mapped_bytes;
	pthread_mutex_unlock(&arena_lock);
	return bytes;
}

size_t skex_secret_unlocked_bytes(void)
{
	pthread_mutex_lock(&arena_lock);
	size_t bytes = unlocked_bytes;
	pthread_mutex_unlock(&arena_lock);
	return bytes;
}

void skex_process_protect(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
