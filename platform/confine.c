/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Landlock, spoken to directly: glibc has no functions for it, and the kernel headers of a
 * distribution are older than what its users may run.
 * https://docs.kernel.org/userspace-api/landlock.html
 */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_VERSION 1u
#define RULE_PATH      1
#define RULE_PORT      2

/* The first version in which a file may be moved between folders at all (Linux 5.19). */
#define ABI_LEAST 2

struct ruleset {
	uint64_t files;
	uint64_t net;   /* since 4 */
	uint64_t scope; /* since 6 */
};

struct __attribute__((packed)) path_rule {
	uint64_t allowed;
	int32_t folder;
};

struct port_rule {
	uint64_t allowed;
	uint64_t port;
};

#define BIT(n) (UINT64_C(1) << (n))

#define EXECUTE     BIT(0)
#define WRITE_FILE  BIT(1)
#define READ_FILE   BIT(2)
#define READ_DIR    BIT(3)
#define REMOVE_DIR  BIT(4)
#define REMOVE_FILE BIT(5)
#define MAKE_CHAR   BIT(6)
#define MAKE_DIR    BIT(7)
#define MAKE_REG    BIT(8)
#define MAKE_SOCK   BIT(9)
#define MAKE_FIFO   BIT(10)
#define MAKE_BLOCK  BIT(11)
#define MAKE_SYM    BIT(12)
#define REFER       BIT(13)
#define TRUNCATE    BIT(14) /* since 3 */
#define IOCTL_DEV   BIT(15) /* since 5 */

#define OF_A_FILE (WRITE_FILE | READ_FILE | TRUNCATE)
#define READS     (READ_FILE | READ_DIR)
#define WRITES                                                                                     \
	(READS | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | REFER | \
		TRUNCATE)

#define BIND_TCP    BIT(0)
#define CONNECT_TCP BIT(1)

#define SCOPE_ABSTRACT BIT(0)
#define SCOPE_SIGNAL   BIT(1)

/* Set by the build where neither can be: sanitizers and coverage open files of their own. */
#ifdef SKEX_UNCONFINED
const char *const skex_confine_exempt = SKEX_UNCONFINED;
#else
const char *const skex_confine_exempt = NULL;
#endif

/* ---- what the kernel has ---- */

static int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return abi < ABI_LEAST ? 0 : (int)abi;
}

