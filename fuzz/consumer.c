/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/consumer.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cursor.h"
#include "fuzz/fuzz.h"

#define STREAMS    4u
#define OPERATIONS 64u
#define FILE_BYTES 4096u

struct skex_stream {
	const struct skex_stream_events *events;
	void *owner;
	bool there;
	bool open;
};

struct skex_work {
	void (*run)(void *owner);
	void (*done)(void *owner);
	void *owner;
	bool there;
};

struct skex_later {
	void (*call)(void *owner);
	void *owner;
	uint64_t due_ms;
	bool there;
};

static struct skex_stream streams[STREAMS];
static struct skex_work work;
static struct skex_later later;
static uint64_t now_ms;
static uint8_t dice;
static unsigned fails;
static bool waits; /* an act or a look is under way */

/* ---- the platform ------------------------------------------------------------------------------
 */

static uint64_t on_now_ms(void *context)
{
	(void)context;
	return now_ms;
}

static uint64_t on_wall_ms(void *context)
{
	(void)context;
	return UINT64_C(1700000000000) + now_ms;
}

static enum skex_error on_random(void *context, void *out, size_t size)
{
	(void)context;
	memset(out, ++dice | 0x80, size);
	return SKEX_OK;
}

static void must_be_a_line(const char *text)
{
	for (; *text != '\0'; text++)
		must(*text >= ' ' && *text <= '~');
}

static void on_log(void *context, enum skex_level level, const char *line)
{
	(void)context;
	(void)level;
	must_be_a_line(line);
}

static enum skex_error on_connect(void *context, const char *host, int port,
	const struct skex_stream_events *events, void *owner, struct skex_stream **out)
{
	struct skex_stream *stream = NULL;
	size_t i;

	(void)context;
	must(host != NULL && port == -1);
	if ((fails & 1) != 0)
		return SKEX_E_IO;
	for (i = 0; i < STREAMS && stream == NULL; i++) {
		if (!streams[i].there)
			stream = &streams[i];
	}
	must(stream != NULL);
	*stream = (struct skex_stream){.events = events, .owner = owner, .there = true};
	*out = stream;
	return SKEX_OK;
}

static enum skex_error on_send(
	struct skex_stream *stream, const struct skex_view *parts, size_t count)
{
	volatile uint8_t sum = 0;

	must(stream->there && stream->open);
	for (size_t i = 0; i < count; i++) {
		for (size_t at = 0; at < parts[i].size; at++)
			sum = (uint8_t)(sum + parts[i].data[at]);
	}
	return (fails & 2) != 0 ? SKEX_E_OFFLINE : SKEX_OK;
}

static void on_close(struct skex_stream *stream)
{
	must(stream->there);
	stream->there = false;
}

static enum skex_error on_work(void *context, enum skex_work_for what, void (*run)(void *owner),
	void (*done)(void *owner), void *owner, struct skex_work **out)
{
	(void)context;
	(void)what;
	must(!work.there);
	work = (struct skex_work){run, done, owner, true};
	*out = &work;
	return SKEX_OK;
}

static void on_drop(struct skex_work *dropped)
{
	if (dropped != NULL)
		dropped->there = false;
}

static enum skex_error on_later(
	void *context, uint64_t ms, void (*call)(void *owner), void *owner, struct skex_later **out)
{
	(void)context;
	must(!later.there);
	later = (struct skex_later){call, owner, now_ms + ms, true};
	*out = &later;
	return SKEX_OK;
}

static void on_never(struct skex_later *given_up)
{
	if (given_up != NULL)
		given_up->there = false;
}

static const struct skex_net net = {.connect = on_connect, .send = on_send, .close = on_close};
static const struct skex_jobs jobs = {
	.work = on_work, .drop = on_drop, .later = on_later, .never = on_never};
static const struct skex_platform platform = {
	.now_ms = on_now_ms,
	.wall_ms = on_wall_ms,
	.random = on_random,
	.log = on_log,
	.net = &net,
	.jobs = &jobs,
};

const struct skex_platform *fuzz_consumer_platform(void)
{
	now_ms = 1000;
	dice = 0;
	fails = 0;
	waits = false;
	return &platform;
}

/* ---- what happens to it ------------------------------------------------------------------------
 */

static void on_done(void *owner, uint8_t reason, const char *text)
{
	(void)owner;
	must(waits);
	waits = false;
	must((reason == SKEX_ROTATION_FINE) == (text[0] == '\0'));
	must_be_a_line(text);
}

static void on_seen(void *owner, enum skex_rotation_event event, const char *text)
{
	(void)owner;
	must(waits);
	waits = false;
	must(event <= SKEX_ROTATION_EVENTS);
	must_be_a_line(text);
}

static void put_key(struct skex_rotation_secret *key, uint8_t bits, uint8_t number)
{
	static uint8_t bytes[4][32];

	*key = (struct skex_rotation_secret){.there = (bits & 1) != 0};
	if (!key->there)
		return;
	memset(bytes[number], number * 0x11, sizeof(bytes[number]));
	memset(key->id, number * 0x11, sizeof(key->id));
	if ((bits & 2) != 0) {
		key->bytes = bytes[number];
		key->size = sizeof(bytes[number]);
	}
}

