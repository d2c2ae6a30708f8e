/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_REPLY_H
#define SKEX_DELIVER_HTTPS_REPLY_H

#include <jansson.h>

/* body lies in secret memory and is the holder's; NULL for a response without a body. */
struct skex_https_reply {
	unsigned status;
	const char *allow; /* of a 405; otherwise NULL */
	char *body;
	size_t size;
};

/* Wipes and gives back; a reply of zeros is fine. */
void skex_https_reply_clear(struct skex_https_reply *reply);

/* Sets the body to the JSON of object and takes the reference, NULL too; without memory the reply
 * has no body. */
void skex_https_reply_body(struct skex_https_reply *reply, json_t *object);

#endif
