/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/net/world.h"

struct counter {
	struct skex_loop *loop;
	atomic_uint turns;
	atomic_uint most; /* turns */
	unsigned stopping;
	atomic_uint reload;
	uint64_t next_ms; /* after now; UINT64_MAX: never */
	uint64_t last_ms;
	bool wake;
};

static uint64_t count_turn(void *owner, uint64_t now_ms)
{
	struct counter *counter = owner;
	const struct skex_platform *platform = skex_loop_platform(counter->loop);

	assert_true(now_ms >= counter->last_ms);
	assert_true(platform->now_ms(platform->context) >= now_ms);
	counter->last_ms = now_ms;
	if (++counter->turns >= counter->most)
		skex_loop_stop(counter->loop);
	if (counter->wake)
		platform->wake(platform->context);
	return counter->next_ms == UINT64_MAX ? UINT64_MAX : now_ms + counter->next_ms;
}

static void count_stopping(void *owner)
{
	struct counter *counter = owner;

	counter->stopping++;
}

static void count_reload(void *owner)
{
	struct counter *counter = owner;

	counter->reload++;
}

static void run(struct counter *counter)
{
	skex_loop_run(counter->loop, count_turn, count_stopping, count_reload, counter);
}

static void init(struct counter *counter)
{
	memset(counter, 0, sizeof(*counter));
	assert_int_equal(skex_loop_new(&counter->loop), SKEX_OK);
	counter->next_ms = UINT64_MAX;
}

static void timers(void **state)
{
	uint64_t start_ms = skex_posix_now_ms(NULL);
	struct counter counter;

	(void)state;
	init(&counter);
	counter.most = 6;
	counter.next_ms = 20;
	run(&counter);
	/* Five waits; libuv may be early by a millisecond, and then waits again. */
	assert_true(skex_posix_now_ms(NULL) - start_ms >= 60);
	skex_loop_free(counter.loop);
}

static void wake_runs_another_turn(void **state)
{
	struct counter counter;

	(void)state;
	init(&counter);
	counter.most = 1000;
	counter.wake = true;
	run(&counter);
	assert_int_equal(counter.turns, 1000);
	skex_loop_free(counter.loop);
}

static void *wake_later(void *owner)
{
	struct counter *counter = owner;
	const struct skex_platform *platform = skex_loop_platform(counter->loop);

	(void)usleep(50000);
	platform->wake(platform->context);
	return NULL;
}

static void wake_from_another_thread(void **state)
{
	struct counter counter;
	pthread_t thread;

	(void)state;
	init(&counter);
	counter.most = 2;
	assert_int_equal(pthread_create(&thread, NULL, wake_later, &counter), 0);
	run(&counter);
	assert_int_equal(counter.turns, 2);
	assert_int_equal(pthread_join(thread, NULL), 0);
	skex_loop_free(counter.loop);
}

static void *send_signals(void *owner)
{
	struct counter *counter = owner;
	const struct skex_platform *platform = skex_loop_platform(counter->loop);

	/* Before the loop runs they would end this process. */
	while (atomic_load(&counter->turns) == 0)
		(void)usleep(1000);
	for (unsigned i = 0; i < 2; i++) {
		(void)kill(getpid(), SIGPIPE);
		(void)kill(getpid(), SIGTERM);
		(void)kill(getpid(), SIGINT);
		(void)kill(getpid(), SIGHUP);
		/* Two of a kind that nobody took yet would be one. */
		while (atomic_load(&counter->reload) <= i)
			(void)usleep(1000);
	}
	(void)usleep(20000);
	counter->most = 0;
	platform->wake(platform->context);
	return NULL;
}

static void signals(void **state)
{
	struct counter counter;
	pthread_t thread;

	(void)state;
	init(&counter);
	counter.most = UINT32_MAX;
	assert_int_equal(pthread_create(&thread, NULL, send_signals, &counter), 0);
	run(&counter);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(counter.stopping, 1);
	assert_int_equal(counter.reload, 2);
	skex_loop_free(counter.loop);
}

static void table(void **state)
{
	const struct skex_platform *platform;
	uint8_t bytes[32] = {0};
	uint8_t zero[32] = {0};
	struct counter counter;

	(void)state;
	init(&counter);
	platform = skex_loop_platform(counter.loop);
	assert_int_equal(platform->random(platform->context, bytes, sizeof(bytes)), SKEX_OK);
	assert_memory_not_equal(bytes, zero, sizeof(bytes));
	assert_true(platform->wall_ms(platform->context) > UINT64_C(1500000000000));
	skex_log(platform, SKEX_LEVEL_DEBUG, "a line");
	skex_loop_free(counter.loop);
	skex_loop_free(NULL);
}

static void notify(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char directory[] = "/tmp/skex-net-XXXXXX";
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char state_text[64] = "";
	char abstract[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
	skex_notify("READY=1");
	assert_int_equal(recv(fd, state_text, sizeof(state_text), MSG_DONTWAIT), 7);
	assert_string_equal(state_text, "READY=1");
	(void)close(fd);
	(void)unlink(address.sun_path);
	(void)rmdir(directory);
	/* Nobody there: nothing happens. */
	skex_notify("STOPPING=1");

	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	(void)snprintf(abstract, sizeof(abstract), "@skex-test-%d", (int)getpid());
	memset(address.sun_path, 0, sizeof(address.sun_path));
	memcpy(address.sun_path + 1, abstract + 1, strlen(abstract) - 1);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(abstract))),
		0);
	assert_int_equal(setenv("NOTIFY_SOCKET", abstract, 1), 0);
	skex_notify("STOPPING=1");
	assert_int_equal(recv(fd, state_text, sizeof(state_text), MSG_DONTWAIT), 10);
	(void)close(fd);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	skex_notify("READY=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers),
		cmocka_unit_test(wake_runs_another_turn),
		cmocka_unit_test(wake_from_another_thread),
		cmocka_unit_test(signals),
		cmocka_unit_test(table),
		cmocka_unit_test(notify),
	};

	return cmocka_run_group_tests_name("net loop", tests, NULL, NULL);
}
