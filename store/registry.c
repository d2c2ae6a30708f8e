/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"

#define APPLICATION_ID 0x736B6578 /* "skex" */
#define SCHEMA_VERSION 1
#define VALUE_MAX      255u
#define SETTING_MAX    63u
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
	"PRAGMA user_version = 1;";

_Static_assert(APPLICATION_ID == 1936418168, "the schema says the same");

enum statement {
	SETTING_SET,
	SETTING_GET,
	MEMBER_PUT,
	MEMBER_GET,
	MEMBER_REMOVE,
	MEMBER_LIST,
	LEG_PUT,
	LEG_GET,
	LEG_REMOVE,
	LEG_LIST,
	PAD_PUT,
	PAD_LIST,
	PEER_PUT,
	PEER_REMOVE,
	PEER_LIST,
	STATEMENTS
};

#define MEMBER_COLUMNS "name, state, groups, leg, since_ms"
#define LEG_COLUMNS                                                                                \
	"leg, other, hub, aead, kind, class, pad_to_hub, pad_to_agent, addresses, source, stopped"

static const char *const texts[STATEMENTS] = {
	[SETTING_SET] = "INSERT INTO setting VALUES (?1, ?2)"
			" ON CONFLICT (name) DO UPDATE SET value = ?2",
	[SETTING_GET] = "SELECT value FROM setting WHERE name = ?1",
	[MEMBER_PUT] = "INSERT INTO member (" MEMBER_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)"
		       " ON CONFLICT (name) DO UPDATE"
		       " SET state = ?2, groups = ?3, leg = ?4, since_ms = ?5",
	[MEMBER_GET] = "SELECT " MEMBER_COLUMNS " FROM member WHERE name = ?1",
	[MEMBER_REMOVE] = "DELETE FROM member WHERE name = ?1",
	[MEMBER_LIST] = "SELECT " MEMBER_COLUMNS " FROM member WHERE name > ?1 ORDER BY name",
	[LEG_PUT] = "INSERT INTO leg (" LEG_COLUMNS ")"
		    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
		    " ON CONFLICT (leg) DO UPDATE SET other = ?2, hub = ?3, aead = ?4, kind = ?5,"
		    " class = ?6, pad_to_hub = ?7, pad_to_agent = ?8, addresses = ?9, source = ?10,"
		    " stopped = ?11",
	[LEG_GET] = "SELECT " LEG_COLUMNS " FROM leg WHERE leg = ?1",
	[LEG_REMOVE] = "DELETE FROM leg WHERE leg = ?1",
	[LEG_LIST] = "SELECT " LEG_COLUMNS " FROM leg ORDER BY leg",
	[PAD_PUT] = "INSERT INTO pad VALUES (?1, ?2, ?3, ?4, ?5)"
		    " ON CONFLICT (leg, direction, generation)"
		    " DO UPDATE SET size = ?4, destroyed = ?5",
	[PAD_LIST] = "SELECT leg, direction, generation, size, destroyed FROM pad"
		     " WHERE leg = ?1 AND direction = ?2 ORDER BY generation",
	[PEER_PUT] = "INSERT INTO peer VALUES (?1, ?2)"
		     " ON CONFLICT (name) DO UPDATE SET profiles = ?2",
	[PEER_REMOVE] = "DELETE FROM peer WHERE name = ?1",
	[PEER_LIST] = "SELECT name, profiles FROM peer ORDER BY name",
};

struct skex_registry {
	sqlite3 *database;
	sqlite3_stmt *prepared[STATEMENTS];
};

