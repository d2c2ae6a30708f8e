/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/confined.h"
#include "agent/processes.h"
#include "api/agent_join.h"
#include "api/agent_metrics.h"
#include "api/agent_ops.h"
#include "api/metrics.h"
#include "api/server.h"
#include "config/config.h"
#include "core/math/math.h"
#include "crypto/openssl.h"
#include "deliver/bindings/bindings.h"
#include "deliver/etsi014/etsi014.h"
#include "deliver/qkd014/qkd014.h"
#include "deliver/skip/skip.h"
#include "enrol/unlock.h"
#include "net/loop.h"
#include "platform/memory.h"
#include "platform/posix.h"
#include "platform/sealed.h"
#include "store/state.h"

/* skexd: puts the parts together.  The exit code is the class of the error. */

struct daemon {
	const char *config_path;
	char *config_text;
	struct skex_agent_config config;
	struct skex_loop *loop;
	const struct skex_platform *platform;
	struct skex_state state;
	uint8_t *kek;
	struct skex_agent *agent;
	struct skex_api_server *server;
	struct skex_agent_ops *ops;
	struct skex_agent_join *join;
	struct skex_metrics *metrics;
	enum skex_error failed;
	bool ready;

	struct skex_processes *processes;
	struct skex_confined confined;
	bool processes_failed;
};

static int fail(enum skex_error error, const char *what, const char *act)
{
	fprintf(stderr, "skexd: %s (%s)\n", what, skex_error_name(error));
	if (act != NULL)
		fprintf(stderr, "what to do: %s\n", act);
	return (int)skex_error_class(error);
}

/* ---- the processes that serve consumers ---- */

static void bindings_changed(void *owner)
{
	struct daemon *daemon = owner;

	if (skex_processes_bindings_changed(daemon->processes))
		skex_agent_ops_bindings_changed(daemon->ops);
}

static bool check_bindings(void *owner, const struct skex_binding_config *bindings, size_t count,
	char why[SKEX_CONFIG_MESSAGE_MAX])
{
	const struct daemon *daemon = owner;

	return skex_bindings_check(daemon->platform, bindings, count, why);
}

static void processes_failed(void *owner)
{
	struct daemon *daemon = owner;

	daemon->processes_failed = true;
	skex_loop_stop(daemon->loop);
}

/* First of all. */
static int make_processes(struct daemon *daemon)
{
	enum skex_error error =
		skex_processes_new(daemon->config_path, daemon->config_text, &daemon->processes);

	if (error == SKEX_E_UNKNOWN)
		return fail(SKEX_E_IO, "this program does not find itself", "mount /proc");
	if (error != SKEX_OK)
		return fail(error, "no process can be made", "look at the limits of processes");
	return 0;
}

static int start_processes(struct daemon *daemon)
{
	const struct skex_processes_host host = {.loop = daemon->loop,
		.config = &daemon->config,
		.agent = daemon->agent,
		.server = daemon->server,
		.failed = processes_failed,
		.owner = daemon};
	enum skex_process which;
	enum skex_error error = skex_processes_start(daemon->processes, &host, &which);
	char what[64];

	if (error == SKEX_OK)
		return 0;
	if (which == SKEX_PROCESS_COUNT)
		return fail(error, "no memory", NULL);
	(void)snprintf(what, sizeof(what), "the process that serves %s cannot be started",
		skex_process_serves(which));
	return fail(error, what, "look at the log");
}

/* ---- what the process gives up ---- */

/* Before there is a second thread, and with its key read. */
static int confine_files(struct daemon *daemon)
{
	const struct skex_files *files = daemon->platform->files;
	const char *wrong = daemon->config.directory;
	enum skex_error error = files->make_directory(files->context, wrong);

	if (error == SKEX_OK)
		error = skex_agent_confine(&daemon->config, &daemon->confined, &wrong);
	if (error == SKEX_OK)
		return 0;
	fprintf(stderr, "skexd: %s: %s\n", wrong, strerror(errno));
	return fail(error, "cannot confine itself to its folders",
		"make that folder; those of pad_folders have to be there too");
}

