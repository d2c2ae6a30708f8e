/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/hub_admin_internal.h"
#include "api/kit_text.h"
#include "core/base/mem.h"
#include "platform/memory.h"

#define JOBS_MAX        16u
#define SOURCE_PAUSE_MS 10u
#define PATH_MAX_BYTES  512u

/* A kit in the making, and who waits for it. */
struct hub_admin_job {
	struct hub_admin_job *next;
	struct skex_hub_admin *admin;
	struct skex_enrolment *enrolment;
	struct skex_name agent;
	struct skex_api_call *call; /* NULL when the caller has gone */
};

/* ---- requests ---------------------------------------------------------------------------------
 */

struct enrol_request {
	const char *agent;
	const struct json_t *groups;
	uint64_t pad_bytes;
	const char *pad_source;
	bool pad_source_unmarked;
	const char *suite;
	bool ratchet;
	bool again;
	struct skex_kit_lock_text lock;
};

#define ENROL_FIELD(name, kind, required, min, max)                                                \
	{                                                                                          \
#name, kind, required, min, max, offsetof(struct enrol_request, name)              \
	}

static const struct skex_field enrol_fields[] = {
	ENROL_FIELD(agent, SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX),
	ENROL_FIELD(groups, SKEX_FIELD_STRINGS, false, 0, SKEX_GROUPS_MAX),
	ENROL_FIELD(pad_bytes, SKEX_FIELD_INTEGER, false, 0, SKEX_ENROL_PAD_MAX),
	ENROL_FIELD(pad_source, SKEX_FIELD_STRING, false, 1, PATH_MAX_BYTES),
	ENROL_FIELD(pad_source_unmarked, SKEX_FIELD_BOOL, false, 0, 0),
	ENROL_FIELD(suite, SKEX_FIELD_STRING, false, 1, 32),
	ENROL_FIELD(ratchet, SKEX_FIELD_BOOL, false, 0, 0),
	ENROL_FIELD(again, SKEX_FIELD_BOOL, false, 0, 0),
	SKEX_KIT_LOCK_FIELDS(offsetof(struct enrol_request, lock)),
};

static bool read_groups(const struct json_t *names, struct skex_enrol_request *request)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (!skex_name_parse(&request->groups[i], skex_view(name, strlen(name))))
			return false;
		request->groups_count++;
	}
	return true;
}

static bool read_suite(const char *text, enum skex_aead *aead)
{
	*aead = SKEX_AEAD_AES_256_GCM;
	if (text == NULL || strcmp(text, "aes-256-gcm") == 0)
		return true;
	*aead = SKEX_AEAD_CHACHA20_POLY1305;
	return strcmp(text, "chacha20-poly1305") == 0;
}

