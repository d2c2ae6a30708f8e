/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/lab.h"

#define STOP_LOOKS 100u /* of 50 ms */

/* ---- what /proc says --------------------------------------------------------------------------
 */

struct process {
	pid_t pid;
	pid_t parent;
	char state;
	unsigned long long start; /* clock ticks since boot: with the pid it is unique */
};

/* Skips words and spaces; gives what follows, or the end. */
static const char *skip_words(const char *text, unsigned words)
{
	for (; words > 0; words--) {
		text += strspn(text, " ");
		text += strcspn(text, " ");
	}
	return text + strspn(text, " ");
}

static bool read_number(const char *text, unsigned long long *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return end != text && errno == 0;
}

/* Reads the beginning of a small file as text. */
static bool read_text(const char *path, char *text, size_t room)
{
	FILE *file = fopen(path, "re");
	size_t size;

	if (file == NULL)
		return false;
	size = fread(text, 1, room - 1, file);
	(void)fclose(file);
	text[size] = '\0';
	return true;
}

static bool look(pid_t pid, struct process *process)
{
	char path[64], text[1024];
	unsigned long long parent;
	const char *after;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (!read_text(path, text, sizeof(text)))
		return false;
	/* The second field is a name in brackets, which may hold anything; then come the state, the
	 * parent, and as number 22 the start. */
	after = strrchr(text, ')');
	if (after == NULL || !read_number(skip_words(after, 2), &parent) ||
		!read_number(skip_words(after, 20), &process->start))
		return false;
	process->state = *skip_words(after, 1);
	process->pid = pid;
	process->parent = (pid_t)parent;
	return true;
}

static bool alive(const struct process *process)
{
	return process->state != 'Z' && process->state != 'X';
}

size_t lab_family(pid_t pid, pid_t *pids, size_t most)
{
	DIR *directory = pid > 0 ? opendir("/proc") : NULL;
	const struct dirent *entry;
	size_t count = 0;

	if (directory == NULL || most == 0)
		return 0;
	pids[count++] = pid;
	while ((entry = readdir(directory)) != NULL && count < most) {
		long number = strtol(entry->d_name, NULL, 10);
		struct process process;

		if (number > 0 && look((pid_t)number, &process) && process.parent == pid &&
			alive(&process))
			pids[count++] = (pid_t)number;
	}
	(void)closedir(directory);
	return count;
}

/* ---- pid files --------------------------------------------------------------------------------
 */

static bool write_pid(const struct lab *lab, const struct lab_node *node, pid_t pid)
{
	struct process process;
	char path[LAB_PATH_MAX];
	FILE *file;

	lab_path(path, lab, node, "pid");
	if (!look(pid, &process))
		return false;
	file = fopen(path, "we");
	if (file == NULL)
		return false;
	fprintf(file, "%ld %llu\n", (long)pid, process.start);
	return fclose(file) == 0;
}

pid_t lab_running(const struct lab *lab, const struct lab_node *node)
{
	struct process process;
	unsigned long long pid, start;
	char path[LAB_PATH_MAX], text[64];

	lab_path(path, lab, node, "pid");
	if (!read_text(path, text, sizeof(text)) || !read_number(text, &pid) ||
		!read_number(skip_words(text, 1), &start) || pid <= 1 || pid > INT32_MAX)
		return 0;
	(void)waitpid((pid_t)pid, NULL, WNOHANG); /* when it is our own child */
	if (!look((pid_t)pid, &process) || process.start != start || !alive(&process))
		return 0;
	return (pid_t)pid;
}

/* ---- starting ---------------------------------------------------------------------------------
 */

