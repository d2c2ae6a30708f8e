/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CONFIG_TEXT_H
#define TESTS_UNIT_CONFIG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"

/* The obligatory settings, in one line. */
#define LEAST "name=\"a\"; directory=\"/d\"; kek={file=\"/k\";};\n"

/* A file with this content; path takes its name, and is to be unlinked. */
static inline void write_file(char path[32], const char *text, size_t size)
{
	int fd;

	memcpy(path, "/tmp/skex-config-XXXXXX", 24);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	assert_int_equal(close(fd), 0);
}

static inline enum skex_error read_hub(
	const char *text, size_t size, struct skex_hub_config *config, char *message)
{
	enum skex_error error;
	char path[32];

	write_file(path, text, size);
	error = skex_hub_config_read(path, config, message);
	(void)unlink(path);
	return error;
}

static inline enum skex_error read_agent(
	const char *text, size_t size, struct skex_agent_config *config, char *message)
{
	enum skex_error error;
	char path[32];

	write_file(path, text, size);
	error = skex_agent_config_read(path, config, message);
	(void)unlink(path);
	return error;
}

#endif
