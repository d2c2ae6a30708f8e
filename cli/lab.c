/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lab.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cli/arguments.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "enrol/enrol_hub.h"

/* skex lab up, start, stop, down */

#define PAD_BYTES_DEFAULT (UINT64_C(8) << 20)
/* What is put behind the directory: the longest is a socket's path, or a state file's. */
#define SOCKET_ROOM       (sizeof("/agent64/admin.sock"))

static int print_object(json_t *object, const char *json_file)
{
	int code = 0;

	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	if (json_file != NULL && json_dump_file(object, json_file, JSON_COMPACT) != 0)
		code = skex_command_fail(
			SKEX_E_IO, "give another --json-file", "%s: cannot be written", json_file);
	json_decref(object);
	return code;
}

/* ---- up ---------------------------------------------------------------------------------------
 */

struct up {
	const char *dir;
	const char *host;
	const char *json_file;
	struct skex_argument_texts liars;
	uint64_t hubs, threshold, agents, base_port, pad_bytes;
	bool pairwise;
};

/* "3:bad-share" */
static int read_liar(const char *text, struct lab *lab)
{
	char *end;
	unsigned long index = strtoul(text, &end, 10);

	if (end == text || *end != ':' || end[1] == '\0' || index < 1 || index > lab->n ||
		strlen(end + 1) > LAB_MODE_MAX)
		return skex_command_misuse(
			"--lying-hub %s: has to be I:MODE, I from 1 to %u", text, lab->n);
	memcpy(lab->hubs[index - 1].mode, end + 1, strlen(end + 1) + 1);
	return 0;
}

static int check_host(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (strlen(host) < sizeof(((struct lab *)NULL)->host) &&
		(inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1))
		return 0;
	return skex_command_misuse("--host %s: has to be a literal IPv4 or IPv6 address", host);
}

static int read_up(const struct up *up, struct lab *lab)
{
	int code = 0;

	if (up->dir == NULL)
		return skex_command_misuse("--dir is missing");
	if (up->threshold > up->hubs)
		return skex_command_misuse("--threshold is larger than --hubs");
	if (up->base_port != 0 && up->base_port + up->hubs + up->agents > 65536)
		return skex_command_misuse("--base-port is too large");
	if (up->pad_bytes % 16 != 0)
		return skex_command_misuse("--pad-bytes has to be a multiple of 16");
	lab->n = (unsigned)up->hubs;
	lab->k = (unsigned)up->threshold;
	lab->m = (unsigned)up->agents;
	lab->pad_bytes = up->pad_bytes;
	lab->pairwise = up->pairwise;
	code = check_host(up->host);
	if (code == 0)
		memcpy(lab->host, up->host, strlen(up->host) + 1);
	for (size_t i = 0; i < up->liars.count && code == 0; i++)
		code = read_liar(up->liars.texts[i], lab);
	return code;
}

