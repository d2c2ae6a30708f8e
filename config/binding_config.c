/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/agent_schema.h"

#define DAY_S  UINT64_C(86400)
#define YEAR_S (UINT64_C(400) * DAY_S)

#define FIELD(member)     .offset = offsetof(struct skex_binding_config, member)
#define SIZED(member)     FIELD(member), .size = sizeof(((struct skex_binding_config *)0)->member)
/* A member of the group of a consumer. */
#define OF(group, member) .offset = offsetof(struct skex_binding_##group, member)

/* ---- consumers ---------------------------------------------------------------------------------
 */

static const struct schema wireguard_schema[] = {
	{.name = "interface",
		.type = SCHEMA_CREDENTIAL,
		.required = true,
		OF(wireguard, interface)},
	{.name = "socket",
		.type = SCHEMA_SOCKET,
		.shown = "/var/run/wireguard/INTERFACE.sock",
		OF(wireguard, socket)},
	{.name = "public_key", .type = SCHEMA_LABEL, .required = true, OF(wireguard, public_key)},
	{.name = NULL},
};

static const struct schema_list ikev2_settings_list = {
	.least = 1,
	.most = 64,
	.stride = SKEX_ASSIGNMENT_MAX + 1,
	.count_offset = offsetof(struct skex_binding_ikev2, settings_count),
	.count_size = sizeof(((struct skex_binding_ikev2 *)0)->settings_count),
	.allocated = true,
};

static const struct schema ikev2_schema[] = {
	{.name = "connection", .type = SCHEMA_WORD, .required = true, OF(ikev2, connection)},
	{.name = "domain", .type = SCHEMA_WORD, .fallback = "skex", OF(ikev2, domain)},
	{.name = "socket",
		.type = SCHEMA_SOCKET,
		.fallback = "/var/run/charon.vici",
		OF(ikev2, socket)},
	{.name = "settings",
		.type = SCHEMA_ASSIGNMENT,
		.required = true,
		OF(ikev2, settings),
		.list = &ikev2_settings_list},
	{.name = NULL},
};

/* A command: its words, and their number, which stands before them. */
#define COMMAND_LIST(count_at)                                                                     \
	{                                                                                          \
		.least = 1, .most = 16, .stride = SKEX_ASSIGNMENT_MAX + 1,                         \
		.count_offset = (count_at), .count_size = sizeof(size_t), .allocated = true,       \
	}

static const struct schema_list tls_reload_list =
	COMMAND_LIST(offsetof(struct skex_binding_tls, reload.count));
static const struct schema_list tls_check_list =
	COMMAND_LIST(offsetof(struct skex_binding_tls, check.count));
static const struct schema_list hook_program_list =
	COMMAND_LIST(offsetof(struct skex_binding_hook, program.count));

static const struct schema tls_schema[] = {
	{.name = "file", .type = SCHEMA_PATH, .required = true, OF(tls, file)},
	{.name = "pid_file",
		.type = SCHEMA_PATH,
		.shown = "none, so that no signal is sent",
		OF(tls, pid_file)},
	{.name = "program",
		.type = SCHEMA_LABEL,
		.shown = "none; needed with pid_file",
		OF(tls, program)},
	{.name = "reload",
		.type = SCHEMA_ARGUMENT,
		.shown = "none",
		OF(tls, reload.words),
		.list = &tls_reload_list},
	{.name = "check",
		.type = SCHEMA_ARGUMENT,
		.shown = "none",
		OF(tls, check.words),
		.list = &tls_check_list},
	{.name = "probe",
		.type = SCHEMA_ADDRESS,
		.shown = "none, so that what the server does is taken on trust",
		OF(tls, probe)},
	{.name = NULL},
};

