/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/bindings/internal.h"
#include "platform/memory.h"
#include "platform/posix.h"

/*
 * Bindings that were added at run time, asked for one after the other before the process confines
 * itself, and so before there is a loop: the agent answers in the order of their names, and nothing
 * else is asked yet.
 */
#define LINE_MAX_BYTES (256u << 10) /* a text of at most 60 KiB, each byte of it six at most */

/* One line, without its end; nothing follows it, for nothing else was asked. */
static bool read_line(int fd, char line[LINE_MAX_BYTES])
{
	size_t size = 0;

	while (size < LINE_MAX_BYTES) {
		const ssize_t got = read(fd, line + size, LINE_MAX_BYTES - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		size += (size_t)got;
		if (line[size - 1] == '\n') {
			line[size - 1] = '\0';
			return true;
		}
	}
	return false;
}

/* The answer, which is the caller's; NULL when there is none. */
static json_t *ask(int fd, const char *after, char line[LINE_MAX_BYTES])
{
	json_t *request = json_pack("{si ss ss*}", "id", 0, "op", "binding_added", "after", after);
	char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
	bool good = text != NULL && skex_write_all(fd, text, strlen(text)) &&
		skex_write_all(fd, "\n", 1);

	json_decref(request);
	skex_secret_free(text);
	good = good && read_line(fd, line);
	return good ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

bool bindings_added_step(const json_t *answer, char after[SKEX_NAME_MAX + 1], const char **text)
{
	const char *name = json_string_value(json_object_get(answer, "binding"));

	*text = json_string_value(json_object_get(answer, "text"));
	if (name == NULL || *text == NULL || strlen(name) > SKEX_NAME_MAX ||
		strcmp(name, after) <= 0)
		return false;
	(void)snprintf(after, SKEX_NAME_MAX + 1, "%s", name);
	return true;
}

enum skex_error bindings_added_read(const struct skex_platform *platform,
	const struct skex_agent_config *config, const char *name, const char *text,
	struct skex_binding_config **binding)
{
	struct skex_binding_config *read = NULL;
	char why[SKEX_CONFIG_MESSAGE_MAX];
	size_t count = 0;
	enum skex_error error =
		skex_bindings_read("an added binding", text, &config->name, &read, &count, why);

	if (error == SKEX_OK && (count != 1 || strcmp(read->name.text, name) != 0)) {
		(void)snprintf(why, sizeof(why), "the agent gave another binding for %s", name);
		error = SKEX_E_REFUSED;
	}
	if (error == SKEX_OK && !skex_binding_permitted(config, read, why))
		error = SKEX_E_REFUSED;
	if (error == SKEX_OK) {
		*binding = read;
		return SKEX_OK;
	}
	skex_log(platform, SKEX_LEVEL_ERROR, "bindings: %s", why);
	skex_bindings_clear(read, count);
	return error;
}

/* Makes it one of the configuration. */
static enum skex_error take(const struct skex_platform *platform, const char *name,
	const char *text, struct skex_agent_config *config)
{
	struct skex_binding_config *read;
	struct skex_binding_config *bindings;
	enum skex_error error = bindings_added_read(platform, config, name, text, &read);

	if (error != SKEX_OK)
		return error;
	bindings = realloc(
		config->bindings, (config->bindings_count + 1) * sizeof(config->bindings[0]));
	if (bindings == NULL) {
		skex_bindings_clear(read, 1);
		return SKEX_E_MEMORY;
	}
	bindings[config->bindings_count++] = *read;
	config->bindings = bindings;
	free(read); /* what it pointed to has gone over */
	return SKEX_OK;
}

enum skex_error bindings_take_added(
	const struct skex_platform *platform, int api_descriptor, struct skex_agent_config *config)
{
	char *line = malloc(LINE_MAX_BYTES);
	char after[SKEX_NAME_MAX + 1] = "";
	enum skex_error error = line == NULL ? SKEX_E_MEMORY : SKEX_OK;
	bool more = true;

	while (error == SKEX_OK && more) {
		json_t *answer = ask(api_descriptor, after[0] == '\0' ? NULL : after, line);
		const char *text;

		more = !json_is_null(json_object_get(answer, "binding"));
		if (more && !bindings_added_step(answer, after, &text))
			error = SKEX_E_IO;
		else if (more)
			error = take(platform, after, text, config);
		json_decref(answer);
	}
	free(line);
	return error;
}
