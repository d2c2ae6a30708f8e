/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bindings/consumers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/client/base64.h"
#include "deliver/bird/bird.h"
#include "deliver/hook/hook.h"
#include "deliver/ikev2/ikev2.h"
#include "deliver/macsec/macsec.h"
#include "deliver/macsec/static.h"
#include "deliver/pskfile/pskfile.h"
#include "deliver/wireguard/uapi.h"
#include "deliver/wireguard/wireguard.h"

#define IKEV2_SETTINGS_MAX 64u /* as the configuration has it */
#define COMMAND_WORDS_MAX  16u /* the same */
#define PROGRAM_MS         10000u

/* ---- WireGuard ---------------------------------------------------------------------------------
 */

struct wireguard {
	struct skex_wireguard_config config;
	uint8_t peer[SKEX_WIREGUARD_KEY_BYTES];
	char description[128];
};

static void wireguard_release(struct bindings_consumer *consumer)
{
	skex_wireguard_free(consumer->context);
}

static enum skex_error wireguard_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer,
	char why[BINDINGS_WHY_BYTES])
{
	struct wireguard *wireguard = calloc(1, sizeof(*wireguard));
	struct skex_wireguard *made;
	enum skex_error error;
	size_t size = 0;

	if (wireguard == NULL)
		return SKEX_E_MEMORY;
	consumer->config = wireguard;
	if (!skex_base64_decode(wireguard->peer, sizeof(wireguard->peer), &size,
		    binding->wireguard.public_key, strlen(binding->wireguard.public_key)) ||
		size != sizeof(wireguard->peer)) {
		(void)snprintf(why, BINDINGS_WHY_BYTES, "public_key is no key of WireGuard");
		return SKEX_E_CONFIG;
	}
	(void)snprintf(wireguard->description, sizeof(wireguard->description), "%s, peer %.8s...",
		binding->wireguard.interface, binding->wireguard.public_key);
	wireguard->config = (struct skex_wireguard_config){.socket = binding->wireguard.socket,
		.peer = wireguard->peer,
		.description = wireguard->description};
	error = skex_wireguard_new(platform, &wireguard->config, &made);
	if (error != SKEX_OK)
		return error;
	consumer->consumer = &skex_wireguard_consumer;
	consumer->context = made;
	consumer->release = wireguard_release;
	return SKEX_OK;
}

/* ---- IKEv2 -------------------------------------------------------------------------------------
 */

struct ikev2 {
	struct skex_ikev2_config config;
	struct skex_ikev2_setting settings[IKEV2_SETTINGS_MAX];
	char texts[IKEV2_SETTINGS_MAX][SKEX_ASSIGNMENT_MAX + 1];
};

static void ikev2_release(struct bindings_consumer *consumer)
{
	skex_ikev2_free(consumer->context);
}

/* "PATH = VALUE" in text, taken apart where it lies. */
static struct skex_ikev2_setting setting_of(char *text)
{
	char *equals = strchr(text, '=');
	char *value = equals + 1;
	char *end = equals;

	while (end > text && end[-1] == ' ')
		end--;
	*end = '\0';
	while (*value == ' ')
		value++;
	return (struct skex_ikev2_setting){text, value};
}

static enum skex_error ikev2_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer,
	char why[BINDINGS_WHY_BYTES])
{
	struct ikev2 *ikev2 = calloc(1, sizeof(*ikev2));
	struct skex_ikev2 *made;
	enum skex_error error;
	char wrong[200];
	size_t i;

	if (ikev2 == NULL)
		return SKEX_E_MEMORY;
	consumer->config = ikev2;
	for (i = 0; i < binding->ikev2.settings_count && i < IKEV2_SETTINGS_MAX; i++) {
		memcpy(ikev2->texts[i], binding->ikev2.settings[i], sizeof(ikev2->texts[i]));
		ikev2->settings[i] = setting_of(ikev2->texts[i]);
	}
	ikev2->config = (struct skex_ikev2_config){
		.socket = binding->ikev2.socket,
		.connection = binding->ikev2.connection,
		.domain = binding->ikev2.domain,
		.leads = binding->role == SKEX_BINDING_LEADS,
		.settings = ikev2->settings,
		.settings_count = i,
		.description = binding->name.text,
	};
	if (skex_ikev2_wrong(&ikev2->config, wrong) != NULL) {
		(void)snprintf(why, BINDINGS_WHY_BYTES, "%s", wrong);
		return SKEX_E_CONFIG;
	}
	error = skex_ikev2_new(platform, &ikev2->config, &made);
	if (error != SKEX_OK)
		return error;
	consumer->consumer = &skex_ikev2_consumer;
	consumer->context = made;
	consumer->release = ikev2_release;
	return SKEX_OK;
}

