/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth/psk_import.h"
#include "deliver/openssl/tls.h"

static struct skex_psk_import import_of(const struct skex_tls_import *import)
{
	return (struct skex_psk_import){
		.external_identity =
			skex_view(import->external_identity, import->external_identity_size),
		.context = skex_view(import->context, import->context_size),
		.target_protocol =
			import->dtls ? SKEX_PSK_IMPORT_DTLS_1_3 : SKEX_PSK_IMPORT_TLS_1_3,
		.target_kdf = import->hash == SKEX_TLS_SHA384 ? SKEX_PSK_IMPORT_SHA384
							      : SKEX_PSK_IMPORT_SHA256,
	};
}

static enum skex_client_class tell(enum skex_error result, struct skex_client_error *error)
{
	if (result == SKEX_OK)
		return SKEX_CLIENT_OK;
	return skex_lib_tls_fail(error, (enum skex_client_class)skex_error_class(result),
		skex_error_name(result), "mend the program",
		"the key is shorter than 16 bytes, the identity is empty, it and its context are "
		"longer than 65,527 bytes, or the buffer is too small");
}

enum skex_client_class skex_tls_import_identity(const struct skex_tls_import *import, uint8_t *out,
	size_t out_size, size_t *size, struct skex_client_error *error)
{
	const struct skex_psk_import core = import_of(import);

	return tell(skex_psk_import_identity(&core, out, out_size, size), error);
}

enum skex_client_class skex_tls_import_psk(const void *key, size_t key_size,
	const struct skex_tls_import *import, uint8_t psk[SKEX_TLS_IMPORT_MAX], size_t *size,
	struct skex_client_error *error)
{
	const struct skex_psk_import core = import_of(import);

	return tell(skex_psk_import_derive(
			    &skex_lib_tls_crypto, skex_view(key, key_size), &core, psk, size),
		error);
}
