/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_LINK_TRACE_H
#define SKEX_LINK_TRACE_H

#include "link/link.h"

/*
 * Called before each transmission of a message that uses pad.  In the daemons it does nothing
 * (link/trace.c); tests link their own, which records every range over all lives of a process and
 * proves that none ever carries two different messages.
 */
void skex_trace_send(const struct skex_leg *leg, struct skex_view header, struct skex_view body);

#endif