/* ---- programs ----------------------------------------------------------------------------------
 */

struct command {
	const char *argv[COMMAND_WORDS_MAX + 1];
	struct skex_hook_program program;
};

/* The words stay those of the configuration; argv NULL: there is no program. */
static void command_set(
	struct command *command, const struct skex_command_config *config, uint64_t timeout_ms)
{
	size_t i;

	for (i = 0; i < config->count && i < COMMAND_WORDS_MAX; i++)
		command->argv[i] = config->words[i];
	command->program = (struct skex_hook_program){
		.argv = config->count > 0 ? command->argv : NULL, .timeout_ms = timeout_ms};
}

/* ---- key files of TLS --------------------------------------------------------------------------
 */

struct tls {
	struct skex_pskfile_config config;
	struct command reload;
	struct command check;
};

static void tls_release(struct bindings_consumer *consumer)
{
	skex_pskfile_free(consumer->context);
}

static enum skex_error tls_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	struct skex_pskfile *made;
	enum skex_error error;

	if (tls == NULL)
		return SKEX_E_MEMORY;
	consumer->config = tls;
	command_set(&tls->reload, &binding->tls.reload, PROGRAM_MS);
	command_set(&tls->check, &binding->tls.check, PROGRAM_MS);
	tls->config = (struct skex_pskfile_config){
		.binding = binding->name.text,
		.peer = binding->peer.text,
		.file = {binding->tls.file, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP,
			SKEX_FOREIGN_KEEP},
		.client = binding->role == SKEX_BINDING_LEADS,
		.reload = tls->reload.program,
		.check = tls->check.program,
		.pause_ms = SKEX_PSKFILE_PAUSE_MS,
		.answer_ms = SKEX_PSKFILE_ANSWER_MS,
		.probe_host = binding->tls.probe.port != 0 ? binding->tls.probe.host : NULL,
		.probe_port = binding->tls.probe.port,
	};
	if (binding->tls.pid_file[0] != '\0')
		tls->config.signal = (struct skex_pskfile_signal){
			binding->tls.pid_file, binding->tls.program, SIGHUP};
	error = skex_pskfile_new(platform, &tls->config, &made);
	if (error != SKEX_OK)
		return error;
	consumer->consumer = &skex_pskfile_consumer;
	consumer->context = made;
	consumer->release = tls_release;
	return SKEX_OK;
}

/* ---- routing -----------------------------------------------------------------------------------
 */

static void routing_release(struct bindings_consumer *consumer)
{
	skex_bird_free(consumer->context);
}

static enum skex_error routing_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer)
{
	struct skex_bird_config *config = calloc(1, sizeof(*config));
	const char *interface = binding->routing.interface;
	struct skex_bird *made;
	enum skex_error error;

	if (config == NULL)
		return SKEX_E_MEMORY;
	consumer->config = config;
	*config = (struct skex_bird_config){
		.binding = binding->name.text,
		.socket = binding->routing.socket,
		.protocol = binding->routing.protocol,
		.interface = interface[0] != '\0' ? interface : NULL,
		.file = binding->routing.file,
		.method = (enum skex_bird_method)binding->routing.method,
		.leads = binding->role == SKEX_BINDING_LEADS,
	};
	error = skex_bird_new(platform, config, &made);
	if (error != SKEX_OK)
		return error;
	consumer->consumer = config->method == SKEX_BIRD_TCP_MD5 ? &skex_bird_one_place_consumer
								 : &skex_bird_consumer;
	consumer->context = made;
	consumer->release = routing_release;
	return SKEX_OK;
}

/* ---- MACsec ------------------------------------------------------------------------------------
 */

static void macsec_release(struct bindings_consumer *consumer)
{
	skex_macsec_free(consumer->context);
}

static void macsec_static_release(struct bindings_consumer *consumer)
{
	skex_macsec_static_free(consumer->context);
}

static enum skex_error macsec_static_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer)
{
	struct skex_macsec_static_config *config = calloc(1, sizeof(*config));
	uint64_t sci = strtoull(binding->macsec.peer_sci, NULL, 16);
	struct skex_macsec_static *made;
	enum skex_error error;
	size_t i;

