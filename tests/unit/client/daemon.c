/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_un address_of(const struct daemon *daemon)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon->socket);
	return address;
}

static void make_path(struct daemon *daemon)
{
	memset(daemon, 0, sizeof(*daemon));
	daemon->listener = -1;
	snprintf(daemon->directory, sizeof(daemon->directory), "/tmp/skex-client-XXXXXX");
	assert_non_null(mkdtemp(daemon->directory));
	snprintf(daemon->socket, sizeof(daemon->socket), "%s/api.sock", daemon->directory);
}

static void wait_until_it_listens(const struct daemon *daemon)
{
	struct sockaddr_un address = address_of(daemon);
	int tries;

	for (tries = 0; tries < 12000; tries++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		int result = connect(fd, (struct sockaddr *)&address, sizeof(address));

		close(fd);
		if (result == 0)
			return;
		usleep(10000);
	}
	fail_msg("the daemon does not listen");
}

void daemon_start(struct daemon *daemon, const char *program)
{
	make_path(daemon);
	daemon->process = fork();
	assert_true(daemon->process >= 0);
	if (daemon->process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, daemon->socket, (char *)NULL);
		_exit(127);
	}
	wait_until_it_listens(daemon);
}

static void say(int fd, const char *answer, const char *line)
{
	const char *id = strstr(line, "\"id\":");
	char digits[32] = "";
	size_t size = 0;

	for (id = id != NULL ? id + 5 : ""; *id >= '0' && *id <= '9' && size < 31; id++)
		digits[size++] = *id;
	for (; *answer != '\0'; answer++) {
		const char *piece = *answer == '@' ? digits : answer;
		size_t piece_size = *answer == '@' ? size : 1;

		if (write(fd, piece, piece_size) != (ssize_t)piece_size)
			_exit(1);
	}
}

static void serve(int listener, const char *const *answers, bool hang_up)
{
	int fd = accept(listener, NULL, NULL);
	char line[65536];
	size_t size = 0;

	while (fd >= 0 && read(fd, line + size, 1) == 1) {
		if (line[size] != '\n') {
			size++;
			continue;
		}
		line[size] = '\0';
		size = 0;
		if (*answers != NULL)
			say(fd, *answers++, line);
		if (*answers == NULL && hang_up)
			break;
	}
	_exit(0);
}

void daemon_script(struct daemon *daemon, const char *const *answers, bool hang_up)
{
	struct sockaddr_un address;

	make_path(daemon);
	address = address_of(daemon);
	daemon->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(daemon->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(daemon->listener, 1), 0);
	daemon->process = fork();
	assert_true(daemon->process >= 0);
	if (daemon->process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(daemon->listener, answers, hang_up);
	}
}

void daemon_stop(struct daemon *daemon)
{
	int status;

	kill(daemon->process, SIGTERM);
	waitpid(daemon->process, &status, 0);
	if (daemon->listener >= 0)
		close(daemon->listener);
	unlink(daemon->socket);
	rmdir(daemon->directory);
}
