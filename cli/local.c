/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/local.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"

int skex_local_fail(const struct skex_local *local)
{
	const struct skex_client_error *error = &local->error;

	if (local->json)
		(void)skex_json_print(json_pack("{s{ss ss ss ss}}", "error", "class",
			skex_error_class_name((enum skex_error)(error->error_class << 8)), "code",
			error->code, "message", error->message, "do", error->act));
	/* The number of a class is its exit code; of an error only the class counts here. */
	return skex_command_fail(
		(enum skex_error)(error->error_class << 8), error->act, "%s", error->message);
}

const char *skex_local_socket(const char *given)
{
	const char *path = given != NULL ? given : getenv("SKEX_SOCKET"); /* rule 6: a path */

	return path == NULL || path[0] == '\0' ? SKEX_SOCKET_DEFAULT : path;
}

int skex_local_open(struct skex_local *local)
{
	if (skex_client_open(local->socket, &local->client, &local->error) != SKEX_CLIENT_OK)
		return skex_local_fail(local);
	return 0;
}

void skex_local_close(struct skex_local *local)
{
	skex_client_close(local->client);
	local->client = NULL;
}

static int bad_answer(const struct skex_local *local)
{
	(void)local;
	return skex_command_fail(SKEX_E_SYNTAX, "check that skex and skexd are of the same version",
		"the daemon's answer cannot be read");
}

int skex_local_status(struct skex_local *local, json_t **status)
{
	json_t *object;
	char *text;

	if (skex_client_status(local->client, &text, &local->error) != SKEX_CLIENT_OK)
		return skex_local_fail(local);
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	skex_client_text_free(text);
	if (!json_is_object(object)) {
		json_decref(object);
		return bad_answer(local);
	}
	*status = object;
	return 0;
}

int skex_local_ask(struct skex_local *local, const char *op, json_t *members, json_t **answer)
{
	char *request = json_dumps(members, JSON_COMPACT);
	enum skex_client_class result;
	json_t *object;
	char *text;

	json_decref(members);
	if (request == NULL)
		return skex_command_misuse("words have to be UTF-8");
	result = skex_client_ask(local->client, op, request, &text, &local->error);
	skex_client_text_free(request);
	if (result != SKEX_CLIENT_OK)
		return skex_local_fail(local);
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	skex_client_text_free(text);
	if (!json_is_object(object)) {
		json_decref(object);
		return bad_answer(local);
	}
	if (answer != NULL)
		*answer = object;
	else
		json_decref(object);
	return 0;
}

int skex_local_run(struct skex_local *local, const char *op, json_t *members, json_t **answer)
{
	int code = skex_local_open(local);

	*answer = NULL;
	if (code != 0)
		json_decref(members);
	else
		code = skex_local_ask(local, op, members, answer);
	if (code == 0 && local->json) {
		code = skex_json_print(*answer);
		*answer = NULL;
	}
	skex_local_close(local);
	return code;
}

int skex_local_list(int argc, char **argv, const char *op, void (*print)(const json_t *answer))
{
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	json_t *answer = NULL;
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0)
		code = skex_local_run(&local, op, json_object(), &answer);
	if (answer != NULL)
		print(answer);
	json_decref(answer);
	return code;
}

int skex_json_print(json_t *object)
{
	int result = object != NULL ? json_dumpf(object, stdout, JSON_COMPACT) : -1;

	json_decref(object);
	if (result != 0 || putchar('\n') == EOF || fflush(stdout) != 0)
		return skex_command_fail(
			SKEX_E_IO, "free memory or disk space", "the answer cannot be printed");
	return 0;
}

const char *skex_json_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

uint64_t skex_json_number(const json_t *object, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(object, name));

	return number > 0 ? (uint64_t)number : 0;
}

void skex_text_days(char text[static SKEX_TEXT_MAX], const json_t *days)
{
	if (json_is_real(days))
		snprintf(text, SKEX_TEXT_MAX, "%.0f days", json_real_value(days));
	else
		snprintf(text, SKEX_TEXT_MAX, "-");
}

bool skex_json_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}
