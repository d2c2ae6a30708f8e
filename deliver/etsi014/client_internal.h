/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_CLIENT_INTERNAL_H
#define SKEX_DELIVER_ETSI014_CLIENT_INTERNAL_H

#include <curl/curl.h>
#include <stdbool.h>

#include "deliver/etsi014/client_batch.h"

/* Shared by the files of the client. */

#define CLIENT_BODY_MAX 65536u
#define CLIENT_URL_MAX  256u
#define CLIENT_PATH_MAX 512u

struct json_t; /* of jansson */

struct skex_etsi014_client {
	CURL *curl;
	char url[CLIENT_URL_MAX];
	uint32_t timeout_ms; /* of a call */
	uint64_t until_ms;   /* of all */
	char why[CURL_ERROR_SIZE];
	/* In locked memory: the answer holds keys. */
	char body[CLIENT_BODY_MAX];
	size_t filled;
};

/* Asks for a path below the address; the answer is in the body then.  Errors are those of
 * skex_etsi014_client_enc, and then message says why. */
SKEX_MUST_USE enum skex_error client_get(struct skex_etsi014_client *client, const char *path,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX]);
SKEX_MUST_USE enum skex_error client_post(struct skex_etsi014_client *client, const char *path,
	const char *body, char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX]);
/* Takes the answer out of the body, which is wiped; NULL when it is no JSON. */
struct json_t *client_answer(struct skex_etsi014_client *client);
/* Takes `count` keys of the key container in the body to the places of a batch from `first` on.
 * wanted: the ids stand there, and the keys come in any order. */
SKEX_MUST_USE enum skex_error client_read_keys(struct skex_etsi014_client *client, bool wanted,
	uint32_t first, uint32_t count, struct skex_etsi014_batch *batch,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX]);

#endif
