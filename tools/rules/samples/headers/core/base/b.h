/* SPDX-License-Identifier: Apache-2.0 */
int skex_b(void); /* the comment before it is the licence */
