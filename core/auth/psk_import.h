/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_AUTH_PSK_IMPORT_H
#define SKEX_CORE_AUTH_PSK_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/view.h"

/*
 * The importer of RFC 9258: from one external PSK (EPSK), whose hash is SHA-256, an imported PSK
 *for each protocol and hash that it is used with, bound to a context.
 *
 *	ImportedIdentity = lp16(external_identity) lp16(context) u16 target_protocol u16 target_kdf
 *	epskx            = HKDF-Extract(0, EPSK)
 *	ipskx            = HKDF-Expand-Label(epskx, "derived psk", SHA-256(ImportedIdentity), L)
 *
 * The ImportedIdentity is the PSK identity on the wire, and binders are made with the label
 * "imp binder": a TLS library that cannot do that does not speak RFC 9258.  context has to name who
 * provisioned the EPSK and the roles of both ends (RFC 9258 section 4.1, RFC 9257 section 4.1).
 */
#define SKEX_PSK_IMPORT_TLS_1_3  0x0304u /* and QUIC version 1 */
#define SKEX_PSK_IMPORT_DTLS_1_3 0xfefcu

#define SKEX_PSK_IMPORT_SHA256 1u /* HKDF_SHA256: 32 bytes */
#define SKEX_PSK_IMPORT_SHA384 2u /* HKDF_SHA384: 48 bytes */

#define SKEX_PSK_IMPORT_EPSK_MIN 16u /* bytes: 128 bits of entropy, RFC 9257 section 6 */
#define SKEX_PSK_IMPORT_MAX      48u /* bytes of an imported PSK */

struct skex_psk_import {
	struct skex_view external_identity; /* 1 byte or more */
	struct skex_view context;           /* may be empty */
	uint16_t target_protocol;           /* SKEX_PSK_IMPORT_TLS_1_3 or _DTLS_1_3 */
	uint16_t target_kdf;                /* SKEX_PSK_IMPORT_SHA256 or _SHA384 */
};

/*
 * Writes the ImportedIdentity, at most 65,535 bytes, and sets *size (RFC 9258 section 4.1).
 * SKEX_E_ARGUMENT: a member is out of its range, or it gets longer; SKEX_E_SPACE: out is too small.
 */
SKEX_MUST_USE enum skex_error skex_psk_import_identity(
	const struct skex_psk_import *import, uint8_t *out, size_t out_size, size_t *size);

/*
 * Derives the imported PSK, 32 or 48 bytes as target_kdf says, and sets *size; epsk stays the
 * caller's.  SKEX_E_ARGUMENT: as above, or the EPSK is shorter than SKEX_PSK_IMPORT_EPSK_MIN; or
 * the provider's error.  On failure psk and *size are untouched.
 */
SKEX_MUST_USE enum skex_error skex_psk_import_derive(const struct skex_crypto *crypto,
	struct skex_view epsk, const struct skex_psk_import *import,
	uint8_t psk[static SKEX_PSK_IMPORT_MAX], size_t *size);

#endif
