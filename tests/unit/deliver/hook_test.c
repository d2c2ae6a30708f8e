/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/resource.h>

#include "deliver/hook/hook.h"
#include "tests/unit/deliver/consumer_world.h"

#define HEX1 "1111111111111111111111111111111111111111111111111111111111111111"
#define HEX2 "2222222222222222222222222222222222222222222222222222222222222222"
#define HEX3 "3333333333333333333333333333333333333333333333333333333333333333"
#define ID1  "01000000-0000-0000-0000-000000000000"
#define ID2  "02000000-0000-0000-0000-000000000000"

#define SETTLE ((uint32_t)SKEX_ROTATION_DO_SETTLE)
#define STAGE  ((uint32_t)SKEX_ROTATION_DO_STAGE)
#define SWITCH ((uint32_t)SKEX_ROTATION_DO_SWITCH)
#define SWAP   ((uint32_t)SKEX_ROTATION_DO_SWAP)

static struct consumer_world world;
static struct skex_hook_config config;
static struct skex_hook *hook;
static const char *argv[4];
static char path[128];

static int set_up(void **state)
{
	(void)state;
	consumer_init(&world);
	world.consumer = &skex_hook_consumer;
	(void)snprintf(path, sizeof(path), "%s/key", world.folder);
	config = (struct skex_hook_config){
		.binding = "lab",
		.peer = "agent2",
		.file = {NULL, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP},
		.format = SKEX_KEY_HEX,
		.program = {.timeout_ms = CONSUMER_PATIENCE_MS},
	};
	hook = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	skex_hook_free(hook);
	(void)unlink(path);
	(void)unlink(consumer_path(&world, "key.next"));
	(void)unlink(consumer_path(&world, "log"));
	consumer_clear(&world);
	return 0;
}

static void open_hook(void)
{
	skex_hook_free(hook);
	assert_int_equal(skex_hook_new(world.platform, &config, &hook), SKEX_OK);
	world.context = hook;
}

static void open_file(void)
{
	config.file.path = path;
	open_hook();
}

/* A program that is this script; $1 is the test's folder. */
static void open_script(const char *script)
{
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = script;
	argv[3] = NULL;
	config.program.argv = argv;
	open_hook();
}

static const char *next_file(void)
{
	return consumer_read(consumer_path(&world, "key.next"));
}

static bool is_there(const char *name)
{
	return access(name, F_OK) == 0;
}

/* ---- files -------------------------------------------------------------------------------------
 */

static void overlapping_file(void **state)
{
	(void)state;
	open_file();
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_false(is_there(path));
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);

	world.keys.next = consumer_key(1);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_false(is_there(path));
	assert_string_equal(next_file(), HEX1 "\n");
	/* Nobody has used it yet. */
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX1 "\n");
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	world.keys.next = consumer_key(0);
	world.keys.active = consumer_key(1);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX1 "\n");
	assert_false(is_there(consumer_path(&world, "key.next")));

	/* The next one, which comes to nothing. */
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX1 "\n");
	assert_string_equal(next_file(), HEX2 "\n");
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX2 "\n");
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX1 "\n");
	assert_false(is_there(consumer_path(&world, "key.next")));
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);

	/* Both in one go, as after a restart of the consumer; and closed. */
	assert_int_equal(consumer_act(&world, SETTLE | STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX1 "\n");
	assert_string_equal(next_file(), HEX2 "\n");
	world.keys.active = consumer_key(0);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_false(is_there(path));
	assert_false(is_there(consumer_path(&world, "key.next")));
}

static void one_place_file(void **state)
{
	(void)state;
	world.consumer = &skex_hook_one_place_consumer;
	open_file();
	world.keys.active = consumer_key(1);
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX2 "\n");
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX2 "\n");
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	world.keys.old = consumer_key(1);
	world.keys.active = consumer_key(2);
	world.keys.swapped = true;
	assert_int_equal(consumer_act(&world, SWAP), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX1 "\n");
	world.keys.swapped = false;
	assert_int_equal(consumer_act(&world, SWAP), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX2 "\n");
	assert_false(is_there(consumer_path(&world, "key.next")));
}

static void formats(void **state)
{
	static const char *const texts[SKEX_KEY_FORMATS] = {
		[SKEX_KEY_RAW] = "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"",
		[SKEX_KEY_HEX] = HEX2 "\n",
		[SKEX_KEY_BASE64] = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=\n",
		[SKEX_KEY_ID_HEX] = ID2 ":" HEX2 "\n",
	};

	(void)state;
	world.keys.active = consumer_key(2);
	for (unsigned i = 0; i < SKEX_KEY_FORMATS; i++) {
		config.format = (enum skex_key_format)i;
		open_file();
		assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
		assert_string_equal(consumer_read(path), texts[i]);
	}
}