/* A statement that is being carried out. */
struct query {
	struct skex_registry *registry;
	sqlite3_stmt *statement;
	enum skex_error error;
	bool own; /* the cached one was busy: an outer call visits its rows */
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

/* ---- statements ---- */

static struct query query_begin(struct skex_registry *registry, enum statement which)
{
	struct query query = {registry, registry->prepared[which], SKEX_OK, false};

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

static void bind_result(struct query *query, int code)
{
	if (query->error == SKEX_OK)
		query->error = error_of(code);
}

static void bind_number(struct query *query, int index, uint64_t value)
{
	if (query->error == SKEX_OK)
		bind_result(
			query, sqlite3_bind_int64(query->statement, index, (sqlite3_int64)value));
}

static void bind_text(struct query *query, int index, const char *text, size_t size)
{
	if (query->error == SKEX_OK) {
		bind_result(query,
			sqlite3_bind_text(
				query->statement, index, text, (int)size, SQLITE_TRANSIENT));
	}
}

static void bind_name(struct query *query, int index, const struct skex_name *name)
{
	bind_text(query, index, name->text, name->size);
}

static void bind_blob(struct query *query, int index, struct skex_view view)
{
	if (query->error == SKEX_OK) {
		/* A NULL pointer would bind NULL. */
		const void *data = view.data == NULL ? "" : (const void *)view.data;
		bind_result(query,
			sqlite3_bind_blob(
				query->statement, index, data, (int)view.size, SQLITE_TRANSIENT));
	}
}

/* True when there is a row; at the end and after an error false. */
static bool query_step(struct query *query)
{
	if (query->error != SKEX_OK)
		return false;
	int code = sqlite3_step(query->statement);
	query->error = error_of(code);
	return code == SQLITE_ROW;
}

static enum skex_error query_end(struct query *query)
{
	if (query->own) {
		sqlite3_finalize(query->statement);
	} else if (query->statement != NULL) {
		sqlite3_reset(query->statement);
		sqlite3_clear_bindings(query->statement);
	}
	return query->error;
}

static enum skex_error query_run(struct query *query)
{
	while (query_step(query))
		continue;
	return query_end(query);
}

/* ---- columns: what does not fit its field is damage ---- */

static uint64_t column_number(struct query *query, int index, uint64_t least, uint64_t most)
{
	uint64_t value = (uint64_t)sqlite3_column_int64(query->statement, index);

	if (value < least || value > most)
		query->error = SKEX_E_CORRUPT;
	return value;
}

static struct skex_view column_view(struct query *query, int index)
{
	const void *data = sqlite3_column_blob(query->statement, index);

	return skex_view(data, (size_t)sqlite3_column_bytes(query->statement, index));
}

static void column_name(struct query *query, int index, struct skex_name *name)
{
	if (!skex_name_parse(name, column_view(query, index)))
		query->error = SKEX_E_CORRUPT;
}

static void column_text(struct query *query, int index, char *out, size_t room)
{
	struct skex_view view = column_view(query, index);

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
	return error_of(sqlite3_exec(registry->database, text, NULL, NULL, NULL));
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
	/* There is no older schema than the first; what brings one up belongs here. */
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
			"PRAGMA trusted_schema = OFF; PRAGMA cache_size = -1024;");
	}
	if (error == SKEX_OK)
		error = schema_check(made);
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
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(registry->prepared[i]);
	sqlite3_close(registry->database);
	free(registry);
}

enum skex_error skex_registry_begin(struct skex_registry *registry)
{
	if (!sqlite3_get_autocommit(registry->database))
		return SKEX_E_STATE;
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

/* ---- settings ---- */

enum skex_error skex_registry_set(
	struct skex_registry *registry, const char *name, struct skex_view value)
{
	if (value.size > VALUE_MAX || strlen(name) > SETTING_MAX)
		return SKEX_E_ARGUMENT;
	struct query query = query_begin(registry, SETTING_SET);
	bind_text(&query, 1, name, strlen(name));
	bind_blob(&query, 2, value);
	return query_run(&query);
}

enum skex_error skex_registry_get(
	struct skex_registry *registry, const char *name, uint8_t *out, size_t room, size_t *size)
{
	struct query query = query_begin(registry, SETTING_GET);

	bind_text(&query, 1, name, strlen(name));
	if (query_step(&query)) {
		struct skex_view value = column_view(&query, 0);
		if (value.size > room) {
			query.error = SKEX_E_SPACE;
		} else {
			if (value.size > 0)
				memcpy(out, value.data, value.size);
			*size = value.size;
		}
	} else if (query.error == SKEX_OK) {
		query.error = SKEX_E_UNKNOWN;
	}
	return query_end(&query);
}

/* ---- members ---- */

#define GROUPS_TEXT_MAX (SKEX_GROUPS_MAX * (SKEX_NAME_MAX + 1u))

enum skex_error skex_registry_member_put(
	struct skex_registry *registry, const struct skex_member *member)
{
	char groups[GROUPS_TEXT_MAX];
	size_t size = 0;

