/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "deliver/bird/internal.h"

/* The control socket: one command after the other, for an action or for a look. */

static size_t look_command(const struct skex_bird *bird, char out[256])
{
	const struct skex_bird_config *config = bird->config;
	const char *protocol = config->protocol;
	int size;

	if (config->method == SKEX_BIRD_OSPF)
		size = snprintf(out, 256, "show ospf %s %s \"%s\"\n",
			bird->command == 0 ? "interface" : "neighbors", protocol,
			config->interface);
	else if (config->method == SKEX_BIRD_BFD)
		size = snprintf(out, 256, "show bfd sessions %s\n", protocol);
	else
		size = snprintf(out, 256, "show protocols all %s\n", protocol);
	return (size_t)size;
}

void bird_send_command(struct skex_bird *bird)
{
	char text[256];
	size_t size = 0;
	struct skex_view bytes;

	if (bird->stage == BIRD_ASKING)
		size = look_command(bird, text);
	else
		size = (size_t)snprintf(text, sizeof(text), "%s\n",
			bird->stage == BIRD_TALKING && bird->command == 0 ? "configure"
									  : "show status");
	bird->asked = true;
	bird->failed = false;
	bytes = skex_view((const uint8_t *)text, size);
	if (bird->platform->net->send(bird->stream, &bytes, 1) != SKEX_OK)
		bird_fail(bird, "its control socket takes nothing", "is it being stopped?");
}

static void take_line(struct skex_bird *bird, const struct skex_bird_line *line)
{
	const bool welcome = line->code == SKEX_BIRD_WELCOME;

	if (line->log)
		return;
	if (welcome ? bird->welcomed : !bird->asked) {
		bird_fail(bird, "its control socket says what nobody asked", "which one is it?");
		return;
	}
	if (welcome) {
		bird->welcomed = true;
		bird_send_command(bird);
		return;
	}
	if (bird->stage == BIRD_ASKING || line->code == SKEX_BIRD_VERSION ||
		line->code == SKEX_BIRD_STATUS)
		skex_bird_facts_line(&bird->facts, bird->config->interface, line);
	if (line->code >= SKEX_BIRD_ERRORS || line->code == SKEX_BIRD_SHUTTING_DOWN) {
		bird->failed = true;
		(void)snprintf(bird->answer, sizeof(bird->answer), "%s", line->text);
	}
	if (line->last) {
		bird->asked = false;
		bird_command_done(bird);
	}
}

/* What is done with a line may hang up, and even begin anew. */
static bool on_line(void *owner, const struct skex_bird_line *line)
{
	struct skex_bird *bird = owner;
	const uint32_t turn = bird->turn;

	take_line(bird, line);
	return bird->stream != NULL && bird->turn == turn;
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct skex_bird *bird = owner;

	(void)stream;
	if (skex_bird_read(&bird->reader, bytes, on_line, bird) != SKEX_OK)
		bird_fail(
			bird, "its control socket says what BIRD does not say", "which one is it?");
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_bird *bird = owner;
	char act[SKEX_FOREIGN_WHY_BYTES];

	(void)stream;
	(void)why;
	bird->stream = NULL;
	(void)snprintf(
		act, sizeof(act), "is BIRD running, and may skexd open %s?", bird->config->socket);
	bird_fail(bird, "its control socket does not answer", act);
}

static const struct skex_stream_events events = {
	.received = on_received,
	.closed = on_closed,
};

void bird_talk(struct skex_bird *bird, enum bird_stage stage)
{
	const struct skex_net *net = bird->platform->net;

	bird->stage = stage;
	bird->command = 0;
	bird->turn++;
	bird->welcomed = false;
	bird->asked = false;
	skex_bird_facts_init(&bird->facts);
	skex_bird_reader_init(&bird->reader);
	if (net->connect(net->context, bird->config->socket, -1, &events, bird, &bird->stream) ==
		SKEX_OK)
		return;
	bird->stream = NULL;
	bird_fail(bird, "its control socket cannot be reached", "is the path right?");
}
