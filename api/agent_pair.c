/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/agent_internal.h"
#include "config/values.h"
#include "core/base/mem.h"
#include "pairwise/credential.h"
#include "platform/memory.h"

/* pair_make, pair_take, pair_ls and pair_revoke.  A credential stands in locked memory, and in the
 * one line that answers pair_make. */

#define FINGERPRINT_TEXT (2u * SKEX_PAIRWISE_ID_BYTES + 1u)

struct pair_request {
	const char *peer;
	const char *address;
	const char *credential;
	uint64_t depth;
};

/* One that waits until the association is durable. */
struct pairing {
	const struct skex_agent_ops *ops;
	struct skex_api_call *call;
	char peer[SKEX_NAME_MAX + 1];
	bool made;
	char text[SKEX_CREDENTIAL_TEXT_MAX]; /* of the credential, when it was made here */
};

static void fingerprint_text(
	const uint8_t fingerprint[static SKEX_PAIRWISE_ID_BYTES], char text[FINGERPRINT_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < SKEX_PAIRWISE_ID_BYTES; i++) {
		text[2 * i] = digits[fingerprint[i] >> 4];
		text[2 * i + 1] = digits[fingerprint[i] & 15];
	}
	text[2 * SKEX_PAIRWISE_ID_BYTES] = '\0';
}

/* ---- making and taking ---- */

/* An answer with a credential in it is made by hand: the JSON library keeps no secret. */
static void answer(struct pairing *pairing)
{
	static const char format[] = "%s%s%s\"peer\":\"%s\",\"fingerprint\":\"%s\",\"slot\":%u,"
				     "\"identity\":\"%s\"";
	const size_t room = sizeof(pairing->text) + 512;
	struct skex_pair_status status;
	char fingerprint[FINGERPRINT_TEXT];
	char *text = skex_secret_new(room);
	int size = -1;

	if (text != NULL && skex_agent_pair_find(pairing->ops->agent, pairing->peer, &status)) {
		fingerprint_text(status.fingerprint, fingerprint);
		/* Names and base32 need no escapes. */
		size = snprintf(text, room, format, pairing->made ? "\"credential\":\"" : "",
			pairing->text, pairing->made ? "\"," : "", pairing->peer, fingerprint,
			(unsigned)status.slot, status.identity.text);
	}
	if (size > 0 && (size_t)size < room)
		skex_api_reply_text(pairing->call, skex_view(text, (size_t)size));
	else
		skex_api_fail(pairing->call, SKEX_E_MEMORY, "memory",
			"no memory for the answer, or the pair was revoked meanwhile",
			"revoke the pair, and begin again");
	skex_secret_free(text);
}

static void paired(void *owner)
{
	struct pairing *pairing = owner;

	if (pairing->call != NULL)
		answer(pairing);
	skex_secret_free(pairing);
}

/* The caller is gone: what was made stays, and can be revoked. */
static void caller_gone(void *owner, uint64_t data)
{
	struct pairing *pairing = owner;

	(void)data;
	skex_agent_pair_unwait(pairing->ops->agent, pairing);
	skex_secret_free(pairing);
}

static void to_credential(const struct skex_pair_terms *terms, struct skex_credential *credential)
{
	unsigned i;

	memset(credential, 0, sizeof(*credential));
	memcpy(credential->psk, terms->psk, sizeof(credential->psk));
	for (i = 0; i < 2; i++)
		(void)skex_credential_text_set(
			&credential->id[i], skex_view(terms->ids[i], strlen(terms->ids[i])));
	credential->suites_count = 1;
	credential->suites[0] = 1;
	credential->depth = terms->depth;
	(void)skex_credential_text_set(&credential->purpose,
		skex_view(SKEX_CREDENTIAL_PURPOSE, strlen(SKEX_CREDENTIAL_PURPOSE)));
	credential->slot = terms->slot;
	(void)skex_credential_text_set(
		&credential->host, skex_view(terms->host, strlen(terms->host)));
	credential->port = terms->port;
}

