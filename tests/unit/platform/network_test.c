/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "platform/network.h"

static uint8_t of(const char *text)
{
	struct sockaddr_in ipv4 = {.sin_family = AF_INET};
	struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
		return skex_network_of((const struct sockaddr *)&ipv4);
	assert_int_equal(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1);
	return skex_network_of((const struct sockaddr *)&ipv6);
}

/* However it is written, and whatever of it one end can choose. */
static void one_end_has_one_network(void **state)
{
	(void)state;
	assert_int_equal(of("::ffff:192.0.2.1"), of("192.0.2.1"));
	assert_int_equal(skex_network_of_peer("192.0.2.1:4000"), of("192.0.2.1"));
	assert_int_equal(skex_network_of_peer("192.0.2.1:5000"), of("192.0.2.1"));
	assert_int_equal(skex_network_of_peer("[::ffff:192.0.2.1]:4000"), of("192.0.2.1"));
	assert_int_equal(skex_network_of_peer("[2001:db8::4]:4000"), of("2001:db8:0:0:5:6:7:8"));
	assert_int_equal(
		skex_network_of_peer("[2001:db8:0:0:1::]:4000"), of("2001:db8:0:0:5:6:7:8"));
	assert_int_equal(skex_network_of_peer("[fe80::1%eth0]:4000"), of("fe80::2"));
	assert_int_equal(skex_network_of_peer("agent1:1"), skex_network_of_peer("agent1:2"));
	(void)skex_network_of_peer("");
	(void)skex_network_of_peer("[");
	(void)skex_network_of_peer("[]:1");
	(void)skex_network_of_peer(":");
}

/* Those of many ends are spread: no network has more than some of them. */
static void ends_have_networks_of_their_own(void **state)
{
	unsigned ipv4[SKEX_NETWORKS] = {0};
	unsigned ipv6[SKEX_NETWORKS] = {0};

	(void)state;
	for (uint32_t i = 0; i < 65536; i++) {
		struct sockaddr_in four = {
			.sin_family = AF_INET, .sin_addr.s_addr = htonl(UINT32_C(0x0a000000) + i)};
		struct sockaddr_in6 six = {.sin6_family = AF_INET6};

		six.sin6_addr.s6_addr[6] = (uint8_t)(i >> 8);
		six.sin6_addr.s6_addr[7] = (uint8_t)i;
		six.sin6_addr.s6_addr[0] = 0x20;
		ipv4[skex_network_of((const struct sockaddr *)&four)]++;
		ipv6[skex_network_of((const struct sockaddr *)&six)]++;
	}
	for (uint32_t i = 0; i < SKEX_NETWORKS; i++) {
		assert_in_range(ipv4[i], 128, 512);
		assert_in_range(ipv6[i], 128, 512);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_end_has_one_network),
		cmocka_unit_test(ends_have_networks_of_their_own),
	};

	return cmocka_run_group_tests_name("platform network", tests, NULL, NULL);
}
