/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/qkd014.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/note.h"
#include "agent/qkd014_internal.h"
#include "core/base/mem.h"
#include "platform/memory.h"

static const char ended[] = "the process that speaks to KMEs has ended: see the log of skexd";

/* ---- what is told ------------------------------------------------------------------------------
 */

static void set_problem(
	struct skex_agent *agent, struct agent_kme *kme, const char *peer, const char *problem)
{
	kme->asked = true;
	if (strncmp(kme->problem, problem, sizeof(kme->problem) - 1) == 0)
		return;
	if (problem[0] != '\0')
		agent_event(agent, SKEX_LEVEL_WARNING, "kme_failed", peer, "", "KME %s: %s",
			kme->config->name.text, problem);
	else
		agent_event(agent, SKEX_LEVEL_NOTICE, "kme_ok", peer, "", "KME %s gives keys again",
			kme->config->name.text);
	(void)snprintf(kme->problem, sizeof(kme->problem), "%s", problem);
}

void qkd_problem(struct agent_qkd_peer *source, const char *problem)
{
	set_problem(source->all->agent, source->kme, source->config->name.text,
		problem == NULL ? "" : problem);
}

enum skex_error skex_agent_qkd014_report(
	struct skex_agent *agent, const char *kme, const char *problem)
{
	size_t i;

	for (i = 0; agent->qkd != NULL && i < agent->qkd->kmes_count; i++) {
		if (strcmp(agent->qkd->kmes[i].config->name.text, kme) == 0) {
			set_problem(agent, &agent->qkd->kmes[i], "", problem);
			return SKEX_OK;
		}
	}
	return SKEX_E_UNKNOWN;
}

void skex_agent_qkd014_status(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_qkd014_status *status), void *owner)
{
	size_t i;

	for (i = 0; agent->qkd != NULL && i < agent->qkd->kmes_count; i++) {
		const struct agent_kme *kme = &agent->qkd->kmes[i];
		struct skex_qkd014_status status = {.kme = kme->config,
			.problem = kme->problem,
			.keys = kme->keys_given,
			.blocks = kme->blocks,
			.dropped = kme->keys_dropped};

		if (agent->qkd->order == NULL)
			status.state = "unserved";
		else if (kme->problem[0] != '\0')
			status.state = "failing";
		else
			status.state = kme->asked ? "ok" : "new";
		visit(owner, &status);
	}
}

void qkd_component(const struct agent_qkd_peer *source, bool independent, enum skex_class class,
	struct skex_component *component)
{
	const struct skex_crypto *crypto = source->all->agent->link.crypto;
	const char *name = source->kme->config->name.text;
	const struct skex_view part = skex_view(name, strlen(name));
	uint8_t hash[SKEX_HASH_BYTES];

	*component = (struct skex_component){
		.provider = "qkd014", .class = class, .confirmed = true, .roots_count = 1};
	/* A name that cannot be hashed is as good as one that nobody vouches for. */
	if (!independent || crypto->sha256(crypto->context, &part, 1, hash) != SKEX_OK) {
		component->roots[0].kind = SKEX_ROOT_HOUSE;
		return;
	}
	component->roots[0].kind = SKEX_ROOT_KME;
	memcpy(component->roots[0].id, hash, sizeof(component->roots[0].id));
}

enum skex_class qkd_class(const struct agent_qkd_peer *source)
{
	return source->config->class == SKEX_QKD014_ITS ? SKEX_CLASS_ITS : SKEX_CLASS_COMPUTATIONAL;
}

enum skex_error qkd_block_add(const struct qkd_block *block)
{
	const struct agent_block_ask *ask = &block->ask;
	struct skex_agent *agent = block->pool->agent;
	const bool initiator = block->which == SKEX_CONFIRM_AB;
	const uint64_t expires = agent_wall(agent) + (uint64_t)ask->lifetime_s * 1000;
	struct agent_quality quality = {.class = block->class};
	struct skex_txn *txn = skex_commit_txn(&agent->link.commit);
	struct skex_component component;
	struct agent_batch *batch = NULL;
	struct agent_batch *part = NULL;
	enum skex_error error = txn == NULL ? SKEX_E_MEMORY : SKEX_OK;

