/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/powercut/strike.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/system/powercut/platter.h"

struct control {
	uint64_t count;
	uint64_t at;
	uint32_t way;
	uint32_t error;
	uint32_t happened;
	uint32_t process;
	char what[96];
};

static struct control *control;

void strike_begin(void)
{
	const char *path = getenv("STRIKE"); /* rule 6: a path, no secret */
	long descriptor;

	if (path == NULL)
		return;
	descriptor = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (descriptor < 0)
		platter_die("cannot be opened", path);
	control = mmap(
		NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, (int)descriptor, 0);
	if (control == MAP_FAILED)
		platter_die("cannot be mapped", path);
	syscall(SYS_close, descriptor);
}

static _Noreturn void die(pid_t whom)
{
	kill(whom, SIGKILL);
	for (;;)
		pause();
}

bool strike_allows(const char *call, enum strike_kind kind, const char *subject, size_t *size)
{
	uint64_t number;

	if (control == NULL)
		return true;
	number = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
	if (number != __atomic_load_n(&control->at, __ATOMIC_SEQ_CST))
		return true;
	(void)snprintf(control->what, sizeof(control->what), "%s %s", call, subject);
	control->process = (uint32_t)getpid();
	__atomic_store_n(&control->happened, 1, __ATOMIC_SEQ_CST);
	switch ((enum strike_way)control->way) {
	case STRIKE_KILL:
		die(getpid());
	case STRIKE_GROUP:
		die(0);
	case STRIKE_FAIL:
		errno = (int)control->error;
		if (kind == STRIKE_SOCKET)
			errno = control->error == ENOSPC ? ENOBUFS : ECONNRESET;
		return false;
	case STRIKE_SHORT:
		if (size != NULL && *size > 1)
			*size /= 2;
		return true;
	case STRIKE_NONE:
		break;
	}
	return true;
}
