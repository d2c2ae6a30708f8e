/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/agent_schema.h"

#define INTERFACE_MAX 15u /* characters, as Linux has it */
#define SCI_DIGITS    16u

/* Settings of one mode only; those that have a default are taken in both. */
static const char *const of_mka[] = {"sockets", "interfaces", "bond", NULL};
static const char *const of_static[] = {"interface", "peer_sci", NULL};

static enum skex_error check_modes(
	const struct config_reading *reading, const config_setting_t *group, uint8_t mode)
{
	const bool mka = mode == SKEX_BINDING_MKA;
	const char *const *needed = mka ? of_mka : of_static;
	const char *const *foreign = mka ? of_static : of_mka;
	size_t i;

	for (i = 0; foreign[i] != NULL; i++) {
		const config_setting_t *setting = config_member(group, foreign[i]);

		if (setting != NULL)
			return config_wrong_setting(reading, setting,
				"is of mode \"%s\"; leave it out, or write that mode",
				mka ? "static" : "mka");
	}
	/* All but the bond. */
	for (i = 0; i < 2; i++) {
		if (config_member(group, needed[i]) == NULL)
			return config_wrong_setting(reading, group,
				"%s is missing; mode \"%s\" needs it", needed[i],
				mka ? "mka" : "static");
	}
	return SKEX_OK;
}

static enum skex_error check_names(const struct config_reading *reading,
	const config_setting_t *group, const struct skex_binding_macsec *macsec)
{
	const char *const names[] = {
		macsec->bond, macsec->interfaces[0], macsec->interfaces[1], macsec->interface};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) > INTERFACE_MAX)
			return config_wrong_setting(reading, group,
				"%s is longer than 15 characters; write the interface as `ip link` "
				"shows it",
				names[i]);
	}
	return SKEX_OK;
}

static bool is_sci(const char *text)
{
	return strlen(text) == SCI_DIGITS && text[strspn(text, "0123456789abcdef")] == '\0';
}

enum skex_error config_check_macsec(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding)
{
	const config_setting_t *group = config_member(written, "macsec");
	const struct skex_binding_macsec *macsec = &binding->macsec;
	enum skex_error error = check_modes(reading, group, macsec->mode);

	if (error != SKEX_OK)
		return error;
	if (macsec->mode == SKEX_BINDING_STATIC && !is_sci(macsec->peer_sci))
		return config_wrong_setting(reading, config_member(group, "peer_sci"),
			"\"%s\" is no SCI; write the 16 digits after TXSC that `ip macsec show` "
			"prints at the other end",
			macsec->peer_sci);
	if (macsec->mode == SKEX_BINDING_MKA && strcmp(macsec->sockets[0], macsec->sockets[1]) == 0)
		return config_wrong_setting(reading, config_member(group, "sockets"),
			"the two are the same; write those of two wpa_supplicants for one link");
	if (macsec->mode == SKEX_BINDING_MKA &&
		strcmp(macsec->interfaces[0], macsec->interfaces[1]) == 0)
		return config_wrong_setting(reading, config_member(group, "interfaces"),
			"the two are the same; write one for each wpa_supplicant");
	return check_names(reading, group, macsec);
}
