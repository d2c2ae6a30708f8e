/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/key_id.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"

/*
 * The 122 free bits lie in two words, as the version and the variant cut them:
 *   high 60: instance 32 | counter, upper 28
 *   low  62: counter, lower 14 | offset 12 | size 16 | check 20
 */
#define CHECK_BITS    20
#define LOW_BITS      62
#define COUNTER_LOW   14
#define VERSION_8     UINT64_C(8)
#define VARIANT       UINT64_C(2)
#define UNIT          16u
#define FREE_BYTES    13u
#define LOW_MASK(n)   ((UINT64_C(1) << (n)) - 1)
#define CHECK_CONTEXT "skex key id/1"

struct free_bits {
	uint64_t high;
	uint64_t low;
};

static bool key_id_valid(const struct skex_key_id *id)
{
	if (id->block.counter > SKEX_COUNTER_MAX || id->offset % UNIT != 0)
		return false;
	if (id->size < 1 || id->size > SKEX_SECRET_MAX)
		return false;
	return id->offset <= SKEX_SECRET_MAX - id->size;
}

static struct free_bits pack(const struct skex_key_id *id)
{
	struct free_bits bits;

	bits.high = (uint64_t)id->block.instance << 28 | id->block.counter >> COUNTER_LOW;
	bits.low = (id->block.counter & LOW_MASK(COUNTER_LOW)) << 48;
	bits.low |= (uint64_t)(id->offset / UNIT) << 36;
	bits.low |= (uint64_t)(id->size & 0xffffu) << CHECK_BITS;
	return bits;
}

static struct skex_key_id unpack(struct free_bits bits)
{
	struct skex_key_id id;

	id.block.instance = (uint32_t)(bits.high >> 28);
	id.block.counter = (bits.high & LOW_MASK(28)) << COUNTER_LOW | bits.low >> 48;
	id.offset = (uint32_t)(bits.low >> 36 & LOW_MASK(12)) * UNIT;
	id.size = (uint32_t)(bits.low >> CHECK_BITS & LOW_MASK(16));
	if (id.size == 0)
		id.size = SKEX_SECRET_MAX;
	return id;
}

/* The check, from the 102 bits before it: left-aligned in 13 bytes, two zero bits at the end. */
static enum skex_error check_of(const struct skex_crypto *crypto, struct free_bits bits,
	const struct skex_name *initiator, const struct skex_name *responder, uint32_t *check)
{
	const uint64_t rest = bits.low >> CHECK_BITS;
	uint8_t located[FREE_BYTES];
	uint8_t sizes[2] = {initiator->size, responder->size};
	uint8_t hash[SKEX_HASH_BYTES];
	struct skex_view parts[6];
	struct skex_reader reader;
	struct skex_writer writer;
	enum skex_error error;

	skex_writer_init(&writer, located, sizeof(located));
	skex_write_u64(&writer, bits.high << 4 | rest >> 38);
	skex_write_u8(&writer, (uint8_t)(rest >> 30));
	skex_write_u32(&writer, (uint32_t)(rest << 2));

	parts[0] = skex_view(CHECK_CONTEXT, sizeof(CHECK_CONTEXT) - 1);
	parts[1] = skex_view(&sizes[0], 1);
	parts[2] = skex_name_view(initiator);
	parts[3] = skex_view(&sizes[1], 1);
	parts[4] = skex_name_view(responder);
	parts[5] = skex_view(located, sizeof(located));
	error = crypto->sha256(crypto->context, parts, 6, hash);
	if (error != SKEX_OK)
		return error;

	skex_reader_init(&reader, skex_view(hash, sizeof(hash)));
	*check = skex_read_u32(&reader) >> (32 - CHECK_BITS);
	return SKEX_OK;
}

