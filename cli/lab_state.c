/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/lab.h"

void lab_path(char path[static LAB_PATH_MAX], const struct lab *lab, const struct lab_node *node,
	const char *file)
{
	(void)snprintf(path, LAB_PATH_MAX, "%.127s/%.23s%s%.127s", lab->dir,
		node == NULL ? "" : node->name, node == NULL ? "" : "/", file);
}

void lab_name_nodes(struct lab *lab)
{
	for (unsigned i = 0; i < lab->n; i++) {
		lab->hubs[i].hub = true;
		lab->hubs[i].index = i + 1;
		lab->hubs[i].holder = -1;
		(void)snprintf(lab->hubs[i].name, sizeof(lab->hubs[i].name), "hub%u", i + 1);
	}
	for (unsigned i = 0; i < lab->m; i++) {
		lab->agents[i].hub = false;
		lab->agents[i].index = i + 1;
		lab->agents[i].holder = -1;
		(void)snprintf(lab->agents[i].name, sizeof(lab->agents[i].name), "agent%u", i + 1);
	}
}

struct lab_node *lab_find(struct lab *lab, const char *name)
{
	for (unsigned i = 0; i < lab->n; i++)
		if (strcmp(lab->hubs[i].name, name) == 0)
			return &lab->hubs[i];
	for (unsigned i = 0; i < lab->m; i++)
		if (strcmp(lab->agents[i].name, name) == 0)
			return &lab->agents[i];
	return NULL;
}

/* ---- lab.json ---------------------------------------------------------------------------------
 */

enum skex_error lab_save(const struct lab *lab, struct skex_reason *reason)
{
	json_t *hubs = json_array();
	json_t *agents = json_array();
	char path[LAB_PATH_MAX];
	json_t *object;
	int code;

	for (unsigned i = 0; i < lab->n; i++)
		(void)json_array_append_new(hubs,
			json_pack("{si ss}", "port", (int)lab->hubs[i].port, "mode",
				lab->hubs[i].mode));
	for (unsigned i = 0; i < lab->m; i++)
		(void)json_array_append_new(
			agents, json_pack("{si}", "port", (int)lab->agents[i].port));
	object = json_pack("{si ss si si so so}", "version", 1, "host", lab->host, "n", (int)lab->n,
		"k", (int)lab->k, "hubs", hubs, "agents", agents);
	lab_path(path, lab, NULL, "lab.json");
	code = object == NULL ? -1 : json_dump_file(object, path, JSON_INDENT(1));
	json_decref(object);
	if (code != 0)
		return skex_reason_set(reason, SKEX_E_IO, "lab_file", "look at the disk",
			"%s: cannot be written", path);
	return SKEX_OK;
}

static bool read_nodes(
	const json_t *list, struct lab_node *nodes, unsigned most, unsigned least, unsigned *count)
{
	size_t size = json_array_size(list);

	if (size < least || size > most)
		return false;
	for (size_t i = 0; i < size; i++) {
		const json_t *one = json_array_get(list, i);
		json_int_t port = json_integer_value(json_object_get(one, "port"));
		const char *mode = json_string_value(json_object_get(one, "mode"));

		if (port < 1 || port > 65535 || (mode != NULL && strlen(mode) > LAB_MODE_MAX))
			return false;
		nodes[i].port = (uint16_t)port;
		if (mode != NULL)
			memcpy(nodes[i].mode, mode, strlen(mode) + 1);
	}
	*count = (unsigned)size;
	return true;
}

static bool read_lab(const json_t *object, struct lab *lab)
{
	const char *host = json_string_value(json_object_get(object, "host"));
	json_int_t k = json_integer_value(json_object_get(object, "k"));

	if (json_integer_value(json_object_get(object, "version")) != 1 || host == NULL ||
		strlen(host) >= sizeof(lab->host) ||
		!read_nodes(json_object_get(object, "hubs"), lab->hubs, LAB_HUBS_MAX, 2, &lab->n) ||
		!read_nodes(
			json_object_get(object, "agents"), lab->agents, LAB_AGENTS_MAX, 1, &lab->m))
		return false;
	memcpy(lab->host, host, strlen(host) + 1);
	lab->k = (unsigned)k;
	lab_name_nodes(lab);
	return true;
}