	if (config == NULL)
		return SKEX_E_MEMORY;
	consumer->config = config;
	*config = (struct skex_macsec_static_config){
		.interface = binding->macsec.interface,
		.leads = binding->role == SKEX_BINDING_LEADS,
		.route = -1,
		.generic = -1,
		.packet = -1,
		.description = binding->name.text,
	};
	for (i = MACSEC_SCI_BYTES; i-- > 0; sci >>= 8)
		config->peer_sci[i] = (uint8_t)sci;
	error = skex_macsec_static_new(platform, config, &made);
	if (error != SKEX_OK)
		return error;
	/* The first of the choices is GCM-AES-256. */
	consumer->consumer = binding->macsec.cipher == 0 ? &skex_macsec_static_consumer
							 : &skex_macsec_static_128_consumer;
	consumer->context = made;
	consumer->release = macsec_static_release;
	return SKEX_OK;
}

static enum skex_error macsec_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer)
{
	const struct skex_binding_macsec *written = &binding->macsec;
	struct skex_macsec_config *config = calloc(1, sizeof(*config));
	struct skex_macsec *made;
	enum skex_error error;

	if (config == NULL)
		return SKEX_E_MEMORY;
	consumer->config = config;
	*config = (struct skex_macsec_config){
		.sockets = {written->sockets[0], written->sockets[1]},
		.leads = binding->role == SKEX_BINDING_LEADS,
		.folder = written->folder,
		.bond = written->bond[0] != '\0' ? written->bond : NULL,
		.interfaces = {written->interfaces[0], written->interfaces[1]},
		.route = -1,
		.generic = -1,
		.description = binding->name.text,
	};
	error = skex_macsec_new(platform, config, &made);
	if (error != SKEX_OK)
		return error;
	/* The first of the choices is 256. */
	consumer->consumer = written->cak == 0 ? &skex_macsec_consumer : &skex_macsec_128_consumer;
	consumer->context = made;
	consumer->release = macsec_release;
	return SKEX_OK;
}

/* ---- hooks -------------------------------------------------------------------------------------
 */

struct hook {
	struct skex_hook_config config;
	struct command program;
};

static void hook_release(struct bindings_consumer *consumer)
{
	skex_hook_free(consumer->context);
}

static enum skex_error hook_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer)
{
	struct hook *hook = calloc(1, sizeof(*hook));
	struct skex_hook *made;
	enum skex_error error;

	if (hook == NULL)
		return SKEX_E_MEMORY;
	consumer->config = hook;
	command_set(
		&hook->program, &binding->hook.program, binding->hook.timeout_s * UINT64_C(1000));
	hook->config = (struct skex_hook_config){
		.binding = binding->name.text,
		.peer = binding->peer.text,
		.file = {binding->hook.file[0] != '\0' ? binding->hook.file : NULL,
			binding->hook.mode != 0 ? (int32_t)binding->hook.mode : SKEX_FOREIGN_KEEP,
			SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP},
		.format = (enum skex_key_format)binding->hook.format,
		.program = hook->program.program,
		.checks = binding->hook.checks,
	};
	error = skex_hook_new(platform, &hook->config, &made);
	if (error != SKEX_OK)
		return error;
	consumer->consumer =
		binding->hook.one_place ? &skex_hook_one_place_consumer : &skex_hook_consumer;
	consumer->context = made;
	consumer->release = hook_release;
	return SKEX_OK;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

enum skex_error bindings_consumer_new(const struct skex_platform *platform,
	const struct skex_binding_config *binding, struct bindings_consumer *consumer,
	char why[BINDINGS_WHY_BYTES])
{
	struct bindings_consumer made = {0};
	enum skex_error error = SKEX_E_CONFIG;

	why[0] = '\0';
	if (binding->wireguard.enabled)
		error = wireguard_new(platform, binding, &made, why);
	else if (binding->ikev2.enabled)
		error = ikev2_new(platform, binding, &made, why);
	else if (binding->tls.enabled)
		error = tls_new(platform, binding, &made);
	else if (binding->routing.enabled)
		error = routing_new(platform, binding, &made);
	else if (binding->macsec.enabled && binding->macsec.mode == SKEX_BINDING_STATIC)
		error = macsec_static_new(platform, binding, &made);
	else if (binding->macsec.enabled)
		error = macsec_new(platform, binding, &made);
	else if (binding->hook.enabled)
		error = hook_new(platform, binding, &made);
	if (error != SKEX_OK) {
		bindings_consumer_free(&made);
		return error;
	}
	*consumer = made;
	return SKEX_OK;
}

void bindings_consumer_free(struct bindings_consumer *consumer)
{
	if (consumer->release != NULL)
		consumer->release(consumer);
	free(consumer->config);
	*consumer = (struct bindings_consumer){0};
}
