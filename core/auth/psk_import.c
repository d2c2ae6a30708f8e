/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth/psk_import.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"

#define IDENTITY_MAX 65535u /* of a PSK identity, RFC 8446 section 4.2.11 */
#define FIXED        8u     /* bytes of an ImportedIdentity besides its two vectors */

static bool is_sound(const struct skex_psk_import *import)
{
	const size_t most = IDENTITY_MAX - FIXED;

	return import->external_identity.size >= 1 && import->external_identity.size <= most &&
		import->context.size <= most - import->external_identity.size &&
		(import->target_protocol == SKEX_PSK_IMPORT_TLS_1_3 ||
			import->target_protocol == SKEX_PSK_IMPORT_DTLS_1_3) &&
		(import->target_kdf == SKEX_PSK_IMPORT_SHA256 ||
			import->target_kdf == SKEX_PSK_IMPORT_SHA384);
}

enum skex_error skex_psk_import_identity(
	const struct skex_psk_import *import, uint8_t *out, size_t out_size, size_t *size)
{
	struct skex_writer writer;

	if (!is_sound(import))
		return SKEX_E_ARGUMENT;
	if (out_size < FIXED + import->external_identity.size + import->context.size)
		return SKEX_E_SPACE;
	skex_writer_init(&writer, out, out_size);
	skex_write_u16(&writer, (uint16_t)import->external_identity.size);
	skex_write_bytes(&writer, import->external_identity.data, import->external_identity.size);
	skex_write_u16(&writer, (uint16_t)import->context.size);
	skex_write_bytes(&writer, import->context.data, import->context.size);
	skex_write_u16(&writer, import->target_protocol);
	skex_write_u16(&writer, import->target_kdf);
	return skex_writer_end(&writer, size);
}

/* Of the same bytes, without room for them. */
static enum skex_error hash_identity(const struct skex_crypto *crypto,
	const struct skex_psk_import *import, uint8_t out[SKEX_HASH_BYTES])
{
	const size_t identity_size = import->external_identity.size;
	const uint8_t identity_prefix[2] = {(uint8_t)(identity_size >> 8), (uint8_t)identity_size};
	const uint8_t context_prefix[2] = {
		(uint8_t)(import->context.size >> 8), (uint8_t)import->context.size};
	const uint8_t targets[4] = {(uint8_t)(import->target_protocol >> 8),
		(uint8_t)import->target_protocol, (uint8_t)(import->target_kdf >> 8),
		(uint8_t)import->target_kdf};
	const struct skex_view parts[] = {skex_view(identity_prefix, 2), import->external_identity,
		skex_view(context_prefix, 2), import->context, skex_view(targets, 4)};

	return crypto->sha256(crypto->context, parts, sizeof(parts) / sizeof(parts[0]), out);
}

/* HKDF-Expand-Label of RFC 8446 section 7.1, at most two blocks of it. */
static enum skex_error expand_label(const struct skex_crypto *crypto,
	const uint8_t key[SKEX_HASH_BYTES], const uint8_t hash[SKEX_HASH_BYTES],
	uint8_t out[2 * SKEX_HASH_BYTES], size_t size)
{
	static const char label[] = "tls13 derived psk";
	const uint8_t head[3] = {0, (uint8_t)size, sizeof(label) - 1};
	const uint8_t hash_prefix = SKEX_HASH_BYTES;
	uint8_t counter = 1;
	struct skex_view parts[] = {skex_view(NULL, 0), skex_view(head, sizeof(head)),
		skex_view(label, sizeof(label) - 1), skex_view(&hash_prefix, 1),
		skex_view(hash, SKEX_HASH_BYTES), skex_view(&counter, 1)};
	const size_t count = sizeof(parts) / sizeof(parts[0]);
	enum skex_error error;

	error = crypto->hmac_sha256(
		crypto->context, skex_view(key, SKEX_HASH_BYTES), parts, count, out);
	if (error != SKEX_OK || size <= SKEX_HASH_BYTES)
		return error;
	parts[0] = skex_view(out, SKEX_HASH_BYTES);
	counter = 2;
	return crypto->hmac_sha256(crypto->context, skex_view(key, SKEX_HASH_BYTES), parts, count,
		out + SKEX_HASH_BYTES);
}

enum skex_error skex_psk_import_derive(const struct skex_crypto *crypto, struct skex_view epsk,
	const struct skex_psk_import *import, uint8_t psk[static SKEX_PSK_IMPORT_MAX], size_t *size)
{
	static const uint8_t zeros[SKEX_HASH_BYTES];
	const size_t wanted = import->target_kdf == SKEX_PSK_IMPORT_SHA384 ? 48 : 32;
	uint8_t made[2 * SKEX_HASH_BYTES] = {0};
	uint8_t epskx[SKEX_HASH_BYTES];
	uint8_t hash[SKEX_HASH_BYTES];
	enum skex_error error;

	if (!is_sound(import) || epsk.size < SKEX_PSK_IMPORT_EPSK_MIN)
		return SKEX_E_ARGUMENT;
	error = hash_identity(crypto, import, hash);
	if (error == SKEX_OK)
		error = crypto->hmac_sha256(
			crypto->context, skex_view(zeros, sizeof(zeros)), &epsk, 1, epskx);
	if (error == SKEX_OK) {
		error = expand_label(crypto, epskx, hash, made, wanted);
		skex_wipe(epskx, sizeof(epskx));
	}
	if (error == SKEX_OK) {
		memcpy(psk, made, wanted);
		*size = wanted;
	}
	skex_wipe(made, sizeof(made));
	return error;
}
