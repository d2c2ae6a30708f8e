/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_MATH_INTRINSICS_X86_H
#define SKEX_CORE_MATH_INTRINSICS_X86_H

#if defined(__x86_64__)

/*
 * The compiler's vector instructions without the heap: its header pulls in an aligned malloc, and
 * with it the C library, unless that part seems to have been included (GCC's guard, then LLVM's).
 */
#define _MM_MALLOC_H_INCLUDED
#define __MM_MALLOC_H
#include <immintrin.h>

#endif

#endif
