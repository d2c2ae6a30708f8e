/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/deliver/fake_macsec.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/if_macsec.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define FAMILY 0x1c
#define INDEX  7

/* ---- answers -----------------------------------------------------------------------------------
 */

struct answer {
	_Alignas(struct nlmsghdr) char bytes[8192];
	size_t size;
	size_t message; /* where the last one begins */
};

static void begin(struct answer *answer, const struct nlmsghdr *asked, uint16_t type,
	const void *fixed, size_t size)
{
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)(answer->bytes + answer->size);

	answer->message = answer->size;
	*head = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH((uint32_t)size),
		.nlmsg_type = type,
		.nlmsg_seq = asked->nlmsg_seq};
	memcpy(NLMSG_DATA(head), fixed, size);
	answer->size += NLMSG_ALIGN(head->nlmsg_len);
}

static void seal(struct answer *answer)
{
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)(answer->bytes + answer->message);

	head->nlmsg_len = (uint32_t)(answer->size - answer->message);
}

static size_t put(struct answer *answer, uint16_t type, const void *value, size_t size)
{
	const size_t at = answer->size;
	struct rtattr *attribute = (struct rtattr *)(void *)(answer->bytes + at);

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size > 0)
		memcpy(RTA_DATA(attribute), value, size);
	answer->size += RTA_ALIGN(attribute->rta_len);
	return at;
}

static void close_nest(struct answer *answer, size_t at)
{
	((struct rtattr *)(void *)(answer->bytes + at))->rta_len = (uint16_t)(answer->size - at);
}

