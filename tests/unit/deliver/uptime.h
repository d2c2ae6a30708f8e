/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_DELIVER_UPTIME_H
#define SKEX_TESTS_UNIT_DELIVER_UPTIME_H

#include <stdint.h>

/* From now on the clock of this process, and of those that it forks, is that of a machine that has
 * been up for so long, whatever this one has.  0: the clock of this one.  Needs uptime_wrap_dep. */
void uptime_is(uint64_t uptime_ms);

#endif
