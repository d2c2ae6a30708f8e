/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_KEYFILL_H
#define SKEX_CLI_KEYFILL_H

#include <jansson.h>
#include <stdbool.h>

/* Prints the list that "keyfill_ls" and "status" give, as a table; false when it cannot. */
bool skex_keyfills_print(const json_t *list);

#endif
