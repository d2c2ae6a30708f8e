/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "deliver/pskfile/pskfile.h"
#include "tests/unit/deliver/consumer_world.h"

#define HEX1   "1111111111111111111111111111111111111111111111111111111111111111"
#define HEX2   "2222222222222222222222222222222222222222222222222222222222222222"
#define HEX3   "3333333333333333333333333333333333333333333333333333333333333333"
#define LAB1   "lab.01000000-0000-0000-0000-000000000000:" HEX1 "\n"
#define LAB2   "lab.02000000-0000-0000-0000-000000000000:" HEX2 "\n"
#define LAB3   "lab.03000000-0000-0000-0000-000000000000:" HEX3 "\n"
#define NONE   "lab.00000000-0000-0000-0000-000000000000:"
#define NOBODY 65534

#define SETTLE ((uint32_t)SKEX_ROTATION_DO_SETTLE)
#define STAGE  ((uint32_t)SKEX_ROTATION_DO_STAGE)
#define SWITCH ((uint32_t)SKEX_ROTATION_DO_SWITCH)

static struct consumer_world world;
static struct skex_pskfile_config config;
static struct skex_pskfile *pskfile;
static char path[128];
static char pid_path[128];
static pid_t service;

/* ---- a service that is told by a signal --------------------------------------------------------
 */

static const char *seen_path(void)
{
	return consumer_path(&world, "seen");
}

/* It keeps what the file held when it was told to read it, and how often that was. */
static void start_service(void)
{
	/* Without programs of its own, which would go on when it is killed. */
	static const char script[] =
		"cd \"$1\"; n=0; trap 'n=$((n+1)); { while IFS= read -r l || [ -n \"$l\" ];"
		"do printf \"%s\\n\" \"$l\"; done <keys; echo $n; } >seen' HUP;"
		"echo $$ >pid; while :; do sleep 0.01; done";

	service = fork();
	assert_true(service >= 0);
	if (service == 0) {
		/* A shell does not trap what was ignored when it began, as under nohup(1). */
		(void)signal(SIGHUP, SIG_DFL);
		(void)execl("/bin/sh", "sh", "-c", script, "sh", world.folder, (char *)NULL);
		_exit(127);
	}
	while (strchr(consumer_read(pid_path), '\n') == NULL)
		(void)usleep(1000);
	config.signal = (struct skex_pskfile_signal){pid_path, "sh", SIGHUP};
}

static void stop_service(void)
{
	if (service == 0)
		return;
	assert_int_equal(kill(service, SIGKILL), 0);
	assert_int_equal(waitpid(service, NULL, 0), service);
	service = 0;
}

/* Waits until the service has read this, after so many signals. */
static void assert_seen(const char *text, unsigned signals)
{
	char all[8192 + 16];

	(void)snprintf(all, sizeof(all), "%s%u\n", text, signals);
	for (int tries = 0; tries < 6000 && strcmp(consumer_read(seen_path()), all) != 0; tries++)
		(void)usleep(10000);
	assert_string_equal(consumer_read(seen_path()), all);
}

/* ---- the folder --------------------------------------------------------------------------------
 */

static int set_up(void **state)
{
	(void)state;
	consumer_init(&world);
	world.consumer = &skex_pskfile_consumer;
	(void)snprintf(path, sizeof(path), "%s/keys", world.folder);
	(void)snprintf(pid_path, sizeof(pid_path), "%s/pid", world.folder);
	config = (struct skex_pskfile_config){
		.binding = "lab",
		.peer = "agent2",
		.file = {path, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP},
		.reload = {.timeout_ms = CONSUMER_PATIENCE_MS},
		.check = {.timeout_ms = CONSUMER_PATIENCE_MS},
		.answer_ms = SKEX_PSKFILE_ANSWER_MS,
	};
	pskfile = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	stop_service();
	skex_pskfile_free(pskfile);
	(void)unlink(path);
	(void)unlink(pid_path);
	(void)unlink(seen_path());
	(void)unlink(consumer_path(&world, "log"));
	consumer_clear(&world);
	return 0;
}