static const struct schema routing_schema[] = {
	{.name = "method",
		.type = SCHEMA_CHOICE,
		.required = true,
		.choices = "ospf|bfd|tcp-md5|tcp-ao",
		OF(routing, method),
		.size = sizeof(((struct skex_binding_routing *)0)->method)},
	{.name = "protocol", .type = SCHEMA_CREDENTIAL, .required = true, OF(routing, protocol)},
	{.name = "interface",
		.type = SCHEMA_CREDENTIAL,
		.shown = "none; needed with ospf and bfd",
		OF(routing, interface)},
	{.name = "file", .type = SCHEMA_PATH, .required = true, OF(routing, file)},
	{.name = "socket",
		.type = SCHEMA_SOCKET,
		.fallback = "/run/bird/bird.ctl",
		OF(routing, socket)},
	{.name = NULL},
};

static const struct schema_list macsec_sockets_list = {
	.least = 2,
	.most = 2,
	.stride = SKEX_PATH_MAX,
	.count_offset = offsetof(struct skex_binding_macsec, sockets_count),
	.count_size = sizeof(((struct skex_binding_macsec *)0)->sockets_count),
};
static const struct schema_list macsec_interfaces_list = {
	.least = 2,
	.most = 2,
	.stride = sizeof(((struct skex_binding_macsec *)0)->interfaces[0]),
	.count_offset = offsetof(struct skex_binding_macsec, interfaces_count),
	.count_size = sizeof(((struct skex_binding_macsec *)0)->interfaces_count),
};

static const struct schema macsec_schema[] = {
	{.name = "mode",
		.type = SCHEMA_CHOICE,
		.fallback = "mka",
		.choices = "mka|static",
		OF(macsec, mode),
		.size = sizeof(((struct skex_binding_macsec *)0)->mode)},
	{.name = "sockets",
		.type = SCHEMA_SOCKET,
		.shown = "none; needed with mka",
		OF(macsec, sockets),
		.list = &macsec_sockets_list},
	{.name = "cak",
		.type = SCHEMA_CHOICE,
		.fallback = "256",
		.choices = "256|128",
		OF(macsec, cak),
		.size = sizeof(((struct skex_binding_macsec *)0)->cak)},
	{.name = "bond", .type = SCHEMA_CREDENTIAL, .shown = "none", OF(macsec, bond)},
	{.name = "interfaces",
		.type = SCHEMA_CREDENTIAL,
		.shown = "none; needed with mka",
		OF(macsec, interfaces),
		.list = &macsec_interfaces_list},
	{.name = "folder", .type = SCHEMA_PATH, .fallback = "/run/skex", OF(macsec, folder)},
	{.name = "interface",
		.type = SCHEMA_CREDENTIAL,
		.shown = "none; needed with static",
		OF(macsec, interface)},
	{.name = "peer_sci",
		.type = SCHEMA_WORD,
		.shown = "none; needed with static",
		OF(macsec, peer_sci)},
	{.name = "cipher",
		.type = SCHEMA_CHOICE,
		.fallback = "gcm-aes-256",
		.choices = "gcm-aes-256|gcm-aes-128",
		OF(macsec, cipher),
		.size = sizeof(((struct skex_binding_macsec *)0)->cipher)},
	{.name = NULL},
};

static const struct schema hook_schema[] = {
	{.name = "file", .type = SCHEMA_PATH, .shown = "none", OF(hook, file)},
	{.name = "mode",
		.type = SCHEMA_MODE,
		.shown = "as the file has it, 0600 for a new one",
		OF(hook, mode)},
	{.name = "format",
		.type = SCHEMA_CHOICE,
		.fallback = "raw",
		.choices = "raw|hex|base64|id-hex",
		OF(hook, format),
		.size = sizeof(((struct skex_binding_hook *)0)->format)},
	{.name = "program",
		.type = SCHEMA_ARGUMENT,
		.shown = "none",
		OF(hook, program.words),
		.list = &hook_program_list},
	{.name = "checks", .type = SCHEMA_FLAG, .fallback = "false", OF(hook, checks)},
	{.name = "one_place", .type = SCHEMA_FLAG, .fallback = "false", OF(hook, one_place)},
	{.name = "timeout",
		.type = SCHEMA_TIME,
		.fallback = "10 s",
		.least = 1,
		.most = 600,
		OF(hook, timeout_s),
		.size = sizeof(((struct skex_binding_hook *)0)->timeout_s)},
	{.name = NULL},
};

