/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_HUB_CONFINED_H
#define SKEX_HUB_CONFINED_H

#include "config/config.h"
#include "platform/confine.h"

/* A hub opens its state, its sockets and sources of pads, and nothing else from now on.  Its folder
 * has to be there.  SKEX_E_IO as skex_confine_files. */
SKEX_MUST_USE enum skex_error skex_hub_confine(
	const struct skex_hub_config *config, struct skex_confined *confined, const char **wrong);

#endif