static void open_pskfile(void)
{
	skex_pskfile_free(pskfile);
	assert_int_equal(skex_pskfile_new(world.platform, &config, &pskfile), SKEX_OK);
	world.context = pskfile;
}

static void assert_fails(uint32_t actions, const char *words)
{
	assert_int_equal(consumer_act(&world, actions), SKEX_ROTATION_CONSUMER);
	if (strstr(world.text, words) == NULL)
		assert_string_equal(world.text, words);
	assert_null(strstr(world.text, "11111111"));
}

/* ---- the life of a key -------------------------------------------------------------------------
 */

static void server(void **state)
{
	char nobody[8192];

	(void)state;
	consumer_put(path, "their:00\r\n", 0640);
	start_service();
	open_pskfile();
	/* Without a key there is one that nobody knows. */
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	(void)snprintf(nobody, sizeof(nobody), "%s", consumer_read(path));
	assert_memory_equal(nobody, "their:00\r\n" NONE, strlen("their:00\r\n" NONE));
	assert_int_equal(strlen(nobody), strlen("their:00\r\n" NONE) + 65);
	assert_seen(nobody, 1);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), nobody);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);

	world.keys.next = consumer_key(1);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_seen("their:00\r\n" LAB1, 2);
	/* What a client does is not seen here. */
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	world.keys.active = consumer_key(1);
	world.keys.next = consumer_key(0);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), "their:00\r\n" LAB1);

	/* Nothing has changed: it was not told. */
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_seen("their:00\r\n" LAB1 LAB2, 3);
	world.keys.old = consumer_key(1);
	world.keys.active = consumer_key(2);
	world.keys.next = consumer_key(0);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_seen("their:00\r\n" LAB2, 4);
	/* A round that comes to nothing. */
	world.keys.old = consumer_key(0);
	world.keys.next = consumer_key(3);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), "their:00\r\n" LAB2);
}

static void client(void **state)
{
	(void)state;
	consumer_put(path, "their:00", 0600);
	start_service();
	config.client = true;
	open_pskfile();
	world.keys.active = consumer_key(1);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_seen(LAB1 "their:00\n", 1);
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), LAB1 "their:00");
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	assert_seen(LAB2 LAB1 "their:00\n", 2);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	/* And back. */
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_seen(LAB1 "their:00\n", 3);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	/* The same when the agent was started in between, and has no more than the file. */
	open_pskfile();
	world.keys.active = consumer_lost_key(1);
	assert_int_equal(consumer_act(&world, STAGE | SWITCH), SKEX_ROTATION_FINE);
	assert_seen(LAB2 LAB1 "their:00\n", 4);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_seen(LAB1 "their:00\n", 5);
}

/* What a service was not told it is told the next time. */
static void signal_was_lost(void **state)
{
	(void)state;
	start_service();
	open_pskfile();
	world.keys.active = consumer_key(1);
	assert_int_equal(rename(pid_path, seen_path()), 0);
	assert_fails(SETTLE, "is not there; start the service");
	assert_string_equal(consumer_read(path), LAB1);
	assert_int_equal(rename(seen_path(), pid_path), 0);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_seen(LAB1, 1);
}

static void gone(void **state)
{
	(void)state;
	open_pskfile();
	/* After a start: what the service was left with. */
	consumer_put(path, LAB2 "their:00\n" LAB1, 0600);
	world.keys.active = consumer_lost_key(1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), LAB1 "their:00\n");
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), LAB1 LAB2 "their:00\n");
	/* Somebody else takes a line out, or puts an old one in. */
	consumer_put(path, LAB2 "their:00\n", 0600);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	consumer_put(path, LAB1 LAB2 LAB3 "their:00\n", 0600);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	world.keys.active = consumer_key(1);
	assert_int_equal(consumer_act(&world, SETTLE | STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), LAB1 LAB2 "their:00\n");
	/* A change of theirs is none to us. */
	consumer_put(path, "other:11\n" LAB1 LAB2, 0600);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	/* A key that nobody has any more. */
	open_pskfile();
	world.keys.active = consumer_lost_key(1);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
}

