/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CONFIG_SCHEMA_H
#define SKEX_CONFIG_SCHEMA_H

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"

/*
 * A schema says everything that there is to know about the settings of a group: reading, checking,
 * error messages and the manual pages all go by it.
 */
enum schema_type {
	SCHEMA_NAME,       /* struct skex_name */
	SCHEMA_WORD,       /* char[SKEX_NAME_MAX + 1], a name as well */
	SCHEMA_GROUP_NAME, /* the same, or "*" */
	SCHEMA_PATH,       /* char[SKEX_PATH_MAX], absolute */
	SCHEMA_SOCKET,     /* the same, short enough for a Unix socket */
	SCHEMA_INPUT,      /* the same, or "-" */
	SCHEMA_CREDENTIAL, /* char[64], a file name */
	SCHEMA_IDENTITY,   /* char[SKEX_PURPOSE_MAX + 1], printable ASCII */
	SCHEMA_LABEL,      /* char[SKEX_NAME_MAX + 1], the same but shorter */
	SCHEMA_PATTERN,    /* char[SKEX_PURPOSE_MAX + 1], the same with at most one *, at its end */
	SCHEMA_ARGUMENT,   /* char[SKEX_ASSIGNMENT_MAX + 1], printable ASCII */
	SCHEMA_ASSIGNMENT, /* char[SKEX_ASSIGNMENT_MAX + 1], printable ASCII with a = in it */
	SCHEMA_ADDRESS,    /* struct skex_address, port 1 to 65535 */
	SCHEMA_LISTEN,     /* the same, literal, port 0 to 65535 */
	SCHEMA_MODE,       /* uint32_t */
	SCHEMA_SIZE,       /* unsigned, in bytes */
	SCHEMA_TIME,       /* unsigned, in seconds */
	SCHEMA_COUNT,      /* unsigned */
	SCHEMA_FLAG,       /* bool */
	SCHEMA_CHOICE,     /* unsigned, which of the choices it is, from 0 */
	SCHEMA_GROUP,      /* a struct that inner describes */
};

/* A setting that holds several of its type: an array, or of groups a list. */
struct schema_list {
	size_t least;
	size_t most;
	size_t stride;       /* from one element to the next */
	size_t count_offset; /* of the field that takes their number */
	size_t count_size;   /* and its size; 0: there is no such field */
	bool allocated;      /* the field is a pointer, to memory that clear frees */
};

struct schema {
	const char *name; /* NULL ends a schema */
	enum schema_type type;
	bool required;
	const char *fallback; /* as it is written, elements apart by a space; NULL: none */
	const char *shown;    /* the default in words, when it is worked out from others */
	uint64_t least;       /* the range of SIZE (bytes), TIME (seconds) and COUNT */
	uint64_t most;
	uint64_t step;       /* 0: any */
	size_t offset;       /* of the field */
	size_t size;         /* of a numeric field, of an element if it is a list */
	const char *choices; /* of a CHOICE, with '|' between them: "lead|follow" */
	const struct schema_list *list;
	const struct schema *inner;
	size_t present_offset; /* of a bool that says that the group was written; used when not 0 */
};

extern const struct schema skex_hub_schema[];
extern const struct schema skex_agent_schema[];

/* One reading of one file. */
struct config_reading {
	const char *file;
	char *message; /* the first thing found wrong; SKEX_CONFIG_MESSAGE_MAX bytes */
};

/* What is allowed, in words: "1 s to 400 d". */
void config_range(const struct schema *setting, char *text, size_t size);

/* Sets the message "FILE:LINE: SETTING: ..." and gives SKEX_E_CONFIG.  setting may be NULL. */
enum skex_error config_wrong(const struct config_reading *reading, unsigned line,
	const char *setting, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for a setting of the tree, with its whole name, such as "peers[2].name". */
enum skex_error config_wrong_setting(const struct config_reading *reading,
	const config_setting_t *setting, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* lexical.c: what libconfig takes too easily, or complains about without a name. */
enum skex_error config_check_text(const struct config_reading *reading, const char *text);

/* file.c: reads and parses a file; config_destroy(tree) afterwards, whatever it gave. */
enum skex_error config_load(const struct config_reading *reading, config_t *tree);
/* The same of what is here as text; the file of the reading is only named. */
enum skex_error config_load_text(
	const struct config_reading *reading, const char *text, config_t *tree);

/* schema.c: fills target, which is zero, from the settings of a group or from the defaults. */
enum skex_error config_read_group(const struct config_reading *reading, const struct schema *schema,
	const config_setting_t *group, void *target);
/* write.c: writes the members of a group as config_read_group reads them again, each with this
 * indent before it; what has no value is left out. */
void config_write_group(
	FILE *out, const struct schema *schema, const void *group, const char *indent);
/* value.c: one value; what is not allowed is said in the words of config_range. */
enum skex_error config_read_value(const struct config_reading *reading,
	const struct schema *setting, const config_setting_t *written, void *field);
/* A default. */
bool config_read_default(const struct schema *setting, const char *text, void *field);
/* Stores an unsigned number into a field of 1, 2, 4 or 8 bytes. */
void config_store(void *field, size_t size, uint64_t number);
/* The member with this name, NULL when it is not written. */
const config_setting_t *config_member(const config_setting_t *group, const char *name);

/* What hub and agent have in common. */
extern const struct schema config_kek_schema[];
enum skex_error config_check_kek(const struct config_reading *reading, const config_setting_t *root,
	const struct skex_kek_config *kek);
/* Sets a socket's path to DIRECTORY/name when none was written. */
enum skex_error config_default_socket(const struct config_reading *reading,
	const config_setting_t *root, const char *directory, const char *name,
	char path[SKEX_PATH_MAX]);

/* A text and where it stands, to find one that is there twice. */
struct config_text {
	const char *text;
	const config_setting_t *setting;
	size_t order; /* set by config_find_twice */
};
/* Sorts; the later of the first two equal ones, NULL when all differ. */
const struct config_text *config_find_twice(struct config_text *texts, size_t count);

#endif
