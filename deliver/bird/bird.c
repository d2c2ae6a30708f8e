/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bird/bird.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/name.h"
#include "deliver/bird/internal.h"
#include "platform/memory.h"

#define FILE_MODE   0640
#define PATIENCE_MS 60000u /* a large configuration takes its time */
#define BEHIND_MS   2000u  /* the other end may be so far behind with its new key */
#define POLL_MS     100u
#define AO_MAJOR_2  17u /* 2.17 */
#define AO_MAJOR_3  1u  /* 3.1 */

/* ---- the end of it -----------------------------------------------------------------------------
 */

static uint64_t now(const struct skex_bird *bird)
{
	return bird->platform->now_ms(bird->platform->context);
}

static void hang_up(struct skex_bird *bird)
{
	if (bird->stream != NULL)
		bird->platform->net->close(bird->stream);
	bird->stream = NULL;
}

static void let_go(struct skex_bird *bird)
{
	const struct skex_jobs *jobs = bird->platform->jobs;

	jobs->drop(bird->work);
	jobs->never(bird->later);
	hang_up(bird);
	(void)bird_file_was_opened(&bird->file);
	bird->work = NULL;
	bird->later = NULL;
	bird->stage = BIRD_RESTING;
	skex_wipe(&bird->secrets->next, sizeof(bird->secrets->next));
	skex_wipe(&bird->secrets->active, sizeof(bird->secrets->active));
	skex_wipe(&bird->secrets->old, sizeof(bird->secrets->old));
	skex_wipe(&bird->secrets->wanted, sizeof(bird->secrets->wanted));
}

static void finish(struct skex_bird *bird, uint8_t reason, const char *text)
{
	let_go(bird);
	bird->todo = 0;
	bird->done(bird->owner, reason, text);
}

static void saw(struct skex_bird *bird, enum skex_rotation_event event, const char *text)
{
	let_go(bird);
	bird->seen(bird->owner, event, text);
}

/* Of an action, or of a look. */
void bird_fail(struct skex_bird *bird, const char *what, const char *act)
{
	const bool looked = bird->stage == BIRD_READING || bird->stage == BIRD_ASKING;
	char text[SKEX_FOREIGN_WHY_BYTES + 256];

	(void)snprintf(text, sizeof(text), "BIRD %s: %s%s%s", bird->config->protocol, what,
		act[0] != '\0' ? "; " : "", act);
	if (looked)
		saw(bird, SKEX_ROTATION_EVENTS, text);
	else
		finish(bird, SKEX_ROTATION_CONSUMER, text);
}

static void no_memory(struct skex_bird *bird)
{
	bird_fail(bird, "there is no memory for it", "free some");
}

/* ---- actions -----------------------------------------------------------------------------------
 */

static void step(struct skex_bird *bird);

static uint32_t lowest(const struct skex_bird *bird)
{
	return bird->todo & (0u - bird->todo);
}

/* BIRD has what the action is for. */
static void action_done(struct skex_bird *bird, bool anew)
{
	const uint32_t action = lowest(bird);
	const struct skex_bird_key *next =
		skex_bird_find(&bird->secrets->given, bird->keys.next.id);

	if (anew || action == SKEX_ROTATION_DO_SWITCH)
		bird->since_ms = now(bird);
	if (next != NULL)
		bird->number = next->number;
	bird->placed = action != SKEX_ROTATION_DO_SETTLE || bird->keys.active.there;
	bird->staged = action == SKEX_ROTATION_DO_STAGE;
	bird->switched = action == SKEX_ROTATION_DO_SWITCH;
	bird->was_up = bird->up;
	bird->todo &= bird->todo - 1;
	step(bird);
}

static void was_taken(struct skex_bird *bird)
{
	char what[SKEX_FOREIGN_WHY_BYTES + 64];

	if (!bird_file_was_opened(&bird->file)) {
		(void)snprintf(what, sizeof(what), "it does not read %s", bird->config->file);
		bird_fail(bird, what, "include it in the block that is to be protected");
		return;
	}
	hang_up(bird);
	bird->taken = true;
	action_done(bird, true);
}

static void poll_status(void *owner)
{
	struct skex_bird *bird = owner;

	bird->later = NULL;
	bird_send_command(bird);
}

static void poll_later(struct skex_bird *bird)
{
	const struct skex_jobs *jobs = bird->platform->jobs;

	if (jobs->later(jobs->context, POLL_MS, poll_status, bird, &bird->later) != SKEX_OK)
		no_memory(bird);
}

