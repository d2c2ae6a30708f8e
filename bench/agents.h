/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_BENCH_AGENTS_H
#define SKEX_BENCH_AGENTS_H

#include "link/link.h"

#define BENCH_BLOCKS_MOST 256u

/* One message with shares of so many blocks, up to BENCH_BLOCKS_MOST, from `counter` on, of secrets
 * of so many bytes, between two enrolled agents by their numbers; false when it cannot be now. */
bool bench_send_share(struct skex_leg *sender, uint32_t initiator, uint32_t responder,
	uint64_t counter, uint32_t blocks, uint32_t secret_size);

/* Events of the links of agents at a hub that is measured: with it nothing goes wrong.  owner and
 * leg are not used. */

/* Nothing happens. */
void bench_duplicate(void *owner, struct skex_leg *leg, const struct skex_prefix *prefix,
	struct skex_view header, struct skex_view body);
/* These end the program. */
void bench_refused(void *owner, struct skex_leg *leg, struct skex_pad_position at, uint16_t status);
void bench_alarm(void *owner, struct skex_leg *leg, const char *name, const char *text);

#endif
