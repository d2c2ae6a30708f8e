/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/bird/look.h"

/* As BIRD 2.0.12 says them. */
static const char status[] = "0001 BIRD 2.0.12 ready.\n"
			     "1000-BIRD 2.0.12\n1011-Router ID is 10.68.0.1\n Hostname is vm\n"
			     " Current server time is 2026-11-28 22:28:50.262\n"
			     "0013 Daemon is up and running\n";
static const char ospf[] =
	"1015-ospf1:\n Interface eth1 (10.68.0.0/24)\n \tType: ptp\n \tArea: 0.0.0.0 (0)\n"
	" \tState: PtP\n \tPriority: 1\n \tCost: 10\n \tECMP weight: 1\n \tHello timer: 10\n"
	" \tWait timer: 40\n \tDead timer: 40\n \tRetransmit timer: 5\n0000 \n"
	"1013-ospf1:\n Router ID   \tPri\t     State     \tDTime\tInterface  Router IP\n"
	" 10.68.0.2   \t  1\tFull/PtP  \t38.180\teth1       10.68.0.2\n"
	" 10.69.0.2   \t  1\tFull/PtP  \t39.999\teth2       10.69.0.2\n0000 \n";
static const char bfd[] =
	"1020-bfd1:\n"
	" IP address                Interface  State      Since         Interval  Timeout\n"
	" 10.68.0.2                 eth1       Up         22:28:27.199    0.100    0.500\n"
	" 10.69.0.2                 eth2       Down       2026-11-28 22:28:27    0.100    9.000\n"
	"0000 \n";
static const char bgp[] =
	"2002-Name       Proto      Table      State  Since         Info\n"
	"1002-bgp1       BGP        ---        up     22:28:30.782  Established   \n"
	"1006-  BGP state:          Established\n     Neighbor address: 10.68.0.2\n"
	"     Current key:    17\n     RNext key:      255\n   Channel ipv4\n"
	"     State:          UP\n"
	" \n0000 \n";

struct heard {
	struct skex_bird_facts facts;
	const char *interface;
	unsigned lines;
	unsigned last;
	unsigned log;
	char text[128];
};

static bool on_line(void *owner, const struct skex_bird_line *line)
{
	struct heard *heard = owner;

	heard->lines++;
	heard->last += line->last;
	heard->log += line->log;
	(void)snprintf(heard->text, sizeof(heard->text), "%s", line->text);
	if (!line->log)
		skex_bird_facts_line(&heard->facts, heard->interface, line);
	return true;
}

/* Whole, and in pieces of each size. */
static struct heard hear(const char *text, const char *interface)
{
	struct heard first = {0};

	for (size_t piece = 1; piece <= 40; piece++) {
		struct heard heard = {.interface = interface};
		struct skex_bird_reader reader;

		skex_bird_facts_init(&heard.facts);
		skex_bird_reader_init(&reader);
		for (size_t at = 0; at < strlen(text); at += piece) {
			const size_t left = strlen(text) - at;

			assert_int_equal(skex_bird_read(&reader,
						 skex_view((const uint8_t *)text + at,
							 left < piece ? left : piece),
						 on_line, &heard),
				SKEX_OK);
		}
		if (piece > 1)
			assert_memory_equal(&heard, &first, sizeof(heard));
		first = heard;
	}
	return first;
}

static void replies(void **state)
{
	struct heard heard = hear(status, NULL);

	(void)state;
	assert_int_equal(heard.lines, 6);
	assert_int_equal(heard.last, 2);
	assert_int_equal(heard.facts.major, 2);
	assert_int_equal(heard.facts.minor, 0);
	assert_false(heard.facts.configuring);
	assert_false(heard.facts.no_protocol);
	assert_true(hear("0013 Reconfiguration in progress\n", NULL).facts.configuring);
	assert_int_equal(hear("1000-BIRD 3.4.0\n", NULL).facts.minor, 4);
	assert_true(hear("9001 bgp1: Not a OSPF protocol\n", "eth1").facts.no_protocol);
	heard = hear("+ospf1: hello\n0000 \n", NULL);
	assert_int_equal(heard.log, 1);
	assert_int_equal(heard.last, 1);
	/* In the middle of a reply. */
	heard = hear("1013-ospf1:\n+ospf1: hello\n x\033[0m\n", NULL);
	assert_int_equal(heard.log, 1);
	assert_string_equal(heard.text, "x?[0m");
}

static void wrong_replies(void **state)
{
	static const char *const texts[] = {"\n", " x\n", "001 x\n", "00x1 x\n", "0001x\n",
		"0001\n", "HTTP/1.1 200 OK\n", "0000 \n x\n", "0001 a\n x\n"};
	char text[SKEX_BIRD_LINE_MAX + 2];
	struct skex_bird_reader reader;
	struct heard heard = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		skex_bird_reader_init(&reader);
		assert_int_equal(skex_bird_read(&reader,
					 skex_view((const uint8_t *)texts[i], strlen(texts[i])),
					 on_line, &heard),
			SKEX_E_SYNTAX);
	}
	memset(text, '0', sizeof(text));
	text[4] = ' ';
	skex_bird_reader_init(&reader);
	assert_int_equal(
		skex_bird_read(&reader, skex_view((const uint8_t *)text, SKEX_BIRD_LINE_MAX - 1),
			on_line, &heard),
		SKEX_OK);
	assert_int_equal(
		skex_bird_read(&reader, skex_view((const uint8_t *)"x", 1), on_line, &heard),
		SKEX_E_SYNTAX);
}

