/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_CLIENT_INTERNAL_H
#define SKEX_API_CLIENT_INTERNAL_H

#include <jansson.h>
#include <skex/client.h>

/*
 * Shared by the files of libskex.  The library depends on the C library and jansson only, so that
 * it includes nothing else of the house.  Names that are not public begin with skex_lib, for
 * whoever links libskex.a.
 */
#define SKEX_LIB_LINE_MAX (64u << 20)

struct skex_client {
	int fd;
	uint32_t timeout_ms;
	int64_t id;         /* of the last request */
	bool subscribed;    /* to events or notes: nothing else is asked any more */
	bool watches_notes; /* to notes */
	json_t *event;      /* whose strings were given out */

	/* What came in and is not used yet.  It may hold keys: wiped when it moves. */
	char *input;
	size_t input_size;
	size_t input_room;
	size_t line_size; /* of the line at the front that was given out; 0: none */
};

/* Fills *error, when it is there, and gives the class. */
enum skex_client_class skex_lib_fail(struct skex_client_error *error,
	enum skex_client_class error_class, const char *code, const char *act, const char *format,
	...) __attribute__((format(printf, 5, 6)));

/* lines.c: whole lines over the socket, within a time. */

/* Sends the object with {"op":op,"id":fresh} added, as a line. */
enum skex_client_class skex_lib_send(struct skex_client *client, const char *op, json_t *members,
	struct skex_client_error *error);
/*
 * The next line, without its newline; it is the client's, may be changed in place, and is gone with
 * the next call or skex_lib_line_done.  timeout_ms below 0: for ever.
 */
enum skex_client_class skex_lib_read(struct skex_client *client, int64_t timeout_ms, char **line,
	size_t *size, struct skex_client_error *error);
/* Wipes the line that read gave. */
void skex_lib_line_done(struct skex_client *client);
int64_t skex_lib_now_ms(void);

/* answer.c: what a line says. */

/*
 * Sends a request and waits for its answer; late answers to others are dropped.  *answer is the
 * object, to be given back with json_decref.  With keys not NULL the answer may hold keys: they are
 * taken out of the line before a JSON library sees it, and *keys is set.  An answer that is an
 * error becomes that error.
 */
enum skex_client_class skex_lib_exchange(struct skex_client *client, const char *op,
	json_t *members, uint32_t wait_ms, json_t **answer, struct skex_client_keys **keys,
	struct skex_client_error *error);
/* An answer that is none. */
enum skex_client_class skex_lib_bad_answer(struct skex_client_error *error);

/* keys.c */

/*
 * Takes the keys out of a line: every member "key" that is a string of base64 is decoded into
 * memory of its own and overwritten in the line.  *keys has as many entries as were found, with
 * bytes and size set; NULL when there were none.
 */
enum skex_client_class skex_lib_keys_extract(
	char *line, size_t size, struct skex_client_keys **keys, struct skex_client_error *error);
/* Fills in the rest from the list of keys in the answer, which has to fit. */
bool skex_lib_keys_describe(struct skex_client_keys *keys, const json_t *list);

#endif
