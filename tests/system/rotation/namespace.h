/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SYSTEM_ROTATION_NAMESPACE_H
#define SKEX_TESTS_SYSTEM_ROTATION_NAMESPACE_H

/* A socket in the network namespace of a file, where it stays; -1: there is none to be had. */
int ends_socket_in(const char *path, int family, int type, int protocol);

#endif
