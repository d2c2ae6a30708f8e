/* SPDX-License-Identifier: Apache-2.0 */

/* Runs the process of the KMEs as skexd does, for a test that plays the agent:
 * kmes_launcher DESCRIPTOR CONFIG */
#include <stdio.h>
#include <stdlib.h>

#include "deliver/qkd014/qkd014.h"

int main(int argc, char **argv)
{
	static struct skex_agent_config config;
	char message[SKEX_CONFIG_MESSAGE_MAX];

	if (argc != 3)
		return 1;
	if (skex_agent_config_read(argv[2], &config, message) != SKEX_OK) {
		fprintf(stderr, "%s\n", message);
		return 1;
	}
	return skex_qkd014_main((int)strtol(argv[1], NULL, 10), &config);
}
