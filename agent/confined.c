/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/confined.h"

#define OWN 3u

enum skex_error skex_agent_confine(
	const struct skex_agent_config *config, struct skex_confined *confined, const char **wrong)
{
	struct skex_confine_path paths[OWN + SKEX_PAD_FOLDERS_MAX];
	struct skex_confine_files files = {
		.paths = paths, .listen = &config->metrics.port, .connects = true};
	char folder[SKEX_PATH_MAX];

	skex_confine_folder(folder, config->socket);
	paths[files.paths_count++] =
		(struct skex_confine_path){.path = config->directory, .rights = SKEX_PATH_WRITE};
	paths[files.paths_count++] =
		(struct skex_confine_path){.path = folder, .rights = SKEX_PATH_WRITE};
	paths[files.paths_count++] =
		(struct skex_confine_path){.path = "/", .rights = SKEX_PATH_READ};
	for (size_t i = 0; i < config->pad_folders_count; i++)
		paths[files.paths_count++] = (struct skex_confine_path){
			.path = config->pad_folders[i], .rights = SKEX_PATH_WRITE};
	if (config->metrics.port != 0)
		files.listen_count = 1;
	return skex_confine_files(&files, confined, wrong);
}