/* Many bindings write the same file at the same time. */
static void shared_file(void **state)
{
	enum {
		BINDINGS = 10
	};
	struct skex_pskfile_config configs[BINDINGS];
	struct consumer_world worlds[BINDINGS];
	struct skex_pskfile *all[BINDINGS];
	char names[BINDINGS][16];
	char expected[BINDINGS * 120] = "their:00\n";

	(void)state;
	consumer_put(path, "their:00\n", 0600);
	for (unsigned i = 0; i < BINDINGS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "lab%u", i);
		configs[i] = config;
		configs[i].binding = names[i];
		assert_int_equal(skex_pskfile_new(world.platform, &configs[i], &all[i]), SKEX_OK);
		worlds[i] = world;
		worlds[i].context = all[i];
		worlds[i].answered = false;
		worlds[i].keys.active = consumer_key(1);
		(void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
			"lab%u%s", i, &LAB1[3]);
	}
	for (unsigned i = 0; i < BINDINGS; i++)
		world.consumer->act(all[i], SETTLE, &worlds[i].keys, consumer_on_done, &worlds[i]);
	for (unsigned i = 0; i < BINDINGS; i++) {
		consumer_wait(&worlds[i]);
		assert_int_equal(worlds[i].reason, SKEX_ROTATION_FINE);
	}
	assert_string_equal(consumer_read(path), expected);
	for (unsigned i = 0; i < BINDINGS; i++)
		skex_pskfile_free(all[i]);
}

/* ---- bad input ---------------------------------------------------------------------------------
 */

static void bad_files(void **state)
{
	struct rlimit before;
	struct rlimit little;

	(void)state;
	open_pskfile();
	world.keys.active = consumer_key(1);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_fails(SETTLE, "no plain file");
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink(pid_path, path), 0);
	assert_fails(SETTLE, "symbolic link");
	assert_int_equal(unlink(path), 0);
	consumer_put(path, "x", 0600);
	assert_int_equal(truncate(path, 100), 0);
	assert_fails(SETTLE, "holds a zero byte");
	assert_int_equal(truncate(path, 1024 * 1024 + 1), 0);
	assert_fails(SETTLE, "above 1 MiB");
	/* One that is full already, and of text. */
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1024 * 1024 / 16; i++)
		assert_int_equal(fwrite("their:0123456789\n", 1, 16, file), 16);
	assert_int_equal(fclose(file), 0);
	assert_fails(SETTLE, "would be above 1 MiB");
	consumer_put(path, "their:00\n", 0600);
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = 50;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_fails(SETTLE, "make room");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_string_equal(consumer_read(path), "their:00\n");
	if (geteuid() == 0) {
		assert_int_equal(seteuid(NOBODY), 0);
		assert_fails(SETTLE, "Permission denied");
		assert_int_equal(seteuid(0), 0);
	}
	/* And then it works. */
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(path), "their:00\n" LAB1);
}

