/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "deliver/bindings/internal.h"

static const char *const states[SKEX_ROTATION_STATES] = {
	[SKEX_ROTATION_IDLE] = "idle",
	[SKEX_ROTATION_GETTING] = "getting",
	[SKEX_ROTATION_OFFERING] = "offering",
	[SKEX_ROTATION_FETCHING] = "fetching",
	[SKEX_ROTATION_STAGING] = "staging",
	[SKEX_ROTATION_PREPARED] = "prepared",
	[SKEX_ROTATION_SWITCHING] = "switching",
	[SKEX_ROTATION_PROVING] = "proving",
	[SKEX_ROTATION_TELLING] = "telling",
	[SKEX_ROTATION_SETTLING] = "settling",
};

void bindings_wrong(struct bindings_end *end, const char *text)
{
	if (strcmp(end->wrong, text) == 0)
		return;
	(void)snprintf(end->wrong, sizeof(end->wrong), "%s", text);
	if (text[0] != '\0')
		skex_log(end->all->platform, SKEX_LEVEL_WARNING, "%s: %s", end->purpose, text);
	bindings_changed(end);
}

bool bindings_error(const json_t *answer, char *text, size_t room)
{
	const json_t *error = json_object_get(answer, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *act = json_string_value(json_object_get(error, "do"));

	if (error == NULL)
		return false;
	(void)snprintf(
		text, room, "%s; %s", message != NULL ? message : "", act != NULL ? act : "");
	return true;
}

/* What nobody here has words for: most often the other end saw it. */
static const char *const reasons[SKEX_ROTATION_REASONS] = {
	[SKEX_ROTATION_FINE] = "",
	[SKEX_ROTATION_NO_KEY] = "the other end cannot have the key; see `skex binding ls` there",
	[SKEX_ROTATION_CONSUMER] = "the consumer at the other end did not take the key; see "
				   "`skex binding ls` there",
	[SKEX_ROTATION_NOT_USED] = "the consumers took a key and did not come to use it, and have "
				   "the old one again; do they reach each other?",
	[SKEX_ROTATION_LOST] = "a consumer was started again and knew no key; a new one is made",
	[SKEX_ROTATION_FORGOTTEN] = "an agent was started again and knew no key; a new one is made",
	[SKEX_ROTATION_OVER] = "the grace of the old key was over before a new one was in use",
};

/* What is wrong, in words; "" when all is fine. */
static const char *problem_of(const struct bindings_end *end)
{
	const struct skex_rotation *machine = skex_binding_machine(end->binding);
	const bool keyless = machine->reason == SKEX_ROTATION_NO_KEY;
	const char *problem = skex_binding_problem(end->binding);

	if (skex_binding_unsafe(end->binding))
		return problem;
	if (end->same_role)
		return end->policy.leads
			? "both ends have the role leads; set one of them to follows"
			: "both ends have the role follows; set one of them to leads";
	/* Of what the agent said and what the consumer said, that which is of the last round. */
	if (end->wrong[0] != '\0' && (problem[0] == '\0' || keyless))
		return end->wrong;
	if (problem[0] != '\0' || (keyless && machine->failed == end->keyless))
		return problem;
	return reasons[machine->reason];
}

/* ---- what people are told ----------------------------------------------------------------------
 */

static void log_changes(const struct bindings_end *end, const struct skex_rotation *is)
{
	const struct skex_platform *platform = end->all->platform;
	const struct skex_rotation *was = &end->reported;
	const char *problem = problem_of(end);
	char id[SKEX_KEY_ID_TEXT_BYTES];

	if (is->rotations != was->rotations) {
		skex_uuid_print(is->active.id, id);
		skex_log(platform, SKEX_LEVEL_INFO, "%s: key %s is in use", end->purpose, id);
	}
	/* What the agent and the consumer said has a line already. */
	if (problem != end->wrong && problem != skex_binding_problem(end->binding) &&
		problem[0] != '\0' && strcmp(problem, end->problem) != 0)
		skex_log(platform, SKEX_LEVEL_WARNING, "%s: %s", end->purpose, problem);
	if (is->closed && !was->closed)
		skex_log(platform, SKEX_LEVEL_ERROR,
			"%s: closed, for no fresh key could be had within its grace", end->purpose);
	if (!is->closed && was->closed)
		skex_log(platform, SKEX_LEVEL_NOTICE, "%s: open again", end->purpose);
}

static bool same_key(const struct skex_rotation_key *a, const struct skex_rotation_key *b)
{
	return a->there == b->there && a->since_ms == b->since_ms &&
		memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

static bool is_reported(const struct bindings_end *end, const struct skex_rotation *is)
{
	const struct skex_rotation *was = &end->reported;

	return end->ever_reported && is->state == was->state && is->rotations == was->rotations &&
		is->failed == was->failed && is->closed == was->closed &&
		same_key(&is->active, &was->active) && same_key(&is->next, &was->next) &&
		skex_binding_unsafe(end->binding) == end->reported_unsafe &&
		strcmp(problem_of(end), end->problem) == 0;
}

static json_t *key_or_null(const struct skex_rotation_key *key)
{
	char id[SKEX_KEY_ID_TEXT_BYTES];

	skex_uuid_print(key->id, id);
	return json_string(id);
}

json_t *bindings_problem_json(const char *text)
{
	char problem[256];

	(void)snprintf(problem, sizeof(problem), "%s", text);
	skex_text_mend(problem);
	return json_string(problem);
}

static json_t *made(const struct bindings_end *end, const struct skex_rotation *is)
{
	const uint64_t now_ms = end->all->platform->now_ms(end->all->platform->context);
	const uint64_t closes_ms = skex_rotation_closes_ms(is);
	json_t *report = json_pack("{ss ss si si sb so}", "binding", end->config->name.text,
		"state", skex_binding_unsafe(end->binding) ? "unsafe" : states[is->state],
		"rotations", (int)is->rotations, "failed", (int)is->failed, "closed",
		(int)is->closed, "problem", bindings_problem_json(problem_of(end)));
	int failed = report == NULL;

	if (is->active.there) {
		failed |= json_object_set_new(report, "active_key", key_or_null(&is->active));
		failed |= json_object_set_new(report, "active_age_ms",
			json_integer((json_int_t)skex_rotation_age_ms(&is->active, now_ms)));
	}
	if (is->next.there)
		failed |= json_object_set_new(report, "next_key", key_or_null(&is->next));
	if (closes_ms != UINT64_MAX)
		failed |= json_object_set_new(report, "closes_in_ms",
			json_integer((json_int_t)(closes_ms > now_ms ? closes_ms - now_ms : 0)));
	if (failed == 0)
		return report;
	json_decref(report);
	return NULL;
}

static json_t *made_refused(const struct bindings_end *end)
{
	return json_pack("{ss ss si si sb so}", "binding", end->config->name.text, "state",
		"refused", "rotations", 0, "failed", 0, "closed", 0, "problem",
		bindings_problem_json(end->wrong));
}

static void on_taken(void *owner, const json_t *answer)
{
	struct bindings_end *end = owner;
	char text[256];

	if (bindings_error(answer, text, sizeof(text)))
		skex_log(end->all->platform, SKEX_LEVEL_WARNING,
			"%s: the agent does not take the report: %s", end->purpose, text);
	end->reporting = false;
	if (end->unreported)
		bindings_changed(end);
}

void bindings_report(struct bindings_end *end)
{
	const struct skex_rotation *is = skex_binding_machine(end->binding);
	enum skex_error error;

	if (is_reported(end, is))
		return;
	end->unreported = end->reporting;
	if (end->reporting)
		return;
	log_changes(end, is);
	end->reported = *is;
	end->reported_unsafe = skex_binding_unsafe(end->binding);
	(void)snprintf(end->problem, sizeof(end->problem), "%s", problem_of(end));
	error = local_api_ask(end->all->api, "binding_report", made(end, is), on_taken, end);
	/* What could not be said is said at the next turn of this end. */
	end->reporting = error == SKEX_OK;
	end->ever_reported = error == SKEX_OK;
}

void bindings_report_refused(struct bindings_end *end)
{
	if (local_api_ask(end->all->api, "binding_report", made_refused(end), on_taken, end) !=
		SKEX_OK)
		bindings_stop(end->all, SKEX_E_MEMORY);
}