/* Before anything is written that an older one would not read. */
static void probed(struct skex_bird *bird)
{
	const struct skex_bird_facts *facts = &bird->facts;
	const bool knows = facts->major > 3 || (facts->major == 3 && facts->minor >= AO_MAJOR_3) ||
		(facts->major == 2 && facts->minor >= AO_MAJOR_2);
	char what[128];

	if (!bird->failed && knows && bird_kernel_has_ao()) {
		hang_up(bird);
		bird->able = true;
		step(bird);
		return;
	}
	(void)snprintf(what, sizeof(what), "%s %u.%u has no TCP-AO",
		knows ? "the kernel under its version" : "its version", facts->major, facts->minor);
	bird_fail(bird, what,
		knows ? "take one with CONFIG_TCP_AO, or the method tcp-md5"
		      : "take 2.17, 3.1 or a later one, or the method tcp-md5");
}

static void talked(struct skex_bird *bird)
{
	char what[256];

	if (bird->failed) {
		(void)snprintf(
			what, sizeof(what), "it does not take its configuration: %s", bird->answer);
		bird_fail(bird, what, "`birdc configure` says the same");
		return;
	}
	if (bird->command == 0) {
		/* "Reconfigured", or still under way. */
		bird->command = 1;
		bird_send_command(bird);
	} else if (bird->facts.configuring) {
		poll_later(bird);
	} else {
		was_taken(bird);
	}
}

static void was_written(void *owner)
{
	struct skex_bird *bird = owner;

	bird->work = NULL;
	if (bird->file.error != SKEX_OK) {
		bird_fail(bird, bird->file.why, "");
		return;
	}
	bird->secrets->given = bird->secrets->wanted;
	bird->written = true;
	bird_talk(bird, BIRD_TALKING);
}

static void write_file(void *owner)
{
	struct skex_bird *bird = owner;
	const struct skex_jobs *jobs = bird->platform->jobs;

	bird->later = NULL;
	bird->stage = BIRD_WRITING;
	bird->taken = false;
	if (jobs->work(jobs->context, SKEX_WORK_FOR_DISK, bird_file_write, was_written, bird,
		    &bird->work) != SKEX_OK)
		no_memory(bird);
}

/* Does a key go that the other end may still send with? */
static bool is_to_wait(const struct skex_bird *bird)
{
	const struct bird_secrets *secrets = bird->secrets;
	size_t i;

	if (!bird->config->leads || !bird->keys.active.there || !bird->taken ||
		bird->config->method == SKEX_BIRD_TCP_MD5)
		return false;
	for (i = 0; i < secrets->given.count; i++) {
		if (skex_bird_find(&secrets->wanted, secrets->given.key[i].id) == NULL)
			return true;
	}
	return false;
}

static bool is_given(const struct skex_bird *bird)
{
	return bird->written && bird->taken &&
		skex_ct_equal(&bird->secrets->given, &bird->secrets->wanted,
			sizeof(bird->secrets->given));
}

static bool is_bad(const struct skex_bird *bird, const uint8_t *id)
{
	return bird->bad && memcmp(bird->bad_id, id, sizeof(bird->bad_id)) == 0;
}

static void step(struct skex_bird *bird)
{
	const struct skex_jobs *jobs = bird->platform->jobs;
	struct bird_secrets *secrets = bird->secrets;
	const uint32_t action = lowest(bird);
	const bool stages = action == SKEX_ROTATION_DO_STAGE;

	if (action == 0) {
		finish(bird, SKEX_ROTATION_FINE, "");
		return;
	}
	if (bird->config->method == SKEX_BIRD_TCP_AO && !bird->able) {
		bird_talk(bird, BIRD_PROBING);
		return;
	}
	if (stages && is_bad(bird, bird->keys.next.id)) {
		bird_fail(bird, "nothing is taken from the neighbor with the new key",
			"is it another one there?");
		return;
	}
	if (!skex_bird_plan(bird->config->method, action, &bird->keys, &secrets->given,
		    secrets->nobody, &secrets->wanted)) {
		if (stages)
			bird_fail(bird, "the key is not one of 32 bytes", "which version is it?");
		else
			action_done(bird, false);
		return;
	}
	if (is_given(bird)) {
		action_done(bird, false);
	} else if (action != SKEX_ROTATION_DO_SETTLE || !is_to_wait(bird)) {
		write_file(bird);
	} else {
		bird->stage = BIRD_WAITING;
		if (jobs->later(jobs->context, BEHIND_MS, write_file, bird, &bird->later) !=
			SKEX_OK)
			no_memory(bird);
	}
}

