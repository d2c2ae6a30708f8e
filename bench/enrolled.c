/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/enrolled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/openssl.h"
#include "enrol/leg_state.h"

#define TXN_AGENTS 250u

void bench_must(enum skex_error error, const char *what)
{
	if (error == SKEX_OK)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, skex_error_name(error));
	exit(1);
}

void enrolled_name(uint32_t number, struct skex_name *name)
{
	char text[32];
	int size = snprintf(text, sizeof(text), "agent%05u", (unsigned)number);

	if (!skex_name_parse(name, skex_view(text, (size_t)size)))
		abort();
}

/* The same at both ends. */
static void describe(uint32_t number, struct skex_kit_header *header)
{
	memset(header, 0, sizeof(*header));
	header->type = SKEX_KIT_ENROL;
	header->aead = SKEX_AEAD_AES_256_GCM;
	header->kind = SKEX_PAD_RATCHET;
	header->class = SKEX_CLASS_COMPUTATIONAL;
	header->leg = number;
	memset(header->hub, ENROLLED_HUB_BYTE, sizeof(header->hub));
	enrolled_name(number, &header->agent);
	header->pads[0] = 2 * (uint64_t)number;
	header->pads[1] = 2 * (uint64_t)number + 1;
	snprintf(header->source, sizeof(header->source), "bench");
	memset(header->envelope_keys, (int)(number & 0x7f), sizeof(header->envelope_keys));
	memset(header->seed, (int)(number % 251), sizeof(header->seed));
}

static void put_rows(struct skex_registry *registry, const struct skex_kit_header *header,
	const struct skex_name *other, const char *addresses)
{
	struct skex_leg_record row;

	skex_leg_state_row(header, other, SKEX_CLASS_COMPUTATIONAL, addresses, &row);
	bench_must(skex_registry_leg_put(registry, &row), "leg");
	bench_must(skex_leg_state_put_pads(registry, header), "pads");
}

static void put_member(struct skex_registry *registry, const struct skex_kit_header *header)
{
	struct skex_member member = {0};

	member.name = header->agent;
	member.state = SKEX_MEMBER_ENROLLED;
	member.leg = header->leg;
	bench_must(skex_registry_member_put(registry, &member), "member");
}

void enrolled_at_hub(
	struct skex_registry *registry, struct skex_store *store, uint32_t first, uint32_t last)
{
	struct skex_txn *txn = skex_txn_begin(store);

	bench_must(skex_registry_begin(registry), "begin");
	for (uint32_t i = first; i <= last; i++) {
		struct skex_kit_header header;

		describe(i, &header);
		put_member(registry, &header);
		put_rows(registry, &header, &header.agent, "");
		bench_must(skex_leg_state_put(skex_crypto_openssl(), store, txn, &header), "keys");
		if (i % TXN_AGENTS == 0 || i == last) {
			bench_must(skex_txn_submit(txn, store, NULL, NULL), "submit");
			txn = i == last ? NULL : skex_txn_begin(store);
		}
	}
	bench_must(skex_registry_commit(registry), "commit");
}

void enrolled_at_agent(struct skex_registry *registry, struct skex_store *store, uint32_t number,
	const char *hub, const char *addresses)
{
	struct skex_txn *txn = skex_txn_begin(store);
	struct skex_kit_header header;
	struct skex_name name;

	if (!skex_name_parse(&name, skex_view(hub, strlen(hub))))
		abort();
	describe(number, &header);
	put_rows(registry, &header, &name, addresses);
	bench_must(skex_leg_state_put(skex_crypto_openssl(), store, txn, &header), "keys");
	bench_must(skex_txn_submit(txn, store, NULL, NULL), "submit");
}
