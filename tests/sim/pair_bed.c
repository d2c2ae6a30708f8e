/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/pair_bed.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "crypto/openssl.h"
#include "store/tables.h"

#define DIRECTORY "/state/store" /* /state is a root: always there */

const uint8_t bed_kek[32] = "the key of both stores, for test";
static const char key[] = "the other end";

/* splitmix64 (Vigna). */
uint64_t bed_random(struct bed *bed)
{
	uint64_t z = (bed->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t random_for_net(void *owner)
{
	return bed_random(owner);
}

/* ---- platform ----------------------------------------------------------------------------------
 */

static uint64_t now_ms(void *context)
{
	const struct bed_end *end = context;

	return end->bed->now;
}

static uint64_t wall_ms(void *context)
{
	const struct bed_end *end = context;

	return UINT64_C(1700000000000) + end->bed->now;
}

static enum skex_error random_bytes(void *context, void *out, size_t size)
{
	struct bed_end *end = context;
	uint8_t *bytes = out;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)bed_random(end->bed);
	return SKEX_OK;
}

static void log_line(void *context, enum skex_level level, const char *line)
{
	const struct bed_end *end = context;

	if (getenv("BED_VERBOSE") != NULL) /* rule 6: a switch of the test */
		fprintf(stderr, "%8llu %u <%d> %s\n", (unsigned long long)end->bed->now,
			end->number, (int)level, line);
}

static void wake(void *context)
{
	struct bed_end *end = context;

	end->woken = true;
}

static void datagram(void *owner, struct skex_socket *socket, const struct skex_net_address *from,
	struct skex_view bytes)
{
	struct bed_end *end = owner;

	end->arrived++;
	if (end->arrives == NULL || end->arrives(end, bytes))
		end->received(end->received_owner, socket, from, bytes);
}

static struct bed *current; /* send_to knows nothing but its socket */

static enum skex_error send_tapped(
	struct skex_socket *socket, const struct skex_net_address *address, struct skex_view bytes)
{
	struct bed_end *end = &current->end[socket == current->end[0].socket ? 0 : 1];

	assert_ptr_equal(end->socket, socket);
	if (end->sends != NULL)
		end->sends(end, bytes);
	return end->real->send_to(socket, address, bytes);
}

static enum skex_error bind_tapped(void *context, const char *host, int port,
	skex_received_fn received, void *owner, struct skex_socket **socket)
{
	struct bed_end *end = context;
	enum skex_error error;

	end->received = received;
	end->received_owner = owner;
	error = end->real->bind(end->real->context, host, port, datagram, end, socket);
	end->socket = error == SKEX_OK ? *socket : NULL;
	return error;
}

/* ---- a hash that counts ------------------------------------------------------------------------
 */

static enum skex_error sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	const struct skex_crypto *real = skex_crypto_openssl();
	struct bed_end *end = context;

	end->hashes++;
	return real->sha256(real->context, parts, count, out);
}

static enum skex_error hmac_sha256(void *context, struct skex_view secret,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	const struct skex_crypto *real = skex_crypto_openssl();
	struct bed_end *end = context;

	end->hashes++;
	return real->hmac_sha256(real->context, secret, parts, count, out);
}

static enum skex_error seal(void *context, enum skex_aead aead,
	const uint8_t secret[SKEX_AEAD_KEY_BYTES], const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
	struct skex_view associated, struct skex_view plain, uint8_t *out,
	uint8_t tag[SKEX_AEAD_TAG_BYTES])
{
	const struct skex_crypto *real = skex_crypto_openssl();

	(void)context;
	return real->aead_seal(real->context, aead, secret, nonce, associated, plain, out, tag);
}

static enum skex_error unseal(void *context, enum skex_aead aead,
	const uint8_t secret[SKEX_AEAD_KEY_BYTES], const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
	struct skex_view associated, struct skex_view sealed,
	const uint8_t tag[SKEX_AEAD_TAG_BYTES], uint8_t *out)
{
	const struct skex_crypto *real = skex_crypto_openssl();

	(void)context;
	return real->aead_open(real->context, aead, secret, nonce, associated, sealed, tag, out);
}

/* ---- the owner of the keys ---------------------------------------------------------------------
 */

static void opened(void *owner, struct skex_association *association)
{
	struct bed_end *end = owner;

	(void)association;
	end->opened++;
}

static void asked(void *owner, struct skex_association *association, struct skex_view blob,
	struct skex_association_answer *answer)
{
	const struct bed_end *end = owner;

	(void)association;
	(void)blob;
	answer->alert = end->refuses;
}