static void bad_pid_files(void **state)
{
	static const char *const bad[] = {"", "\n", "x", "1", "0", "-5", "99999999999999999999",
		"12 13", "0x10", " 12", "12\nx"};
	char text[32];
	int never[2];
	pid_t dead;

	(void)state;
	config.signal = (struct skex_pskfile_signal){pid_path, "sh", SIGHUP};
	open_pskfile();
	world.keys.active = consumer_key(1);
	assert_fails(SETTLE, "is not there");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		consumer_put(pid_path, bad[i], 0600);
		assert_fails(SETTLE, "holds no number of a process");
	}
	(void)snprintf(text, sizeof(text), "%d\n", (int)getpid());
	consumer_put(pid_path, text, 0600);
	assert_fails(SETTLE, "holds no number of a process");
	/* One that is stale, and one that is another program's by now. */
	dead = fork();
	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	(void)snprintf(text, sizeof(text), "%d\n", (int)dead);
	consumer_put(pid_path, text, 0600);
	assert_fails(SETTLE, "start the service");
	assert_int_equal(unlink(pid_path), 0);
	start_service();
	config.signal.program = "stunnel4";
	assert_fails(SETTLE, "which is sh and not stunnel4");
	config.signal.program = "sh";
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	/* It died and left its file. */
	stop_service();
	/* A program of this name that does not catch the signal is not ended by it.  It starts none
	 * itself: a shell blocks all signals while it does. */
	assert_int_equal(pipe(never), 0);
	dead = fork();
	if (dead == 0) {
		(void)signal(SIGHUP, SIG_DFL);
		(void)dup2(never[0], 0);
		(void)execl("/bin/sh", "sh", "-c", "read line", (char *)NULL);
		_exit(127);
	}
	(void)snprintf(text, sizeof(text), "/proc/%d/comm", (int)dead);
	while (strcmp(consumer_read(text), "sh\n") != 0)
		(void)usleep(1000);
	(void)snprintf(text, sizeof(text), "%d\n", (int)dead);
	consumer_put(pid_path, text, 0600);
	world.keys.active = consumer_key(3);
	assert_fails(SETTLE, "a process that the signal would end");
	assert_int_equal(waitpid(dead, NULL, WNOHANG), 0);
	assert_int_equal(kill(dead, SIGKILL), 0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	(void)close(never[0]);
	(void)close(never[1]);
	world.keys.active = consumer_key(1);
	world.keys.next = consumer_key(2);
	assert_fails(STAGE, "start the service");
	assert_int_equal(mkdir(consumer_path(&world, "log"), 0700), 0);
	config.signal.pid_file = consumer_path(&world, "log");
	open_pskfile();
	assert_fails(STAGE, "cannot be read");
	assert_int_equal(rmdir(config.signal.pid_file), 0);
}

static const char *argv[4] = {"/bin/sh", "-c", NULL, NULL};

static void commands(void **state)
{
	static const char *const missing[] = {"/nonexistent/reload", NULL};
	static char script[512];

	(void)state;
	config.reload.argv = argv;
	open_pskfile();
	world.keys.active = consumer_key(1);
	argv[2] = "echo no such unit; exit 5";
	assert_fails(SETTLE, "ended with status 5; no such unit");
	(void)snprintf(script, sizeof(script), "cut -d : -f 2 %s; exit 5", path);
	argv[2] = script;
	assert_fails(SETTLE, "not repeated here");
	config.reload.timeout_ms = 200;
	argv[2] = "sleep 1000";
	assert_fails(SETTLE, "killed");
	config.reload.timeout_ms = CONSUMER_PATIENCE_MS;
	argv[2] = "kill -9 $$";
	assert_fails(SETTLE, "signal 9");
	config.reload.argv = missing;
	assert_fails(SETTLE, "cannot be started");
	config.reload.argv = argv;
	/* It gets the name of the key, and no key. */
	(void)snprintf(script, sizeof(script),
		"echo $SKEX_EVENT $SKEX_BINDING $SKEX_PEER $SKEX_KEY_NAME $(cat <&3) >>%s",
		consumer_path(&world, "log"));
	argv[2] = script;
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	assert_int_equal(consumer_act(&world, SETTLE), SKEX_ROTATION_FINE);
	world.keys.next = consumer_key(2);
	assert_int_equal(consumer_act(&world, STAGE), SKEX_ROTATION_FINE);
	assert_string_equal(consumer_read(consumer_path(&world, "log")),
		"reload lab agent2 lab.01000000-0000-0000-0000-000000000000\n"
		"reload lab agent2 lab.02000000-0000-0000-0000-000000000000\n");
}

