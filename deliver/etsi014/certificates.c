/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/certificates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Some clock is a little behind: certificates are good from a day ago on. */
#define DAY_S        86400
#define SERIAL_BYTES 16u

struct skex_authority {
	gnutls_x509_crt_t certificate;
	gnutls_x509_privkey_t key;
};

/* Writes a whole new file. */
static enum skex_error write_file(const char *path, mode_t mode, const gnutls_datum_t *data)
{
	int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	size_t at = 0;

	if (descriptor < 0)
		return errno == EEXIST ? SKEX_E_BUSY : SKEX_E_IO;
	while (at < data->size) {
		ssize_t put = write(descriptor, data->data + at, data->size - at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			break;
		at += (size_t)put;
	}
	if (close(descriptor) != 0 || at < data->size) {
		(void)unlink(path);
		return SKEX_E_IO;
	}
	return SKEX_OK;
}

static enum skex_error write_pair(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key,
	const char *certificate_path, const char *key_path)
{
	gnutls_datum_t text = {NULL, 0};
	enum skex_error error = SKEX_E_CRYPTO;

	if (gnutls_x509_privkey_export2_pkcs8(
		    key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &text) == 0)
		error = write_file(key_path, 0600, &text);
	if (text.data != NULL)
		gnutls_memset(text.data, 0, text.size);
	gnutls_free(text.data);
	if (error != SKEX_OK)
		return error;
	text.data = NULL;
	error = SKEX_E_CRYPTO;
	if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text) == 0)
		error = write_file(certificate_path, 0644, &text);
	gnutls_free(text.data);
	return error;
}

static int make_key(gnutls_x509_privkey_t *key)
{
	int code = gnutls_x509_privkey_init(key);

	if (code == 0)
		code = gnutls_x509_privkey_generate(
			*key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	return code;
}

/* What every certificate has: version, serial number, times, subject, key, key id. */
static int fill(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *common_name,
	unsigned days)
{
	unsigned char serial[SERIAL_BYTES];
	unsigned char id[64];
	size_t id_size = sizeof(id);
	time_t now = time(NULL);
	int code = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of fixed length */
	if (code == 0)
		code = gnutls_x509_crt_set_version(certificate, 3);
	if (code == 0)
		code = gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial));
	if (code == 0)
		code = gnutls_x509_crt_set_activation_time(certificate, now - DAY_S);
	if (code == 0)
		code = gnutls_x509_crt_set_expiration_time(certificate, now + (time_t)days * DAY_S);
	if (code == 0)
		code = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0,
			common_name, (unsigned)strlen(common_name));
	if (code == 0)
		code = gnutls_x509_crt_set_key(certificate, key);
	if (code == 0)
		code = gnutls_x509_crt_get_key_id(certificate, 0, id, &id_size);
	if (code == 0)
		code = gnutls_x509_crt_set_subject_key_id(certificate, id, id_size);
	return code;
}

/* ---- the authority ----------------------------------------------------------------------------
 */

static int make_authority(struct skex_authority *authority, const char *name, unsigned days)
{
	int code = make_key(&authority->key);

	if (code == 0)
		code = gnutls_x509_crt_init(&authority->certificate);
	if (code == 0)
		code = fill(authority->certificate, authority->key, name, days);
	if (code == 0)
		code = gnutls_x509_crt_set_basic_constraints(authority->certificate, 1, 0);
	if (code == 0)
		code = gnutls_x509_crt_set_key_usage(
			authority->certificate, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	if (code == 0)
		code = gnutls_x509_crt_sign2(authority->certificate, authority->certificate,
			authority->key, GNUTLS_DIG_SHA256, 0);
	return code;
}

enum skex_error skex_authority_new(const char *name, unsigned days, const char *certificate_path,
	const char *key_path, struct skex_authority **authority)
{
	struct skex_authority *made = calloc(1, sizeof(*made));
	enum skex_error error;

	if (made == NULL)
		return SKEX_E_MEMORY;
	error = make_authority(made, name, days) == 0 ? SKEX_OK : SKEX_E_CRYPTO;
	if (error == SKEX_OK)
		error = write_pair(made->certificate, made->key, certificate_path, key_path);
	if (error != SKEX_OK) {
		skex_authority_free(made);
		return error;
	}
	*authority = made;
	return SKEX_OK;
}

void skex_authority_free(struct skex_authority *authority)
{
	if (authority == NULL)
		return;
	gnutls_x509_crt_deinit(authority->certificate);
	gnutls_x509_privkey_deinit(authority->key);
	free(authority);
}

/* ---- certificates -----------------------------------------------------------------------------
 */

static int add_name(gnutls_x509_crt_t certificate, const char *name)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, name, address) == 1)
		return gnutls_x509_crt_set_subject_alt_name(
			certificate, GNUTLS_SAN_IPADDRESS, address, 4, GNUTLS_FSAN_APPEND);
	if (inet_pton(AF_INET6, name, address) == 1)
		return gnutls_x509_crt_set_subject_alt_name(
			certificate, GNUTLS_SAN_IPADDRESS, address, 16, GNUTLS_FSAN_APPEND);
	return gnutls_x509_crt_set_subject_alt_name(
		certificate, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

static int sign(struct skex_authority *authority, gnutls_x509_crt_t certificate, bool server)
{
	unsigned char id[64];
	size_t size = sizeof(id);
	int code = gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);

	if (code == 0)
		code = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (code == 0)
		code = gnutls_x509_crt_set_key_purpose_oid(certificate,
			server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0);
	if (code == 0)
		code = gnutls_x509_crt_get_subject_key_id(authority->certificate, id, &size, NULL);
	if (code == 0)
		code = gnutls_x509_crt_set_authority_key_id(certificate, id, size);
	if (code == 0)
		code = gnutls_x509_crt_sign2(
			certificate, authority->certificate, authority->key, GNUTLS_DIG_SHA256, 0);
	return code;
}

enum skex_error skex_authority_issue(struct skex_authority *authority, const char *common_name,
	const char *const *names, size_t names_count, unsigned days, const char *certificate_path,
	const char *key_path)
{
	gnutls_x509_crt_t certificate = NULL;
	gnutls_x509_privkey_t key = NULL;
	enum skex_error error = SKEX_E_CRYPTO;
	int code = make_key(&key);

	if (code == 0)
		code = gnutls_x509_crt_init(&certificate);
	if (code == 0)
		code = fill(certificate, key, common_name, days);
	for (size_t i = 0; i < names_count && code == 0; i++)
		code = add_name(certificate, names[i]);
	if (code == 0)
		code = sign(authority, certificate, names_count > 0);
	if (code == 0)
		error = write_pair(certificate, key, certificate_path, key_path);
	if (certificate != NULL)
		gnutls_x509_crt_deinit(certificate);
	if (key != NULL)
		gnutls_x509_privkey_deinit(key);
	return error;
}
