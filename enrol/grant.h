/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_GRANT_H
#define SKEX_ENROL_GRANT_H

#include "enrol/enrol_hub.h"

/*
 * A leg that hub and agent made together, without a kit (docs/spec/join.md).  The keys go into a
 * transaction of the caller's, beside its own note of what it granted; when that is durable the
 * rows follow, also after a crash: the caller's note says which.
 */

/* Why there may be no leg for this agent now: SKEX_E_BANNED, SKEX_E_SPENT when it has one, unless
 * that is `own`, which was never used and will be voided; what skex_enrol_leg_used gives. */
SKEX_MUST_USE enum skex_error skex_enrol_grant_check(
	const struct skex_enrol_hub *hub, const struct skex_name *agent, uint64_t own);
/* Evicts the agent, whose leg was never used: another one follows. */
SKEX_MUST_USE enum skex_error skex_enrol_grant_void(
	const struct skex_enrol_hub *hub, const struct skex_name *agent);
/* Adds the keys of the leg to a transaction.  SKEX_E_BUSY when the hub has, or had, a leg of this
 * number: make another. */
SKEX_MUST_USE enum skex_error skex_enrol_grant_put(const struct skex_enrol_hub *hub,
	struct skex_txn *txn, const struct skex_kit_header *header);
/* The rows; fine when they are there.  Needs no keys in header. */
SKEX_MUST_USE enum skex_error skex_enrol_grant_rows(const struct skex_enrol_hub *hub,
	const struct skex_kit_header *header, const struct skex_name *groups, uint8_t count);

#endif
