/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/enrol_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "store/pad_file.h"
#include "store/tables.h"

#define TURN_MS 10u

static void must(enum skex_error error, const char *what)
{
	if (error == SKEX_OK)
		return;
	fprintf(stderr, "bed: %s: %s\n", what, skex_error_name(error));
	abort();
}

static void wake(void *context)
{
	(void)context;
}

static void changed(void *owner, const struct skex_name *agent)
{
	struct bed *bed = owner;

	(void)agent;
	bed->changed++;
}

struct skex_name bed_name(const char *text)
{
	struct skex_name name;

	if (!skex_name_parse(&name, skex_view(text, strlen(text))))
		abort();
	return name;
}

static void make_directories(struct bed *bed)
{
	static const char *const names[] = {BED_HUB, BED_HUB "/store", BED_HUB "/pads",
		BED_HUB "/spool", BED_AGENT, BED_AGENT "/store", BED_AGENT "/pads", BED_MEDIUM};
	const struct skex_files *files = bed->scene.platform.files;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		must(files->make_directory(files->context, names[i]), names[i]);
	must(files->sync_directory(files->context, "/disk"), "/disk");
	must(files->sync_directory(files->context, BED_HUB), BED_HUB);
	must(files->sync_directory(files->context, BED_AGENT), BED_AGENT);
}

void bed_init(struct bed *bed, uint64_t seed)
{
	memset(bed, 0, sizeof(*bed));
	scene_init(&bed->scene, seed);
	bed->scene.platform.wake = wake;
	must(skex_registry_open(":memory:", &bed->hub_registry), "registry");
	must(skex_registry_open(":memory:", &bed->agent_registry), "registry");
	make_directories(bed);
	bed->hub = (struct skex_enrol_hub){
		.platform = &bed->scene.platform,
		.crypto = bed->scene.crypto,
		.registry = bed->hub_registry,
		.directory = BED_HUB,
		.kek = bed->scene.kek,
		.name = bed_name("hub1"),
		.addresses = "192.0.2.1 7100,2001:db8::1 7100",
		.limits = {1 << 30, 1 << 26, 86400},
		.changed = changed,
		.owner = bed,
	};
	memset(bed->hub.hub, 7, sizeof(bed->hub.hub));
	must(bed_open(bed), "open");
}

enum skex_error bed_restart(struct bed *bed)
{
	const struct skex_platform *platform = &bed->scene.platform;
	enum skex_error error = skex_log_store_open(
		platform, bed->scene.crypto, BED_HUB "/store", bed->scene.kek, &bed->hub_store);

	if (error == SKEX_OK)
		error = skex_log_store_open(platform, bed->scene.crypto, BED_AGENT "/store",
			bed->scene.kek, &bed->agent_store);
	bed->hub.store = bed->hub_store;
	if (error == SKEX_OK)
		error = skex_enrol_hub_recover(&bed->hub);
	return error;
}

enum skex_error bed_open(struct bed *bed)
{
	enum skex_error error = bed_restart(bed);

	if (error == SKEX_OK)
		bed_settle(bed);
	return error;
}

void bed_drop(struct bed *bed)
{
	skex_store_close(bed->hub_store);
	skex_store_close(bed->agent_store);
	bed->hub_store = NULL;
	bed->agent_store = NULL;
	skex_enrolment_release(bed->enrolment);
	skex_join_release(bed->join);
	bed->enrolment = NULL;
	bed->join = NULL;
}

void bed_clear(struct bed *bed)
{
	bed_drop(bed);
	skex_registry_close(bed->hub_registry);
	skex_registry_close(bed->agent_registry);
	scene_clear(&bed->scene);
}

void bed_turn(struct bed *bed)
{
	bed->scene.now_ms += TURN_MS;
	(void)skex_store_turn(bed->hub_store, bed->scene.now_ms);
	(void)skex_store_turn(bed->agent_store, bed->scene.now_ms);
	(void)disk_turn(bed->scene.disk);
}

void bed_settle(struct bed *bed)
{
	for (unsigned i = 0; i < 20; i++)
		bed_turn(bed);
}

