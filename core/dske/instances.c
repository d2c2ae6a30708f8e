/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dske/instances.h"

#include "core/base/mem.h"

bool skex_instances_left(const struct skex_instances *instances, uint32_t instance)
{
	uint8_t i;

	for (i = 0; i < instances->count; i++) {
		if (instances->left[i] == instance)
			return true;
	}
	return false;
}

void skex_instances_leave(struct skex_instances *instances, uint32_t instance)
{
	if (instances->count < SKEX_INSTANCES_LEFT)
		instances->count++;
	memmove(instances->left + 1, instances->left,
		(instances->count - 1u) * sizeof(instances->left[0]));
	instances->left[0] = instance;
}

void skex_instances_write(struct skex_writer *writer, const struct skex_instances *instances)
{
	uint8_t i;

	skex_write_u8(writer, instances->count);
	for (i = 0; i < instances->count; i++)
		skex_write_u32(writer, instances->left[i]);
}

struct skex_instances skex_instances_read(struct skex_reader *reader)
{
	struct skex_instances instances = {{0}, skex_read_u8(reader)};
	uint8_t i;

	if (instances.count > SKEX_INSTANCES_LEFT)
		reader->failed = true;
	for (i = 0; !reader->failed && i < instances.count; i++)
		instances.left[i] = skex_read_u32(reader);
	if (reader->failed)
		memset(&instances, 0, sizeof(instances));
	return instances;
}
