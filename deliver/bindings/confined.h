/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_CONFINED_H
#define SKEX_DELIVER_BINDINGS_CONFINED_H

#include "config/config.h"
#include "platform/platform.h"

/*
 * What the process that runs bindings gives up.  When none of them runs a program of the operator's
 * it opens their files and what looking up names needs, and starts nothing.  Otherwise it keeps
 * what such a program may need, for a program inherits all of it: then it has no files taken away,
 * and of its calls only those that no program is given.
 *
 * Logs what holds.  SKEX_E_IO when it cannot be confined.
 */
SKEX_MUST_USE enum skex_error skex_bindings_confine(
	const struct skex_platform *platform, const struct skex_agent_config *config);

#endif
