/* SPDX-License-Identifier: Apache-2.0 */
extern int skex_level;
int skex_level = 3;
