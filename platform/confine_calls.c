/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "platform/confine.h"

/*
 * The system calls of each process.  What is on no list fails with ENOSYS, as a kernel fails that
 * is older than a call: the libraries have an older one to fall back on.  What only an intruder
 * asks for ends the process, so that it is seen.
 */

#define END       __NR_SCMP_UNDEF
#define SYS(name) SCMP_SYS(name)

/* Memory, time, waiting, and what is open already. */
static const int common[] = {SYS(read), SYS(write), SYS(readv), SYS(writev), SYS(pread64),
	SYS(pwrite64), SYS(preadv), SYS(pwritev), SYS(lseek), SYS(_llseek), SYS(close),
	SYS(close_range), SYS(dup), SYS(dup2), SYS(dup3), SYS(fcntl), SYS(fcntl64), SYS(fstat),
	SYS(fstat64), SYS(newfstatat), SYS(fstatat64), SYS(statx), SYS(poll), SYS(ppoll),
	SYS(select), SYS(_newselect), SYS(pselect6), SYS(epoll_create1), SYS(epoll_ctl),
	SYS(epoll_wait), SYS(epoll_pwait), SYS(epoll_pwait2), SYS(eventfd2), SYS(timerfd_create),
	SYS(timerfd_settime), SYS(timerfd_gettime), SYS(signalfd4), SYS(pipe2), SYS(munmap),
	SYS(mremap), SYS(madvise), SYS(brk), SYS(mlock), SYS(mlock2), SYS(munlock), SYS(futex),
	SYS(sched_yield), SYS(sched_getaffinity), SYS(getcpu), SYS(getrandom), SYS(clock_gettime),
	SYS(clock_getres), SYS(clock_nanosleep), SYS(nanosleep), SYS(gettimeofday), SYS(time),
	SYS(rt_sigaction), SYS(rt_sigprocmask), SYS(rt_sigreturn), SYS(sigreturn), SYS(sigaltstack),
	SYS(restart_syscall), SYS(exit), SYS(exit_group), SYS(getpid), SYS(getppid), SYS(gettid),
	SYS(getuid), SYS(geteuid), SYS(getgid), SYS(getegid), SYS(getuid32), SYS(geteuid32),
	SYS(getgid32), SYS(getegid32), SYS(set_robust_list), SYS(get_robust_list), SYS(rseq),
	SYS(membarrier), SYS(uname), SYS(sysinfo), SYS(getrusage), SYS(getrlimit), SYS(ugetrlimit),
	SYS(accept), SYS(accept4), SYS(recvfrom), SYS(recvmsg), SYS(recvmmsg), SYS(sendto),
	SYS(sendmsg), SYS(sendmmsg), SYS(shutdown), SYS(getsockopt), SYS(setsockopt),
	SYS(getsockname), SYS(getpeername), END};

/* Which files, is Landlock's business. */
static const int files[] = {SYS(open), SYS(openat), SYS(unlink), SYS(unlinkat), SYS(rename),
	SYS(renameat), SYS(renameat2), SYS(mkdir), SYS(mkdirat), SYS(rmdir), SYS(ftruncate),
	SYS(ftruncate64), SYS(fallocate), SYS(fsync), SYS(fdatasync), SYS(sync_file_range),
	SYS(flock), SYS(getdents64), SYS(stat), SYS(stat64), SYS(lstat), SYS(lstat64), SYS(access),
	SYS(faccessat), SYS(faccessat2), SYS(readlink), SYS(readlinkat), SYS(fchmod), SYS(fchown),
	SYS(fchown32), SYS(fadvise64), SYS(statfs), SYS(statfs64), SYS(fstatfs), SYS(fstatfs64),
	SYS(getcwd), SYS(umask), SYS(utimensat), END};

/* To hubs, to peers, and to those who know addresses of names; and how its processes end. */
static const int connections[] = {
	SYS(connect), SYS(bind), SYS(socketpair), SYS(wait4), SYS(waitid), SYS(waitpid), END};

static const int names[] = {SYS(link), SYS(linkat), END};

static const int signals[] = {SYS(pidfd_open), SYS(pidfd_send_signal), END};
/* Of files that a consumer is to read. */
static const int watches[] = {SYS(inotify_init1), SYS(inotify_add_watch), END};
/* The kernel ends a process of bindings that hangs. */
static const int alarms[] = {SYS(setitimer), END};

/* No program of ours makes these calls, nor one that it would start. */
static const int hostile[] = {SYS(ptrace), SYS(process_vm_readv), SYS(process_vm_writev),
	SYS(process_madvise), SYS(kcmp), SYS(bpf), SYS(perf_event_open), SYS(userfaultfd),
	SYS(keyctl), SYS(add_key), SYS(request_key), SYS(init_module), SYS(finit_module),
	SYS(delete_module), SYS(kexec_load), SYS(kexec_file_load), SYS(open_by_handle_at),
	SYS(iopl), SYS(ioperm), SYS(reboot), SYS(swapon), SYS(swapoff), SYS(acct), SYS(pivot_root),
	SYS(settimeofday), SYS(clock_settime), SYS(stime), SYS(vhangup), SYS(lookup_dcookie),
	SYS(nfsservctl), SYS(uselib), SYS(pidfd_getfd), END};