static void learned(void *owner)
{
	struct skex_bird *bird = owner;

	bird->work = NULL;
	if (bird->file.error != SKEX_OK) {
		bird_fail(bird, bird->file.why, "");
		return;
	}
	bird->learned = true;
	step(bird);
}

static void copy_key(const struct skex_rotation_secret *key, struct bird_copy *copy)
{
	skex_wipe(copy, sizeof(*copy));
	copy->key = *key;
	copy->key.bytes = NULL;
	if (key->bytes == NULL || key->size != SKEX_BIRD_KEY_BYTES)
		return;
	memcpy(copy->bytes, key->bytes, sizeof(copy->bytes));
	copy->key.bytes = copy->bytes;
}

static void copy_keys(struct skex_bird *bird, const struct skex_rotation_keys *keys)
{
	struct bird_secrets *secrets = bird->secrets;

	copy_key(&keys->next, &secrets->next);
	copy_key(&keys->active, &secrets->active);
	copy_key(&keys->old, &secrets->old);
	bird->keys = *keys;
	bird->keys.next = secrets->next.key;
	bird->keys.active = secrets->active.key;
	bird->keys.old = secrets->old.key;
}

static void act(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	struct skex_bird *bird = context;
	const struct skex_platform *platform = bird->platform;
	const struct skex_jobs *jobs = platform->jobs;

	bird->done = done;
	bird->owner = owner;
	bird->todo = actions;
	bird->stage = BIRD_LEARNING;
	copy_keys(bird, keys);
	if (bird->learned)
		step(bird);
	else if (platform->random(platform->context, bird->secrets->nobody, SKEX_BIRD_KEY_BYTES) !=
		SKEX_OK)
		bird_fail(bird, "there is no randomness for it", "see the machine's random source");
	else if (jobs->work(jobs->context, SKEX_WORK_FOR_DISK, bird_file_learn, learned, bird,
			 &bird->work) != SKEX_OK)
		no_memory(bird);
}

/* ---- looks -------------------------------------------------------------------------------------
 */

static enum skex_rotation_event event_of(struct skex_bird *bird, enum skex_bird_verdict verdict)
{
	if (verdict == SKEX_BIRD_USED)
		return SKEX_ROTATION_USED;
	if (verdict == SKEX_BIRD_FAILING)
		return SKEX_ROTATION_FAILING;
	if (verdict != SKEX_BIRD_WRONG || !bird->keys.next.there)
		return SKEX_ROTATION_EVENTS;
	/* Who begins anew with this key finds that it is not to be had. */
	bird->bad = true;
	memcpy(bird->bad_id, bird->keys.next.id, sizeof(bird->bad_id));
	bird->staged = false;
	bird->switched = false;
	return SKEX_ROTATION_GONE;
}

/* While nothing is under way. */
static void say_not_up(const struct skex_bird *bird, char out[256])
{
	static const char *const words[] = {
		[SKEX_BIRD_OSPF] = "Full",
		[SKEX_BIRD_BFD] = "Up",
		[SKEX_BIRD_TCP_MD5] = "Established",
		[SKEX_BIRD_TCP_AO] = "Established",
	};
	const struct skex_bird_config *config = bird->config;
	const char *interface = config->interface;

	out[0] = '\0';
	if (bird->up || !bird->keys.active.there || bird->staged || bird->switched)
		return;
	(void)snprintf(out, 256,
		"BIRD %s: the neighbor%s%s is not %s; is BIRD running at the other end, with the "
		"same key?",
		config->protocol, interface != NULL ? " on " : "",
		interface != NULL ? interface : "", words[config->method]);
}

static void asked(struct skex_bird *bird)
{
	const struct skex_bird_facts *facts = &bird->facts;
	const struct skex_bird_question question = {
		.method = bird->config->method,
		.leads = bird->config->leads,
		.placed = bird->placed,
		.switched = bird->switched,
		.staged = bird->staged,
		.number = bird->number,
		.was_up = bird->was_up,
		.past_ms = now(bird) - bird->since_ms,
	};
	char text[256];

	if (facts->no_protocol) {
		bird_fail(bird, "it has no such protocol, or one of another kind",
			"is `protocol` in skexd.conf right?");
		return;
	}
	if (bird->config->method == SKEX_BIRD_OSPF && facts->hello_ms == 0) {
		bird_fail(bird, "it does not run on that interface",
			"is `interface` in skexd.conf right, and up?");
		return;
	}
	bird->up = facts->up > 0;
	say_not_up(bird, text);
	saw(bird, event_of(bird, skex_bird_judge(&question, facts)), text);
}

