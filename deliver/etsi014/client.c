/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/client.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "deliver/etsi014/client_internal.h"
#include "platform/memory.h"
#include "platform/posix.h"

#define CONNECT_MS 5000L /* of the time that a call may take, until there is a connection */

static size_t collect(char *data, size_t one, size_t count, void *owner)
{
	struct skex_etsi014_client *client = owner;
	size_t size = one * count;

	if (size >= CLIENT_BODY_MAX - client->filled)
		return 0;
	memcpy(client->body + client->filled, data, size);
	client->filled += size;
	client->body[client->filled] = '\0';
	return size;
}

static bool set_options(struct skex_etsi014_client *client, const char *ca, const char *certificate,
	const char *key)
{
	CURL *curl = client->curl;

	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_SSLKEY, key) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->why) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, client) == CURLE_OK;
}

enum skex_error skex_etsi014_client_new(const char *url, const char *ca, const char *certificate,
	const char *key, uint32_t timeout_ms, struct skex_etsi014_client **client)
{
	struct skex_etsi014_client *made;

	if (strlen(url) >= CLIENT_URL_MAX)
		return SKEX_E_ARGUMENT;
	made = skex_secret_new(sizeof(*made));
	if (made == NULL)
		return SKEX_E_MEMORY;
	memcpy(made->url, url, strlen(url) + 1);
	made->timeout_ms = timeout_ms;
	made->until_ms = UINT64_MAX;
	made->curl = curl_easy_init();
	if (made->curl == NULL || !set_options(made, ca, certificate, key)) {
		skex_etsi014_client_free(made);
		return SKEX_E_CRYPTO;
	}
	*client = made;
	return SKEX_OK;
}

void skex_etsi014_client_free(struct skex_etsi014_client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->curl);
	skex_secret_free(client);
}

void skex_etsi014_client_until(struct skex_etsi014_client *client, uint64_t until_ms)
{
	client->until_ms = until_ms;
}

/* What a status means; "" for one that says nothing by itself. */
static const char *status_words(long status)
{
	switch (status) {
	case 401:
		return " (it does not take this certificate for that SAE)";
	case 503:
		return " (it has no key to give now)";
	default:
		return "";
	}
}

/* With the "message" of an error object, when there is one. */
static void error_message(const struct skex_etsi014_client *client, long status,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	json_t *object = json_loadb(client->body, client->filled, 0, NULL);
	const char *text = json_string_value(json_object_get(object, "message"));

	(void)snprintf(message, SKEX_ETSI014_CLIENT_MESSAGE_MAX, "%s: HTTP %ld%s%s%.160s",
		client->url, status, status_words(status), text == NULL ? "" : ": ",
		text == NULL ? "" : text);
	skex_text_mend(message);
	json_decref(object);
}

static enum skex_error error_of_status(long status)
{
	if (status == 503)
		return SKEX_E_EMPTY;
	return status == 400 || status == 401 ? SKEX_E_REFUSED : SKEX_E_SYNTAX;
}

/* How long the next call may take; 0: there is no time left. */
static uint64_t left_ms(const struct skex_etsi014_client *client)
{
	const uint64_t now_ms = skex_posix_now_ms(NULL);
	const uint64_t left = client->until_ms > now_ms ? client->until_ms - now_ms : 0;

	return left < client->timeout_ms ? left : client->timeout_ms;
}

/* Sends what is set, and takes the answer into the body. */
static enum skex_error perform(struct skex_etsi014_client *client, const char *path,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	char url[CLIENT_URL_MAX + CLIENT_PATH_MAX];
	const uint64_t time_ms = left_ms(client);
	long status = 0;
	CURLcode code;

	if (time_ms == 0) {
		(void)snprintf(message, SKEX_ETSI014_CLIENT_MESSAGE_MAX,
			"%s: it is too slow for all that was asked of it", client->url);
		return SKEX_E_OFFLINE;
	}
	(void)snprintf(url, sizeof(url), "%s%s", client->url, path);
	skex_wipe(client->body, sizeof(client->body));
	client->filled = 0;
	client->why[0] = '\0';
	code = curl_easy_setopt(client->curl, CURLOPT_URL, url);
	if (code == CURLE_OK)
		code = curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, (long)time_ms);
	if (code == CURLE_OK)
		code = curl_easy_perform(client->curl);
	if (code != CURLE_OK) {
		(void)snprintf(message, SKEX_ETSI014_CLIENT_MESSAGE_MAX, "%s: %.200s", client->url,
			client->why[0] != '\0' ? client->why : curl_easy_strerror(code));
		skex_text_mend(message);
		return SKEX_E_OFFLINE;
	}
	(void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return SKEX_OK;
	error_message(client, status, message);
	return error_of_status(status);
}

