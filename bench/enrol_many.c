/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Enrols many agents in the state of a hub that does not run:
 * enrol_many DIRECTORY KEY-FILE COUNT
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/enrolled.h"
#include "crypto/openssl.h"
#include "net/loop.h"
#include "store/kek.h"
#include "store/state.h"

struct filling {
	struct skex_loop *loop;
	struct skex_state state;
	uint32_t at;
	uint32_t count;
	bool waiting;
};

static void durable(void *owner, enum skex_error error)
{
	struct filling *filling = owner;

	bench_must(error, "store");
	filling->waiting = false;
	if (filling->at == filling->count)
		skex_loop_stop(filling->loop);
}

/* A thousand at a time: the store bounds what may wait for the disk. */
static uint64_t turn(void *owner, uint64_t now_ms)
{
	struct filling *filling = owner;

	if (!filling->waiting && filling->at < filling->count) {
		const uint32_t left = filling->count - filling->at;
		const uint32_t last = filling->at + (left < 1000 ? left : 1000);

		enrolled_at_hub(
			filling->state.registry, filling->state.store, filling->at + 1, last);
		filling->at = last;
		filling->waiting = true;
		bench_must(skex_txn_submit(skex_txn_begin(filling->state.store),
				   filling->state.store, durable, filling),
			"submit");
	}
	return skex_store_turn(filling->state.store, now_ms);
}

int main(int argc, char **argv)
{
	struct filling filling = {0};
	const struct skex_platform *platform;
	uint8_t kek[SKEX_KEK_BYTES];

	if (argc != 4) {
		fputs("usage: enrol_many DIRECTORY KEY-FILE COUNT\n", stderr);
		return 1;
	}
	filling.count = (uint32_t)strtoul(argv[3], NULL, 10);
	bench_must(skex_loop_new(&filling.loop), "loop");
	platform = skex_loop_platform(filling.loop);
	bench_must(skex_kek_make(platform, argv[2]), "key file");
	bench_must(skex_kek_read(platform, argv[2], kek), "key file");
	bench_must(skex_state_open(platform, skex_crypto_openssl(), argv[1], kek, &filling.state),
		"state");
	skex_loop_run(filling.loop, turn, NULL, NULL, &filling);
	skex_state_close(&filling.state);
	skex_loop_free(filling.loop);
	return 0;
}
