/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_OPENSSL_IDENTITY_H
#define SKEX_DELIVER_OPENSSL_IDENTITY_H

#include <stdbool.h>

#include <skex/client.h>

#include "core/base/name.h"
#include "core/base/view.h"
#include "core/wire/common.h"

/*
 * How a key is named to the other end, in the open:
 *
 *	skex1/KEY-ID/FROM                  the identity of a PSK of TLS
 *	skex1/KEY-ID/FROM/TO/PURPOSE       the identifier of a key of CMS
 *
 * FROM is the agent that handed the key out, TO the one where it is fetched.  The key id is in
 *lower case.  One key has one such text of each kind.
 */
#define SKEX_IDENTITY_MAX (6 + 36 + 1 + SKEX_NAME_MAX + 1 + SKEX_NAME_MAX + 1 + SKEX_PURPOSE_MAX)

struct skex_identity {
	char key_id[SKEX_CLIENT_ID_SIZE];
	struct skex_name from;
	struct skex_name to;                /* of the long kind; otherwise empty */
	char purpose[SKEX_PURPOSE_MAX + 1]; /* likewise */
};

/* Writes the long kind when there is a purpose, otherwise the short one; gives its size. */
size_t skex_identity_print(
	const struct skex_identity *identity, char text[static SKEX_IDENTITY_MAX + 1]);
/* False, and identity untouched, when it is not exactly such a text. */
bool skex_identity_parse(struct skex_identity *identity, struct skex_view text, bool long_kind);

#endif
