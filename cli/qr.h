/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_QR_H
#define SKEX_CLI_QR_H

#include <stddef.h>

#include "core/base/error.h"
#include "enrol/reason.h"

/*
 * Secrets as QR codes: drawn in a terminal, and taken back from the image of one.
 *
 * Upper-case base32, digits and "-:" make the smallest code (pairwise/armour.h).
 */

/*
 * Draws a code for a text on a descriptor, two rows of modules in a line of characters (UTF-8): on
 * a terminal in black and white whatever its colours are, elsewhere with the light modules as
 * blocks. When the terminal is too narrow nothing is drawn, and the reason says how wide it has to
 * be.
 */
SKEX_MUST_USE enum skex_error skex_qr_draw(
	int descriptor, const char *text, struct skex_reason *reason);

/*
 * Reads the one QR code of a PNG or JPEG file into text, zero-terminated; the caller wipes it.
 *
 * The image is looked at by the program zbarimg (Debian: zbar-tools) in a process of its own, which
 * gets the file as its standard input: SKEX_E_IO "no_zbarimg" when it is not there.  SKEX_E_SYNTAX
 * when there is no code in the image, or more than one, SKEX_E_SPACE when it says more than room.
 */
SKEX_MUST_USE enum skex_error skex_qr_read_image(
	const char *path, char *text, size_t room, struct skex_reason *reason);

#endif
