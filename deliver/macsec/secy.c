/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/secy.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/if_macsec.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/mem.h"

/* ---- reading -----------------------------------------------------------------------------------
 */

#define READS 8u /* at most, of a list that changes meanwhile */

struct reading {
	int32_t index;
	const uint8_t *peer;
	bool there;
	struct macsec_secy secy;
};

static struct rtattr *attributes(struct nlmsghdr *head, size_t *size)
{
	const size_t fixed = NLMSG_LENGTH(GENL_HDRLEN);

	*size = head->nlmsg_len < fixed ? 0 : head->nlmsg_len - fixed;
	return (struct rtattr *)(void *)((char *)head + fixed);
}

static void read_family(void *owner, struct nlmsghdr *head)
{
	size_t size;
	struct rtattr *data = attributes(head, &size);

	(void)macsec_number(macsec_find(data, size, CTRL_ATTR_FAMILY_ID), owner, sizeof(uint16_t));
}

static uint8_t byte_in(struct rtattr *nest, uint16_t type)
{
	uint8_t byte = 0;

	(void)macsec_number(macsec_find_in(nest, type), &byte, sizeof(byte));
	return byte;
}

/* One of 64 bits is another cipher suite's. */
static void read_sa(struct rtattr *from, struct macsec_sa sas[MACSEC_ANS])
{
	struct rtattr *stats = macsec_find_in(from, MACSEC_SA_ATTR_STATS);
	struct macsec_sa sa = {.there = true};
	uint8_t an;

	if (!macsec_number(macsec_find_in(from, MACSEC_SA_ATTR_AN), &an, sizeof(an)) ||
		an >= MACSEC_ANS)
		return;
	sa.active = byte_in(from, MACSEC_SA_ATTR_ACTIVE) != 0;
	(void)macsec_number(macsec_find_in(from, MACSEC_SA_ATTR_KEYID), sa.id, sizeof(sa.id));
	(void)macsec_number(macsec_find_in(from, MACSEC_SA_ATTR_PN), &sa.pn, sizeof(sa.pn));
	(void)macsec_number(
		macsec_find_in(stats, MACSEC_SA_STATS_ATTR_IN_PKTS_OK), &sa.fine, sizeof(sa.fine));
	sas[an] = sa;
}

/* Each attribute of a list is one of its elements. */
static void read_sas(struct rtattr *list, struct macsec_sa sas[MACSEC_ANS])
{
	struct macsec_list rest = macsec_in(list);
	struct rtattr *element;

	while ((element = macsec_take(&rest)) != NULL)
		read_sa(element, sas);
}

static void read_channels(struct reading *reading, struct rtattr *list)
{
	struct macsec_secy *secy = &reading->secy;
	struct macsec_list rest = macsec_in(list);
	uint8_t sci[MACSEC_SCI_BYTES];
	struct rtattr *element;

	while ((element = macsec_take(&rest)) != NULL) {
		if (!macsec_number(macsec_find_in(element, MACSEC_RXSC_ATTR_SCI), sci, sizeof(sci)))
			continue;
		if (reading->peer != NULL && memcmp(sci, reading->peer, sizeof(sci)) == 0) {
			secy->channel = true;
			read_sas(macsec_find_in(element, MACSEC_RXSC_ATTR_SA_LIST), secy->rx);
		} else if (secy->others_count < MACSEC_OTHERS) {
			memcpy(secy->others[secy->others_count++], sci, sizeof(sci));
		}
	}
}

static uint8_t key_size_of(uint64_t suite)
{
	switch (suite) {
	case MACSEC_DEFAULT_CIPHER_ID:
	case MACSEC_CIPHER_ID_GCM_AES_128:
		return 16;
	case MACSEC_CIPHER_ID_GCM_AES_256:
		return 32;
	default:
		return 0;
	}
}

