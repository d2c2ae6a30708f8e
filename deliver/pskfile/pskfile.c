/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/pskfile/pskfile.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/name.h"
#include "deliver/pskfile/ask.h"
#include "deliver/pskfile/edit.h"
#include "deliver/pskfile/plan.h"
#include "platform/memory.h"

#define ASK_AGAIN_MS 200u /* a service that is reading its file */

enum stage {
	RESTING,
	WRITING,   /* the file of an action, and the signal */
	RELOADING, /* the command */
	PAUSING,   /* until it has read it, on trust */
	WANTING,   /* until it says what it should */
	READING,   /* looks at the file, and then */
	CHECKING,  /* at what the program says */
};

/* Secrets, in locked memory. */
struct secrets {
	struct skex_pskfile_keys keys;
	struct skex_pskfile_plan plan;
	struct skex_pskfile_lines given; /* what the file has by now, as far as we made it */
	struct skex_pskfile_line in_question;
};

struct skex_pskfile {
	const struct skex_platform *platform;
	const struct skex_pskfile_config *config;
	struct secrets *secrets;

	enum stage stage;
	uint32_t actions; /* still to be done, the lowest first */
	size_t want;      /* the one that the service is asked about */
	uint64_t begun_ms;
	uint64_t told_ms; /* when it was told last to read its file */
	bool reloaded;    /* it was told since the file changed */
	bool switched;
	bool warned;       /* that the file cannot be looked at */
	uint64_t quiet_ms; /* until then the program need not be asked */
	enum skex_pskfile_answer answer;
	struct skex_work *work;
	struct skex_later *later;
	struct skex_program *program;
	struct skex_pskfile_ask *ask;
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;

	struct skex_pskfile_edit edit; /* the other thread's while there is work */
};

static uint64_t now(const struct skex_pskfile *pskfile)
{
	return pskfile->platform->now_ms(pskfile->platform->context);
}

/* ---- the end of it -----------------------------------------------------------------------------
 */

static void let_go(struct skex_pskfile *pskfile)
{
	const struct skex_jobs *jobs = pskfile->platform->jobs;

	jobs->drop(pskfile->work);
	jobs->never(pskfile->later);
	jobs->stop(pskfile->program);
	skex_pskfile_ask_drop(pskfile->ask);
	pskfile->work = NULL;
	pskfile->later = NULL;
	pskfile->program = NULL;
	pskfile->ask = NULL;
	pskfile->stage = RESTING;
}

static void finish(struct skex_pskfile *pskfile, uint8_t reason, const char *text)
{
	let_go(pskfile);
	skex_wipe(&pskfile->secrets->plan, sizeof(pskfile->secrets->plan));
	skex_wipe(&pskfile->secrets->keys, sizeof(pskfile->secrets->keys));
	pskfile->actions = 0;
	pskfile->done(pskfile->owner, reason, text);
}

static void fail(struct skex_pskfile *pskfile, const char *text)
{
	char said[SKEX_FOREIGN_WHY_BYTES + 64];

	(void)snprintf(said, sizeof(said), "key file: %s", text);
	finish(pskfile, SKEX_ROTATION_CONSUMER, said);
}

static void saw(struct skex_pskfile *pskfile, enum skex_rotation_event event)
{
	if (pskfile->stage == CHECKING && event == SKEX_ROTATION_USED)
		pskfile->quiet_ms = now(pskfile) + SKEX_HOOK_QUIET_MS;
	let_go(pskfile);
	pskfile->seen(pskfile->owner, event, "");
}

/* ---- what the service says ---------------------------------------------------------------------
 */

static void step(struct skex_pskfile *pskfile);
static void ask(void *owner);
static void begin_writing(struct skex_pskfile *pskfile);

static void action_done(struct skex_pskfile *pskfile)
{
	pskfile->actions &= pskfile->actions - 1;
	step(pskfile);
}

static void wait(struct skex_pskfile *pskfile, uint64_t ms, void (*call)(void *owner))
{
	const struct skex_jobs *jobs = pskfile->platform->jobs;

	if (jobs->later(jobs->context, ms, call, pskfile, &pskfile->later) != SKEX_OK)
		fail(pskfile, "there is no memory for it; free some");
}

static void not_as_wanted(struct skex_pskfile *pskfile)
{
	const struct skex_pskfile_config *config = pskfile->config;
	const struct skex_pskfile_want *want = &pskfile->secrets->plan.want[pskfile->want];
	char identity[SKEX_PSKFILE_IDENTITY_MAX];
	const char *what = want->taken ? "does not take the key" : "still takes the key";
	const char *act = "does it read this file, and again when it is told to? see its log";
	char text[512];

	if (pskfile->answer == SKEX_PSKFILE_SILENT) {
		what = "does not answer, asked about the key";
		act = "is it running, and is the address right?";
	} else if (pskfile->answer == SKEX_PSKFILE_STRANGE) {
		what = "does not speak TLS 1.3, asked about the key";
		act = "is the address right?";
	}
	skex_pskfile_identity(config->binding, want->key.id, identity);
	(void)snprintf(text, sizeof(text), "the service at %s port %d %s %s; %s",
		config->probe_host, config->probe_port, what, identity, act);
	fail(pskfile, text);
}

