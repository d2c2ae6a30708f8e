/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/binding.h"
#include "agent/consumer.h"
#include "agent/internal.h"

/* Purposes: which are accepted from whom, and how those with identities are written. */

#define SAE_MAX 12u

static char ours[SAE_MAX][SKEX_PURPOSE_MAX + 1];
static char theirs[SAE_MAX][SKEX_PURPOSE_MAX + 1];
static struct skex_agent_config agent_config;
static struct skex_peer_config peer_config;
static struct agent_profile profile;
static struct agent_peer peer;
static struct skex_agent agent;

static int setup(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SAE_MAX; i++) {
		snprintf(ours[i], sizeof(ours[i]), "our-%c", (char)('a' + (char)i));
		snprintf(theirs[i], sizeof(theirs[i]), "their-%c", (char)('a' + (char)i));
	}
	agent_config.identities = ours;
	agent_config.identities_count = SAE_MAX;
	peer_config.identities = theirs;
	peer_config.identities_count = SAE_MAX;
	peer.config = &peer_config;
	peer.profiles[0] = &profile;
	peer.profiles_count = 1;
	agent.config = &agent_config;
	agent.peers = &peer;
	return 0;
}

static bool accepted(const char *purpose)
{
	return agent_purpose_accepted(&agent, &peer, purpose);
}

static void rule_identities_live_where_policy_says(void **state)
{
	static const char *const wrong[] = {
		"etsi014:our-a>their-a",          /* the other way round */
		"etsi014:their-a>their-b",        /* not here */
		"etsi014:our-a>our-b",            /* not there */
		"etsi014:stranger>our-a",         /* nowhere */
		"etsi014:their-a>stranger",       /* nowhere */
		"etsi014:their-a>our-a,their-b",  /* one of them there */
		"etsi014:their-a>our-a,stranger", /* one of them nowhere */
		"etsi014:their-a>our-b,our-a",    /* not ascending */
		"etsi014:their-a>our-a,our-a",    /* twice */
		"etsi014:their-a>our-a,",
		"etsi014:their-a>,our-a",
		"etsi014:their-a>our-a,,our-b",
		"etsi014:their-a>",
		"etsi014:>our-a",
		"etsi014:their-a>our-a>our-b",
		"etsi014:their-a", /* without identities */
		"etsi014:",
		"skip:their-a>our-a,our-b", /* takes one only */
		"app:their-a>our-a,our-b",
		":their-a>our-a,our-b",
		"their-a>our-a",
		">",
	};
	size_t i;

	(void)state;
	peer_config.accept_count = 1;
	snprintf(peer_config.accept[0], sizeof(peer_config.accept[0]), "*");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (accepted(wrong[i]))
			print_error("accepted %s\n", wrong[i]);
		assert_false(accepted(wrong[i]));
	}
	assert_true(accepted("etsi014:their-a>our-a"));
	assert_true(accepted("etsi014:their-a>our-a,our-b"));
	assert_true(accepted("skip:their-a>our-a"));
	peer.config = NULL;
	assert_false(accepted("etsi014:their-a>our-a"));
	peer.config = &peer_config;
	peer_config.accept_count = 0;
}

static void others_are_accepted_by_their_list(void **state)
{
	(void)state;
	assert_true(accepted("app:x"));
	assert_false(accepted("vpn:wg0"));
	peer_config.accept_count = 2;
	snprintf(peer_config.accept[0], sizeof(peer_config.accept[0]), "vpn:wg*");
	snprintf(peer_config.accept[1], sizeof(peer_config.accept[1]), "app:one");
	assert_true(accepted("vpn:wg0"));
	assert_true(accepted("app:one"));
	assert_false(accepted("app:two"));
	peer_config.accept_count = 0;
}

/* Its bindings, in the order of their names. */
static void bind_to(
	struct skex_binding_config *bindings, const char *const (*rows)[2], size_t count)
{
	size_t i;

	memset(bindings, 0, count * sizeof(*bindings));
	for (i = 0; i < count; i++) {
		assert_true(skex_name_parse(
			&bindings[i].name, skex_view(rows[i][0], strlen(rows[i][0]))));
		assert_true(skex_name_parse(
			&bindings[i].peer, skex_view(rows[i][1], strlen(rows[i][1]))));
		bindings[i].wireguard.enabled = true;
	}
	agent_config.bindings = bindings;
	agent_config.bindings_count = count;
}

