/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_PEER_H
#define SKEX_CLI_PEER_H

#include <jansson.h>
#include <stdbool.h>

/* Prints the list of peers of a status as a table; false when a row is missing for want of memory.
 */
bool skex_peers_print(const json_t *list);

#endif