static bool on_first_line(void *owner, const struct skex_bird_line *line)
{
	(void)line;
	++*(unsigned *)owner;
	return false;
}

/* Who hangs up with a line hears nothing more, be it a reply or not. */
static void no_more(void **state)
{
	static const char *const texts[] = {"0000 a\n0000 b\n", "0000 a\nHTTP/1.1 200 OK\n"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct skex_bird_reader reader;
		unsigned lines = 0;

		skex_bird_reader_init(&reader);
		assert_int_equal(skex_bird_read(&reader,
					 skex_view((const uint8_t *)texts[i], strlen(texts[i])),
					 on_first_line, &lines),
			SKEX_OK);
		assert_int_equal(lines, 1);
	}
}

static void facts(void **state)
{
	struct skex_bird_facts seen = hear(ospf, "eth1").facts;

	(void)state;
	assert_int_equal(seen.neighbors, 1);
	assert_int_equal(seen.up, 1);
	assert_int_equal(seen.hello_ms, 10000);
	assert_int_equal(seen.dead_ms, 40000);
	assert_int_equal(seen.silent_ms, 1820);
	assert_int_equal(hear(ospf, "eth").facts.neighbors, 0);
	assert_int_equal(hear(ospf, "eth11").facts.neighbors, 0);
	seen = hear(bfd, "eth1").facts;
	assert_int_equal(seen.neighbors, 1);
	assert_int_equal(seen.up, 1);
	assert_int_equal(seen.detect_ms, 500);
	seen = hear(bfd, "eth2").facts;
	assert_int_equal(seen.neighbors, 1);
	assert_int_equal(seen.up, 0);
	assert_int_equal(seen.detect_ms, 9000);
	seen = hear(bgp, NULL).facts;
	assert_int_equal(seen.neighbors, 1);
	assert_int_equal(seen.up, 1);
	assert_int_equal(seen.current, 17);
	assert_int_equal(seen.rnext, 255);
	assert_int_equal(hear("1006-  BGP state:          OpenSent\n", NULL).facts.up, 0);
}

static void judge_ospf(void **state)
{
	struct skex_bird_facts seen = hear(ospf, "eth1").facts;
	struct skex_bird_question asked = {.method = SKEX_BIRD_OSPF,
		.leads = true,
		.switched = true,
		.was_up = true,
		.past_ms = 13000};

	(void)state;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	asked.past_ms = 12999; /* the other end may have found it and not said yet */
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	seen.hello_ms = 9999;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	seen.hello_ms = 30000; /* a proof takes no longer */
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.past_ms = 13000;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	seen.hello_ms = 10000;
	seen.silent_ms = 13000; /* nothing came since */
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	seen.silent_ms = 12999;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	seen.up = 0;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.was_up = false; /* the first key: Full takes longer */
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	seen.neighbors = 0;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
}

static void judge_silence(void **state)
{
	struct skex_bird_facts seen = hear(ospf, "eth1").facts;
	struct skex_bird_question asked = {
		.method = SKEX_BIRD_OSPF, .staged = true, .was_up = true};

	(void)state;
	seen.silent_ms = 11500;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	seen.silent_ms = 11501; /* a hello is missing */
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_WRONG);
	asked.leads = true; /* who is heard under the old key by all means */
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.leads = false;
	asked.was_up = false;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.was_up = true;
	asked.staged = false;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.staged = true;
	seen = hear("0000 \n", "eth1").facts; /* it is gone */
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_WRONG);
}

static void judge_bfd(void **state)
{
	struct skex_bird_facts seen = hear(bfd, "eth1").facts;
	struct skex_bird_question asked = {
		.method = SKEX_BIRD_BFD, .switched = true, .was_up = true, .past_ms = 1500};

	(void)state;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	asked.past_ms = 1499;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	seen.up = 0;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_WRONG);
	asked.was_up = false;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.switched = false;
	asked.was_up = true;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
}

static void judge_bgp(void **state)
{
	struct skex_bird_facts seen = hear(bgp, NULL).facts;
	struct skex_bird_question asked = {
		.method = SKEX_BIRD_TCP_MD5, .placed = true, .past_ms = 0};

	(void)state;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	seen.up = 0;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.past_ms = 20001;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_FAILING);
	asked.placed = false;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);

	asked = (struct skex_bird_question){
		.method = SKEX_BIRD_TCP_AO, .leads = true, .switched = true, .number = 255};
	seen.up = 1;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	asked.leads = false;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.number = 17;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	asked.switched = false;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
	asked.staged = true;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_USED);
	seen.up = 0;
	assert_int_equal(skex_bird_judge(&asked, &seen), SKEX_BIRD_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies),
		cmocka_unit_test(wrong_replies),
		cmocka_unit_test(no_more),
		cmocka_unit_test(facts),
		cmocka_unit_test(judge_ospf),
		cmocka_unit_test(judge_bfd),
		cmocka_unit_test(judge_bgp),
		cmocka_unit_test(judge_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
