/* SPDX-License-Identifier: Apache-2.0 */

/* SOCKET SETTINGS: charon's, and the description of the connection `site`: "path=value;..." */
#include <stdlib.h>
#include <string.h>

#include "deliver/ikev2/ikev2.h"
#include "tests/system/rotation/ends.h"

#define SETTINGS_MAX 32

static struct skex_ikev2_config configs[2];
static struct skex_ikev2_setting settings[2][SETTINGS_MAX];

/* In a copy that is kept. */
static size_t read_settings(const char *text, struct skex_ikev2_setting *out)
{
	char *rest = strdup(text), *word;
	size_t count = 0;

	while ((word = strsep(&rest, ";")) != NULL && count < SETTINGS_MAX) {
		out[count].path = strsep(&word, "=");
		out[count++].value = word == NULL ? "" : word;
	}
	return count;
}

static void *open_end(const struct skex_platform *platform, unsigned end, char **arguments)
{
	struct skex_ikev2 *ikev2;

	if (configs[end].socket == NULL)
		configs[end] = (struct skex_ikev2_config){
			.socket = arguments[0],
			.connection = "site",
			.domain = "test.skex",
			.leads = end == 0,
			.settings = settings[end],
			.settings_count = read_settings(arguments[1], settings[end]),
			.description = end == 0 ? "leader" : "follower",
		};
	return skex_ikev2_new(platform, &configs[end], &ikev2) == SKEX_OK ? ikev2 : NULL;
}

static void close_end(void *consumer)
{
	skex_ikev2_free(consumer);
}

const struct ends_kind ends_ikev2 = {
	.name = "ikev2",
	.arguments = 2,
	.consumer = &skex_ikev2_consumer,
	.open = open_end,
	.close = close_end,
};
