/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/reply.h"

#include "platform/memory.h"

void skex_https_reply_clear(struct skex_https_reply *reply)
{
	skex_secret_free(reply->body);
	*reply = (struct skex_https_reply){0};
}

void skex_https_reply_body(struct skex_https_reply *reply, json_t *object)
{
	size_t size = object != NULL ? json_dumpb(object, NULL, 0, JSON_COMPACT) : 0;
	char *body = size > 0 ? skex_secret_new(size) : NULL;

	if (body != NULL) {
		reply->body = body;
		reply->size = json_dumpb(object, body, size, JSON_COMPACT);
	}
	json_decref(object);
}
