/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_REGISTRY_QUERY_H
#define SKEX_STORE_REGISTRY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/name.h"
#include "core/base/view.h"
#include "store/registry.h"

/*
 * Inside the registry: its statements, and how values go in and come out.  registry_query.c is the
 * only file that knows SQLite; registry.c knows what the values mean.
 *
 * The error of a query is sticky: once something failed, all that follows does nothing, and
 * skex_query_end says so.
 */
enum skex_statement {
	SKEX_SQL_SETTING_SET,
	SKEX_SQL_SETTING_GET,
	SKEX_SQL_MEMBER_PUT,
	SKEX_SQL_MEMBER_GET,
	SKEX_SQL_MEMBER_REMOVE,
	SKEX_SQL_MEMBER_LIST,
	SKEX_SQL_LEG_PUT,
	SKEX_SQL_LEG_GET,
	SKEX_SQL_LEG_REMOVE,
	SKEX_SQL_LEG_LIST,
	SKEX_SQL_PAD_PUT,
	SKEX_SQL_PAD_LIST,
	SKEX_SQL_PEER_PUT,
	SKEX_SQL_PEER_REMOVE,
	SKEX_SQL_PEER_LIST,
	SKEX_SQL_STATEMENTS
};

/* A statement that is being carried out. */
struct skex_query {
	struct skex_registry *registry;
	struct sqlite3_stmt *statement;
	enum skex_error error;
	bool own; /* not the cached one, for that was busy: an outer call visits its rows */
};

struct skex_query skex_query_begin(struct skex_registry *registry, enum skex_statement which);
/* True when there is a row; at the end and after an error false. */
bool skex_query_step(struct skex_query *query);
SKEX_MUST_USE enum skex_error skex_query_end(struct skex_query *query);
/* All rows at once, and the end. */
SKEX_MUST_USE enum skex_error skex_query_run(struct skex_query *query);

/* Parameters count from 1. */
void skex_bind_number(struct skex_query *query, int index, uint64_t value);
void skex_bind_text(struct skex_query *query, int index, const char *text, size_t size);
void skex_bind_name(struct skex_query *query, int index, const struct skex_name *name);
void skex_bind_blob(struct skex_query *query, int index, struct skex_view view);

/* Columns count from 0.  What does not fit its field is SKEX_E_CORRUPT. */
uint64_t skex_column_number(struct skex_query *query, int index, uint64_t least, uint64_t most);
/* Borrowed until the next step. */
struct skex_view skex_column_view(struct skex_query *query, int index);
void skex_column_name(struct skex_query *query, int index, struct skex_name *name);
void skex_column_text(struct skex_query *query, int index, char *out, size_t room);

#endif
