/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bird/bird.h"

#include "deliver/bird/look.h"
#include "fuzz/consumer.h"
#include "fuzz/fuzz.h"

/*
 * What BIRD says, and what stands in the file that it includes.  The first byte says what the rest
 * is: replies, which say the same in one piece and byte by byte; a file, whose keys are read again
 * as they were; or operations for the real adapter (fuzz/consumer.h), after its method and end.
 */

struct heard {
	struct skex_bird_facts facts;
	uint64_t lines;
	uint64_t last;
	uint64_t bytes;
};

static bool on_line(void *owner, const struct skex_bird_line *line)
{
	struct heard *heard = owner;
	const char *text;

	must(line->code <= 9999 && (!line->log || line->code == 0));
	for (text = line->text; *text != '\0'; text++)
		must(*text == '\t' || (*text >= ' ' && *text <= '~'));
	heard->lines++;
	heard->last += line->last;
	heard->bytes += (uint64_t)(text - line->text);
	skex_bird_facts_line(&heard->facts, "eth1", line);
	return true;
}

static enum skex_error hear(struct heard *heard, const uint8_t *data, size_t size, size_t piece)
{
	struct skex_bird_reader reader;
	size_t at;

	memset(heard, 0, sizeof(*heard));
	skex_bird_facts_init(&heard->facts);
	skex_bird_reader_init(&reader);
	for (at = 0; at < size; at += piece) {
		const size_t left = size - at;

		if (skex_bird_read(&reader, skex_view(data + at, left < piece ? left : piece),
			    on_line, heard) != SKEX_OK)
			return SKEX_E_SYNTAX;
	}
	return SKEX_OK;
}

static void replies(const uint8_t *data, size_t size)
{
	struct heard whole, pieces;
	struct skex_bird_question question = {.was_up = true, .past_ms = 60000};

	must(hear(&whole, data, size, size + 1) == hear(&pieces, data, size, 1));
	must(whole.lines == pieces.lines && whole.last == pieces.last &&
		whole.bytes == pieces.bytes && whole.facts.up == pieces.facts.up &&
		whole.facts.neighbors == pieces.facts.neighbors &&
		whole.facts.silent_ms == pieces.facts.silent_ms);
	must(whole.facts.up <= whole.facts.neighbors);
	for (unsigned i = 0; i < 16u * SKEX_BIRD_METHODS; i++) {
		question.method = (enum skex_bird_method)(i / 16);
		question.leads = (i & 1) != 0;
		question.placed = (i & 2) != 0;
		question.switched = (i & 4) != 0;
		question.staged = (i & 8) != 0;
		/* A key is used only by a neighbor, and once it could be. */
		must(skex_bird_judge(&question, &whole.facts) != SKEX_BIRD_USED ||
			(whole.facts.neighbors > 0 &&
				(question.switched || question.staged || question.placed)));
	}
}

static void file(const uint8_t *data, size_t size)
{
	static const enum skex_bird_method methods[] = {
		SKEX_BIRD_OSPF, SKEX_BIRD_BFD, SKEX_BIRD_TCP_MD5, SKEX_BIRD_TCP_AO};
	struct skex_bird_keys keys, again;
	char text[SKEX_BIRD_TEXT_MAX];

	if (size == 0)
		return;
	skex_bird_text_read(skex_view(data + 1, size - 1), &keys);
	must(keys.count <= SKEX_BIRD_KEYS_MAX);
	if (keys.count == 0)
		return;
	for (size_t i = 0; i < keys.count; i++)
		must(memchr(keys.key[i].secret, '\0', sizeof(keys.key[i].secret)) != NULL);
	must(skex_bird_text(methods[data[0] % 4], "site-b", &keys, text) <= sizeof(text));
	skex_bird_text_read(skex_view((const uint8_t *)text,
				    skex_bird_text(methods[data[0] % 4], "site-b", &keys, text)),
		&again);
	must(again.count == keys.count ||
		(methods[data[0] % 4] == SKEX_BIRD_TCP_MD5 && again.count <= keys.count));
}

static void operations(const uint8_t *data, size_t size)
{
	struct skex_bird_config config = {
		.binding = "site-b",
		.socket = "bird.ctl",
		.protocol = "p1",
		.file = fuzz_consumer_file(),
	};
	struct fuzz_consumer consumer = {.file = config.file};
	struct skex_bird *bird;

	if (size == 0)
		return;
	config.method = (enum skex_bird_method)(data[0] % SKEX_BIRD_METHODS);
	config.leads = data[0] < 128;
	if (config.method == SKEX_BIRD_OSPF || config.method == SKEX_BIRD_BFD)
		config.interface = "eth1";
	must(skex_bird_new(fuzz_consumer_platform(), &config, &bird) == SKEX_OK);
	consumer.consumer = config.method == SKEX_BIRD_TCP_MD5 ? &skex_bird_one_place_consumer
							       : &skex_bird_consumer;
	consumer.context = bird;
	fuzz_consumer_run(&consumer, data + 1, size - 1);
	skex_bird_free(bird);
	fuzz_consumer_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		replies(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		file(data + 1, size - 1);
	else
		operations(data + 1, size - 1);
	return 0;
}