static uint32_t remind_ms(const struct skex_pskfile *pskfile)
{
	return pskfile->config->answer_ms / 3;
}

/* It is asked until it says what it should, or the time is up; and told once more in between. */
static void answered(void *owner, enum skex_pskfile_answer answer)
{
	struct skex_pskfile *pskfile = owner;
	const struct skex_pskfile_plan *plan = &pskfile->secrets->plan;
	const uint64_t now_ms = now(pskfile);

	pskfile->ask = NULL;
	pskfile->answer = answer;
	if (answer ==
		(plan->want[pskfile->want].taken ? SKEX_PSKFILE_TAKEN : SKEX_PSKFILE_REFUSED)) {
		pskfile->want++;
		ask(pskfile);
	} else if (now_ms - pskfile->begun_ms >= pskfile->config->answer_ms) {
		pskfile->reloaded = false;
		not_as_wanted(pskfile);
	} else if (now_ms - pskfile->told_ms >= remind_ms(pskfile) && plan->writes) {
		pskfile->reloaded = false;
		pskfile->told_ms = now_ms;
		begin_writing(pskfile);
	} else {
		wait(pskfile, ASK_AGAIN_MS, ask);
	}
}

/* It neither answered nor went away. */
static void no_answer(void *owner)
{
	struct skex_pskfile *pskfile = owner;

	pskfile->later = NULL;
	skex_pskfile_ask_drop(pskfile->ask);
	pskfile->ask = NULL;
	answered(pskfile, SKEX_PSKFILE_SILENT);
}

static void on_answer(void *owner, enum skex_pskfile_answer answer)
{
	struct skex_pskfile *pskfile = owner;

	pskfile->platform->jobs->never(pskfile->later);
	pskfile->later = NULL;
	answered(pskfile, answer);
}

static void ask(void *owner)
{
	struct skex_pskfile *pskfile = owner;
	const struct skex_pskfile_config *config = pskfile->config;
	const struct skex_pskfile_plan *plan = &pskfile->secrets->plan;
	const struct skex_pskfile_line *key = &plan->want[pskfile->want].key;
	char identity[SKEX_PSKFILE_IDENTITY_MAX];

	pskfile->later = NULL;
	pskfile->stage = WANTING;
	if (pskfile->want == plan->wants_count) {
		action_done(pskfile);
		return;
	}
	skex_pskfile_identity(config->binding, key->id, identity);
	if (skex_pskfile_ask(pskfile->platform, config->probe_host, config->probe_port, identity,
		    skex_view(key->bytes, key->size), on_answer, pskfile,
		    &pskfile->ask) != SKEX_OK) {
		fail(pskfile, "the service cannot be asked; is its address right?");
		return;
	}
	wait(pskfile, remind_ms(pskfile), no_answer);
}

static void paused(void *owner)
{
	struct skex_pskfile *pskfile = owner;

	pskfile->later = NULL;
	action_done(pskfile);
}

/* The file is as it should be, and the service was told to read it. */
static void was_told(struct skex_pskfile *pskfile, bool again)
{
	const struct skex_pskfile_config *config = pskfile->config;

	pskfile->reloaded = true;
	if (config->probe_host != NULL && pskfile->want < pskfile->secrets->plan.wants_count) {
		ask(pskfile);
	} else if (again && config->pause_ms > 0) {
		pskfile->stage = PAUSING;
		wait(pskfile, config->pause_ms, paused);
	} else {
		action_done(pskfile);
	}
}

/* ---- programs ----------------------------------------------------------------------------------
 */

static void ended(void *owner, const struct skex_program_end *end)
{
	struct skex_pskfile *pskfile = owner;
	const struct skex_pskfile_config *config = pskfile->config;
	const struct skex_pskfile_lines *lines = &pskfile->secrets->plan.lines;
	struct skex_hook_key keys[SKEX_PSKFILE_LINES_MAX];
	char text[512];

	/* Those of the file, which it may read. */
	for (size_t i = 0; i < lines->count; i++)
		keys[i] = (struct skex_hook_key){
			skex_view(lines->line[i].bytes,
				lines->line[i].known ? lines->line[i].size : 0),
			SKEX_KEY_RAW};
	pskfile->program = NULL;
	if (pskfile->stage == CHECKING) {
		saw(pskfile,
			skex_hook_seen(pskfile->platform, &config->check, end, keys, lines->count));
	} else if (end->status == 0 && !end->late) {
		was_told(pskfile, true);
	} else {
		skex_hook_problem(&config->reload, end, keys, lines->count, text, sizeof(text));
		fail(pskfile, text);
	}
}