	if (member->groups_count > SKEX_GROUPS_MAX || member->state < SKEX_MEMBER_ENROLLED ||
		member->state > SKEX_MEMBER_EVICTED)
		return SKEX_E_ARGUMENT;
	for (size_t i = 0; i < member->groups_count; i++) {
		if (i > 0)
			groups[size++] = ',';
		memcpy(groups + size, member->groups[i].text, member->groups[i].size);
		size += member->groups[i].size;
	}
	struct query query = query_begin(registry, MEMBER_PUT);
	bind_name(&query, 1, &member->name);
	bind_number(&query, 2, member->state);
	bind_text(&query, 3, groups, size);
	bind_number(&query, 4, member->leg);
	bind_number(&query, 5, member->since_ms);
	return query_run(&query);
}

static void groups_split(struct query *query, int index, struct skex_member *member)
{
	struct skex_view left = column_view(query, index);

	while (left.size > 0 && query->error == SKEX_OK) {
		const uint8_t *comma = memchr(left.data, ',', left.size);
		size_t size = comma == NULL ? left.size : (size_t)(comma - left.data);
		if (member->groups_count == SKEX_GROUPS_MAX ||
			!skex_name_parse(&member->groups[member->groups_count],
				skex_view(left.data, size))) {
			query->error = SKEX_E_CORRUPT;
			return;
		}
		member->groups_count++;
		size += comma == NULL ? 0 : 1;
		left = skex_view(left.data + size, left.size - size);
	}
}

static bool member_step(struct query *query, struct skex_member *member)
{
	if (!query_step(query))
		return false;
	*member = (struct skex_member){0};
	column_name(query, 0, &member->name);
	member->state = (enum skex_member_state)column_number(
		query, 1, SKEX_MEMBER_ENROLLED, SKEX_MEMBER_EVICTED);
	groups_split(query, 2, member);
	member->leg = column_number(query, 3, 0, UINT64_MAX);
	member->since_ms = column_number(query, 4, 0, UINT64_MAX);
	return query->error == SKEX_OK;
}

enum skex_error skex_registry_member_get(
	struct skex_registry *registry, const struct skex_name *name, struct skex_member *member)
{
	struct query query = query_begin(registry, MEMBER_GET);
	struct skex_member read;

	bind_name(&query, 1, name);
	if (member_step(&query, &read))
		*member = read;
	else if (query.error == SKEX_OK)
		query.error = SKEX_E_UNKNOWN;
	return query_end(&query);
}

enum skex_error skex_registry_member_remove(
	struct skex_registry *registry, const struct skex_name *name)
{
	struct query query = query_begin(registry, MEMBER_REMOVE);

	bind_name(&query, 1, name);
	return query_run(&query);
}

enum skex_error skex_registry_members(struct skex_registry *registry, const struct skex_name *after,
	bool (*visit)(void *owner, const struct skex_member *member), void *owner)
{
	struct query query = query_begin(registry, MEMBER_LIST);
	struct skex_member member;

	bind_text(&query, 1, after == NULL ? "" : after->text, after == NULL ? 0 : after->size);
	while (member_step(&query, &member) && visit(owner, &member))
		continue;
	return query_end(&query);
}

/* ---- legs and pads ---- */

/* Zero-terminated within its array. */
static bool terminated(const char *text, size_t room)
{
	return memchr(text, '\0', room) != NULL;
}

enum skex_error skex_registry_leg_put(
	struct skex_registry *registry, const struct skex_leg_record *leg)
{
	if (!terminated(leg->addresses, sizeof(leg->addresses)) ||
		!terminated(leg->source, sizeof(leg->source)))
		return SKEX_E_ARGUMENT;
	struct query query = query_begin(registry, LEG_PUT);
	bind_number(&query, 1, leg->leg);
	bind_name(&query, 2, &leg->other);
	bind_blob(&query, 3, skex_view(leg->hub, sizeof(leg->hub)));
	bind_number(&query, 4, leg->aead);
	bind_number(&query, 5, leg->kind);
	bind_number(&query, 6, leg->class);
	bind_number(&query, 7, leg->pads[SKEX_TO_HUB]);
	bind_number(&query, 8, leg->pads[SKEX_TO_AGENT]);
	bind_text(&query, 9, leg->addresses, strlen(leg->addresses));
	bind_text(&query, 10, leg->source, strlen(leg->source));
	bind_number(&query, 11, leg->stopped);
	return query_run(&query);
}

static bool leg_step(struct query *query, struct skex_leg_record *leg)
{
	if (!query_step(query))
		return false;
	*leg = (struct skex_leg_record){0};
	leg->leg = column_number(query, 0, 0, UINT64_MAX);
	column_name(query, 1, &leg->other);
	struct skex_view hub = column_view(query, 2);
	if (hub.size == sizeof(leg->hub))
		memcpy(leg->hub, hub.data, hub.size);
	else
		query->error = SKEX_E_CORRUPT;
	leg->aead = (enum skex_aead)column_number(
		query, 3, SKEX_AEAD_AES_256_GCM, SKEX_AEAD_CHACHA20_POLY1305);
	leg->kind = (enum skex_pad_kind)column_number(query, 4, SKEX_PAD_TABLE, SKEX_PAD_RATCHET);
	leg->class =
		(enum skex_class)column_number(query, 5, SKEX_CLASS_COMPUTATIONAL, SKEX_CLASS_ITS);
	leg->pads[SKEX_TO_HUB] = column_number(query, 6, 0, UINT64_MAX);
	leg->pads[SKEX_TO_AGENT] = column_number(query, 7, 0, UINT64_MAX);
	column_text(query, 8, leg->addresses, sizeof(leg->addresses));
	column_text(query, 9, leg->source, sizeof(leg->source));
	leg->stopped = column_number(query, 10, 0, 1) != 0;
	return query->error == SKEX_OK;
}

enum skex_error skex_registry_leg_get(
	struct skex_registry *registry, uint64_t leg, struct skex_leg_record *record)
{
	struct query query = query_begin(registry, LEG_GET);
	struct skex_leg_record read;

