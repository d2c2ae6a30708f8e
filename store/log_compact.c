/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log.h"

bool skex_log_compact(struct skex_log *log)
{
	(void)log;
	return false;
}

void skex_log_compact_note(struct skex_log *log, const struct skex_log_entry *change)
{
	(void)log;
	(void)change;
}

void skex_log_trimmed(struct skex_log *log)
{
	(void)log;
}