/* They get no key: it is in the file. */
static enum skex_error call(struct skex_pskfile *pskfile, const struct skex_hook_program *program,
	const char *event, const uint8_t *key_id)
{
	const struct skex_pskfile_config *config = pskfile->config;
	char identity[SKEX_PSKFILE_IDENTITY_MAX];
	const struct skex_hook_facts facts = {
		.event = event,
		.binding = config->binding,
		.peer = config->peer,
		.key_id = key_id,
		.key_name = identity,
	};

	skex_pskfile_identity(config->binding, key_id, identity);
	return skex_hook_start(pskfile->platform, program, &facts, skex_view(NULL, 0), ended,
		pskfile, &pskfile->program);
}

/* ---- one action after the other ----------------------------------------------------------------
 */

static void was_written(struct skex_pskfile *pskfile)
{
	const struct skex_pskfile_edit *edit = &pskfile->edit;
	const struct skex_hook_program *reload = &pskfile->config->reload;
	const struct skex_pskfile_lines *lines = &pskfile->secrets->plan.lines;
	char text[512];
	enum skex_error error;

	/* Whatever comes now, it has to be told. */
	if (edit->changed)
		pskfile->reloaded = false;
	if (edit->error != SKEX_OK) {
		fail(pskfile, edit->why);
		return;
	}
	pskfile->secrets->given = *lines;
	if (reload->argv == NULL || pskfile->reloaded || lines->count == 0) {
		was_told(pskfile, edit->signalled);
		return;
	}
	pskfile->stage = RELOADING;
	error = call(pskfile, reload, "reload", lines->line[lines->count - 1].id);
	if (error == SKEX_OK)
		return;
	skex_hook_not_started(reload, error, text, sizeof(text));
	fail(pskfile, text);
}

static void was_read(struct skex_pskfile *pskfile);

static void edited(void *owner)
{
	struct skex_pskfile *pskfile = ((struct skex_pskfile_edit *)owner)->owner;

	pskfile->work = NULL;
	if (pskfile->stage == READING)
		was_read(pskfile);
	else
		was_written(pskfile);
}

static bool begin_edit(struct skex_pskfile *pskfile, enum stage stage)
{
	const struct skex_jobs *jobs = pskfile->platform->jobs;

	pskfile->stage = stage;
	pskfile->edit.owner = pskfile;
	pskfile->edit.file = &pskfile->config->file;
	pskfile->edit.signal = &pskfile->config->signal;
	pskfile->edit.lines = &pskfile->secrets->plan.lines;
	pskfile->edit.due = !pskfile->reloaded;
	return jobs->work(jobs->context, SKEX_WORK_FOR_DISK,
		       stage == READING ? skex_pskfile_edit_read : skex_pskfile_edit_write, edited,
		       &pskfile->edit, &pskfile->work) == SKEX_OK;
}

static void begin_writing(struct skex_pskfile *pskfile)
{
	if (!begin_edit(pskfile, WRITING))
		fail(pskfile, "there is no memory for it; free some");
}

