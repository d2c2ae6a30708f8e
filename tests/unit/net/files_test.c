/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/net/ends.h"

static char directory[64];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/skex-net-XXXXXX");
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(directory);
}

struct syncs {
	struct world world;
	const struct skex_files *files;
	struct skex_file *file;
	unsigned asked;
	unsigned done;
	unsigned most;
	bool inside;
	uint64_t size;
};

static void on_done(void *owner, enum skex_error error);

static void write_and_sync(struct syncs *syncs)
{
	uint8_t bytes[4096];

	memset(bytes, (int)syncs->asked, sizeof(bytes));
	assert_int_equal(
		syncs->files->write(syncs->file, syncs->size, bytes, sizeof(bytes)), SKEX_OK);
	syncs->size += sizeof(bytes);
	syncs->inside = true;
	assert_int_equal(syncs->files->sync(syncs->file, on_done, syncs), SKEX_OK);
	syncs->inside = false;
	syncs->asked++;
}

static void on_done(void *owner, enum skex_error error)
{
	struct syncs *syncs = owner;

	assert_false(syncs->inside);
	assert_int_equal(error, SKEX_OK);
	syncs->done++;
	if (syncs->asked < syncs->most)
		write_and_sync(syncs);
}

static bool all_done(void *state)
{
	struct syncs *syncs = state;

	return syncs->done == syncs->most;
}

static void open_file(struct syncs *syncs, const char *name)
{
	char path[100];

	memset(syncs, 0, sizeof(*syncs));
	world_init(&syncs->world);
	syncs->files = skex_loop_platform(syncs->world.loop)->files;
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(syncs->files->open(syncs->files->context, path,
				 SKEX_OPEN_WRITE | SKEX_OPEN_CREATE | SKEX_OPEN_NEW, &syncs->file),
		SKEX_OK);
}

static void remove_file(struct syncs *syncs, const char *name)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	syncs->files->close(syncs->file);
	assert_int_equal(syncs->files->remove(syncs->files->context, path), SKEX_OK);
}

static void sync_under_load(void **state)
{
	struct syncs syncs;
	struct pair pair;

	(void)state;
	open_file(&syncs, "log");
	/* The network goes on meanwhile. */
	memset(&pair, 0, sizeof(pair));
	pair.world = syncs.world;
	server_listen(&pair.server, &syncs.world, "127.0.0.1", 0);
	pair.server.end.echo = true;
	pair.client.to_send = pair.want = 10000000;
	end_connect(&pair.client, &syncs.world, "127.0.0.1", server_port(&pair.server));
	syncs.most = 500;
	for (unsigned i = 0; i < 8; i++)
		write_and_sync(&syncs);
	world_run(&syncs.world, all_done, &syncs, 60000);
	assert_int_equal(syncs.asked, 500);
	world_run(&syncs.world, client_has, &pair, 60000);
	assert_int_equal(pair.client.wrong, 0);
	remove_file(&syncs, "log");
	world_clear(&syncs.world);
}

static void through_the_table(void **state)
{
	struct skex_file *other = NULL;
	struct syncs syncs;
	uint64_t size;
	char bytes[6];
	char path[100];

	(void)state;
	open_file(&syncs, "file");
	assert_int_equal(syncs.files->write(syncs.file, 0, "secret", 6), SKEX_OK);
	assert_int_equal(syncs.files->sync_wait(syncs.file), SKEX_OK);
	assert_int_equal(syncs.files->size(syncs.file, &size), SKEX_OK);
	assert_int_equal(size, 6);
	assert_int_equal(syncs.files->read(syncs.file, 0, bytes, 6), SKEX_OK);
	assert_memory_equal(bytes, "secret", 6);
	assert_int_equal(syncs.files->read(syncs.file, 1, bytes, 6), SKEX_E_CORRUPT);
	assert_int_equal(syncs.files->resize(syncs.file, 100), SKEX_OK);
	assert_int_equal(syncs.files->size(syncs.file, &size), SKEX_OK);
	assert_int_equal(size, 100);
	assert_int_equal(syncs.files->check_private(syncs.file), SKEX_OK);
	assert_int_equal(syncs.files->lock(syncs.file), SKEX_OK);
	(void)snprintf(path, sizeof(path), "%s/file", directory);
	assert_int_equal(
		syncs.files->open(syncs.files->context, path, SKEX_OPEN_WRITE, &other), SKEX_OK);
	assert_int_equal(syncs.files->lock(other), SKEX_E_BUSY);
	syncs.files->close(other);
	assert_int_equal(syncs.files->open(
				 syncs.files->context, "/nonexistent/file", SKEX_OPEN_READ, &other),
		SKEX_E_UNKNOWN);
	assert_int_equal(syncs.files->sync_directory(syncs.files->context, directory), SKEX_OK);
	remove_file(&syncs, "file");
	syncs.files->close(NULL);
	world_clear(&syncs.world);
}

static void loop_ends_first(void **state)
{
	struct skex_files files;
	struct syncs syncs;

	(void)state;
	open_file(&syncs, "file");
	syncs.most = 16;
	for (unsigned i = 0; i < 16; i++)
		write_and_sync(&syncs);
	files = *syncs.files;
	world_clear(&syncs.world);
	assert_int_equal(syncs.done, 0);
	syncs.files = &files;
	remove_file(&syncs, "file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sync_under_load, set_up, tear_down),
		cmocka_unit_test_setup_teardown(through_the_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loop_ends_first, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("net files", tests, NULL, NULL);
}
