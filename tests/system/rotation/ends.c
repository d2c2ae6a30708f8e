/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Both ends of a binding for two real consumers, in one process:
 *
 *    rotation-ends KIND PERIOD_MS GRACE_MS ARGUMENT...
 *
 * The arguments are those of the leader's consumer and then those of the follower's; each KIND has
 * a file here that says which.  Keys come out of the air, and notes go from end to end unless they
 * are cut.  Lines on standard input:
 *
 *    cut | mend              notes are lost | arrive
 *    keyless | keys          the follower finds no key | finds it
 *    order                   a new key now
 *    id HEX                  the next key has this id
 *    start 0|1               that end starts again, and remembers what it stored
 *    wrong                   the next key is another one at each end, under one id
 *    skip MS                 the clock of both ends goes so far ahead
 *
 * Each is answered by {"did":"order"}.  Each change of a state is a line on standard output, and so
 * is what an operator would be told; `active` is the id of the active key, which is no secret:
 * {"end":0,"state":8,"rotations":1,"failures":0,"closed":false,"active":"00..","problem":""}
 * {"end":0,"event":"..."}
 * {"log":"..."}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"
#include "deliver/rotation/binding.h"
#include "net/loop.h"
#include "tests/system/rotation/ends.h"

#define NOTE_MS       30u
#define KEY_BYTES_MAX 64u

struct end {
	struct skex_rotation_policy policy;
	char **arguments;
	void *consumer;
	struct skex_binding *binding;
	struct skex_rotation_memory memory;
	uint64_t remembered_ms;

	bool gets;
	bool fetches;
	uint8_t note[SKEX_ROTATION_VIEW_BYTES]; /* on its way to this end */
	uint64_t note_ms;                       /* 0: none */
	uint32_t told;                          /* what was printed last */
};

static const struct ends_kind *const kinds[] = {&ends_wireguard, &ends_ikev2, &ends_pskfile,
	&ends_hook, &ends_bird, &ends_bird_one_place, &ends_macsec, &ends_macsec_static,
	&ends_macsec_static_128};
static const struct ends_kind *kind;
static struct end ends[2];
static struct skex_loop *loop;
static const struct skex_platform *platform; /* of the loop, but for clock and log */
static struct skex_platform skipping;
static uint64_t (*loop_now_ms)(void *context);
static uint64_t skipped_ms;
static uint8_t key_id[SKEX_ROTATION_ID_BYTES];
static bool has_id; /* the next one */
static uint8_t key[KEY_BYTES_MAX];
static bool cut;
static bool keyless;
static bool wrong;

static uint64_t now(void)
{
	return platform->now_ms(platform->context);
}

static uint64_t now_ms_of(void *context)
{
	return loop_now_ms(context) + skipped_ms;
}

static struct end *end_of(const struct skex_binding *binding)
{
	return binding == ends[0].binding ? &ends[0] : &ends[1];
}

static void get(void *context, struct skex_binding *binding)
{
	(void)context;
	end_of(binding)->gets = true;
}

static void fetch(
	void *context, struct skex_binding *binding, const uint8_t id[SKEX_ROTATION_ID_BYTES])
{
	(void)context;
	end_of(binding)->fetches = memcmp(id, key_id, sizeof(key_id)) == 0;
	if (!end_of(binding)->fetches)
		exit(3);
}

static void tell(
	void *context, struct skex_binding *binding, const uint8_t note[SKEX_ROTATION_VIEW_BYTES])
{
	struct end *to = end_of(binding) == &ends[0] ? &ends[1] : &ends[0];

	(void)context;
	if (cut)
		return;
	memcpy(to->note, note, sizeof(to->note));
	to->note_ms = now() + NOTE_MS;
}

static void keep(
	void *context, struct skex_binding *binding, const struct skex_rotation_memory *memory)
{
	(void)context;
	end_of(binding)->memory = *memory;
	end_of(binding)->remembered_ms = now() - memory->age_ms;
}

