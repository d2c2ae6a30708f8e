/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "deliver/ikev2/internal.h"

#define KEYS_MS 30000u /* charon lists all of its keys: not asked at every look */

static const uint8_t none[SKEX_KEY_ID_BYTES];

/* ---- jobs --------------------------------------------------------------------------------------
 */

static void ask(
	struct skex_ikev2 *ikev2, enum ikev2_request request, const uint8_t *id, ikev2_plan_fn then)
{
	struct ikev2_job job = {.request = (uint8_t)request, .then = then};

	memcpy(job.id, id, sizeof(job.id));
	ikev2_push(ikev2, &job);
}

static void ask_all_sas(struct skex_ikev2 *ikev2, ikev2_plan_fn then)
{
	const struct ikev2_job job = {.request = IKEV2_LIST_SAS, .all = true, .then = then};

	ikev2_push(ikev2, &job);
}

/* Once on a stream: who registers twice hears all twice. */
static void hear(struct skex_ikev2 *ikev2, const char *event, bool *hears)
{
	const struct ikev2_job job = {.request = IKEV2_REGISTER, .event = event};

	if (!*hears)
		ikev2_push(ikev2, &job);
	*hears = true;
}

static void initiate(
	struct skex_ikev2 *ikev2, uint32_t child, const uint8_t *id, bool wait, ikev2_plan_fn then)
{
	struct ikev2_job job = {
		.request = IKEV2_INITIATE, .number = child, .wait = wait, .then = then};

	memcpy(job.id, id, sizeof(job.id));
	ikev2_push(ikev2, &job);
}

static void terminate(struct skex_ikev2 *ikev2, const uint8_t *id, bool force)
{
	struct ikev2_job job = {.request = IKEV2_TERMINATE, .force = force};

	memcpy(job.id, id, sizeof(job.id));
	ikev2_push(ikev2, &job);
}

static void terminate_one(struct skex_ikev2 *ikev2, const struct ikev2_sa *sa)
{
	const struct ikev2_job job = {
		.request = IKEV2_TERMINATE_ONE, .force = true, .number = sa->number};

	if (sa->up && !sa->ppk)
		ikev2_say(ikev2, "an IKE_SA was up without a PPK and was closed",
			"does swanctl.conf have a connection of this name?");
	ikev2_push(ikev2, &job);
}

/* After LOAD_KEY and LOAD_CONN. */
static void must_be_loaded(struct skex_ikev2 *ikev2)
{
	char what[160];

	if (ikev2->success)
		return;
	(void)snprintf(what, sizeof(what), "charon refuses the %s: %s",
		ikev2->job.request == IKEV2_LOAD_KEY ? "key" : "connection",
		ikev2->error[0] != '\0' ? ikev2->error : "it does not say why");
	ikev2_fail(ikev2, what, "see its log");
}

/* Of a key that is known no more, wherever something of it is left. */
static void retire(struct skex_ikev2 *ikev2, const uint8_t *id, bool force)
{
	if (ikev2->config->leads) {
		ask(ikev2, IKEV2_UNLOAD_CONN, id, NULL);
		terminate(ikev2, id, force);
	}
	if (ikev2_found(&ikev2->keys, id))
		ask(ikev2, IKEV2_UNLOAD_KEY, id, NULL);
}

static bool is_active(const struct skex_ikev2 *ikev2, const uint8_t *id)
{
	return ikev2->active.there && ikev2_same(ikev2->active.id, id);
}

/* ---- SETTLE: the active key only ---------------------------------------------------------------
 */

static bool is_stale(const struct skex_ikev2 *ikev2, const struct ikev2_sa *sa)
{
	return ikev2->config->leads ? !is_active(ikev2, sa->id) : !ikev2->active.there;
}

/* Those that may have an SA of this binding which is to go. */
static void list_sas(struct skex_ikev2 *ikev2, ikev2_plan_fn then)
{
	if (ikev2->config->leads && (!ikev2->swept || !ikev2->active.there))
		ask_all_sas(ikev2, then);
	else
		ask(ikev2, IKEV2_LIST_SAS, ikev2->active.id, then);
}