static const char *read_request(const struct enrol_request *in, struct skex_enrol_request *request)
{
	if (!skex_name_parse(&request->agent, skex_view(in->agent, strlen(in->agent))))
		return "\"agent\" is no name";
	if (in->groups != NULL && !read_groups(in->groups, request))
		return "\"groups\" holds something that is no name";
	if (!read_suite(in->suite, &request->aead))
		return "\"suite\" is neither aes-256-gcm nor chacha20-poly1305";
	if (request->type == SKEX_KIT_REFILL && (in->groups != NULL || in->ratchet || in->suite))
		return "a refill has no \"groups\", \"ratchet\" or \"suite\"";
	request->kind = in->ratchet ? SKEX_PAD_RATCHET : SKEX_PAD_TABLE;
	request->pad_bytes = in->pad_bytes;
	request->source = in->pad_source;
	request->source_unmarked = in->pad_source_unmarked;
	request->again = in->again;
	return NULL;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void reply_kit(const struct skex_hub_admin *admin, struct skex_api_call *call,
	const struct skex_name *agent)
{
	struct skex_enrol_kit *kit = skex_secret_new(sizeof(*kit));
	struct skex_leg_record leg = {.class = SKEX_CLASS_COMPUTATIONAL};
	char head[256];

	if (kit == NULL || skex_enrol_kit_get(admin->setup.enrol, agent, kit) != SKEX_OK) {
		skex_secret_free(kit);
		skex_api_fail(call, SKEX_E_IO, "kit", "the kit was made, but cannot be given out",
			"see the hub's log, and ask again");
		return;
	}
	(void)!skex_registry_leg_get(admin->setup.enrol->registry, kit->leg, &leg);
	snprintf(head, sizeof(head),
		"\"agent\":\"%s\",\"leg\":\"%016" PRIx64 "\",\"generation\":%" PRIu32
		",\"class\":\"%s\"",
		agent->text, kit->leg, kit->generation,
		leg.class == SKEX_CLASS_ITS ? "its" : "computational");
	skex_kit_reply(call, head, kit->path, kit->size, kit->preamble);
	skex_secret_free(kit);
}

/* ---- jobs -------------------------------------------------------------------------------------
 */

static void caller_gone(void *owner, uint64_t data)
{
	struct hub_admin_job *job = owner;

	(void)data;
	job->call = NULL;
}

static bool begin_job(struct skex_hub_admin *admin, struct skex_api_call *call,
	const struct skex_enrol_request *request)
{
	struct hub_admin_job *job = calloc(1, sizeof(*job));
	struct skex_reason reason;
	enum skex_error error;
	unsigned count = 0;

	for (const struct hub_admin_job *one = admin->jobs; one != NULL; one = one->next) {
		count++;
		/* It is not in the store before its first commit: two would make one generation. */
		if (skex_name_equal(&one->agent, &request->agent)) {
			free(job);
			skex_api_fail(call, SKEX_E_BUSY, "kit_in_the_making",
				"a kit for this agent is being made",
				"wait until it is ready, then try again");
			return false;
		}
	}
	if (job == NULL || count >= JOBS_MAX) {
		free(job);
		skex_api_fail(call, SKEX_E_BUSY, "busy", "many kits are being made already",
			"wait until they are ready, then try again");
		return false;
	}
	error = skex_enrolment_begin(admin->setup.enrol, request, &job->enrolment, &reason);
	if (error != SKEX_OK) {
		free(job);
		skex_api_fail(call, error, reason.code, reason.message, reason.act);
		return false;
	}
	job->admin = admin;
	job->agent = request->agent;
	job->call = call;
	skex_api_call_on_cancel(call, caller_gone, job, 0);
	job->next = admin->jobs;
	admin->jobs = job;
	admin->setup.platform->wake(admin->setup.platform->context);
	return true;
}

static void begin(void *owner, struct skex_api_call *call, const struct json_t *request,
	enum skex_kit_type type)
{
	struct skex_hub_admin *admin = owner;
	struct skex_enrol_request wanted = {.type = type};
	struct skex_kit_lock lock = {0};
	struct enrol_request in = {0};
	const char *wrong;
	bool locked;

	if (!hub_admin_read(call, enrol_fields, SKEX_COUNT(enrol_fields), request, &in))
		return;
	wrong = read_request(&in, &wanted);
	if (wrong == NULL && !skex_kit_lock_read(admin->setup.platform, &in.lock, &lock, &locked))
		wrong = skex_kit_lock_wrong;
	if (wrong != NULL) {
		skex_api_fail(call, SKEX_E_ARGUMENT, "bad_request", wrong,
			"write the request as docs/hub-api.md shows");
	} else {
		wanted.lock = locked ? &lock : NULL;
		(void)begin_job(admin, call, &wanted);
	}
	skex_kit_lock_clear(&lock);
}

void hub_admin_op_enrol(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	begin(owner, call, request, SKEX_KIT_ENROL);
}

void hub_admin_op_refill(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	begin(owner, call, request, SKEX_KIT_REFILL);
}

/* ---- kits that were taken ----------------------------------------------------------------------
 */

/* Answered when it is durable: the caller counts on it that the kit does not come back. */
void hub_admin_op_kit_taken(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_hub_admin *admin = owner;
	struct skex_reason reason;
	struct skex_name name;
	enum skex_error error;

	if (!hub_admin_read_name(call, request, &name))
		return;
	error = skex_enrol_kit_taken(admin->setup.enrol, &name);
	if (error == SKEX_E_UNKNOWN)
		(void)skex_reason_set(&reason, error, "no_kit", "nothing has to be done",
			"no kit for agent %s waits here", name.text);
	else if (error != SKEX_OK)
		(void)skex_reason_set(&reason, error, "kit", "see the hub's log",
			"the kit for agent %s cannot be dropped (%s)", name.text,
			skex_error_name(error));
	hub_admin_end_when_durable(admin->setup.hub, call, error, &reason, &name);
}

/* ---- turns -------------------------------------------------------------------------------------
 */

/* The job is over: tells the caller, or the log. */
static void end_job(
	struct hub_admin_job *job, enum skex_error error, const struct skex_reason *reason)
{
	const struct skex_hub_admin *admin = job->admin;

	if (error != SKEX_OK)
		skex_log(admin->setup.platform, SKEX_LEVEL_ERROR, "%s: %s", reason->code,
			reason->message);
	skex_enrolment_free(job->enrolment);
	if (job->call != NULL && error == SKEX_OK)
		reply_kit(admin, job->call, &job->agent);
	else if (job->call != NULL)
		skex_api_fail(job->call, error, reason->code, reason->message, reason->act);
	free(job);
}

uint64_t hub_admin_jobs_turn(struct skex_hub_admin *admin, uint64_t now_ms)
{
	struct hub_admin_job **at = &admin->jobs;
	uint64_t next = UINT64_MAX;

	while (*at != NULL) {
		struct hub_admin_job *job = *at;
		struct skex_reason reason;
		enum skex_error error = skex_enrolment_step(job->enrolment, &reason);

		if (error == SKEX_E_BUSY || error == SKEX_E_EMPTY) {
			uint64_t when = error == SKEX_E_BUSY ? now_ms : now_ms + SOURCE_PAUSE_MS;

			next = when < next ? when : next;
			at = &job->next;
			continue;
		}
		*at = job->next;
		end_job(job, error, &reason);
	}
	return next;
}

void hub_admin_jobs_free(struct skex_hub_admin *admin)
{
	while (admin->jobs != NULL) {
		struct hub_admin_job *job = admin->jobs;

		admin->jobs = job->next;
		skex_enrolment_release(job->enrolment);
		free(job);
	}
}