/* ---- the hub ----------------------------------------------------------------------------------
 */

struct skex_enrol_request bed_request(enum skex_kit_type type)
{
	struct skex_enrol_request request = {
		.type = type,
		.agent = bed_name("alice"),
		.aead = SKEX_AEAD_AES_256_GCM,
		.kind = SKEX_PAD_TABLE,
		.pad_bytes = BED_PAD,
	};

	return request;
}

enum skex_error bed_enrol(struct bed *bed, const struct skex_enrol_request *request)
{
	struct skex_enrolment *enrolment;
	enum skex_error error = skex_enrolment_begin(&bed->hub, request, &enrolment, &bed->reason);

	if (error != SKEX_OK)
		return error;
	for (unsigned i = 0; i < 500; i++) {
		error = skex_enrolment_step(enrolment, &bed->reason);
		if (error != SKEX_E_BUSY && error != SKEX_E_EMPTY)
			break;
		bed_turn(bed);
	}
	if (error == SKEX_E_EMPTY)
		bed->enrolment = enrolment; /* the store does not answer any more */
	else
		skex_enrolment_free(enrolment);
	return error;
}

static enum skex_error copy_file(
	const struct skex_files *files, const struct skex_enrol_kit *kit, const char *path)
{
	struct skex_file *from = NULL, *to = NULL;
	uint8_t *bytes = malloc(kit->size);
	enum skex_error error = files->open(files->context, kit->path, SKEX_OPEN_READ, &from);

	if (error == SKEX_OK)
		error = files->open(files->context, path, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &to);
	if (error == SKEX_OK)
		error = files->resize(to, 0);
	if (error == SKEX_OK)
		error = files->read(from, 0, bytes, kit->size);
	if (error == SKEX_OK) {
		memcpy(bytes, kit->preamble, sizeof(kit->preamble));
		error = files->write(to, 0, bytes, kit->size);
	}
	if (error == SKEX_OK)
		error = files->sync_wait(to);
	if (error == SKEX_OK)
		error = files->sync_directory(files->context, BED_MEDIUM);
	files->close(from);
	files->close(to);
	free(bytes);
	return error;
}

enum skex_error bed_take(struct bed *bed, const char *path)
{
	const struct skex_name alice = bed_name("alice");
	struct skex_enrol_kit kit;
	enum skex_error error = skex_enrol_kit_get(&bed->hub, &alice, &kit);

	if (error == SKEX_OK)
		error = copy_file(bed->scene.platform.files, &kit, path);
	if (error == SKEX_OK)
		error = skex_enrol_kit_taken(&bed->hub, &alice);
	bed_settle(bed);
	return error;
}

enum skex_error bed_member(struct bed *bed, struct skex_member *member)
{
	const struct skex_name alice = bed_name("alice");

	return skex_registry_member_get(bed->hub_registry, &alice, member);
}

static void leg_key(uint8_t key[9], uint64_t leg, uint8_t direction)
{
	struct skex_writer writer;

	skex_writer_init(&writer, key, 9);
	skex_write_u64(&writer, leg);
	skex_write_u8(&writer, direction);
}

void bed_connect(struct bed *bed)
{
	struct skex_member member;
	uint8_t key[9];
	uint8_t value[36] = {0, 0, 0, 1};
	struct skex_view part = {value, sizeof(value)};
	struct skex_txn *txn = skex_txn_begin(bed->hub_store);

	must(bed_member(bed, &member), "member");
	leg_key(key, member.leg, SKEX_TO_HUB);
	skex_txn_put_secret(txn, bed->hub_store, SKEX_TABLE_EPOCH, skex_view(key, 9), &part, 1);
	must(skex_txn_submit(txn, bed->hub_store, NULL, NULL), "epoch");
	bed_settle(bed);
}

