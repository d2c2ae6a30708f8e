/* SPDX-License-Identifier: Apache-2.0 */
static const char *f = "%02x";