static void read_interface(void *owner, struct nlmsghdr *head)
{
	struct reading *reading = owner;
	struct macsec_secy *secy = &reading->secy;
	int32_t index = 0;
	uint64_t suite = 0;
	size_t size;
	struct rtattr *data = attributes(head, &size);
	struct rtattr *is = macsec_find(data, size, MACSEC_ATTR_SECY);

	if (!macsec_number(macsec_find(data, size, MACSEC_ATTR_IFINDEX), &index, sizeof(index)) ||
		index != reading->index)
		return;
	reading->there = true;
	(void)macsec_number(macsec_find_in(is, MACSEC_SECY_ATTR_SCI), secy->sci, sizeof(secy->sci));
	(void)macsec_number(
		macsec_find_in(is, MACSEC_SECY_ATTR_CIPHER_SUITE), &suite, sizeof(suite));
	secy->key_size = key_size_of(suite);
	secy->protects = byte_in(is, MACSEC_SECY_ATTR_PROTECT) != 0;
	secy->encrypts = byte_in(is, MACSEC_SECY_ATTR_ENCRYPT) != 0;
	secy->strict = byte_in(is, MACSEC_SECY_ATTR_VALIDATE) == MACSEC_VALIDATE_STRICT;
	secy->replays = byte_in(is, MACSEC_SECY_ATTR_REPLAY) == 0;
	secy->operational = byte_in(is, MACSEC_SECY_ATTR_OPER) != 0;
	secy->encoding = byte_in(is, MACSEC_SECY_ATTR_ENCODING_SA) % MACSEC_ANS;
	read_sas(macsec_find(data, size, MACSEC_ATTR_TXSA_LIST), secy->tx);
	read_channels(reading, macsec_find(data, size, MACSEC_ATTR_RXSC_LIST));
}

static void begin(struct macsec_request *request, uint16_t family, uint8_t command, uint8_t version)
{
	const struct genlmsghdr fixed = {.cmd = command, .version = version};

	macsec_request_begin(request, family, NLM_F_ACK, &fixed, sizeof(fixed));
}

enum skex_error macsec_kernel_open(
	struct macsec_kernel *kernel, int given_route, int given_generic, const char *interface)
{
	static const char name[] = MACSEC_GENL_NAME;
	struct macsec_request request;

	*kernel = (struct macsec_kernel){
		.given_route = given_route,
		.given_generic = given_generic,
		.route = macsec_netlink_open(given_route, NETLINK_ROUTE),
		.generic = macsec_netlink_open(given_generic, NETLINK_GENERIC),
	};
	if (kernel->route < 0 || kernel->generic < 0)
		return SKEX_E_IO;
	kernel->index = macsec_interface(kernel->route, interface);
	if (kernel->index == 0)
		return SKEX_E_UNKNOWN;
	begin(&request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	(void)macsec_request_put(&request, CTRL_ATTR_FAMILY_NAME, name, sizeof(name));
	if (macsec_talk(kernel->generic, &request, read_family, &kernel->family) != 0 ||
		kernel->family == 0)
		return SKEX_E_UNKNOWN;
	return SKEX_OK;
}

void macsec_kernel_close(struct macsec_kernel *kernel)
{
	macsec_netlink_close(kernel->given_route, kernel->route);
	macsec_netlink_close(kernel->given_generic, kernel->generic);
}

enum skex_error macsec_secy_read(
	struct macsec_kernel *kernel, const uint8_t *peer, struct macsec_secy *secy)
{
	struct macsec_request request;
	struct reading reading;
	unsigned times = 0;
	int error;

	/* Linux cannot be asked about one interface: it says what it has of all of them.  While
	 * others come and go this one can be passed over; what is said of it is of one moment. */
	do {
		reading = (struct reading){.index = kernel->index, .peer = peer};
		begin(&request, kernel->family, MACSEC_CMD_GET_TXSC, MACSEC_GENL_VERSION);
		request.head.nlmsg_flags |= NLM_F_DUMP;
		error = macsec_talk(kernel->generic, &request, read_interface, &reading);
	} while (error == -EINTR && !reading.there && ++times < READS);
	if (error != 0 && !(error == -EINTR && reading.there))
		return SKEX_E_IO;
	if (!reading.there)
		return SKEX_E_UNKNOWN;
	*secy = reading.secy;
	return SKEX_OK;
}

/* ---- changing ----------------------------------------------------------------------------------
 */

/* Whether there is a channel, an association or a switch in a request. */
#define OF_CHANNEL 1u
#define OF_SA      2u
#define WITH_KEY   4u
#define TURNED_ON  8u
#define TURNED_OFF 16u

static enum skex_error ask(struct macsec_kernel *kernel, struct macsec_request *request,
	uint8_t command, const struct macsec_move *move, unsigned parts)
{
	const uint8_t active = (parts & TURNED_ON) != 0;
	const bool switched = (parts & (TURNED_ON | TURNED_OFF)) != 0;
	const uint32_t first = 1;
	struct rtattr *nest;
	int error;

	begin(request, kernel->family, command, MACSEC_GENL_VERSION);
	(void)macsec_request_put(
		request, MACSEC_ATTR_IFINDEX, &kernel->index, sizeof(kernel->index));
	if ((parts & OF_CHANNEL) != 0) {
		nest = macsec_request_put(request, MACSEC_ATTR_RXSC_CONFIG | NLA_F_NESTED, NULL, 0);
		(void)macsec_request_put(
			request, MACSEC_RXSC_ATTR_SCI, move->sci, sizeof(move->sci));
		if (switched && (parts & OF_SA) == 0)
			(void)macsec_request_put(
				request, MACSEC_RXSC_ATTR_ACTIVE, &active, sizeof(active));
		macsec_request_end(request, nest);
	}
	if ((parts & OF_SA) != 0) {
		nest = macsec_request_put(request, MACSEC_ATTR_SA_CONFIG | NLA_F_NESTED, NULL, 0);
		(void)macsec_request_put(request, MACSEC_SA_ATTR_AN, &move->an, sizeof(move->an));
		if ((parts & WITH_KEY) != 0) {
			(void)macsec_request_put(request, MACSEC_SA_ATTR_PN, &first, sizeof(first));
			(void)macsec_request_put(
				request, MACSEC_SA_ATTR_KEYID, move->id, SKEX_KEY_ID_BYTES);
			(void)macsec_request_put(
				request, MACSEC_SA_ATTR_KEY, move->key, move->key_size);
		}
		if (switched)
			(void)macsec_request_put(
				request, MACSEC_SA_ATTR_ACTIVE, &active, sizeof(active));
		macsec_request_end(request, nest);
	}
	error = macsec_talk(kernel->generic, request, NULL, NULL);
	skex_wipe(request, sizeof(*request));
	if (error == MACSEC_SILENT)
		return SKEX_E_IO;
	return error == 0 ? SKEX_OK : SKEX_E_REFUSED;
}

/* What `ip link set INTERFACE type macsec encodingsa AN` does. */
static enum skex_error encode_under(
	struct macsec_kernel *kernel, struct macsec_request *request, uint8_t an)
{
	const struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = kernel->index};
	struct rtattr *info;
	struct rtattr *data;
	int error;

