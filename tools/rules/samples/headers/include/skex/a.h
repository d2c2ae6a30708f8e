/* SPDX-License-Identifier: Apache-2.0 */
#ifndef A_H
#define A_H
#include <stdint.h>

struct skex_a {
	int (*call)(int x);
};

/* Adds two numbers. */
int skex_add(int a, int b);
int skex_add_three(int a, int b,
	int c);
void skex_add_four(int a);

int skex_bare(int a); /* expect 8 */

static inline int skex_inline(void)
{
	return skex_add(1, 2);
}

/*
 * Documented.
 */
uint32_t *skex_pointer(void);
#define SKEX_CALL(x) skex_add(x, x)

/* A comment that stands apart. */

int skex_apart(void); /* expect 8 */
#endif