static bool is_empty(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool empty = directory != NULL;

	while (empty && (entry = readdir(directory)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (directory != NULL)
		(void)closedir(directory);
	return empty;
}

/* The absolute path of a directory that is there. */
static int resolve(const char *dir, char out[static LAB_DIR_MAX])
{
	char *path = realpath(dir, NULL);
	size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - SOCKET_ROOM;

	if (path == NULL)
		return skex_command_fail(
			SKEX_E_IO, "check the path", "%s: %s", dir, strerror(errno));
	if (strlen(path) > most) {
		free(path);
		return skex_command_fail(SKEX_E_ARGUMENT,
			"give a shorter path: sockets lie below it",
			"%s: its path is longer than %zu bytes", dir, most);
	}
	memcpy(out, path, strlen(path) + 1);
	free(path);
	return 0;
}

static int make_directory(const char *dir, char out[static LAB_DIR_MAX])
{
	int code;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return skex_command_fail(SKEX_E_IO, "check the path and who may write there",
			"%s: %s", dir, strerror(errno));
	code = resolve(dir, out);
	if (code == 0 && !is_empty(out))
		return skex_command_fail(SKEX_E_REFUSED,
			"`skex lab down` stops a lab; then remove its directory",
			"%s: is no empty directory", dir);
	return code;
}

static int run_up(int argc, char **argv)
{
	struct up up = {.host = "127.0.0.1",
		.pad_bytes = PAD_BYTES_DEFAULT,
		.hubs = 5,
		.threshold = 3,
		.agents = 2};
	const struct skex_argument table[] = {
		{"--dir", SKEX_ARGUMENT_TEXT, &up.dir, 0, 0},
		{"--hubs", SKEX_ARGUMENT_NUMBER, &up.hubs, 2, LAB_HUBS_MAX},
		{"--threshold", SKEX_ARGUMENT_NUMBER, &up.threshold, 2, LAB_HUBS_MAX},
		{"--agents", SKEX_ARGUMENT_NUMBER, &up.agents, 1, LAB_AGENTS_MAX},
		{"--base-port", SKEX_ARGUMENT_NUMBER, &up.base_port, 1, 65535},
		{"--pad-bytes", SKEX_ARGUMENT_SIZE, &up.pad_bytes, SKEX_ENROL_PAD_MIN,
			SKEX_ENROL_PAD_MAX},
		{"--json-file", SKEX_ARGUMENT_TEXT, &up.json_file, 0, 0},
		{"--lying-hub", SKEX_ARGUMENT_TEXTS, &up.liars, 0, 0},
		{"--host", SKEX_ARGUMENT_TEXT, &up.host, 0, 0},
		{"--pairwise", SKEX_ARGUMENT_FLAG, &up.pairwise, 0, 0},
		{NULL, SKEX_ARGUMENT_FLAG, NULL, 0, 0},
	};
	static struct lab lab;
	struct skex_reason reason;
	int code = skex_arguments_read(argc, argv, table, NULL, 0);

	if (code == 0)
		code = read_up(&up, &lab);
	if (code == 0)
		code = make_directory(up.dir, lab.dir);
	if (code != 0)
		return code;
	lab_catch_signals();
	if (lab_up(&lab, (uint16_t)up.base_port, &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	code = print_object(lab_describe(&lab), up.json_file);
	if (code != 0 || fflush(stdout) != 0)
		lab_stop_all(&lab);
	return code;
}

/* ---- start, stop, down ------------------------------------------------------------------------
 */

static int read_dir(int argc, char **argv, struct lab *lab, const char **words, size_t wanted)
{
	const char *dir = NULL;
	const struct skex_argument table[] = {
		{"--dir", SKEX_ARGUMENT_TEXT, &dir, 0, 0},
		{NULL, SKEX_ARGUMENT_FLAG, NULL, 0, 0},
	};
	struct skex_reason reason;
	char path[LAB_DIR_MAX];
	int code = skex_arguments_read(argc, argv, table, words, wanted);

	if (code != 0)
		return code;
	if (dir == NULL)
		return skex_command_misuse("--dir is missing");
	code = resolve(dir, path);
	if (code != 0)
		return code;
	if (lab_load(lab, path, &reason) != SKEX_OK)
		return skex_ask_fail(&reason);
	return 0;
}

static int read_node(int argc, char **argv, struct lab *lab, struct lab_node **node)
{
	const char *name;
	int code = read_dir(argc, argv, lab, &name, 1);

	if (code != 0)
		return code;
	*node = lab_find(lab, name);
	if (*node == NULL)
		return skex_command_fail(SKEX_E_UNKNOWN, "name a hub or agent, such as hub1",
			"the lab in %s has no %s", lab->dir, name);
	return 0;
}

static int run_start(int argc, char **argv)
{
	static struct lab lab;
	struct lab_node *node;
	struct skex_reason reason;
	enum skex_error error;
	int code = read_node(argc, argv, &lab, &node);

	if (code != 0)
		return code;
	error = lab_start(&lab, node, &reason);
	if (error == SKEX_OK) {
		error = lab_wait_answer(&lab, node, &reason);
		if (error != SKEX_OK)
			lab_stop(&lab, (const struct lab_node *const[]){node}, 1);
	}
	if (error != SKEX_OK)
		return skex_ask_fail(&reason);
	return print_object(
		json_pack("{ss si}", "name", node->name, "pid", (int)lab_running(&lab, node)),
		NULL);
}

static int run_stop(int argc, char **argv)
{
	static struct lab lab;
	struct lab_node *node;
	int code = read_node(argc, argv, &lab, &node);

	if (code == 0)
		lab_stop(&lab, (const struct lab_node *const[]){node}, 1);
	return code;
}

static int run_down(int argc, char **argv)
{
	static struct lab lab;
	int code = read_dir(argc, argv, &lab, NULL, 0);

	if (code == 0)
		lab_stop_all(&lab);
	return code;
}

const struct skex_command skex_lab_commands[] = {
	{"up",
		"--dir DIRECTORY [--hubs N] [--threshold K] [--agents M] [--host ADDRESS] "
		"[--base-port PORT] [--pad-bytes SIZE] [--json-file FILE] [--lying-hub I:MODE]... "
		"[--pairwise]",
		"start a whole network on this machine and say where it is", run_up},
	{"start", "--dir DIRECTORY NAME", "start one hub or agent of a lab again", run_start},
	{"stop", "--dir DIRECTORY NAME", "stop one hub or agent of a lab", run_stop},
	{"down", "--dir DIRECTORY", "stop all of a lab", run_down},
	{NULL, NULL, NULL, NULL},
};
