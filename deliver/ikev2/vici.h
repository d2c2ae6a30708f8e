/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_IKEV2_VICI_H
#define SKEX_DELIVER_IKEV2_VICI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cursor.h"
#include "core/base/error.h"
#include "core/base/view.h"

/*
 * VICI, the protocol of strongSwan's charon (README.md of its plugin vici): on a stream, packets of
 *
 *    u32   length of what follows, at most SKEX_VICI_PACKET_MAX
 *    u8    type
 *    lp8   name: of CMD_REQUEST, EVENT_REGISTER, EVENT_UNREGISTER and EVENT only
 *    ...   elements: of CMD_REQUEST, CMD_RESPONSE and EVENT only
 *
 * An element is a u8 and what belongs to it: SECTION_START lp8 name, SECTION_END, KEY_VALUE lp8
 * name and u16 length and value, LIST_START lp8 name, LIST_ITEM u16 length and value, LIST_END.
 * Sections nest; a list holds items only.  Values are bytes, without a zero at the end.  Pure.
 */
#define SKEX_VICI_PACKET_MAX 0x80000u
/* More of a value is not kept: what a rotation asks for is shorter. */
#define SKEX_VICI_VALUE_MAX  512u
#define SKEX_VICI_DEPTH_MAX  8u

enum skex_vici_type {
	SKEX_VICI_CMD_REQUEST,
	SKEX_VICI_CMD_RESPONSE,
	SKEX_VICI_CMD_UNKNOWN,
	SKEX_VICI_EVENT_REGISTER,
	SKEX_VICI_EVENT_UNREGISTER,
	SKEX_VICI_EVENT_CONFIRM,
	SKEX_VICI_EVENT_UNKNOWN,
	SKEX_VICI_EVENT,
	SKEX_VICI_TYPES,
};

enum skex_vici_element {
	SKEX_VICI_SECTION_START = 1,
	SKEX_VICI_SECTION_END,
	SKEX_VICI_KEY_VALUE,
	SKEX_VICI_LIST_START,
	SKEX_VICI_LIST_ITEM,
	SKEX_VICI_LIST_END,
};

/* ---- writing ----------------------------------------------------------------------------------
 */

/* Begins a CMD_REQUEST or EVENT_REGISTER; names have 1 to 255 bytes.  The writer is used as it is
 * for the elements, and its error is sticky. */
void skex_vici_begin(struct skex_writer *writer, enum skex_vici_type type, const char *name);
void skex_vici_section(struct skex_writer *writer, struct skex_view name);
void skex_vici_section_end(struct skex_writer *writer);
void skex_vici_value(struct skex_writer *writer, const char *name, struct skex_view value);
void skex_vici_text(struct skex_writer *writer, const char *name, const char *value);
void skex_vici_list(struct skex_writer *writer, struct skex_view name);
void skex_vici_item(struct skex_writer *writer, struct skex_view value);
void skex_vici_list_end(struct skex_writer *writer);
/* Fills in the length of the packet that is all of the writer.  SKEX_E_SPACE. */
SKEX_MUST_USE enum skex_error skex_vici_end(struct skex_writer *writer, size_t *size);

/* ---- reading ----------------------------------------------------------------------------------
 */

enum skex_vici_token {
	SKEX_VICI_MORE,    /* all of the bytes were read */
	SKEX_VICI_PACKET,  /* one begins: `type`, and `name` of an event */
	SKEX_VICI_ELEMENT, /* `element`, with `name` and `value` as far as it has them */
	SKEX_VICI_DONE,    /* the packet is over */
	SKEX_VICI_BAD,     /* this is no VICI; nothing more is read */
};

/* Reads packets as they come in, of any size and in any pieces, in memory of a fixed size. */
struct skex_vici_reader {
	uint8_t state;
	uint8_t type;
	uint8_t element;
	bool in_list;
	uint8_t depth;   /* sections that are open after this token */
	uint32_t left;   /* of the packet */
	uint32_t length; /* being read */
	uint8_t length_bytes;
	size_t name_left;
	size_t value_left;
	size_t name_size;
	size_t value_size; /* kept; a longer value is cut */
	uint8_t name[255];
	uint8_t value[SKEX_VICI_VALUE_MAX];
};

void skex_vici_reader_init(struct skex_vici_reader *reader);
/* Takes from the front of bytes what makes the next token.  A list's items have the list's name. */
enum skex_vici_token skex_vici_next(struct skex_vici_reader *reader, struct skex_view *bytes);
/* Is it this text? */
bool skex_vici_name_is(const struct skex_vici_reader *reader, const char *text);
bool skex_vici_value_is(const struct skex_vici_reader *reader, const char *text);

#endif
