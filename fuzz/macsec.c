/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/genetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cursor.h"
#include "deliver/macsec/control.h"
#include "deliver/macsec/secy.h"
#include "fuzz/fuzz.h"

/*
 * What wpa_supplicant and the kernel answer.  The first byte says what the rest is: a reply to
 * STATUS or LIST_NETWORKS; the replies of a whole dialog on a control socket; or what comes on the
 * sockets to the kernel while an interface is read and changed.  The sockets are real ones, whose
 * other end is this: all answers wait there before the first question, and after them comes the
 * end.
 *
 * Replies are lp16 each.  An answer of the kernel is a byte, which says on which socket it comes
 * (bit 0), and lp16; the sequence numbers in it count from that of the first question.
 */

#define REPLIES 40u

static void status(const uint8_t *data, size_t size)
{
	static const uint8_t none[SKEX_KEY_ID_BYTES];
	struct macsec_state state;
	struct macsec_state before;
	uint32_t number = 4711;

	memset(&state, 0xee, sizeof(state));
	before = state;
	if (macsec_read_status(skex_view(data, size), &state)) {
		must(state.keyed || (!state.ours && !state.secured && !state.server));
		must(state.ours || memcmp(state.id, none, sizeof(none)) == 0);
	} else {
		must(memcmp(&state, &before, sizeof(state)) == 0);
	}
	must(macsec_read_network(skex_view(data, size), &number) ? number <= 999999999
								 : number == 4711);
}

/* Ours is pair[0]. */
static void open_pair(int pair[2])
{
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

/* In a form that the reader finds at its end only if it goes too far. */
static void put(int fd, struct skex_view bytes)
{
	/* What does not fit is lost, as it would be. */
	if (bytes.size > 0)
		(void)send(fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void dialog(const uint8_t *data, size_t size)
{
	static const uint8_t id[SKEX_KEY_ID_BYTES] = {0x22};
	static const uint8_t cak[MACSEC_CAK_MAX] = {0x33};
	static const uint8_t wiped[MACSEC_REQUEST_MAX];
	const struct macsec_put key = {1, 16, id, {cak, 32}};
	struct macsec_control control;
	struct macsec_state state;
	struct skex_reader reader;
	char request[MACSEC_REQUEST_MAX] = "";
	enum skex_error error = SKEX_OK;
	int pair[2];

	open_pair(pair);
	skex_reader_init(&reader, skex_view(data, size));
	for (unsigned i = 0; i < REPLIES && !reader.failed && reader.at < size; i++)
		put(pair[1], skex_read_view(&reader, skex_read_u16(&reader)));
	must(shutdown(pair[1], SHUT_WR) == 0);
	memset(&control, 0, sizeof(control));
	control.fd = pair[0];
	for (unsigned i = 0; i < 4 && error != SKEX_E_OFFLINE; i++) {
		if (i == 2)
			error = macsec_control_clear(&control);
		else if (i == 1)
			error = macsec_control_put(&control, &key, request);
		else
			error = macsec_control_read(&control, &state);
		must(error == SKEX_OK || error == SKEX_E_OFFLINE || error == SKEX_E_REFUSED);
		must(error != SKEX_E_REFUSED || control.refused[0] != '\0');
		/* rule 3: of a test */
		must(memcmp(request, wiped, sizeof(request)) == 0);
	}
	macsec_control_close(&control);
	(void)close(pair[1]);
}

/* Sequence numbers count from the first question's, in the byte order of this machine. */
static void count_from(uint8_t *bytes, size_t size, uint32_t first)
{
	size_t at = 0;

	while (size - at >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr head;

		memcpy(&head, bytes + at, sizeof(head));
		head.nlmsg_seq += first;
		memcpy(bytes + at, &head, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > size - at ||
			NLMSG_ALIGN(head.nlmsg_len) > size - at)
			break;
		at += NLMSG_ALIGN(head.nlmsg_len);
	}
}

static uint32_t next_question(void)
{
	const struct genlmsghdr fixed = {0};
	struct macsec_request request;

	macsec_request_begin(&request, 0, 0, &fixed, sizeof(fixed));
	return request.head.nlmsg_seq + 1;
}

static void put_answers(const uint8_t *data, size_t size, const int fds[2])
{
	const uint32_t first = next_question();
	struct skex_reader reader;
	uint8_t bytes[4096];

	skex_reader_init(&reader, skex_view(data, size));
	for (unsigned i = 0; i < REPLIES && !reader.failed && reader.at < size; i++) {
		const uint8_t where = skex_read_u8(&reader);
		const struct skex_view answer = skex_read_view(&reader, skex_read_u16(&reader));

		if (reader.failed || answer.size > sizeof(bytes) || answer.size == 0)
			continue;
		memcpy(bytes, answer.data, answer.size);
		count_from(bytes, answer.size, first);
		put(fds[where & 1], skex_view(bytes, answer.size));
	}
}

static void read_and_change(struct macsec_kernel *kernel)
{
	static const uint8_t id[SKEX_KEY_ID_BYTES] = {0x22};
	static const uint8_t key[MACSEC_SAK_MAX] = {0x33};
	static const uint8_t peer[MACSEC_SCI_BYTES] = {2, 0, 0, 0, 0, 2, 0, 1};
	static const struct macsec_request wiped;
	struct macsec_move move = {.an = 1, .id = id, .key = key, .key_size = 32};
	struct macsec_request scratch;
	struct macsec_secy secy;

	if (macsec_secy_read(kernel, peer, &secy) == SKEX_OK) {
		must(secy.encoding < MACSEC_ANS && secy.others_count <= MACSEC_OTHERS);
		must(secy.key_size == 0 || secy.key_size == 16 || secy.key_size == 32);
		for (unsigned i = 0; i < MACSEC_ANS && !secy.channel; i++)
			must(!secy.rx[i].there);
	}
	memcpy(move.sci, peer, sizeof(peer));
	for (move.change = MACSEC_ADD_CHANNEL; move.change <= MACSEC_USE; move.change++) {
		const enum skex_error error = macsec_secy_change(kernel, &move, &scratch);

		must(error == SKEX_OK || error == SKEX_E_REFUSED || error == SKEX_E_IO);
		must(move.change == MACSEC_USE || memcmp(&scratch, &wiped, sizeof(wiped)) == 0);
	}
}

static void answers(const uint8_t *data, size_t size)
{
	struct macsec_kernel kernel;
	int route[2], generic[2];

	open_pair(route);
	open_pair(generic);
	put_answers(data, size, (const int[2]){route[1], generic[1]});
	must(shutdown(route[1], SHUT_WR) == 0 && shutdown(generic[1], SHUT_WR) == 0);
	if (macsec_kernel_open(&kernel, route[0], generic[0], "macsec0") == SKEX_OK) {
		must(kernel.index != 0 && kernel.family != 0);
		read_and_change(&kernel);
	}
	macsec_kernel_close(&kernel);
	for (unsigned i = 0; i < 2; i++) {
		(void)close(route[i]);
		(void)close(generic[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		status(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		dialog(data + 1, size - 1);
	else
		answers(data + 1, size - 1);
	return 0;
}
