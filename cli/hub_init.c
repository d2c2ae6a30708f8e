/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/hub.h"
#include "config/config.h"
#include "platform/posix.h"
#include "store/kek.h"

/* skex hub init: what a new hub needs before its first start. */

struct init {
	const char *config;
	const char *directory;
	const char *kek;
	const char *name;
	struct skex_argument_texts listen;
	struct skex_argument_texts advertise;
};

static int fail_file(const char *path)
{
	int number = errno;

	if (number == EEXIST)
		return skex_command_fail(SKEX_E_REFUSED,
			"a hub is never set up over another: name other files, or remove these",
			"%s is there already", path);
	return skex_command_fail(SKEX_E_IO, "check the path and who may write there", "%s: %s",
		path, strerror(number));
}

static void write_list(FILE *file, const char *name, const struct skex_argument_texts *list)
{
	fprintf(file, "%s = [", name);
	for (size_t i = 0; i < list->count; i++)
		fprintf(file, "%s\"%s\"", i == 0 ? "" : ", ", list->texts[i]);
	fputs("];\n", file);
}

static void write_settings(FILE *file, const struct init *init)
{
	fprintf(file,
		"# skex-hub.conf(5)\n"
		"name = \"%s\";\n"
		"directory = \"%s\";\n"
		"# Best on another medium than the directory: destroying it destroys all pads.\n"
		"kek = { file = \"%s\"; };\n",
		init->name, init->directory, init->kek);
	if (init->listen.count > 0)
		write_list(file, "listen", &init->listen);
	else
		fputs("# listen = [\"[::]:7100\", \"0.0.0.0:7100\"];\n", file);
	if (init->advertise.count > 0)
		write_list(file, "advertise", &init->advertise);
	else
		fputs("# What agents connect to, written into their kits:\n"
		      "# advertise = [\"hub.example:7100\"];\n",
			file);
	fputs("# Agents of which groups may have keys with each other. Without a rule nobody may.\n"
	      "policy = ( { between = [\"*\", \"*\"]; } );\n",
		file);
}

static int write_config(const struct init *init)
{
	int descriptor = open(init->config, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
	bool bad;

	if (file == NULL)
		return fail_file(init->config);
	write_settings(file, init);
	bad = fflush(file) != 0 || fsync(descriptor) != 0;
	if (fclose(file) != 0 || bad)
		return fail_file(init->config);
	return 0;
}

/* A mistake in what was given is found by the reader that the hub has. */
static int check_config(const struct init *init)
{
	struct skex_hub_config config;
	char message[SKEX_CONFIG_MESSAGE_MAX];
	enum skex_error error = skex_hub_config_read(init->config, &config, message);

	if (error == SKEX_OK) {
		skex_hub_config_clear(&config);
		return 0;
	}
	(void)unlink(init->config);
	return skex_command_fail(error, "give another value; nothing was set up", "%s", message);
}

static const struct skex_platform platform = {
	.random = skex_posix_random,
	.files = &skex_posix_files,
};

static int make_kek(const struct init *init)
{
	enum skex_error error = skex_kek_make(&platform, init->kek);

	if (error == SKEX_OK)
		return 0;
	(void)unlink(init->config);
	if (error == SKEX_E_BUSY)
		return skex_command_fail(SKEX_E_REFUSED,
			"name another file: a key is never replaced", "%s is there already",
			init->kek);
	return skex_command_fail(error, "check the path and who may write there",
		"%s: the key file cannot be made (%s)", init->kek, skex_error_name(error));
}

static int set_up(const struct init *init)
{
	int code;

	if (mkdir(init->directory, 0700) != 0 && errno != EEXIST)
		return fail_file(init->directory);
	code = write_config(init);
	if (code == 0)
		code = check_config(init);
	if (code == 0)
		code = make_kek(init);
	return code;
}

int skex_hub_run_init(int argc, char **argv)
{
	struct init init = {.config = "/etc/skex/skex-hub.conf",
		.directory = SKEX_HUB_DIRECTORY,
		.kek = "/etc/skex/skex-hub.kek"};
	char host[SKEX_NAME_MAX + 1] = "";
	const struct skex_argument table[] = {
		{"--config", SKEX_ARGUMENT_TEXT, &init.config, 0, 0},
		{"--dir", SKEX_ARGUMENT_TEXT, &init.directory, 0, 0},
		{"--kek", SKEX_ARGUMENT_TEXT, &init.kek, 0, 0},
		{"--name", SKEX_ARGUMENT_TEXT, &init.name, 0, 0},
		{"--listen", SKEX_ARGUMENT_TEXTS, &init.listen, 0, 0},
		{"--advertise", SKEX_ARGUMENT_TEXTS, &init.advertise, 0, 0},
		{NULL, SKEX_ARGUMENT_FLAG, NULL, 0, 0},
	};
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code != 0)
		return code;
	(void)gethostname(host, sizeof(host) - 1);
	if (init.name == NULL)
		init.name = host;
	code = set_up(&init);
	if (code != 0)
		return code;
	printf("hub %s: configuration %s, key file %s, state in %s\n", init.name, init.config,
		init.kek, init.directory);
	printf("start it: skex-hub -c %s\n", init.config);
	return 0;
}
