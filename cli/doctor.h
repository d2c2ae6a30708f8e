/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_DOCTOR_H
#define SKEX_CLI_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

/* What doctor found; a list of {"check","result","text","do"} in the order in which it looked. */
enum skex_finding {
	SKEX_PASS,
	SKEX_WARN,
	SKEX_FAIL,
};

struct skex_doctor {
	json_t *findings;
	enum skex_finding worst;
	bool failed; /* no memory */
};

/* act may be NULL when the check passed. */
void skex_doctor_find(struct skex_doctor *doctor, const char *check, enum skex_finding finding,
	const char *act, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* doctor_checks.c: each adds findings. */

/* Of this machine: the clock, randomness, the socket's file (path may be NULL: the usual one). */
void skex_doctor_machine(struct skex_doctor *doctor, const char *socket);
/* Of the daemon, by its status. */
void skex_doctor_daemon(struct skex_doctor *doctor, const json_t *status);

#endif