static void finish(struct answer *answer, const struct nlmsghdr *asked, int error, int done)
{
	const struct nlmsgerr fixed = {.error = error, .msg = *asked};

	if ((asked->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && error == 0)
		begin(answer, asked, NLMSG_DONE, &done, sizeof(done));
	else
		begin(answer, asked, NLMSG_ERROR, &fixed, sizeof(fixed));
}

/* ---- the family "macsec" -----------------------------------------------------------------------
 */

static void put_byte(struct answer *answer, uint16_t type, uint8_t value)
{
	(void)put(answer, type, &value, sizeof(value));
}

static void put_sas(struct answer *answer, uint16_t type, const struct macsec_sa sas[MACSEC_ANS])
{
	const size_t list = put(answer, type, NULL, 0);
	unsigned i;

	for (i = 0; i < MACSEC_ANS; i++) {
		size_t element;
		size_t stats;

		if (!sas[i].there)
			continue;
		element = put(answer, (uint16_t)(i + 1), NULL, 0);
		put_byte(answer, MACSEC_SA_ATTR_AN, (uint8_t)i);
		(void)put(answer, MACSEC_SA_ATTR_PN, &sas[i].pn, sizeof(sas[i].pn));
		(void)put(answer, MACSEC_SA_ATTR_KEYID, sas[i].id, sizeof(sas[i].id));
		put_byte(answer, MACSEC_SA_ATTR_ACTIVE, sas[i].active);
		stats = put(answer, MACSEC_SA_ATTR_STATS, NULL, 0);
		(void)put(
			answer, MACSEC_SA_STATS_ATTR_IN_PKTS_OK, &sas[i].fine, sizeof(sas[i].fine));
		close_nest(answer, stats);
		close_nest(answer, element);
	}
	close_nest(answer, list);
}

static void dump(const struct fake_macsec *fake, struct answer *answer, int32_t index)
{
	const struct macsec_secy *secy = &fake->secy;
	size_t nest;
	size_t element;
	unsigned i;

	(void)put(answer, MACSEC_ATTR_IFINDEX, &index, sizeof(index));
	nest = put(answer, MACSEC_ATTR_SECY, NULL, 0);
	(void)put(answer, MACSEC_SECY_ATTR_SCI, secy->sci, sizeof(secy->sci));
	(void)put(answer, MACSEC_SECY_ATTR_CIPHER_SUITE, &fake->suite, sizeof(fake->suite));
	put_byte(answer, MACSEC_SECY_ATTR_PROTECT, secy->protects);
	put_byte(answer, MACSEC_SECY_ATTR_ENCRYPT, secy->encrypts);
	put_byte(answer, MACSEC_SECY_ATTR_VALIDATE,
		secy->strict ? MACSEC_VALIDATE_STRICT : MACSEC_VALIDATE_CHECK);
	put_byte(answer, MACSEC_SECY_ATTR_REPLAY, !secy->replays);
	put_byte(answer, MACSEC_SECY_ATTR_OPER, secy->operational);
	put_byte(answer, MACSEC_SECY_ATTR_ENCODING_SA, secy->encoding);
	close_nest(answer, nest);
	put_sas(answer, MACSEC_ATTR_TXSA_LIST, secy->tx);
	nest = put(answer, MACSEC_ATTR_RXSC_LIST, NULL, 0);
	for (i = 0; i < secy->others_count; i++) {
		element = put(answer, (uint16_t)(i + 1), NULL, 0);
		(void)put(answer, MACSEC_RXSC_ATTR_SCI, secy->others[i], MACSEC_SCI_BYTES);
		close_nest(answer, element);
	}
	if (secy->channel) {
		element = put(answer, (uint16_t)(i + 1), NULL, 0);
		(void)put(answer, MACSEC_RXSC_ATTR_SCI, fake->channel, MACSEC_SCI_BYTES);
		put_sas(answer, MACSEC_RXSC_ATTR_SA_LIST, secy->rx);
		close_nest(answer, element);
	}
	close_nest(answer, nest);
}

static int change_channel(struct fake_macsec *fake, uint8_t command, const uint8_t *sci)
{
	struct macsec_secy *secy = &fake->secy;
	const bool ours = secy->channel && memcmp(sci, fake->channel, MACSEC_SCI_BYTES) == 0;

	if (command == MACSEC_CMD_ADD_RXSC) {
		if (ours)
			return -EEXIST;
		secy->channel = true;
		memcpy(fake->channel, sci, MACSEC_SCI_BYTES);
		return 0;
	}
	if (ours) {
		secy->channel = false;
		memset(secy->rx, 0, sizeof(secy->rx));
		return 0;
	}
	if (secy->others_count == 0)
		return -ENODEV;
	secy->others_count--;
	return 0;
}

struct asked {
	uint8_t command;
	uint8_t an;
	bool switches;
	uint8_t active;
	uint32_t pn;
	struct rtattr *id;
	struct rtattr *key;
};

static void operate(struct macsec_secy *secy)
{
	secy->operational = secy->tx[secy->encoding].there && secy->tx[secy->encoding].active;
}

static int change_sa(struct fake_macsec *fake, const struct asked *asked, bool sends)
{
	struct macsec_secy *secy = &fake->secy;
	struct macsec_sa *sa = sends ? &secy->tx[asked->an] : &secy->rx[asked->an];

	switch (asked->command) {
	case MACSEC_CMD_ADD_TXSA:
	case MACSEC_CMD_ADD_RXSA:
		if (sa->there)
			return -EBUSY;
		if (asked->key == NULL || asked->id == NULL || asked->pn == 0 ||
			RTA_PAYLOAD(asked->key) != secy->key_size)
			return -EINVAL;
		*sa = (struct macsec_sa){
			.there = true, .active = asked->active != 0, .pn = asked->pn};
		memcpy(sa->id, RTA_DATA(asked->id), sizeof(sa->id));
		memcpy(fake->keys[asked->an], RTA_DATA(asked->key), secy->key_size);
		fake->given[sa->id[0]] += sends;
		break;
	case MACSEC_CMD_UPD_TXSA:
	case MACSEC_CMD_UPD_RXSA:
		if (!sa->there)
			return -ENODEV;
		if (asked->switches)
			sa->active = asked->active != 0;
		/* As Linux: the numbers begin again. */
		if (sends && sa->active && sa->pn == 0)
			sa->pn = 1;
		break;
	default:
		if (!sa->there || sa->active)
			return -EBUSY;
		*sa = (struct macsec_sa){0};
		break;
	}
	operate(secy);
	return 0;
}

static int change(struct fake_macsec *fake, struct nlmsghdr *head, uint8_t command)
{
	const size_t fixed = NLMSG_LENGTH(GENL_HDRLEN);
	void *data = (char *)head + fixed;
	const size_t size = head->nlmsg_len - fixed;
	struct rtattr *channel = macsec_find_in(
		macsec_find(data, size, MACSEC_ATTR_RXSC_CONFIG), MACSEC_RXSC_ATTR_SCI);
	struct rtattr *sa = macsec_find(data, size, MACSEC_ATTR_SA_CONFIG);
	struct asked asked = {.command = command};
	int32_t index = 0;

	fake->changes++;
	if (!macsec_number(macsec_find(data, size, MACSEC_ATTR_IFINDEX), &index, sizeof(index)) ||
		index != INDEX || !fake->there)
		return -ENODEV;
	if (!fake->allowed)
		return -EPERM;
	if (fake->deaf)
		return 0;
	if (sa == NULL)
		return channel == NULL ? -EINVAL : change_channel(fake, command, RTA_DATA(channel));
	if (channel != NULL &&
		(!fake->secy.channel ||
			memcmp(RTA_DATA(channel), fake->channel, MACSEC_SCI_BYTES) != 0))
		return -ENODEV;
	if (!macsec_number(macsec_find_in(sa, MACSEC_SA_ATTR_AN), &asked.an, 1) ||
		asked.an >= MACSEC_ANS)
		return -EINVAL;
	asked.switches = macsec_number(macsec_find_in(sa, MACSEC_SA_ATTR_ACTIVE), &asked.active, 1);
	(void)macsec_number(macsec_find_in(sa, MACSEC_SA_ATTR_PN), &asked.pn, sizeof(asked.pn));
	asked.id = macsec_find_in(sa, MACSEC_SA_ATTR_KEYID);
	asked.key = macsec_find_in(sa, MACSEC_SA_ATTR_KEY);
	return change_sa(fake, &asked, channel == NULL);
}

static void answer_generic(struct fake_macsec *fake, struct nlmsghdr *head, struct answer *answer)
{
	const struct genlmsghdr *asked = NLMSG_DATA(head);
	const struct genlmsghdr fixed = {.cmd = asked->cmd, .version = 1};
	const uint16_t family = FAMILY;
	int error = 0;

	if (head->nlmsg_type == GENL_ID_CTRL) {
		begin(answer, head, GENL_ID_CTRL, &fixed, sizeof(fixed));
		(void)put(answer, CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
		seal(answer);
	} else if (asked->cmd == MACSEC_CMD_GET_TXSC) {
		/* Another interface comes first. */
		begin(answer, head, FAMILY, &fixed, sizeof(fixed));
		dump(fake, answer, INDEX - 1);
		seal(answer);
		if (fake->torn > 0) {
			fake->torn--;
			((struct nlmsghdr *)(void *)(answer->bytes + answer->message))
				->nlmsg_flags |= NLM_F_DUMP_INTR;
		} else if (fake->there && fake->broken == 0) {
			begin(answer, head, FAMILY, &fixed, sizeof(fixed));
			dump(fake, answer, INDEX);
			seal(answer);
		}
	} else {
		error = change(fake, head, asked->cmd);
	}
	finish(answer, head, error, fake->broken);
}

/* ---- interfaces --------------------------------------------------------------------------------
 */

static void answer_route(struct fake_macsec *fake, struct nlmsghdr *head, struct answer *answer)
{
	const size_t fixed = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	const struct ifinfomsg link = {.ifi_index = INDEX};
	void *data = (char *)head + fixed;
	const size_t size = head->nlmsg_len - fixed;
	struct rtattr *name = macsec_find(data, size, IFLA_IFNAME);
	struct rtattr *info = macsec_find(data, size, IFLA_LINKINFO);
	uint8_t an = 0;
	int error = 0;

	if (head->nlmsg_type == RTM_GETLINK && fake->there && name != NULL &&
		strcmp(RTA_DATA(name), "macsec7") == 0) {
		begin(answer, head, RTM_NEWLINK, &link, sizeof(link));
		seal(answer);
	} else if (head->nlmsg_type == RTM_NEWLINK && fake->allowed &&
		macsec_number(macsec_find_in(macsec_find_in(info, IFLA_INFO_DATA),
				      IFLA_MACSEC_ENCODING_SA),
			&an, 1)) {
		fake->changes++;
		fake->secy.encoding = an;
		operate(&fake->secy);
	} else {
		error = head->nlmsg_type == RTM_GETLINK ? -ENODEV : -EPERM;
	}
	finish(answer, head, error, 0);
}

/* ---- the threads -------------------------------------------------------------------------------
 */

static void serve(struct fake_macsec *fake, unsigned which)
{
	_Alignas(struct nlmsghdr) char bytes[2048];
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)bytes;

	for (;;) {
		struct answer answer = {.size = 0};

		if (recv(fake->ends[which], bytes, sizeof(bytes), 0) < (ssize_t)sizeof(*head))
			return;
		pthread_mutex_lock(&fake->lock);
		if (which == 0)
			answer_route(fake, head, &answer);
		else
			answer_generic(fake, head, &answer);
		pthread_mutex_unlock(&fake->lock);
		(void)!send(fake->ends[which], answer.bytes, answer.size, 0);
	}
}

static void *serve_route(void *owner)
{
	serve(owner, 0);
	return NULL;
}

static void *serve_generic(void *owner)
{
	serve(owner, 1);
	return NULL;
}

void fake_macsec_start(struct fake_macsec *fake)
{
	static const uint8_t sci[MACSEC_SCI_BYTES] = {2, 0, 0, 0, 0, 1, 0, 1};
	int route[2];
	int generic[2];

	memset(fake, 0, sizeof(*fake));
	fake->there = fake->allowed = true;
	fake->suite = MACSEC_CIPHER_ID_GCM_AES_256;
	fake->secy = (struct macsec_secy){
		.key_size = 32, .protects = true, .encrypts = true, .strict = true};
	memcpy(fake->secy.sci, sci, sizeof(sci));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, route), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, generic), 0);
	fake->route = route[0];
	fake->ends[0] = route[1];
	fake->generic = generic[0];
	fake->ends[1] = generic[1];
	assert_int_equal(pthread_mutex_init(&fake->lock, NULL), 0);
	assert_int_equal(pthread_create(&fake->threads[0], NULL, serve_route, fake), 0);
	assert_int_equal(pthread_create(&fake->threads[1], NULL, serve_generic, fake), 0);
}

void fake_macsec_stop(struct fake_macsec *fake)
{
	unsigned i;

	(void)close(fake->route);
	(void)close(fake->generic);
	for (i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(fake->threads[i], NULL), 0);
		(void)close(fake->ends[i]);
	}
}