enum skex_error client_get(struct skex_etsi014_client *client, const char *path,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	return curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L) == CURLE_OK
		? perform(client, path, message)
		: SKEX_E_MEMORY;
}

enum skex_error client_post(struct skex_etsi014_client *client, const char *path, const char *body,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	enum skex_error error = SKEX_E_MEMORY;

	if (headers != NULL && curl_easy_setopt(client->curl, CURLOPT_POST, 1L) == CURLE_OK &&
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) ==
			CURLE_OK &&
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
		curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK)
		error = perform(client, path, message);
	(void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
	(void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, NULL);
	curl_slist_free_all(headers);
	return error;
}

json_t *client_answer(struct skex_etsi014_client *client)
{
	json_t *answer = json_loadb(client->body, client->filled, JSON_REJECT_DUPLICATES, NULL);

	skex_wipe(client->body, sizeof(client->body));
	return answer;
}

/* The one key of a key container. */
static bool read_key(json_t *container, struct skex_etsi014_key *key)
{
	json_t *keys = json_object_get(container, "keys");
	json_t *first = json_array_get(keys, 0);
	const char *id = json_string_value(json_object_get(first, "key_ID"));
	json_t *text = json_object_get(first, "key");

	if (json_array_size(keys) != 1 || id == NULL || strlen(id) > SKEX_ETSI014_CLIENT_ID_MAX ||
		!json_is_string(text) ||
		!skex_base64_decode(key->bytes, sizeof(key->bytes), &key->size,
			json_string_value(text), json_string_length(text)))
		return false;
	memcpy(key->id, id, strlen(id) + 1);
	return true;
}

static enum skex_error take_key(struct skex_etsi014_client *client, const char *path,
	struct skex_etsi014_key *key, char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	enum skex_error error = client_get(client, path, message);
	json_t *container;
	json_t *text;
	const char *value;
	void *bytes;

	if (error != SKEX_OK)
		return error;
	container = json_loadb(client->body, client->filled, 0, NULL);
	skex_wipe(client->body, sizeof(client->body));
	if (!read_key(container, key)) {
		(void)snprintf(message, SKEX_ETSI014_CLIENT_MESSAGE_MAX,
			"%s: the answer is no container with one key", client->url);
		error = SKEX_E_SYNTAX;
	}
	/* Jansson owns the bytes and hands them out as const; they are plain heap. */
	text = json_object_get(json_array_get(json_object_get(container, "keys"), 0), "key");
	value = json_string_value(text);
	memcpy(&bytes, &value, sizeof(bytes));
	if (bytes != NULL)
		skex_wipe(bytes, json_string_length(text));
	json_decref(container);
	return error;
}

enum skex_error skex_etsi014_client_enc(struct skex_etsi014_client *client, const char *slave,
	uint32_t bits, struct skex_etsi014_key *key,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	char path[512];

	(void)snprintf(path, sizeof(path), "/api/v1/keys/%.200s/enc_keys?number=1&size=%" PRIu32,
		slave, bits);
	return take_key(client, path, key, message);
}

enum skex_error skex_etsi014_client_dec(struct skex_etsi014_client *client, const char *master,
	const char *id, struct skex_etsi014_key *key,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	char path[512];

	(void)snprintf(path, sizeof(path), "/api/v1/keys/%.200s/dec_keys?key_ID=%.63s", master, id);
	return take_key(client, path, key, message);
}