static void settle_check(struct skex_ikev2 *ikev2)
{
	size_t i;

	for (i = 0; i < ikev2->keys.count; i++) {
		if (!is_active(ikev2, ikev2->keys.id[i])) {
			ikev2_fail(
				ikev2, "charon keeps a key that it was to forget", "see its log");
			return;
		}
	}
	for (i = 0; i < ikev2->sas_count; i++) {
		if (is_stale(ikev2, &ikev2->sas[i])) {
			ikev2_fail(ikev2, "charon keeps an IKE_SA that it was to close",
				"see its log");
			return;
		}
	}
	if (ikev2->keys.more || ikev2->sas_more) {
		ikev2_fail(ikev2, "there was more left over than goes at once", "wait");
		return;
	}
	if (ikev2->active.held && !ikev2_found(&ikev2->keys, ikev2->active.id)) {
		ikev2_fail(ikev2, "charon did not keep the key that it was given",
			"does something else clear its secrets?");
		return;
	}
	ikev2_ear_close(ikev2);
	ikev2->swept = true;
	ikev2->staged = false;
	ikev2->switched = false;
	ikev2->keys_ms = 0;
}

static void settle_sas(struct skex_ikev2 *ikev2)
{
	size_t i;

	for (i = 0; i < ikev2->sas_count; i++) {
		const struct ikev2_sa *sa = &ikev2->sas[i];

		if (is_stale(ikev2, sa) || (sa->up && !sa->ppk))
			terminate_one(ikev2, sa);
	}
	ask(ikev2, IKEV2_GET_SHARED, none, NULL);
	list_sas(ikev2, settle_check);
}

static void settle_all(struct skex_ikev2 *ikev2)
{
	const bool closes = !ikev2->active.there;
	const uint8_t *active = ikev2->active.id;
	size_t i;

	if (ikev2->active.held && !ikev2_found(&ikev2->keys, active))
		ask(ikev2, IKEV2_LOAD_KEY, active, must_be_loaded);
	/* Without the key's bytes, and they are not there either: the next look says so. */
	if (ikev2->active.held || (!closes && ikev2_found(&ikev2->keys, active)))
		ask(ikev2, IKEV2_LOAD_CONN, active, must_be_loaded);
	if (closes && ikev2->conn_there)
		ask(ikev2, IKEV2_UNLOAD_CONN, none, NULL);
	for (i = 0; i < ikev2->keys.count; i++) {
		if (!is_active(ikev2, ikev2->keys.id[i]))
			retire(ikev2, ikev2->keys.id[i], closes);
	}
	for (i = 0; i < ikev2->conns.count; i++) {
		if (!is_active(ikev2, ikev2->conns.id[i]) &&
			!ikev2_found(&ikev2->keys, ikev2->conns.id[i]))
			retire(ikev2, ikev2->conns.id[i], closes);
	}
	list_sas(ikev2, settle_sas);
}

static void settle(struct skex_ikev2 *ikev2)
{
	hear(ikev2, "list-sa", &ikev2->hears_sas);
	if (!ikev2->config->leads) { /* for its turn */
		hear(ikev2, "list-conn", &ikev2->hears_conns);
		ask(ikev2, IKEV2_LIST_CONN, none, NULL);
	}
	ask(ikev2, IKEV2_GET_SHARED, none, NULL);
	ask(ikev2, IKEV2_GET_CONNS, none, settle_all);
}

/* ---- STAGE: the next one too -------------------------------------------------------------------
 */

static void stage_check(struct skex_ikev2 *ikev2)
{
	if (!ikev2_found(&ikev2->keys, ikev2->next.id)) {
		ikev2_fail(ikev2, "charon did not keep the key that it was given",
			"does something else clear its secrets?");
		return;
	}
	if (!ikev2->config->leads && !ikev2->conn_right) {
		ikev2_fail(ikev2, "the connection is not as it was loaded",
			"does swanctl.conf have one of this name?");
		return;
	}
	ikev2->staged = true;
	memcpy(ikev2->staged_id, ikev2->next.id, sizeof(ikev2->staged_id));
	if (!ikev2->config->leads)
		ikev2_ear_open(ikev2, ikev2->next.id);
}

/* One further than the connection that is there: see connection.h. */
static void stage_take_turn(struct skex_ikev2 *ikev2)
{
	ikev2->prio_turn = (ikev2->prio_turn + 1) % IKEV2_TURNS;
}

static void stage_all(struct skex_ikev2 *ikev2)
{
	size_t i;

	if (!ikev2->next.held) {
		ikev2_fail(ikev2, "the key has another size than a PPK is made of", "say 32 bytes");
		return;
	}
	for (i = 0; i < ikev2->keys.count; i++) {
		const uint8_t *id = ikev2->keys.id[i];

		if (!is_active(ikev2, id) && !ikev2_same(id, ikev2->next.id) &&
			!ikev2_same(id, ikev2->peer_active))
			retire(ikev2, id, false);
	}
	ask(ikev2, IKEV2_LOAD_KEY, ikev2->next.id, must_be_loaded);
	if (ikev2->active.held && !ikev2_found(&ikev2->keys, ikev2->active.id))
		ask(ikev2, IKEV2_LOAD_KEY, ikev2->active.id, must_be_loaded);
	if (!ikev2->config->leads) {
		hear(ikev2, "list-conn", &ikev2->hears_conns);
		ask(ikev2, IKEV2_LIST_CONN, ikev2->next.id, stage_take_turn);
		ask(ikev2, IKEV2_LOAD_CONN, ikev2->next.id, must_be_loaded);
		ask(ikev2, IKEV2_LIST_CONN, ikev2->next.id, NULL);
	}
	ask(ikev2, IKEV2_GET_SHARED, none, stage_check);
}