/* False when it is none of two agents that speak as this one does. */
static bool from_credential(const struct skex_credential *credential, struct skex_pair_terms *terms)
{
	unsigned i;

	if (credential->suites_count != 1 || credential->suites[0] != 1 || credential->slot > 1 ||
		strcmp(credential->purpose.text, SKEX_CREDENTIAL_PURPOSE) != 0)
		return false;
	memset(terms, 0, sizeof(*terms));
	for (i = 0; i < 2; i++) {
		if (credential->id[i].size > SKEX_NAME_MAX)
			return false;
		memcpy(terms->ids[i], credential->id[i].text, credential->id[i].size + 1u);
	}
	memcpy(terms->psk, credential->psk, sizeof(terms->psk));
	terms->depth = credential->depth;
	terms->slot = credential->slot;
	memcpy(terms->host, credential->host.text, credential->host.size + 1u);
	terms->port = credential->port;
	return true;
}

static struct pairing *begin(const struct skex_agent_ops *ops, struct skex_api_call *call,
	const struct pair_request *in, struct skex_pair_request *request,
	struct skex_address *address)
{
	struct pairing *pairing;

	if (in->address != NULL &&
		(!skex_parse_address(in->address, address) || address->port == 0)) {
		skex_agent_ops_bad(call, "\"address\" has to be HOST:PORT, or [IPV6]:PORT");
		return NULL;
	}
	pairing = skex_secret_new(sizeof(*pairing));
	if (pairing == NULL) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory", "try again later");
		return NULL;
	}
	pairing->ops = ops;
	pairing->call = call;
	if (in->address != NULL) {
		request->host = address->host;
		request->port = address->port;
	}
	request->peer = in->peer;
	request->depth = (uint8_t)in->depth;
	request->paired = paired;
	request->owner = pairing;
	return pairing;
}

void skex_agent_op_pair_make(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"peer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX,
			offsetof(struct pair_request, peer)},
		{"address", SKEX_FIELD_STRING, false, 1, SKEX_HOST_MAX + 8u,
			offsetof(struct pair_request, address)},
		{"depth", SKEX_FIELD_INTEGER, false, 0, 32, offsetof(struct pair_request, depth)},
	};
	struct pair_request in = {.peer = NULL};
	struct skex_pair_request out = {.peer = NULL};
	struct skex_credential credential;
	struct skex_pair_terms terms;
	struct skex_problem problem;
	struct skex_address address;
	struct pairing *pairing;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	pairing = begin(owner, call, &in, &out, &address);
	if (pairing == NULL)
		return;
	if (skex_agent_pair_make(pairing->ops->agent, &out, &terms, &problem) != SKEX_OK) {
		skex_agent_ops_problem(call, &problem);
		skex_secret_free(pairing);
		return;
	}
	(void)snprintf(pairing->peer, sizeof(pairing->peer), "%s", in.peer);
	pairing->made = true;
	to_credential(&terms, &credential);
	/* Its fields are in their ranges; should it fail all the same, the answer says so. */
	if (skex_credential_encode(&credential, pairing->text) != SKEX_OK)
		pairing->peer[0] = '\0';
	skex_wipe(&terms, sizeof(terms));
	skex_wipe(&credential, sizeof(credential));
	skex_api_call_on_cancel(call, caller_gone, pairing, 0);
}

static void bad_text(struct skex_api_call *call, enum skex_error error)
{
	if (error == SKEX_E_VERSION)
		skex_api_fail(call, error, "bad_credential", "the credential is of another version",
			"use the same version of skex");
	else if (error == SKEX_E_CORRUPT) /* not this machine: whoever copied it has to mend it */
		skex_api_fail(call, SKEX_E_SYNTAX, "bad_credential",
			"the credential was copied wrongly: its check does not fit",
			"copy it again, all of it");
	else
		skex_api_fail(call, error, "bad_credential", "that is no credential of two agents",
			"make one with skex pair make at the other agent");
}

