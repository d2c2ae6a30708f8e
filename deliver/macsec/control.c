/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/control.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/hex.h"
#include "core/base/mem.h"

/* ---- what it says ------------------------------------------------------------------------------
 */

/* Takes a line from the front of text, without its end. */
static bool next_line(struct skex_view *text, struct skex_view *line)
{
	const uint8_t *end;

	if (text->size == 0)
		return false;
	end = memchr(text->data, '\n', text->size);
	line->data = text->data;
	line->size = end == NULL ? text->size : (size_t)(end - text->data);
	text->data += line->size + (end != NULL);
	text->size -= line->size + (end != NULL);
	return true;
}

/* The value of a line NAME=VALUE. */
static bool value_of(struct skex_view line, const char *name, struct skex_view *value)
{
	const size_t size = strlen(name);

	if (line.size <= size || memcmp(line.data, name, size) != 0 || line.data[size] != '=')
		return false;
	*value = skex_view(line.data + size + 1, line.size - size - 1);
	return true;
}

static bool read_number(struct skex_view text, uint32_t *number)
{
	uint32_t value = 0;
	size_t i;

	if (text.size == 0 || text.size > 9)
		return false;
	for (i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text.data[i] - '0');
	}
	*number = value;
	return true;
}

static bool is_yes(struct skex_view value)
{
	return skex_view_equal(value, skex_view("Yes", 3));
}

bool macsec_read_status(struct skex_view reply, struct macsec_state *state)
{
	struct macsec_state read = {0};
	struct skex_view line;
	struct skex_view value;
	bool status = false;
	bool secured = false;
	bool server = false;
	uint32_t peers = 0;

	while (next_line(&reply, &line)) {
		status = status || value_of(line, "wpa_state", &value);
		if (value_of(line, "Secured", &value))
			secured = is_yes(value);
		else if (value_of(line, "Is Key Server", &value))
			server = is_yes(value);
		else if (value_of(line, "live_peers", &value) && !read_number(value, &peers))
			peers = 0;
		if (!value_of(line, "ckn", &value))
			continue;
		/* A second one is nothing of ours. */
		read.ours = !read.keyed && value.size == 2 * SKEX_KEY_ID_BYTES &&
			skex_hex_read((const char *)value.data, read.id, SKEX_KEY_ID_BYTES);
		read.keyed = true;
	}
	if (!read.ours)
		memset(read.id, 0, sizeof(read.id));
	read.secured = read.keyed && secured && peers > 0;
	read.server = read.keyed && server;
	if (status)
		*state = read;
	return status;
}

bool macsec_read_network(struct skex_view reply, uint32_t *number)
{
	struct skex_view line;

	while (next_line(&reply, &line)) {
		const uint8_t *tab = memchr(line.data, '\t', line.size);

		if (tab != NULL &&
			read_number(skex_view(line.data, (size_t)(tab - line.data)), number))
			return true;
	}
	return false;
}

/* ---- the socket --------------------------------------------------------------------------------
 */