static void rule_purposes_of_bindings_are_of_one_peer(void **state)
{
	static const char *const rows[][2] = {
		{"a", "agent2"}, {"site", "agent2"}, {"site-b", "agent2"}, {"site-c", "agent3"}};
	static const char *const wrong[] = {"wireguard:site-c", /* of another peer */
		"wireguard:site-d",                             /* of none */
		"wireguard:site-",                              /* the beginning of one */
		"wireguard:site-bb",                            /* more than one */
		"wireguard:SITE-B", "wireguard:", "wireguard:site-b>a", "wireguard:a>site-b",
		"ikev2:site-b", /* another consumer */
		"wireguar:site-b", "wireguards:site-b", "wireguard", "site-b", ":site-b",
		"++wireguard:site-b", "+wireguard:site-c", "wireguard:+site-b"};
	struct skex_binding_config bindings[4];
	size_t i;

	(void)state;
	assert_true(skex_name_parse(&peer.name, skex_view("agent2", 6)));
	bind_to(bindings, rows, 4);
	/* What else the peer may have says nothing of them, nor the other way round. */
	peer_config.accept_count = 1;
	snprintf(peer_config.accept[0], sizeof(peer_config.accept[0]), "wireguard:*");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (accepted(wrong[i]))
			print_error("accepted %s\n", wrong[i]);
		assert_false(accepted(wrong[i]));
	}
	snprintf(peer_config.accept[0], sizeof(peer_config.accept[0]), "app:one");
	assert_true(accepted("wireguard:site-b"));
	assert_true(accepted("wireguard:site"));
	assert_true(accepted("wireguard:a"));
	/* Parts that are combined: as welcome as the keys they become. */
	assert_true(accepted("+wireguard:site-b"));
	/* A peer that was added at run time. */
	peer.config = NULL;
	assert_true(accepted("wireguard:site-b"));
	assert_true(skex_name_parse(&peer.name, skex_view("agent3", 6)));
	assert_false(accepted("wireguard:site-b"));
	assert_true(accepted("wireguard:site-c"));
	agent_config.bindings_count = 0;
	assert_false(accepted("wireguard:site-c"));
	peer.config = &peer_config;
	peer_config.accept_count = 0;
}

static void bindings_are_found(void **state)
{
	static const char *const rows[][2] = {{"a", "agent2"}, {"b", "agent3"}, {"c", "agent2"},
		{"d", "agent2"}, {"e", "agent2"}};
	struct skex_binding_config bindings[5];
	const struct skex_binding_config *next = NULL;
	size_t i;

	(void)state;
	bind_to(bindings, rows, 5);
	for (i = 0; i < 5; i++) {
		next = skex_agent_binding_next(&agent, next == NULL ? NULL : next->name.text);
		assert_ptr_equal(next, &bindings[i]);
		assert_ptr_equal(skex_agent_binding_named(&agent, rows[i][0]), next);
		assert_false(skex_agent_binding_added(&agent, next));
	}
	assert_null(skex_agent_binding_next(&agent, "e"));
	assert_ptr_equal(skex_agent_binding_next(&agent, "bb"), &bindings[2]);
	assert_null(skex_agent_binding_named(&agent, ""));
	assert_null(skex_agent_binding_named(&agent, "f"));
	assert_ptr_equal(skex_agent_binding_of(&agent, "agent3", "wireguard:b"), &bindings[1]);
	assert_null(skex_agent_binding_of(&agent, "agent2", "wireguard:b"));
	assert_null(skex_agent_binding_of(&agent, "agent3", "app:b"));
	assert_null(skex_agent_binding_of(&agent, "agent3", "b"));
	/* With a binding or without. */
	assert_true(skex_agent_binding_purpose("wireguard:x"));
	assert_true(skex_agent_binding_purpose("wireguard:"));
	assert_false(skex_agent_binding_purpose("wireguard"));
	assert_false(skex_agent_binding_purpose("app:wireguard:x"));
	assert_false(skex_agent_binding_purpose("skip:x"));
	agent_config.bindings_count = 0;
	agent_config.bindings = NULL;
	assert_null(skex_agent_binding_named(&agent, "a"));
}

static void rule_purposes_of_the_house_are_its_own(void **state)
{
	(void)state;
	assert_true(accepted("skex:note"));
	peer_config.accept_count = 1;
	snprintf(peer_config.accept[0], sizeof(peer_config.accept[0]), "*");
	assert_true(accepted("skex:note"));
	assert_false(accepted("skex:notes"));
	assert_false(accepted("skex:other"));
	assert_false(accepted("skex:"));
	assert_false(accepted("skex:their-a>our-a"));
	snprintf(peer_config.accept[0], sizeof(peer_config.accept[0]), "app:one");
	assert_true(accepted("skex:note"));
	peer_config.accept_count = 0;
}

