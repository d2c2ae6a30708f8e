/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/confine.h"

/* What is given up cannot be had back, so that each case is a child. */
static char folder[64];
static uint16_t port; /* somebody listens on it */

/* 0, or the line of the first thing that was not as it should be. */
#define EXPECT(what)                                                                               \
	do {                                                                                       \
		if (!(what))                                                                       \
			return __LINE__;                                                           \
	} while (0)

static int status_of(int (*run)(void))
{
	int status;
	const pid_t child = fork();

	if (child == 0) {
		const int line = run();

		if (line != 0)
			fprintf(stderr, "line %d, errno %d\n", line, errno);
		_exit(line != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static char *at(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static bool opens(const char *name, int flags)
{
	const int fd = open(at(name), flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static bool refused(bool worked)
{
	return !worked && (errno == EACCES || errno == EPERM || errno == ENOSYS);
}

static bool confine(bool connects, bool signals, struct skex_confined *confined)
{
	const struct skex_confine_path paths[] = {{.path = at("own"), .rights = SKEX_PATH_WRITE},
		{.path = at("other"), .rights = SKEX_PATH_READ},
		{.path = "/nowhere/at/all", .rights = SKEX_PATH_READ, .optional = true}};
	const struct skex_confine_files files = {
		.paths = paths, .paths_count = 3, .connects = connects, .signals = signals};
	const char *wrong = NULL;

	return skex_confine_files(&files, confined, &wrong) == SKEX_OK;
}

static int files_alone(void)
{
	struct skex_confined confined;

	EXPECT(confine(true, true, &confined) && confined.landlock >= 2);
	EXPECT(opens("own/new", O_RDWR | O_CREAT) && opens("own/new", O_RDWR | O_TRUNC));
	EXPECT(mkdir(at("own/below"), 0700) == 0);
	EXPECT(rename(at("own/new"), at("own/below/new")) == 0);
	EXPECT(unlink(at("own/below/new")) == 0 && rmdir(at("own/below")) == 0);
	EXPECT(opens("other/file", O_RDONLY));
	EXPECT(refused(opens("other/file", O_RDWR)) &&
		refused(opens("other/new", O_RDWR | O_CREAT)));
	EXPECT(refused(unlink(at("other/file")) == 0));
	EXPECT(refused(opens("secret", O_RDONLY)));
	EXPECT(refused(symlink("/", at("own/link")) == 0));
	EXPECT(refused(rename(at("own"), at("moved")) == 0));
	EXPECT(execl("/bin/true", "true", NULL) < 0 && errno == EACCES);
	EXPECT(kill(getppid(), 0) == 0);
	return 0;
}

static int tcp(bool bound, uint16_t number)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(number),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	const struct sockaddr *address = (const struct sockaddr *)&to;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int result = bound ? bind(fd, address, sizeof(to)) : connect(fd, address, sizeof(to));
	const int error = errno;

	(void)close(fd);
	errno = error;
	return result;
}

static int network_alone(void)
{
	struct skex_confined confined;

	EXPECT(confine(false, false, &confined));
	if (confined.landlock >= 4) {
		EXPECT(tcp(false, port) < 0 && errno == EACCES);
		EXPECT(tcp(true, 0) < 0 && errno == EACCES);
	}
	if (confined.landlock >= 6)
		EXPECT(kill(getppid(), 0) < 0 && errno == EPERM);
	return 0;
}

static int network_wanted(void)
{
	const uint16_t any = 0;
	const struct skex_confine_files files = {
		.listen = &any, .listen_count = 1, .connects = true, .signals = true};
	struct skex_confined confined;
	const char *wrong;

	EXPECT(skex_confine_files(&files, &confined, &wrong) == SKEX_OK);
	EXPECT(tcp(false, port) == 0 && tcp(true, 0) == 0);
	EXPECT(refused(opens("own/new", O_RDWR | O_CREAT)) && refused(opens("secret", O_RDONLY)));
	return 0;
}

static int path_missing(void)
{
	const struct skex_confine_path path = {.path = "/nowhere/at/all"};
	const struct skex_confine_files files = {.paths = &path, .paths_count = 1};
	struct skex_confined confined;
	const char *wrong = NULL;

	EXPECT(skex_confine_files(&files, &confined, &wrong) == SKEX_E_IO && errno == ENOENT);
	EXPECT(wrong == path.path);
	return 0;
}

static void *open_in_thread(void *unused)
{
	(void)unused;
	return refused(opens("secret", O_RDONLY)) ? NULL : folder;
}

static int calls_of_server(void)
{
	struct skex_confine_files nothing = {.paths = NULL};
	struct skex_confined confined;
	const char *wrong;

	EXPECT(skex_confine_files(&nothing, &confined, &wrong) == SKEX_OK);
	EXPECT(skex_confine_calls(SKEX_CALLS_SERVER, &confined) == SKEX_OK && confined.seccomp);
	EXPECT(!opens("own/new", O_RDWR | O_CREAT) && errno == ENOSYS);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == ENOSYS);
	return 0;
}

static int calls_of_threads(void)
{
	struct skex_confined confined;
	pthread_t thread;
	void *wrong;

	EXPECT(confine(true, false, &confined));
	EXPECT(skex_confine_calls(SKEX_CALLS_AGENT, &confined) == SKEX_OK);
	EXPECT(pthread_create(&thread, NULL, open_in_thread, NULL) == 0);
	EXPECT(pthread_join(thread, &wrong) == 0 && wrong == NULL);
	return 0;
}

static int calls_of_intruder(void)
{
	struct skex_confined confined;

	EXPECT(confine(true, false, &confined));
	EXPECT(skex_confine_calls(SKEX_CALLS_HUB, &confined) == SKEX_OK);
	(void)execl("/bin/true", "true", NULL);
	return 0;
}

/* A program that is built so gives nothing up but new privileges, and says so. */
static int exempt_gives_up_nothing(void)
{
	struct skex_confined confined;
	char text[SKEX_CONFINED_TEXT];

	EXPECT(confine(false, false, &confined));
	EXPECT(skex_confine_calls(SKEX_CALLS_SERVER, &confined) == SKEX_OK);
	EXPECT(opens("secret", O_RDONLY));
	skex_confined_missing(&confined, text);
	EXPECT(strcmp(text, skex_confine_exempt) == 0);
	return 0;
}

static void exempt(void **state)
{
	(void)state;
	assert_int_equal(status_of(exempt_gives_up_nothing), 0);
}

static void files(void **state)
{
	(void)state;
	assert_int_equal(status_of(files_alone), 0);
	assert_int_equal(status_of(path_missing), 0);
}

static void network(void **state)
{
	(void)state;
	assert_int_equal(status_of(network_alone), 0);
	assert_int_equal(status_of(network_wanted), 0);
}

static void calls(void **state)
{
	(void)state;
	assert_int_equal(status_of(calls_of_server), 0);
	assert_int_equal(status_of(calls_of_threads), 0);
	assert_int_equal(status_of(calls_of_intruder), 128 + SIGSYS);
}

static void said(void **state)
{
	char text[SKEX_CONFINED_TEXT];

	(void)state;
	skex_confined_missing(&(struct skex_confined){3, true, NULL}, text);
	assert_string_equal(text, "");
	skex_confined_missing(&(struct skex_confined){0, true, NULL}, text);
	assert_string_equal(text, "this kernel has no Landlock (Linux 5.19, lsm=landlock)");
	skex_confined_missing(&(struct skex_confined){3, false, NULL}, text);
	assert_string_equal(text, "this kernel has no seccomp");
	skex_confined_missing(&(struct skex_confined){0, false, NULL}, text);
	assert_non_null(strstr(text, "lsm=landlock) and no seccomp"));
	skex_confined_missing(&(struct skex_confined){7, true, "it is exempt"}, text);
	assert_string_equal(text, "it is exempt");
}

static void folders(void **state)
{
	char text[SKEX_CONFINE_PATH_MAX];

	(void)state;
	skex_confine_folder(text, "/run/skex/api.sock");
	assert_string_equal(text, "/run/skex");
	skex_confine_folder(text, "/api.sock");
	assert_string_equal(text, "/");
}

static void make(const char *name)
{
	const int fd = open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

static int set_up(void **state)
{
	struct sockaddr_in listening = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(listening);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/skex-confine-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(mkdir(at("own"), 0700), 0);
	assert_int_equal(mkdir(at("other"), 0700), 0);
	make("other/file");
	make("secret");
	assert_int_equal(bind(fd, (struct sockaddr *)&listening, size), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&listening, &size), 0);
	port = ntohs(listening.sin_port);
	return 0;
}

static int clear_up(void **state)
{
	(void)state;
	(void)unlink(at("other/file"));
	(void)unlink(at("secret"));
	(void)rmdir(at("own"));
	(void)rmdir(at("other"));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(network),
		cmocka_unit_test(calls),
		cmocka_unit_test(said),
		cmocka_unit_test(folders),
	};
	const struct CMUnitTest as_built[] = {
		cmocka_unit_test(exempt),
		cmocka_unit_test(said),
		cmocka_unit_test(folders),
	};

	if (skex_confine_exempt != NULL)
		return cmocka_run_group_tests_name(
			"platform confine, exempt", as_built, set_up, clear_up);
	return cmocka_run_group_tests_name("platform confine", tests, set_up, clear_up);
}
