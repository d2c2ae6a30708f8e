/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/agent_schema.h"

/* What bindings key, and whether two key the same: each would undo what the other does. */

#define PLACE_BYTES (SKEX_PATH_MAX + 2 * SKEX_NAME_MAX)

/* A link can be named by each of these, in any order, and by another mode's. */
static const char *place_of_macsec(const struct skex_binding_macsec *macsec, size_t which)
{
	const char *const of_mka[] = {macsec->sockets[0], macsec->sockets[1], macsec->interfaces[0],
		macsec->interfaces[1]};

	if (macsec->mode == SKEX_BINDING_STATIC)
		return which == 0 ? macsec->interface : "";
	return which < sizeof(of_mka) / sizeof(of_mka[0]) ? of_mka[which] : "";
}

/* One of the things that it keys, by its number from 0; false: there is none of this number. */
static bool place_of(
	const struct skex_binding_config *binding, size_t which, char text[PLACE_BYTES])
{
	text[0] = '\0';
	if (binding->macsec.enabled)
		(void)snprintf(text, PLACE_BYTES, "%s", place_of_macsec(&binding->macsec, which));
	else if (which > 0)
		return false;
	else if (binding->wireguard.enabled)
		(void)snprintf(text, PLACE_BYTES, "%s of %s", binding->wireguard.public_key,
			binding->wireguard.socket);
	else if (binding->ikev2.enabled)
		(void)snprintf(text, PLACE_BYTES, "%s of %s", binding->ikev2.connection,
			binding->ikev2.socket);
	else if (binding->routing.enabled)
		(void)snprintf(text, PLACE_BYTES, "%s", binding->routing.file);
	else if (binding->hook.enabled)
		(void)snprintf(text, PLACE_BYTES, "%s", binding->hook.file);
	/* One key file of TLS can be that of many bindings: each has its own lines. */
	return text[0] != '\0';
}

bool skex_binding_same_place(
	const struct skex_binding_config *a, const struct skex_binding_config *b)
{
	char of_a[PLACE_BYTES];
	char of_b[PLACE_BYTES];

	if (strcmp(skex_binding_consumer(a), skex_binding_consumer(b)) != 0)
		return false;
	for (size_t i = 0; place_of(a, i, of_a); i++) {
		for (size_t j = 0; place_of(b, j, of_b); j++) {
			if (strcmp(of_a, of_b) == 0)
				return true;
		}
	}
	return false;
}

enum skex_error config_check_places(const struct config_reading *reading,
	const config_setting_t *list, const struct skex_agent_config *config)
{
	enum skex_error error = SKEX_E_MEMORY;
	char place[PLACE_BYTES];
	struct config_text *texts;
	char *places;
	size_t count = 0;

	for (size_t i = 0; i < config->bindings_count; i++) {
		for (size_t which = 0; place_of(&config->bindings[i], which, place); which++)
			count++;
	}
	if (count == 0)
		return SKEX_OK;
	places = malloc(count * PLACE_BYTES);
	texts = calloc(count, sizeof(*texts));
	count = 0;
	for (size_t i = 0; places != NULL && texts != NULL && i < config->bindings_count; i++) {
		for (size_t which = 0; place_of(&config->bindings[i], which, place); which++) {
			char *kept = places + count * PLACE_BYTES;

			memcpy(kept, place, PLACE_BYTES);
			texts[count].text = kept;
			texts[count++].setting = config_setting_get_elem(list, (unsigned)i);
		}
	}
	if (count > 0)
		error = config_check_twice(
			reading, texts, count, "another binding keys this already");
	free(places);
	free(texts);
	return error;
}