static void checks(void **state)
{
	(void)state;
	config.client = true;
	config.check.argv = argv;
	open_pskfile();
	argv[2] = "test $SKEX_EVENT:$SKEX_KEY_NAME = "
		  "check:lab.01000000-0000-0000-0000-000000000000";
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	world.keys.next = consumer_key(1);
	assert_int_equal(consumer_act(&world, STAGE | SWITCH), SKEX_ROTATION_FINE);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_USED);
	/* What is in use is not asked about all the time. */
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	argv[2] = "exit 1";
	assert_int_equal(consumer_act(&world, SWITCH), SKEX_ROTATION_FINE);
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
	argv[2] = "exit 2";
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_FAILING);
	argv[2] = "exit 3";
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_GONE);
	config.check.argv = (const char *const[]){"/nonexistent/check", NULL};
	assert_int_equal(consumer_look(&world), SKEX_ROTATION_EVENTS);
}

/* ---- a service that is asked -------------------------------------------------------------------
 */

static unsigned accepted;

/* Accepts, and says nothing. */
static void on_accepted(void *owner, struct skex_stream *stream)
{
	static const struct skex_stream_events events = {.opened = NULL};

	(void)owner;
	accepted++;
	world.platform->net->attach(stream, &events, NULL);
}

static void on_accepted_and_closed(void *owner, struct skex_stream *stream)
{
	(void)owner;
	accepted++;
	world.platform->net->close(stream);
}

static void silent_services(void **state)
{
	const struct skex_net *net = world.platform->net;
	struct skex_listener *listener;

	(void)state;
	config.probe_host = "127.0.0.1";
	config.answer_ms = 1500;
	world.keys.next = consumer_key(1);
	accepted = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			net->listen(net->context, "127.0.0.1", 0,
				i == 0 ? on_accepted : on_accepted_and_closed, NULL, &listener),
			SKEX_OK);
		config.probe_port = net->port(listener);
		open_pskfile();
		assert_fails(STAGE, "does not answer");
		net->unlisten(listener);
	}
	assert_true(accepted > 5);
	/* Nobody is there at all. */
	assert_fails(STAGE, "is it running");
}

static void ended_in_the_middle(void **state)
{
	(void)state;
	start_service();
	config.pause_ms = 10;
	config.probe_host = "127.0.0.1";
	config.probe_port = 1;
	config.reload.argv = argv;
	argv[2] = "sleep 0.01";
	open_pskfile();
	world.keys.next = consumer_key(1);
	for (unsigned i = 0; i < 40; i++) {
		world.answered = false;
		world.keys.active = consumer_key(i % 2);
		world.consumer->act(pskfile, SETTLE | STAGE, &world.keys, consumer_on_done, &world);
		world_pass(&world.world, i < 10 ? 0 : (uint64_t)i);
		world.consumer->end(pskfile);
		world_pass(&world.world, 2);
		assert_false(world.answered);
	}
	world.consumer->act(pskfile, SETTLE, &world.keys, consumer_on_done, &world);
	skex_pskfile_free(pskfile);
	pskfile = NULL;
	world_pass(&world.world, 20);
	assert_false(world.answered);
}

static void bad_configuration(void **state)
{
	static const char *const relative[] = {"reload", NULL};
	const struct skex_pskfile_config good = config;

	(void)state;
#define REFUSED(member, value)                                                                     \
	do {                                                                                       \
		config = good;                                                                     \
		config.member = value;                                                             \
		assert_int_equal(                                                                  \
			skex_pskfile_new(world.platform, &config, &pskfile), SKEX_E_ARGUMENT);     \
	} while (0)
	REFUSED(binding, "");
	REFUSED(binding, "a:b");
	REFUSED(binding, "Lab");
	REFUSED(binding, "a\nb");
	REFUSED(file.path, NULL);
	REFUSED(file.path, "keys");
	REFUSED(signal.pid_file, "pid");
	REFUSED(signal.pid_file, "/run/pid");
	REFUSED(reload.argv, relative);
	REFUSED(check.argv, relative);
	assert_null(pskfile);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(server),
		TEST(client),
		TEST(signal_was_lost),
		TEST(gone),
		TEST(shared_file),
		TEST(bad_files),
		TEST(bad_pid_files),
		TEST(commands),
		TEST(checks),
		TEST(silent_services),
		TEST(ended_in_the_middle),
		TEST(bad_configuration),
	};

	return cmocka_run_group_tests_name("deliver pskfile", tests, NULL, NULL);
}