static bool set_path(struct sockaddr_un *address, const char *path)
{
	const size_t size = strlen(path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (size >= sizeof(address->sun_path))
		return false;
	memcpy(address->sun_path, path, size);
	return true;
}

/* It answers to the address that it was asked from, so ours needs a name; not an abstract one,
 * which ends at a network namespace. */
static enum skex_error make_own(struct macsec_control *control, const char *folder)
{
	static atomic_uint count;
	const struct timeval wait = {
		.tv_sec = MACSEC_WAIT_MS / 1000, .tv_usec = MACSEC_WAIT_MS % 1000 * 1000};
	char path[sizeof(control->own.sun_path)];
	const int size = snprintf(path, sizeof(path), "%s/macsec-%ld-%u", folder, (long)getpid(),
		atomic_fetch_add(&count, 1));

	if (size < 0 || (size_t)size >= sizeof(path) || !set_path(&control->own, path)) {
		control->own.sun_path[0] = '\0';
		return SKEX_E_ARGUMENT;
	}
	(void)unlink(path);
	/* Linux gives what bind makes the rights that the socket has. */
	if (fchmod(control->fd, S_IRUSR | S_IWUSR) != 0 ||
		bind(control->fd, (const struct sockaddr *)&control->own, sizeof(control->own)) !=
			0) {
		control->own.sun_path[0] = '\0';
		return SKEX_E_IO;
	}
	if (setsockopt(control->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
		setsockopt(control->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0)
		return SKEX_E_IO;
	return SKEX_OK;
}

enum skex_error macsec_control_open(
	struct macsec_control *control, const char *folder, const char *path)
{
	struct sockaddr_un address;
	enum skex_error error;

	memset(control, 0, sizeof(*control));
	control->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control->fd < 0)
		return SKEX_E_IO;
	if (!set_path(&address, path))
		return SKEX_E_ARGUMENT;
	error = make_own(control, folder);
	if (error != SKEX_OK)
		return error;
	/* From then on nobody else's datagrams come in. */
	if (connect(control->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return SKEX_E_OFFLINE;
	return SKEX_OK;
}

void macsec_control_close(struct macsec_control *control)
{
	if (control->fd >= 0)
		(void)close(control->fd);
	if (control->own.sun_path[0] != '\0')
		(void)unlink(control->own.sun_path);
	control->fd = -1;
	control->own.sun_path[0] = '\0';
}

static enum skex_error ask_bytes(struct macsec_control *control, const char *request, size_t size)
{
	ssize_t got;

	if (send(control->fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
		return SKEX_E_OFFLINE;
	got = recv(control->fd, control->reply, sizeof(control->reply), 0);
	if (got < 0)
		return SKEX_E_OFFLINE;
	control->size = (size_t)got;
	return SKEX_OK;
}

static struct skex_view reply_of(const struct macsec_control *control)
{
	return skex_view(control->reply, control->size);
}

static enum skex_error refused(struct macsec_control *control, const char *command)
{
	(void)snprintf(control->refused, sizeof(control->refused), "%s", command);
	return SKEX_E_REFUSED;
}

/* Nothing that is to be done may be taken for done. */
static enum skex_error must_be_ok(struct macsec_control *control, const char *command)
{
	const bool ok = control->size == 3 && memcmp(control->reply, "OK\n", 3) == 0;

	return ok ? SKEX_OK : refused(control, command);
}

static enum skex_error ask(struct macsec_control *control, const char *request)
{
	return ask_bytes(control, request, strlen(request));
}

/* About a network. */
static enum skex_error ask_of(struct macsec_control *control, const char *command, uint32_t network)
{
	char request[MACSEC_REQUEST_MAX];
	enum skex_error error;

	(void)snprintf(request, sizeof(request), "%s %u", command, network);
	error = ask(control, request);
	return error != SKEX_OK ? error : must_be_ok(control, command);
}

enum skex_error macsec_control_read(struct macsec_control *control, struct macsec_state *state)
{
	const enum skex_error error = ask(control, "STATUS");

	if (error != SKEX_OK)
		return error;
	return macsec_read_status(reply_of(control), state) ? SKEX_OK : refused(control, "STATUS");
}

/* ---- what it is to do --------------------------------------------------------------------------
 */

static enum skex_error set(
	struct macsec_control *control, uint32_t network, const char *name, const char *value)
{
	char request[MACSEC_REQUEST_MAX];
	enum skex_error error;

	(void)snprintf(request, sizeof(request), "SET_NETWORK %u %s %s", network, name, value);
	error = ask(control, request);
	return error != SKEX_OK ? error : must_be_ok(control, name);
}

/* A network of ours alone; what was there is not at work any more once this one is selected. */
static enum skex_error add_network(struct macsec_control *control, uint32_t *network)
{
	enum skex_error error;
	uint32_t old;
	unsigned i;

	for (i = 0; i < 100; i++) {
		error = ask(control, "LIST_NETWORKS");
		if (error != SKEX_OK)
			return error;
		if (control->size < 10 || memcmp(control->reply, "network id", 10) != 0)
			return refused(control, "LIST_NETWORKS");
		if (!macsec_read_network(reply_of(control), &old))
			break;
		error = ask_of(control, "REMOVE_NETWORK", old);
		if (error != SKEX_OK)
			return error;
	}
	error = ask(control, "ADD_NETWORK");
	if (error != SKEX_OK)
		return error;
	if (control->size < 2 ||
		!read_number(skex_view(control->reply, control->size - 1), network))
		return refused(control, "ADD_NETWORK");
	return set(control, *network, "key_mgmt", "NONE");
}

static enum skex_error select_network(struct macsec_control *control, uint32_t network)
{
	return ask_of(control, "SELECT_NETWORK", network);
}

/* wpa_supplicant goes on with MKA when a network is disabled or removed.  It ends with the
 * selection of a network that is to have no MACsec. */
enum skex_error macsec_control_clear(struct macsec_control *control)
{
	uint32_t network;
	enum skex_error error = add_network(control, &network);

	if (error == SKEX_OK)
		error = set(control, network, "eapol_flags", "0");
	if (error == SKEX_OK)
		error = set(control, network, "macsec_policy", "0");
	return error != SKEX_OK ? error : select_network(control, network);
}

static enum skex_error set_cak(
	struct macsec_control *control, uint32_t network, struct skex_view cak, char *request)
{
	const int head = snprintf(request, MACSEC_REQUEST_MAX, "SET_NETWORK %u mka_cak ", network);
	enum skex_error error = SKEX_E_ARGUMENT;

	if (head > 0 && cak.size <= MACSEC_CAK_MAX &&
		(size_t)head + 2 * cak.size <= MACSEC_REQUEST_MAX) {
		skex_hex_write(cak.data, cak.size, request + head);
		error = ask_bytes(control, request, (size_t)head + 2 * cak.size);
	}
	skex_wipe(request, MACSEC_REQUEST_MAX);
	return error != SKEX_OK ? error : must_be_ok(control, "mka_cak");
}

enum skex_error macsec_control_put(
	struct macsec_control *control, const struct macsec_put *put, char *request)
{
	char ckn[2 * SKEX_KEY_ID_BYTES + 1] = "";
	char port[16];
	char priority[16];
	uint32_t network;
	enum skex_error error = add_network(control, &network);

	skex_hex_write(put->id, SKEX_KEY_ID_BYTES, ckn);
	(void)snprintf(port, sizeof(port), "%u", put->port);
	(void)snprintf(priority, sizeof(priority), "%u", put->priority);
	if (error == SKEX_OK)
		error = set(control, network, "eapol_flags", "0");
	if (error == SKEX_OK)
		error = set(control, network, "macsec_policy", "1");
	if (error == SKEX_OK)
		error = set(control, network, "macsec_port", port);
	if (error == SKEX_OK)
		error = set(control, network, "mka_priority", priority);
	if (error == SKEX_OK)
		error = set(control, network, "mka_ckn", ckn);
	if (error == SKEX_OK)
		error = set_cak(control, network, put->cak, request);
	return error != SKEX_OK ? error : select_network(control, network);
}
