/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/lab.h"
#include "deliver/etsi014/certificates.h"
#include "platform/posix.h"
#include "store/kek.h"

#define CERTIFICATE_DAYS 365u

static const struct skex_platform platform = {
	.random = skex_posix_random,
	.files = &skex_posix_files,
};

static enum skex_error fail(
	struct skex_reason *reason, enum skex_error error, const char *path, const char *what)
{
	return skex_reason_set(reason, error, "lab_file",
		"give an empty directory that can be written", "%s: %s", path, what);
}

static enum skex_error make_directory(const char *path, struct skex_reason *reason)
{
	if (mkdir(path, 0700) != 0)
		return fail(reason, errno == EEXIST ? SKEX_E_REFUSED : SKEX_E_IO, path,
			strerror(errno));
	return SKEX_OK;
}

static enum skex_error open_file(const char *path, FILE **file, struct skex_reason *reason)
{
	*file = fopen(path, "wxe");
	return *file != NULL ? SKEX_OK : fail(reason, SKEX_E_IO, path, strerror(errno));
}

static enum skex_error close_file(const char *path, FILE *file, struct skex_reason *reason)
{
	bool bad = ferror(file) != 0;

	if (fclose(file) != 0 || bad)
		return fail(reason, SKEX_E_IO, path, strerror(errno));
	return SKEX_OK;
}

/* "HOST:PORT", in brackets when the host has colons itself. */
static void write_address(FILE *file, const char *host, uint16_t port)
{
	bool six = strchr(host, ':') != NULL;

	fprintf(file, "\"%s%s%s:%u\"", six ? "[" : "", host, six ? "]" : "", (unsigned)port);
}

/* ---- hubs -------------------------------------------------------------------------------------
 */

static void write_hub(FILE *file, const struct lab *lab, const struct lab_node *hub)
{
	char state[LAB_PATH_MAX], kek[LAB_PATH_MAX], socket[LAB_PATH_MAX];

	lab_path(state, lab, hub, "state");
	lab_path(kek, lab, hub, "kek");
	lab_path(socket, lab, hub, "admin.sock");
	fprintf(file,
		"name = \"%s\";\ndirectory = \"%s\";\nkek = { file = \"%s\"; };\n"
		"admin_socket = \"%s\";\npolicy = ( { between = [\"*\", \"*\"]; } );\nlisten = [",
		hub->name, state, kek, socket);
	write_address(file, lab->host, hub->port);
	fprintf(file, "];\npad_folders = [\"%s/sources\"];\n", lab->dir);
}

/* ---- agents -----------------------------------------------------------------------------------
 */

static void write_profile(FILE *file, const struct lab *lab)
{
	fprintf(file, "profiles = ( {\n\tname = \"lab\";\n\tk = %u;\n\thubs = (", lab->k);
	for (unsigned i = 0; i < lab->n; i++)
		fprintf(file, "%s\n\t\t{ name = \"%s\"; owner = \"owner%u\"; }", i == 0 ? "" : ",",
			lab->hubs[i].name, i + 1);
	fputs("\n\t);\n} );\n", file);
}

static void write_peers(FILE *file, const struct lab *lab, const struct lab_node *agent)
{
	bool first = true;

	fputs("peers = (", file);
	for (unsigned i = 0; i < lab->m; i++) {
		if (&lab->agents[i] == agent)
			continue;
		fprintf(file,
			"%s\n\t{ name = \"%s\"; profiles = [\"lab\"]; "
			"accept = [\"app:*\", \"cms:*\", \"tls:*\"]; "
			"identities = [\"sae-%s\"]; ",
			first ? "" : ",", lab->agents[i].name, lab->agents[i].name);
		if (lab->pairwise) {
			fputs("address = ", file);
			write_address(file, lab->host, lab->agents[i].port);
			fputs("; ", file);
		}
		fputs("}", file);
		first = false;
	}
	fputs("\n);\n", file);
}

static void write_etsi014(FILE *file, const struct lab *lab, const struct lab_node *agent)
{
	fputs("etsi014 = {\n\tlisten = ", file);
	write_address(file, lab->host, agent->port);
	fprintf(file,
		";\n\tca = \"%s/tls/ca.pem\";\n\tcertificate = \"%s/tls/kme-%s.pem\";\n"
		"\tkey = \"%s/tls/kme-%s.key\";\n};\n",
		lab->dir, lab->dir, agent->name, lab->dir, agent->name);
}