static bool made(void *owner, const struct skex_association_keys *keys)
{
	struct bed_end *end = owner;
	struct bed_session *session;
	uint8_t context[12];
	struct skex_writer writer;
	struct skex_view part;

	if (end->takes_none)
		return false;
	assert_in_range(end->sessions_count, 0, BED_SESSIONS - 1);
	session = &end->sessions[end->sessions_count++];
	skex_writer_init(&writer, context, sizeof(context));
	skex_write_u32(&writer, keys->number);
	skex_write_bytes(&writer, keys->sid, SKEX_PAIRWISE_ID_BYTES);
	assert_int_equal(skex_association_export(keys, "test", skex_view(context, sizeof(context)),
				 session->key, sizeof(session->key)),
		SKEX_OK);
	memcpy(session->sid, keys->sid, sizeof(session->sid));
	assert_in_range(keys->blob.size, 0, sizeof(session->blob));
	session->blob_size = (uint8_t)keys->blob.size;
	if (keys->blob.size > 0)
		memcpy(session->blob, keys->blob.data, keys->blob.size);
	session->initiator = keys->initiator;
	session->confirmed = keys->confirmed;
	session->number = keys->number;
	if (end->record > 0) {
		part = skex_view(session->key, sizeof(session->key));
		skex_txn_put_secret(skex_commit_txn(&end->commit), end->store, BED_KEYS,
			skex_view(session->sid, sizeof(session->sid)), &part, 1);
	}
	if (end->taken != NULL)
		end->taken(end);
	return true;
}

static void ended(void *owner, struct skex_association *association, void *cookie,
	enum skex_association_end how, uint8_t alert)
{
	struct bed_end *end = owner;

	(void)association;
	assert_ptr_equal(cookie, end);
	end->ended++;
	end->how = how;
	end->alert = alert;
}

static void told(void *owner, struct skex_association *association, enum skex_level level,
	const char *name, const char *text)
{
	struct bed_end *end = owner;

	(void)association;
	assert_int_equal(level, SKEX_LEVEL_ERROR);
	assert_true(strlen(text) > 20);
	end->rollbacks += strcmp(name, "rollback_suspected") == 0;
	end->peer_rollbacks += strcmp(name, "peer_rollback") == 0;
	end->alarms += strcmp(name, "pairwise_alarm") == 0;
	end->broken += strcmp(name, "pairwise_broken") == 0;
}

static const struct skex_association_events events = {
	.opened = opened,
	.asked = asked,
	.made = made,
	.ended = ended,
	.told = told,
};

/* ---- life --------------------------------------------------------------------------------------
 */

bool bed_is_up(const struct bed_end *end)
{
	return end->endpoint != NULL;
}

static enum skex_error start(struct bed_end *end)
{
	struct skex_endpoint_setup setup = {.host = "::", .port = end->port};
	enum skex_error error;

	end->platform.files = disk_files(end->disk);
	error = skex_log_store_open(
		&end->platform, skex_crypto_openssl(), DIRECTORY, bed_kek, &end->store);
	if (error != SKEX_OK)
		return error;
	skex_commit_init(&end->commit, end->store);
	setup.associations.platform = &end->platform;
	setup.associations.crypto = &end->crypto;
	setup.associations.commit = &end->commit;
	setup.associations.table = SKEX_TABLE_PAIRWISE;
	setup.associations.events = &events;
	setup.associations.owner = end;
	assert_int_equal(skex_endpoint_open(&setup, &end->endpoint), SKEX_OK);
	end->woken = true;
	return SKEX_OK;
}

static void aim(struct bed_end *end)
{
	const struct bed_end *other = &end->bed->end[1 - end->number];

	assert_int_equal(skex_endpoint_aim(end->endpoint, end->association,
				 end->number == 1 ? "left" : "right", other->port),
		SKEX_OK);
}

void bed_start(struct bed_end *end)
{
	if (bed_is_up(end))
		return;
	assert_int_equal(start(end), SKEX_OK);
	assert_int_equal(skex_association_open(skex_endpoint_associations(end->endpoint),
				 skex_view(key, sizeof(key)), &end->association),
		SKEX_OK);
	aim(end);
}

void bed_stop(struct bed_end *end, bool power)
{
	if (!bed_is_up(end))
		return;
	skex_endpoint_free(end->endpoint);
	end->endpoint = NULL;
	end->association = NULL;
	skex_commit_clear(&end->commit);
	sim_net_kill(end->bed->net, end->number);
	skex_store_close(end->store);
	end->store = NULL;
	if (power)
		disk_power_cut(end->disk, bed_random(end->bed));
	else
		disk_crash(end->disk);
}

