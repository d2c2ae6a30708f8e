/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "api/client/base64.h"
#include "config/values.h"
#include "deliver/https/psk.h"
#include "deliver/https/text.h"
#include "deliver/openssl/identity.h"
#include "deliver/pskfile/lines.h"
#include "fuzz/fuzz.h"
#include "pairwise/armour.h"
#include "token/token.h"

/*
 * Text that others write.  The first byte says which: identities that a TLS client or a message of
 * CMS names, what stands in a URI, keys of clients, a token and what its run asks, values of a
 * configuration, base64, a file of PSKs in which some lines are ours.
 */

static void identity(struct skex_view text)
{
	char again[SKEX_IDENTITY_MAX + 1];
	struct skex_identity found;

	for (unsigned i = 0; i < 2; i++) {
		memset(&found, 0, sizeof(found));
		if (!skex_identity_parse(&found, text, i == 1))
			continue;
		must(skex_identity_print(&found, again) == text.size);
		must(memcmp(again, text.data, text.size) == 0);
	}
}

/* Zero-terminated, in memory of its exact size. */
static char *copy(struct skex_view text)
{
	char *bytes = malloc(text.size + 1);

	must(bytes != NULL);
	if (text.size > 0)
		memcpy(bytes, text.data, text.size);
	bytes[text.size] = '\0';
	return bytes;
}

static void uri(struct skex_view text)
{
	struct skex_https_name name;
	char out[64];
	size_t size = 0;

	if (skex_https_name_parse(&name, text))
		must(strlen(name.text) == text.size && strpbrk(name.text, " \"\\>,") == NULL);
	if (skex_https_percent_decode(out, sizeof(out), &size, (const char *)text.data, text.size))
		must(size <= sizeof(out) && size <= text.size);
}

/* Every line of a text that was accepted has a key. */
static void psk(struct skex_view bytes)
{
	uint8_t key[SKEX_HTTPS_PSK_MOST];
	char *text = copy(bytes);
	unsigned line = 0;
	size_t size = 0;

	if (skex_https_psk_check(text, &line) == SKEX_OK) {
		for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
			char name[256] = "";

			at += *at == '\n';
			if (*at == '\0' || *at == '\n' || *at == '#')
				continue;
			(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, ":\n"), at);
			if (strlen(name) + 1 < sizeof(name))
				must(skex_https_psk_find(text, name, key, &size) == SKEX_OK &&
					size >= SKEX_HTTPS_PSK_LEAST && size <= sizeof(key));
		}
	}
	free(text);
}

static void token(struct skex_view line)
{
	char again[SKEX_TOKEN_TEXT_MAX];
	struct skex_reason reason;
	struct skex_token found, same;

	if (skex_token_read(&found, line, &reason) != SKEX_OK)
		return;
	must(skex_token_encode(&found, again) == SKEX_OK);
	must(skex_token_decode(&same, skex_view(again, strlen(again))) == SKEX_OK);
	must(memcmp(&found, &same, sizeof(found)) == 0);
}

static void token_fields(struct skex_view bytes)
{
	char text[SKEX_TOKEN_TEXT_MAX];

	if (bytes.size <= SKEX_TOKEN_BYTES_MAX &&
		skex_armour_encode(text, sizeof(text), SKEX_TOKEN_PREFIX, bytes) == SKEX_OK)
		token(skex_view(text, strlen(text)));
}

static void token_ask(struct skex_view blob)
{
	uint8_t again[SKEX_TOKEN_ASK_MAX];
	struct skex_name name;

	if (!skex_token_ask_decode(&name, blob))
		return;
	must(skex_token_ask_encode(&name, again) == blob.size);
	must(memcmp(again, blob.data, blob.size) == 0);
}

static void values(struct skex_view bytes)
{
	char *text = copy(bytes);
	struct skex_address address;
	uint64_t number, same;
	uint32_t mode;
	char again[32];

	if (skex_parse_size(text, &number)) {
		skex_format_size(number, again);
		must(skex_parse_size(again, &same) && same == number);
	}
	if (skex_parse_time(text, &number)) {
		skex_format_time(number, again);
		must(skex_parse_time(again, &same) && same == number);
	}
	if (skex_parse_number(text, &number)) {
		(void)snprintf(again, sizeof(again), "%llu", (unsigned long long)number);
		must(strcmp(again, text) == 0);
	}
	if (skex_parse_address(text, &address)) {
		must(strlen(address.host) <= SKEX_HOST_MAX);
		must(!skex_host_wildcard(address.host) || skex_host_literal(address.host));
	}
	if (skex_parse_mode(text, &mode))
		must(mode <= 0777);
	free(text);
}

static void base64(struct skex_view text)
{
	const size_t room = text.size;
	uint8_t *data = malloc(room + 1);
	char *again = malloc(skex_base64_size(room) + 1);
	size_t size = 0;

	must(data != NULL && again != NULL);
	if (skex_base64_decode(data, room, &size, (const char *)text.data, text.size)) {
		must(skex_base64_size(size) == text.size);
		skex_base64_encode(again, data, size);
		must(memcmp(again, text.data, text.size) == 0);
	}
	free(data);
	free(again);
}

/* Lines of ours come in, all others stay, and once more changes nothing. */
static void psk_file(struct skex_view file)
{
	struct skex_pskfile_lines lines = {.name = "lab", .count = 2};
	uint8_t *once, *twice;
	size_t size = 0, again = 0;

	if (file.size == 0)
		return;
	lines.first = (file.data[0] & 1) != 0;
	lines.line[0] = (struct skex_pskfile_line){.known = true, .size = 32, .id = {1}};
	lines.line[1] = (struct skex_pskfile_line){
		.optional = (file.data[0] & 2) != 0, .known = (file.data[0] & 4) != 0, .size = 16};
	lines.line[1].id[0] = 2;
	file = skex_view(file.data + 1, file.size - 1);
	skex_pskfile_drop_absent(file, &lines);
	once = malloc(skex_pskfile_merge_room(file.size));
	must(once != NULL);
	if (skex_pskfile_merge(file, &lines, once, &size) == SKEX_OK) {
		must(size <= skex_pskfile_merge_room(file.size));
		twice = malloc(skex_pskfile_merge_room(size));
		must(twice != NULL);
		must(skex_pskfile_merge(skex_view(once, size), &lines, twice, &again) == SKEX_OK);
		must(again == size && memcmp(once, twice, size) == 0);
		free(twice);
	}
	free(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct skex_view text) = {
		identity, uri, psk, token, token_fields, token_ask, values, base64, psk_file};

	if (size > 0)
		kinds[data[0] % 9](skex_view(data + 1, size - 1));
	return 0;
}
