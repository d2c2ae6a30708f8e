/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/schema.h"

#define FILE_BYTES_MAX (1024u * 1024u)

/* ---- messages ---- */

/* Writes where something is wrong; gives the place for what is wrong. */
static size_t begin(const struct config_reading *reading, unsigned line, const char *setting)
{
	char place[32] = "";
	int used;

	if (line > 0)
		(void)snprintf(place, sizeof(place), ":%u", line);
	used = snprintf(reading->message, SKEX_CONFIG_MESSAGE_MAX, "%.150s%s: %.160s%s",
		reading->file, place, setting == NULL ? "" : setting, setting == NULL ? "" : ": ");
	return used < 0 ? 0 : (size_t)used;
}

/* What somebody wrote into a file must not steer a terminal. */
static enum skex_error finish(const struct config_reading *reading)
{
	for (char *c = reading->message; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c == 0x7f)
			*c = '?';
	}
	return SKEX_E_CONFIG;
}

enum skex_error config_wrong(const struct config_reading *reading, unsigned line,
	const char *setting, const char *format, ...)
{
	size_t used = begin(reading, line, setting);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reading->message + used, SKEX_CONFIG_MESSAGE_MAX - used, format, arguments);
	va_end(arguments);
	return finish(reading);
}

/* Writes the whole name of a setting; gives its length, less than size. */
static size_t path_of(const config_setting_t *setting, char *path, size_t size)
{
	const config_setting_t *parent = config_setting_parent(setting);
	const char *name = config_setting_name(setting);
	size_t used;
	int more;

	path[0] = '\0';
	if (parent == NULL)
		return 0;
	used = path_of(parent, path, size);
	if (name != NULL)
		more = snprintf(path + used, size - used, "%s%s", used > 0 ? "." : "", name);
	else
		more = snprintf(path + used, size - used, "[%d]", config_setting_index(setting));
	if (more < 0 || (size_t)more >= size - used)
		return strlen(path);
	return used + (size_t)more;
}

enum skex_error config_wrong_setting(const struct config_reading *reading,
	const config_setting_t *setting, const char *format, ...)
{
	char path[160];
	bool named = path_of(setting, path, sizeof(path)) > 0;
	size_t used = begin(reading, config_setting_source_line(setting), named ? path : NULL);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reading->message + used, SKEX_CONFIG_MESSAGE_MAX - used, format, arguments);
	va_end(arguments);
	return finish(reading);
}

/* ---- reading ---- */

static ssize_t read_whole(int fd, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read(fd, text + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

/* The file as a string, to be freed. */
static enum skex_error read_file(const struct config_reading *reading, char **out)
{
	char *text = malloc(FILE_BYTES_MAX + 1);
	ssize_t size = -1;
	int fd;

	if (text == NULL)
		return SKEX_E_MEMORY;
	fd = open(reading->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0)
		size = read_whole(fd, text, FILE_BYTES_MAX + 1);
	if (size < 0) {
		int reason = errno;

		(void)config_wrong(reading, 0, NULL, "cannot be read: %s; name a readable file",
			strerror(reason));
		free(text);
		if (fd >= 0)
			(void)close(fd);
		return reason == ENOENT || reason == ENOTDIR ? SKEX_E_UNKNOWN : SKEX_E_IO;
	}
	(void)close(fd);
	if ((size_t)size > FILE_BYTES_MAX || memchr(text, '\0', (size_t)size) != NULL) {
		bool large = (size_t)size > FILE_BYTES_MAX;

		free(text);
		return config_wrong(reading, 0, NULL, "%s",
			large ? "is longer than 1 MiB; a configuration is shorter"
			      : "holds a zero byte; a configuration is text");
	}
	text[size] = '\0';
	*out = text;
	return SKEX_OK;
}

enum skex_error config_load_text(
	const struct config_reading *reading, const char *text, config_t *tree)
{
	enum skex_error error;

	config_init(tree);
	error = config_check_text(reading, text);
	if (error == SKEX_OK && config_read_string(tree, text) != CONFIG_TRUE) {
		int line = config_error_line(tree);

		error = config_wrong(reading, line > 0 ? (unsigned)line : 1, NULL,
			"%s; write NAME = VALUE;", config_error_text(tree));
	}
	return error;
}

enum skex_error config_load(const struct config_reading *reading, config_t *tree)
{
	char *text = NULL;
	enum skex_error error = read_file(reading, &text);

	if (error != SKEX_OK) {
		config_init(tree); /* the caller destroys it */
		return error;
	}
	error = config_load_text(reading, text, tree);
	free(text);
	return error;
}

enum skex_error skex_config_text(const char *path, char **text, char *message)
{
	const struct config_reading reading = {path, message};
	enum skex_error error;

	message[0] = '\0';
	error = read_file(&reading, text);
	if (error != SKEX_OK && message[0] == '\0')
		(void)config_wrong(&reading, 0, NULL, "%s", skex_error_name(error));
	return error;
}
