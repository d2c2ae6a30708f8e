/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/hub.h"
#include "cli/join.h"
#include "cli/lab.h"
#include "enrol/kit.h"
#include "platform/posix.h"

/* Free ports are looked for below those that the system gives to outgoing connections, so that a
 * node that is stopped gets its port back. */
#define PORT_FIRST 20000u
#define PORT_COUNT 12000u
#define PORT_TRIES 2000u

/* ---- ports ------------------------------------------------------------------------------------
 */

/* A bound socket that does not listen: a server with SO_REUSEADDR can still take the port. */
static int hold_port(const char *host, uint16_t port, bool fixed)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool is_six = inet_pton(AF_INET6, host, &six.sin6_addr) == 1;
	int descriptor, one = 1, code;

	if (!is_six && inet_pton(AF_INET, host, &four.sin_addr) != 1)
		return -1;
	descriptor = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return -1;
	/* A port that was asked for may have old connections, but no listener; one that is looked
	 * for has nothing at all. */
	code = fixed ? setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) : 0;
	if (code == 0 && is_six)
		code = bind(descriptor, (const struct sockaddr *)&six, sizeof(six));
	else if (code == 0)
		code = bind(descriptor, (const struct sockaddr *)&four, sizeof(four));
	if (code == 0)
		code = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (code != 0) {
		close(descriptor);
		return -1;
	}
	return descriptor;
}

