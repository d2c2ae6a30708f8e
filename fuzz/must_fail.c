/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include "fuzz/fuzz.h"

/*
 * What is wrong on purpose, one mistake of each kind behind a word that the input begins with. Each
 * has to be seen when the stored input with that word is run (fuzz/corpus/must_fail/KIND/), and one
 * of them has to be found without any.
 */

static volatile unsigned sink;

/* Reads as many bytes as the input says that it has. */
static void read_beyond(const uint8_t *data)
{
	uint8_t *copy = malloc(1);
	unsigned i;

	if (copy == NULL)
		abort();
	copy[0] = data[0];
	for (i = 0; i < data[0]; i++)
		sink += copy[i];
	free(copy);
}

static void read_after_free(const uint8_t *data)
{
	uint8_t *copy = malloc(1);

	if (copy == NULL)
		abort();
	copy[0] = data[0];
	free(copy);
	sink += *(volatile uint8_t *)copy;
}

static void overflow(const uint8_t *data)
{
	volatile int sum = INT_MAX;

	sum += data[0];
	sink += (unsigned)sum;
}

static void leak(const uint8_t *data)
{
	uint8_t *volatile copy = malloc(data[0]);

	/* cppcheck-suppress memleak ; it is there to be found when it runs */
	copy = NULL;
	sink += copy == NULL;
}

/* What two ends hold has to be the same. */
static void disagree(const uint8_t *data)
{
	const uint8_t other = data[0] == 'x' ? 'y' : data[0];

	if (other != data[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char word[5];
		void (*wrong)(const uint8_t *data);
	} kinds[] = {{"SIZE", read_beyond}, {"FREE", read_after_free}, {"SIGN", overflow},
		{"LEAK", leak}, {"RULE", disagree}};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (size > 4 && memcmp(data, kinds[i].word, 4) == 0)
			kinds[i].wrong(data + 4);
	}
	return 0;
}
