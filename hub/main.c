/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/hub_admin.h"
#include "api/metrics.h"
#include "api/server.h"
#include "config/config.h"
#include "core/math/math.h"
#include "crypto/openssl.h"
#include "enrol/enrol_hub.h"
#include "enrol/unlock.h"
#include "hub/confined.h"
#include "hub/hub.h"
#include "link/link.h"
#include "net/loop.h"
#include "platform/memory.h"
#include "platform/posix.h"
#include "store/state.h"
#include "token/hub.h"

/* skex-hub: puts the parts together.  The exit code is the class of the error. */

#define ADMIN_MODE      0600u
#define LISTENERS_MAX   16u
/* Descriptors that are not for connections of agents: pad files, the local API, all others. */
#define DESCRIPTORS_OWN (SKEX_LINK_PAD_FILES + SKEX_API_CONNECTIONS_MAX + 160u)

struct daemon {
	struct skex_hub_config config;
	struct skex_loop *loop;
	const struct skex_platform *platform;
	struct skex_state state;
	uint8_t *kek;
	struct skex_hub *hub;
	struct skex_token_hub *tokens;
	struct skex_listener *listeners[LISTENERS_MAX];
	struct skex_api_server *server;
	struct skex_hub_admin *admin;
	struct skex_metrics *metrics;
	struct skex_enrol_hub enrol;
	char addresses[SKEX_ADDRESSES_MAX];
	enum skex_error failed;
	struct skex_confined confined;
};

