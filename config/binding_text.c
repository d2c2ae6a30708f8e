/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/agent_schema.h"

/* Bindings that stand in no file: those that are added at run time. */

static const struct schema_list bindings_list = {
	.least = 1,
	.most = SKEX_BINDINGS_AT_ONCE,
	.stride = sizeof(struct skex_binding_config),
	.count_offset = offsetof(struct skex_agent_config, bindings_count),
	.count_size = sizeof(((struct skex_agent_config *)0)->bindings_count),
	.allocated = true,
};

/* As in skexd.conf, with all else left out. */
static const struct schema text_schema[] = {
	{.name = "bindings",
		.type = SCHEMA_GROUP,
		.required = true,
		.offset = offsetof(struct skex_agent_config, bindings),
		.list = &bindings_list,
		.inner = config_binding_schema},
	{.name = NULL},
};

enum skex_error skex_bindings_read(const char *called, const char *text,
	const struct skex_name *agent, struct skex_binding_config **bindings, size_t *count,
	char *message)
{
	const struct config_reading reading = {called, message};
	struct skex_agent_config read;
	const config_setting_t *root;
	enum skex_error error;
	config_t tree;

	memset(&read, 0, sizeof(read));
	message[0] = '\0';
	read.name = *agent;
	error = config_load_text(&reading, text, &tree);
	root = config_root_setting(&tree);
	if (error == SKEX_OK)
		error = config_read_group(&reading, text_schema, root, &read);
	if (error == SKEX_OK)
		error = config_check_bindings(&reading, root, &read);
	config_destroy(&tree);
	if (error != SKEX_OK) {
		if (message[0] == '\0')
			(void)config_wrong(&reading, 0, NULL, "%s", skex_error_name(error));
		skex_bindings_clear(read.bindings, read.bindings_count);
		return error;
	}
	*bindings = read.bindings;
	*count = read.bindings_count;
	return SKEX_OK;
}

void skex_bindings_clear(struct skex_binding_config *bindings, size_t count)
{
	for (size_t i = 0; bindings != NULL && i < count; i++)
		skex_binding_clear(&bindings[i]);
	free(bindings);
}

char *skex_binding_text(const struct skex_binding_config *binding)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool good;

	if (out == NULL)
		return NULL;
	(void)fputs("bindings = ( {\n", out);
	config_write_group(out, config_binding_schema, binding, "  ");
	(void)fputs("} );\n", out);
	good = ferror(out) == 0;
	if (fclose(out) == 0 && good)
		return text;
	free(text);
	return NULL;
}

static bool is_among(
	const char (*paths)[SKEX_PATH_MAX], size_t count, const char *path, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(paths[i]);

		/* "/a/" is "/a". */
		while (length > 1 && paths[i][length - 1] == '/')
			length--;
		if (length == size && memcmp(paths[i], path, size) == 0)
			return true;
	}
	return false;
}

static bool file_permitted(const struct skex_agent_config *config, const char *path)
{
	const char *last = strrchr(path, '/');
	const size_t size = last == path ? 1 : (size_t)(last - path);

	return is_among(config->binding_folders, config->binding_folders_count, path, size);
}

static bool program_permitted(const struct skex_agent_config *config, const char *path)
{
	return is_among(
		config->binding_programs, config->binding_programs_count, path, strlen(path));
}

bool skex_binding_permitted(const struct skex_agent_config *config,
	const struct skex_binding_config *binding, char why[SKEX_CONFIG_MESSAGE_MAX])
{
	char inside[SKEX_PATH_MAX + 2] = "";
	/* One consumer is there, and of the others nothing. */
	const char *const files[] = {binding->tls.file, binding->tls.pid_file,
		binding->routing.file, binding->hook.file, inside};
	const struct skex_command_config *const programs[] = {
		&binding->tls.reload, &binding->tls.check, &binding->hook.program};

	/* Where sockets to which wpa_supplicant answers are made. */
	if (binding->macsec.enabled && binding->macsec.mode == SKEX_BINDING_MKA)
		(void)snprintf(inside, sizeof(inside), "%s/x", binding->macsec.folder);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i][0] == '\0' || file_permitted(config, files[i]))
			continue;
		(void)snprintf(why, SKEX_CONFIG_MESSAGE_MAX,
			"binding %s: %.250s is in no folder of binding_folders", binding->name.text,
			files[i]);
		return false;
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (programs[i]->count == 0 || program_permitted(config, programs[i]->words[0]))
			continue;
		(void)snprintf(why, SKEX_CONFIG_MESSAGE_MAX,
			"binding %s: %.250s is none of binding_programs", binding->name.text,
			programs[i]->words[0]);
		return false;
	}
	return true;
}
