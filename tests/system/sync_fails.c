/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Preloaded into a daemon: after n SIGUSR1 the n-th sync of a log of SQLite, which begins with a
 * number of its own, fails.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t armed;

static void on_arm(int number)
{
	(void)number;
	armed++;
}

static int sync_unless(int descriptor, long call)
{
	static const uint8_t log[3] = {0x37, 0x7f, 0x06};
	uint8_t first[3] = {0};

	if (armed > 0 && pread(descriptor, first, sizeof(first), 0) == sizeof(first) &&
		memcmp(first, log, sizeof(log)) == 0 && --armed == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(call, descriptor);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): reserved there */
int fdatasync(int descriptor)
{
	return sync_unless(descriptor, SYS_fdatasync);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): likewise */
int fsync(int descriptor)
{
	return sync_unless(descriptor, SYS_fsync);
}

__attribute__((constructor)) static void arm_by_signal(void)
{
	struct sigaction action = {.sa_handler = on_arm, .sa_flags = SA_RESTART};

	(void)sigaction(SIGUSR1, &action, NULL);
}
