/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/posix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/math/math.h"

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0 || now.tv_sec < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t skex_posix_now_ms(void *context)
{
	(void)context;
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t skex_posix_wall_ms(void *context)
{
	(void)context;
	return clock_ms(CLOCK_REALTIME);
}

uint32_t skex_posix_descriptors(uint32_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < wanted) {
		const rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			limit.rlim_cur = before;
	}
	return limit.rlim_cur < UINT32_MAX ? (uint32_t)limit.rlim_cur : UINT32_MAX;
}

enum skex_error skex_posix_random(void *context, void *out, size_t size)
{
	uint8_t *at = out;
	size_t left = size;

	(void)context;
	while (left > 0) {
		/* Up to 256 bytes come whole or not at all, whatever signals arrive. */
		size_t piece = left < 256 ? left : 256;
		ssize_t got = getrandom(at, piece, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got != (ssize_t)piece) {
			skex_wipe(out, size);
			return SKEX_E_ENTROPY;
		}
		at += piece;
		left -= piece;
	}
	return SKEX_OK;
}

static const char *level_name(enum skex_level level)
{
	switch (level) {
	case SKEX_LEVEL_ERROR:
		return "error";
	case SKEX_LEVEL_WARNING:
		return "warning";
	case SKEX_LEVEL_NOTICE:
		return "notice";
	case SKEX_LEVEL_INFO:
		return "info";
	case SKEX_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

static enum skex_level log_up_to = SKEX_LEVEL_INFO;

void skex_posix_log_up_to(enum skex_level level)
{
	log_up_to = level;
}

void skex_posix_log(void *context, enum skex_level level, const char *line)
{
	struct timespec now = {0, 0};
	struct tm utc = {0};
	char time[32];

	(void)context;
	if (level > log_up_to)
		return;
	/* Says that standard error goes to a journal, which adds the time and reads <level>. */
	if (getenv("JOURNAL_STREAM") != NULL) { /* rule 6: holds device numbers, no secret */
		fprintf(stderr, "<%d>%s\n", (int)level, line);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	if (strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		time[0] = '\0';
	fprintf(stderr, "%s.%03ldZ %s: %s\n", time, now.tv_nsec / 1000000, level_name(level), line);
}

uint32_t skex_posix_cpu_features(void)
{
	uint32_t features = 0;

#if defined(__x86_64__) || defined(__i386__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("ssse3"))
		features |= SKEX_CPU_SSSE3;
	if (__builtin_cpu_supports("avx2"))
		features |= SKEX_CPU_AVX2;
	if (__builtin_cpu_supports("gfni"))
		features |= SKEX_CPU_GFNI;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl"))
		features |= SKEX_CPU_AVX512;
	if (__builtin_cpu_supports("pclmul"))
		features |= SKEX_CPU_PCLMUL;
	if (__builtin_cpu_supports("vpclmulqdq"))
		features |= SKEX_CPU_VPCLMUL;
#elif defined(__aarch64__) && defined(__linux__)
	if (getauxval(AT_HWCAP) & HWCAP_ASIMD)
		features |= SKEX_CPU_NEON;
	if (getauxval(AT_HWCAP) & HWCAP_PMULL)
		features |= SKEX_CPU_PMULL;
#endif
	return features;
}

bool skex_write_all(int descriptor, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	while (size > 0) {
		ssize_t written = write(descriptor, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}