enum skex_error lab_load(struct lab *lab, const char *dir, struct skex_reason *reason)
{
	char path[LAB_PATH_MAX];
	json_t *object;
	bool good;

	memset(lab, 0, sizeof(*lab));
	memcpy(lab->dir, dir, strnlen(dir, sizeof(lab->dir) - 1));
	lab_path(path, lab, NULL, "lab.json");
	errno = 0;
	object = json_load_file(path, 0, NULL);
	if (object == NULL && errno == ENOENT)
		return skex_reason_set(reason, SKEX_E_UNKNOWN, "no_lab",
			"name the directory that was given to `skex lab up`", "%s: there is no lab",
			dir);
	good = read_lab(object, lab);
	json_decref(object);
	if (!good)
		return skex_reason_set(reason, SKEX_E_CORRUPT, "lab_file",
			"stop its processes by hand, remove the directory, and begin anew",
			"%s: cannot be read, or is of another version", path);
	return SKEX_OK;
}

/* ---- what is printed --------------------------------------------------------------------------
 */

static json_t *describe_hub(const struct lab *lab, const struct lab_node *hub)
{
	char socket[LAB_PATH_MAX], log[LAB_PATH_MAX];

	lab_path(socket, lab, hub, "admin.sock");
	lab_path(log, lab, hub, "log");
	return json_pack("{ss si ss si si ss ss}", "name", hub->name, "index", (int)hub->index,
		"host", lab->host, "port", (int)hub->port, "pid", (int)lab_running(lab, hub),
		"admin_socket", socket, "log", log);
}

static json_t *describe_pids(pid_t pid)
{
	pid_t pids[32];
	size_t count = lab_family(pid, pids, sizeof(pids) / sizeof(pids[0]));
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, json_integer(pids[i]));
	return list;
}

static json_t *describe_agent(const struct lab *lab, const struct lab_node *agent)
{
	char socket[LAB_PATH_MAX], log[LAB_PATH_MAX], ca[LAB_PATH_MAX];
	char certificate[LAB_PATH_MAX], key[LAB_PATH_MAX];
	char url[128], sae[48], file[64];
	bool six = strchr(lab->host, ':') != NULL;
	pid_t pid = lab_running(lab, agent);

	lab_path(socket, lab, agent, "api.sock");
	lab_path(log, lab, agent, "log");
	lab_path(ca, lab, NULL, "tls/ca.pem");
	(void)snprintf(sae, sizeof(sae), "sae-%s", agent->name);
	(void)snprintf(file, sizeof(file), "tls/%s.pem", sae);
	lab_path(certificate, lab, NULL, file);
	(void)snprintf(file, sizeof(file), "tls/%s.key", sae);
	lab_path(key, lab, NULL, file);
	(void)snprintf(url, sizeof(url), "https://%s%s%s:%u", six ? "[" : "", lab->host,
		six ? "]" : "", (unsigned)agent->port);
	return json_pack("{ss si so ss ss ss ss ss ss ss}", "name", agent->name, "pid", (int)pid,
		"pids", describe_pids(pid), "socket", socket, "etsi014_url", url, "ca", ca, "cert",
		certificate, "key", key, "sae", sae, "log", log);
}

json_t *lab_describe(const struct lab *lab)
{
	json_t *hubs = json_array();
	json_t *agents = json_array();

	for (unsigned i = 0; i < lab->n; i++)
		(void)json_array_append_new(hubs, describe_hub(lab, &lab->hubs[i]));
	for (unsigned i = 0; i < lab->m; i++)
		(void)json_array_append_new(agents, describe_agent(lab, &lab->agents[i]));
	return json_pack("{si ss si si so so}", "version", 1, "dir", lab->dir, "n", (int)lab->n,
		"k", (int)lab->k, "hubs", hubs, "agents", agents);
}