enum skex_error skex_key_id_encode(const struct skex_crypto *crypto, const struct skex_key_id *id,
	const struct skex_name *initiator, const struct skex_name *responder,
	uint8_t uuid[static SKEX_KEY_ID_BYTES])
{
	struct free_bits bits;
	struct skex_writer writer;
	uint32_t check;
	enum skex_error error;

	if (!key_id_valid(id))
		return SKEX_E_ARGUMENT;
	bits = pack(id);
	error = check_of(crypto, bits, initiator, responder, &check);
	if (error != SKEX_OK)
		return error;
	bits.low |= check;

	skex_writer_init(&writer, uuid, SKEX_KEY_ID_BYTES);
	skex_write_u64(
		&writer, bits.high >> 12 << 16 | VERSION_8 << 12 | (bits.high & LOW_MASK(12)));
	skex_write_u64(&writer, VARIANT << LOW_BITS | bits.low);
	return SKEX_OK;
}

uint32_t skex_key_id_size(const uint8_t uuid[static SKEX_KEY_ID_BYTES])
{
	struct free_bits bits = {0, 0};
	struct skex_reader reader;

	skex_reader_init(&reader, skex_view(uuid, SKEX_KEY_ID_BYTES));
	(void)skex_read_u64(&reader);
	bits.low = skex_read_u64(&reader) & LOW_MASK(LOW_BITS);
	return unpack(bits).size;
}

enum skex_error skex_key_id_decode(const struct skex_crypto *crypto, struct skex_key_id *id,
	const struct skex_name *initiator, const struct skex_name *responder,
	const uint8_t uuid[static SKEX_KEY_ID_BYTES])
{
	struct free_bits bits;
	struct skex_key_id found;
	struct skex_reader reader;
	uint64_t high;
	uint64_t low;
	uint32_t check;
	enum skex_error error;

	skex_reader_init(&reader, skex_view(uuid, SKEX_KEY_ID_BYTES));
	high = skex_read_u64(&reader);
	low = skex_read_u64(&reader);
	if ((high >> 12 & 0xf) != VERSION_8 || low >> LOW_BITS != VARIANT)
		return SKEX_E_SYNTAX;

	bits.high = high >> 16 << 12 | (high & LOW_MASK(12));
	bits.low = low & LOW_MASK(LOW_BITS);
	found = unpack(bits);
	if (!key_id_valid(&found))
		return SKEX_E_SYNTAX;
	error = check_of(crypto, bits, initiator, responder, &check);
	if (error != SKEX_OK)
		return error;
	if (check != (bits.low & LOW_MASK(CHECK_BITS)))
		return SKEX_E_SYNTAX;

	*id = found;
	return SKEX_OK;
}

static bool hyphen_at(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

void skex_uuid_print(
	const uint8_t uuid[static SKEX_KEY_ID_BYTES], char text[static SKEX_KEY_ID_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;
	size_t i;

	for (i = 0; i < SKEX_KEY_ID_BYTES; i++) {
		if (hyphen_at(at))
			text[at++] = '-';
		text[at++] = digits[uuid[i] >> 4];
		text[at++] = digits[uuid[i] & 0xf];
	}
	text[at] = '\0';
}

/* The value of a hexadecimal digit, or 16. */
static uint8_t digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (uint8_t)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (uint8_t)(c - 'A' + 10);
	return 16;
}

enum skex_error skex_uuid_parse(uint8_t uuid[static SKEX_KEY_ID_BYTES], struct skex_view text)
{
	uint8_t found[SKEX_KEY_ID_BYTES] = {0};
	size_t nibble = 0;
	size_t i;

	if (text.size != SKEX_KEY_ID_TEXT_BYTES - 1)
		return SKEX_E_SYNTAX;
	for (i = 0; i < text.size; i++) {
		const uint8_t value = digit_value(text.data[i]);

		if (hyphen_at(i)) {
			if (text.data[i] != '-')
				return SKEX_E_SYNTAX;
			continue;
		}
		if (value > 15)
			return SKEX_E_SYNTAX;
		found[nibble / 2] |= (uint8_t)(nibble % 2 == 0 ? value << 4 : value);
		nibble++;
	}

	memcpy(uuid, found, sizeof(found));
	return SKEX_OK;
}