static enum skex_error check_wireguard(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding);
static enum skex_error check_tls(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding);
static enum skex_error check_routing(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding);
static enum skex_error check_hook(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding);

/* All groups of which a binding has one, by the name in purposes (tls: is that of programs), and a
 * last row for one that has none. */
static const struct consumer {
	const char *name;
	size_t enabled;
	enum skex_error (*check)(const struct config_reading *reading,
		const config_setting_t *written, struct skex_binding_config *binding); /* or NULL */
} consumers[] = {
	{"wireguard", offsetof(struct skex_binding_config, wireguard.enabled), check_wireguard},
	{"ikev2", offsetof(struct skex_binding_config, ikev2.enabled), NULL},
	{"tlsfile", offsetof(struct skex_binding_config, tls.enabled), check_tls},
	{"routing", offsetof(struct skex_binding_config, routing.enabled), check_routing},
	{"macsec", offsetof(struct skex_binding_config, macsec.enabled), config_check_macsec},
	{"hook", offsetof(struct skex_binding_config, hook.enabled), check_hook},
	{"", 0, NULL},
};
#define CONSUMERS (sizeof(consumers) / sizeof(consumers[0]) - 1)

static bool is_enabled(const struct skex_binding_config *binding, size_t which)
{
	bool enabled;

	memcpy(&enabled, (const char *)binding + consumers[which].enabled, sizeof(enabled));
	return enabled;
}

static const struct consumer *consumer_of(const struct skex_binding_config *binding)
{
	size_t i = 0;

	while (i < CONSUMERS && !is_enabled(binding, i))
		i++;
	return &consumers[i];
}

bool skex_binding_runs_programs(const struct skex_binding_config *binding)
{
	if (binding->tls.enabled)
		return binding->tls.reload.count > 0 || binding->tls.check.count > 0;
	return binding->hook.enabled && binding->hook.program.count > 0;
}

const char *skex_binding_consumer(const struct skex_binding_config *binding)
{
	return consumer_of(binding)->name;
}

void skex_binding_clear(struct skex_binding_config *binding)
{
	free(binding->ikev2.settings);
	free(binding->tls.reload.words);
	free(binding->tls.check.words);
	free(binding->hook.program.words);
	memset(binding, 0, sizeof(*binding));
}

/* ---- the binding ---- */

static const struct schema_list require_list = {
	.least = 0,
	.most = 4,
	.stride = SKEX_NAME_MAX + 1,
	.count_offset = offsetof(struct skex_binding_config, require_count),
	.count_size = sizeof(((struct skex_binding_config *)0)->require_count),
};

