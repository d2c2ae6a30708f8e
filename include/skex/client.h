/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLIENT_H
#define SKEX_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * libskex: symmetric keys from skexd, the agent on this machine.
 *
 *	struct skex_client_request request = {.peer = "agent2", .purpose = "app:backup"};
 *	struct skex_client_keys *keys;
 *	struct skex_client_error error;
 *	struct skex_client *client;
 *
 *	if (skex_client_open(NULL, &client, &error) != SKEX_CLIENT_OK ||
 *	    skex_client_get(client, &request, &keys, &error) != SKEX_CLIENT_OK)
 *		errx(1, "%s; %s", error.message, error.act);
 *	... use keys->list[0].bytes, send keys->list[0].id to the other end, in the open ...
 *	skex_client_keys_free(keys);
 *	skex_client_close(client);
 *
 * The other end gives that id to skex_client_fetch and has the same key.
 *
 * Conventions
 *
 * - Functions that can fail give a class of error: what the caller can do about it.  They are enum
 *   skex_client_class, in which SKEX_CLIENT_OK is 0.  More is in *error, which may be NULL: a
 *stable word for programs, and sentences for people.  On success *error is untouched; on failure
 *all other outputs are.
 * - Calls block.  They wait for the daemon no longer than skex_client_set_timeout says; a call that
 *may wait for keys (wait_ms) waits so much longer.
 * - Threads: a client, and what was got through it, is used by one thread at a time.  Different
 *clients share nothing.  No signal is changed or raised; a call goes on after a signal handler
 *returns.
 * - Ownership: what a function gives through a pointer is the caller's, to be freed with the
 *function that the comment names.  Strings are UTF-8 and end with a zero.
 * - Keys are in memory that is locked and left out of core dumps where the system allows it, and
 *wiped when it is freed.  Do not print keys: print fingerprints.  A key is handed out once; when
 *the program dies before it used one, it asks for another.
 * - Structures may grow at their end in later versions of the library with the same soname only
 *where a comment says so; set unused members to zero (an initialiser does).
 */

/* What to do about an error; the same numbers as the exit codes of the command line. */
enum skex_client_class {
	SKEX_CLIENT_OK = 0,
	SKEX_CLIENT_USAGE = 1,       /* the call makes no sense: mend the program */
	SKEX_CLIENT_AGAIN = 2,       /* not now: the same call can succeed later */
	SKEX_CLIENT_PEER = 3,        /* the other side sent something that cannot be accepted */
	SKEX_CLIENT_LIMIT = 4,       /* a limit was reached: pad, quota, space */
	SKEX_CLIENT_ENVIRONMENT = 5, /* memory, disk, network, no daemon: mend the machine */
	SKEX_CLIENT_REFUSED = 6,     /* policy says no, or there is no such peer or key */
	SKEX_CLIENT_FATAL = 7,       /* the daemon cannot go on */
};

/* What happened, in words. */
struct skex_client_error {
	enum skex_client_class error_class;
	char code[64];     /* a stable word: "pool_empty"; docs/api.md lists them */
	char message[512]; /* what happened */
	char act[512];     /* what to do */
};

/* A connection to the daemon. */
struct skex_client;

/*
 * Connects to the daemon's socket.  path may be NULL: then it is the value of SKEX_SOCKET in the
 * environment, and without that /run/skex/api.sock.  Close *client with skex_client_close.
 * SKEX_CLIENT_ENVIRONMENT: nobody listens there; SKEX_CLIENT_REFUSED: this user may not.
 */
enum skex_client_class skex_client_open(
	const char *path, struct skex_client **client, struct skex_client_error *error);

/* Ends the connection; requests that wait are taken back.  NULL is fine. */
void skex_client_close(struct skex_client *client);

/* How long a call waits for the daemon to answer, in milliseconds; 10,000 at first.  After a call
 * that was not answered in time (SKEX_CLIENT_AGAIN, "timeout") the connection can still be used. */
void skex_client_set_timeout(struct skex_client *client, uint32_t milliseconds);

/* ---- keys ---- */

/* What a key must be, or it is refused. */
enum skex_client_require {
	SKEX_CLIENT_REQUIRE_ITS = 1 << 0,            /* information-theoretic secrecy */
	SKEX_CLIENT_REQUIRE_CONFIRMED = 1 << 1,      /* the other end has proved that it has it */
	SKEX_CLIENT_REQUIRE_FORWARD_SECRET = 1 << 2, /* what made it is erased at both ends */
	SKEX_CLIENT_REQUIRE_NOTHING = 1 << 3,  /* alone: an unconfirmed key as well, at once */
	SKEX_CLIENT_REQUIRE_COMBINED = 1 << 4, /* out of hubs and a pair: safe while either is */
};

/* Which keys; members that are zero have the default. */
struct skex_client_request {
	const char *peer;    /* name of the agent at the other end; obligatory */
	const char *purpose; /* "KIND:NAME", the same at both ends; "app:default" */
	uint32_t bits;       /* of each key, a multiple of 8 up to 65,536; 256.  Not for fetch */
	uint32_t count;      /* 1 to 128; 1.  Not for fetch */
	uint32_t require;    /* of enum skex_client_require, or-ed; CONFIRMED */
	uint32_t wait_ms;    /* how long to wait for keys that are being made, up to 600,000; 0 */
};