/* Before the first packet. */
static int confine_calls(struct daemon *daemon)
{
	enum skex_error error = skex_confine_calls(SKEX_CALLS_AGENT, &daemon->confined);

	if (error != SKEX_OK)
		return fail(error, "cannot confine itself to its system calls",
			"look whether the kernel lets it use seccomp");
	skex_confined_log(daemon->platform, "the agent", &daemon->confined);
	return 0;
}

/* ---- start ---- */

static int open_state(struct daemon *daemon)
{
	const struct skex_agent_config *config = &daemon->config;
	const struct skex_unlock from = {config->kek.file, config->kek.credential,
		config->kek.passphrase_file, config->directory};
	struct skex_reason reason;
	enum skex_error error;
	int code;

	daemon->kek = skex_secret_new(SKEX_KEK_BYTES);
	if (daemon->kek == NULL)
		return fail(SKEX_E_MEMORY, "no memory", NULL);
	error = skex_unlock(daemon->platform, &from, daemon->kek, &reason);
	if (error != SKEX_OK)
		return fail(error, reason.message, reason.act);
	code = confine_files(daemon);
	if (code != 0)
		return code;
	error = skex_state_open(daemon->platform, skex_crypto_openssl(), config->directory,
		daemon->kek, &daemon->state);
	if (error == SKEX_E_BUSY)
		return fail(error, config->directory, "another process has it: stop that first");
	if (error == SKEX_E_AUTH)
		return fail(error, config->directory, "this is not its key-encryption key");
	if (error == SKEX_E_VERSION)
		return fail(error, config->directory,
			"another version of skexd made it: run that version");
	if (error != SKEX_OK)
		return fail(error, config->directory,
			"the state cannot be opened: look at the log and the disk");
	return 0;
}

static int start_agent(struct daemon *daemon, struct skex_agent_setup *setup)
{
	enum skex_error error;

	setup->platform = daemon->platform;
	setup->crypto = skex_crypto_openssl();
	setup->math = skex_math_select(skex_posix_cpu_features());
	setup->store = daemon->state.store;
	setup->registry = daemon->state.registry;
	setup->config = &daemon->config;
	setup->directory = daemon->config.directory;
	setup->kek = daemon->kek;
	error = skex_agent_new(setup, &daemon->agent);
	if (error != SKEX_OK)
		return fail(error, "the agent's state cannot be read",
			"look at the log; pads and registry have to be those of this directory");
	return 0;
}

static char *metrics_text(void *owner)
{
	const struct daemon *daemon = owner;

	return skex_agent_metrics(daemon->ops);
}

static int start_api(struct daemon *daemon, const struct skex_agent_setup *setup)
{
	const struct skex_agent_config *config = &daemon->config;
	const struct skex_agent_bindings_host host = {daemon, check_bindings, bindings_changed};
	enum skex_error error = skex_api_server_new(daemon->platform, &daemon->server);

	if (error == SKEX_OK)
		error = skex_agent_ops_new(daemon->server, daemon->agent, daemon->platform,
			&config->pool, &host, &daemon->ops);
	if (error == SKEX_OK)
		error = skex_agent_join_new(daemon->server, setup, daemon->agent, &daemon->join);
	if (error != SKEX_OK)
		return fail(error, "the local API cannot be set up", NULL);
	/* They are of our user, which is the administrator of the local API. */
	skex_api_server_turn_away(daemon->server, skex_processes_have, daemon->processes);
	error = skex_api_server_listen(daemon->server, config->socket, config->socket_mode);
	if (error == SKEX_E_BUSY)
		return fail(error, config->socket,
			"another process listens there, or it is no socket: set another `socket`");
	if (error != SKEX_OK)
		return fail(error, config->socket,
			"the socket cannot be made: its folder has to be there and writable");
	if (config->metrics.port == 0)
		return 0;
	error = skex_metrics_new(daemon->platform, config->metrics.host, config->metrics.port,
		metrics_text, daemon, &daemon->metrics);
	if (error != SKEX_OK)
		return fail(error, "cannot listen for metrics", "set another port in `metrics`");
	return 0;
}

/* ---- life ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* From within the loop: only then does a signal end it in order. */
static void tell_ready(struct daemon *daemon)
{
	if (daemon->ready)
		return;
	daemon->ready = true;
	skex_log(daemon->platform, SKEX_LEVEL_NOTICE, "agent %s is ready, socket %s",
		daemon->config.name.text, daemon->config.socket);
	skex_notify("READY=1");
}