/* The agent was started again, and has no more than what the file holds. */
static void back_to_the_file(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		world.consumer = i == 0 ? &skex_hook_consumer : &skex_hook_one_place_consumer;
		consumer_put(path, HEX1 "\n", 0600);
		open_file();
		world.keys.active = consumer_lost_key(1);
		world.keys.next = consumer_key(2);
		assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
		assert_int_equal(consumer_act(&world, STAGE | SWITCH), SKEX_ROTATION_FINE);
		assert_string_equal(consumer_read(path), HEX2 "\n");
		assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
		assert_string_equal(consumer_read(path), HEX1 "\n");
		/* Of another id it is not. */
		world.keys.active = consumer_lost_key(3);
		assert_int_equal(consumer_act(&world, STAGE | SWITCH), SKEX_ROTATION_FINE);
		assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
		assert_string_equal(consumer_read(path), HEX2 "\n");
	}
}

/* What was lost or changed behind our back is seen, and comes back. */
static void file_gone(void **state)
{
	struct stat status;

	(void)state;
	config.file.mode = 0640;
	open_file();
	world.keys.active = consumer_key(1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	consumer_put(path, HEX2 "\n", 0640);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX1 "\n");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	/* A key from before the start of the agent stays as it is. */
	open_file();
	world.keys.active = consumer_lost_key(1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), HEX1 "\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
}

static void assert_fails(uint32_t actions, const char *words)
{
	assert_int_equal(consumer_act(&world, actions), SKEX_ROTATION_CONSUMER);
	if (strstr(world.text, words) == NULL)
		assert_string_equal(world.text, words);
	/* No key in what an operator reads. */
	assert_null(strstr(world.text, "111111"));
}

static void bad_files(void **state)
{
	struct rlimit before;
	struct rlimit little;

	(void)state;
	world.keys.active = consumer_key(1);
	open_file();
	assert_int_equal(mkdir(path, 0700), 0);
	assert_fails(SETTLE, "no plain file");
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_fails(SETTLE, "symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = 5;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_fails(SETTLE, "make room");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(is_there(path));
	/* And then it works. */
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
}

/* ---- programs ----------------------------------------------------------------------------------
 */

static const char *log_text(void)
{
	return consumer_read(consumer_path(&world, "log"));
}

static void program_is_told(void **state)
{
	static char script[512];

	(void)state;
	(void)snprintf(script, sizeof(script),
		"{ echo $SKEX_EVENT $SKEX_BINDING $SKEX_PEER $SKEX_KEY_ID $(cat <&3); } >>%s",
		consumer_path(&world, "log"));
	config.file.path = path;
	open_script(script);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	world.keys.next = consumer_key(1);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	world.keys.active = consumer_key(1);
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_act(&world, SETTLE | STAGE), SKEX_ROTATION_FINE);
	world.keys.active = consumer_lost_key(1);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(log_text(),
		"close lab agent2\n"
		"stage lab agent2 " ID1 " " HEX1 "\n"
		"switch lab agent2 " ID1 " " HEX1 "\n"
		"settle lab agent2 " ID1 " " HEX1 "\n"
		"stage lab agent2 " ID2 " " HEX2 "\n"
		"settle lab agent2 " ID1 "\n");
}

/* The key is on no command line and in no environment. */
static void nothing_leaks(void **state)
{
	static char script[512];

	(void)state;
	(void)snprintf(script, sizeof(script),
		"tr '\\0' '\\n' </proc/$$/cmdline >%s; env >>%s; cat <&3 | cmp - %s",
		consumer_path(&world, "log"), consumer_path(&world, "log"), path);
	config.file.path = path;
	world.consumer = &skex_hook_one_place_consumer;
	open_script(script);
	world.keys.next = consumer_key(3);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_non_null(strstr(log_text(), "SKEX_EVENT=stage"));
	assert_null(strstr(log_text(), "333333"));
	assert_null(strstr(log_text(), "HOME="));
}

static void bad_programs(void **state)
{
	static const char *const missing[] = {"/nonexistent/hook", NULL};

	(void)state;
	world.keys.active = consumer_key(1);
	open_script("echo the first; echo the second; exit 3");
	assert_fails(SETTLE, "ended with status 3; the first");
	open_script("exit 4");
	assert_fails(SETTLE, "ended with status 4; it printed nothing");
	open_script("kill -SEGV $$");
	assert_fails(SETTLE, "ended by signal 11");
	open_script("cat <&3; exit 1");
	assert_fails(SETTLE, "not repeated here");
	open_script("cat <&3 | tr -d '\\n' | sed 's/.*/<&>/'; exit 1");
	assert_fails(SETTLE, "not repeated here");
	open_script("head -c 5000000 /dev/zero; exit 0");
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	config.program.timeout_ms = 200;
	open_script("echo waiting; sleep 1000");
	assert_fails(SETTLE, "killed; waiting");
	config.program.argv = missing;
	open_hook();
	assert_fails(SETTLE, "/nonexistent/hook cannot be started (unknown)");
	/* What cannot be done is not begun. */
	assert_int_equal(mkdir(path, 0700), 0);
	config.file.path = path;
	open_hook();
	assert_fails(SETTLE, "no plain file");
	assert_int_equal(rmdir(path), 0);
}

