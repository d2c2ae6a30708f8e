/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/openssl.h"
#include "platform/posix.h"

static char directory[64];

const uint8_t fixture_kek[32] = {1, 2, 3, 4, 5};

static void log_nothing(void *context, enum skex_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

const struct skex_platform fixture_platform = {
	.now_ms = skex_posix_now_ms,
	.wall_ms = skex_posix_wall_ms,
	.random = skex_posix_random,
	.log = log_nothing,
	.files = &skex_posix_files,
};

const struct skex_crypto *fixture_crypto(void)
{
	return skex_crypto_openssl();
}

int fixture_setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "%s", "/tmp/skex-store-XXXXXX");
	return mkdtemp(directory) == NULL;
}

void fixture_remove_tree(const char *path)
{
	DIR *open = opendir(path);
	struct dirent *entry;
	char below[4096];

	if (open == NULL) {
		unlink(path);
		return;
	}
	while ((entry = readdir(open)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) <
			(int)sizeof(below))
			fixture_remove_tree(below);
	}
	closedir(open);
	rmdir(path);
}

int fixture_teardown(void **state)
{
	(void)state;
	fixture_remove_tree(directory);
	return 0;
}

const char *fixture_path(const char *name)
{
	static char paths[4][256];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", directory, name);
	return paths[turn];
}
