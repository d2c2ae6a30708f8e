/* SPDX-License-Identifier: Apache-2.0 */
#include "net/linger.h"

void net_linger_answered(struct net_linger *linger, uint64_t now_ns)
{
	if (linger->resting > 0)
		linger->resting--;
	else
		linger->until_ns = now_ns + NET_LINGER_NS;
}

void net_linger_asked(struct net_linger *linger)
{
	if (linger->until_ns == 0)
		return;
	linger->until_ns = 0;
	linger->rest = 0;
}

bool net_linger_stays(struct net_linger *linger, uint64_t now_ns)
{
	if (linger->until_ns == 0)
		return false;
	if (now_ns < linger->until_ns)
		return true;
	linger->until_ns = 0;
	linger->rest = linger->rest == 0 ? 1 : linger->rest * 2;
	if (linger->rest > NET_LINGER_REST_MAX)
		linger->rest = NET_LINGER_REST_MAX;
	linger->resting = linger->rest;
	return false;
}