	if (error == SKEX_OK && ask->part.instance != 0) {
		qkd_component(block->source, block->independent, block->class, &component);
		error = agent_combine_mix_with(
			block->pool, ask, &component, block->secret, &part, &quality);
	}
	quality.confirmed = initiator;
	if (error == SKEX_OK) {
		batch = agent_batch_add(block->pool, ask->first, 1, ask->secret_size, block->secret,
			ask->secret_size, 0, &quality, expires);
		error = batch == NULL ? SKEX_E_MEMORY : SKEX_OK;
	}
	if (error == SKEX_OK && !agent_batch_settle(batch))
		error = SKEX_E_MEMORY;
	/* Last: a block that cannot be kept is not confirmed. */
	if (error == SKEX_OK)
		error = agent_confirm_add(agent, block->source->peer, block->profile, block->which,
			ask->first, 1, block->class_responder, block->tags[initiator],
			initiator ? NULL : block->tags[1], expires);
	if (error == SKEX_OK && part != NULL)
		agent_batch_drop(part);
	if (error != SKEX_OK && batch != NULL)
		agent_batch_drop(batch);
	if (error == SKEX_OK)
		qkd_used(block->source, block->ids, block->ids_count, txn);
	return error;
}

/* ---- orders ------------------------------------------------------------------------------------
 */

bool qkd_order(struct agent_qkd_peer *source, struct agent_qkd_wait *wait, uint32_t count,
	uint32_t key_bytes, uint32_t wait_ms, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES])
{
	struct agent_qkd *qkd = source->all;
	const struct skex_qkd014_order order = {.number = qkd->orders + 1,
		.kme = source->kme->config,
		.peer = source->config,
		.count = count,
		.key_bytes = key_bytes,
		.wait_ms = wait_ms,
		.ids = ids};

	if (qkd->order == NULL)
		return false;
	qkd->orders++;
	*wait = (struct agent_qkd_wait){order.number, count, key_bytes};
	qkd->order(qkd->owner, &order);
	return true;
}

static struct agent_qkd_run *run_of(const struct agent_qkd *qkd, uint64_t number)
{
	struct agent_qkd_run *run = qkd == NULL ? NULL : qkd->runs;

	while (run != NULL && run->wait.number != number)
		run = run->next;
	return run;
}

static struct agent_qkd_answer *answer_of(const struct agent_qkd *qkd, uint64_t number)
{
	struct agent_qkd_answer *answer = qkd == NULL ? NULL : qkd->answers;

	while (answer != NULL && answer->wait.number != number)
		answer = answer->next;
	return answer;
}

enum skex_error skex_agent_qkd014_keys(struct skex_agent *agent, uint64_t number,
	const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], uint32_t count, struct skex_view keys)
{
	struct agent_qkd_run *run = number == 0 ? NULL : run_of(agent->qkd, number);
	struct agent_qkd_answer *answer = number == 0 ? NULL : answer_of(agent->qkd, number);
	const struct agent_qkd_wait *wait = run != NULL ? &run->wait
		: answer != NULL                        ? &answer->wait
							: NULL;
	struct agent_qkd_peer *source;

	if (wait == NULL)
		return SKEX_OK;
	if (count != wait->count || keys.size != (size_t)count * wait->key_bytes)
		return SKEX_E_ARGUMENT;
	source = run != NULL ? run->source : answer->source;
	source->kme->keys_given += count;
	if (run != NULL)
		qkd_run_keys(run, ids, keys.data);
	else
		qkd_answer_keys(answer, ids, keys.data);
	agent_wake(agent);
	return SKEX_OK;
}

void skex_agent_qkd014_failed(
	struct skex_agent *agent, uint64_t number, enum skex_qkd014_failure how, const char *text)
{
	struct agent_qkd_run *run = number == 0 ? NULL : run_of(agent->qkd, number);
	struct agent_qkd_answer *answer = number == 0 ? NULL : answer_of(agent->qkd, number);

	if (run != NULL) {
		qkd_problem(run->source, text);
		qkd_run_failed(run, text);
	} else if (answer != NULL) {
		qkd_answer_failed(answer, how, text);
	}
	agent_wake(agent);
}

enum skex_error skex_agent_qkd014_attach(
	struct skex_agent *agent, skex_qkd014_order_fn order, void *owner)
{
	if (agent->qkd == NULL)
		return SKEX_E_STATE;
	if (agent->qkd->order != NULL)
		return SKEX_E_BUSY;
	agent->qkd->order = order;
	agent->qkd->owner = owner;
	agent_wake(agent);
	return SKEX_OK;
}

void skex_agent_qkd014_detach(struct skex_agent *agent)
{
	struct agent_qkd *qkd = agent->qkd;
	struct agent_qkd_run *run;

	if (qkd == NULL)
		return;
	qkd->order = NULL;
	for (run = qkd->runs; run != NULL;) {
		struct agent_qkd_run *next = run->next;

		if (run->wait.number != 0)
			qkd_run_failed(run, ended);
		run = next;
	}
	while (qkd->answers != NULL)
		qkd_answer_failed(qkd->answers, SKEX_QKD014_AWAY, ended);
	agent_wake(agent);
}

