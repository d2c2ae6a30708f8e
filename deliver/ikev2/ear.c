/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "deliver/ikev2/internal.h"

/*
 * What tells a responder which PPK was used: charon's log, which VICI gives as events "log" of what
 * it would log at level 1.  In no list of VICI does it stand.  It says so after it has verified the
 * other end with that PPK.  Should another version word it otherwise, then nothing is heard, and
 * the leader's word has to do.  Only from STAGE on for a minute: all that charon does is told to
 * all that listen.
 */
#define WORDS     "using PPK for PPK_ID '%s'"
#define LISTEN_MS 60000u

void ikev2_ear_close(struct skex_ikev2 *ikev2)
{
	struct ikev2_ear *ear = &ikev2->ear;

	if (ear->stream != NULL)
		ikev2->platform->net->close(ear->stream);
	ear->stream = NULL;
}

static void on_opened(void *owner, struct skex_stream *stream)
{
	struct skex_ikev2 *ikev2 = owner;
	uint8_t request[32];
	struct skex_writer writer;
	struct skex_view bytes = skex_view(request, 0);

	skex_writer_init(&writer, request, sizeof(request));
	skex_vici_begin(&writer, SKEX_VICI_EVENT_REGISTER, "log");
	if (skex_vici_end(&writer, &bytes.size) != SKEX_OK ||
		ikev2->platform->net->send(stream, &bytes, 1) != SKEX_OK)
		ikev2_ear_close(ikev2);
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct skex_ikev2 *ikev2 = owner;
	struct ikev2_ear *ear = &ikev2->ear;
	enum skex_vici_token token;

	(void)stream;
	while ((token = skex_vici_next(&ear->reader, &bytes)) != SKEX_VICI_MORE) {
		if (token == SKEX_VICI_BAD) {
			ikev2_ear_close(ikev2);
			return;
		}
		if (token == SKEX_VICI_PACKET)
			ear->in_log = ear->reader.type == SKEX_VICI_EVENT &&
				skex_vici_name_is(&ear->reader, "log");
		if (token == SKEX_VICI_ELEMENT && ear->in_log && ear->reader.depth == 0 &&
			ear->reader.element == SKEX_VICI_KEY_VALUE &&
			skex_vici_name_is(&ear->reader, "msg") &&
			skex_vici_value_is(&ear->reader, ear->words))
			ear->heard = true;
	}
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_ikev2 *ikev2 = owner;

	(void)stream;
	(void)why;
	ikev2->ear.stream = NULL;
}

void ikev2_ear_open(struct skex_ikev2 *ikev2, const uint8_t id[SKEX_KEY_ID_BYTES])
{
	static const struct skex_stream_events events = {
		.opened = on_opened, .received = on_received, .closed = on_closed};
	const struct skex_platform *platform = ikev2->platform;
	struct ikev2_ear *ear = &ikev2->ear;
	char ppk_id[IKEV2_NAME_MAX];

	ikev2_ear_close(ikev2);
	ikev2_ppk_id(ikev2->config, id, ppk_id);
	(void)snprintf(ear->words, sizeof(ear->words), WORDS, ppk_id);
	ear->heard = false;
	ear->since_ms = platform->now_ms(platform->context);
	skex_vici_reader_init(&ear->reader);
	if (platform->net->connect(platform->net->context, ikev2->config->socket, -1, &events,
		    ikev2, &ear->stream) != SKEX_OK)
		ear->stream = NULL;
}

bool ikev2_ear_heard(struct skex_ikev2 *ikev2)
{
	const struct skex_platform *platform = ikev2->platform;

	if (ikev2->ear.stream != NULL &&
		platform->now_ms(platform->context) - ikev2->ear.since_ms >= LISTEN_MS)
		ikev2_ear_close(ikev2);
	return ikev2->ear.heard;
}
