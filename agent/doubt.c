/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/doubt.h"

#include "core/base/backoff.h"

#define WAIT_FIRST_MS 60000u
#define WAIT_MOST_MS  900000u

bool agent_doubt_holds(const struct agent_doubt *doubt, uint64_t now_ms)
{
	return doubt->since_ms != 0 &&
		now_ms - doubt->since_ms < skex_back_off(WAIT_FIRST_MS, doubt->times, WAIT_MOST_MS);
}

void agent_doubt_heard(struct agent_doubt *doubt, enum skex_class class, uint64_t now_ms)
{
	if (class == SKEX_CLASS_ITS) {
		*doubt = (struct agent_doubt){0, 0};
		return;
	}
	/* Those that others need meanwhile say nothing new. */
	if (doubt->since_ms != 0 && !agent_doubt_holds(doubt, now_ms))
		doubt->times++;
	doubt->since_ms = now_ms;
}
