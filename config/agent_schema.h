/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CONFIG_AGENT_SCHEMA_H
#define SKEX_CONFIG_AGENT_SCHEMA_H

#include "config/schema.h"

#define PROFILES_MAX   64
#define PEERS_MAX      100000
#define IDENTITIES_MAX 100000

#endif