static void begin(const struct fuzz_consumer *consumer, bool looks, uint8_t actions, uint8_t which)
{
	struct skex_rotation_keys keys = {.swapped = (which & 0x80) != 0};

	put_key(&keys.next, which & 3, (which & 0x40) != 0 ? 3 : 2);
	put_key(&keys.active, which >> 2 & 3, 1);
	put_key(&keys.old, which >> 4 & 3, 0);
	memset(keys.peer_active_id, 0x11, sizeof(keys.peer_active_id));
	if (waits || (!looks && actions % 16 == 0))
		return;
	waits = true;
	if (looks)
		consumer->consumer->look(consumer->context, &keys, on_seen, NULL);
	else
		consumer->consumer->act(
			consumer->context, (uint32_t)(actions % 16) << 5, &keys, on_done, NULL);
	/* They are valid during the call only. */
	memset(&keys, 0xee, sizeof(keys));
}

static void open_stream(struct skex_stream *stream)
{
	if (!stream->there || stream->open)
		return;
	stream->open = true;
	if (stream->events->opened != NULL)
		stream->events->opened(stream->owner, stream);
}

/* Each piece in memory of its own. */
static void say(struct skex_stream *stream, uint8_t pieces, struct skex_view bytes)
{
	const size_t most = pieces == 0 ? bytes.size : pieces;

	open_stream(stream);
	while (bytes.size > 0 && stream->there) {
		const size_t size = bytes.size < most ? bytes.size : most;
		uint8_t *copy = malloc(size);

		must(copy != NULL);
		memcpy(copy, bytes.data, size);
		bytes = skex_view(bytes.data + size, bytes.size - size);
		stream->events->received(stream->owner, stream, skex_view(copy, size));
		free(copy);
	}
}

static void hang_up(struct skex_stream *stream)
{
	if (!stream->there)
		return;
	stream->there = false;
	stream->events->closed(stream->owner, stream, SKEX_OK);
}

static void pass(uint64_t ms)
{
	now_ms += ms;
	for (size_t i = 0; i < STREAMS; i++)
		open_stream(&streams[i]);
	if (work.there) {
		work.run(work.owner);
		work.there = false;
		work.done(work.owner);
	}
	if (later.there && later.due_ms <= now_ms) {
		later.there = false;
		later.call(later.owner);
	}
}

static void give_up(const struct fuzz_consumer *consumer)
{
	consumer->consumer->end(consumer->context);
	waits = false;
	must(!work.there && !later.there);
	for (size_t i = 0; i < STREAMS; i++)
		must(!streams[i].there);
}

static void touch_file(const char *path, uint8_t how, struct skex_view bytes)
{
	uint8_t text[FILE_BYTES];
	FILE *file;

	if (how % 4 != 0) {
		(void)unlink(path);
		(void)rmdir(path);
	}
	if (how % 4 == 3)
		must(mkdir(path, 0700) == 0);
	if (how % 4 > 1)
		return;
	file = fopen(path, how % 4 == 0 ? "r" : "w");
	if (file == NULL)
		return;
	if (how % 4 == 0)
		(void)fread(text, 1, sizeof(text), file);
	else
		must(fwrite(bytes.data, 1, bytes.size, file) == bytes.size);
	must(fclose(file) == 0);
}

static void operate(const struct fuzz_consumer *consumer, struct skex_reader *reader)
{
	const uint8_t operation = skex_read_u8(reader) % 8;
	const uint8_t first = operation == 5 ? 0 : skex_read_u8(reader);
	const uint8_t which = operation == 0 ? skex_read_u8(reader) : first;
	const bool more = operation == 2 || operation == 7;
	const struct skex_view bytes = skex_read_view(reader, more ? skex_read_u16(reader) : 0);

	if (reader->failed)
		return;
	switch (operation) {
	case 0:
	case 1:
		begin(consumer, operation == 1, first, which);
		break;
	case 2:
		say(&streams[first % STREAMS], first / STREAMS, bytes);
		break;
	case 3:
		hang_up(&streams[first % STREAMS]);
		break;
	case 4:
		pass(first * 100u);
		break;
	case 5:
		give_up(consumer);
		break;
	case 6:
		fails = first;
		break;
	default:
		if (consumer->file != NULL)
			touch_file(consumer->file, first, bytes);
		break;
	}
}

void fuzz_consumer_run(const struct fuzz_consumer *consumer, const uint8_t *data, size_t size)
{
	struct skex_reader reader;

	skex_reader_init(&reader, skex_view(data, size));
	for (unsigned i = 0; i < OPERATIONS && !reader.failed; i++)
		operate(consumer, &reader);
	give_up(consumer);
	if (consumer->file != NULL)
		touch_file(consumer->file, 2, skex_view(NULL, 0));
}

void fuzz_consumer_end(void)
{
	must(!work.there && !later.there);
	for (size_t i = 0; i < STREAMS; i++)
		must(!streams[i].there);
}

/* ---- its file ----------------------------------------------------------------------------------
 */

static char folder[64];
static char path[80];

static void remove_folder(void)
{
	(void)unlink(path);
	(void)rmdir(folder);
}

const char *fuzz_consumer_file(void)
{
	if (folder[0] != '\0')
		return path;
	/* In memory, where there is such a place: it is written for each input. */
	(void)snprintf(folder, sizeof(folder), "%s/skex-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(folder) != NULL);
	(void)snprintf(path, sizeof(path), "%s/keys", folder);
	must(atexit(remove_folder) == 0);
	return path;
}
