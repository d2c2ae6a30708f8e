/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/agents.h"

#include <stdio.h>
#include <stdlib.h>

void bench_duplicate(void *owner, struct skex_leg *leg, const struct skex_prefix *prefix,
	struct skex_view header, struct skex_view body)
{
	(void)owner;
	(void)leg;
	(void)prefix;
	(void)header;
	(void)body;
}

void bench_refused(void *owner, struct skex_leg *leg, struct skex_pad_position at, uint16_t status)
{
	(void)owner;
	(void)leg;
	(void)at;
	fprintf(stderr, "refused with status %u\n", status);
	exit(1);
}

void bench_alarm(void *owner, struct skex_leg *leg, const char *name, const char *text)
{
	(void)owner;
	(void)leg;
	fprintf(stderr, "%s: %s\n", name, text);
	exit(1);
}