static void write_agent(FILE *file, const struct lab *lab, const struct lab_node *agent)
{
	char state[LAB_PATH_MAX], kek[LAB_PATH_MAX], socket[LAB_PATH_MAX];

	lab_path(state, lab, agent, "state");
	lab_path(kek, lab, agent, "kek");
	lab_path(socket, lab, agent, "api.sock");
	fprintf(file,
		"name = \"%s\";\ndirectory = \"%s\";\nkek = { file = \"%s\"; };\n"
		"socket = \"%s\";\nidentities = [\"sae-%s\"];\npad_folders = [\"%s/sources\"];\n",
		agent->name, state, kek, socket, agent->name, lab->dir);
	write_profile(file, lab);
	write_peers(file, lab, agent);
	write_etsi014(file, lab, agent);
	if (!lab->pairwise)
		return;
	fputs("pairwise = { listen = ", file);
	write_address(file, lab->host, agent->port);
	fputs("; };\n", file);
}

/* ---- all --------------------------------------------------------------------------------------
 */

static enum skex_error make_node(
	const struct lab *lab, const struct lab_node *node, struct skex_reason *reason)
{
	char path[LAB_PATH_MAX];
	enum skex_error error;
	FILE *file = NULL;

	lab_path(path, lab, NULL, node->name);
	error = make_directory(path, reason);
	if (error != SKEX_OK)
		return error;
	lab_path(path, lab, node, "state");
	error = make_directory(path, reason);
	if (error != SKEX_OK)
		return error;
	lab_path(path, lab, node, "kek");
	error = skex_kek_make(&platform, path);
	if (error != SKEX_OK)
		return fail(reason, error, path, skex_error_name(error));
	lab_path(path, lab, node, "conf");
	error = open_file(path, &file, reason);
	if (error != SKEX_OK)
		return error;
	if (node->hub)
		write_hub(file, lab, node);
	else
		write_agent(file, lab, node);
	return close_file(path, file, reason);
}

enum skex_error lab_make_files(const struct lab *lab, struct skex_reason *reason)
{
	char path[LAB_PATH_MAX];
	enum skex_error error;

	lab_path(path, lab, NULL, "sources");
	error = make_directory(path, reason);
	for (unsigned i = 0; i < lab->n && error == SKEX_OK; i++)
		error = make_node(lab, &lab->hubs[i], reason);
	for (unsigned i = 0; i < lab->m && error == SKEX_OK; i++)
		error = make_node(lab, &lab->agents[i], reason);
	return error;
}

/* ---- certificates -----------------------------------------------------------------------------
 */

static enum skex_error issue(const struct lab *lab, struct skex_authority *authority,
	const char *prefix, const char *name, bool server, struct skex_reason *reason)
{
	static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
	char common_name[64], file[80];
	char certificate[LAB_PATH_MAX], key[LAB_PATH_MAX];
	enum skex_error error;

	(void)snprintf(common_name, sizeof(common_name), "%s-%s", prefix, name);
	(void)snprintf(file, sizeof(file), "tls/%s.pem", common_name);
	lab_path(certificate, lab, NULL, file);
	(void)snprintf(file, sizeof(file), "tls/%s.key", common_name);
	lab_path(key, lab, NULL, file);
	error = skex_authority_issue(
		authority, common_name, local, server ? 3 : 0, CERTIFICATE_DAYS, certificate, key);
	if (error != SKEX_OK)
		return fail(reason, error, certificate, "the certificate cannot be made");
	return SKEX_OK;
}

enum skex_error lab_make_certificates(const struct lab *lab, struct skex_reason *reason)
{
	char certificate[LAB_PATH_MAX], key[LAB_PATH_MAX], directory[LAB_PATH_MAX];
	struct skex_authority *authority;
	enum skex_error error;

	lab_path(directory, lab, NULL, "tls");
	error = make_directory(directory, reason);
	if (error != SKEX_OK)
		return error;
	lab_path(certificate, lab, NULL, "tls/ca.pem");
	lab_path(key, lab, NULL, "tls/ca.key");
	error = skex_authority_new("skex lab", CERTIFICATE_DAYS, certificate, key, &authority);
	if (error != SKEX_OK)
		return fail(reason, error, certificate, "the authority cannot be made");
	for (unsigned i = 0; i < lab->m && error == SKEX_OK; i++) {
		error = issue(lab, authority, "kme", lab->agents[i].name, true, reason);
		if (error == SKEX_OK)
			error = issue(lab, authority, "sae", lab->agents[i].name, false, reason);
	}
	skex_authority_free(authority);
	return error;
}
