/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry_query.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID 0x736B6578 /* "skex" */
#define SCHEMA_VERSION 2
#define BUSY_MS        2000

static const char schema[] =
	"CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE member ("
	" name TEXT PRIMARY KEY, state INTEGER NOT NULL, groups TEXT NOT NULL,"
	" leg INTEGER NOT NULL, since_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE leg ("
	" leg INTEGER PRIMARY KEY, other TEXT NOT NULL, hub BLOB NOT NULL, aead INTEGER NOT NULL,"
	" kind INTEGER NOT NULL, class INTEGER NOT NULL, pad_to_hub INTEGER NOT NULL,"
	" pad_to_agent INTEGER NOT NULL, addresses TEXT NOT NULL, source TEXT NOT NULL,"
	" stopped INTEGER NOT NULL) STRICT;"
	"CREATE TABLE pad ("
	" leg INTEGER NOT NULL REFERENCES leg (leg) ON DELETE CASCADE,"
	" direction INTEGER NOT NULL, generation INTEGER NOT NULL, size INTEGER NOT NULL,"
	" destroyed INTEGER NOT NULL, PRIMARY KEY (leg, direction, generation))"
	" STRICT, WITHOUT ROWID;"
	"CREATE TABLE peer (name TEXT PRIMARY KEY, profiles TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"PRAGMA application_id = 1936418168;"
	"PRAGMA user_version = 2;";

_Static_assert(APPLICATION_ID == 1936418168, "the schema says the same");

#define MEMBER_COLUMNS "name, state, groups, leg, since_ms"
#define LEG_COLUMNS                                                                                \
	"leg, other, hub, aead, kind, class, pad_to_hub, pad_to_agent, addresses, source, stopped"

static const char *const texts[SKEX_SQL_STATEMENTS] = {
	[SKEX_SQL_SETTING_SET] = "INSERT INTO setting VALUES (?1, ?2)"
				 " ON CONFLICT (name) DO UPDATE SET value = ?2",
	[SKEX_SQL_SETTING_GET] = "SELECT value FROM setting WHERE name = ?1",
	[SKEX_SQL_MEMBER_PUT] =
		"INSERT INTO member (" MEMBER_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT (name) DO UPDATE"
		" SET state = ?2, groups = ?3, leg = ?4, since_ms = ?5",
	[SKEX_SQL_MEMBER_GET] = "SELECT " MEMBER_COLUMNS " FROM member WHERE name = ?1",
	[SKEX_SQL_MEMBER_REMOVE] = "DELETE FROM member WHERE name = ?1",
	[SKEX_SQL_MEMBER_LIST] =
		"SELECT " MEMBER_COLUMNS " FROM member WHERE name > ?1 ORDER BY name",
	[SKEX_SQL_LEG_PUT] =
		"INSERT INTO leg (" LEG_COLUMNS ")"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
		" ON CONFLICT (leg) DO UPDATE SET other = ?2, hub = ?3, aead = ?4, kind = ?5,"
		" class = ?6, pad_to_hub = ?7, pad_to_agent = ?8, addresses = ?9, source = ?10,"
		" stopped = ?11",
	[SKEX_SQL_LEG_GET] = "SELECT " LEG_COLUMNS " FROM leg WHERE leg = ?1",
	[SKEX_SQL_LEG_REMOVE] = "DELETE FROM leg WHERE leg = ?1",
	[SKEX_SQL_LEG_LIST] = "SELECT " LEG_COLUMNS " FROM leg ORDER BY leg",
	[SKEX_SQL_PAD_PUT] = "INSERT INTO pad VALUES (?1, ?2, ?3, ?4, ?5)"
			     " ON CONFLICT (leg, direction, generation)"
			     " DO UPDATE SET size = ?4, destroyed = ?5",
	[SKEX_SQL_PAD_LIST] = "SELECT leg, direction, generation, size, destroyed FROM pad"
			      " WHERE leg = ?1 AND direction = ?2 ORDER BY generation",
	[SKEX_SQL_PEER_PUT] = "INSERT INTO peer VALUES (?1, ?2)"
			      " ON CONFLICT (name) DO UPDATE SET profiles = ?2",
	[SKEX_SQL_PEER_REMOVE] = "DELETE FROM peer WHERE name = ?1",
	[SKEX_SQL_PEER_LIST] = "SELECT name, profiles FROM peer ORDER BY name",
};

struct skex_registry {
	sqlite3 *database;
	sqlite3_stmt *prepared[SKEX_SQL_STATEMENTS];
	enum skex_error failed;
};

