/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bird/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENT_MS     1500u  /* a hello is missing when it comes so much later */
#define SAID_MS       3000u  /* and by then the leader has heard of it */
#define HELLO_MOST_MS 13000u /* a proof takes SKEX_ROTATION_PROVE_MS at most */
#define BFD_TIMES     3u
#define BFD_LEAST_MS  1000u
#define BGP_MS        20000u /* it connects 5 s after a reset, if nothing is in the way */
#define WORDS_MAX     12u

void skex_bird_facts_init(struct skex_bird_facts *facts)
{
	*facts = (struct skex_bird_facts){.silent_ms = UINT64_MAX, .current = -1, .rnext = -1};
}

/* ---- lines -------------------------------------------------------------------------------------
 */

struct word {
	const char *text;
	size_t size;
};

static size_t take_words(const char *text, struct word words[WORDS_MAX])
{
	size_t count = 0;

	for (;;) {
		text += strspn(text, " \t");
		if (*text == '\0' || count == WORDS_MAX)
			return count;
		words[count].text = text;
		words[count].size = strcspn(text, " \t");
		text += words[count++].size;
	}
}

static bool is_word(const struct word *word, const char *text)
{
	return word->size == strlen(text) && memcmp(word->text, text, word->size) == 0;
}

/* "12.345" is 12345; a time that is none, 0. */
static uint64_t milliseconds(const char *text)
{
	char *end;
	const unsigned long long seconds = strtoull(text, &end, 10);
	uint64_t rest = 0;
	unsigned i;

	if (end == text || seconds > UINT32_MAX)
		return 0;
	for (i = 0; i < 3; i++) {
		const char digit = *end == '\0' || end[1] < '0' || end[1] > '9' ? '0' : *++end;

		rest = rest * 10 + (uint64_t)(digit - '0');
	}
	return seconds * 1000 + rest;
}

/* "   Name:   value" */
static bool has_value(const char *text, const char *name, const char **value)
{
	const size_t size = strlen(name);

	text += strspn(text, " \t");
	if (strncmp(text, name, size) != 0 || text[size] != ':')
		return false;
	text += size + 1;
	*value = text + strspn(text, " \t");
	return true;
}

