/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/confined.h"

#define OWN 3u

enum skex_error skex_hub_confine(
	const struct skex_hub_config *config, struct skex_confined *confined, const char **wrong)
{
	struct skex_confine_path paths[OWN + SKEX_PAD_FOLDERS_MAX];
	uint16_t ports[sizeof(config->listen) / sizeof(config->listen[0]) + 1];
	struct skex_confine_files files = {.paths = paths, .listen = ports};
	char folder[SKEX_PATH_MAX];

	skex_confine_folder(folder, config->admin_socket);
	paths[files.paths_count++] =
		(struct skex_confine_path){.path = config->directory, .rights = SKEX_PATH_WRITE};
	paths[files.paths_count++] =
		(struct skex_confine_path){.path = folder, .rights = SKEX_PATH_WRITE};
	/* Devices that make true randomness. */
	paths[files.paths_count++] =
		(struct skex_confine_path){.path = "/dev", .rights = SKEX_PATH_READ};
	for (size_t i = 0; i < config->pad_folders_count; i++)
		paths[files.paths_count++] = (struct skex_confine_path){
			.path = config->pad_folders[i], .rights = SKEX_PATH_WRITE};
	for (size_t i = 0; i < config->listen_count; i++)
		ports[files.listen_count++] = config->listen[i].port;
	if (config->metrics.port != 0)
		ports[files.listen_count++] = config->metrics.port;
	return skex_confine_files(&files, confined, wrong);
}
