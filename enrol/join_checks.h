/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_JOIN_CHECKS_H
#define SKEX_ENROL_JOIN_CHECKS_H

#include "enrol/join.h"

/* Inside of join.h: may this agent take in this kit, and what it remembers of kits. */

/* *replaced is set to the leg that has to go, or 0.  path is for messages. */
SKEX_MUST_USE enum skex_error join_check(const struct skex_join_setup *setup,
	const struct skex_kit *kit, const char *path, uint64_t *replaced,
	struct skex_reason *reason);
/* A kit id that was taken in, for ever; inside a transaction of the registry. */
SKEX_MUST_USE enum skex_error join_remember_kit(
	struct skex_registry *registry, const uint8_t id[static SKEX_KIT_ID_BYTES], uint64_t leg);
/* The name that the first kit gave this agent. */
SKEX_MUST_USE enum skex_error join_remember_name(
	struct skex_registry *registry, const struct skex_name *agent);
/* And that name; SKEX_E_UNKNOWN when there is none. */
SKEX_MUST_USE enum skex_error join_known_name(
	struct skex_registry *registry, struct skex_name *agent);
/* Destroys all pads of a leg. */
SKEX_MUST_USE enum skex_error join_destroy_leg(const struct skex_join_setup *setup, uint64_t leg);

#endif