enum skex_error lab_program(
	const struct lab_node *node, char path[static LAB_PATH_MAX], struct skex_reason *reason)
{
	const char *name = node->hub ? "skex-hub" : "skexd";
	ssize_t size = readlink("/proc/self/exe", path, LAB_PATH_MAX - 32);
	char *slash;

	if (node->mode[0] != '\0')
		name = "tests/lying-hub";
	if (size > 0)
		path[size] = '\0';
	slash = size > 0 ? strrchr(path, '/') : NULL;
	if (slash == NULL)
		return skex_reason_set(reason, SKEX_E_IO, "program", "mount /proc",
			"cannot tell where this program lies");
	(void)snprintf(slash + 1, LAB_PATH_MAX - (size_t)(slash + 1 - path), "%s", name);
	if (access(path, X_OK) == 0)
		return SKEX_OK;
	return skex_reason_set(reason, SKEX_E_UNKNOWN, "program",
		node->mode[0] != '\0' ? "build the tests: `make test`"
				      : "build it: `make`, or install it beside skex",
		"%s: there is no such program", path);
}

/* In the child: never comes back. */
static void become(const char *program, const char *log, char *const *argv)
{
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)setsid();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	(void)close_range(3, ~0u, 0);
	execv(program, argv);
	_exit(127);
}

enum skex_error lab_start(
	const struct lab *lab, const struct lab_node *node, struct skex_reason *reason)
{
	char program[LAB_PATH_MAX], config[LAB_PATH_MAX], log[LAB_PATH_MAX];
	char mode[LAB_MODE_MAX + 1];
	char option_c[] = "-c", option_mode[] = "--fault";
	char *argv[] = {program, option_c, config, NULL, NULL, NULL};
	enum skex_error error = lab_program(node, program, reason);
	pid_t pid;

	if (error != SKEX_OK)
		return error;
	if (lab_running(lab, node) != 0)
		return skex_reason_set(reason, SKEX_E_STATE, "running", "stop it first",
			"%s runs already", node->name);
	lab_path(config, lab, node, "conf");
	lab_path(log, lab, node, "log");
	memcpy(mode, node->mode, sizeof(mode));
	if (mode[0] != '\0') {
		argv[3] = option_mode;
		argv[4] = mode;
	}
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(program, log, argv);
	if (pid < 0 || !write_pid(lab, node, pid)) {
		if (pid > 0)
			(void)kill(pid, SIGKILL);
		return skex_reason_set(reason, SKEX_E_IO, "process",
			"look at the limits of processes and at the disk",
			"%s cannot be started: %s", node->name, strerror(errno));
	}
	return SKEX_OK;
}

/* ---- stopping ---------------------------------------------------------------------------------
 */

static size_t signal_running(
	const struct lab *lab, const struct lab_node *const *nodes, size_t count, int signal_number)
{
	size_t running = 0;

	for (size_t i = 0; i < count; i++) {
		pid_t pid = lab_running(lab, nodes[i]);

		if (pid == 0)
			continue;
		running++;
		if (signal_number != 0)
			(void)kill(pid, signal_number);
	}
	return running;
}

void lab_stop(const struct lab *lab, const struct lab_node *const *nodes, size_t count)
{
	char path[LAB_PATH_MAX];

	if (signal_running(lab, nodes, count, SIGTERM) > 0) {
		/* What was stopped by a signal has to go on to end. */
		(void)signal_running(lab, nodes, count, SIGCONT);
		for (unsigned i = 0; i < STOP_LOOKS; i++) {
			if (signal_running(lab, nodes, count, 0) == 0)
				break;
			lab_pause();
		}
		(void)signal_running(lab, nodes, count, SIGKILL);
		for (unsigned i = 0; i < STOP_LOOKS; i++) {
			if (signal_running(lab, nodes, count, 0) == 0)
				break;
			lab_pause();
		}
	}
	for (size_t i = 0; i < count; i++) {
		lab_path(path, lab, nodes[i], "pid");
		if (lab_running(lab, nodes[i]) == 0)
			(void)unlink(path);
	}
}

void lab_stop_all(const struct lab *lab)
{
	const struct lab_node *nodes[LAB_HUBS_MAX + LAB_AGENTS_MAX];
	size_t count = 0;

	for (unsigned i = 0; i < lab->m; i++)
		nodes[count++] = &lab->agents[i];
	for (unsigned i = 0; i < lab->n; i++)
		nodes[count++] = &lab->hubs[i];
	lab_stop(lab, nodes, count);
}
