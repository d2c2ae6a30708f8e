/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/identity.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

/* Universal tags of the string types whose bytes are ASCII when all are below 128. */
#define TAG_UTF8      12
#define TAG_PRINTABLE 19
#define TAG_IA5       22

/* An id and how many candidates there were. */
struct found {
	struct skex_https_name name;
	unsigned count;
	bool good; /* the last one is a name */
};

static void found_add(struct found *found, const void *data, size_t size)
{
	found->count++;
	found->good = skex_https_name_parse(&found->name, skex_view(data, size));
}

static void rdn_common_names(gnutls_x509_dn_t name, int rdn, struct found *found)
{
	gnutls_x509_ava_st part;

	/* The values as encoded, not as text: no escaping stands between them and the id. */
	for (int i = 0; gnutls_x509_dn_get_rdn_ava(name, rdn, i, &part) == 0; i++) {
		if (part.oid.size < sizeof(GNUTLS_OID_X520_COMMON_NAME) - 1 ||
			strcmp((const char *)part.oid.data, GNUTLS_OID_X520_COMMON_NAME) != 0)
			continue;
		found_add(found, part.value.data, part.value.size);
		if (part.value_tag != TAG_UTF8 && part.value_tag != TAG_PRINTABLE &&
			part.value_tag != TAG_IA5)
			found->good = false;
	}
}

static void common_names(gnutls_x509_crt_t certificate, struct found *found)
{
	gnutls_x509_ava_st part;
	gnutls_x509_dn_t name;

	if (gnutls_x509_crt_get_subject(certificate, &name) != 0)
		return;
	for (int rdn = 0; gnutls_x509_dn_get_rdn_ava(name, rdn, 0, &part) == 0; rdn++)
		rdn_common_names(name, rdn, found);
}

static void alternative_names(gnutls_x509_crt_t certificate, struct found *found)
{
	char text[SKEX_HTTPS_NAME_MAX + 1];

	for (unsigned i = 0;; i++) {
		size_t size = sizeof(text);
		int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, text, &size, NULL);
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return;
		/* Of any type: one that is too long has to be counted, as it might be one of ours.
		 */
		if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
			found_add(found, NULL, 0);
		else if (type < 0)
			found->count += 2;
		else if (type == GNUTLS_SAN_URI || type == GNUTLS_SAN_DNSNAME)
			found_add(found, text, size);
		if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
			return;
	}
}

static enum skex_error certificate_id(
	gnutls_x509_crt_t certificate, struct skex_https_identity *identity)
{
	struct found found = {.count = 0};
	time_t expires = gnutls_x509_crt_get_expiration_time(certificate);

	common_names(certificate, &found);
	if (found.count == 0)
		alternative_names(certificate, &found);
	if (found.count != 1 || !found.good || expires == (time_t)-1)
		return SKEX_E_AUTH;
	identity->name = found.name;
	identity->expires_s = (int64_t)expires;
	return SKEX_OK;
}

/* The library admits clients with no certificate or any: only a status of 0 makes one good. */
static bool chain_verified(gnutls_session_t session)
{
	static unsigned char client[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID, client, 0};
	unsigned status = ~0u;

	if (gnutls_certificate_type_get(session) != GNUTLS_CRT_X509)
		return false;
	if (gnutls_certificate_verify_peers2(session, &status) != 0 || status != 0)
		return false;
	/* And once more for the purpose, which the plain check leaves out. */
	status = ~0u;
	return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0;
}

/* The server takes no PSK but those of its operator, so that one that was proved is known. */
static enum skex_error psk_id(gnutls_session_t session, struct skex_https_identity *identity)
{
	const char *name = gnutls_psk_server_get_username(session);

	if (name == NULL || !skex_https_name_parse(&identity->name, skex_view(name, strlen(name))))
		return SKEX_E_AUTH;
	identity->expires_s = INT64_MAX;
	return SKEX_OK;
}

enum skex_error skex_https_identity_verify(void *session, struct skex_https_identity *identity)
{
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t certificate;
	unsigned count = 0;

	if (session == NULL)
		return SKEX_E_AUTH;
	if (gnutls_auth_get_type(session) == GNUTLS_CRD_PSK)
		return psk_id(session, identity);
	if (!chain_verified(session))
		return SKEX_E_AUTH;
	chain = gnutls_certificate_get_peers(session, &count);
	if (chain == NULL || count == 0)
		return SKEX_E_AUTH;
	if (gnutls_x509_crt_init(&certificate) != 0)
		return SKEX_E_AUTH;
	enum skex_error error = SKEX_E_AUTH;
	if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0)
		error = certificate_id(certificate, identity);
	gnutls_x509_crt_deinit(certificate);
	return error;
}

void skex_https_identity_prepare(void *session)
{
	gnutls_psk_server_credentials_t credentials = NULL;

	if (gnutls_credentials_get(session, GNUTLS_CRD_PSK, (void **)&credentials) == 0 &&
		credentials != NULL)
		(void)gnutls_psk_set_server_known_dh_params(credentials, GNUTLS_SEC_PARAM_MEDIUM);
}

void skex_https_identity_refuse(void *session)
{
	static const char answer[] = "HTTP/1.1 401 Unauthorized\r\n"
				     "Content-Length: 0\r\n"
				     "Cache-Control: no-store\r\n"
				     "Connection: close\r\n\r\n";

	/* A few bytes on a stream that has carried none: if they do not fit, they are not owed. */
	if (gnutls_record_send(session, answer, sizeof(answer) - 1) > 0)
		(void)gnutls_bye(session, GNUTLS_SHUT_WR);
}