/* ---- notes -------------------------------------------------------------------------------------
 */

static void on_note(void *owner, const struct skex_note *note)
{
	struct agent_qkd *qkd = owner;
	struct agent_peer *peer = agent_peer_find(qkd->agent, &note->sender);
	struct skex_source_note read;
	enum skex_error error;

	if (note->bytes.size == 0 || note->bytes.data[0] != SKEX_SOURCE_NOTE || peer == NULL)
		return;
	error = skex_source_note_decode(&read, note->bytes);
	if (error == SKEX_E_VERSION)
		agent_event(qkd->agent, SKEX_LEVEL_WARNING, "block_refused", peer->name.text, "",
			"it offers keys of a KME in the words of a newer version of skex");
	if (error != SKEX_OK)
		return;
	if (read.form == SKEX_SOURCE_OFFER)
		qkd_answer_offer(qkd, peer, &read, note->bytes);
	else
		qkd_run_refused(qkd, peer, &read);
	agent_wake(qkd->agent);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static enum skex_error load_kme(
	struct agent_qkd *qkd, struct agent_kme *kme, const struct skex_qkd014_config *config)
{
	size_t i;

	kme->config = config;
	kme->ids.prints = calloc(AGENT_QKD_SEEN, sizeof(*kme->ids.prints));
	kme->keys.prints = calloc(AGENT_QKD_SEEN, sizeof(*kme->keys.prints));
	if (kme->ids.prints == NULL || kme->keys.prints == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; i < config->peers_count; i++) {
		struct agent_qkd_peer *source = &qkd->peers[qkd->peers_count];
		struct agent_peer *peer = agent_peer_get(qkd->agent, &config->peers[i].name);

		if (peer == NULL)
			return SKEX_E_MEMORY;
		*source = (struct agent_qkd_peer){
			.all = qkd, .kme = kme, .config = &config->peers[i], .peer = peer};
		peer->qkd = source;
		qkd->peers_count++;
	}
	return SKEX_OK;
}

enum skex_error agent_qkd014_load(struct skex_agent *agent)
{
	const struct skex_agent_config *config = agent->config;
	struct agent_qkd *qkd;
	size_t peers = 0;
	enum skex_error error;
	size_t i;

	if (config->qkd014_count == 0)
		return SKEX_OK;
	for (i = 0; i < config->qkd014_count; i++)
		peers += config->qkd014[i].peers_count;
	qkd = calloc(1, sizeof(*qkd));
	if (qkd == NULL)
		return SKEX_E_MEMORY;
	agent->qkd = qkd;
	qkd->agent = agent;
	qkd->wake_ms = UINT64_MAX;
	qkd->kmes = calloc(config->qkd014_count, sizeof(*qkd->kmes));
	qkd->peers = calloc(peers + 1, sizeof(*qkd->peers));
	qkd->salt = skex_secret_new(AGENT_QKD_SALT);
	if (qkd->kmes == NULL || qkd->peers == NULL || qkd->salt == NULL)
		return SKEX_E_MEMORY;
	error = agent->link.platform->random(
		agent->link.platform->context, qkd->salt, AGENT_QKD_SALT);
	for (i = 0; i < config->qkd014_count && error == SKEX_OK; i++) {
		qkd->kmes_count++;
		error = load_kme(qkd, &qkd->kmes[i], &config->qkd014[i]);
	}
	if (error == SKEX_OK)
		error = qkd_used_load(qkd);
	if (error == SKEX_OK)
		error = skex_agent_note_watch(agent, on_note, qkd, &qkd->watch);
	return error;
}

void agent_qkd014_clear(struct skex_agent *agent)
{
	struct agent_qkd *qkd = agent->qkd;
	size_t i;

	if (qkd == NULL)
		return;
	while (qkd->runs != NULL)
		qkd_run_free(qkd->runs);
	while (qkd->answers != NULL)
		qkd_answer_free(qkd->answers);
	for (i = 0; i < qkd->peers_count; i++)
		qkd->peers[i].peer->qkd = NULL;
	for (i = 0; i < qkd->kmes_count; i++) {
		free(qkd->kmes[i].ids.prints);
		free(qkd->kmes[i].keys.prints);
	}
	if (qkd->watch != 0)
		skex_agent_note_unwatch(agent, qkd->watch);
	skex_secret_free(qkd->salt);
	free(qkd->kmes);
	free(qkd->peers);
	free(qkd);
	agent->qkd = NULL;
}
