/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "deliver/bird/internal.h"

/*
 * BIRD writes into its log, and to who asked for it on the control socket, when it takes a packet
 * whose authentication is wrong, and the number of the key.  Only the main thread of BIRD does so:
 * of OSPF it is heard, of BFD not.  A BIRD that does not know `echo` says nothing.
 */

static void on_line(void *owner, const struct skex_bird_line *line)
{
	struct skex_bird *bird = owner;
	struct bird_ear *ear = &bird->ear;

	if (line->log &&
		skex_bird_is_complaint(
			line->text, bird->config->protocol, bird->config->interface, ear->number))
		ear->complained = true;
}

static void on_opened(void *owner, struct skex_stream *stream)
{
	static const uint8_t command[] = "echo { auth }\n";
	const struct skex_view bytes = skex_view(command, sizeof(command) - 1);
	struct skex_bird *bird = owner;

	if (bird->platform->net->send(stream, &bytes, 1) != SKEX_OK)
		bird_ear_close(bird);
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct skex_bird *bird = owner;

	(void)stream;
	if (skex_bird_read(&bird->ear.reader, bytes, on_line, bird) != SKEX_OK)
		bird_ear_close(bird);
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_bird *bird = owner;

	(void)stream;
	(void)why;
	bird->ear.stream = NULL;
}

static const struct skex_stream_events events = {
	.opened = on_opened,
	.received = on_received,
	.closed = on_closed,
};

void bird_ear_open(struct skex_bird *bird, uint8_t number)
{
	const struct skex_net *net = bird->platform->net;

	bird_ear_close(bird);
	bird->ear.complained = false;
	bird->ear.number = number;
	skex_bird_reader_init(&bird->ear.reader);
	if (net->connect(net->context, bird->config->socket, -1, &events, bird,
		    &bird->ear.stream) != SKEX_OK)
		bird->ear.stream = NULL;
}

void bird_ear_close(struct skex_bird *bird)
{
	if (bird->ear.stream != NULL)
		bird->platform->net->close(bird->ear.stream);
	bird->ear.stream = NULL;
}
