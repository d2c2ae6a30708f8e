/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "fuzz/fuzz.h"

/*
 * Configuration.  The first byte says of whom: an agent, a hub, or bindings that a client of the
 * local API gives.  What is refused is told in words, and a binding that was accepted reads as the
 * same again.
 */

static char message[SKEX_CONFIG_MESSAGE_MAX];

static void check(enum skex_error error)
{
	must(memchr(message, '\0', sizeof(message)) != NULL);
	must(error == SKEX_E_CONFIG || error == SKEX_E_MEMORY || error == SKEX_E_IO);
	must(strchr(message, ':') != NULL);
}

static void bindings_again(
	const struct skex_binding_config *bindings, size_t count, const struct skex_name *agent)
{
	for (size_t i = 0; i < count; i++) {
		char *text = skex_binding_text(&bindings[i]);
		struct skex_binding_config *same = NULL;
		size_t one = 0;
		char *again;

		must(text != NULL);
		must(skex_bindings_read("again", text, agent, &same, &one, message) == SKEX_OK);
		must(one == 1);
		again = skex_binding_text(same);
		must(again != NULL && strcmp(text, again) == 0);
		/* A file of TLS keys can be that of many, and a hook need not have one. */
		if (!same->tls.enabled && (!same->hook.enabled || same->hook.file[0] != '\0'))
			must(skex_binding_same_place(&bindings[i], same));
		skex_bindings_clear(same, one);
		free(again);
		free(text);
	}
}

static void agent(const char *text)
{
	struct skex_agent_config config;
	const enum skex_error error =
		skex_agent_config_parse("/etc/skexd.conf", text, &config, message);

	if (error != SKEX_OK) {
		check(error);
		return;
	}
	for (size_t i = 0; i < config.peers_count; i++)
		must(!skex_name_equal(&config.peers[i].name, &config.name));
	must(config.pool.low_keys <= config.pool.high_keys);
	bindings_again(config.bindings, config.bindings_count, &config.name);
	skex_agent_config_clear(&config);
}

static void hub(const char *text)
{
	static int descriptor = -1;
	struct skex_hub_config config;
	enum skex_error error;
	char path[64];

	if (descriptor < 0)
		descriptor = memfd_create("hub.conf", 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
	must(ftruncate(descriptor, 0) == 0);
	must(pwrite(descriptor, text, strlen(text), 0) == (ssize_t)strlen(text));
	error = skex_hub_config_read(path, &config, message);
	if (error != SKEX_OK) {
		check(error);
		return;
	}
	must(config.listen_count >= 1 && config.listen_count <= 16);
	must(config.advertise_count <= 16 && config.directory[0] == '/');
	skex_hub_config_clear(&config);
}

static void bindings(const char *text)
{
	struct skex_binding_config *list = NULL;
	struct skex_name self;
	enum skex_error error;
	size_t count = 0;

	must(skex_name_parse(&self, skex_view("a", 1)));
	error = skex_bindings_read("the text", text, &self, &list, &count, message);
	if (error != SKEX_OK) {
		check(error);
		return;
	}
	must(count >= 1 && count <= SKEX_BINDINGS_AT_ONCE);
	bindings_again(list, count, &self);
	skex_bindings_clear(list, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const char *text) = {agent, hub, bindings};
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	must(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	message[0] = '\0';
	kinds[data[0] % 3](text);
	free(text);
	return 0;
}
