/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_BENCH_LOCAL_H
#define SKEX_BENCH_LOCAL_H

/* A stream to the socket at path; ends the program, and says why, when there is none. */
int local_connect(const char *path);

#endif
