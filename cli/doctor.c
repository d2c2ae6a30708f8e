/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/fields.h"
#include "cli/command.h"
#include "cli/local.h"

static const char *const words[] = {"pass", "warn", "fail"};

void skex_doctor_find(struct skex_doctor *doctor, const char *check, enum skex_finding finding,
	const char *act, const char *format, ...)
{
	char text[512];
	char clean[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* Some of it was written by others. */
	skex_text_clean(clean, sizeof(clean), text);
	if (json_array_append_new(doctor->findings,
		    json_pack("{ss ss ss ss}", "check", check, "result", words[finding], "text",
			    clean, "do", act != NULL ? act : "")) != 0)
		doctor->failed = true;
	if (finding > doctor->worst)
		doctor->worst = finding;
}

static void look(struct skex_doctor *doctor, struct skex_local *local)
{
	json_t *status;
	char *text;

	skex_doctor_machine(doctor, local->socket);
	if (skex_client_open(local->socket, &local->client, &local->error) != SKEX_CLIENT_OK ||
		skex_client_status(local->client, &text, &local->error) != SKEX_CLIENT_OK) {
		skex_doctor_find(
			doctor, "daemon", SKEX_FAIL, local->error.act, "%s", local->error.message);
		return;
	}
	status = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	skex_client_text_free(text);
	if (json_is_object(status))
		skex_doctor_daemon(doctor, status);
	else
		skex_doctor_find(doctor, "daemon", SKEX_FAIL,
			"check that skex and skexd are of the same version",
			"the daemon's answer cannot be read");
	json_decref(status);
}

static void print_text(const struct skex_doctor *doctor)
{
	size_t counts[3] = {0};
	size_t i;
	size_t j;

	for (i = 0; i < json_array_size(doctor->findings); i++) {
		const json_t *found = json_array_get(doctor->findings, i);
		const char *result = skex_json_text(found, "result");

		printf("%s  %-8s %s\n", result, skex_json_text(found, "check"),
			skex_json_text(found, "text"));
		if (skex_json_text(found, "do")[0] != '\0')
			printf("               do: %s\n", skex_json_text(found, "do"));
		for (j = 0; j < 3; j++)
			counts[j] += strcmp(result, words[j]) == 0;
	}
	printf("\n%zu passed, %zu to look at, %zu failed\n", counts[SKEX_PASS], counts[SKEX_WARN],
		counts[SKEX_FAIL]);
}

static int run_doctor(int argc, char **argv)
{
	static const int codes[] = {0, SKEX_EXIT_DOCTOR_WARN, SKEX_EXIT_DOCTOR_FAIL};
	struct skex_doctor doctor = {.findings = json_array()};
	struct skex_local local = {.socket = NULL};
	const struct skex_argument table[] = {SKEX_LOCAL_ARGUMENTS(&local), {.name = NULL}};
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0) {
		look(&doctor, &local);
		skex_local_close(&local);
		if (doctor.failed)
			code = skex_command_fail(SKEX_E_MEMORY, "free memory", "no memory");
		else if (local.json)
			code = skex_json_print(json_pack("{ss sO}", "result", words[doctor.worst],
				"checks", doctor.findings));
		else
			print_text(&doctor);
	}
	json_decref(doctor.findings);
	return code != 0 ? code : codes[doctor.worst];
}

const struct skex_command skex_doctor_commands[] = {
	{"doctor", "[--json] [--socket PATH]",
		"look for what is wrong: exit code 0 pass, 10 to look at, 11 fail", run_doctor},
	{.name = NULL},
};
