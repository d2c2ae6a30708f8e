/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_KEY_OUTPUT_H
#define SKEX_CLI_KEY_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include <skex/client.h>

/*
 * Where raw key bytes, and other secrets, go: a file of mode 0600 that appears whole or not at all,
 * or a descriptor that is no terminal.  Opened before a key is taken, so that none is lost for a
 * typing error. Functions that give an int give 0, or the exit code after they have told the error.
 */
struct skex_key_output {
	int descriptor; /* -1: none */
	const char *path;
	char temporary[4096]; /* what the file is called until it is whole; "" when it has no name
			       */
};

int skex_key_output_file(struct skex_key_output *output, const char *path);
int skex_key_output_descriptor(struct skex_key_output *output, int descriptor);
/* Writes all keys, one after another; a file is synced and gets its name.  Nothing when there is no
 * output. */
int skex_key_output_write(struct skex_key_output *output, const struct skex_client_keys *keys);
/* Writes a secret text as a line, likewise; there is an output. */
int skex_key_output_text(struct skex_key_output *output, const char *text);
/* For what is written to the descriptor piece by piece: a file is synced and gets its name. */
int skex_key_output_finish(struct skex_key_output *output);
/* Removes what was not finished. */
void skex_key_output_end(struct skex_key_output *output);

#endif