void bird_command_done(struct skex_bird *bird)
{
	const bool more = bird->config->method == SKEX_BIRD_OSPF && bird->command == 0;

	if (bird->stage == BIRD_TALKING) {
		talked(bird);
	} else if (bird->stage == BIRD_PROBING) {
		probed(bird);
	} else if (more && !bird->failed) {
		bird->command++;
		bird_send_command(bird);
	} else {
		asked(bird);
	}
}

static void was_read(void *owner)
{
	struct skex_bird *bird = owner;

	bird->work = NULL;
	if (bird->file.error != SKEX_OK) {
		bird_fail(bird, bird->file.why, "");
		return;
	}
	if (!bird->file.there) {
		bird->learned = false;
		bird->taken = false;
		saw(bird, SKEX_ROTATION_GONE, "");
		return;
	}
	bird_talk(bird, BIRD_ASKING);
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	struct skex_bird *bird = context;
	const struct skex_jobs *jobs = bird->platform->jobs;

	bird->seen = seen;
	bird->owner = owner;
	bird->stage = BIRD_READING;
	copy_keys(bird, keys);
	if (jobs->work(jobs->context, SKEX_WORK_FOR_DISK, bird_file_read, was_read, bird,
		    &bird->work) != SKEX_OK)
		no_memory(bird);
}

static void end(void *context)
{
	struct skex_bird *bird = context;

	let_go(bird);
	bird->todo = 0;
}

/* ---- the consumers -----------------------------------------------------------------------------
 */

const struct skex_consumer skex_bird_consumer = {
	.one_place = false,
	.key_size = SKEX_BIRD_KEY_BYTES,
	.patience_ms = PATIENCE_MS,
	.act = act,
	.look = look,
	.end = end,
};

const struct skex_consumer skex_bird_one_place_consumer = {
	.one_place = true,
	.key_size = SKEX_BIRD_KEY_BYTES,
	.patience_ms = PATIENCE_MS,
	.act = act,
	.look = look,
	.end = end,
};

/* What stands in commands as it is. */
static bool is_symbol(const char *text, const char *more)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				      "0123456789";
	const size_t size = strlen(text);
	size_t i;

	for (i = 0; i < size; i++) {
		if (strchr(letters, text[i]) == NULL && strchr(more, text[i]) == NULL)
			return false;
	}
	return size > 0 && size <= 63;
}

static bool is_usable(const struct skex_bird_config *config)
{
	const bool link = config->method == SKEX_BIRD_OSPF || config->method == SKEX_BIRD_BFD;
	struct skex_name name;

	return skex_name_parse(&name, skex_view(config->binding, strlen(config->binding))) &&
		is_symbol(config->protocol, "") &&
		!(config->protocol[0] >= '0' && config->protocol[0] <= '9') &&
		link == (config->interface != NULL) &&
		(!link || is_symbol(config->interface, ".-@:")) && config->file[0] == '/' &&
		config->method < SKEX_BIRD_METHODS;
}

enum skex_error skex_bird_new(const struct skex_platform *platform,
	const struct skex_bird_config *config, struct skex_bird **out)
{
	struct skex_bird *bird;

	if (!is_usable(config))
		return SKEX_E_ARGUMENT;
	bird = calloc(1, sizeof(*bird));
	if (bird == NULL)
		return SKEX_E_MEMORY;
	bird->platform = platform;
	bird->config = config;
	bird->file.file = (struct skex_foreign_file){
		config->file, FILE_MODE, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP};
	bird->file.watch = -1;
	bird->secrets = skex_secret_new(sizeof(*bird->secrets));
	if (bird->secrets == NULL) {
		free(bird);
		return SKEX_E_MEMORY;
	}
	*out = bird;
	return SKEX_OK;
}

void skex_bird_free(struct skex_bird *bird)
{
	if (bird == NULL)
		return;
	end(bird);
	skex_secret_free(bird->secrets);
	free(bird);
}