static void a_set_has_one_purpose(void **state)
{
	struct agent_responders one = {3, {"our-c", "our-a", "our-b"}};
	struct agent_responders two = {3, {"our-b", "our-c", "our-a"}};
	char a[SKEX_PURPOSE_MAX + 1];
	char b[SKEX_PURPOSE_MAX + 1];

	(void)state;
	assert_int_equal(agent_purpose_make(a, "etsi014", "their-a", &one), SKEX_OK);
	assert_int_equal(agent_purpose_make(b, "etsi014", "their-a", &two), SKEX_OK);
	assert_string_equal(a, "etsi014:their-a>our-a,our-b,our-c");
	assert_string_equal(a, b);
	assert_true(accepted(a));
	assert_int_equal(agent_purpose_responders(a), 3);
	assert_int_equal(agent_purpose_responders("app:a,b"), 1);
	assert_int_equal(agent_purpose_place(a, "etsi014:their-a>our-b"), 1);
	assert_int_equal(agent_purpose_place(a, "etsi014:their-a>our-d"), -1);
	assert_int_equal(agent_purpose_place(a, "etsi014:their-b>our-b"), -1);
	assert_int_equal(agent_purpose_place(a, "skip:their-a>our-b"), -1);
	assert_int_equal(agent_purpose_place(a, "etsi014:their-a>our-a,our-b"), -1);
	assert_int_equal(agent_purpose_place("app:x", "app:x"), 0);
	assert_int_equal(agent_purpose_place("app:x", "app:y"), -1);
	assert_true(agent_purpose_for_others(a, "etsi014:their-a>our-d"));
	assert_false(agent_purpose_for_others(a, "etsi014:their-a>our-b"));
	assert_false(agent_purpose_for_others(a, "etsi014:their-b>our-d"));
	assert_false(agent_purpose_for_others(a, "skip:their-a>our-d"));
	assert_false(agent_purpose_for_others("app:x", "app:y"));
	one.count = 1;
	assert_int_equal(agent_purpose_make(a, "etsi014", "their-a", &one), SKEX_OK);
	assert_string_equal(a, "etsi014:their-a>our-c");
}

static void what_cannot_be_written_is_refused(void **state)
{
	struct agent_responders nine = {
		8, {"our-a", "our-b", "our-c", "our-d", "our-e", "our-f", "our-g", "our-h"}};
	struct agent_responders twice = {2, {"our-a", "our-a"}};
	struct agent_responders comma = {1, {"our-a,our-b"}};
	struct agent_responders two = {2, {"our-a", "our-b"}};
	char long_name[SKEX_PURPOSE_MAX + 1];
	struct agent_responders longest = {1, {long_name}};
	char out[SKEX_PURPOSE_MAX + 1] = "untouched";

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(agent_purpose_make(out, "etsi014", "their-a", &twice), SKEX_E_ARGUMENT);
	assert_int_equal(agent_purpose_make(out, "etsi014", "their-a", &comma), SKEX_E_ARGUMENT);
	assert_int_equal(agent_purpose_make(out, "etsi014", "their-a>x", &two), SKEX_E_ARGUMENT);
	assert_int_equal(agent_purpose_make(out, "skip", "their-a", &two), SKEX_E_ARGUMENT);
	assert_int_equal(agent_purpose_make(out, "etsi014", "t", &longest), SKEX_E_ARGUMENT);
	nine.count = 9;
	assert_int_equal(agent_purpose_make(out, "etsi014", "t", &nine), SKEX_E_ARGUMENT);
	nine.count = 0;
	assert_int_equal(agent_purpose_make(out, "etsi014", "t", &nine), SKEX_E_ARGUMENT);
	assert_string_equal(out, "untouched");
	nine.count = 8;
	assert_int_equal(agent_purpose_make(out, "etsi014", "their-a", &nine), SKEX_OK);
	assert_true(accepted(out));
	/* As long as it may be, exactly. */
	long_name[SKEX_PURPOSE_MAX - strlen("etsi014:t>")] = '\0';
	assert_int_equal(agent_purpose_make(out, "etsi014", "t", &longest), SKEX_OK);
	assert_int_equal(strlen(out), SKEX_PURPOSE_MAX);
}

static void the_number_of_others_is_true_for_any_of_them(void **state)
{
	char long_names[3][SKEX_PURPOSE_MAX + 1];

	(void)state;
	assert_int_equal(agent_responders_besides(&peer, "etsi014", "our-a", "their-a"), 7);
	peer_config.identities_count = 3;
	assert_int_equal(agent_responders_besides(&peer, "etsi014", "our-a", "their-a"), 2);
	peer_config.identities_count = 1;
	assert_int_equal(agent_responders_besides(&peer, "etsi014", "our-a", "their-a"), 0);
	/* "etsi014:our-a>their-a" and two of 80 with their commas are 183. */
	memset(long_names, 0, sizeof(long_names));
	snprintf(long_names[0], sizeof(long_names[0]), "their-a");
	memset(long_names[1], 'x', 80);
	memset(long_names[2], 'y', 80);
	peer_config.identities = long_names;
	peer_config.identities_count = 3;
	assert_int_equal(agent_responders_besides(&peer, "etsi014", "our-a", "their-a"), 2);
	memset(long_names[2], 'y', 89);
	assert_int_equal(agent_responders_besides(&peer, "etsi014", "our-a", "their-a"), 1);
	peer_config.identities = theirs;
	peer_config.identities_count = SAE_MAX;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_identities_live_where_policy_says),
		cmocka_unit_test(others_are_accepted_by_their_list),
		cmocka_unit_test(rule_purposes_of_bindings_are_of_one_peer),
		cmocka_unit_test(bindings_are_found),
		cmocka_unit_test(rule_purposes_of_the_house_are_its_own),
		cmocka_unit_test(a_set_has_one_purpose),
		cmocka_unit_test(what_cannot_be_written_is_refused),
		cmocka_unit_test(the_number_of_others_is_true_for_any_of_them),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
