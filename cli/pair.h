/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_PAIR_H
#define SKEX_CLI_PAIR_H

#include "cli/local.h"

/* What the commands of `skex pair` share. */

/* A fingerprint as people compare it: "5566 9a87 370b aacb". */
#define PAIR_FINGERPRINT_TEXT 24u
void pair_fingerprint(char text[static PAIR_FINGERPRINT_TEXT], const char *digits);

/* No core dump, and what the JSON library holds is locked and wiped: called before anything is
 * asked, where a credential is in a request or an answer. */
void pair_protect(void);

/* The lines that both people compare, out of an answer or an entry of pair_ls. */
void pair_print_ends(FILE *out, const json_t *pair);

int pair_run_make(int argc, char **argv);
int pair_run_take(int argc, char **argv);

#endif