/* Nobody has the port for datagrams: agents that are paired use it too. */
static bool datagrams_free(const char *host, uint16_t port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool is_six = inet_pton(AF_INET6, host, &six.sin6_addr) == 1;
	int descriptor = socket(is_six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int code = -1;

	if (descriptor < 0)
		return false;
	if (is_six)
		code = bind(descriptor, (const struct sockaddr *)&six, sizeof(six));
	else if (inet_pton(AF_INET, host, &four.sin_addr) == 1)
		code = bind(descriptor, (const struct sockaddr *)&four, sizeof(four));
	close(descriptor);
	return code == 0;
}

static enum skex_error choose_port(
	const struct lab *lab, struct lab_node *node, uint16_t fixed, struct skex_reason *reason)
{
	uint16_t random;

	for (unsigned i = 0; i < (fixed != 0 ? 1 : PORT_TRIES); i++) {
		if (skex_posix_random(NULL, &random, sizeof(random)) != SKEX_OK)
			break;
		node->port = fixed != 0 ? fixed : (uint16_t)(PORT_FIRST + random % PORT_COUNT);
		if (lab->pairwise && !node->hub && !datagrams_free(lab->host, node->port))
			continue;
		node->holder = hold_port(lab->host, node->port, fixed != 0);
		if (node->holder >= 0)
			return SKEX_OK;
	}
	if (fixed != 0)
		return skex_reason_set(reason, SKEX_E_BUSY, "port",
			"leave --base-port out, or give another", "port %u on %s cannot be had",
			(unsigned)fixed, lab->host);
	return skex_reason_set(
		reason, SKEX_E_IO, "port", "give another --host", "no free port on %s", lab->host);
}

static enum skex_error choose_ports(struct lab *lab, uint16_t base_port, struct skex_reason *reason)
{
	enum skex_error error = SKEX_OK;
	unsigned next = base_port;

	for (unsigned i = 0; i < lab->n + lab->m && error == SKEX_OK; i++, next++) {
		struct lab_node *node = i < lab->n ? &lab->hubs[i] : &lab->agents[i - lab->n];

		error = choose_port(lab, node, base_port == 0 ? 0 : (uint16_t)next, reason);
	}
	return error;
}

static void release_ports(struct lab *lab)
{
	for (unsigned i = 0; i < lab->n + lab->m; i++) {
		struct lab_node *node = i < lab->n ? &lab->hubs[i] : &lab->agents[i - lab->n];

		if (node->holder >= 0)
			close(node->holder);
		node->holder = -1;
	}
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static enum skex_error start_nodes(const struct lab *lab, const struct lab_node *nodes,
	unsigned count, struct skex_reason *reason)
{
	enum skex_error error = SKEX_OK;

	for (unsigned i = 0; i < count && error == SKEX_OK; i++)
		error = lab_start(lab, &nodes[i], reason);
	for (unsigned i = 0; i < count && error == SKEX_OK; i++)
		error = lab_wait_answer(lab, &nodes[i], reason);
	return error;
}

static const struct skex_platform platform = {.files = &skex_posix_files};

static enum skex_error join(const struct lab *lab, const struct lab_node *agent, const char *kit,
	struct skex_reason *reason)
{
	char directory[LAB_PATH_MAX], kek[LAB_PATH_MAX], socket[LAB_PATH_MAX];
	const struct skex_join_order order = {
		.kit = kit,
		.directory = directory,
		.kek_file = kek,
		.socket = socket,
		.agent = agent->name,
	};
	struct skex_join_result result;

	lab_path(directory, lab, agent, "state");
	lab_path(kek, lab, agent, "kek");
	lab_path(socket, lab, agent, "api.sock");
	return skex_join_order(&order, &result, reason);
}

static enum skex_error enrol(const struct lab *lab, const struct lab_node *hub,
	const struct lab_node *agent, struct skex_reason *reason)
{
	char admin[LAB_PATH_MAX], kit[LAB_PATH_MAX], file[64];
	const struct skex_hub_kit_order order = {
		.admin = admin,
		.agent = agent->name,
		.out = kit,
		.pad_bytes = lab->pad_bytes,
	};
	struct skex_hub_kit_result result;
	enum skex_error error;

	lab_path(admin, lab, hub, "admin.sock");
	(void)snprintf(file, sizeof(file), "%s.kit", hub->name);
	lab_path(kit, lab, agent, file);
	error = skex_hub_kit_order(&order, &result, reason);
	if (error != SKEX_OK)
		return error;
	error = join(lab, agent, kit, reason);
	/* On a failure too: nobody needs it any more. */
	if (skex_kit_shred(&platform, kit) != SKEX_OK && error == SKEX_OK)
		return skex_reason_set(
			reason, SKEX_E_IO, "kit", "look at the disk", "%s cannot be removed", kit);
	return error;
}

static enum skex_error enrol_all(const struct lab *lab, struct skex_reason *reason)
{
	for (unsigned a = 0; a < lab->m; a++)
		for (unsigned h = 0; h < lab->n; h++) {
			enum skex_error error;

			if (lab_interrupted())
				return skex_reason_set(reason, SKEX_E_STATE, "interrupted",
					"start it again", "interrupted");
			error = enrol(lab, &lab->hubs[h], &lab->agents[a], reason);
			if (error != SKEX_OK)
				return error;
		}
	return SKEX_OK;
}

/* All programs are there before anything is made. */
static enum skex_error check_programs(const struct lab *lab, struct skex_reason *reason)
{
	char path[LAB_PATH_MAX];
	enum skex_error error = lab_program(&lab->agents[0], path, reason);

	for (unsigned i = 0; i < lab->n && error == SKEX_OK; i++)
		error = lab_program(&lab->hubs[i], path, reason);
	return error;
}

static enum skex_error run_steps(struct lab *lab, struct skex_reason *reason)
{
	enum skex_error error = lab_make_files(lab, reason);

	if (error == SKEX_OK)
		error = lab_make_certificates(lab, reason);
	if (error == SKEX_OK)
		error = lab_save(lab, reason);
	if (error == SKEX_OK)
		error = start_nodes(lab, lab->hubs, lab->n, reason);
	if (error == SKEX_OK)
		error = enrol_all(lab, reason);
	if (error == SKEX_OK)
		error = start_nodes(lab, lab->agents, lab->m, reason);
	if (error == SKEX_OK)
		error = lab_wait_legs(lab, reason);
	if (error == SKEX_OK && lab->pairwise)
		error = lab_pair_all(lab, reason);
	if (error == SKEX_OK)
		error = lab_serve_pairs(lab, reason);
	if (error != SKEX_OK)
		lab_stop_all(lab);
	return error;
}

enum skex_error lab_up(struct lab *lab, uint16_t base_port, struct skex_reason *reason)
{
	enum skex_error error;

	lab_name_nodes(lab);
	error = check_programs(lab, reason);
	if (error == SKEX_OK)
		error = choose_ports(lab, base_port, reason);
	if (error == SKEX_OK)
		error = run_steps(lab, reason);
	release_ports(lab);
	return error;
}
