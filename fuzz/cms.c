/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "deliver/openssl/cms.h"
#include "fuzz/fuzz.h"

/*
 * A message of CMS, as `skex cms decrypt` reads it: once without a key, and if it is whole and for
 * this agent with one.  Both have to agree on what it holds.
 */

static enum skex_error read_input(void *owner, uint8_t *data, size_t room, size_t *got)
{
	struct skex_view *left = owner;

	*got = left->size < room ? left->size : room;
	if (*got > 0)
		memcpy(data, left->data, *got);
	*left = skex_view(left->data + *got, left->size - *got);
	return SKEX_OK;
}

static enum skex_error count(void *owner, const uint8_t *data, size_t size)
{
	uint64_t *total = owner;

	(void)data;
	*total += size;
	return SKEX_OK;
}

static enum skex_error read_message(
	struct cms_message *message, struct skex_view input, const uint8_t *key, uint64_t *total)
{
	const struct ber_source source = {.read = read_input, .owner = &input};
	const struct cms_sink sink = {.write = count, .owner = total};
	struct skex_name own;
	enum skex_error error;

	if (!skex_name_parse(&own, skex_view("agent2", 6)))
		abort();
	error = cms_open_begin(message, &own, source);
	return error == SKEX_OK ? cms_open_rest(message, key, sink) : error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[CMS_KEY_BYTES] = {1, 2, 3};
	static struct cms_message message;
	uint64_t total = 0, held;
	enum skex_error error;

	error = read_message(&message, skex_view(data, size), NULL, &total);
	if (total != 0 || (error == SKEX_OK) != (message.ber.wrong[0] == '\0'))
		abort();
	if (error != SKEX_OK || message.recipient != CMS_OURS)
		return 0;
	held = message.content_bytes;
	error = read_message(&message, skex_view(data, size), key, &total);
	if (error != SKEX_OK ? error != SKEX_E_AUTH : total != held)
		abort();
	return 0;
}
