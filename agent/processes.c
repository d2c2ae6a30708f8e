/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/processes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/binding.h"
#include "agent/qkd014.h"
#include "deliver/bindings/bindings.h"
#include "net/starter.h"
#include "platform/sealed.h"

#define RESTART_FIRST_MS 1000u
#define RESTART_MOST_MS  60000u

static const struct {
	const char *consumer; /* whose rights it has */
	const char *role;     /* on its command line */
	const char *serves;
} roles[SKEX_PROCESS_COUNT] = {
	[SKEX_PROCESS_ETSI014] = {"etsi014", "--etsi014", "ETSI 014"},
	[SKEX_PROCESS_SKIP] = {"skip", "--skip", "SKIP"},
	[SKEX_PROCESS_BINDINGS] = {SKEX_BINDINGS_CONSUMER, "--bindings", "the bindings"},
	[SKEX_PROCESS_QKD014] = {SKEX_QKD014_CONSUMER, "--qkd014", "KMEs"},
};

struct child {
	struct skex_processes *processes;
	enum skex_process which;
	bool running;
	int32_t process;
	uint64_t started_ms;
	uint64_t restart_ms; /* UINT64_MAX: it runs, or is not wanted */
	uint64_t pause_ms;
};

struct skex_processes {
	struct skex_processes_host host;
	const struct skex_platform *platform;
	char program[4096]; /* this one */
	struct skex_starter *starter;
	struct child children[SKEX_PROCESS_COUNT];
	bool stopping;
};

bool skex_process_named(const char *word, enum skex_process *process)
{
	for (unsigned i = 0; i < SKEX_PROCESS_COUNT; i++) {
		if (strcmp(word, roles[i].role) == 0) {
			*process = (enum skex_process)i;
			return true;
		}
	}
	return false;
}

const char *skex_process_serves(enum skex_process process)
{
	return roles[process].serves;
}

/* ---- one of them ---- */

static uint64_t now(const struct skex_processes *processes)
{
	return processes->platform->now_ms(processes->platform->context);
}

static bool has_bindings(const struct skex_processes *processes)
{
	return skex_agent_binding_next(processes->host.agent, NULL) != NULL;
}

static void child_ended(void *owner, int status)
{
	struct child *child = owner;
	struct skex_processes *processes = child->processes;
	const uint64_t now_ms = now(processes);
	bool planned;

	child->running = false;
	if (processes->stopping)
		return;
	/* What it may do was settled when it started: it ends, but not soon, when other bindings
	 * need other things. */
	planned = status == 0 && now_ms - child->started_ms >= SKEX_BINDINGS_LEAST_MS;
	if (child->which == SKEX_PROCESS_BINDINGS && (planned || !has_bindings(processes))) {
		child->restart_ms = has_bindings(processes) ? now_ms : UINT64_MAX;
		return;
	}
	/* One that ran for long does not have to wait for what happened before. */
	if (now_ms - child->started_ms > RESTART_MOST_MS)
		child->pause_ms = RESTART_FIRST_MS;
	child->restart_ms = now_ms + child->pause_ms;
	skex_log(processes->platform, SKEX_LEVEL_ERROR,
		"the process that serves %s ended with status %d; another is started in %u s",
		roles[child->which].serves, status, (unsigned)(child->pause_ms / 1000));
	child->pause_ms *= 2;
	if (child->pause_ms > RESTART_MOST_MS)
		child->pause_ms = RESTART_MOST_MS;
}

static enum skex_error start(struct child *child)
{
	struct skex_processes *processes = child->processes;
	const struct skex_processes_host *host = &processes->host;
	struct skex_stream *stream;
	enum skex_error error;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return SKEX_E_IO;
	error = skex_loop_adopt(host->loop, pair[0], &stream);
	if (error != SKEX_OK)
		close(pair[0]);
	else
		error = skex_api_server_adopt(host->server, stream, roles[child->which].consumer);
	if (error == SKEX_OK)
		error = skex_starter_start(processes->starter, host->loop, child->which, pair[1],
			child_ended, child, &child->process);
	/* When it did not start, the stream ends with this. */
	close(pair[1]);
	if (error != SKEX_OK)
		return error;
	child->running = true;
	child->started_ms = now(processes);
	child->restart_ms = UINT64_MAX;
	skex_log(processes->platform, SKEX_LEVEL_INFO, "process %d serves %s", (int)child->process,
		roles[child->which].serves);
	return SKEX_OK;
}

static void restart(struct child *child, uint64_t now_ms)
{
	enum skex_error error;

	if (now_ms < child->restart_ms)
		return;
	error = start(child);
	if (error == SKEX_OK)
		return;
	child->restart_ms = now_ms + RESTART_MOST_MS;
	skex_log(child->processes->platform, SKEX_LEVEL_ERROR,
		"the process that serves %s cannot be started (%s); trying again in %u s",
		roles[child->which].serves, skex_error_name(error), RESTART_MOST_MS / 1000);
}

