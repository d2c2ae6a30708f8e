/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_MACSEC_PROBE_H
#define SKEX_DELIVER_MACSEC_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* Sends a frame that says nothing over an interface, to this MAC address: see static.h.  packet is
 * a socket (AF_PACKET) to use; -1: one of its own, for which CAP_NET_RAW is needed.  False: it did
 * not leave, and errno says why. */
bool macsec_probe(int packet, int32_t index, const uint8_t mac[6]);

#endif
