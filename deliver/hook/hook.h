/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HOOK_HOOK_H
#define SKEX_DELIVER_HOOK_HOOK_H

#include "deliver/hook/call.h"
#include "deliver/hook/format.h"
#include "platform/foreign.h"

/*
 * A consumer that skex does not know: a key in a file, a program of the operator's, or both; the
 * file first, so that the program finds it.
 *
 *                file, one place     file                    program
 *    STAGE       PATH = next         PATH.next = next        stage, with the next key
 *    SWITCH                          PATH = next             switch, with the next key
 *    SWAP        PATH = old|active                           switch, with that key
 *    SETTLE      PATH = active       PATH = active,          settle, with the active key,
 *                                    no PATH.next
 *      no key    no PATH             no PATH, no PATH.next   or close
 *
 * Of a key from before the start of the agent the bytes are not in our hands: what the file holds
 * then is put back when that key is wanted, and a program without a file gets its id only.
 *
 * Without a program that checks, "in use" is taken on trust once SWITCH is done; what the other end
 * would have to see for itself is never called in use here.
 */
struct skex_hook_config {
	const char *binding;              /* its name, and */
	const char *peer;                 /* the agent at the other end: for the program */
	struct skex_foreign_file file;    /* path NULL: none */
	enum skex_key_format format;      /* in the file, and on descriptor 3 */
	struct skex_hook_program program; /* argv NULL: none */
	bool checks;                      /* the program knows the event "check" */
};

struct skex_hook;

/* platform and config outlive it.  SKEX_E_ARGUMENT when there is neither a file nor a program, or a
 * path is not absolute; SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_hook_new(const struct skex_platform *platform,
	const struct skex_hook_config *config, struct skex_hook **hook);
/* NULL is fine. */
void skex_hook_free(struct skex_hook *hook);

/* Their context is a struct skex_hook.  The first holds old and new keys side by side; the second
 * has one place, and each key replaces the one before it. */
extern const struct skex_consumer skex_hook_consumer;
extern const struct skex_consumer skex_hook_one_place_consumer;

#endif
