/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/common.h"

#include "core/base/mem.h"

#define PURPOSE_CLEAR  0
#define LIFETIME_MAX_S UINT32_C(0x7fffffff)

bool skex_purpose_valid(struct skex_view purpose)
{
	size_t i;

	if (purpose.size == 0 || purpose.size > SKEX_PURPOSE_MAX)
		return false;
	for (i = 0; i < purpose.size; i++) {
		const uint8_t c = purpose.data[i];

		if (c <= ' ' || c > '~' || c == '"' || c == '\\')
			return false;
	}
	return true;
}

static bool name_valid(const struct skex_name *name)
{
	struct skex_name parsed;

	return name->size <= SKEX_NAME_MAX && skex_name_parse(&parsed, skex_name_view(name));
}

bool skex_name_pair_valid(const struct skex_name *a, const struct skex_name *b)
{
	return name_valid(a) && name_valid(b) && !skex_name_equal(a, b);
}

void skex_read_name(struct skex_reader *reader, struct skex_name *name)
{
	if (!skex_name_parse(name, skex_read_lp8(reader, SKEX_NAME_MAX)))
		skex_reader_fail(reader);
}

bool skex_common_valid(const struct skex_common *common)
{
	if (!skex_name_pair_valid(&common->initiator, &common->responder))
		return false;
	if (common->first.counter > SKEX_COUNTER_MAX)
		return false;
	if (common->k < 2 || common->k > common->n || common->n > SKEX_COMMON_HUBS_MAX)
		return false;
	if (common->secret_size < SKEX_SECRET_MIN || common->secret_size > SKEX_SECRET_MAX ||
		common->secret_size % 16 != 0)
		return false;
	if (common->class_initiator != SKEX_CLASS_COMPUTATIONAL &&
		common->class_initiator != SKEX_CLASS_ITS)
		return false;
	if (common->purpose_size > SKEX_PURPOSE_MAX ||
		!skex_purpose_valid(skex_view(common->purpose, common->purpose_size)))
		return false;
	return common->lifetime_s >= 1 && common->lifetime_s <= LIFETIME_MAX_S;
}

void skex_common_encode(struct skex_writer *writer, const struct skex_common *common)
{
	if (!skex_common_valid(common)) {
		writer->failed = true;
		return;
	}
	skex_write_u8(writer, SKEX_COMMON_VERSION);
	skex_write_lp8(writer, skex_name_view(&common->initiator));
	skex_write_lp8(writer, skex_name_view(&common->responder));
	skex_write_u32(writer, common->first.instance);
	skex_write_u64(writer, common->first.counter);
	skex_write_bytes(writer, common->profile, sizeof(common->profile));
	skex_write_u8(writer, common->n);
	skex_write_u8(writer, common->k);
	skex_write_u32(writer, common->secret_size);
	skex_write_u8(writer, common->class_initiator);
	skex_write_u8(writer, PURPOSE_CLEAR);
	skex_write_lp8(writer, skex_view(common->purpose, common->purpose_size));
	skex_write_u32(writer, common->lifetime_s);
}

static void read_purpose(struct skex_reader *reader, struct skex_common *common)
{
	struct skex_view purpose;

	if (skex_read_u8(reader) != PURPOSE_CLEAR)
		skex_reader_fail(reader);
	purpose = skex_read_lp8(reader, SKEX_PURPOSE_MAX);
	if (!skex_purpose_valid(purpose)) {
		skex_reader_fail(reader);
		return;
	}
	common->purpose_size = (uint8_t)purpose.size;
	memcpy(common->purpose, purpose.data, purpose.size);
}

void skex_common_decode(struct skex_reader *reader, struct skex_common *common)
{
	memset(common, 0, sizeof(*common));
	if (skex_read_u8(reader) != SKEX_COMMON_VERSION)
		skex_reader_fail(reader);
	skex_read_name(reader, &common->initiator);
	skex_read_name(reader, &common->responder);
	common->first.instance = skex_read_u32(reader);
	common->first.counter = skex_read_u64(reader);
	skex_read_bytes(reader, common->profile, sizeof(common->profile));
	common->n = skex_read_u8(reader);
	common->k = skex_read_u8(reader);
	common->secret_size = skex_read_u32(reader);
	common->class_initiator = skex_read_u8(reader);
	read_purpose(reader, common);
	common->lifetime_s = skex_read_u32(reader);
	if (!skex_common_valid(common))
		skex_reader_fail(reader);
}

size_t skex_common_size(const struct skex_common *common)
{
	return SKEX_COMMON_MAX - 2u * SKEX_NAME_MAX - SKEX_PURPOSE_MAX + common->initiator.size +
		common->responder.size + common->purpose_size;
}
