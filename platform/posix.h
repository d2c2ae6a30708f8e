/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_POSIX_H
#define SKEX_PLATFORM_POSIX_H

#include "platform/platform.h"

/*
 * The parts of the platform table that need no event loop.  skex_posix_files.sync syncs at once and
 * calls done from the next call of skex_posix_files_turn; net/ replaces it by one that uses a
 * thread.
 */
extern const struct skex_files skex_posix_files;
void skex_posix_files_turn(void);
/* The descriptor of a file of skex_posix_files, for net/. */
int skex_posix_file_descriptor(struct skex_file *file);

uint64_t skex_posix_now_ms(void *context);
/* Lets this process have so many descriptors, or as many as it may; gives how many it has then. */
uint32_t skex_posix_descriptors(uint32_t wanted);
uint64_t skex_posix_wall_ms(void *context);
enum skex_error skex_posix_random(void *context, void *out, size_t size);
/* Writes "<level> line" to standard error, with the time unless a journal adds its own. */
void skex_posix_log(void *context, enum skex_level level, const char *line);
/* Lines that are less important than this are left out; SKEX_LEVEL_INFO at first. */
void skex_posix_log_up_to(enum skex_level level);

/* Writes all without a buffer, in which a secret would stay; false with errno. */
bool skex_write_all(int descriptor, const void *data, size_t size);

/* Features of this processor for skex_math_select. */
uint32_t skex_posix_cpu_features(void);

#endif