static uint64_t turn(void *owner, uint64_t now_ms)
{
	struct daemon *daemon = owner;
	uint64_t next_ms = skex_agent_turn(daemon->agent, now_ms);

	tell_ready(daemon);
	next_ms = earlier(next_ms, skex_agent_join_turn(daemon->join, now_ms));
	/* Last: it sends what the others answered, and takes away who left. */
	next_ms = earlier(next_ms, skex_api_server_turn(daemon->server, now_ms));
	next_ms = earlier(next_ms, skex_processes_turn(daemon->processes, now_ms));
	next_ms = earlier(next_ms, skex_metrics_turn(daemon->metrics, now_ms));
	daemon->failed = skex_agent_failed(daemon->agent);
	if (daemon->failed != SKEX_OK) {
		skex_log(daemon->platform, SKEX_LEVEL_ERROR,
			"the store failed (%s): the agent stops, what was handed out is safe",
			skex_error_name(daemon->failed));
		skex_loop_stop(daemon->loop);
	}
	return next_ms;
}

static void stopping(void *owner)
{
	struct daemon *daemon = owner;

	skex_processes_stop(daemon->processes);
	skex_notify("STOPPING=1");
	skex_log(daemon->platform, SKEX_LEVEL_NOTICE, "stopping");
	skex_loop_stop(daemon->loop);
}

static void reload(void *owner)
{
	const struct daemon *daemon = owner;

	skex_log(daemon->platform, SKEX_LEVEL_NOTICE,
		"the configuration is read at the start only; `skex peer add` adds peers, and "
		"`skex binding add` bindings");
}

static void stop(struct daemon *daemon)
{
	skex_metrics_free(daemon->metrics);
	/* Its connections end requests of the agent; the consumer's process ends with its own. */
	skex_api_server_free(daemon->server);
	skex_agent_ops_free(daemon->ops);
	if (daemon->agent != NULL && skex_agent_failed(daemon->agent) == SKEX_OK)
		skex_agent_settle(daemon->agent);
	skex_agent_join_stop(daemon->join);
	skex_agent_free(daemon->agent);
	skex_state_close(&daemon->state);
	skex_agent_join_free(daemon->join);
	skex_secret_free(daemon->kek);
	skex_processes_free(daemon->processes);
	if (daemon->loop != NULL)
		skex_loop_free(daemon->loop);
}

static int run(struct daemon *daemon)
{
	static struct skex_agent_setup setup;
	enum skex_error error;
	int code = make_processes(daemon);

	if (code != 0)
		return code;
	error = skex_loop_new(&daemon->loop);
	if (error != SKEX_OK)
		return fail(error, "no event loop", NULL);
	daemon->platform = skex_loop_platform(daemon->loop);
	code = open_state(daemon);
	if (code == 0)
		code = start_agent(daemon, &setup);
	if (code == 0)
		code = start_api(daemon, &setup);
	if (code == 0)
		code = start_processes(daemon);
	if (code == 0)
		code = confine_calls(daemon);
	if (code != 0)
		return code;
	skex_loop_run(daemon->loop, turn, stopping, reload, daemon);
	if (daemon->failed == SKEX_OK && daemon->processes_failed)
		return (int)skex_error_class(SKEX_E_IO);
	return (int)skex_error_class(daemon->failed);
}

/* ---- the command line ---- */

enum role {
	ROLE_DAEMON,
	ROLE_CHECK,
	ROLE_PROCESS, /* which the daemon has started */
};

static int usage(FILE *out, int code)
{
	fputs("usage: skexd -c FILE [--check] [-v]\n"
	      "       skexd --version | --help\n"
	      "\n"
	      "  -c FILE   the configuration (skexd.conf(5))\n"
	      "  --check   read the configuration, say what is wrong with it, and end\n"
	      "  -v        log more: who connects to the local API\n",
		out);
	return code;
}

/* A kernel that lacks something is no error, but not passed over in silence. */
static void tell_missing(void)
{
	struct skex_confined confined;
	char missing[SKEX_CONFINED_TEXT];

	skex_confine_support(&confined);
	skex_confined_missing(&confined, missing);
	if (missing[0] != '\0')
		fprintf(stderr, "skexd: its processes will not be confined as they should be: %s\n",
			missing);
}

