/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CONFIG_AGENT_SCHEMA_H
#define SKEX_CONFIG_AGENT_SCHEMA_H

#include "config/schema.h"

#define PROFILES_MAX   64
#define PEERS_MAX      100000
#define IDENTITIES_MAX 100000
#define BINDINGS_MAX   10000

/* agent_config.c: SKEX_E_CONFIG, and what is wrong in these words, when a text is there twice. */
enum skex_error config_check_twice(const struct config_reading *reading, struct config_text *texts,
	size_t count, const char *what);

/* binding_config.c: frees what is in it. */
void skex_binding_clear(struct skex_binding_config *binding);

/* binding_place.c: SKEX_E_CONFIG, and why, when two of the bindings of this list key the same. */
enum skex_error config_check_places(const struct config_reading *reading,
	const config_setting_t *list, const struct skex_agent_config *config);

/* macsec_config.c: of a binding whose consumer is a MACsec link. */
enum skex_error config_check_macsec(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding);

/* qkd014_config.c */
#define KMES_MAX 64
extern const struct schema config_qkd014_schema[];
enum skex_error config_check_qkd014(const struct config_reading *reading,
	const config_setting_t *root, struct skex_agent_config *config);
/* Is the peer one of a KME? */
bool config_has_kme(const struct skex_agent_config *config, const struct skex_name *peer);

extern const struct schema config_binding_schema[];
enum skex_error config_check_bindings(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_agent_config *config);

#endif