void skex_agent_op_pair_take(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"credential", SKEX_FIELD_STRING, true, 1, SKEX_CREDENTIAL_TEXT_MAX,
			offsetof(struct pair_request, credential)},
		{"peer", SKEX_FIELD_STRING, false, 1, SKEX_NAME_MAX,
			offsetof(struct pair_request, peer)},
		{"address", SKEX_FIELD_STRING, false, 1, SKEX_HOST_MAX + 8u,
			offsetof(struct pair_request, address)},
	};
	struct pair_request in = {.peer = NULL};
	struct skex_pair_request out = {.peer = NULL};
	struct skex_credential credential;
	struct skex_pair_terms terms = {.slot = 0};
	struct skex_problem problem;
	struct skex_address address;
	struct pairing *pairing;
	enum skex_error error;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	error = skex_credential_decode(
		&credential, skex_view(in.credential, strlen(in.credential)));
	if (error == SKEX_OK && !from_credential(&credential, &terms))
		error = SKEX_E_SYNTAX;
	skex_wipe(&credential, sizeof(credential));
	if (error != SKEX_OK) {
		bad_text(call, error);
		return;
	}
	pairing = begin(owner, call, &in, &out, &address);
	out.terms = &terms;
	if (pairing != NULL) {
		(void)snprintf(
			pairing->peer, sizeof(pairing->peer), "%s", terms.ids[1u - terms.slot]);
		if (skex_agent_pair_take(pairing->ops->agent, &out, &problem) == SKEX_OK) {
			skex_api_call_on_cancel(call, caller_gone, pairing, 0);
		} else {
			skex_agent_ops_problem(call, &problem);
			skex_secret_free(pairing);
		}
	}
	skex_wipe(&terms, sizeof(terms));
}

/* ---- list and revoke ---- */

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static void add_pair(void *owner, const struct skex_pair_status *pair)
{
	const struct skex_association_status *state = &pair->association;
	char fingerprint[FINGERPRINT_TEXT];
	char address[SKEX_HOST_MAX + 10] = "";
	json_t *list = owner;

	fingerprint_text(pair->fingerprint, fingerprint);
	if (pair->host[0] != '\0')
		(void)snprintf(address, sizeof(address),
			strchr(pair->host, ':') != NULL ? "[%s]:%u" : "%s:%u", pair->host,
			(unsigned)pair->port);
	/* Without memory the list is shorter than it should be, and its answer fails as well. */
	(void)json_array_append_new(list,
		json_pack("{ss ss ss si si ss ss ss so so so so so so so}", "peer", pair->peer.text,
			"identity", pair->identity.text, "fingerprint", fingerprint, "slot",
			(int)pair->slot, "depth", (int)pair->depth, "state", pair->state, "address",
			address, "heard_from", pair->heard_from, "last_success_ms",
			state->success_wall_ms == 0 ? json_null() : number(state->success_wall_ms),
			"runs_begun", number(state->begun), "runs_answered",
			number(state->answered), "rekeyed", number(state->rekeyed), "runs_failed",
			number(state->failed), "forged", number(state->counters.forged), "limited",
			number(state->counters.limited)));
}

void skex_agent_op_pair_ls(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;
	json_t *list;
	int nothing;

	if (!skex_agent_ops_read(call, NULL, 0, request, &nothing))
		return;
	list = json_array();
	skex_agent_pairs(ops->agent, add_pair, list);
	skex_api_reply(call, list == NULL ? NULL : json_pack("{so}", "pairs", list));
}

void skex_agent_op_pair_revoke(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"peer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX,
			offsetof(struct pair_request, peer)},
	};
	const struct skex_agent_ops *ops = owner;
	struct pair_request in = {.peer = NULL};
	struct skex_problem problem;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if (skex_agent_pair_revoke(ops->agent, in.peer, &problem) != SKEX_OK)
		skex_agent_ops_problem(call, &problem);
	else
		skex_api_reply(call, json_pack("{ss}", "peer", in.peer));
}
