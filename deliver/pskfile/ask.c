/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/pskfile/ask.h"

#include <stdlib.h>

struct skex_pskfile_ask {
	const struct skex_net *net;
	struct skex_stream *stream;
	struct skex_tls_probe *probe;
	skex_pskfile_answered_fn answered;
	void *owner;
};

void skex_pskfile_ask_drop(struct skex_pskfile_ask *ask)
{
	if (ask == NULL)
		return;
	if (ask->stream != NULL)
		ask->net->close(ask->stream);
	skex_tls_probe_free(ask->probe);
	free(ask);
}

static void answer(struct skex_pskfile_ask *ask, enum skex_pskfile_answer answer)
{
	const skex_pskfile_answered_fn answered = ask->answered;
	void *owner = ask->owner;

	skex_pskfile_ask_drop(ask);
	answered(owner, answer);
}

static void step(struct skex_pskfile_ask *ask, struct skex_view in)
{
	struct skex_view out;

	switch (skex_tls_probe_step(ask->probe, in, &out)) {
	case SKEX_TLS_GOING:
		if (out.size > 0 && ask->net->send(ask->stream, &out, 1) != SKEX_OK)
			answer(ask, SKEX_PSKFILE_SILENT);
		break;
	case SKEX_TLS_TAKEN:
		answer(ask, SKEX_PSKFILE_TAKEN);
		break;
	case SKEX_TLS_REFUSED:
		answer(ask, SKEX_PSKFILE_REFUSED);
		break;
	case SKEX_TLS_STRANGE:
		answer(ask, SKEX_PSKFILE_STRANGE);
		break;
	}
}

static void on_opened(void *owner, struct skex_stream *stream)
{
	(void)stream;
	step(owner, skex_view(NULL, 0));
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	(void)stream;
	step(owner, bytes);
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_pskfile_ask *ask = owner;

	(void)stream;
	(void)why;
	ask->stream = NULL;
	answer(ask, SKEX_PSKFILE_SILENT);
}

enum skex_error skex_pskfile_ask(const struct skex_platform *platform, const char *host, int port,
	const char *identity, struct skex_view key, skex_pskfile_answered_fn answered, void *owner,
	struct skex_pskfile_ask **out)
{
	static const struct skex_stream_events events = {
		.opened = on_opened, .received = on_received, .closed = on_closed};
	struct skex_pskfile_ask *ask = calloc(1, sizeof(*ask));
	enum skex_error error;

	if (ask == NULL)
		return SKEX_E_MEMORY;
	ask->net = platform->net;
	ask->answered = answered;
	ask->owner = owner;
	error = skex_tls_probe_new(identity, key, &ask->probe);
	if (error == SKEX_OK)
		error = ask->net->connect(
			ask->net->context, host, port, &events, ask, &ask->stream);
	if (error != SKEX_OK) {
		skex_pskfile_ask_drop(ask);
		return error;
	}
	*out = ask;
	return SKEX_OK;
}
