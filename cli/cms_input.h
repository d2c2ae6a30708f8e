/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_CMS_INPUT_H
#define SKEX_CLI_CMS_INPUT_H

#include "deliver/openssl/ber.h"

/*
 * What is encrypted or decrypted: a file, or standard input when path is NULL.  To be read a second
 * time, it may be kept aside in a file without a name, as it came: that is encrypted.  Functions
 * that give an int give 0, or the exit code after they have told the error.
 */
struct cms_input {
	const char *path;
	int descriptor;
	int spool; /* -1: none */
	int error; /* errno of the read, or of keeping aside, that failed */
};

int cms_input_open(struct cms_input *input, const char *path);
/* From now on what is read is also kept aside, unless it is a file and can be read again itself. */
int cms_input_spool(struct cms_input *input, bool always);
/* Reads from the beginning again. */
int cms_input_rewind(struct cms_input *input);
struct ber_source cms_input_source(struct cms_input *input);
void cms_input_close(struct cms_input *input);
/* For messages. */
const char *cms_input_name(const struct cms_input *input);

#endif