/* ---- SWITCH: the leader makes a new IKE_SA, and closes the old one -----------------------------
 */

/* It stays with the old key: nothing of the new one may come up later. */
static void give_up(struct skex_ikev2 *ikev2, const char *what, const char *act)
{
	ikev2_keep_failure(ikev2, what, act);
	ikev2_drop_jobs(ikev2);
	terminate(ikev2, ikev2->next.id, true);
	ask(ikev2, IKEV2_UNLOAD_CONN, ikev2->next.id, NULL);
}

static void switch_initiated(struct skex_ikev2 *ikev2)
{
	char what[200];

	if (ikev2->success)
		return;
	(void)snprintf(what, sizeof(what), "the new key is not in use: %s%s%s",
		ikev2->log[0] != '\0' ? ikev2->log : ikev2->error,
		ikev2->log[0] != '\0' ? "; " : "", ikev2->log[0] != '\0' ? ikev2->error : "");
	give_up(ikev2, what, "is it the same key there?");
}

/* The children of all SAs that are up with a PPK; at the leader with this one. */
static uint32_t children_up(const struct skex_ikev2 *ikev2)
{
	uint32_t children = 0;
	size_t i;

	for (i = 0; i < ikev2->sas_count; i++) {
		if (ikev2->sas[i].up && ikev2->sas[i].ppk)
			children |= ikev2->sas[i].children;
	}
	return children;
}

static bool any_without_ppk(const struct skex_ikev2 *ikev2)
{
	size_t i;

	for (i = 0; i < ikev2->sas_count; i++) {
		if (ikev2->sas[i].up && !ikev2->sas[i].ppk)
			return true;
	}
	return false;
}

/* Make before break: all that is not of the new key. */
static void switch_close_old(struct skex_ikev2 *ikev2)
{
	const uint8_t *next = ikev2->next.id;
	size_t i;

	for (i = 0; i < ikev2->conns.count; i++) {
		if (!ikev2_same(ikev2->conns.id[i], next))
			terminate(ikev2, ikev2->conns.id[i], false);
	}
	if (ikev2->active.there && !ikev2_found(&ikev2->conns, ikev2->active.id))
		terminate(ikev2, ikev2->active.id, false);
	ikev2->switched = true;
	memcpy(ikev2->switched_id, next, sizeof(ikev2->switched_id));
}

static void switch_check(struct skex_ikev2 *ikev2)
{
	if (any_without_ppk(ikev2))
		give_up(ikev2, "the new IKE_SA came up without the PPK and was closed",
			"set ppk_required = yes at the other end");
	else if (children_up(ikev2) == 0)
		give_up(ikev2, "charon says that the new IKE_SA is up, and it is not",
			"see its log");
	else
		ask(ikev2, IKEV2_GET_CONNS, none, switch_close_old);
}

static void switch_over(struct skex_ikev2 *ikev2)
{
	uint32_t i;

	hear(ikev2, "list-sa", &ikev2->hears_sas);
	hear(ikev2, "control-log", &ikev2->hears_log);
	ask(ikev2, IKEV2_LOAD_CONN, ikev2->next.id, must_be_loaded);
	for (i = 0; ikev2_child(ikev2->config, i).size > 0; i++)
		initiate(ikev2, i, ikev2->next.id, true, switch_initiated);
	ask(ikev2, IKEV2_LIST_SAS, ikev2->next.id, switch_check);
}

void ikev2_plan_next(struct skex_ikev2 *ikev2)
{
	const uint32_t todo = ikev2->todo;
	/* The lowest one. */
	const uint32_t now = todo & (0u - todo);

	ikev2->todo = todo & ~now;
	if (ikev2->failure[0] != '\0')
		ikev2_finish(ikev2, SKEX_ROTATION_CONSUMER, ikev2->failure);
	else if (now == SKEX_ROTATION_DO_SETTLE)
		settle(ikev2);
	else if (now == SKEX_ROTATION_DO_STAGE)
		ask(ikev2, IKEV2_GET_SHARED, none, stage_all);
	else if (now == SKEX_ROTATION_DO_SWITCH)
		switch_over(ikev2);
	else
		ikev2_finish(ikev2, SKEX_ROTATION_FINE, "");
}

