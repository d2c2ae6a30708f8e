/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_BASE_ERROR_H
#define SKEX_CORE_BASE_ERROR_H

/*
 * The one error type of the house.
 *
 * The class (high byte) says what the caller can do about it and is also the exit code of the
 * command line; the low byte says what happened.  A function that fails leaves its outputs
 * untouched.  Every way in which authentication can fail is the single code SKEX_E_AUTH, so that
 * nobody can learn from the code which check it was.
 */

#define SKEX_MUST_USE __attribute__((warn_unused_result))

enum skex_error_class {
	SKEX_CLASS_OK = 0,
	SKEX_CLASS_USAGE = 1,       /* the call makes no sense: mend the caller */
	SKEX_CLASS_AGAIN = 2,       /* not now: the same call can succeed later */
	SKEX_CLASS_PEER = 3,        /* the other side sent something that cannot be accepted */
	SKEX_CLASS_LIMIT = 4,       /* a limit was reached: pad, quota, space */
	SKEX_CLASS_ENVIRONMENT = 5, /* disk, memory, entropy, network: mend the machine */
	SKEX_CLASS_REFUSED = 6,     /* policy says no */
	SKEX_CLASS_FATAL = 7,       /* an invariant does not hold: stop, do not go on */
};

enum skex_error {
	SKEX_OK = 0,

	SKEX_E_ARGUMENT = 0x101, /* an argument is out of its documented range */
	SKEX_E_STATE = 0x102,    /* the call does not fit the state of its object */
	SKEX_E_CONFIG = 0x103,   /* a configuration value cannot be used */

	SKEX_E_EMPTY = 0x201,   /* nothing there yet: a pool, a queue */
	SKEX_E_BUSY = 0x202,    /* somebody else holds it */
	SKEX_E_RESERVE = 0x203, /* the durable reserve mark has to move first */
	SKEX_E_OFFLINE = 0x204, /* too few hubs, or the peer, can be reached */

	SKEX_E_SYNTAX = 0x301,       /* malformed, truncated or oversized */
	SKEX_E_VERSION = 0x302,      /* a version that this build does not speak */
	SKEX_E_AUTH = 0x303,         /* authentication failed: tag, envelope, identity, integrity */
	SKEX_E_REPLAY = 0x304,       /* seen before, or from before the mark */
	SKEX_E_INCONSISTENT = 0x305, /* shares that do not agree */
	SKEX_E_ROLLBACK = 0x306,     /* a state from the past: restored backup, snapshot or clone */

	SKEX_E_SPACE = 0x401,     /* the output buffer is too small */
	SKEX_E_QUOTA = 0x402,     /* more than this party is allowed */
	SKEX_E_EXHAUSTED = 0x403, /* no pad left, or not enough for this message */
	SKEX_E_PAUSED = 0x404,    /* stopped after too many failed authentications */

	SKEX_E_IO = 0x501,      /* a read, write or sync failed */
	SKEX_E_MEMORY = 0x502,  /* no memory */
	SKEX_E_ENTROPY = 0x503, /* no randomness */
	SKEX_E_CORRUPT = 0x504, /* stored data does not verify */
	SKEX_E_CRYPTO = 0x505,  /* the cryptographic provider failed */

	SKEX_E_REFUSED = 0x601, /* by policy */
	SKEX_E_UNKNOWN = 0x602, /* no such agent, hub, leg, peer, profile or key */
	SKEX_E_SPENT = 0x603,   /* it was there and has been used: once only */
	SKEX_E_BANNED = 0x604,  /* the agent is banned or evicted */

	SKEX_E_FATAL = 0x701, /* an invariant is broken */
};

static inline enum skex_error_class skex_error_class(enum skex_error error)
{
	return (enum skex_error_class)((unsigned)error >> 8);
}

/* A stable lower-case word for an error, e.g. "auth"; never NULL, never freed. */
const char *skex_error_name(enum skex_error error);

/* A stable lower-case word for the class of an error, e.g. "peer"; never NULL, never freed. */
const char *skex_error_class_name(enum skex_error error);

#endif