static void pair(struct bed_end *end)
{
	const struct skex_pairwise_config config = {
		.id = {skex_view("left", 4), skex_view("right", 5)},
		.suites = skex_view("\1", 1),
		.purpose = skex_view("test", 4),
	};
	uint8_t psk[SKEX_HASH_BYTES];

	memset(psk, 0x5a, sizeof(psk));
	assert_int_equal(skex_association_make(skex_endpoint_associations(end->endpoint),
				 skex_view(key, sizeof(key)), &config, (uint8_t)end->number, psk,
				 &end->association),
		SKEX_OK);
	aim(end);
}

static void end_init(struct bed *bed, uint32_t number)
{
	struct bed_end *end = &bed->end[number];

	end->bed = bed;
	end->number = number;
	end->disk = disk_new();
	end->sessions = calloc(BED_SESSIONS, sizeof(*end->sessions));
	end->crypto.context = end;
	end->crypto.sha256 = sha256;
	end->crypto.hmac_sha256 = hmac_sha256;
	end->crypto.aead_seal = seal;
	end->crypto.aead_open = unseal;
	end->real = sim_net_table(bed->net, number, number == 0 ? "left" : "right");
	end->net = *end->real;
	end->net.context = end;
	end->net.bind = bind_tapped;
	end->net.send_to = send_tapped;
	end->platform.context = end;
	end->platform.now_ms = now_ms;
	end->platform.wall_ms = wall_ms;
	end->platform.random = random_bytes;
	end->platform.log = log_line;
	end->platform.wake = wake;
	end->platform.net = &end->net;
	assert_int_equal(start(end), SKEX_OK);
	pair(end);
}

void bed_init(struct bed *bed, uint64_t seed, const struct sim_net_rules *rules)
{
	memset(bed, 0, sizeof(*bed));
	current = bed;
	bed->state = seed;
	bed->now = 1000;
	bed->net = sim_net_new(random_for_net, bed);
	if (rules != NULL)
		sim_net_rules(bed->net, rules);
	bed->end[0].port = BED_PORT;
	bed->end[1].port = BED_PORT + 1;
	end_init(bed, 0);
	end_init(bed, 1);
	bed_run(bed, 10);
	assert_int_equal(bed->end[0].opened, 1);
	assert_int_equal(bed->end[1].opened, 1);
}

void bed_clear(struct bed *bed)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		bed_stop(&bed->end[i], false);
		disk_free(bed->end[i].disk);
		free(bed->end[i].sessions);
	}
	sim_net_free(bed->net);
}

/* ---- time --------------------------------------------------------------------------------------
 */

static void turn(struct bed_end *end)
{
	struct skex_associations *all;
	uint64_t due;

	if (!bed_is_up(end))
		return;
	end->woken = false;
	all = skex_endpoint_associations(end->endpoint);
	skex_associations_turn(all, end->bed->now);
	skex_commit_flush(&end->commit);
	end->turn_ms = skex_store_turn(end->store, end->bed->now);
	due = skex_associations_due(all);
	end->turn_ms = due < end->turn_ms ? due : end->turn_ms;
	/* A daemon whose store fails stops: in the tests, because its power was cut. */
	if (end->commit.failed != SKEX_OK)
		bed_stop(end, true);
}

static uint64_t settle(struct bed *bed)
{
	uint64_t due;
	bool busy = true;
	unsigned i;

	while (busy) {
		uint32_t number = 0;

		busy = false;
		while (sim_net_step(bed->net, bed->now, &number)) {
			turn(&bed->end[number]);
			busy = true;
		}
		for (i = 0; i < 2; i++) {
			struct bed_end *end = &bed->end[i];

			if (disk_turn(end->disk)) {
				turn(end);
				busy = true;
			}
			if (bed_is_up(end) && (end->woken || end->turn_ms <= bed->now)) {
				turn(end);
				busy = busy || end->woken || disk_busy(end->disk) > 0;
			}
		}
	}
	due = sim_net_due(bed->net);
	for (i = 0; i < 2; i++) {
		if (bed_is_up(&bed->end[i]) && bed->end[i].turn_ms < due)
			due = bed->end[i].turn_ms;
	}
	return due;
}

void bed_run(struct bed *bed, uint64_t ms)
{
	const uint64_t last = bed->now + ms;

	for (;;) {
		uint64_t due = settle(bed);

		if (due > last || bed->now >= last)
			break;
		bed->now = due > bed->now ? due : bed->now + 1;
	}
	bed->now = last;
}