/* ---- a look, which mends what needs no key -----------------------------------------------------
 */

/* Has the next key been given to charon? */
static bool is_staged(const struct skex_ikev2 *ikev2)
{
	return ikev2->staged && ikev2->next.there && ikev2_same(ikev2->staged_id, ikev2->next.id);
}

/* Has charon lost a key that it was given? */
static bool is_gone(const struct skex_ikev2 *ikev2)
{
	return (ikev2->active.there && !ikev2_found(&ikev2->keys, ikev2->active.id)) ||
		(is_staged(ikev2) && !ikev2_found(&ikev2->keys, ikev2->next.id));
}

/* The leader brings up what is not there. */
static void look_up(struct skex_ikev2 *ikev2, const uint8_t *id)
{
	const uint32_t children = children_up(ikev2);
	bool coming = false;
	uint32_t i;

	for (i = 0; i < ikev2->sas_count; i++)
		coming = coming || ikev2->sas[i].coming;
	for (i = 0; !coming && ikev2_child(ikev2->config, i).size > 0; i++) {
		if ((children & 1u << i) == 0)
			initiate(ikev2, i, id, false, NULL);
	}
	if (children != 0)
		ikev2->sight = SKEX_ROTATION_USED;
	else if (ikev2->tried)
		ikev2->sight = SKEX_ROTATION_FAILING;
	if (ikev2->sight == SKEX_ROTATION_FAILING)
		ikev2_say(
			ikev2, "the connection does not come up", "see charon's log at both ends");
	ikev2->tried = children == 0;
}

static void look_sas(struct skex_ikev2 *ikev2)
{
	const uint8_t *id = ikev2->target;
	size_t i;

	if (!ikev2->conn_there || !ikev2->conn_right)
		ask(ikev2, IKEV2_LOAD_CONN, id, must_be_loaded);
	if (ikev2->conn_there && !ikev2->conn_right)
		ikev2_say(ikev2, "something else had changed the connection",
			"does swanctl.conf have one of this name?");
	for (i = 0; i < ikev2->sas_count; i++) {
		if (ikev2->sas[i].up && !ikev2->sas[i].ppk)
			terminate_one(ikev2, &ikev2->sas[i]);
	}
	if (ikev2->config->leads)
		look_up(ikev2, id);
	else if (is_staged(ikev2) && ikev2_ear_heard(ikev2) && children_up(ikev2) != 0)
		ikev2->sight = SKEX_ROTATION_USED;
	if (!ikev2->said_now)
		ikev2->said[0] = '\0';
}

static void look_keys(struct skex_ikev2 *ikev2)
{
	if (is_gone(ikev2)) {
		ikev2_say(ikev2, "charon has lost its keys", "was it started again, or reloaded?");
		ikev2->sight = SKEX_ROTATION_GONE;
		ikev2->swept = false;
		return;
	}
	ikev2->keys_ms = ikev2->platform->now_ms(ikev2->platform->context) + KEYS_MS;
	ask(ikev2, IKEV2_LIST_SAS, ikev2->target, look_sas);
}

static void look_conn(struct skex_ikev2 *ikev2)
{
	const uint64_t now_ms = ikev2->platform->now_ms(ikev2->platform->context);

	/* Without its connections it has most likely lost its keys as well. */
	if (!ikev2->conn_there || now_ms >= ikev2->keys_ms)
		ask(ikev2, IKEV2_GET_SHARED, none, look_keys);
	else
		ask(ikev2, IKEV2_LIST_SAS, ikev2->target, look_sas);
}

bool ikev2_plan_look(struct skex_ikev2 *ikev2)
{
	const struct ikev2_key *next = &ikev2->next;
	const bool switched =
		next->there && ikev2->switched && ikev2_same(ikev2->switched_id, next->id);

	if (switched || (!ikev2->active.there && is_staged(ikev2) && !ikev2->config->leads))
		memcpy(ikev2->target, next->id, sizeof(ikev2->target));
	else if (ikev2->active.there)
		memcpy(ikev2->target, ikev2->active.id, sizeof(ikev2->target));
	else
		return false;
	hear(ikev2, "list-sa", &ikev2->hears_sas);
	hear(ikev2, "list-conn", &ikev2->hears_conns);
	ask(ikev2, IKEV2_LIST_CONN, ikev2->target, look_conn);
	return true;
}