/* What the secrecy of a key rests on. */
enum skex_client_secrecy {
	SKEX_CLIENT_COMPUTATIONAL = 1,
	SKEX_CLIENT_ITS = 2, /* information-theoretic: true random pads on all legs at both ends */
};

#define SKEX_CLIENT_ID_SIZE 37 /* of a key id, with its zero */

struct skex_client_key {
	char id[SKEX_CLIENT_ID_SIZE]; /* a UUID, not secret */
	char fingerprint[17];         /* to compare and to log */
	const uint8_t *bytes;
	size_t size; /* in bytes */
	enum skex_client_secrecy secrecy;
	bool confirmed;
	bool forward_secret;
	bool interval_known;  /* when the key was made: */
	uint64_t earliest_ms; /* milliseconds since 1970 */
	uint64_t latest_ms;
	bool combined; /* out of hubs and a pair */
};

/* Keys that belong to the caller. */
struct skex_client_keys {
	size_t count;
	const struct skex_client_key *list;
};

/*
 * Takes fresh keys towards a peer; free *keys with skex_client_keys_free.
 * SKEX_CLIENT_AGAIN: none is ready, or the daemon did not answer in time; SKEX_CLIENT_REFUSED:
 * unknown peer, or the keys do not fulfil what is required; SKEX_CLIENT_LIMIT: no pad is left;
 * SKEX_CLIENT_USAGE: the request.
 */
enum skex_client_class skex_client_get(struct skex_client *client,
	const struct skex_client_request *request, struct skex_client_keys **keys,
	struct skex_client_error *error);

/*
 * Takes the keys with these ids, which the peer handed out at its end: all or none, each once.  Of
 * the request, bits and count are not used.  Free *keys with skex_client_keys_free; they are in the
 * order of the ids. SKEX_CLIENT_REFUSED: no such key, or it was fetched before.
 */
enum skex_client_class skex_client_fetch(struct skex_client *client,
	const struct skex_client_request *request, const char *const *ids, size_t ids_count,
	struct skex_client_keys **keys, struct skex_client_error *error);

/* Wipes and frees; NULL is fine. */
void skex_client_keys_free(struct skex_client_keys *keys);

/* ---- what is going on ---- */

/* The daemon's status as one JSON object (docs/api.md, "status"); free *json with
 * skex_client_text_free. */
enum skex_client_class skex_client_status(
	struct skex_client *client, char **json, struct skex_client_error *error);

/*
 * Any other operation of the local API: op is its name, members a JSON object with what it takes,
 * or NULL. *json is the answer without its id, as a JSON object; free it with
 * skex_client_text_free.  Not for get, fetch, subscribe and notes (SKEX_CLIENT_USAGE): the text is
 * not wiped.
 */
enum skex_client_class skex_client_ask(struct skex_client *client, const char *op,
	const char *members, char **json, struct skex_client_error *error);

/* Frees what status and ask gave; NULL is fine. */
void skex_client_text_free(char *text);

/* Something that happened; the strings are valid until the next call on the client. */
struct skex_client_event {
	const char *name;  /* a stable word: "hub_unreachable" */
	const char *level; /* "error", "warning", "notice", "info" or "debug" */
	const char *peer;  /* which it is about, or "" */
	const char *hub;
	const char *text; /* a sentence */
	uint64_t wall_ms; /* when, in milliseconds since 1970 */
};

/*
 * Asks for events; from now on the client serves for skex_client_next_event only, other calls give
 * SKEX_CLIENT_USAGE.  With recent the last events, at most 256, come first.
 */
enum skex_client_class skex_client_subscribe(
	struct skex_client *client, bool recent, struct skex_client_error *error);

/* Waits for the next event, at most so many milliseconds (below 0: for ever).  SKEX_CLIENT_AGAIN,
 * "timeout": there was none. */
enum skex_client_class skex_client_next_event(struct skex_client *client, int timeout_ms,
	struct skex_client_event *event, struct skex_client_error *error);

/* A short text from another agent; the strings are valid until the next call on the client. */
struct skex_client_note {
	const char *id;   /* 36 characters, the same at both ends */
	const char *peer; /* who sent it: authenticated end to end */
	const char *text; /* UTF-8, at most 256 bytes, with a zero behind */
	size_t size;      /* of text */
	uint64_t wall_ms; /* when it came, in milliseconds since 1970 */
};

/*
 * Asks for notes that come in from now on; the client then serves for skex_client_next_note only.
 * Each note is told once to everyone who watches at that moment, and to nobody later.
 */
enum skex_client_class skex_client_watch_notes(
	struct skex_client *client, struct skex_client_error *error);

/* Waits for the next note, at most so many milliseconds (below 0: for ever).  SKEX_CLIENT_AGAIN,
 * "timeout": there was none. */
enum skex_client_class skex_client_next_note(struct skex_client *client, int timeout_ms,
	struct skex_client_note *note, struct skex_client_error *error);

/* The descriptor of the connection, to wait on together with others: when it is readable, call
 * skex_client_next_event with a timeout of 0 until it gives SKEX_CLIENT_AGAIN.  It stays the
 * client's. */
int skex_client_descriptor(const struct skex_client *client);

#ifdef __cplusplus
}
#endif

#endif
