/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_CONFINED_H
#define SKEX_AGENT_CONFINED_H

#include "config/config.h"
#include "platform/confine.h"

/*
 * From now on an agent writes its state, its socket and beside sources of pads, and nothing else.
 * It may read elsewhere: kits and carried files are named to it while it runs, and looking up names
 * reads what the machine's owner has set up.  Its folder has to be there.  SKEX_E_IO as
 * skex_confine_files.
 */
SKEX_MUST_USE enum skex_error skex_agent_confine(
	const struct skex_agent_config *config, struct skex_confined *confined, const char **wrong);

#endif
