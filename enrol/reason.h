/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_REASON_H
#define SKEX_ENROL_REASON_H

#include "core/base/error.h"

/*
 * Why something about enrolment was refused or failed: for programs a stable word, for people a
 * sentence that names the file or agent, and what to do.  Never holds a secret.
 */
#define SKEX_REASON_MESSAGE_MAX 768u

struct skex_reason {
	enum skex_error error;
	const char *code; /* "kit_truncated"; never freed */
	const char *act;  /* what to do next; never freed */
	char message[SKEX_REASON_MESSAGE_MAX];
};

/* Fills *reason (which may be NULL) and gives error back. */
enum skex_error skex_reason_set(struct skex_reason *reason, enum skex_error error, const char *code,
	const char *act, const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
