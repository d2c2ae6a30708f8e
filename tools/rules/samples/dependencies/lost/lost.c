/* SPDX-License-Identifier: Apache-2.0, expect 1 */
