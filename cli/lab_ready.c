/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/lab.h"
#include "core/base/mem.h"
#include "deliver/etsi014/client.h"
#include "platform/memory.h"
#include "platform/posix.h"

#define ANSWER_MS  30000u
#define LEGS_MS    60000u
#define PAIR_MS    60000u
#define REQUEST_MS 10000u
#define ASK_MS     5000
#define KEY_BITS   256u

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

void lab_catch_signals(void)
{
	struct sigaction action = {.sa_handler = interrupt};

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

bool lab_interrupted(void)
{
	return interrupted != 0;
}

void lab_pause(void)
{
	const struct timespec pause = {0, 50000000};

	(void)nanosleep(&pause, NULL);
}

/* SKEX_OK to go on waiting. */
static enum skex_error may_wait(const struct lab *lab, const struct lab_node *node,
	uint64_t until_ms, const char *what, struct skex_reason *reason)
{
	char log[LAB_PATH_MAX];

	lab_path(log, lab, node, "log");
	if (lab_interrupted())
		return skex_reason_set(
			reason, SKEX_E_STATE, "interrupted", "start it again", "interrupted");
	if (lab_running(lab, node) == 0)
		return skex_reason_set(reason, SKEX_E_OFFLINE, "node_ended",
			"read its log; a copy that runs already may have the port or directory",
			"%s has ended: see %s", node->name, log);
	if (skex_posix_now_ms(NULL) > until_ms)
		return skex_reason_set(reason, SKEX_E_OFFLINE, "too_slow", "read its log",
			"%s: %s in time: see %s", node->name, what, log);
	return SKEX_OK;
}

static enum skex_error ask_status(
	const struct lab *lab, const struct lab_node *node, json_t **answer)
{
	char socket[LAB_PATH_MAX];
	struct skex_reason ignored;

	lab_path(socket, lab, node, node->hub ? "admin.sock" : "api.sock");
	return skex_ask(socket, json_pack("{ss}", "op", "status"), ASK_MS, answer, &ignored);
}

enum skex_error lab_wait_answer(
	const struct lab *lab, const struct lab_node *node, struct skex_reason *reason)
{
	uint64_t until_ms = skex_posix_now_ms(NULL) + ANSWER_MS;

	for (;;) {
		json_t *answer;
		enum skex_error error;

		if (ask_status(lab, node, &answer) == SKEX_OK) {
			json_decref(answer);
			return SKEX_OK;
		}
		error = may_wait(lab, node, until_ms, "did not answer on its socket", reason);
		if (error != SKEX_OK)
			return error;
		lab_pause();
	}
}

/* ---- legs -------------------------------------------------------------------------------------
 */

static unsigned legs_up(const struct lab *lab, const struct lab_node *agent)
{
	json_t *answer = NULL;
	const json_t *legs;
	unsigned up = 0;

	if (ask_status(lab, agent, &answer) != SKEX_OK)
		return 0;
	legs = json_object_get(json_object_get(answer, "status"), "legs");
	for (size_t i = 0; i < json_array_size(legs); i++) {
		const char *state =
			json_string_value(json_object_get(json_array_get(legs, i), "state"));

		up += state != NULL && strcmp(state, "up") == 0;
	}
	json_decref(answer);
	return up;
}

enum skex_error lab_wait_legs(const struct lab *lab, struct skex_reason *reason)
{
	uint64_t until_ms = skex_posix_now_ms(NULL) + LEGS_MS;

	for (unsigned i = 0; i < lab->m; i++) {
		const struct lab_node *agent = &lab->agents[i];

		while (legs_up(lab, agent) < lab->n) {
			enum skex_error error =
				may_wait(lab, agent, until_ms, "not all its legs were up", reason);

			if (error != SKEX_OK)
				return error;
			lab_pause();
		}
	}
	return SKEX_OK;
}

/* ---- keys -------------------------------------------------------------------------------------
 */

static enum skex_error open_client(const struct lab *lab, const struct lab_node *agent,
	struct skex_etsi014_client **client, struct skex_reason *reason)
{
	char ca[LAB_PATH_MAX], certificate[LAB_PATH_MAX], key[LAB_PATH_MAX];
	char file[64], url[128];
	bool six = strchr(lab->host, ':') != NULL;
	enum skex_error error;

	lab_path(ca, lab, NULL, "tls/ca.pem");
	(void)snprintf(file, sizeof(file), "tls/sae-%s.pem", agent->name);
	lab_path(certificate, lab, NULL, file);
	(void)snprintf(file, sizeof(file), "tls/sae-%s.key", agent->name);
	lab_path(key, lab, NULL, file);
	(void)snprintf(url, sizeof(url), "https://%s%s%s:%u", six ? "[" : "", lab->host,
		six ? "]" : "", (unsigned)agent->port);
	error = skex_etsi014_client_new(url, ca, certificate, key, REQUEST_MS, client);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "client", "look at libcurl",
			"no client for %s (%s)", url, skex_error_name(error));
	return SKEX_OK;
}