const struct schema config_binding_schema[] = {
	{.name = "name", .type = SCHEMA_NAME, .required = true, FIELD(name)},
	{.name = "peer", .type = SCHEMA_NAME, .required = true, FIELD(peer)},
	{.name = "role",
		.type = SCHEMA_CHOICE,
		.required = true,
		.choices = "leads|follows",
		SIZED(role)},
	{.name = "period",
		.type = SCHEMA_TIME,
		.fallback = "2 min",
		.least = 1,
		.most = YEAR_S,
		SIZED(period_s)},
	{.name = "grace",
		.type = SCHEMA_TIME,
		.fallback = "1 d",
		.least = 0,
		.most = YEAR_S,
		SIZED(grace_s)},
	{.name = "expired",
		.type = SCHEMA_CHOICE,
		.fallback = "close",
		.choices = "close|open",
		SIZED(expired)},
	{.name = "require",
		.type = SCHEMA_WORD,
		.fallback = "confirmed",
		FIELD(require),
		.list = &require_list},
	{.name = "wireguard",
		.type = SCHEMA_GROUP,
		FIELD(wireguard),
		.inner = wireguard_schema,
		.present_offset = offsetof(struct skex_binding_config, wireguard.enabled)},
	{.name = "ikev2",
		.type = SCHEMA_GROUP,
		FIELD(ikev2),
		.inner = ikev2_schema,
		.present_offset = offsetof(struct skex_binding_config, ikev2.enabled)},
	{.name = "tls",
		.type = SCHEMA_GROUP,
		FIELD(tls),
		.inner = tls_schema,
		.present_offset = offsetof(struct skex_binding_config, tls.enabled)},
	{.name = "routing",
		.type = SCHEMA_GROUP,
		FIELD(routing),
		.inner = routing_schema,
		.present_offset = offsetof(struct skex_binding_config, routing.enabled)},
	{.name = "macsec",
		.type = SCHEMA_GROUP,
		FIELD(macsec),
		.inner = macsec_schema,
		.present_offset = offsetof(struct skex_binding_config, macsec.enabled)},
	{.name = "hook",
		.type = SCHEMA_GROUP,
		FIELD(hook),
		.inner = hook_schema,
		.present_offset = offsetof(struct skex_binding_config, hook.enabled)},
	{.name = NULL},
};

/* ---- checks ---- */

/* Base64 of 32 bytes as one way of writing has it: 42 digits, one of which two bits count, and "=".
 */
static bool is_public_key(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return strlen(text) == SKEX_WIREGUARD_PUBLIC_KEY && strspn(text, digits) == 43 &&
		strchr("AEIMQUYcgkosw048", text[42]) != NULL && text[43] == '=';
}

static enum skex_error check_wireguard(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding)
{
	const config_setting_t *group = config_member(written, "wireguard");
	const size_t room = sizeof(binding->wireguard.socket);
	int size;

	if (!is_public_key(binding->wireguard.public_key))
		return config_wrong_setting(reading, config_member(group, "public_key"),
			"this is no public key of WireGuard; write what `wg show %s peers` shows",
			binding->wireguard.interface);
	if (binding->wireguard.socket[0] != '\0')
		return SKEX_OK;
	size = snprintf(binding->wireguard.socket, room, "/var/run/wireguard/%s.sock",
		binding->wireguard.interface);
	return size > 0 && (size_t)size < room ? SKEX_OK : SKEX_E_CONFIG;
}

/* Programs are run as they are written, by no shell. */
static enum skex_error check_command(const struct config_reading *reading,
	const config_setting_t *group, const char *name, const struct skex_command_config *command)
{
	if (command->count == 0 || command->words[0][0] == '/')
		return SKEX_OK;
	return config_wrong_setting(reading, config_member(group, name),
		"\"%s\" is no absolute path; write the program with its whole path",
		command->words[0]);
}

static enum skex_error check_tls(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding)
{
	const config_setting_t *group = config_member(written, "tls");
	enum skex_error error;

	if ((binding->tls.pid_file[0] != '\0') != (binding->tls.program[0] != '\0'))
		return config_wrong_setting(
			reading, group, "pid_file and program go together; write both, or neither");
	error = check_command(reading, group, "reload", &binding->tls.reload);
	return error != SKEX_OK ? error
				: check_command(reading, group, "check", &binding->tls.check);
}

/* What BIRD calls a symbol. */
static bool is_symbol(const char *text)
{
	static const char more[] =
		"_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return text[strspn(text, more)] == '\0' && (text[0] < '0' || text[0] > '9');
}

static enum skex_error check_routing(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding)
{
	const config_setting_t *group = config_member(written, "routing");
	const bool link = binding->routing.method < 2; /* ospf, bfd */

	if (!is_symbol(binding->routing.protocol))
		return config_wrong_setting(reading, config_member(group, "protocol"),
			"\"%s\" is no name of a protocol in BIRD; write what "
			"`birdc show protocols` "
			"shows",
			binding->routing.protocol);
	if (link != (binding->routing.interface[0] != '\0'))
		return config_wrong_setting(reading, group,
			"ospf and bfd need interface, and tcp-md5 and tcp-ao have none; %s",
			link ? "write it" : "leave it out");
	return SKEX_OK;
}