/* A member of JSON whose value may hold what a consumer said. */
static void print_text(const char *name, const char *text)
{
	printf("\"%s\":\"", name);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void event(void *context, struct skex_binding *binding, const char *text)
{
	(void)context;
	printf("{\"end\":%d,", (int)(end_of(binding) - ends));
	print_text("event", text);
	printf("}\n");
	fflush(stdout);
}

static void log_line(void *context, enum skex_level level, const char *line)
{
	(void)context;
	(void)level;
	putchar('{');
	print_text("log", line);
	printf("}\n");
	fflush(stdout);
}

/* All bindings have every turn. */
static void changed(void *context, struct skex_binding *binding)
{
	(void)context;
	(void)binding;
	platform->wake(platform->context);
}

static uint64_t host_now_ms(void *context)
{
	(void)context;
	return now();
}

static const struct skex_binding_host host = {.now_ms = host_now_ms,
	.changed = changed,
	.get = get,
	.fetch = fetch,
	.tell = tell,
	.remember = keep,
	.event = event};

static void stop(struct end *end)
{
	skex_binding_free(end->binding);
	if (end->consumer != NULL)
		kind->close(end->consumer);
}

static void start(unsigned number, bool again)
{
	struct end *end = &ends[number];
	static const uint8_t hash[16] = "both ends";

	stop(end);
	end->memory.age_ms = now() - end->remembered_ms;
	end->consumer = kind->open(platform, number, end->arguments);
	if (end->consumer == NULL ||
		skex_binding_new("test", &end->policy, kind->consumer, end->consumer, &host, hash,
			again ? &end->memory : NULL, now(), &end->binding) != SKEX_OK)
		exit(2);
}

static void serve(struct end *end)
{
	const size_t size = kind->consumer->key_size;
	uint8_t other[KEY_BYTES_MAX];

	if (end->gets) {
		end->gets = false;
		if (platform->random(platform->context, key, size) != SKEX_OK ||
			(!has_id &&
				platform->random(platform->context, key_id, sizeof(key_id)) !=
					SKEX_OK))
			exit(2);
		has_id = false;
		skex_binding_key(end->binding, key_id, key, size);
	}
	if (end->fetches) {
		end->fetches = false;
		memcpy(other, key, size);
		other[0] ^= wrong;
		wrong = false;
		if (keyless)
			skex_binding_keyless(end->binding);
		else
			skex_binding_key(end->binding, key_id, other, size);
	}
	if (end->note_ms != 0 && now() >= end->note_ms) {
		struct skex_rotation_view view;

		end->note_ms = 0;
		if (skex_rotation_view_decode(&view, skex_view(end->note, sizeof(end->note))) !=
			SKEX_OK)
			exit(3);
		skex_binding_view(end->binding, &view);
	}
}

static void show(unsigned number)
{
	struct end *end = &ends[number];
	const struct skex_rotation *machine = skex_binding_machine(end->binding);
	const uint32_t is = machine->state | (uint32_t)machine->closed << 8 |
		(machine->rotations & 0xfffu) << 9 | (machine->failures & 0xfffu) << 21;
	char active[2 * SKEX_ROTATION_ID_BYTES + 1] = "";

	if (is == end->told)
		return;
	end->told = is;
	for (unsigned i = 0; machine->active.there && i < SKEX_ROTATION_ID_BYTES; i++)
		(void)snprintf(active + 2 * i, 3, "%02x", machine->active.id[i]);
	printf("{\"end\":%u,\"state\":%u,\"rotations\":%u,\"failures\":%u,\"closed\":%s,"
	       "\"active\":\"%s\",",
		number, machine->state, machine->rotations, machine->failures,
		machine->closed ? "true" : "false", active);
	print_text("problem", skex_binding_problem(end->binding));
	printf("}\n");
	fflush(stdout);
}

static uint64_t turn(void *owner, uint64_t loop_ms)
{
	const uint64_t now_ms = loop_ms + skipped_ms;
	uint64_t next = now_ms + 1000;

	(void)owner;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t wanted;

		serve(&ends[i]);
		wanted = skex_binding_turn(ends[i].binding, now_ms);
		next = wanted < next ? wanted : next;
		show(i);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (ends[i].gets || ends[i].fetches)
			return loop_ms;
		if (ends[i].note_ms != 0 && ends[i].note_ms < next)
			next = ends[i].note_ms;
	}
	return next - skipped_ms;
}

static void order(const char *line)
{
	if (strcmp(line, "cut") == 0 || strcmp(line, "mend") == 0)
		cut = line[0] == 'c';
	else if (strcmp(line, "keyless") == 0 || strcmp(line, "keys") == 0)
		keyless = line[3] == 'l';
	else if (strcmp(line, "wrong") == 0)
		wrong = true;
	else if (strcmp(line, "order") == 0)
		skex_binding_order(ends[0].binding);
	else if (strncmp(line, "id ", 3) == 0)
		has_id = skex_hex_read(line + 3, key_id, sizeof(key_id));
	else if (strncmp(line, "start ", 6) == 0)
		start(line[6] == '1', true);
	else if (strncmp(line, "skip ", 5) == 0)
		skipped_ms += strtoull(line + 5, NULL, 10);
	else
		exit(4);
	printf("{\"did\":\"%s\"}\n", line);
	fflush(stdout);
}

static void on_input(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	static char line[64];
	static size_t size;

	(void)owner;
	(void)stream;
	for (size_t i = 0; i < bytes.size; i++) {
		if (bytes.data[i] != '\n' && size < sizeof(line) - 1) {
			line[size++] = (char)bytes.data[i];
			continue;
		}
		line[size] = '\0';
		size = 0;
		order(line);
	}
	platform->wake(platform->context);
}

static void on_end(void *owner, struct skex_stream *stream, enum skex_error why)
{
	(void)owner;
	(void)stream;
	(void)why;
	skex_loop_stop(loop);
}

static void prepare(unsigned number, char **argv)
{
	struct end *end = &ends[number];

	end->policy = (struct skex_rotation_policy){
		.period_ms = strtoull(argv[2], NULL, 10),
		.grace_ms = strtoull(argv[3], NULL, 10),
		.close = true,
		.leads = number == 0,
		.one_place = kind->consumer->one_place,
		.once = kind->consumer->once,
	};
	end->arguments = argv + 4 + (int)number * kind->arguments;
	start(number, false);
}

static bool find_kind(int argc, char **argv)
{
	for (size_t i = 0; argc >= 4 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(argv[1], kinds[i]->name) == 0)
			kind = kinds[i];
	}
	return kind != NULL && argc == 4 + 2 * kind->arguments &&
		kind->consumer->key_size <= KEY_BYTES_MAX;
}

int main(int argc, char **argv)
{
	static const struct skex_stream_events events = {.received = on_input, .closed = on_end};
	struct skex_stream *input;

	if (!find_kind(argc, argv) || skex_loop_new(&loop) != SKEX_OK)
		return 1;
	skipping = *skex_loop_platform(loop);
	loop_now_ms = skipping.now_ms;
	skipping.now_ms = now_ms_of;
	skipping.log = log_line;
	platform = &skipping;
	prepare(0, argv);
	prepare(1, argv);
	if (skex_loop_adopt(loop, 0, &input) != SKEX_OK)
		return 1;
	platform->net->attach(input, &events, NULL);
	skex_loop_run(loop, turn, NULL, NULL, NULL);
	stop(&ends[0]);
	stop(&ends[1]);
	skex_loop_free(loop);
	return 0;
}