struct pair {
	const struct lab *lab;
	const struct lab_node *master, *slave;
	struct skex_etsi014_client *at_master, *at_slave;
	struct skex_etsi014_key *keys; /* two, in locked memory */
};

/* One key at one end, asked for until it is there; id NULL: a fresh one. */
static enum skex_error ask_key(const struct pair *pair, const char *id, struct skex_reason *reason)
{
	uint64_t until_ms = skex_posix_now_ms(NULL) + PAIR_MS;
	char sae[48];

	(void)snprintf(
		sae, sizeof(sae), "sae-%s", id == NULL ? pair->slave->name : pair->master->name);
	for (;;) {
		char message[SKEX_ETSI014_CLIENT_MESSAGE_MAX] = "";
		enum skex_error error;

		if (id == NULL)
			error = skex_etsi014_client_enc(
				pair->at_master, sae, KEY_BITS, &pair->keys[0], message);
		else
			error = skex_etsi014_client_dec(
				pair->at_slave, sae, id, &pair->keys[1], message);
		if (error == SKEX_OK)
			return SKEX_OK;
		if (error == SKEX_E_OFFLINE || error == SKEX_E_EMPTY)
			error = may_wait(pair->lab, id == NULL ? pair->master : pair->slave,
				until_ms, message, reason);
		else
			(void)skex_reason_set(reason, error, "etsi014", "read the logs",
				"%s from %s to %s: %s", id == NULL ? "enc_keys" : "dec_keys",
				pair->master->name, pair->slave->name, message);
		if (error != SKEX_OK)
			return error;
		lab_pause();
	}
}

static enum skex_error serve_pair(const struct pair *pair, struct skex_reason *reason)
{
	enum skex_error error = ask_key(pair, NULL, reason);

	if (error == SKEX_OK)
		error = ask_key(pair, pair->keys[0].id, reason);
	if (error != SKEX_OK)
		return error;
	if (pair->keys[0].size != KEY_BITS / 8 || pair->keys[1].size != KEY_BITS / 8 ||
		!skex_ct_equal(pair->keys[0].bytes, pair->keys[1].bytes, KEY_BITS / 8))
		return skex_reason_set(reason, SKEX_E_INCONSISTENT, "etsi014",
			"this must not happen: keep the directory and report it",
			"%s and %s have different keys under one id", pair->master->name,
			pair->slave->name);
	return SKEX_OK;
}

static enum skex_error serve_all(const struct lab *lab, struct skex_etsi014_client **clients,
	struct skex_etsi014_key *keys, struct skex_reason *reason)
{
	enum skex_error error = SKEX_OK;

	for (unsigned i = 0; i < lab->m; i++)
		for (unsigned j = 0; j < lab->m && error == SKEX_OK; j++) {
			const struct pair pair = {lab, &lab->agents[i], &lab->agents[j], clients[i],
				clients[j], keys};

			if (i != j)
				error = serve_pair(&pair, reason);
		}
	return error;
}

enum skex_error lab_serve_pairs(const struct lab *lab, struct skex_reason *reason)
{
	struct skex_etsi014_client *clients[LAB_AGENTS_MAX] = {NULL};
	struct skex_etsi014_key *keys = skex_secret_new(2 * sizeof(*keys));
	enum skex_error error = SKEX_OK;

	if (keys == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	for (unsigned i = 0; i < lab->m && error == SKEX_OK; i++)
		error = open_client(lab, &lab->agents[i], &clients[i], reason);
	if (error == SKEX_OK)
		error = serve_all(lab, clients, keys, reason);
	for (unsigned i = 0; i < lab->m; i++)
		skex_etsi014_client_free(clients[i]);
	skex_secret_free(keys);
	return error;
}
