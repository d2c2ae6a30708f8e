/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Preloaded into the daemons: on SIGUSR1 a process tries what it must not, and what it needs, and
 * writes "probe PID NAME ERRNO" to standard error, its log.  SIGRTMIN + 1 and on make it try what
 * should end it; when it lives on it says so.  What it tries is in the folder PROBE.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[512];
static uint16_t port;

static void say(const char *name, long result)
{
	const int number = result < 0 ? errno : 0;
	char line[128];
	const int size =
		snprintf(line, sizeof(line), "probe %ld %s %d\n", (long)getpid(), name, number);

	(void)!write(STDERR_FILENO, line, (size_t)size);
}

static void open_below(const char *said, const char *name, int flags)
{
	char path[640];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	say(said, fd);
	if (fd >= 0)
		(void)close(fd);
}

static void make_socket(const char *said, int family, int type, int protocol)
{
	const int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	say(said, fd);
	if (fd >= 0)
		(void)close(fd);
}

static struct sockaddr_in loopback(uint16_t number)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(number),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void use_network(void)
{
	struct sockaddr_in to = loopback(port);
	struct sockaddr_in from = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	say("connect", fd < 0 ? fd : connect(fd, (struct sockaddr *)&to, sizeof(to)));
	if (fd >= 0)
		(void)close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	say("bind", fd < 0 ? fd : bind(fd, (struct sockaddr *)&from, sizeof(from)));
	if (fd >= 0)
		(void)close(fd);
}

static void map(const char *said, int rights)
{
	void *at = mmap(NULL, 4096, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	say(said, at == MAP_FAILED ? -1 : 0);
	if (at != MAP_FAILED)
		(void)munmap(at, 4096);
}

static void on_try(int number)
{
	const int error = errno;

	(void)number;
	open_below("agent_state", "agent1/state/registry.db", O_RDONLY);
	open_below("agent_write", "agent1/state/probe", O_WRONLY | O_CREAT);
	open_below("hub_state", "hub1/state/registry.db", O_RDONLY);
	open_below("hub_write", "hub1/state/probe", O_WRONLY | O_CREAT);
	open_below("agent_kek", "agent1/kek", O_RDONLY);
	open_below("write", "../outside", O_WRONLY | O_CREAT);
	open_below("binding_write", "keys/probe", O_WRONLY | O_CREAT);
	open_below("added_write", "later/probe", O_WRONLY | O_CREAT);
	make_socket("socket", AF_INET, SOCK_STREAM, 0);
	make_socket("packet", AF_PACKET, SOCK_RAW, 0);
	make_socket("route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	make_socket("generic", AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	make_socket("filter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	use_network();
	map("memory", PROT_READ | PROT_WRITE);
	map("code", PROT_READ | PROT_WRITE | PROT_EXEC);
	say("kill", kill(getppid(), 0));
	say("end", 0);
	errno = error;
}

static void on_exec(int number)
{
	char *const words[] = {(char[]){"/bin/true"}, NULL};

	(void)number;
	say("execve", execve(words[0], words, words + 1));
}

static void on_ptrace(int number)
{
	(void)number;
	say("ptrace", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static void on_read(int number)
{
	char byte;
	const struct iovec ours = {&byte, 1};
	const struct iovec theirs = {folder, 1};

	(void)number;
	say("process_vm_readv", process_vm_readv(getppid(), &ours, 1, &theirs, 1, 0));
}

static void on_fork(int number)
{
	(void)number;
	const long child = syscall(SYS_clone, (unsigned long)SIGCHLD, 0, 0, 0, 0);

	if (child == 0)
		_exit(0);
	say("fork", child);
}

/* A connection to the public socket of the agent, with an order of an administrator on it. */
static int give_order(void)
{
	static const char order[] =
		"{\"id\":1,\"op\":\"peer_add\",\"peer\":\"intruder\",\"profiles\":[]}\n";
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%.80s/agent1/api.sock", folder);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return -1;
	(void)!write(fd, order, sizeof(order) - 1);
	return fd;
}

/* Whether the agent takes an order from us beside the way that we were given. */
static void on_api(int number)
{
	char answer[512] = "";
	const int fd = give_order();

	(void)number;
	if (fd < 0) {
		say("api", -1);
	} else {
		/* Whoever is turned away is told so before it says anything. */
		(void)!read(fd, answer, sizeof(answer) - 1);
		errno = EACCES;
		say("api", strstr(answer, "\"not_allowed\"") != NULL ? -1 : 0);
	}
	if (fd >= 0)
		(void)close(fd);
}

/* Many of them, on connections that the agent will look at when we are no more. */
static void on_burst(int number)
{
	int given = 0;

	(void)number;
	while (given < 300 && give_order() >= 0)
		given++;
	say("burst", given == 300 ? 0 : -1);
	_exit(3);
}

/* As a disk that hangs would have it. */
static void on_hang(int number)
{
	(void)number;
	say("hang", 0);
	for (;;)
		(void)poll(NULL, 0, -1);
}

__attribute__((constructor)) static void begin(void)
{
	static void (*const others[])(int) = {
		on_exec, on_ptrace, on_read, on_fork, on_api, on_hang, on_burst};
	const char *where = getenv("PROBE");   /* rule 6: paths, no secret */
	const char *at = getenv("PROBE_PORT"); /* rule 6: a port, no secret */
	struct sigaction action = {.sa_handler = on_try, .sa_flags = SA_RESTART};

	if (where == NULL || at == NULL)
		return;
	(void)snprintf(folder, sizeof(folder), "%s", where);
	port = (uint16_t)strtoul(at, NULL, 10);
	(void)sigaction(SIGUSR1, &action, NULL);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		action.sa_handler = others[i];
		(void)sigaction(SIGRTMIN + 1 + (int)i, &action, NULL);
	}
}
