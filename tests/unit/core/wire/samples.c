/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/wire/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct skex_name sample_name(const char *text)
{
	struct skex_name name;

	assert_true(skex_name_parse(&name, skex_view(text, strlen(text))));
	return name;
}

struct skex_name sample_name_of(char letter, size_t size)
{
	char text[SKEX_NAME_MAX + 1] = {0};

	assert_true(size <= SKEX_NAME_MAX);
	memset(text, letter, size);
	return sample_name(text);
}

struct skex_common sample_common(void)
{
	static const char purpose[] = "etsi014:sae-a>sae-b";
	struct skex_common common;

	memset(&common, 0, sizeof(common));
	common.initiator = sample_name("alice");
	common.responder = sample_name("bob");
	common.first.instance = 0x01020304;
	common.first.counter = 0x050607;
	for (size_t i = 0; i < sizeof(common.profile); i++)
		common.profile[i] = (uint8_t)(0xa0 + i);
	common.n = 5;
	common.k = 3;
	common.secret_size = 32;
	common.class_initiator = SKEX_CLASS_ITS;
	common.purpose_size = sizeof(purpose) - 1;
	memcpy(common.purpose, purpose, sizeof(purpose));
	common.lifetime_s = 86400;
	return common;
}

struct skex_common sample_common_longest(void)
{
	struct skex_common common = sample_common();

	common.initiator = sample_name_of('a', SKEX_NAME_MAX);
	common.responder = sample_name_of('b', SKEX_NAME_MAX);
	common.first.instance = UINT32_MAX;
	common.first.counter = SKEX_COUNTER_MAX;
	common.n = 16;
	common.k = 16;
	common.purpose_size = SKEX_PURPOSE_MAX;
	memset(common.purpose, '~', SKEX_PURPOSE_MAX);
	common.purpose[SKEX_PURPOSE_MAX] = '\0';
	common.lifetime_s = 0x7fffffff;
	return common;
}
