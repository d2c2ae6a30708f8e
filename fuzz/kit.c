/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/cursor.h"
#include "enrol/kit_stream.h"
#include "fuzz/fuzz.h"
#include "tests/sim/store_scene.h"

/*
 * Kits and fills.  The first byte says what the rest is: a header, a whole file, or what is in one,
 * sealed as it has to be; a byte of the sealed file is then changed, if the input says so.
 */

#define PATH "/disk/kit"

static struct scene scene;

static void write_file(struct skex_view bytes)
{
	const struct skex_files *files = scene.platform.files;
	struct skex_file *file = NULL;

	must(files->open(files->context, PATH, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &file) ==
		SKEX_OK);
	must(bytes.size == 0 || files->write(file, 0, bytes.data, bytes.size) == SKEX_OK);
	files->close(file);
}

/* Whatever is refused has words for it. */
static bool good(enum skex_error error, const struct skex_reason *reason)
{
	must(error == SKEX_OK || (reason->error == error && reason->code != NULL));
	must(error == SKEX_OK || (reason->act != NULL && reason->message[0] != '\0'));
	return error == SKEX_OK;
}

static void header(struct skex_view bytes)
{
	uint8_t again[SKEX_KIT_HEADER_MAX];
	struct skex_kit_header found;
	size_t size = 0;

	if (skex_kit_header_decode(&found, bytes) != SKEX_OK)
		return;
	must(skex_kit_header_encode(&found, again, &size) == SKEX_OK);
	must(size == bytes.size && memcmp(again, bytes.data, size) == 0);
	must(skex_kit_addresses_valid(found.addresses) || found.type == SKEX_KIT_FILL);
}

/* Reads the pads of a kit; those of plain, when it is not empty, are what has to come. */
static void read_pads(struct skex_kit *kit, struct skex_view pads)
{
	const struct skex_kit_header *found = skex_kit_header_get(kit);
	uint64_t left = found->pad_bytes[0] + found->pad_bytes[1];
	struct skex_reason reason;
	uint8_t bytes[1000];
	size_t at = 0;

	while (left > 0) {
		const size_t size = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);

		if (!good(skex_kit_read(kit, bytes, size, &reason), &reason))
			return;
		if (pads.size > 0)
			must(size <= pads.size - at && memcmp(bytes, pads.data + at, size) == 0);
		at += size;
		left -= size;
	}
	if (good(skex_kit_end(kit, &reason), &reason))
		must(pads.size == 0 || at == pads.size);
}

static void read_kit(struct skex_view pads)
{
	struct skex_kit_lock lock;
	struct skex_reason reason;
	struct skex_kit *kit = NULL;

	if (!good(skex_kit_look(&scene.platform, PATH, &lock, &reason), &reason))
		return;
	/* Finding the key of a passphrase takes its time: here it is not asked for. */
	if (!lock.passphrase &&
		good(skex_kit_open(&scene.platform, scene.crypto, PATH, NULL, &kit, &reason),
			&reason)) {
		read_pads(kit, pads);
		skex_kit_close(kit);
	}
	skex_kit_lock_clear(&lock);
}

static void whole(struct skex_view bytes)
{
	write_file(bytes);
	read_kit(skex_view(NULL, 0));
}

static size_t seal(const struct skex_kit_lock *lock, struct skex_view plain, uint8_t *out)
{
	const uint64_t size = skex_kit_file_size(plain.size);
	uint8_t nonce[SKEX_AEAD_NONCE_BYTES], key[SKEX_AEAD_KEY_BYTES];
	uint8_t *to = out + SKEX_KIT_PREAMBLE_BYTES;
	uint64_t number = 0;
	size_t at = 0;

	skex_kit_preamble_encode(lock, size, out);
	must(skex_kit_stream_key(scene.crypto, lock, size, key) == SKEX_OK);
	while (at < plain.size) {
		const size_t left = plain.size - at;
		const size_t chunk = left < SKEX_KIT_CHUNK_BYTES ? left : SKEX_KIT_CHUNK_BYTES;

		skex_kit_nonce(number++, chunk == left, nonce);
		must(scene.crypto->aead_seal(scene.crypto->context, SKEX_AEAD_AES_256_GCM, key,
			     nonce, skex_view(NULL, 0), skex_view(plain.data + at, chunk), to,
			     to + chunk) == SKEX_OK);
		to += chunk + SKEX_AEAD_TAG_BYTES;
		at += chunk;
	}
	return (size_t)(to - out);
}

/* u16 which byte is changed, u8 how; the header; and pads as long as the header says, up to a
 * limit, or the bytes that are there. */
static void sealed(struct skex_view bytes)
{
	struct skex_kit_lock lock = {.id = {1}, .key = {2, 3}};
	struct skex_kit_header found;
	struct skex_reader reader;
	struct skex_view rest;
	uint8_t *plain, *file;
	size_t pads = 0, size, at;
	uint8_t change;

	skex_reader_init(&reader, bytes);
	at = skex_read_u16(&reader);
	change = skex_read_u8(&reader);
	rest = skex_read_rest(&reader);
	if (reader.failed || rest.size == 0)
		return;
	if (skex_kit_header_decode(&found, rest) == SKEX_OK && found.pad_bytes[0] <= 100000 &&
		found.pad_bytes[1] <= 100000)
		pads = (size_t)(found.pad_bytes[0] + found.pad_bytes[1]);
	plain = malloc(4 + rest.size + pads);
	must(plain != NULL);
	plain[0] = plain[1] = 0;
	plain[2] = (uint8_t)(rest.size >> 8);
	plain[3] = (uint8_t)rest.size;
	memcpy(plain + 4, rest.data, rest.size);
	for (size_t i = 0; i < pads; i++)
		plain[4 + rest.size + i] = (uint8_t)(i * 131 + (i >> 8) * 7);
	file = malloc((size_t)skex_kit_file_size(4 + rest.size + pads));
	must(file != NULL);
	size = seal(&lock, skex_view(plain, 4 + rest.size + pads), file);
	file[at % size] ^= change;
	write_file(skex_view(file, size));
	read_kit(skex_view(plain + 4 + rest.size, pads));
	free(file);
	free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct skex_view bytes) = {header, whole, sealed};

	if (size == 0 || size > 60000)
		return 0;
	scene_init(&scene, 1);
	kinds[data[0] % 3](skex_view(data + 1, size - 1));
	scene_clear(&scene);
	return 0;
}
