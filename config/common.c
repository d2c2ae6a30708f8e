/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "config/schema.h"

const struct schema config_kek_schema[] = {
	{.name = "file", .type = SCHEMA_PATH, .offset = offsetof(struct skex_kek_config, file)},
	{.name = "credential",
		.type = SCHEMA_CREDENTIAL,
		.offset = offsetof(struct skex_kek_config, credential)},
	{.name = "passphrase_file",
		.type = SCHEMA_INPUT,
		.offset = offsetof(struct skex_kek_config, passphrase_file)},
	{.name = NULL},
};

enum skex_error config_check_kek(const struct config_reading *reading, const config_setting_t *root,
	const struct skex_kek_config *kek)
{
	int written = (kek->file[0] != '\0') + (kek->credential[0] != '\0') +
		(kek->passphrase_file[0] != '\0');

	if (written == 1)
		return SKEX_OK;
	return config_wrong_setting(reading, config_member(root, "kek"),
		"has %d of its settings; write exactly one of file, credential, passphrase_file",
		written);
}

enum skex_error config_default_socket(const struct config_reading *reading,
	const config_setting_t *root, const char *directory, const char *name,
	char path[SKEX_PATH_MAX])
{
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	char made[SKEX_PATH_MAX + 32];
	int size;

	if (path[0] != '\0')
		return SKEX_OK;
	size = snprintf(made, sizeof(made), "%s/%s", directory, name);
	if (size < 0 || (size_t)size > most)
		return config_wrong_setting(reading, config_member(root, "directory"),
			"is too long for a socket in it, which has a path of at most %zu bytes; "
			"write a shorter one, or the path of the socket",
			most);
	memcpy(path, made, (size_t)size + 1);
	return SKEX_OK;
}
