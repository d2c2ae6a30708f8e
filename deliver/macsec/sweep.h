/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_SWEEP_H
#define SKEX_DELIVER_MACSEC_SWEEP_H

#include "core/base/error.h"

/*
 * Removes what a MACsec interface has of keys, both ways, through the kernel's generic netlink
 * family "macsec" (linux/if_macsec.h): what a wpa_supplicant that was killed has left there.  It
 * would go on to carry frames, and a new wpa_supplicant would find no peer because of it.
 *
 * SKEX_OK when there is none, maybe because there was none; SKEX_E_UNKNOWN when there is no such
 * interface, or it is none of MACsec; SKEX_E_REFUSED when the kernel does not do it, as without
 * CAP_NET_ADMIN; SKEX_E_IO.  route and generic are sockets to use; -1: ones of its own.
 */
SKEX_MUST_USE enum skex_error macsec_sweep(int route, int generic, const char *interface);

#endif