static int fail(enum skex_error error, const char *what, const char *act)
{
	fprintf(stderr, "skex-hub: %s (%s)\n", what, skex_error_name(error));
	if (act != NULL)
		fprintf(stderr, "what to do: %s\n", act);
	return (int)skex_error_class(error);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static void append_address(struct daemon *daemon, const char *host, uint16_t port)
{
	size_t at = strlen(daemon->addresses);
	int size = snprintf(daemon->addresses + at, sizeof(daemon->addresses) - at, "%s%s %u",
		at == 0 ? "" : ",", host, (unsigned)port);

	if (size < 0 || (size_t)size >= sizeof(daemon->addresses) - at)
		daemon->addresses[at] = '\0';
}

static bool is_any(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* What goes into kits: what is configured, or else where it really listens. */
static void set_addresses(struct daemon *daemon)
{
	const struct skex_hub_config *config = &daemon->config;
	const struct skex_net *net = daemon->platform->net;

	for (size_t i = 0; i < config->advertise_count; i++)
		append_address(daemon, config->advertise[i].host, config->advertise[i].port);
	for (size_t i = 0; i < config->listen_count && config->advertise_count == 0; i++)
		if (!is_any(config->listen[i].host))
			append_address(
				daemon, config->listen[i].host, net->port(daemon->listeners[i]));
}

static void accepted(void *owner, struct skex_stream *stream)
{
	struct daemon *daemon = owner;

	skex_hub_accept(daemon->hub, stream);
}

static int start_listening(struct daemon *daemon)
{
	const struct skex_hub_config *config = &daemon->config;
	const struct skex_net *net = daemon->platform->net;

	for (size_t i = 0; i < config->listen_count; i++) {
		const struct skex_address *at = &config->listen[i];
		enum skex_error error = net->listen(
			net->context, at->host, at->port, accepted, daemon, &daemon->listeners[i]);
		char what[SKEX_HOST_MAX + 64];

		if (error != SKEX_OK) {
			(void)snprintf(what, sizeof(what), "cannot listen on %s port %u", at->host,
				(unsigned)at->port);
			return fail(
				error, what, "look who has the port, or set another in `listen`");
		}
		skex_log(daemon->platform, SKEX_LEVEL_INFO, "listening on %s port %u", at->host,
			(unsigned)net->port(daemon->listeners[i]));
	}
	set_addresses(daemon);
	return 0;
}

/* ---- what the process gives up ----------------------------------------------------------------
 */

/* Before there is a second thread, and with all that lies elsewhere read. */
static int confine_files(struct daemon *daemon)
{
	const struct skex_files *files = daemon->platform->files;
	const char *wrong = daemon->config.directory;
	enum skex_error error = files->make_directory(files->context, wrong);

	if (error == SKEX_OK)
		error = skex_hub_confine(&daemon->config, &daemon->confined, &wrong);
	if (error == SKEX_OK)
		return 0;
	fprintf(stderr, "skex-hub: %s: %s\n", wrong, strerror(errno));
	return fail(error, "cannot confine itself to its folders",
		"make that folder; those of pad_folders have to be there too");
}

/* Before the first packet. */
static int confine_calls(struct daemon *daemon)
{
	enum skex_error error = skex_confine_calls(SKEX_CALLS_HUB, &daemon->confined);

	if (error != SKEX_OK)
		return fail(error, "cannot confine itself to its system calls",
			"look whether the kernel lets it use seccomp");
	skex_confined_log(daemon->platform, "the hub", &daemon->confined);
	return 0;
}

/* Connections take descriptors, and what files need has to be left. */
static void limit(struct daemon *daemon)
{
	const uint32_t wanted = SKEX_LINK_CONNECTIONS_MAX + DESCRIPTORS_OWN;
	const uint32_t have = skex_posix_descriptors(wanted);
	const uint32_t connections =
		have > DESCRIPTORS_OWN + have / 8 ? have - DESCRIPTORS_OWN : have / 8;

	skex_hub_limit(daemon->hub, connections);
	if (have < wanted)
		skex_log(daemon->platform, SKEX_LEVEL_NOTICE,
			"at most %" PRIu32 " connections, for this process may have %" PRIu32
			" descriptors; for more raise that limit (LimitNOFILE)",
			connections, have);
}

/* ---- start ------------------------------------------------------------------------------------
 */

static int open_state(struct daemon *daemon)
{
	const struct skex_hub_config *config = &daemon->config;
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
	if (error != SKEX_OK)
		return fail(error, config->directory,
			"the state cannot be opened: look at the log and the disk");
	return 0;
}

static int start_hub(struct daemon *daemon)
{
	const struct skex_hub_setup setup = {
		.platform = daemon->platform,
		.crypto = skex_crypto_openssl(),
		.math = skex_math_select(skex_posix_cpu_features()),
		.store = daemon->state.store,
		.registry = daemon->state.registry,
		.config = &daemon->config,
		.directory = daemon->config.directory,
		.kek = daemon->kek,
	};
	struct skex_enrol_hub *enrol = &daemon->enrol;
	enum skex_error error;

	enrol->platform = setup.platform;
	enrol->crypto = setup.crypto;
	enrol->store = setup.store;
	enrol->registry = setup.registry;
	enrol->directory = setup.directory;
	enrol->kek = setup.kek;
	enrol->name = daemon->config.name;
	enrol->addresses = daemon->addresses;
	enrol->limits.pair_quota_bytes = daemon->config.pair_quota_bytes;
	enrol->limits.unacknowledged_bytes = daemon->config.unacknowledged_bytes;
	enrol->limits.lifetime_max_s = daemon->config.lifetime_max_s;
	error = skex_enrol_hub_recover(enrol);
	if (error != SKEX_OK)
		return fail(error, "unfinished enrolments cannot be cleared up", NULL);
	error = skex_hub_new(&setup, &daemon->hub);
	if (error != SKEX_OK)
		return fail(error, "the hub's state cannot be read", NULL);
	memcpy(enrol->hub, skex_hub_id(daemon->hub), sizeof(enrol->hub));
	limit(daemon);
	return 0;
}

static int start_tokens(struct daemon *daemon)
{
	const struct skex_token_hub_setup setup = {
		.platform = daemon->platform,
		.crypto = skex_crypto_openssl(),
		.store = daemon->state.store,
		.enrol = &daemon->enrol,
		.hub = daemon->hub,
	};
	enum skex_error error = skex_token_hub_new(&setup, &daemon->tokens);

	if (error != SKEX_OK)
		return fail(error, "the tokens for joining cannot be read", NULL);
	return 0;
}

static char *metrics_text(void *owner)
{
	struct daemon *daemon = owner;

	return skex_hub_admin_metrics(daemon->admin);
}

static int start_admin(struct daemon *daemon)
{
	const struct skex_hub_config *config = &daemon->config;
	const struct skex_hub_admin_setup setup = {
		daemon->platform, daemon->hub, config, &daemon->enrol, daemon->tokens};
	enum skex_error error = skex_api_server_new(daemon->platform, &daemon->server);

	if (error == SKEX_OK)
		error = skex_hub_admin_new(&setup, daemon->server, &daemon->admin);
	if (error == SKEX_OK)
		error = skex_api_server_listen(daemon->server, config->admin_socket, ADMIN_MODE);
	if (error != SKEX_OK)
		return fail(error, config->admin_socket,
			"the admin socket cannot be made: look what lies there");
	if (config->metrics.port == 0)
		return 0;
	error = skex_metrics_new(daemon->platform, config->metrics.host, config->metrics.port,
		metrics_text, daemon, &daemon->metrics);
	if (error != SKEX_OK)
		return fail(error, "cannot listen for metrics", "set another port in `metrics`");
	return 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static uint64_t turn(void *owner, uint64_t now_ms)
{
	struct daemon *daemon = owner;
	uint64_t next = skex_hub_admin_turn(daemon->admin, now_ms);
	uint64_t other = skex_token_hub_turn(daemon->tokens, now_ms);

	next = other < next ? other : next;
	other = skex_hub_turn(daemon->hub, now_ms);

	next = other < next ? other : next;
	other = skex_api_server_turn(daemon->server, now_ms);
	next = other < next ? other : next;
	other = skex_metrics_turn(daemon->metrics, now_ms);
	next = other < next ? other : next;
	daemon->failed = skex_hub_failed(daemon->hub);
	if (daemon->failed == SKEX_OK)
		daemon->failed = skex_token_hub_failed(daemon->tokens);
	if (daemon->failed != SKEX_OK) {
		skex_log(daemon->platform, SKEX_LEVEL_ERROR,
			"the store failed (%s): the hub stops, nothing is lost",
			skex_error_name(daemon->failed));
		skex_loop_stop(daemon->loop);
	}
	return next;
}

static void stopping(void *owner)
{
	struct daemon *daemon = owner;

	skex_notify("STOPPING=1");
	skex_log(daemon->platform, SKEX_LEVEL_NOTICE, "stopping");
	skex_loop_stop(daemon->loop);
}

static void stop(struct daemon *daemon)
{
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		if (daemon->listeners[i] != NULL)
			daemon->platform->net->unlisten(daemon->listeners[i]);
	skex_metrics_free(daemon->metrics);
	skex_api_server_free(daemon->server);
	if (daemon->tokens != NULL && skex_token_hub_failed(daemon->tokens) == SKEX_OK)
		skex_token_hub_settle(daemon->tokens);
	if (daemon->hub != NULL && skex_hub_failed(daemon->hub) == SKEX_OK)
		skex_hub_settle(daemon->hub);
	skex_token_hub_free(daemon->tokens);
	skex_hub_free(daemon->hub);
	skex_state_close(&daemon->state);
	skex_hub_admin_free(daemon->admin);
	skex_secret_free(daemon->kek);
	skex_loop_free(daemon->loop);
	skex_hub_config_clear(&daemon->config);
}

static int run(struct daemon *daemon)
{
	enum skex_error error = skex_loop_new(&daemon->loop);
	int code;

	if (error != SKEX_OK)
		return fail(error, "no event loop", NULL);
	daemon->platform = skex_loop_platform(daemon->loop);
	code = open_state(daemon);
	if (code == 0)
		code = start_hub(daemon);
	if (code == 0)
		code = start_tokens(daemon);
	if (code == 0)
		code = start_listening(daemon);
	if (code == 0)
		code = start_admin(daemon);
	if (code == 0)
		code = confine_calls(daemon);
	if (code != 0)
		return code;
	skex_log(daemon->platform, SKEX_LEVEL_NOTICE, "hub %s is ready", daemon->config.name.text);
	skex_notify("READY=1");
	skex_loop_run(daemon->loop, turn, stopping, NULL, daemon);
	return (int)skex_error_class(daemon->failed);
}

static int usage(FILE *out, int code)
{
	fputs("usage: skex-hub -c FILE [--check]\n"
	      "       skex-hub --version | --help\n"
	      "\n"
	      "  -c FILE   the configuration (skex-hub.conf(5)); `skex hub init` writes one\n"
	      "  --check   read the configuration, say what is wrong with it, and end\n",
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
		fprintf(stderr, "skex-hub: it will not be confined as it should be: %s\n", missing);
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	char message[SKEX_CONFIG_MESSAGE_MAX];
	const char *path = NULL;
	bool check = false;
	enum skex_error error;
	int code;

	skex_process_protect();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			path = argv[++i];
		} else if (strcmp(argv[i], "--check") == 0) {
			check = true;
		} else if (strcmp(argv[i], "--version") == 0) {
			printf("skex-hub %s\n", SKEX_VERSION);
			return 0;
		} else if (strcmp(argv[i], "--help") == 0) {
			return usage(stdout, 0);
		} else {
			return usage(stderr, SKEX_CLASS_USAGE);
		}
	}
	if (path == NULL)
		return usage(stderr, SKEX_CLASS_USAGE);
	error = skex_hub_config_read(path, &daemon.config, message);
	if (error != SKEX_OK) {
		fprintf(stderr, "skex-hub: %s\n", message);
		return (int)skex_error_class(error);
	}
	if (check) {
		printf("%s: ok\n", path);
		tell_missing();
		skex_hub_config_clear(&daemon.config);
		return 0;
	}
	code = run(&daemon);
	stop(&daemon);
	return code;
}
