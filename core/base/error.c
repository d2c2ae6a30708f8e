/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/error.h"

const char *skex_error_name(enum skex_error error)
{
	switch (error) {
	case SKEX_OK:
		return "ok";
	case SKEX_E_ARGUMENT:
		return "argument";
	case SKEX_E_STATE:
		return "state";
	case SKEX_E_CONFIG:
		return "config";
	case SKEX_E_EMPTY:
		return "empty";
	case SKEX_E_BUSY:
		return "busy";
	case SKEX_E_RESERVE:
		return "reserve";
	case SKEX_E_OFFLINE:
		return "offline";
	case SKEX_E_SYNTAX:
		return "syntax";
	case SKEX_E_VERSION:
		return "version";
	case SKEX_E_AUTH:
		return "auth";
	case SKEX_E_REPLAY:
		return "replay";
	case SKEX_E_INCONSISTENT:
		return "inconsistent";
	case SKEX_E_ROLLBACK:
		return "rollback";
	case SKEX_E_SPACE:
		return "space";
	case SKEX_E_QUOTA:
		return "quota";
	case SKEX_E_EXHAUSTED:
		return "exhausted";
	case SKEX_E_PAUSED:
		return "paused";
	case SKEX_E_IO:
		return "io";
	case SKEX_E_MEMORY:
		return "memory";
	case SKEX_E_ENTROPY:
		return "entropy";
	case SKEX_E_CORRUPT:
		return "corrupt";
	case SKEX_E_CRYPTO:
		return "crypto";
	case SKEX_E_REFUSED:
		return "refused";
	case SKEX_E_UNKNOWN:
		return "unknown";
	case SKEX_E_SPENT:
		return "spent";
	case SKEX_E_BANNED:
		return "banned";
	case SKEX_E_FATAL:
		return "fatal";
	}
	return "invalid";
}

const char *skex_error_class_name(enum skex_error error)
{
	switch (skex_error_class(error)) {
	case SKEX_CLASS_OK:
		return "ok";
	case SKEX_CLASS_USAGE:
		return "usage";
	case SKEX_CLASS_AGAIN:
		return "again";
	case SKEX_CLASS_PEER:
		return "peer";
	case SKEX_CLASS_LIMIT:
		return "limit";
	case SKEX_CLASS_ENVIRONMENT:
		return "environment";
	case SKEX_CLASS_REFUSED:
		return "refused";
	case SKEX_CLASS_FATAL:
		return "fatal";
	}
	return "invalid";
}
