/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/hook/hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "platform/memory.h"

#define NEXT_SUFFIX ".next"
#define KEY_BYTES   32u

enum place {
	PATH,      /* the key to use */
	PATH_NEXT, /* the one to accept besides it */
	PLACES
};

enum stage {
	RESTING,
	LEARNING, /* which key a file holds from before our start */
	WRITING,  /* the files of an action */
	TELLING,  /* the program of it */
	READING,  /* looks at the files, and then */
	ASKING,   /* at what the program says */
};

enum wish {
	KEEP, /* as it is */
	PUT,
	REMOVE,
};

struct text {
	uint8_t bytes[SKEX_KEY_FORMAT_MAX];
	size_t size; /* 0: none */
};

/* A key of the call under way, or one that the consumer was given. */
struct held {
	bool there;
	bool known; /* its bytes are */
	uint8_t id[SKEX_ROTATION_ID_BYTES];
	struct text text;
};

/* Secrets, in locked memory. */
struct secrets {
	struct held next;
	struct held active;
	struct held old;
	struct held left;         /* the key that PATH held when we came */
	struct held given;        /* what it is to use by now */
	struct text file[PLACES]; /* what they were given; size 0: not by us */
	struct text put[PLACES];  /* of the work */
};

struct skex_hook {
	const struct skex_platform *platform;
	const struct skex_hook_config *config;
	bool one_place;
	char *next_path;
	struct secrets *secrets;

	enum stage stage;
	uint32_t actions; /* still to be done, the lowest first */
	bool swapped;
	bool switched;     /* it was told to use the key that it was given */
	bool warned;       /* that the files cannot be looked at */
	uint64_t quiet_ms; /* until then the program need not be asked */
	struct skex_work *work;
	struct skex_program *program;
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;

	/* Of the work; the other thread's while there is one. */
	enum wish wish[PLACES];
	bool gone;
	enum skex_error error;
	char why[SKEX_FOREIGN_WHY_BYTES];
};

/* ---- the end of it -----------------------------------------------------------------------------
 */

static void finish(struct skex_hook *hook, uint8_t reason, const char *text)
{
	hook->stage = RESTING;
	hook->actions = 0;
	hook->done(hook->owner, reason, text);
}

static void fail(struct skex_hook *hook, const char *text)
{
	char said[SKEX_FOREIGN_WHY_BYTES + 64];

	(void)snprintf(said, sizeof(said), "hook: %s", text);
	finish(hook, SKEX_ROTATION_CONSUMER, said);
}

static uint64_t now(const struct skex_hook *hook)
{
	return hook->platform->now_ms(hook->platform->context);
}

static void saw(struct skex_hook *hook, enum skex_rotation_event event)
{
	if (hook->stage == ASKING && event == SKEX_ROTATION_USED)
		hook->quiet_ms = now(hook) + SKEX_HOOK_QUIET_MS;
	hook->stage = RESTING;
	hook->seen(hook->owner, event, "");
}

/* ---- files -------------------------------------------------------------------------------------
 */

static struct skex_foreign_file file_of(const struct skex_hook *hook, enum place place)
{
	struct skex_foreign_file file = hook->config->file;

	if (place == PATH_NEXT)
		file.path = hook->next_path;
	return file;
}

static void wish_for(struct skex_hook *hook, enum place place, const struct held *key)
{
	if (!key->there)
		hook->wish[place] = REMOVE;
	else if (key->known)
		hook->wish[place] = PUT;
	hook->secrets->put[place] = key->text;
	if (hook->wish[place] != KEEP)
		hook->secrets->file[place] = key->text;
}

/* What an action means for the files; see hook.h. */
static void plan(struct skex_hook *hook, uint32_t action)
{
	const struct secrets *secrets = hook->secrets;
	static const struct held none;

	hook->wish[PATH] = KEEP;
	hook->wish[PATH_NEXT] = KEEP;
	switch (action) {
	case SKEX_ROTATION_DO_SETTLE:
		wish_for(hook, PATH, &secrets->active);
		if (!hook->one_place)
			wish_for(hook, PATH_NEXT, &none);
		break;
	case SKEX_ROTATION_DO_STAGE:
		wish_for(hook, hook->one_place ? PATH : PATH_NEXT, &secrets->next);
		break;
	case SKEX_ROTATION_DO_SWITCH:
		if (!hook->one_place)
			wish_for(hook, PATH, &secrets->next);
		break;
	default: /* SWAP */
		wish_for(hook, PATH, hook->swapped ? &secrets->old : &secrets->active);
		break;
	}
}

