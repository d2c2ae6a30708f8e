/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/ikev2/ikev2.h"

#include "fuzz/consumer.h"
#include "fuzz/fuzz.h"

/*
 * What charon answers to the real adapter, and tells it by itself: operations (fuzz/consumer.h)
 * after a byte that says which end it is.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct skex_ikev2_setting settings[] = {
		{"children.net.local_ts", "10.0.0.0/8"}, {"children.lan.local_ts", "fd00::/8"}};
	struct skex_ikev2_config config = {
		.socket = "charon.vici",
		.connection = "site",
		.domain = "x.skex",
		.settings = settings,
		.settings_count = 2,
		.description = "site-b",
	};
	struct fuzz_consumer consumer = {.consumer = &skex_ikev2_consumer};
	struct skex_ikev2 *ikev2;

	if (size == 0)
		return 0;
	config.leads = data[0] % 2 == 0;
	must(skex_ikev2_new(fuzz_consumer_platform(), &config, &ikev2) == SKEX_OK);
	consumer.context = ikev2;
	fuzz_consumer_run(&consumer, data + 1, size - 1);
	skex_ikev2_free(ikev2);
	fuzz_consumer_end();
	return 0;
}