static enum skex_error check_hook(const struct config_reading *reading,
	const config_setting_t *written, struct skex_binding_config *binding)
{
	const config_setting_t *group = config_member(written, "hook");

	if (binding->hook.file[0] == '\0' && binding->hook.program.count == 0)
		return config_wrong_setting(
			reading, group, "has neither file nor program; write one, or both");
	if (binding->hook.checks && binding->hook.program.count == 0)
		return config_wrong_setting(reading, config_member(group, "checks"),
			"there is no program that could check; write program");
	return check_command(reading, group, "program", &binding->hook.program);
}

static enum skex_error check_require(const struct config_reading *reading,
	const config_setting_t *written, const struct skex_binding_config *binding)
{
	static const char *const words[] = {"its", "confirmed", "forward-secret", "combined"};
	const config_setting_t *list = config_member(written, "require");
	struct config_text texts[4];
	size_t i;
	size_t j;

	if (list == NULL)
		return SKEX_OK;
	for (i = 0; i < binding->require_count; i++) {
		texts[i].text = binding->require[i];
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
		for (j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
			if (strcmp(words[j], binding->require[i]) == 0)
				break;
		}
		if (j == sizeof(words) / sizeof(words[0]))
			return config_wrong_setting(reading, texts[i].setting,
				"\"%s\" is not allowed; allowed: its, confirmed, forward-secret, "
				"combined",
				binding->require[i]);
	}
	return config_check_twice(
		reading, texts, binding->require_count, "this word is there twice");
}

static enum skex_error check_binding(const struct config_reading *reading,
	const config_setting_t *written, const struct skex_name *self,
	struct skex_binding_config *binding)
{
	enum skex_error error = SKEX_OK;
	size_t count = 0;
	size_t i;

	for (i = 0; i < CONSUMERS; i++)
		count += is_enabled(binding, i);
	if (count != 1)
		return config_wrong_setting(reading, written,
			"has %zu consumers; write one group: wireguard, ikev2, tls, routing, "
			"macsec or hook",
			count);
	if (skex_name_equal(&binding->peer, self))
		return config_wrong_setting(reading, config_member(written, "peer"),
			"\"%s\" is this agent itself; name another one", binding->peer.text);
	if (consumer_of(binding)->check != NULL)
		error = consumer_of(binding)->check(reading, written, binding);
	return error != SKEX_OK ? error : check_require(reading, written, binding);
}

static int by_name(const void *a, const void *b)
{
	const struct skex_binding_config *x = a;
	const struct skex_binding_config *y = b;

	return strcmp(x->name.text, y->name.text);
}

enum skex_error config_check_bindings(const struct config_reading *reading,
	const config_setting_t *root, const struct skex_agent_config *config)
{
	const config_setting_t *list = config_member(root, "bindings");
	enum skex_error error = SKEX_OK;
	struct config_text *texts;
	size_t i;

	if (config->bindings_count == 0)
		return SKEX_OK;
	texts = calloc(config->bindings_count, sizeof(*texts));
	if (texts == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; error == SKEX_OK && i < config->bindings_count; i++) {
		texts[i].text = config->bindings[i].name.text;
		texts[i].setting = config_setting_get_elem(list, (unsigned)i);
		config->bindings[i].line = config_setting_source_line(texts[i].setting);
		error = check_binding(
			reading, texts[i].setting, &config->name, &config->bindings[i]);
	}
	if (error == SKEX_OK)
		error = config_check_twice(
			reading, texts, config->bindings_count, "this binding is there twice");
	if (error == SKEX_OK)
		error = config_check_places(reading, list, config);
	free(texts);
	qsort(config->bindings, config->bindings_count, sizeof(config->bindings[0]), by_name);
	return error;
}