static enum skex_error error_of(int code)
{
	switch (code & 0xFF) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return SKEX_OK;
	case SQLITE_NOMEM:
		return SKEX_E_MEMORY;
	case SQLITE_FULL:
		return SKEX_E_SPACE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return SKEX_E_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return SKEX_E_CORRUPT;
	case SQLITE_CONSTRAINT:
		return code == SQLITE_CONSTRAINT_FOREIGNKEY ? SKEX_E_UNKNOWN : SKEX_E_ARGUMENT;
	default:
		return SKEX_E_IO;
	}
}

/*
 * What a sync that failed was for is not shown in this life: SQLite writes the next change over it.
 * On the disk it may be all the same, until then, and be there after a power cut: who undid the
 * rest of it because it failed, the pads of an enrolment, would have undone what is real.  So
 * nothing more is read or changed, as in the store, and the next start sees what the disk has.
 */
static enum skex_error result_of(struct skex_registry *registry, int code)
{
	if (code == SQLITE_IOERR_FSYNC)
		registry->failed = SKEX_E_IO;
	return error_of(code);
}

enum skex_error skex_registry_failed(const struct skex_registry *registry)
{
	return registry->failed;
}

/* ---- statements ---- */

struct skex_query skex_query_begin(struct skex_registry *registry, enum skex_statement which)
{
	struct skex_query query = {registry, registry->prepared[which], registry->failed, false};

	if (query.error != SKEX_OK) {
		query.statement = NULL;
		return query;
	}
	if (query.statement != NULL && !sqlite3_stmt_busy(query.statement))
		return query;
	query.own = query.statement != NULL;
	query.statement = NULL;
	query.error = error_of(sqlite3_prepare_v3(registry->database, texts[which], -1,
		query.own ? 0 : SQLITE_PREPARE_PERSISTENT, &query.statement, NULL));
	if (query.error == SKEX_OK && !query.own)
		registry->prepared[which] = query.statement;
	return query;
}

static void bind_result(struct skex_query *query, int code)
{
	if (query->error == SKEX_OK)
		query->error = error_of(code);
}

void skex_bind_number(struct skex_query *query, int index, uint64_t value)
{
	if (query->error == SKEX_OK)
		bind_result(
			query, sqlite3_bind_int64(query->statement, index, (sqlite3_int64)value));
}

void skex_bind_text(struct skex_query *query, int index, const char *text, size_t size)
{
	if (query->error == SKEX_OK) {
		bind_result(query,
			sqlite3_bind_text(
				query->statement, index, text, (int)size, SQLITE_TRANSIENT));
	}
}

void skex_bind_name(struct skex_query *query, int index, const struct skex_name *name)
{
	skex_bind_text(query, index, name->text, name->size);
}

void skex_bind_blob(struct skex_query *query, int index, struct skex_view view)
{
	if (query->error == SKEX_OK) {
		/* A NULL pointer would bind NULL. */
		const void *data = view.data == NULL ? "" : (const void *)view.data;
		bind_result(query,
			sqlite3_bind_blob(
				query->statement, index, data, (int)view.size, SQLITE_TRANSIENT));
	}
}

bool skex_query_step(struct skex_query *query)
{
	if (query->error != SKEX_OK)
		return false;
	int code = sqlite3_step(query->statement);
	query->error = result_of(query->registry, code);
	return code == SQLITE_ROW;
}

enum skex_error skex_query_end(struct skex_query *query)
{
	if (query->own) {
		sqlite3_finalize(query->statement);
	} else if (query->statement != NULL) {
		sqlite3_reset(query->statement);
		sqlite3_clear_bindings(query->statement);
	}
	return query->error;
}

enum skex_error skex_query_run(struct skex_query *query)
{
	while (skex_query_step(query))
		continue;
	return skex_query_end(query);
}

uint64_t skex_column_number(struct skex_query *query, int index, uint64_t least, uint64_t most)
{
	uint64_t value = (uint64_t)sqlite3_column_int64(query->statement, index);

	if (value < least || value > most)
		query->error = SKEX_E_CORRUPT;
	return value;
}

struct skex_view skex_column_view(struct skex_query *query, int index)
{
	const void *data = sqlite3_column_blob(query->statement, index);

	return skex_view(data, (size_t)sqlite3_column_bytes(query->statement, index));
}

void skex_column_name(struct skex_query *query, int index, struct skex_name *name)
{
	if (!skex_name_parse(name, skex_column_view(query, index)))
		query->error = SKEX_E_CORRUPT;
}

void skex_column_text(struct skex_query *query, int index, char *out, size_t room)
{
	struct skex_view view = skex_column_view(query, index);

	if (view.size >= room) {
		query->error = SKEX_E_CORRUPT;
		return;
	}
	if (view.size > 0)
		memcpy(out, view.data, view.size);
	out[view.size] = '\0';
}

