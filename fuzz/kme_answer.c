/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "deliver/etsi014/client_internal.h"
#include "fuzz/fuzz.h"

/* What a KME answers to a request for keys: the first byte says how many, and whether by id. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct skex_etsi014_client client = {.url = "https://kme"};
	static struct skex_etsi014_batch batch;
	char message[SKEX_ETSI014_CLIENT_MESSAGE_MAX] = "";
	uint32_t count;
	uint32_t i;

	if (size == 0 || size > CLIENT_BODY_MAX)
		return 0;
	count = data[0] % SKEX_ETSI014_BATCH_MAX + 1;
	memset(&batch, 0, sizeof(batch));
	batch.count = count;
	batch.key_bytes = 32;
	for (i = 0; i < count; i++)
		batch.ids[i][15] = (uint8_t)i;
	client.filled = size - 1;
	memcpy(client.body, data + 1, size - 1);
	if (client_read_keys(&client, (data[0] & 0x80) != 0, 0, count, &batch, message) !=
			SKEX_OK &&
		message[0] == '\0')
		abort();
	return 0;
}
