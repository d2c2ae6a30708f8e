/* SPDX-License-Identifier: Apache-2.0 */
#include "core/combiner/combiner.h"
#include "core/dske/spent.h"
#include "crypto/openssl.h"
#include "fuzz/fuzz.h"
#include "tests/sim/engines.h"

/*
 * The distributed mode.  The first byte says what the rest is: the schedule of a conversation of
 * initiator, hubs and responder, in which the input decides who lies, what is lost, and what comes
 * next; counters that are over; or what two ends combine.
 */

static void conversation(struct skex_view bytes)
{
	static struct world world;

	if (bytes.size == 0)
		return;
	memset(&world, 0, sizeof(world));
	world.random.input = skex_view(bytes.data + 1, bytes.size - 1);
	world_converse(&world, bytes.data[0]);
}

/* What is over stays so. */
static void spent(struct skex_view bytes)
{
	struct skex_spent spent;
	struct skex_reader reader;
	uint64_t from[64];
	uint32_t blocks[64];
	size_t count = 0;

	skex_spent_init(&spent);
	skex_reader_init(&reader, bytes);
	while (count < 64) {
		const uint64_t at = skex_read_u64(&reader);

		blocks[count] = 1u + skex_read_u8(&reader);
		from[count] = at & SKEX_COUNTER_MAX;
		if (reader.failed)
			break;
		if (from[count] > SKEX_COUNTER_MAX - blocks[count])
			continue;
		skex_spent_add(&spent, from[count], blocks[count]);
		count++;
		must(spent.count <= SKEX_SPENT_RANGES);
		for (size_t i = 0; i < count; i++)
			must(skex_spent_any(&spent, from[i], 1) &&
				skex_spent_any(&spent, from[i] + blocks[i] - 1, 1));
	}
	for (uint32_t i = 0; i < spent.count; i++)
		must(spent.ranges[i].from < spent.ranges[i].to &&
			spent.ranges[i].from > (i == 0 ? spent.floor : spent.ranges[i - 1].to));
}

#define COMBINED_MAX 64u

static void read_component(
	struct skex_reader *reader, const char *provider, struct skex_component *component)
{
	component->provider = provider;
	component->block.instance = skex_read_u32(reader);
	component->block.counter = skex_read_u64(reader);
	component->class = (enum skex_class)(1 + skex_read_u8(reader) % 2);
	component->confirmed = skex_read_u8(reader) % 2 == 1;
	component->roots_count = (uint8_t)(1 + skex_read_u8(reader) % 3);
	for (uint8_t i = 0; i < component->roots_count; i++) {
		component->roots[i].kind = (uint8_t)(1 + skex_read_u8(reader) % 6);
		component->roots[i].id[0] = skex_read_u8(reader);
	}
	component->secret = skex_read_view(reader, COMBINED_MAX).data;
}

/* In whichever order the components stand, the result is one, and never more than they are. */
static void combine(struct skex_view bytes)
{
	struct skex_component parts[2] = {{0}, {0}};
	struct skex_name initiator, responder;
	struct skex_combined combined[2];
	uint8_t secret[2][COMBINED_MAX] = {{0}, {0}};
	enum skex_error error[2];
	struct skex_reader reader;
	uint32_t size;

	must(skex_name_parse(&initiator, skex_view("alice", 5)) &&
		skex_name_parse(&responder, skex_view("bob", 3)));
	skex_reader_init(&reader, bytes);
	size = skex_read_u8(&reader) % (COMBINED_MAX + 1);
	read_component(&reader, "dske", &parts[0]);
	read_component(&reader, size % 2 == 0 ? "pairwise" : "kme", &parts[1]);
	if (reader.failed)
		return;
	for (unsigned i = 0; i < 2; i++) {
		const struct skex_combination combination = {&initiator, &responder,
			skex_view("app:x", 5), {&parts[i], &parts[1 - i]}, size};

		error[i] = skex_combine_two(
			skex_crypto_openssl(), &combination, secret[i], &combined[i]);
	}
	must(error[0] == error[1] && memcmp(secret[0], secret[1], COMBINED_MAX) == 0);
	if (error[0] != SKEX_OK)
		return;
	must(combined[0].disjoint == combined[1].disjoint);
	must(combined[0].class == combined[1].class);
	must(combined[0].disjoint || combined[0].class == SKEX_CLASS_COMPUTATIONAL);
	must(!combined[0].confirmed || (parts[0].confirmed && parts[1].confirmed));
	if (combined[0].disjoint)
		for (uint32_t i = 0; i < size; i++)
			must(secret[0][i] == (parts[0].secret[i] ^ parts[1].secret[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 4 == 0)
		spent(skex_view(data + 1, size - 1));
	else if (data[0] % 4 == 1)
		combine(skex_view(data + 1, size - 1));
	else
		conversation(skex_view(data + 1, size - 1));
	return 0;
}