/* ---- opening ---- */

static enum skex_error execute(struct skex_registry *registry, const char *text)
{
	return result_of(registry, sqlite3_exec(registry->database, text, NULL, NULL, NULL));
}

static enum skex_error number_get(
	struct skex_registry *registry, const char *text, sqlite3_int64 *value)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(registry->database, text, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SKEX_E_CORRUPT : error_of(code);
}

static enum skex_error schema_check(struct skex_registry *registry)
{
	sqlite3_int64 version = 0, id = 0, tables = 0;

	enum skex_error error = number_get(registry, "PRAGMA user_version", &version);
	if (error == SKEX_OK)
		error = number_get(registry, "PRAGMA application_id", &id);
	if (error == SKEX_OK)
		error = number_get(registry, "SELECT count(*) FROM sqlite_schema", &tables);
	if (error != SKEX_OK)
		return error;
	if (version == 0 && id == 0 && tables == 0) {
		error = execute(registry, "BEGIN IMMEDIATE");
		if (error == SKEX_OK)
			error = execute(registry, schema);
		if (error == SKEX_OK)
			error = execute(registry, "COMMIT");
		return error;
	}
	if (id != APPLICATION_ID)
		return SKEX_E_CORRUPT;
	/* The first schema had 0 and 1 only in leg.stopped, with the meaning that they still have.
	 */
	if (version == 1)
		return execute(registry, "PRAGMA user_version = 2");
	return version == SCHEMA_VERSION ? SKEX_OK : SKEX_E_VERSION;
}

/* SQLite would make the file readable to others.  When this fails, so does SQLite. */
static void file_make(const char *path)
{
	if (strcmp(path, ":memory:") == 0)
		return;
	int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (descriptor >= 0)
		close(descriptor);
}

/* A file, or its log, that cannot be opened for writing SQLite opens for reading, and so it stays.
 */
static enum skex_error can_be_written(struct skex_registry *registry)
{
	if (sqlite3_db_readonly(registry->database, "main") != 0)
		return SKEX_E_IO;
	return execute(registry, "BEGIN IMMEDIATE; ROLLBACK");
}

enum skex_error skex_registry_open(const char *path, struct skex_registry **registry)
{
	struct skex_registry *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return SKEX_E_MEMORY;
	file_make(path);
	enum skex_error error = error_of(sqlite3_open_v2(path, &made->database,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, NULL));
	if (error == SKEX_OK) {
		sqlite3_busy_timeout(made->database, BUSY_MS);
		error = execute(made,
			"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			"PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;"
			"PRAGMA trusted_schema = OFF; PRAGMA cache_size = -1024;"
			/* Nothing in a folder for temporary files, which is not ours. */
			"PRAGMA temp_store = MEMORY;");
	}
	if (error == SKEX_OK)
		error = schema_check(made);
	if (error == SKEX_OK)
		error = can_be_written(made);
	if (error != SKEX_OK) {
		skex_registry_close(made);
		return error;
	}
	*registry = made;
	return SKEX_OK;
}

void skex_registry_close(struct skex_registry *registry)
{
	if (registry == NULL)
		return;
	for (size_t i = 0; i < SKEX_SQL_STATEMENTS; i++)
		sqlite3_finalize(registry->prepared[i]);
	sqlite3_close(registry->database);
	free(registry);
}

enum skex_error skex_registry_clear(struct skex_registry *registry)
{
	enum skex_error error = skex_registry_begin(registry);

	if (error != SKEX_OK)
		return error;
	error = execute(registry,
		"DELETE FROM pad; DELETE FROM leg; DELETE FROM member; DELETE FROM peer;"
		"DELETE FROM setting;");
	if (error == SKEX_OK)
		return skex_registry_commit(registry);
	skex_registry_undo(registry);
	return error;
}

enum skex_error skex_registry_begin(struct skex_registry *registry)
{
	if (!sqlite3_get_autocommit(registry->database))
		return SKEX_E_STATE;
	if (registry->failed != SKEX_OK)
		return registry->failed;
	return execute(registry, "BEGIN IMMEDIATE");
}

enum skex_error skex_registry_commit(struct skex_registry *registry)
{
	if (sqlite3_get_autocommit(registry->database))
		return SKEX_E_STATE;
	enum skex_error error = execute(registry, "COMMIT");
	if (error != SKEX_OK)
		skex_registry_undo(registry);
	return error;
}

void skex_registry_undo(struct skex_registry *registry)
{
	if (!sqlite3_get_autocommit(registry->database))
		sqlite3_exec(registry->database, "ROLLBACK", NULL, NULL, NULL);
}