/* ---- all of them ---- */

static enum skex_error start_starter(
	struct skex_processes *processes, const char *config_path, const char *config_text)
{
	const char *argv[SKEX_PROCESS_COUNT][5];
	const char *const *programs[SKEX_PROCESS_COUNT];
	const struct skex_view text = skex_view(config_text, strlen(config_text));
	enum skex_error error;
	int config = -1;

	if (readlink("/proc/self/exe", processes->program, sizeof(processes->program) - 1) <= 0)
		return SKEX_E_UNKNOWN;
	for (unsigned i = 0; i < SKEX_PROCESS_COUNT; i++) {
		argv[i][0] = processes->program;
		argv[i][1] = roles[i].role;
		argv[i][2] = "-c";
		argv[i][3] = config_path;
		argv[i][4] = NULL;
		programs[i] = argv[i];
	}
	error = skex_sealed_make("skexd.conf", text, &config);
	if (error == SKEX_OK)
		error = skex_starter_new(programs, SKEX_PROCESS_COUNT, config, &processes->starter);
	if (config >= 0)
		(void)close(config);
	return error;
}

enum skex_error skex_processes_new(
	const char *config_path, const char *config_text, struct skex_processes **out)
{
	struct skex_processes *processes = calloc(1, sizeof(*processes));
	enum skex_error error;

	if (processes == NULL)
		return SKEX_E_MEMORY;
	for (unsigned i = 0; i < SKEX_PROCESS_COUNT; i++)
		processes->children[i] = (struct child){.processes = processes,
			.which = (enum skex_process)i,
			.restart_ms = UINT64_MAX,
			.pause_ms = RESTART_FIRST_MS};
	error = start_starter(processes, config_path, config_text);
	if (error != SKEX_OK) {
		free(processes);
		return error;
	}
	*out = processes;
	return SKEX_OK;
}

static bool is_wanted(const struct skex_processes *processes, unsigned which)
{
	const struct skex_agent_config *config = processes->host.config;
	const bool are[SKEX_PROCESS_COUNT] = {
		[SKEX_PROCESS_ETSI014] = config->etsi014.enabled,
		[SKEX_PROCESS_SKIP] = config->skip.enabled,
		[SKEX_PROCESS_BINDINGS] = has_bindings(processes),
		[SKEX_PROCESS_QKD014] = config->qkd014_count > 0,
	};

	return are[which];
}

static void starter_ended(void *owner, int status)
{
	struct skex_processes *processes = owner;

	if (processes->stopping)
		return;
	skex_log(processes->platform, SKEX_LEVEL_ERROR,
		"the process that starts the others ended with status %d: the agent stops", status);
	processes->host.failed(processes->host.owner);
}

enum skex_error skex_processes_start(struct skex_processes *processes,
	const struct skex_processes_host *host, enum skex_process *which)
{
	enum skex_error error;

	processes->host = *host;
	processes->platform = skex_loop_platform(host->loop);
	*which = SKEX_PROCESS_COUNT;
	error = skex_starter_watch(processes->starter, host->loop, starter_ended, processes);
	for (unsigned i = 0; i < SKEX_PROCESS_COUNT && error == SKEX_OK; i++) {
		if (!is_wanted(processes, i))
			continue;
		error = start(&processes->children[i]);
		if (error != SKEX_OK)
			*which = (enum skex_process)i;
	}
	return error;
}

uint64_t skex_processes_turn(struct skex_processes *processes, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	for (unsigned i = 0; i < SKEX_PROCESS_COUNT; i++) {
		struct child *child = &processes->children[i];

		restart(child, now_ms);
		if (child->restart_ms < next_ms)
			next_ms = child->restart_ms;
	}
	return next_ms;
}

bool skex_processes_bindings_changed(struct skex_processes *processes)
{
	struct child *child = &processes->children[SKEX_PROCESS_BINDINGS];

	if (child->running)
		return true;
	if (child->restart_ms == UINT64_MAX && has_bindings(processes)) {
		child->restart_ms = now(processes);
		processes->platform->wake(processes->platform->context);
	}
	return false;
}

bool skex_processes_have(void *owner, int32_t process)
{
	const struct skex_processes *processes = owner;

	for (unsigned i = 0; i < SKEX_PROCESS_COUNT; i++) {
		const struct child *child = &processes->children[i];

		if (child->running && child->process == process)
			return true;
	}
	return false;
}

void skex_processes_stop(struct skex_processes *processes)
{
	processes->stopping = true;
}

void skex_processes_free(struct skex_processes *processes)
{
	if (processes == NULL)
		return;
	skex_starter_free(processes->starter);
	free(processes);
}
