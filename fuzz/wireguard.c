/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/wireguard/wireguard.h"

#include "deliver/wireguard/uapi.h"
#include "fuzz/consumer.h"
#include "fuzz/fuzz.h"

/*
 * What WireGuard in user space answers.  The first byte says what the rest is: an answer, which
 * says the same in one piece and byte by byte, or operations for the real adapter
 * (fuzz/consumer.h).
 */

static const uint8_t peer[SKEX_WIREGUARD_KEY_BYTES] = {0xaa, 0xbb};

static enum skex_error read_in_pieces(
	struct skex_uapi_reader *reader, const uint8_t *data, size_t size, size_t piece)
{
	size_t at;

	skex_uapi_reader_init(reader, peer);
	for (at = 0; at < size; at += piece) {
		const size_t left = size - at;

		if (skex_uapi_read(reader, skex_view(data + at, left < piece ? left : piece)) !=
			SKEX_OK)
			return SKEX_E_SYNTAX;
	}
	return SKEX_OK;
}

static void answer(const uint8_t *data, size_t size)
{
	struct skex_uapi_reader whole;
	struct skex_uapi_reader pieces;
	const enum skex_error error = read_in_pieces(&whole, data, size, size + 1);

	must(read_in_pieces(&pieces, data, size, 1) == error);
	if (error != SKEX_OK)
		return;
	must(whole.finished == pieces.finished && whole.size == pieces.size);
	/* rule 3: of an input, and no secret */
	must(memcmp(&whole.state, &pieces.state, sizeof(whole.state)) == 0);
	must(!whole.finished || whole.state.error >= 0);
}

static void operations(const uint8_t *data, size_t size)
{
	const struct skex_wireguard_config config = {"wg0.sock", peer, "wg0, peer qrs"};
	struct fuzz_consumer consumer = {.consumer = &skex_wireguard_consumer};
	struct skex_wireguard *wireguard;

	must(skex_wireguard_new(fuzz_consumer_platform(), &config, &wireguard) == SKEX_OK);
	consumer.context = wireguard;
	fuzz_consumer_run(&consumer, data, size);
	skex_wireguard_free(wireguard);
	fuzz_consumer_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		answer(data + 1, size - 1);
	else
		operations(data + 1, size - 1);
	return 0;
}
