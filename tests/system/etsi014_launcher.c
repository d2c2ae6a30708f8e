/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs the 014 server as skexd does, for a test that plays the agent:
 * etsi014_launcher DESCRIPTOR HOST PORT CA CERTIFICATE KEY KME_ID KEYS_MAX BITS
 */
#include <stdio.h>
#include <stdlib.h>

#include "deliver/etsi014/etsi014.h"

int main(int argc, char **argv)
{
	struct skex_etsi014_config config = {.enabled = true};

	if (argc != 10)
		return 1;
	snprintf(config.listen.host, sizeof(config.listen.host), "%s", argv[2]);
	config.listen.port = (uint16_t)strtoul(argv[3], NULL, 10);
	snprintf(config.ca, sizeof(config.ca), "%s", argv[4]);
	snprintf(config.certificate, sizeof(config.certificate), "%s", argv[5]);
	snprintf(config.key, sizeof(config.key), "%s", argv[6]);
	snprintf(config.kme_id, sizeof(config.kme_id), "%s", argv[7]);
	config.max_key_per_request = (uint32_t)strtoul(argv[8], NULL, 10);
	config.key_bits = (uint32_t)strtoul(argv[9], NULL, 10);
	return skex_etsi014_main((int)strtol(argv[1], NULL, 10), &config, "agent1");
}
