/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_CERTIFICATES_H
#define SKEX_DELIVER_ETSI014_CERTIFICATES_H

#include <stddef.h>

#include "core/base/error.h"

/*
 * A private certificate authority, for a lab or a closed network: EC keys on P-256, PEM files, the
 * private ones of mode 0600.  Files that are there are not replaced (SKEX_E_BUSY).
 */
struct skex_authority;

/* Makes the authority's certificate and key; good for `days`. */
SKEX_MUST_USE enum skex_error skex_authority_new(const char *name, unsigned days,
	const char *certificate_path, const char *key_path, struct skex_authority **authority);
void skex_authority_free(struct skex_authority *authority); /* NULL is fine */

/*
 * Makes a key and a certificate for it: of a server when names has elements (DNS names or literal
 * addresses, which become alternative names), otherwise of a client.  common_name is its subject;
 * of a client, the SAE id.
 */
SKEX_MUST_USE enum skex_error skex_authority_issue(struct skex_authority *authority,
	const char *common_name, const char *const *names, size_t names_count, unsigned days,
	const char *certificate_path, const char *key_path);

#endif
