/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_BINDING_H
#define SKEX_CLI_BINDING_H

#include <jansson.h>
#include <stdbool.h>

/* Prints the list that "bindings" and "status" give, as a table, and what is wrong with them below;
 * false when it cannot. */
bool skex_bindings_print(const json_t *list);

#endif
