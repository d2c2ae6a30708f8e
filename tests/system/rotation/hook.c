/* SPDX-License-Identifier: Apache-2.0 */

/* PROGRAM and three arguments of it: a hook with one place for a key, which reads it in base64, and
 * checks. */
#include "deliver/hook/hook.h"
#include "tests/system/rotation/ends.h"

static struct skex_hook_config configs[2];
static const char *programs[2][5];

static void *open_end(const struct skex_platform *platform, unsigned end, char **arguments)
{
	struct skex_hook *hook;

	for (int i = 0; i < 4; i++)
		programs[end][i] = arguments[i];
	configs[end] = (struct skex_hook_config){
		.binding = "test",
		.peer = end == 0 ? "follower" : "leader",
		.format = SKEX_KEY_BASE64,
		.program = {programs[end], 10000},
		.checks = true,
	};
	return skex_hook_new(platform, &configs[end], &hook) == SKEX_OK ? hook : NULL;
}

static void close_end(void *consumer)
{
	skex_hook_free(consumer);
}

const struct ends_kind ends_hook = {
	.name = "hook",
	.arguments = 4,
	.consumer = &skex_hook_one_place_consumer,
	.open = open_end,
	.close = close_end,
};