static void step(struct skex_pskfile *pskfile)
{
	struct secrets *secrets = pskfile->secrets;
	const uint32_t action = pskfile->actions & (0u - pskfile->actions);

	if (action == 0) {
		finish(pskfile, SKEX_ROTATION_FINE, "");
		return;
	}
	skex_pskfile_plan(&secrets->plan, action, pskfile->config->client, pskfile->config->binding,
		&secrets->keys);
	pskfile->switched = action == SKEX_ROTATION_DO_SWITCH;
	pskfile->want = 0;
	pskfile->begun_ms = now(pskfile);
	pskfile->told_ms = pskfile->begun_ms;
	secrets->in_question =
		action == SKEX_ROTATION_DO_SETTLE ? secrets->keys.active : secrets->keys.next;
	if (secrets->plan.writes)
		begin_writing(pskfile);
	else if (pskfile->config->probe_host != NULL && secrets->plan.wants_count > 0)
		ask(pskfile);
	else
		action_done(pskfile);
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

static void act(void *context, uint32_t actions, const struct skex_rotation_keys *keys,
	skex_consumer_done_fn done, void *owner)
{
	struct skex_pskfile *pskfile = context;
	const struct skex_platform *platform = pskfile->platform;
	struct skex_pskfile_keys *copy = &pskfile->secrets->keys;

	pskfile->done = done;
	pskfile->owner = owner;
	pskfile->actions = actions;
	pskfile->quiet_ms = 0;
	skex_pskfile_keys_set(copy, keys);
	copy->nobody = (struct skex_pskfile_line){
		.known = true, .keep = true, .size = SKEX_PSKFILE_KEY_BYTES};
	if (platform->random(platform->context, copy->nobody.bytes, SKEX_PSKFILE_KEY_BYTES) !=
		SKEX_OK)
		fail(pskfile, "there is no randomness for it; see the machine's random source");
	else
		step(pskfile);
}

/* The file is as it should be. */
static void look_on(struct skex_pskfile *pskfile)
{
	static const uint8_t none[SKEX_ROTATION_ID_BYTES];
	const struct skex_hook_program *check = &pskfile->config->check;
	const uint8_t *id = pskfile->secrets->in_question.id;
	enum skex_error error;
	char text[512];

	if (check->argv == NULL) {
		saw(pskfile, pskfile->switched ? SKEX_ROTATION_USED : SKEX_ROTATION_EVENTS);
		return;
	}
	if (memcmp(id, none, sizeof(none)) == 0 || now(pskfile) < pskfile->quiet_ms) {
		saw(pskfile, SKEX_ROTATION_EVENTS);
		return;
	}
	pskfile->stage = CHECKING;
	error = call(pskfile, check, "check", id);
	if (error == SKEX_OK)
		return;
	skex_hook_not_started(check, error, text, sizeof(text));
	skex_log(pskfile->platform, SKEX_LEVEL_WARNING, "check of a key: %s", text);
	saw(pskfile, SKEX_ROTATION_EVENTS);
}

static void was_read(struct skex_pskfile *pskfile)
{
	const struct skex_pskfile_edit *edit = &pskfile->edit;
	const bool failed = edit->error != SKEX_OK;

	if (failed && !pskfile->warned)
		skex_log(pskfile->platform, SKEX_LEVEL_WARNING, "key file: %s", edit->why);
	pskfile->warned = failed;
	if (failed)
		saw(pskfile, SKEX_ROTATION_EVENTS);
	else if (edit->is_there)
		look_on(pskfile);
	else
		saw(pskfile, SKEX_ROTATION_GONE);
}

static void look(void *context, const struct skex_rotation_keys *keys, skex_consumer_seen_fn seen,
	void *owner)
{
	struct skex_pskfile *pskfile = context;
	struct secrets *secrets = pskfile->secrets;

	pskfile->seen = seen;
	pskfile->owner = owner;
	pskfile->edit.exact = secrets->given.count > 0;
	if (!pskfile->edit.exact) {
		/* After a start, what the service was left with. */
		skex_pskfile_keys_set(&secrets->keys, keys);
		secrets->in_question = secrets->keys.active;
		secrets->plan.lines = (struct skex_pskfile_lines){
			.name = pskfile->config->binding,
			.count = secrets->keys.active_there,
			.line = {secrets->keys.active},
		};
	} else {
		secrets->plan.lines = secrets->given;
	}
	if (!begin_edit(pskfile, READING))
		saw(pskfile, SKEX_ROTATION_EVENTS);
}

static void end(void *context)
{
	let_go(context);
}

const struct skex_consumer skex_pskfile_consumer = {
	.one_place = false,
	.key_size = SKEX_PSKFILE_KEY_BYTES,
	.act = act,
	.look = look,
	.end = end,
};

static bool is_program(const struct skex_hook_program *program)
{
	return program->argv == NULL || (program->argv[0] != NULL && program->argv[0][0] == '/');
}

static bool is_usable(const struct skex_pskfile_config *config)
{
	const struct skex_pskfile_signal *signal = &config->signal;
	struct skex_name name;

	if (!skex_name_parse(&name, skex_view(config->binding, strlen(config->binding))))
		return false;
	if (signal->pid_file != NULL &&
		(signal->pid_file[0] != '/' || signal->program == NULL || signal->number <= 0))
		return false;
	return config->file.path != NULL && config->file.path[0] == '/' &&
		is_program(&config->reload) && is_program(&config->check);
}

enum skex_error skex_pskfile_new(const struct skex_platform *platform,
	const struct skex_pskfile_config *config, struct skex_pskfile **out)
{
	struct skex_pskfile *pskfile;

	if (!is_usable(config))
		return SKEX_E_ARGUMENT;
	pskfile = calloc(1, sizeof(*pskfile));
	if (pskfile == NULL)
		return SKEX_E_MEMORY;
	pskfile->platform = platform;
	pskfile->config = config;
	pskfile->secrets = skex_secret_new(sizeof(*pskfile->secrets));
	if (pskfile->secrets == NULL) {
		free(pskfile);
		return SKEX_E_MEMORY;
	}
	*out = pskfile;
	return SKEX_OK;
}

void skex_pskfile_free(struct skex_pskfile *pskfile)
{
	if (pskfile == NULL)
		return;
	let_go(pskfile);
	skex_secret_free(pskfile->secrets);
	free(pskfile);
}
