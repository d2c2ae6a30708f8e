/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETHERTYPE 0x88b5u /* IEEE 802: for experiments of a site's own */
#define BYTES     46u     /* the least that Ethernet carries */

bool macsec_probe(int packet, int32_t index, const uint8_t mac[6])
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
		.sll_ifindex = index,
		.sll_halen = 6};
	static const uint8_t nothing[BYTES];
	/* Protocol 0: nothing comes in through it. */
	const int fd = packet >= 0 ? packet : socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool sent;
	int why;

	if (fd < 0)
		return false;
	memcpy(to.sll_addr, mac, 6);
	sent = sendto(fd, nothing, sizeof(nothing), MSG_DONTWAIT, (const struct sockaddr *)&to,
		       sizeof(to)) == (ssize_t)sizeof(nothing);
	why = errno;
	if (packet < 0)
		(void)close(fd);
	errno = why;
	return sent;
}
