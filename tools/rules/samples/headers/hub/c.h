/* SPDX-License-Identifier: Apache-2.0 */

/* What it looks like: see core/base/b.h, and see
 * include/skex/a.h. */
int skex_c(void);
/* And see hub/c.c, expect 8. */
/* Or see
 * hub/d.h, expect 8. */
