/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/qr.h"

#include <errno.h>
#include <qrcodegen/qrcodegen.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/key_output.h"
#include "platform/memory.h"
#include "platform/posix.h"

#define QUIET         4 /* light modules around a code, by its standard */
#define BLOCK_BYTES   3u
#define COLOURS       "\033[30;107m" /* black on bright white */
#define COLOURS_END   "\033[0m\n"
#define LINE_OVERHEAD (sizeof(COLOURS) + sizeof(COLOURS_END))

/* In secret memory: whoever sees the modules has the text. */
struct code {
	uint8_t work[qrcodegen_BUFFER_LEN_MAX];
	uint8_t modules[qrcodegen_BUFFER_LEN_MAX];
};

/* Outside of the code all is light. */
static bool dark(const struct code *code, int x, int y)
{
	return qrcodegen_getModule(code->modules, x, y);
}

static char *append(char *at, const char *text)
{
	while (*text != '\0')
		*at++ = *text++;
	return at;
}

/* One line of characters: the modules of row y above those of the next. */
static char *draw_line(char *at, const struct code *code, int y, bool terminal)
{
	const int size = qrcodegen_getSize(code->modules);
	int x;

	if (terminal)
		at = append(at, COLOURS);
	for (x = -QUIET; x < size + QUIET; x++) {
		/* What is drawn is dark on a terminal, light elsewhere. */
		bool above = dark(code, x, y) == terminal;
		bool below = dark(code, x, y + 1) == terminal;

		if (above && below)
			at = append(at, "\u2588");
		else if (above)
			at = append(at, "\u2580");
		else
			at = append(at, below ? "\u2584" : " ");
	}
	return append(at, terminal ? COLOURS_END : "\n");
}

/* False when a terminal has fewer columns; one that does not say is wide enough. */
static bool wide_enough(int descriptor, int columns)
{
	struct winsize window;

	return ioctl(descriptor, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 ||
		window.ws_col >= columns;
}

static enum skex_error draw(
	const struct code *code, int descriptor, bool terminal, struct skex_reason *reason)
{
	const int columns = qrcodegen_getSize(code->modules) + 2 * QUIET;
	const size_t line = (size_t)columns * BLOCK_BYTES + LINE_OVERHEAD;
	const int rows = (columns + 1) / 2;
	enum skex_error error = SKEX_OK;
	char *text, *at;
	int y;

	if (terminal && !wide_enough(descriptor, columns))
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "narrow",
			"widen the window, or make its letters smaller",
			"the terminal is too narrow for the QR code, which needs %d columns",
			columns);
	text = skex_secret_new((size_t)rows * line);
	if (text == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	at = text;
	for (y = -QUIET; y < columns - QUIET; y += 2)
		at = draw_line(at, code, y, terminal);
	if (!skex_write_all(descriptor, text, (size_t)(at - text)))
		error = skex_reason_set(reason, SKEX_E_IO, "write", "mend what the message says",
			"the QR code cannot be written: %s", strerror(errno));
	skex_secret_free(text);
	return error;
}

enum skex_error skex_qr_draw(int descriptor, const char *text, struct skex_reason *reason)
{
	struct code *code = skex_secret_new(sizeof(*code));
	enum skex_error error;

	if (code == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	if (qrcodegen_encodeText(text, code->work, code->modules, qrcodegen_Ecc_LOW,
		    qrcodegen_VERSION_MIN, qrcodegen_VERSION_MAX, qrcodegen_Mask_AUTO, true))
		error = draw(code, descriptor, isatty(descriptor) == 1, reason);
	else
		error = skex_reason_set(reason, SKEX_E_SPACE, "too_long", "use a file instead",
			"the text is too long for a QR code");
	skex_secret_free(code);
	return error;
}
