/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/rotation/view.h"

#include "core/base/cursor.h"

#define VERSION 1u

void skex_rotation_view_encode(const struct skex_rotation_view *view, uint8_t *out)
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, SKEX_ROTATION_VIEW_BYTES);
	skex_write_u8(&writer, SKEX_ROTATION_NOTE);
	skex_write_u8(&writer, VERSION);
	skex_write_bytes(&writer, view->binding, sizeof(view->binding));
	skex_write_u64(&writer, view->round);
	skex_write_u8(&writer, view->phase);
	skex_write_u8(&writer, view->asks);
	skex_write_u8(&writer, view->reason);
	skex_write_bytes(&writer, view->key_id, sizeof(view->key_id));
	skex_write_bytes(&writer, view->active_id, sizeof(view->active_id));
}

enum skex_error skex_rotation_view_decode(struct skex_rotation_view *view, struct skex_view bytes)
{
	struct skex_rotation_view read;
	struct skex_reader reader;
	uint8_t kind;
	uint8_t version;
	uint8_t asks;
	enum skex_error error;

	skex_reader_init(&reader, bytes);
	kind = skex_read_u8(&reader);
	version = skex_read_u8(&reader);
	if (kind == SKEX_ROTATION_NOTE && version > VERSION)
		return SKEX_E_VERSION;
	skex_read_bytes(&reader, read.binding, sizeof(read.binding));
	read.round = skex_read_u64(&reader);
	read.phase = skex_read_u8(&reader);
	asks = skex_read_u8(&reader);
	read.reason = skex_read_u8(&reader);
	skex_read_bytes(&reader, read.key_id, sizeof(read.key_id));
	skex_read_bytes(&reader, read.active_id, sizeof(read.active_id));
	error = skex_reader_end(&reader);
	if (error != SKEX_OK)
		return error;
	if (kind != SKEX_ROTATION_NOTE || version != VERSION || asks > 1 ||
		read.round >= SKEX_ROTATION_ROUNDS || read.phase >= SKEX_ROTATION_PHASES ||
		read.reason >= SKEX_ROTATION_REASONS)
		return SKEX_E_SYNTAX;
	read.asks = asks != 0;
	*view = read;
	return SKEX_OK;
}
