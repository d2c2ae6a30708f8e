/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth/crypto.h"
#include "core/base/mem.h"

/* Views over the pieces of the expansion's input; the caller fills in T(i-1) and the counter. */
#define PARTS     7u
#define LABEL_MAX 255u

static size_t text_size(const char *text)
{
	size_t size = 0;

	while (size <= LABEL_MAX && text[size] != '\0')
		size++;
	return size;
}

enum skex_error skex_kdf(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_HASH_BYTES], const char *label, struct skex_view context,
	uint8_t *out, size_t size)
{
	size_t label_size = text_size(label);
	uint8_t label_prefix, context_prefix[2], size_suffix[2], counter = 0;
	uint8_t made[SKEX_KDF_MAX];
	struct skex_view parts[PARTS];
	enum skex_error error = SKEX_OK;
	size_t done;

	if (label_size > LABEL_MAX || context.size > SKEX_KDF_CONTEXT_MAX || size > SKEX_KDF_MAX)
		return SKEX_E_ARGUMENT;
	label_prefix = (uint8_t)label_size;
	context_prefix[0] = (uint8_t)(context.size >> 8);
	context_prefix[1] = (uint8_t)context.size;
	size_suffix[0] = (uint8_t)(size >> 8);
	size_suffix[1] = (uint8_t)size;
	parts[0] = skex_view(NULL, 0);
	parts[1] = skex_view(&label_prefix, 1);
	parts[2] = skex_view(label, label_size);
	parts[3] = skex_view(context_prefix, 2);
	parts[4] = context;
	parts[5] = skex_view(size_suffix, 2);
	parts[6] = skex_view(&counter, 1);

	/* Made aside, so that a provider failing half-way leaves out as it was. */
	for (done = 0; done < size && error == SKEX_OK; done += SKEX_HASH_BYTES) {
		counter++;
		error = crypto->hmac_sha256(crypto->context, skex_view(key, SKEX_HASH_BYTES), parts,
			PARTS, made + done);
		parts[0] = skex_view(made + done, SKEX_HASH_BYTES);
	}
	if (error == SKEX_OK && size > 0)
		memcpy(out, made, size);
	skex_wipe(made, sizeof(made));
	return error;
}
