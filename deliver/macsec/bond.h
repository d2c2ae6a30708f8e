/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_BOND_H
#define SKEX_DELIVER_MACSEC_BOND_H

#include "core/base/error.h"

/*
 * The active interface of a bond in mode active-backup, through rtnetlink (rtnetlink(7)): what
 * `ip link set BOND type bond active_slave INTERFACE` does.  Needs CAP_NET_ADMIN when it is to be
 * changed.  Each call waits for the kernel's answer, which is there at once.
 *
 * SKEX_OK when it is so, maybe because it was; SKEX_E_UNKNOWN when there is no such bond or
 * interface; SKEX_E_REFUSED when the kernel does not do it, as for an interface that is down;
 * SKEX_E_IO.  route is a socket to use; -1: one of its own.
 */
SKEX_MUST_USE enum skex_error macsec_bond_use(int route, const char *bond, const char *interface);

#endif