	bind_number(&query, 1, leg);
	if (leg_step(&query, &read))
		*record = read;
	else if (query.error == SKEX_OK)
		query.error = SKEX_E_UNKNOWN;
	return query_end(&query);
}

enum skex_error skex_registry_leg_remove(struct skex_registry *registry, uint64_t leg)
{
	struct query query = query_begin(registry, LEG_REMOVE);

	bind_number(&query, 1, leg);
	return query_run(&query);
}

enum skex_error skex_registry_legs(struct skex_registry *registry,
	bool (*visit)(void *owner, const struct skex_leg_record *leg), void *owner)
{
	struct query query = query_begin(registry, LEG_LIST);
	struct skex_leg_record leg;

	while (leg_step(&query, &leg) && visit(owner, &leg))
		continue;
	return query_end(&query);
}

enum skex_error skex_registry_pad_put(
	struct skex_registry *registry, const struct skex_pad_record *pad)
{
	struct query query = query_begin(registry, PAD_PUT);

	bind_number(&query, 1, pad->leg);
	bind_number(&query, 2, pad->direction);
	bind_number(&query, 3, pad->generation);
	bind_number(&query, 4, pad->size);
	bind_number(&query, 5, pad->destroyed);
	return query_run(&query);
}

enum skex_error skex_registry_pads(struct skex_registry *registry, uint64_t leg, uint8_t direction,
	bool (*visit)(void *owner, const struct skex_pad_record *pad), void *owner)
{
	struct query query = query_begin(registry, PAD_LIST);
	bool more = true;

	bind_number(&query, 1, leg);
	bind_number(&query, 2, direction);
	while (more && query_step(&query)) {
		struct skex_pad_record pad = {0};
		pad.leg = column_number(&query, 0, 0, UINT64_MAX);
		pad.direction = (uint8_t)column_number(&query, 1, 0, SKEX_TO_AGENT);
		pad.generation = (uint32_t)column_number(&query, 2, 0, UINT32_MAX);
		pad.size = column_number(&query, 3, 0, UINT64_MAX);
		pad.destroyed = column_number(&query, 4, 0, 1) != 0;
		more = query.error == SKEX_OK && visit(owner, &pad);
	}
	return query_end(&query);
}

/* ---- peers ---- */

enum skex_error skex_registry_peer_put(
	struct skex_registry *registry, const struct skex_peer_record *peer)
{
	if (!terminated(peer->profiles, sizeof(peer->profiles)))
		return SKEX_E_ARGUMENT;
	struct query query = query_begin(registry, PEER_PUT);
	bind_name(&query, 1, &peer->name);
	bind_text(&query, 2, peer->profiles, strlen(peer->profiles));
	return query_run(&query);
}

enum skex_error skex_registry_peer_remove(
	struct skex_registry *registry, const struct skex_name *name)
{
	struct query query = query_begin(registry, PEER_REMOVE);

	bind_name(&query, 1, name);
	return query_run(&query);
}

enum skex_error skex_registry_peers(struct skex_registry *registry,
	bool (*visit)(void *owner, const struct skex_peer_record *peer), void *owner)
{
	struct query query = query_begin(registry, PEER_LIST);
	bool more = true;

	while (more && query_step(&query)) {
		struct skex_peer_record peer = {0};
		column_name(&query, 0, &peer.name);
		column_text(&query, 1, peer.profiles, sizeof(peer.profiles));
		more = query.error == SKEX_OK && visit(owner, &peer);
	}
	return query_end(&query);
}