	macsec_request_begin(request, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
	info = macsec_request_put(request, IFLA_LINKINFO, NULL, 0);
	(void)macsec_request_put(request, IFLA_INFO_KIND, "macsec", 6);
	data = macsec_request_put(request, IFLA_INFO_DATA, NULL, 0);
	(void)macsec_request_put(request, IFLA_MACSEC_ENCODING_SA, &an, sizeof(an));
	macsec_request_end(request, data);
	macsec_request_end(request, info);
	error = macsec_talk(kernel->route, request, NULL, NULL);
	if (error == MACSEC_SILENT)
		return SKEX_E_IO;
	return error == 0 ? SKEX_OK : SKEX_E_REFUSED;
}

/* One that is active cannot be removed. */
static enum skex_error drop(struct macsec_kernel *kernel, struct macsec_request *scratch,
	const struct macsec_move *move, bool sends)
{
	const unsigned parts = sends ? OF_SA : OF_SA | OF_CHANNEL;
	const enum skex_error error = ask(kernel, scratch,
		sends ? MACSEC_CMD_UPD_TXSA : MACSEC_CMD_UPD_RXSA, move, parts | TURNED_OFF);

	return error != SKEX_OK
		? error
		: ask(kernel, scratch, sends ? MACSEC_CMD_DEL_TXSA : MACSEC_CMD_DEL_RXSA, move,
			  parts);
}

enum skex_error macsec_secy_change(struct macsec_kernel *kernel, const struct macsec_move *move,
	struct macsec_request *scratch)
{
	enum skex_error error;

	switch (move->change) {
	case MACSEC_ADD_CHANNEL:
		return ask(kernel, scratch, MACSEC_CMD_ADD_RXSC, move, OF_CHANNEL | TURNED_ON);
	case MACSEC_DROP_CHANNEL:
		return ask(kernel, scratch, MACSEC_CMD_DEL_RXSC, move, OF_CHANNEL);
	case MACSEC_ADD_RX:
		return ask(kernel, scratch, MACSEC_CMD_ADD_RXSA, move,
			OF_CHANNEL | OF_SA | WITH_KEY | TURNED_ON);
	case MACSEC_ADD_TX:
		return ask(
			kernel, scratch, MACSEC_CMD_ADD_TXSA, move, OF_SA | WITH_KEY | TURNED_OFF);
	case MACSEC_DROP_RX:
	case MACSEC_DROP_TX:
		return drop(kernel, scratch, move, move->change == MACSEC_DROP_TX);
	case MACSEC_USE:
		error = ask(kernel, scratch, MACSEC_CMD_UPD_TXSA, move, OF_SA | TURNED_ON);
		return error != SKEX_OK ? error : encode_under(kernel, scratch, move->an);
	}
	return SKEX_E_ARGUMENT;
}