void skex_confine_support(struct skex_confined *confined)
{
	confined->exempt = skex_confine_exempt;
	confined->landlock = landlock_abi();
	confined->seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

/* ---- the rules ---- */

static uint64_t files_of(int abi)
{
	uint64_t all = BIT(14) - 1;

	if (abi >= 3)
		all |= TRUNCATE;
	if (abi >= 5)
		all |= IOCTL_DEV;
	return all;
}

static struct ruleset everything(int abi, const struct skex_confine_files *files)
{
	struct ruleset all = {.files = files_of(abi)};

	if (abi >= 4)
		all.net = BIND_TCP | (files->connects ? 0 : CONNECT_TCP);
	if (abi >= 6)
		all.scope = (files->signals ? 0 : SCOPE_SIGNAL) |
			(files->paths_count > 0 ? 0 : SCOPE_ABSTRACT);
	return all;
}

/* Kernels that are older know a shorter one, and take a longer one when its rest is zero. */
static int make_ruleset(const struct ruleset *all)
{
	return (int)syscall(SYS_landlock_create_ruleset, all, sizeof(*all), 0);
}

static bool allow_path(int ruleset, const struct skex_confine_path *at, uint64_t handled)
{
	struct path_rule rule = {.allowed = at->rights == SKEX_PATH_WRITE ? WRITES : READS};
	struct stat status;
	int error;

	rule.folder = open(at->path, O_PATH | O_CLOEXEC);
	if (rule.folder < 0)
		return at->optional && errno == ENOENT;
	if (fstat(rule.folder, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.allowed &= OF_A_FILE;
	rule.allowed &= handled;
	error = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) == 0 ? 0 : errno;
	close(rule.folder);
	errno = error;
	return error == 0;
}

static bool allow_port(int ruleset, uint16_t port)
{
	const struct port_rule rule = {BIND_TCP, port};

	return syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) == 0;
}

static enum skex_error allow_all(int ruleset, const struct ruleset *handled,
	const struct skex_confine_files *files, const char **wrong)
{
	for (size_t i = 0; i < files->paths_count; i++) {
		*wrong = files->paths[i].path;
		if (!allow_path(ruleset, &files->paths[i], handled->files))
			return SKEX_E_IO;
	}
	*wrong = "Landlock";
	for (size_t i = 0; i < files->listen_count && handled->net != 0; i++)
		if (!allow_port(ruleset, files->listen[i]))
			return SKEX_E_IO;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? SKEX_OK : SKEX_E_IO;
}

enum skex_error skex_confine_files(
	const struct skex_confine_files *files, struct skex_confined *confined, const char **wrong)
{
	const int abi = skex_confine_exempt == NULL ? landlock_abi() : 0;
	struct ruleset handled;
	enum skex_error error;
	int ruleset;

	*wrong = "no new privileges";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return SKEX_E_IO;
	confined->exempt = skex_confine_exempt;
	confined->landlock = abi;
	if (abi == 0)
		return SKEX_OK;
	handled = everything(abi, files);
	*wrong = "Landlock";
	ruleset = make_ruleset(&handled);
	if (ruleset < 0)
		return SKEX_E_IO;
	error = allow_all(ruleset, &handled, files, wrong);
	const int number = errno;
	close(ruleset);
	errno = number;
	return error;
}

const char *const skex_confine_lookup_paths[SKEX_CONFINE_LOOKUP_PATHS] = {"/etc", "/usr", "/lib",
	"/lib64", "/proc", "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf",
	"/run/connman"};

void skex_confine_folder(char folder[SKEX_CONFINE_PATH_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');
	const size_t size = slash == NULL ? 0 : (size_t)(slash - path);

	(void)snprintf(folder, SKEX_CONFINE_PATH_MAX, "%.*s", size == 0 ? 1 : (int)size,
		size == 0 ? "/" : path);
}

/* ---- saying so ---- */

void skex_confined_missing(const struct skex_confined *confined, char text[SKEX_CONFINED_TEXT])
{
	text[0] = '\0';
	if (confined->exempt != NULL)
		(void)snprintf(text, SKEX_CONFINED_TEXT, "%s", confined->exempt);
	else if (confined->landlock == 0 || !confined->seccomp)
		(void)snprintf(text, SKEX_CONFINED_TEXT, "this kernel has no %s%s%s",
			confined->landlock == 0 ? "Landlock (Linux 5.19, lsm=landlock)" : "",
			confined->landlock == 0 && !confined->seccomp ? " and no " : "",
			confined->seccomp ? "" : "seccomp");
}

void skex_confined_log(
	const struct skex_platform *platform, const char *who, const struct skex_confined *confined)
{
	char missing[SKEX_CONFINED_TEXT];

	skex_confined_missing(confined, missing);
	if (missing[0] != '\0')
		skex_log(platform, SKEX_LEVEL_WARNING, "%s is not confined as it should be: %s",
			who, missing);
	else
		skex_log(platform, SKEX_LEVEL_INFO,
			"%s is confined: files by Landlock %d, system calls by seccomp", who,
			confined->landlock);
}

enum skex_error skex_confine(const struct skex_platform *platform, const char *who,
	const struct skex_confine_files *files, enum skex_calls calls)
{
	struct skex_confined confined = {.exempt = NULL};
	const char *wrong;
	enum skex_error error = skex_confine_files(files, &confined, &wrong);

	if (error == SKEX_OK) {
		wrong = "seccomp";
		error = skex_confine_calls(calls, &confined);
	}
	if (error == SKEX_OK)
		skex_confined_log(platform, who, &confined);
	else
		skex_log(platform, SKEX_LEVEL_ERROR, "%s cannot confine itself: %s: %s", who, wrong,
			strerror(errno));
	return error;
}
