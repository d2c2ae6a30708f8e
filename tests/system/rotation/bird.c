/* SPDX-License-Identifier: Apache-2.0 */

/* SOCKET METHOD PROTOCOL INTERFACE FILE: of a BIRD; "-" for no interface. */
#include "deliver/bird/bird.h"

#include <string.h>

#include "tests/system/rotation/ends.h"

static struct skex_bird_config configs[2];

static bool read_method(const char *text, enum skex_bird_method *method)
{
	static const char *const words[SKEX_BIRD_METHODS] = {"ospf", "bfd", "tcp-md5", "tcp-ao"};

	for (unsigned i = 0; i < SKEX_BIRD_METHODS; i++) {
		if (strcmp(words[i], text) == 0) {
			*method = (enum skex_bird_method)i;
			return true;
		}
	}
	return false;
}

static void *open_end(const struct skex_platform *platform, unsigned end, char **arguments)
{
	struct skex_bird *bird;

	configs[end] = (struct skex_bird_config){
		.binding = "test",
		.socket = arguments[0],
		.protocol = arguments[2],
		.interface = strcmp(arguments[3], "-") == 0 ? NULL : arguments[3],
		.file = arguments[4],
		.leads = end == 0,
	};
	if (!read_method(arguments[1], &configs[end].method) ||
		skex_bird_new(platform, &configs[end], &bird) != SKEX_OK)
		return NULL;
	return bird;
}

static void close_end(void *consumer)
{
	skex_bird_free(consumer);
}

const struct ends_kind ends_bird = {
	.name = "routing",
	.arguments = 5,
	.consumer = &skex_bird_consumer,
	.open = open_end,
	.close = close_end,
};

/* For the method tcp-md5. */
const struct ends_kind ends_bird_one_place = {
	.name = "routing-one-place",
	.arguments = 5,
	.consumer = &skex_bird_one_place_consumer,
	.open = open_end,
	.close = close_end,
};