void bed_put_zero(struct bed *bed, uint64_t leg, uint8_t table, size_t size)
{
	static const uint8_t zero[64];
	const struct skex_view part = skex_view(zero, size == SIZE_MAX ? 0 : size);
	struct skex_txn *txn = skex_txn_begin(bed->hub_store);
	uint8_t key[9];

	for (uint8_t direction = 0; direction < 2; direction++) {
		leg_key(key, leg, direction);
		if (size == SIZE_MAX)
			skex_txn_remove(txn, bed->hub_store, table, skex_view(key, 9));
		else
			skex_txn_put_secret(
				txn, bed->hub_store, table, skex_view(key, 9), &part, 1);
	}
	must(skex_txn_submit(txn, bed->hub_store, NULL, NULL), "zero");
	bed_settle(bed);
}

/* ---- the agent --------------------------------------------------------------------------------
 */

enum skex_error bed_join(struct bed *bed, const char *path, const uint8_t *key, bool replace)
{
	const struct skex_name alice = bed_name("alice");
	const struct skex_join_setup setup = {
		.platform = &bed->scene.platform,
		.crypto = bed->scene.crypto,
		.store = bed->agent_store,
		.registry = bed->agent_registry,
		.directory = BED_AGENT,
		.kek = bed->scene.kek,
		.agent = &alice,
		.replace = replace,
	};
	struct skex_join *join;
	enum skex_error error = skex_join_begin(&setup, path, key, &join, &bed->reason);

	if (error != SKEX_OK)
		return error;
	for (unsigned i = 0; i < 500; i++) {
		error = skex_join_step(join, &bed->reason);
		if (error != SKEX_E_BUSY && error != SKEX_E_EMPTY)
			break;
		bed_turn(bed);
	}
	if (error == SKEX_E_EMPTY)
		bed->join = join;
	else
		skex_join_free(join);
	return error;
}

static bool same_pad(struct bed *bed, uint64_t leg, uint8_t direction, uint32_t generation)
{
	static const char *const directories[2] = {BED_HUB, BED_AGENT};
	static uint8_t bytes[2][BED_PAD];
	bool same = true;

	for (int i = 0; i < 2; i++) {
		struct skex_pad_file *file;
		char path[128];

		(void)skex_pad_path(path, sizeof(path), directories[i], leg, direction, generation);
		if (skex_pad_file_open(&bed->scene.platform, bed->scene.crypto, path,
			    bed->scene.kek, 0, &file) != SKEX_OK)
			return false;
		same = same && skex_pad_file_size(file) == BED_PAD &&
			skex_pad_file_read(file, 0, bytes[i], BED_PAD) == SKEX_OK;
		skex_pad_file_close(file);
	}
	return same && memcmp(bytes[0], bytes[1], BED_PAD) == 0;
}

static bool same_epochs(struct bed *bed, uint64_t leg, uint8_t direction)
{
	uint8_t values[2][36];
	size_t sizes[2];
	uint8_t key[9];

	leg_key(key, leg, direction);
	return skex_store_get(bed->hub_store, SKEX_TABLE_EPOCH, skex_view(key, 9), values[0], 36,
		       &sizes[0]) == SKEX_OK &&
		skex_store_get(bed->agent_store, SKEX_TABLE_EPOCH, skex_view(key, 9), values[1], 36,
			&sizes[1]) == SKEX_OK &&
		sizes[0] == 36 && sizes[1] == 36 && memcmp(values[0], values[1], 36) == 0;
}

bool bed_same_pads(struct bed *bed, uint64_t leg, uint32_t generation)
{
	return same_pad(bed, leg, SKEX_TO_HUB, generation) &&
		same_pad(bed, leg, SKEX_TO_AGENT, generation);
}

bool bed_same(struct bed *bed, uint64_t leg, uint32_t generation)
{
	return bed_same_pads(bed, leg, generation) && same_epochs(bed, leg, SKEX_TO_HUB) &&
		same_epochs(bed, leg, SKEX_TO_AGENT);
}

static void count(void *owner, const char *name)
{
	(void)name;
	*(size_t *)owner += 1;
}

size_t bed_files(struct bed *bed, const char *directory)
{
	const struct skex_files *files = bed->scene.platform.files;
	size_t files_count = 0;

	must(files->list(files->context, directory, count, &files_count), directory);
	return files_count;
}