/* In another thread. */
static void run_writing(void *owner)
{
	struct skex_hook *hook = owner;

	hook->error = SKEX_OK;
	for (int i = 0; i < PLACES && hook->error == SKEX_OK; i++) {
		const struct skex_foreign_file file = file_of(hook, (enum place)i);
		const struct skex_view bytes =
			skex_view(hook->secrets->put[i].bytes, hook->secrets->put[i].size);

		if (hook->wish[i] == PUT)
			hook->error = skex_foreign_write(&file, NULL, bytes, hook->why);
		else if (hook->wish[i] == REMOVE)
			hook->error = skex_foreign_remove(&file, hook->why);
	}
}

/* In another thread. */
static void run_learning(void *owner)
{
	struct skex_hook *hook = owner;
	struct text *text = &hook->secrets->left.text;
	struct skex_foreign_content content;

	hook->error = skex_foreign_read(&hook->config->file, &content, hook->why);
	if (hook->error != SKEX_OK)
		return;
	text->size = content.size <= sizeof(text->bytes) ? content.size : 0;
	if (text->size > 0)
		memcpy(text->bytes, content.bytes, text->size);
	skex_foreign_clear(&content);
}

static bool is_there(const struct skex_foreign_content *content, const struct text *given)
{
	if (!content->mark.there)
		return false;
	return given->size == 0 ||
		(content->size == given->size &&
			skex_ct_equal(content->bytes, given->bytes, given->size));
}

/* In another thread: is what should be there? */
static void run_reading(void *owner)
{
	struct skex_hook *hook = owner;

	hook->error = SKEX_OK;
	hook->gone = false;
	for (int i = 0; i < PLACES && hook->error == SKEX_OK; i++) {
		const struct skex_foreign_file file = file_of(hook, (enum place)i);
		struct skex_foreign_content content;

		if (hook->wish[i] != PUT)
			continue;
		hook->error = skex_foreign_read(&file, &content, hook->why);
		if (hook->error != SKEX_OK)
			return;
		hook->gone = hook->gone || !is_there(&content, &hook->secrets->put[i]);
		skex_foreign_clear(&content);
	}
}

static void written(void *owner);
static void was_read(void *owner);

static enum skex_error begin_work(
	struct skex_hook *hook, void (*run)(void *owner), void (*done)(void *owner))
{
	const struct skex_jobs *jobs = hook->platform->jobs;

	return jobs->work(jobs->context, SKEX_WORK_FOR_DISK, run, done, hook, &hook->work);
}

/* ---- the program -------------------------------------------------------------------------------
 */

static void answered(void *owner, const struct skex_program_end *end);

static const char *event_of(uint32_t action, const struct held *key)
{
	switch (action) {
	case SKEX_ROTATION_DO_SETTLE:
		return key->there ? "settle" : "close";
	case SKEX_ROTATION_DO_STAGE:
		return "stage";
	default: /* SWITCH, SWAP */
		return "switch";
	}
}

static struct skex_view text_of(const struct held *key)
{
	return skex_view(key->text.bytes, key->known ? key->text.size : 0);
}

static enum skex_error tell(struct skex_hook *hook, const char *event, const struct held *key)
{
	const struct skex_hook_facts facts = {
		.event = event,
		.binding = hook->config->binding,
		.peer = hook->config->peer,
		.key_id = key->there ? key->id : NULL,
	};

	return skex_hook_start(hook->platform, &hook->config->program, &facts, text_of(key),
		answered, hook, &hook->program);
}

/* ---- one action after the other ----------------------------------------------------------------
 */

static uint32_t lowest(uint32_t actions)
{
	return actions & (0u - actions);
}

/* The key that an action is about. */
static const struct held *key_of(const struct skex_hook *hook, uint32_t action)
{
	const struct secrets *secrets = hook->secrets;

	switch (action) {
	case SKEX_ROTATION_DO_SETTLE:
		return &secrets->active;
	case SKEX_ROTATION_DO_STAGE:
	case SKEX_ROTATION_DO_SWITCH:
		return &secrets->next;
	default: /* SWAP */
		return hook->swapped ? &secrets->old : &secrets->active;
	}
}

static void step(struct skex_hook *hook);

static void action_done(struct skex_hook *hook)
{
	hook->actions &= hook->actions - 1;
	step(hook);
}

