/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

/* FNV-1a, folded. */
static uint8_t fold(const uint8_t *bytes, size_t size)
{
	uint32_t hash = UINT32_C(2166136261);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT32_C(16777619);
	return (uint8_t)(hash ^ hash >> 8 ^ hash >> 16 ^ hash >> 24);
}

static uint8_t of_ipv6(const struct in6_addr *address)
{
	return IN6_IS_ADDR_V4MAPPED(address) ? fold(address->s6_addr + 12, 4)
					     : fold(address->s6_addr, 8);
}

uint8_t skex_network_of(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		return fold((const uint8_t *)&in.sin_addr, sizeof(in.sin_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in;

		memcpy(&in, address, sizeof(in));
		return of_ipv6(&in.sin6_addr);
	}
	return 0;
}

uint8_t skex_network_of_peer(const char *peer)
{
	const char *port = strrchr(peer, ':');
	const size_t brackets = peer[0] == '[';
	const size_t size = port == NULL ? strlen(peer) : (size_t)(port - peer);
	char text[INET6_ADDRSTRLEN] = "";
	struct in_addr ipv4;
	struct in6_addr ipv6;

	if (size > 2 * brackets && size - 2 * brackets < sizeof(text)) {
		memcpy(text, peer + brackets, size - 2 * brackets);
		text[strcspn(text, "%")] = '\0'; /* without its interface */
	}
	if (inet_pton(AF_INET6, text, &ipv6) == 1)
		return of_ipv6(&ipv6);
	if (inet_pton(AF_INET, text, &ipv4) == 1)
		return fold((const uint8_t *)&ipv4, sizeof(ipv4));
	return fold((const uint8_t *)peer, size);
}