/* ---- asking ------------------------------------------------------------------------------------
 */

enum skex_error bed_begin(struct bed_end *end, const char *text, uint64_t subject)
{
	const struct skex_association_start start_with = {
		.blob = skex_view(text, strlen(text)), .subject = subject, .cookie = end};

	return skex_association_begin(end->association, &start_with);
}

static uint32_t confirmed(const struct bed_end *end)
{
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < end->sessions_count; i++)
		count += end->sessions[i].initiator && end->sessions[i].confirmed;
	return count;
}

void bed_succeed(struct bed *bed, uint32_t who)
{
	struct bed_end *end = &bed->end[who];
	const uint32_t before = confirmed(end);
	unsigned tries;

	for (tries = 0; tries < 1000 && confirmed(end) == before; tries++) {
		bed_start(&bed->end[0]);
		bed_start(&bed->end[1]);
		if (skex_association_ready(end->association))
			(void)bed_begin(end, "to succeed", 0);
		bed_run(bed, 1000);
	}
	assert_true(confirmed(end) > before);
}

const struct bed_session *bed_last(const struct bed_end *end)
{
	assert_true(end->sessions_count > 0);
	return &end->sessions[end->sessions_count - 1];
}

/* ---- what has to be true -----------------------------------------------------------------------
 */

static void check_pair(const struct bed_session *a, const struct bed_session *b, bool same_end)
{
	const bool same_key = skex_ct_equal(a->key, b->key, sizeof(a->key));
	const bool same_name = memcmp(a->sid, b->sid, sizeof(a->sid)) == 0; /* rule 3: a name */

	if (same_end)
		assert_false(same_key);
	else
		assert_int_equal(same_key, same_name);
	if (same_key)
		assert_int_not_equal(a->initiator, b->initiator);
}

void bed_check(const struct bed *bed)
{
	const struct bed_end *left = &bed->end[0];
	const struct bed_end *right = &bed->end[1];
	uint32_t i, j;

	for (i = 0; i < left->sessions_count; i++) {
		for (j = 0; j < i; j++)
			check_pair(&left->sessions[i], &left->sessions[j], true);
		for (j = 0; j < right->sessions_count; j++)
			check_pair(&left->sessions[i], &right->sessions[j], false);
	}
	for (i = 0; i < right->sessions_count; i++) {
		for (j = 0; j < i; j++)
			check_pair(&right->sessions[i], &right->sessions[j], true);
	}
}

/* ---- backups -----------------------------------------------------------------------------------
 */

struct copying {
	const struct skex_files *from;
	const struct skex_files *to;
};

static void copy_file(void *owner, const char *name)
{
	const struct copying *copying = owner;
	struct skex_file *from = NULL;
	struct skex_file *to = NULL;
	uint64_t size = 0;
	char path[256];
	uint8_t *bytes;

	snprintf(path, sizeof(path), DIRECTORY "/%s", name);
	assert_int_equal(
		copying->from->open(copying->from->context, path, SKEX_OPEN_READ, &from), SKEX_OK);
	assert_int_equal(copying->from->size(from, &size), SKEX_OK);
	bytes = malloc(size + 1);
	assert_non_null(bytes);
	if (size > 0)
		assert_int_equal(copying->from->read(from, 0, bytes, size), SKEX_OK);
	assert_int_equal(copying->to->open(copying->to->context, path,
				 SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &to),
		SKEX_OK);
	assert_int_equal(copying->to->resize(to, size), SKEX_OK);
	if (size > 0)
		assert_int_equal(copying->to->write(to, 0, bytes, size), SKEX_OK);
	assert_int_equal(copying->to->sync_wait(to), SKEX_OK);
	copying->from->close(from);
	copying->to->close(to);
	free(bytes);
}

static struct disk *copy(const struct disk *disk)
{
	struct disk *made_disk = disk_new();
	struct copying copying = {
		disk_files((struct disk *)(uintptr_t)disk), disk_files(made_disk)};

	assert_int_equal(copying.to->make_directory(copying.to->context, DIRECTORY), SKEX_OK);
	assert_int_equal(
		copying.from->list(copying.from->context, DIRECTORY, copy_file, &copying), SKEX_OK);
	assert_int_equal(copying.to->sync_directory(copying.to->context, DIRECTORY), SKEX_OK);
	return made_disk;
}

struct disk *bed_backup(const struct bed_end *end)
{
	return copy(end->disk);
}

void bed_restore(struct bed_end *end, const struct disk *backup)
{
	bed_stop(end, false);
	disk_free(end->disk);
	end->disk = copy(backup);
}
