/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/wireguard/uapi.h"

#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/mem.h"

static const uint8_t get_text[] = "get=1\n\n";
const struct skex_view skex_uapi_get = {get_text, sizeof(get_text) - 1};

bool skex_wireguard_hex_read(const char *text, size_t size, uint8_t out[SKEX_WIREGUARD_KEY_BYTES])
{
	return size == 2 * SKEX_WIREGUARD_KEY_BYTES &&
		skex_hex_read(text, out, SKEX_WIREGUARD_KEY_BYTES);
}

void skex_wireguard_hex_write(const uint8_t bytes[SKEX_WIREGUARD_KEY_BYTES], char out[64])
{
	skex_hex_write(bytes, SKEX_WIREGUARD_KEY_BYTES, out);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

static size_t put(char *out, size_t at, const char *text)
{
	/* Without the zero at its end. */
	while (*text != '\0')
		out[at++] = *text++;
	return at;
}

static size_t put_key(char *out, size_t at, const char *name, const uint8_t *key)
{
	at = put(out, at, name);
	skex_wireguard_hex_write(key, out + at);
	return put(out, at + 64, "\n");
}

size_t skex_uapi_set_write(const struct skex_uapi_set *set, char *out)
{
	size_t at = put(out, 0, "set=1\n");

	if (set->private_key != NULL) {
		at = put_key(out, at, "private_key=", set->throwaway);
		at = put_key(out, at, "private_key=", set->private_key);
	}
	at = put_key(out, at, "public_key=", set->peer);
	at = put(out, at, "update_only=true\n");
	if (set->psk != NULL)
		at = put_key(out, at, "preshared_key=", set->psk);
	if (set->keepalive) {
		/* It is sent at once only if it was off before. */
		at = put(out, at, "persistent_keepalive_interval=0\n");
		at += (size_t)snprintf(out + at, SKEX_UAPI_REQUEST_MAX - at,
			"persistent_keepalive_interval=%u\n", set->keepalive_s);
	}
	return put(out, at, "\n");
}

/* ---- answers -----------------------------------------------------------------------------------
 */

void skex_uapi_reader_init(
	struct skex_uapi_reader *reader, const uint8_t peer[SKEX_WIREGUARD_KEY_BYTES])
{
	memset(reader, 0, sizeof(*reader));
	reader->state.error = -1;
	memcpy(reader->peer, peer, sizeof(reader->peer));
}

static bool read_number(const char *text, size_t size, uint64_t *number)
{
	uint64_t value = 0;
	size_t i;

	if (size == 0 || size > 19)
		return false;
	for (i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*number = value;
	return true;
}

static bool is_name(const char *line, size_t size, const char *name)
{
	return size == strlen(name) && memcmp(line, name, size) == 0;
}

/* Whose lines follow? */
static bool read_peer(struct skex_uapi_reader *reader, const char *value, size_t size)
{
	uint8_t peer[SKEX_WIREGUARD_KEY_BYTES];

	if (!skex_wireguard_hex_read(value, size, peer))
		return false;
	reader->in_peer = memcmp(peer, reader->peer, sizeof(peer)) == 0;
	reader->state.peer_there = reader->state.peer_there || reader->in_peer;
	return true;
}

static bool read_errno(struct skex_uapi_reader *reader, const char *value, size_t size)
{
	const bool negative = size > 0 && value[0] == '-';
	uint64_t number;

	if (!read_number(value + negative, size - negative, &number) || number > INT32_MAX)
		return false;
	reader->state.error = (int64_t)number;
	return true;
}

static bool read_value(struct skex_uapi_reader *reader, size_t name, const char *value, size_t size)
{
	struct skex_uapi_state *state = &reader->state;
	const char *line = reader->line;

	if (is_name(line, name, "errno"))
		return read_errno(reader, value, size);
	if (is_name(line, name, "private_key"))
		return skex_wireguard_hex_read(value, size, state->private_key);
	if (is_name(line, name, "public_key"))
		return read_peer(reader, value, size);
	if (!reader->in_peer)
		return true;
	if (is_name(line, name, "preshared_key"))
		return skex_wireguard_hex_read(value, size, state->psk);
	if (is_name(line, name, "last_handshake_time_sec"))
		return read_number(value, size, &state->handshake_s);
	if (is_name(line, name, "last_handshake_time_nsec"))
		return read_number(value, size, &state->handshake_ns);
	if (is_name(line, name, "tx_bytes"))
		return read_number(value, size, &state->sent_bytes);
	if (is_name(line, name, "persistent_keepalive_interval"))
		return read_number(value, size, &state->keepalive_s);
	return true;
}

/* One line, without its end. */
static bool read_line(struct skex_uapi_reader *reader)
{
	const char *equals = memchr(reader->line, '=', reader->size);
	size_t name;

	if (reader->size == 0) {
		reader->finished = true;
		return reader->state.error >= 0;
	}
	if (equals == NULL)
		return false;
	name = (size_t)(equals - reader->line);
	return read_value(reader, name, equals + 1, reader->size - name - 1);
}

enum skex_error skex_uapi_read(struct skex_uapi_reader *reader, struct skex_view bytes)
{
	size_t i;

	for (i = 0; i < bytes.size && !reader->finished; i++) {
		bool good = true;

		if (bytes.data[i] != '\n') {
			if (reader->size == sizeof(reader->line))
				return SKEX_E_SYNTAX;
			reader->line[reader->size++] = (char)bytes.data[i];
			continue;
		}
		good = read_line(reader);
		skex_wipe(reader->line, reader->size);
		reader->size = 0;
		if (!good)
			return SKEX_E_SYNTAX;
	}
	return SKEX_OK;
}