static void step_program(struct skex_hook *hook)
{
	const struct skex_hook_config *config = hook->config;
	const uint32_t action = lowest(hook->actions);
	const struct held *key = key_of(hook, action);
	char text[512];
	enum skex_error error;

	if (config->program.argv == NULL) {
		action_done(hook);
		return;
	}
	hook->stage = TELLING;
	error = tell(hook, event_of(action, key), key);
	if (error == SKEX_OK)
		return;
	skex_hook_not_started(&config->program, error, text, sizeof(text));
	fail(hook, text);
}

static void step(struct skex_hook *hook)
{
	const uint32_t action = lowest(hook->actions);

	if (action == 0) {
		finish(hook, SKEX_ROTATION_FINE, "");
		return;
	}
	hook->secrets->given = *key_of(hook, action);
	hook->switched = action == SKEX_ROTATION_DO_SWITCH || action == SKEX_ROTATION_DO_SWAP;
	if (hook->config->file.path != NULL)
		plan(hook, action);
	if (hook->wish[PATH] == KEEP && hook->wish[PATH_NEXT] == KEEP) {
		step_program(hook);
		return;
	}
	hook->stage = WRITING;
	if (begin_work(hook, run_writing, written) != SKEX_OK)
		fail(hook, "there is no memory for it; free some");
}

static void written(void *owner)
{
	struct skex_hook *hook = owner;

	hook->work = NULL;
	skex_wipe(hook->secrets->put, sizeof(hook->secrets->put));
	if (hook->error != SKEX_OK)
		fail(hook, hook->why);
	else
		step_program(hook);
}