static bool check_configured(
	const struct skex_agent_config *config, char why[SKEX_CONFIG_MESSAGE_MAX])
{
	struct skex_loop *loop = NULL;
	bool good;

	if (config->bindings_count == 0)
		return true;
	if (skex_loop_new(&loop) != SKEX_OK) {
		(void)snprintf(why, SKEX_CONFIG_MESSAGE_MAX, "no event loop");
		return false;
	}
	good = skex_bindings_check(
		skex_loop_platform(loop), config->bindings, config->bindings_count, why);
	skex_loop_free(loop);
	return good;
}

/* The daemon's own processes are started with what it has read, and not with what the file says by
 * then: with other bindings than the agent knows theirs could not run. */
static enum skex_error read_config(struct daemon *daemon, enum role role, char *message)
{
	enum skex_error error;

	if (role == ROLE_DAEMON || role == ROLE_CHECK) {
		error = skex_config_text(daemon->config_path, &daemon->config_text, message);
	} else {
		error = skex_sealed_text(SKEX_PROCESS_CONFIG_FD, &daemon->config_text);
		(void)close(SKEX_PROCESS_CONFIG_FD);
		if (error != SKEX_OK)
			(void)snprintf(message, SKEX_CONFIG_MESSAGE_MAX,
				"skexd starts this by itself; start skexd -c FILE");
	}
	if (error == SKEX_OK)
		error = skex_agent_config_parse(
			daemon->config_path, daemon->config_text, &daemon->config, message);
	return error;
}

static int run_process(struct skex_agent_config *config, enum skex_process process)
{
	if (process == SKEX_PROCESS_ETSI014)
		return skex_etsi014_main(SKEX_PROCESS_API_FD, &config->etsi014, config->name.text);
	if (process == SKEX_PROCESS_SKIP)
		return skex_skip_main(SKEX_PROCESS_API_FD, config);
	if (process == SKEX_PROCESS_BINDINGS)
		return skex_bindings_main(SKEX_PROCESS_API_FD, config);
	return skex_qkd014_main(SKEX_PROCESS_API_FD, config);
}

static int run_role(struct daemon *daemon, enum role role, enum skex_process process)
{
	char message[SKEX_CONFIG_MESSAGE_MAX];
	enum skex_error error = read_config(daemon, role, message);
	int code = 0;

	if (error == SKEX_OK && (role == ROLE_DAEMON || role == ROLE_CHECK) &&
		!check_configured(&daemon->config, message)) {
		error = SKEX_E_CONFIG;
		skex_agent_config_clear(&daemon->config);
	}
	if (error != SKEX_OK) {
		fprintf(stderr, "skexd: %s\n", message);
		free(daemon->config_text);
		return (int)skex_error_class(error);
	}
	if (role == ROLE_CHECK) {
		printf("%s: ok\n", daemon->config_path);
		tell_missing();
	} else if (role == ROLE_PROCESS) {
		code = run_process(&daemon->config, process);
	} else {
		code = run(daemon);
		stop(daemon);
	}
	skex_agent_config_clear(&daemon->config);
	free(daemon->config_text);
	return code;
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	enum role role = ROLE_DAEMON;
	enum skex_process process = SKEX_PROCESS_COUNT;

	skex_process_protect();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			daemon.config_path = argv[++i];
		} else if (strcmp(argv[i], "--check") == 0) {
			role = ROLE_CHECK;
		} else if (skex_process_named(argv[i], &process)) {
			role = ROLE_PROCESS;
		} else if (strcmp(argv[i], "-v") == 0) {
			skex_posix_log_up_to(SKEX_LEVEL_DEBUG);
		} else if (strcmp(argv[i], "--version") == 0) {
			printf("skexd %s\n", SKEX_VERSION);
			return 0;
		} else if (strcmp(argv[i], "--help") == 0) {
			return usage(stdout, 0);
		} else {
			return usage(stderr, SKEX_CLASS_USAGE);
		}
	}
	if (daemon.config_path == NULL)
		return usage(stderr, SKEX_CLASS_USAGE);
	return run_role(&daemon, role, process);
}
