/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_PSKFILE_SIGNAL_H
#define SKEX_DELIVER_PSKFILE_SIGNAL_H

#include "core/base/error.h"

/* A signal to the process of a pid file, if it is the program that it should be. */
struct skex_pskfile_signal {
	const char *pid_file; /* absolute; NULL: none */
	const char *program;  /* its name in /proc/PID/comm, such as "stunnel4"; at most 15 bytes */
	int number;           /* SIGHUP */
};

#define SKEX_PSKFILE_WHY_BYTES 512u

/* Reads files that another program writes, and waits for nothing.  SKEX_E_UNKNOWN when there is no
 * such process, or it is not ready for the signal, which would end it; SKEX_E_REFUSED when it is
 * another program or may not be signalled, SKEX_E_SYNTAX when the pid file holds no process,
 * SKEX_E_IO; why says it to people. */
SKEX_MUST_USE enum skex_error skex_pskfile_signal(
	const struct skex_pskfile_signal *signal, char why[static SKEX_PSKFILE_WHY_BYTES]);

#endif
