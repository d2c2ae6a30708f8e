/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/reason.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

enum skex_error skex_reason_set(struct skex_reason *reason, enum skex_error error, const char *code,
	const char *act, const char *format, ...)
{
	va_list arguments;

	if (reason == NULL)
		return error;
	reason->error = error;
	reason->code = code;
	reason->act = act;
	va_start(arguments, format);
	(void)vsnprintf(reason->message, sizeof(reason->message), format, arguments);
	va_end(arguments);
	return error;
}