/* Ours that start none. */
static const int hostile_alone[] = {SYS(execve), SYS(execveat), SYS(fork), SYS(vfork), SYS(mount),
	SYS(umount2), SYS(chroot), SYS(setns), SYS(unshare), SYS(fsopen), SYS(fsmount),
	SYS(move_mount), SYS(open_tree), SYS(setuid), SYS(setreuid), SYS(setresuid), SYS(setgid),
	SYS(setregid), SYS(setresgid), SYS(capset), SYS(personality), END};

static bool add(scmp_filter_ctx filter, uint32_t action, const int *calls)
{
	for (; *calls != END; calls++)
		if (seccomp_rule_add(filter, action, *calls, 0) != 0)
			return false;
	return true;
}

/* No memory that can be executed; or, where libraries are still to be loaded, none that can be
 * written as well. */
static bool add_memory(scmp_filter_ctx filter, bool loads)
{
	const int maps[] = {SYS(mmap), SYS(mmap2)};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, maps[i], 1,
			    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) != 0)
			return false;
		if (loads &&
			seccomp_rule_add(filter, SCMP_ACT_ALLOW, maps[i], 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC)) !=
				0)
			return false;
	}
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYS(mprotect), 1,
		       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

/* A few answers about a descriptor; an own limit is read only; a signal goes to ourselves. */
static bool add_narrow(scmp_filter_ctx filter)
{
	static const unsigned asked[] = {FIONREAD, FIONBIO, FIOCLEX, TCGETS};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYS(ioctl), 1,
			    SCMP_A1(SCMP_CMP_EQ, asked[i], 0)) != 0)
			return false;
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYS(prlimit64), 2,
		       SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0)) == 0 &&
		seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)) == 0;
}

/* A thread, not a process.  clone3, whose flags a filter cannot see, fails as if it were not there.
 */
static bool add_threads(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYS(clone), 1,
		       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) == 0 &&
		seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) == 0;
}

static bool add_socket(scmp_filter_ctx filter, int family)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYS(socket), 1,
		       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0)) == 0;
}

/* Of all that the kernel is told by netlink. */
static bool add_netlink(scmp_filter_ctx filter, int protocol)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SYS(socket), 2,
		       SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
		       SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)protocol, 0)) == 0;
}

static bool add_sockets(scmp_filter_ctx filter, bool connects, bool links)
{
	/* The service manager is told of the end. */
	if (!add_socket(filter, AF_UNIX))
		return false;
	/* Looking up names asks for the machine's addresses. */
	if (connects &&
		(!add_socket(filter, AF_INET) || !add_socket(filter, AF_INET6) ||
			!add_netlink(filter, NETLINK_ROUTE)))
		return false;
	return !links || (add_socket(filter, AF_PACKET) && add_netlink(filter, NETLINK_GENERIC));
}

static bool add_process(scmp_filter_ctx filter, enum skex_calls calls)
{
	const bool connects = calls != SKEX_CALLS_SERVER && calls != SKEX_CALLS_HUB;
	const uint32_t yes = SCMP_ACT_ALLOW;

	if (!add(filter, SCMP_ACT_KILL_PROCESS, hostile_alone) || !add(filter, yes, common) ||
		!add_memory(filter, connects) || !add_narrow(filter))
		return false;
	if (calls == SKEX_CALLS_SERVER)
		return true;
	if (!add(filter, yes, files) || !add_threads(filter) ||
		!add_sockets(filter, connects, calls == SKEX_CALLS_LINKS))
		return false;
	if (connects && !add(filter, yes, connections))
		return false;
	if (calls == SKEX_CALLS_COMMAND)
		return add(filter, yes, names);
	return (calls != SKEX_CALLS_BINDINGS && calls != SKEX_CALLS_LINKS) ||
		(add(filter, yes, signals) && add(filter, yes, watches) &&
			add(filter, yes, alarms));
}

static bool add_architectures(scmp_filter_ctx filter)
{
#if defined(__x86_64__)
	return seccomp_arch_add(filter, SCMP_ARCH_X86) == 0;
#elif defined(__aarch64__)
	return seccomp_arch_add(filter, SCMP_ARCH_ARM) == 0;
#else
	(void)filter;
	return true;
#endif
}

enum skex_error skex_confine_calls(enum skex_calls calls, struct skex_confined *confined)
{
	const bool programs = calls == SKEX_CALLS_PROGRAMS;
	scmp_filter_ctx filter;
	bool good;

	confined->exempt = skex_confine_exempt;
	confined->seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
	if (!confined->seccomp || skex_confine_exempt != NULL)
		return SKEX_OK;
	filter = seccomp_init(programs ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS));
	if (filter == NULL)
		return SKEX_E_IO;
	/* Other threads, of libraries too; and a tree, for some calls are made very often. */
	good = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
		seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
		/* A program may be of 32 bits. */
		(!programs || add_architectures(filter)) &&
		/* A program that asks for one of these is refused; ours ends. */
		add(filter, programs ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS, hostile) &&
		(programs || add_process(filter, calls)) && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return good ? SKEX_OK : SKEX_E_IO;
}
