/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hex.h"
#include "deliver/wireguard/uapi.h"
#include "deliver/wireguard/wireguard.h"

/* The consumer at a socket of WireGuard that the test plays. */

#define PART_BYTES 8u /* of a key: as many as are not the same by chance */

struct skex_stream {
	const struct skex_stream_events *events;
	void *owner;
	char sent[SKEX_UAPI_REQUEST_MAX];
	const uint8_t *stack; /* where the stack of who calls the consumer ends */
};

static struct skex_stream stream;
static struct skex_platform platform;
static struct skex_net net;
static struct skex_wireguard *wireguard;
static uint8_t peer[SKEX_WIREGUARD_KEY_BYTES];
static uint8_t private_key[SKEX_WIREGUARD_KEY_BYTES];
static uint8_t psks[2][SKEX_WIREGUARD_KEY_BYTES]; /* before, and afterwards */
static uint8_t ended;                             /* how often, and the reason of the last */
static uint8_t reason;

static bool is_key(const uint8_t *at)
{
	return memcmp(at, private_key, PART_BYTES) == 0 || memcmp(at, psks[0], PART_BYTES) == 0 ||
		memcmp(at, psks[1], PART_BYTES) == 0;
}

/* Whose frames these are is nobody's but the compiler's. */
__attribute__((no_sanitize("address"))) static bool stack_holds_key(const uint8_t *end)
{
	const uint8_t *at = __builtin_frame_address(0);

	while (at + PART_BYTES <= end && !is_key(at))
		at++;
	return at + PART_BYTES <= end;
}

static enum skex_error send_parts(
	struct skex_stream *to, const struct skex_view *parts, size_t count)
{
	assert_int_equal(count, 1);
	assert_in_range(parts[0].size, 1, sizeof(to->sent) - 1);
	memcpy(to->sent, parts[0].data, parts[0].size);
	to->sent[parts[0].size] = '\0';
	/* The system may write what lies on a stack to a disk. */
	assert_false(stack_holds_key(to->stack));
	return SKEX_OK;
}

static enum skex_error connect_to(void *context, const char *host, int port,
	const struct skex_stream_events *events, void *owner, struct skex_stream **made)
{
	(void)context;
	assert_string_equal(host, "wg0.sock");
	assert_int_equal(port, -1);
	stream.events = events;
	stream.owner = owner;
	*made = &stream;
	return SKEX_OK;
}

static void close_stream(struct skex_stream *of)
{
	of->events = NULL;
}

static uint64_t now_ms(void *context)
{
	(void)context;
	return 1;
}

static enum skex_error random_bytes(void *context, void *bytes, size_t size)
{
	(void)context;
	memset(bytes, 0x99, size);
	return SKEX_OK;
}

static void fill(uint8_t key[SKEX_WIREGUARD_KEY_BYTES], uint8_t from)
{
	for (unsigned i = 0; i < SKEX_WIREGUARD_KEY_BYTES; i++)
		key[i] = (uint8_t)(from + 5 * i);
}

static int set_up(void **state)
{
	static const struct skex_wireguard_config config = {"wg0.sock", peer, "wg0, peer qrs"};

	(void)state;
	fill(peer, 1);
	fill(private_key, 2);
	fill(psks[0], 3);
	fill(psks[1], 4);
	net = (struct skex_net){.connect = connect_to, .send = send_parts, .close = close_stream};
	platform = (struct skex_platform){
		.net = &net, .now_ms = now_ms, .wall_ms = now_ms, .random = random_bytes};
	ended = 0;
	return skex_wireguard_new(&platform, &config, &wireguard) == SKEX_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	skex_wireguard_free(wireguard);
	return 0;
}

static void done(void *owner, uint8_t why, const char *text)
{
	(void)owner;
	(void)text;
	ended++;
	reason = why;
}

static void add_line(char *text, size_t room, const char *name, const uint8_t *key)
{
	const size_t at = strlen(text) + strlen(name);

	(void)snprintf(text + strlen(text), room - strlen(text), "%s", name);
	skex_hex_write(key, SKEX_WIREGUARD_KEY_BYTES, text + at);
	(void)snprintf(text + at + 64, room - at - 64, "\n");
}

/* What WireGuard answers to a request: how it is with this preshared key, or that it is done. */
static void answer(const uint8_t *psk)
{
	static char text[1024]; /* not on the stack */

	text[0] = '\0';
	if (psk != NULL) {
		add_line(text, sizeof(text), "private_key=", private_key);
		add_line(text, sizeof(text), "public_key=", peer);
		add_line(text, sizeof(text), "preshared_key=", psk);
	}
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "errno=0\n\n");
	stream.events->received(stream.owner, &stream, skex_view(text, strlen(text)));
}

/* A switch to another key: a look at the interface, the key and a handshake, the keepalive as it
 * was, and a look. */
static void switches(void)
{
	struct skex_rotation_keys keys = {
		.next = {.there = true, .bytes = psks[1], .size = SKEX_WIREGUARD_KEY_BYTES}};

	skex_wireguard_consumer.act(wireguard,
		(uint32_t)SKEX_ROTATION_DO_STAGE | (uint32_t)SKEX_ROTATION_DO_SWITCH, &keys, done,
		NULL);
	stream.events->opened(stream.owner, &stream);
	assert_string_equal(stream.sent, "get=1\n\n");
	answer(psks[0]);
	assert_memory_equal(stream.sent, "set=1\nprivate_key=9999", 22);
	assert_non_null(strstr(stream.sent, "persistent_keepalive_interval=25\n"));
	answer(NULL);
	assert_non_null(strstr(stream.sent, "persistent_keepalive_interval=0\n"));
	answer(NULL);
	assert_string_equal(stream.sent, "get=1\n\n");
	answer(psks[1]);
	assert_int_equal(ended, 1);
	assert_int_equal(reason, SKEX_ROTATION_FINE);
}

static void no_key_is_on_the_stack(void **state)
{
	uint8_t end = 0;

	(void)state;
	stream.stack = &end;
	switches();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_key_is_on_the_stack, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("deliver wireguard", tests, NULL, NULL);
}
