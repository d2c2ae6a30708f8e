/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/bindings/internal.h"

/*
 * Bindings that are added while this process runs.  The agent says that there are others, and is
 * asked for all that were added, one after the other.  Those that are new begin here, when all that
 * is there then needs just what this process can do; what it can do cannot become more, and is not
 * to stay more.
 */
struct other {
	struct other *next;
	struct skex_binding_config *config;
};

struct bindings_others {
	struct other *fresh; /* not here yet, as far as they are known */
	char after[SKEX_NAME_MAX + 1];
	bool asking;
	bool again; /* something changed meanwhile */
};

static void drop(struct other *other)
{
	skex_bindings_clear(other->config, 1);
	free(other);
}

static void drop_all(struct bindings_others *others)
{
	while (others->fresh != NULL) {
		struct other *other = others->fresh;

		others->fresh = other->next;
		drop(other);
	}
}

void bindings_others_free(struct bindings *bindings)
{
	if (bindings->others == NULL)
		return;
	drop_all(bindings->others);
	free(bindings->others);
	bindings->others = NULL;
}

void bindings_others_drop(struct bindings *bindings, const char *name)
{
	struct other **link;

	if (bindings->others == NULL)
		return;
	for (link = &bindings->others->fresh; *link != NULL; link = &(*link)->next) {
		struct other *other = *link;

		if (strcmp(other->config->name.text, name) != 0)
			continue;
		*link = other->next;
		drop(other);
		return;
	}
}

/* ---- when all are known ------------------------------------------------------------------------
 */

static enum skex_error needed(const struct bindings *bindings, struct bindings_rights *rights)
{
	const struct other *other = bindings->others->fresh;
	enum skex_error error = SKEX_OK;
	size_t i;

	for (i = 0; i < bindings->count && error == SKEX_OK; i++)
		error = bindings_rights_add(rights, bindings->ends[i]->config);
	for (; other != NULL && error == SKEX_OK; other = other->next)
		error = bindings_rights_add(rights, other->config);
	bindings_rights_end(rights);
	return error;
}

static void take_fresh(struct bindings *bindings)
{
	struct bindings_others *others = bindings->others;
	enum skex_error error = SKEX_OK;
	struct bindings_end *added;

	while (others->fresh != NULL && error == SKEX_OK) {
		struct other *other = others->fresh;

		error = bindings_end_add(bindings, other->config, other->config, &added);
		if (error != SKEX_OK)
			break;
		others->fresh = other->next;
		free(other);
		error = bindings_end_begin(added);
	}
	if (error != SKEX_OK)
		bindings_stop(bindings, error);
}

static void finish(struct bindings *bindings)
{
	struct bindings_rights rights = {.folders = NULL};
	const enum skex_error error = needed(bindings, &rights);
	const bool fits = bindings_rights_equal(&rights, &bindings->rights);

	bindings_rights_clear(&rights);
	if (error != SKEX_OK)
		bindings_stop(bindings, error);
	else if (fits && (bindings->count > 0 || bindings->others->fresh != NULL))
		take_fresh(bindings);
	else
		bindings_renew(bindings);
	drop_all(bindings->others);
	if (bindings->others->again)
		bindings_others_come(bindings);
}

/* ---- one after the other -----------------------------------------------------------------------
 */

static void ask(struct bindings *bindings);

static enum skex_error read_one(struct bindings *bindings, const char *name, const char *text)
{
	struct other *other = calloc(1, sizeof(*other));
	enum skex_error error = SKEX_E_MEMORY;

	if (other != NULL)
		error = bindings_added_read(
			bindings->platform, bindings->config, name, text, &other->config);
	if (error != SKEX_OK) {
		free(other);
		return error;
	}
	other->next = bindings->others->fresh;
	bindings->others->fresh = other;
	return SKEX_OK;
}

static void on_added(void *owner, const json_t *answer)
{
	struct bindings *bindings = owner;
	struct bindings_others *others = bindings->others;
	enum skex_error error = SKEX_OK;
	const char *text;

	others->asking = false;
	if (bindings->ending)
		return;
	if (json_is_null(json_object_get(answer, "binding"))) {
		finish(bindings);
		return;
	}
	if (!bindings_added_step(answer, others->after, &text))
		error = SKEX_E_IO;
	else if (bindings_named(bindings, others->after) == NULL)
		error = read_one(bindings, others->after, text);
	if (error == SKEX_OK)
		ask(bindings);
	else
		bindings_stop(bindings, error);
}

static void ask(struct bindings *bindings)
{
	struct bindings_others *others = bindings->others;
	json_t *members = others->after[0] == '\0' ? json_object()
						   : json_pack("{ss}", "after", others->after);

	others->asking = true;
	if (local_api_ask(bindings->api, "binding_added", members, on_added, bindings) != SKEX_OK)
		bindings_stop(bindings, SKEX_E_MEMORY);
}

void bindings_others_come(struct bindings *bindings)
{
	/* The next process asks by itself. */
	if (bindings->ending || bindings->renew_ms != UINT64_MAX)
		return;
	if (bindings->others == NULL)
		bindings->others = calloc(1, sizeof(*bindings->others));
	if (bindings->others == NULL) {
		bindings_stop(bindings, SKEX_E_MEMORY);
		return;
	}
	bindings->others->again = bindings->others->asking;
	if (bindings->others->asking)
		return;
	drop_all(bindings->others);
	bindings->others->after[0] = '\0';
	ask(bindings);
}