static void version_line(struct skex_bird_facts *facts, const char *text)
{
	unsigned major = 0;
	unsigned minor = 0;

	if (strncmp(text, "BIRD ", 5) != 0)
		return;
	major = (unsigned)strtoul(text + 5, NULL, 10);
	text += 5 + strspn(text + 5, "0123456789");
	if (*text == '.')
		minor = (unsigned)strtoul(text + 1, NULL, 10);
	facts->major = major;
	facts->minor = minor;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void ospf_interface_line(struct skex_bird_facts *facts, const char *text)
{
	const char *value;

	if (has_value(text, "Hello timer", &value))
		facts->hello_ms = larger(facts->hello_ms, milliseconds(value));
	else if (has_value(text, "Dead timer", &value))
		facts->dead_ms = larger(facts->dead_ms, milliseconds(value));
}

/* "10.0.0.2  1  Full/DR  38.123  eth1  10.0.0.2", which comes after the interface's lines. */
static void ospf_neighbor_line(
	struct skex_bird_facts *facts, const char *interface, const char *text)
{
	struct word words[WORDS_MAX];
	uint64_t left_ms;

	if (take_words(text, words) != 6 || !is_word(&words[4], interface))
		return;
	left_ms = milliseconds(words[3].text);
	facts->neighbors++;
	facts->up += strncmp(words[2].text, "Full/", 5) == 0;
	if (left_ms <= facts->dead_ms && facts->dead_ms - left_ms < facts->silent_ms)
		facts->silent_ms = facts->dead_ms - left_ms;
}

/* "10.0.0.2  eth1  Up  12:00:00.000  0.100  0.500"; the time can be two words. */
static void bfd_line(struct skex_bird_facts *facts, const char *interface, const char *text)
{
	struct word words[WORDS_MAX];
	const size_t count = take_words(text, words);

	if (count < 6 || !is_word(&words[1], interface))
		return;
	facts->neighbors++;
	facts->up += is_word(&words[2], "Up");
	facts->detect_ms = larger(facts->detect_ms, milliseconds(words[count - 1].text));
}

static void bgp_line(struct skex_bird_facts *facts, const char *text)
{
	const char *value;

	if (has_value(text, "BGP state", &value)) {
		facts->neighbors++;
		facts->up += strcmp(value, "Established") == 0;
	} else if (has_value(text, "Current key", &value)) {
		facts->current = (int32_t)strtol(value, NULL, 10);
	} else if (has_value(text, "RNext key", &value)) {
		facts->rnext = (int32_t)strtol(value, NULL, 10);
	}
}

void skex_bird_facts_line(
	struct skex_bird_facts *facts, const char *interface, const struct skex_bird_line *line)
{
	const char *name = interface != NULL ? interface : "";

	switch (line->code) {
	case SKEX_BIRD_VERSION:
		version_line(facts, line->text);
		break;
	case SKEX_BIRD_STATUS:
		facts->configuring = strcmp(line->text, "Reconfiguration in progress") == 0;
		break;
	case SKEX_BIRD_OSPF_INTERFACE:
		ospf_interface_line(facts, line->text);
		break;
	case SKEX_BIRD_OSPF_NEIGHBOR:
		ospf_neighbor_line(facts, name, line->text);
		break;
	case SKEX_BIRD_BFD_SESSION:
		bfd_line(facts, name, line->text);
		break;
	case SKEX_BIRD_PROTOCOL_LINE:
	case SKEX_BIRD_PROTOCOL_DETAILS:
		bgp_line(facts, line->text);
		break;
	default:
		facts->no_protocol = facts->no_protocol || line->code >= SKEX_BIRD_ERRORS;
		break;
	}
}

/* ---- what follows from them --------------------------------------------------------------------
 */

static enum skex_bird_verdict judge_ospf(
	const struct skex_bird_question *question, const struct skex_bird_facts *facts)
{
	const uint64_t said_ms = facts->hello_ms + SAID_MS;
	const uint64_t wait_ms = said_ms < HELLO_MOST_MS ? said_ms : HELLO_MOST_MS;

	if (question->staged && !question->leads && question->was_up &&
		facts->silent_ms > facts->hello_ms + SILENT_MS)
		return SKEX_BIRD_WRONG;
	if (!question->switched || question->past_ms < wait_ms || facts->neighbors == 0 ||
		(question->was_up && facts->up == 0))
		return SKEX_BIRD_NOTHING;
	return facts->silent_ms < question->past_ms ? SKEX_BIRD_USED : SKEX_BIRD_NOTHING;
}

static enum skex_bird_verdict judge_bfd(
	const struct skex_bird_question *question, const struct skex_bird_facts *facts)
{
	const uint64_t wait_ms = larger(BFD_TIMES * facts->detect_ms, BFD_LEAST_MS);

	if (!question->switched)
		return SKEX_BIRD_NOTHING;
	if (question->was_up && facts->up == 0)
		return SKEX_BIRD_WRONG;
	return facts->up > 0 && question->past_ms >= wait_ms ? SKEX_BIRD_USED : SKEX_BIRD_NOTHING;
}

static enum skex_bird_verdict judge_ao(
	const struct skex_bird_question *question, const struct skex_bird_facts *facts)
{
	const int32_t shown = question->leads ? facts->rnext : facts->current;

	if (!question->switched && !question->staged)
		return SKEX_BIRD_NOTHING;
	return facts->up > 0 && shown == question->number ? SKEX_BIRD_USED : SKEX_BIRD_NOTHING;
}

static enum skex_bird_verdict judge_md5(
	const struct skex_bird_question *question, const struct skex_bird_facts *facts)
{
	if (!question->placed)
		return SKEX_BIRD_NOTHING;
	if (facts->up > 0)
		return SKEX_BIRD_USED;
	return question->past_ms > BGP_MS ? SKEX_BIRD_FAILING : SKEX_BIRD_NOTHING;
}

enum skex_bird_verdict skex_bird_judge(
	const struct skex_bird_question *question, const struct skex_bird_facts *facts)
{
	if (question->method == SKEX_BIRD_OSPF)
		return judge_ospf(question, facts);
	if (question->method == SKEX_BIRD_BFD)
		return judge_bfd(question, facts);
	if (question->method == SKEX_BIRD_TCP_AO)
		return judge_ao(question, facts);
	return judge_md5(question, facts);
}
