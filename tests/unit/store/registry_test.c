/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/base/mem.h"
#include "store/registry.h"
#include "store/state.h"
#include "tests/unit/store/fixture.h"

static struct skex_registry *open_registry(const char *name)
{
	struct skex_registry *registry = NULL;

	assert_int_equal(skex_registry_open(fixture_path(name), &registry), SKEX_OK);
	return registry;
}

static struct skex_name name_of(const char *text)
{
	struct skex_name name = {0};

	assert_true(skex_name_parse(&name, skex_view(text, strlen(text))));
	return name;
}

static void settings_come_back(void **state)
{
	uint8_t out[300] = {0};
	uint8_t large[256] = {1};
	size_t size = 99;

	(void)state;
	struct skex_registry *registry = open_registry("settings.db");
	assert_int_equal(skex_registry_get(registry, "name", out, 300, &size), SKEX_E_UNKNOWN);
	assert_int_equal(size, 99);
	assert_int_equal(skex_registry_set(registry, "name", skex_view("hub1", 4)), SKEX_OK);
	assert_int_equal(skex_registry_set(registry, "name", skex_view("hub-2", 5)), SKEX_OK);
	assert_int_equal(skex_registry_set(registry, "empty", skex_view(NULL, 0)), SKEX_OK);
	assert_int_equal(
		skex_registry_set(registry, "large", skex_view(large, 256)), SKEX_E_ARGUMENT);
	skex_registry_close(registry);

	registry = open_registry("settings.db");
	assert_int_equal(skex_registry_get(registry, "name", out, 300, &size), SKEX_OK);
	assert_int_equal(size, 5);
	assert_memory_equal(out, "hub-2", 5);
	assert_int_equal(skex_registry_get(registry, "name", out, 4, &size), SKEX_E_SPACE);
	assert_int_equal(skex_registry_get(registry, "empty", out, 4, &size), SKEX_OK);
	assert_int_equal(size, 0);
	skex_registry_close(registry);
	struct stat status;
	assert_int_equal(stat(fixture_path("settings.db"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static struct skex_member member_of(const char *name, uint64_t leg)
{
	struct skex_member member = {.name = name_of(name),
		.state = SKEX_MEMBER_ENROLLED,
		.groups_count = 2,
		.groups = {name_of("north"), name_of("lab.1")},
		.leg = leg,
		.since_ms = 123456789012};

	return member;
}

struct names {
	char text[256];
	int most;
};

static bool note_member(void *owner, const struct skex_member *member)
{
	struct names *names = owner;
	size_t size = strlen(names->text);

	snprintf(names->text + size, sizeof(names->text) - size, "%s ", member->name.text);
	return --names->most != 0;
}

static void members(void **state)
{
	struct skex_member read;

	(void)state;
	struct skex_registry *registry = open_registry("members.db");
	static const char *const all[] = {"c", "a", "agent-2", "agent-10", "b"};
	for (size_t i = 0; i < 5; i++) {
		struct skex_member member = member_of(all[i], UINT64_MAX - i);
		assert_int_equal(skex_registry_member_put(registry, &member), SKEX_OK);
	}
	struct skex_name name = name_of("b");
	assert_int_equal(skex_registry_member_get(registry, &name, &read), SKEX_OK);
	assert_string_equal(read.name.text, "b");
	assert_int_equal(read.state, SKEX_MEMBER_ENROLLED);
	assert_int_equal(read.groups_count, 2);
	assert_string_equal(read.groups[1].text, "lab.1");
	assert_true(read.leg == UINT64_MAX - 4);
	assert_int_equal(read.since_ms, 123456789012);

	read.state = SKEX_MEMBER_EVICTED;
	read.groups_count = 0;
	assert_int_equal(skex_registry_member_put(registry, &read), SKEX_OK);
	assert_int_equal(skex_registry_member_get(registry, &name, &read), SKEX_OK);
	assert_int_equal(read.state, SKEX_MEMBER_EVICTED);
	assert_int_equal(read.groups_count, 0);

	struct names names = {{0}, 0};
	assert_int_equal(skex_registry_members(registry, NULL, note_member, &names), SKEX_OK);
	assert_string_equal(names.text, "a agent-10 agent-2 b c ");
	name = name_of("agent-10");
	names = (struct names){{0}, 2};
	assert_int_equal(skex_registry_members(registry, &name, note_member, &names), SKEX_OK);
	assert_string_equal(names.text, "agent-2 b ");
	assert_int_equal(skex_registry_member_remove(registry, &name), SKEX_OK);
	assert_int_equal(skex_registry_member_remove(registry, &name), SKEX_OK);
	assert_int_equal(skex_registry_member_get(registry, &name, &read), SKEX_E_UNKNOWN);
	skex_registry_close(registry);
}

static struct skex_leg_record leg_of(uint64_t leg)
{
	struct skex_leg_record record = {.leg = leg,
		.other = name_of("hub1"),
		.hub = {9, 8, 7},
		.aead = SKEX_AEAD_CHACHA20_POLY1305,
		.kind = SKEX_PAD_TABLE,
		.class = SKEX_CLASS_ITS,
		.pads = {UINT64_C(0x8000000000000001), 2},
		.addresses = "127.0.0.1 4433,::1 4433",
		.source = "device"};

	return record;
}

struct found {
	int count;
	uint64_t last;
	struct skex_registry *registry;
};

static bool note_pad(void *owner, const struct skex_pad_record *pad)
{
	struct found *found = owner;

	found->count++;
	assert_true(found->count == 1 || pad->generation > found->last);
	found->last = pad->generation;
	return true;
}

/* A list inside a list of the same kind. */
static bool note_leg(void *owner, const struct skex_leg_record *leg)
{
	struct found *found = owner;
	struct skex_leg_record again;

	assert_int_equal(skex_registry_leg_get(found->registry, leg->leg, &again), SKEX_OK);
	assert_string_equal(again.source, "device");
	if (found->count++ == 0) {
		struct found inner = {100, 0, found->registry};
		assert_int_equal(skex_registry_legs(found->registry, note_leg, &inner), SKEX_OK);
		assert_int_equal(inner.count, 102);
	}
	return true;
}

static void legs_and_pads(void **state)
{
	struct skex_leg_record read;

	(void)state;
	struct skex_registry *registry = open_registry("legs.db");
	for (uint64_t leg = 1; leg <= 2; leg++) {
		struct skex_leg_record record = leg_of(leg);
		assert_int_equal(skex_registry_leg_put(registry, &record), SKEX_OK);
	}
	assert_int_equal(skex_registry_leg_get(registry, 2, &read), SKEX_OK);
	struct skex_leg_record expected = leg_of(2);
	assert_memory_equal(&read.other, &expected.other, sizeof(read.other));
	assert_memory_equal(read.hub, expected.hub, sizeof(read.hub));
	assert_int_equal(read.aead, expected.aead);
	assert_int_equal(read.kind, expected.kind);
	assert_int_equal(read.class, expected.class);
	assert_true(read.pads[0] == expected.pads[0] && read.pads[1] == 2);
	assert_string_equal(read.addresses, expected.addresses);
	assert_string_equal(read.source, expected.source);
	assert_int_equal(read.halt, SKEX_HALT_NONE);

	for (uint32_t generation = 0; generation < 5; generation++) {
		const struct skex_pad_record pad = {2, 1, 4 - generation, 1u << 20, false};
		assert_int_equal(skex_registry_pad_put(registry, &pad), SKEX_OK);
	}
	const struct skex_pad_record stray = {3, 1, 0, 16, false};
	assert_int_equal(skex_registry_pad_put(registry, &stray), SKEX_E_UNKNOWN);
	/* Changing a leg leaves its pads alone. */
	read.halt = SKEX_HALT_TAKEN;
	assert_int_equal(skex_registry_leg_put(registry, &read), SKEX_OK);
	assert_int_equal(skex_registry_leg_get(registry, 2, &read), SKEX_OK);
	assert_int_equal(read.halt, SKEX_HALT_TAKEN);
	struct found found = {0, 0, registry};
	assert_int_equal(skex_registry_pads(registry, 2, 1, note_pad, &found), SKEX_OK);
	assert_int_equal(found.count, 5);
	found = (struct found){0, 0, registry};
	assert_int_equal(skex_registry_pads(registry, 2, 0, note_pad, &found), SKEX_OK);
	assert_int_equal(found.count, 0);
	found = (struct found){0, 0, registry};
	assert_int_equal(skex_registry_legs(registry, note_leg, &found), SKEX_OK);
	assert_int_equal(found.count, 2);
	/* Removing it takes them along. */
	assert_int_equal(skex_registry_leg_remove(registry, 2), SKEX_OK);
	found = (struct found){0, 0, registry};
	assert_int_equal(skex_registry_pads(registry, 2, 1, note_pad, &found), SKEX_OK);
	assert_int_equal(found.count, 0);
	assert_int_equal(skex_registry_leg_get(registry, 2, &read), SKEX_E_UNKNOWN);
	skex_registry_close(registry);
}

static bool note_peer(void *owner, const struct skex_peer_record *peer)
{
	struct names *names = owner;
	size_t size = strlen(names->text);

	snprintf(names->text + size, sizeof(names->text) - size, "%s:%s ", peer->name.text,
		peer->profiles);
	return true;
}

static void peers_and_transactions(void **state)
{
	struct skex_peer_record peer = {.profiles = "p1,p2"};
	struct names names = {{0}, 0};

	(void)state;
	struct skex_registry *registry = open_registry("peers.db");
	assert_int_equal(skex_registry_commit(registry), SKEX_E_STATE);
	assert_int_equal(skex_registry_begin(registry), SKEX_OK);
	assert_int_equal(skex_registry_begin(registry), SKEX_E_STATE);
	peer.name = name_of("x");
	assert_int_equal(skex_registry_peer_put(registry, &peer), SKEX_OK);
	skex_registry_undo(registry);
	assert_int_equal(skex_registry_begin(registry), SKEX_OK);
	peer.name = name_of("z");
	assert_int_equal(skex_registry_peer_put(registry, &peer), SKEX_OK);
	peer.name = name_of("y");
	assert_int_equal(skex_registry_peer_put(registry, &peer), SKEX_OK);
	assert_int_equal(skex_registry_commit(registry), SKEX_OK);
	skex_registry_undo(registry);
	assert_int_equal(skex_registry_peers(registry, note_peer, &names), SKEX_OK);
	assert_string_equal(names.text, "y:p1,p2 z:p1,p2 ");
	assert_int_equal(skex_registry_peer_remove(registry, &peer.name), SKEX_OK);
	names.text[0] = '\0';
	assert_int_equal(skex_registry_peers(registry, note_peer, &names), SKEX_OK);
	assert_string_equal(names.text, "z:p1,p2 ");
	skex_registry_close(registry);
}

static void execute(const char *name, const char *text)
{
	sqlite3 *database = NULL;

	assert_int_equal(sqlite3_open(fixture_path(name), &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

/* The first schema knew 0 and 1 of leg.stopped. */
static bool count_leg(void *owner, const struct skex_leg_record *leg)
{
	(void)leg;
	(*(unsigned *)owner)++;
	return true;
}

static bool count_pad(void *owner, const struct skex_pad_record *pad)
{
	(void)pad;
	(*(unsigned *)owner)++;
	return true;
}

static bool count_peer(void *owner, const struct skex_peer_record *peer)
{
	(void)peer;
	(*(unsigned *)owner)++;
	return true;
}

static bool count_member(void *owner, const struct skex_member *member)
{
	(void)member;
	(*(unsigned *)owner)++;
	return true;
}

static unsigned rows_of(struct skex_registry *registry)
{
	unsigned count = 0;
	uint8_t value[8];
	size_t size;

	assert_int_equal(skex_registry_members(registry, NULL, count_member, &count), SKEX_OK);
	assert_int_equal(skex_registry_legs(registry, count_leg, &count), SKEX_OK);
	assert_int_equal(skex_registry_pads(registry, 7, 1, count_pad, &count), SKEX_OK);
	assert_int_equal(skex_registry_peers(registry, count_peer, &count), SKEX_OK);
	return count +
		(skex_registry_get(registry, "name", value, sizeof(value), &size) == SKEX_OK);
}

static void cleared_is_as_new(void **state)
{
	const struct skex_pad_record pad = {7, 1, 0, 65536, false};
	const struct skex_peer_record peer = {.name = name_of("p")};
	const struct skex_member member = member_of("m", 7);
	struct skex_leg_record leg = {.leg = 7, .other = name_of("h")};

	(void)state;
	struct skex_registry *registry = open_registry("clear.db");
	leg.aead = SKEX_AEAD_AES_256_GCM;
	leg.kind = SKEX_PAD_TABLE;
	leg.class = SKEX_CLASS_ITS;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(skex_registry_member_put(registry, &member), SKEX_OK);
		assert_int_equal(skex_registry_leg_put(registry, &leg), SKEX_OK);
		assert_int_equal(skex_registry_pad_put(registry, &pad), SKEX_OK);
		assert_int_equal(skex_registry_peer_put(registry, &peer), SKEX_OK);
		assert_int_equal(
			skex_registry_set(registry, "name", skex_view("hub1", 4)), SKEX_OK);
		assert_int_equal(rows_of(registry), 5);
		assert_int_equal(skex_registry_begin(registry), SKEX_OK);
		assert_int_equal(skex_registry_clear(registry), SKEX_E_STATE);
		skex_registry_undo(registry);
		assert_int_equal(rows_of(registry), 5);
		assert_int_equal(skex_registry_clear(registry), SKEX_OK);
		assert_int_equal(rows_of(registry), 0);
	}
	skex_registry_close(registry);
}

static void an_older_schema_is_brought_up(void **state)
{
	struct skex_leg_record record = leg_of(1);
	struct skex_registry *registry = open_registry("older.db");

	(void)state;
	assert_int_equal(skex_registry_leg_put(registry, &record), SKEX_OK);
	skex_registry_close(registry);
	execute("older.db", "UPDATE leg SET stopped = 1; PRAGMA user_version = 1");
	registry = open_registry("older.db");
	assert_int_equal(skex_registry_leg_get(registry, 1, &record), SKEX_OK);
	assert_int_equal(record.halt, SKEX_HALT_OURS);
	record.halt = SKEX_HALT_THEIRS;
	assert_int_equal(skex_registry_leg_put(registry, &record), SKEX_OK);
	skex_registry_close(registry);
	/* And only once. */
	registry = open_registry("older.db");
	assert_int_equal(skex_registry_leg_get(registry, 1, &record), SKEX_OK);
	assert_int_equal(record.halt, SKEX_HALT_THEIRS);
	skex_registry_close(registry);
	execute("older.db", "UPDATE leg SET stopped = 5");
	registry = open_registry("older.db");
	assert_int_equal(skex_registry_leg_get(registry, 1, &record), SKEX_E_CORRUPT);
	skex_registry_close(registry);
}

static void foreign_and_newer_files_are_refused(void **state)
{
	struct skex_registry *registry = NULL;

	(void)state;
	skex_registry_close(open_registry("newer.db"));
	execute("newer.db", "PRAGMA user_version = 3");
	assert_int_equal(skex_registry_open(fixture_path("newer.db"), &registry), SKEX_E_VERSION);
	execute("other.db", "CREATE TABLE something (a)");
	assert_int_equal(skex_registry_open(fixture_path("other.db"), &registry), SKEX_E_CORRUPT);
	FILE *file = fopen(fixture_path("text.db"), "w");
	assert_non_null(file);
	for (int i = 0; i < 2000; i++)
		fputs("no database ", file);
	fclose(file);
	assert_int_equal(skex_registry_open(fixture_path("text.db"), &registry), SKEX_E_CORRUPT);
	assert_int_equal(skex_registry_open(fixture_path("none/x.db"), &registry), SKEX_E_IO);
	assert_null(registry);
	assert_int_equal(skex_registry_open(":memory:", &registry), SKEX_OK);
	skex_registry_close(registry);
}

/* ---- a disk that fails once ----
 *
 * SQLite then opens a file for reading only, and takes no notice when the name of a new file is not
 * on the disk: a hub would refuse each order until its next start, and a leg that was called joined
 * be gone after a power cut.
 */

static const char *failing; /* the end of the path that cannot be opened for writing */
static int fail_open(const char *path, int flags, int mode)
{
	const size_t size = strlen(path);

	if (size >= strlen(failing) && (flags & O_RDWR) != 0 &&
		strcmp(path + size - strlen(failing), failing) == 0) {
		errno = EIO;
		return -1;
	}
	return open(path, flags, mode);
}

static void a_registry_is_open_for_writing_or_not_at_all(void **state)
{
	static const char *const files[2] = {"once.db", "once.db-wal"};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	struct skex_registry *registry = NULL;
	struct skex_registry *other;

	(void)state;
	other = open_registry("once.db"); /* so that the log of it stays there */
	for (int i = 0; i < 2; i++) {
		failing = files[i];
		assert_int_equal(vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)fail_open),
			SQLITE_OK);
		assert_int_equal(skex_registry_open(fixture_path("once.db"), &registry), SKEX_E_IO);
		assert_int_equal(vfs->xSetSystemCall(vfs, "open", NULL), SQLITE_OK);
		assert_null(registry);
	}
	skex_registry_close(other);
	registry = open_registry("once.db");
	assert_int_equal(skex_registry_set(registry, "name", skex_view("hub1", 4)), SKEX_OK);
	skex_registry_close(registry);
}

/* Fails once all that SQLite has made is there. */
static enum skex_error fail_sync(void *context, const char *directory)
{
	return access(fixture_path("state/registry.db-wal"), F_OK) == 0
		? SKEX_E_IO
		: fixture_platform.files->sync_directory(context, directory);
}

static void a_registry_is_open_when_its_name_is_on_the_disk(void **state)
{
	struct skex_files files = *fixture_platform.files;
	struct skex_platform platform = fixture_platform;
	struct skex_state opened = {NULL, NULL};

	(void)state;
	platform.files = &files;
	files.sync_directory = fail_sync;
	assert_int_equal(skex_state_open(&platform, fixture_crypto(), fixture_path("state"),
				 fixture_kek, &opened),
		SKEX_E_IO);
	assert_null(opened.registry);
	assert_int_equal(skex_state_open(&fixture_platform, fixture_crypto(), fixture_path("state"),
				 fixture_kek, &opened),
		SKEX_OK);
	skex_state_close(&opened);
}

static void damaged_rows_are_told(void **state)
{
	struct skex_member member;
	struct skex_name name = name_of("a");

	(void)state;
	struct skex_registry *registry = open_registry("rows.db");
	struct skex_member good = member_of("a", 1);
	assert_int_equal(skex_registry_member_put(registry, &good), SKEX_OK);
	skex_registry_close(registry);
	static const char *const damages[] = {"UPDATE member SET state = 9",
		"UPDATE member SET state = 1, groups = 'a,,b'",
		"UPDATE member SET groups = 'a,b,c,d,e,f,g,h,i'",
		"UPDATE member SET groups = 'UPPER'"};
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		execute("rows.db", damages[i]);
		registry = open_registry("rows.db");
		assert_int_equal(
			skex_registry_member_get(registry, &name, &member), SKEX_E_CORRUPT);
		skex_registry_close(registry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_come_back),
		cmocka_unit_test(members),
		cmocka_unit_test(legs_and_pads),
		cmocka_unit_test(peers_and_transactions),
		cmocka_unit_test(cleared_is_as_new),
		cmocka_unit_test(an_older_schema_is_brought_up),
		cmocka_unit_test(foreign_and_newer_files_are_refused),
		cmocka_unit_test(a_registry_is_open_for_writing_or_not_at_all),
		cmocka_unit_test(a_registry_is_open_when_its_name_is_on_the_disk),
		cmocka_unit_test(damaged_rows_are_told),
	};

	return cmocka_run_group_tests_name(
		"store registry", tests, fixture_setup, fixture_teardown);
}
