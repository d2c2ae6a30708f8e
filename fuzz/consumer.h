/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_FUZZ_CONSUMER_H
#define SKEX_FUZZ_CONSUMER_H

#include "deliver/rotation/consumer.h"
#include "platform/platform.h"

/*
 * A real adapter, and as the other program whatever the input says.  The input is a sequence of
 * operations, each a byte and what belongs to it:
 *
 *    0 u8 u8     act: a bit for each of SETTLE, STAGE, SWITCH and SWAP; which keys, see below
 *    1 u8        look: which keys
 *    2 u8 lp16   the other program says this: on which stream, and in pieces of which size
 *    3 u8        the other program ends a stream
 *    4 u8        work is done, and so many tenths of a second pass
 *    5           what is under way is given up
 *    6 u8        from now on connections fail (1), and sends (2)
 *    7 u8 lp16   the file of the adapter: read by the other program (0), written by it (1), gone
 *                (2), a folder (3)
 *
 * Which keys: bits 0, 2 and 4 say that the next, the active and the old one are there, bits 1, 3
 * and 5 that their bytes are too; bit 6 says that another next key is meant, bit 7 `swapped`.
 *
 * It has to hold that each act and look is answered once, or is under way until it is given up;
 * that nothing is sent on a stream that is not open; that nothing is left when it is given up; and
 * that what is told to people is one line of printable characters.
 */
struct fuzz_consumer {
	const struct skex_consumer *consumer;
	void *context;
	const char *file; /* NULL: it has none */
};

/* The platform of the adapter, as new; now is its clock. */
const struct skex_platform *fuzz_consumer_platform(void);
/* Goes through the operations; the caller frees the context afterwards. */
void fuzz_consumer_run(const struct fuzz_consumer *consumer, const uint8_t *data, size_t size);
/* To be called when the context is free: nothing of it is open any more. */
void fuzz_consumer_end(void);
/* A file name of its own in a new folder, which is removed when the process ends. */
const char *fuzz_consumer_file(void);

#endif