static void answered(void *owner, const struct skex_program_end *end)
{
	struct skex_hook *hook = owner;
	const struct skex_hook_program *program = &hook->config->program;
	const struct skex_hook_key key = {text_of(&hook->secrets->given), hook->config->format};
	char text[512];

	hook->program = NULL;
	if (hook->stage == ASKING) {
		saw(hook, skex_hook_seen(hook->platform, program, end, &key, 1));
		return;
	}
	if (end->status == 0 && !end->late) {
		action_done(hook);
		return;
	}
	skex_hook_problem(program, end, &key, 1, text, sizeof(text));
	fail(hook, text);
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

static void hold(
	const struct skex_hook *hook, const struct skex_rotation_secret *key, struct held *held)
{
	skex_wipe(held, sizeof(*held));
	held->there = key->there;
	held->known = key->there && key->bytes != NULL && key->size <= SKEX_KEY_FORMAT_BYTES_MAX;
	memcpy(held->id, key->id, sizeof(held->id));
	if (held->known)
		held->text.size = skex_key_format_write(
			hook->config->format, key->id, key->bytes, key->size, held->text.bytes);
}

/* Its bytes may be in the file only, so that it can be put back as it was. */
static void hold_left(const struct skex_hook *hook, struct held *held)
{
	const struct held *left = &hook->secrets->left;

	/* Ids are no secrets. */
	if (!held->there || held->known || left->text.size == 0 ||
		memcmp(held->id, left->id, sizeof(left->id)) != 0)
		return;
	held->known = true;
	held->text = left->text;
}

static void begin(struct skex_hook *hook)
{
	hold_left(hook, &hook->secrets->active);
	hold_left(hook, &hook->secrets->old);
	step(hook);
}

static void learned(void *owner)
{
	struct skex_hook *hook = owner;

	hook->work = NULL;
	begin(hook);
}

static void act(struct skex_hook *hook, bool one_place, uint32_t actions,
	const struct skex_rotation_keys *keys, skex_consumer_done_fn done, void *owner)
{
	hook->one_place = one_place;
	hook->done = done;
	hook->owner = owner;
	hook->actions = actions;
	hook->quiet_ms = 0;
	hook->swapped = keys->swapped;
	hold(hook, &keys->next, &hook->secrets->next);
	hold(hook, &keys->active, &hook->secrets->active);
	hold(hook, &keys->old, &hook->secrets->old);
	if (hook->secrets->left.there || hook->config->file.path == NULL) {
		begin(hook);
		return;
	}
	hook->stage = LEARNING;
	hook->secrets->left.there = true;
	memcpy(hook->secrets->left.id, keys->active.id, SKEX_ROTATION_ID_BYTES);
	if (!keys->active.there || keys->active.bytes != NULL)
		begin(hook);
	else if (begin_work(hook, run_learning, learned) != SKEX_OK)
		fail(hook, "there is no memory for it; free some");
}

static void act_overlapping(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	act(context, false, actions, keys, done, owner);
}

static void act_one_place(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	act(context, true, actions, keys, done, owner);
}

/* The files are as they should be. */
static void look_on(struct skex_hook *hook)
{
	const struct skex_hook_config *config = hook->config;
	const struct held *given = &hook->secrets->given;
	enum skex_error error;
	char text[512];

	if (config->program.argv == NULL || !config->checks) {
		saw(hook, hook->switched ? SKEX_ROTATION_USED : SKEX_ROTATION_EVENTS);
		return;
	}
	if (!given->there || now(hook) < hook->quiet_ms) {
		saw(hook, SKEX_ROTATION_EVENTS);
		return;
	}
	hook->stage = ASKING;
	error = tell(hook, "check", given);
	if (error == SKEX_OK)
		return;
	skex_hook_not_started(&config->program, error, text, sizeof(text));
	skex_log(hook->platform, SKEX_LEVEL_WARNING, "check of a key: %s", text);
	saw(hook, SKEX_ROTATION_EVENTS);
}

static void was_read(void *owner)
{
	struct skex_hook *hook = owner;

	hook->work = NULL;
	skex_wipe(hook->secrets->put, sizeof(hook->secrets->put));
	if (hook->error == SKEX_OK && !hook->gone) {
		hook->warned = false;
		look_on(hook);
		return;
	}
	if (hook->error != SKEX_OK && !hook->warned)
		skex_log(hook->platform, SKEX_LEVEL_WARNING, "hook: %s", hook->why);
	hook->warned = hook->error != SKEX_OK;
	saw(hook, hook->error == SKEX_OK ? SKEX_ROTATION_GONE : SKEX_ROTATION_EVENTS);
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	struct skex_hook *hook = context;
	struct secrets *secrets = hook->secrets;

	hook->seen = seen;
	hook->owner = owner;
	/* After a start, what the consumer was left with. */
	if (!secrets->given.there && keys->active.there)
		hold(hook, &keys->active, &secrets->given);
	if (hook->config->file.path == NULL || !secrets->given.there) {
		look_on(hook);
		return;
	}
	hook->stage = READING;
	/* What we put there, or anything at all. */
	hook->wish[PATH] = secrets->file[PATH].size > 0 || keys->active.there ? PUT : KEEP;
	hook->wish[PATH_NEXT] = secrets->file[PATH_NEXT].size > 0 ? PUT : KEEP;
	memcpy(secrets->put, secrets->file, sizeof(secrets->put));
	if (begin_work(hook, run_reading, was_read) != SKEX_OK)
		saw(hook, SKEX_ROTATION_EVENTS);
}

static void end(void *context)
{
	struct skex_hook *hook = context;
	const struct skex_jobs *jobs = hook->platform->jobs;

	jobs->drop(hook->work);
	jobs->stop(hook->program);
	hook->work = NULL;
	hook->program = NULL;
	hook->stage = RESTING;
	skex_wipe(hook->secrets->put, sizeof(hook->secrets->put));
}

const struct skex_consumer skex_hook_consumer = {
	.one_place = false,
	.key_size = KEY_BYTES,
	.act = act_overlapping,
	.look = look,
	.end = end,
};

const struct skex_consumer skex_hook_one_place_consumer = {
	.one_place = true,
	.key_size = KEY_BYTES,
	.act = act_one_place,
	.look = look,
	.end = end,
};

static bool is_usable(const struct skex_hook_config *config)
{
	const char *const *argv = config->program.argv;

	if (argv != NULL && (argv[0] == NULL || argv[0][0] != '/'))
		return false;
	return config->file.path != NULL ? config->file.path[0] == '/' : argv != NULL;
}

enum skex_error skex_hook_new(const struct skex_platform *platform,
	const struct skex_hook_config *config, struct skex_hook **out)
{
	const char *path = config->file.path != NULL ? config->file.path : "";
	const size_t size = strlen(path) + sizeof(NEXT_SUFFIX);
	struct skex_hook *hook;

	if (!is_usable(config))
		return SKEX_E_ARGUMENT;
	hook = calloc(1, sizeof(*hook));
	if (hook == NULL)
		return SKEX_E_MEMORY;
	hook->platform = platform;
	hook->config = config;
	hook->next_path = malloc(size);
	hook->secrets = skex_secret_new(sizeof(*hook->secrets));
	if (hook->next_path == NULL || hook->secrets == NULL) {
		skex_hook_free(hook);
		return SKEX_E_MEMORY;
	}
	(void)snprintf(hook->next_path, size, "%s" NEXT_SUFFIX, path);
	*out = hook;
	return SKEX_OK;
}

void skex_hook_free(struct skex_hook *hook)
{
	if (hook == NULL)
		return;
	if (hook->secrets != NULL)
		end(hook);
	skex_secret_free(hook->secrets);
	free(hook->next_path);
	free(hook);
}