/* However the key is written down for it, and however it prints it. */
static void programs_that_print_it(void **state)
{
	(void)state;
	world.keys.active = consumer_key(1);
	config.format = SKEX_KEY_ID_HEX;
	open_script("cut -d : -f 2 <&3; exit 1");
	assert_fails(SETTLE, "not repeated here");
	open_script("echo no place for $SKEX_KEY_ID; exit 1");
	assert_fails(SETTLE, "no place for " ID1);
	config.format = SKEX_KEY_BASE64;
	open_script("base64 -d <&3 | od -An -tx1; exit 1");
	assert_fails(SETTLE, "not repeated here");
	assert_null(strstr(world.text, "11 11"));
	/* One that only the file knows, from before our start. */
	consumer_put(path, "ERERERERERERERERERERERERERERERERERERERERERE=\n", 0600);
	world.keys.active = consumer_lost_key(1);
	config.file.path = path;
	open_script("base64 -d <&3 | od -An -tx1; exit 1");
	assert_fails(SETTLE, "not repeated here");
	assert_null(strstr(world.text, "11 11"));
}

static void checks(void **state)
{
	static const struct {
		const char *script;
		enum skex_rotation_event seen;
	} answers[] = {
		{"exit 0", SKEX_ROTATION_USED},
		{"exit 1", SKEX_ROTATION_EVENTS},
		{"exit 2", SKEX_ROTATION_FAILING},
		{"exit 3", SKEX_ROTATION_GONE},
		{"exit 4", SKEX_ROTATION_EVENTS},
		{"kill -9 $$", SKEX_ROTATION_EVENTS},
		{"sleep 1000", SKEX_ROTATION_EVENTS},
		/* The key and the id that it was given last. */
		{"test $SKEX_KEY_ID = " ID1 " && test $(cat <&3) = " HEX1, SKEX_ROTATION_USED},
	};

	(void)state;
	config.checks = true;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		static char script[256];

		(void)snprintf(script, sizeof(script), "test $SKEX_EVENT != check || { %s; }",
			answers[i].script);
		config.program.timeout_ms = CONSUMER_PATIENCE_MS;
		open_script(script);
		world.keys = (struct skex_rotation_keys){0};
		assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
		world.keys.next = consumer_key(1);
		assert_int_equal(consumer_act(&world, STAGE | SWITCH), SKEX_ROTATION_FINE);
		if (strstr(script, "sleep") != NULL)
			config.program.timeout_ms = 200;
		assert_int_equal(consumer_look(&world), answers[i].seen);
		/* What is in use is not asked about all the time. */
		if (answers[i].seen == SKEX_ROTATION_USED) {
			assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
			assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
			assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
		}
	}
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

static void ended_in_the_middle(void **state)
{
	(void)state;
	config.file.path = path;
	open_script("sleep 1000");
	world.keys.active = consumer_key(1);
	for (int i = 0; i < 20; i++) {
		world.answered = false;
		world.consumer->act(hook, SETTLE, &world.keys, consumer_on_done, &world);
		/* At once, while the file is written, and while the program runs. */
		world_pass(&world.world, i < 5 ? 0 : (uint64_t)i);
		world.consumer->end(hook);
		world_pass(&world.world, 5);
		assert_false(world.answered);
	}
	world.answered = false;
	world.consumer->act(hook, SETTLE, &world.keys, consumer_on_done, &world);
	skex_hook_free(hook);
	hook = NULL;
	world_pass(&world.world, 20);
	assert_false(world.answered);
}

static void bad_configuration(void **state)
{
	static const char *const relative[] = {"hook", NULL};
	static const char *const empty[] = {NULL};

	(void)state;
	assert_int_equal(skex_hook_new(world.platform, &config, &hook), SKEX_E_ARGUMENT);
	config.file.path = "key";
	assert_int_equal(skex_hook_new(world.platform, &config, &hook), SKEX_E_ARGUMENT);
	config.file.path = NULL;
	config.program.argv = relative;
	assert_int_equal(skex_hook_new(world.platform, &config, &hook), SKEX_E_ARGUMENT);
	config.program.argv = empty;
	assert_int_equal(skex_hook_new(world.platform, &config, &hook), SKEX_E_ARGUMENT);
	assert_null(hook);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(overlapping_file),
		TEST(one_place_file),
		TEST(formats),
		TEST(back_to_the_file),
		TEST(file_gone),
		TEST(bad_files),
		TEST(program_is_told),
		TEST(nothing_leaks),
		TEST(bad_programs),
		TEST(programs_that_print_it),
		TEST(checks),
		TEST(ended_in_the_middle),
		TEST(bad_configuration),
	};

	return cmocka_run_group_tests_name("deliver hook", tests, NULL, NULL);
}
