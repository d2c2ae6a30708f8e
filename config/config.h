/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CONFIG_CONFIG_H
#define SKEX_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/name.h"
#include "core/share/share.h"
#include "core/wire/common.h"

/*
 * The configuration files of the two daemons (skex-hub.conf(5), skexd.conf(5)), read through a
 * schema table: every setting has a name, a type, a range and a default; an unknown name, a wrong
 * type, a value out of range or a missing obligatory setting is an error that says file, line,
 * setting and what is allowed.  Sizes take a unit (B, KiB, MiB, GiB), times too (ms, s, min, h, d);
 * a bare number where a unit is needed is refused.
 */
#define SKEX_PATH_MAX           512u
#define SKEX_HOST_MAX           255u
#define SKEX_CONFIG_MESSAGE_MAX 512u
#define SKEX_PAD_FOLDERS_MAX    8u
#define SKEX_LIFETIME_MAX_S     (UINT32_C(400) * 86400u) /* of keys, as it can be configured */

struct skex_address {
	char host[SKEX_HOST_MAX + 1];
	uint16_t port; /* 0 when listening: any free one */
};

struct skex_kek_config {
	char file[SKEX_PATH_MAX];            /* exactly one of these three is set */
	char credential[64];                 /* name below $CREDENTIALS_DIRECTORY */
	char passphrase_file[SKEX_PATH_MAX]; /* "-" for standard input */
};

/* May agents of one group have keys with agents of another?  Both directions; a group with itself
 * needs a rule as well.  "*" stands for every group. */
struct skex_policy_rule {
	char a[SKEX_NAME_MAX + 1];
	char b[SKEX_NAME_MAX + 1];
};

struct skex_hub_config {
	struct skex_name name;
	char directory[SKEX_PATH_MAX]; /* state; absolute */
	struct skex_kek_config kek;
	char admin_socket[SKEX_PATH_MAX]; /* default DIRECTORY/admin.sock */
	struct skex_address metrics;      /* port 0: no metrics */
	size_t listen_count;              /* 1..16 */
	struct skex_address listen[16];
	size_t advertise_count; /* addresses written into kits; default: those of listen that have
				 * an address and a port, so possibly none */
	struct skex_address advertise[16];
	size_t policy_count;
	struct skex_policy_rule *policy; /* default: none, so nothing is allowed */
	uint64_t pair_quota_bytes;       /* of the responder's pad, per initiator and day */
	uint64_t unacknowledged_bytes;   /* cap of what waits for one responder */
	uint32_t lifetime_max_s;         /* of a stored message */
	uint32_t shards;
	size_t pad_folders_count; /* 0..8, of files that pads may be taken from */
	char pad_folders[SKEX_PAD_FOLDERS_MAX][SKEX_PATH_MAX];
};

struct skex_profile_config {
	char name[SKEX_NAME_MAX + 1];
	uint8_t k;
	uint8_t n;
	struct {
		struct skex_name name; /* of the hub */
		struct skex_name owner;
	} hubs[SKEX_HUBS_MAX];
};

struct skex_peer_config {
	struct skex_name name;
	size_t profiles_count; /* 0..8, the first is used to begin; 0: only pairwise */
	char profiles[8][SKEX_NAME_MAX + 1];
	size_t accept_count; /* purposes accepted from this peer, as patterns with one trailing '*';
				default: "app:*" */
	char accept[8][SKEX_PURPOSE_MAX + 1];
	size_t identities_count; /* identities (SAE ids) that live at this peer */
	char (*identities)[SKEX_PURPOSE_MAX + 1];
	struct skex_address address; /* where it listens for pairwise runs; port 0: not set */
	bool combine; /* keys are made out of those of hubs and of a KME, or else a pair, and no
			 others are used */
};

struct skex_pool_config {
	uint32_t block_bytes;   /* S of one block: 16..65,536 */
	uint16_t blocks;        /* of one batch: 1..256 */
	uint32_t low_keys;      /* refill below this many 256-bit keys */
	uint32_t high_keys;     /* fill up to this many */
	uint32_t reserve_keys;  /* what an idle pool drains to */
	uint32_t idle_s;        /* a pool is idle after this long without a request */
	uint32_t lifetime_s;    /* of unclaimed key */
	uint32_t start_grace_s; /* how long after a start keys from before it are given out unproven
				 */
};

/* Keys with paired agents, without hubs, in datagrams. */
struct skex_datagram_config {
	bool enabled;
	struct skex_address listen;
	struct skex_address advertise; /* told in credentials; port 0: nothing is told */
};

struct skex_etsi014_config {
	bool enabled;
	struct skex_address listen;
	char ca[SKEX_PATH_MAX];
	char certificate[SKEX_PATH_MAX];
	char key[SKEX_PATH_MAX];
	char kme_id[SKEX_NAME_MAX + 1]; /* default: the agent's name */
	uint32_t max_key_per_request;
	uint32_t key_bits; /* default size */
};

/* Either psk_file or the other three. */
struct skex_skip_config {
	bool enabled;
	struct skex_address listen;
	char psk_file[SKEX_PATH_MAX];
	char ca[SKEX_PATH_MAX];
	char certificate[SKEX_PATH_MAX];
	char key[SKEX_PATH_MAX];
	uint32_t key_bits; /* default size */
};

#define SKEX_ASSIGNMENT_MAX       255u
#define SKEX_WIREGUARD_PUBLIC_KEY 44u /* characters: 32 bytes in base64 */

/* A peer whose keys are fetched from a KME. */
struct skex_qkd014_peer_config {
	struct skex_name name;
	char sae_id[SKEX_NAME_MAX + 1]; /* of the peer's agent, at its own KME */
	uint8_t class;                  /* as the operator declares it: enum skex_qkd014_class */
};
enum skex_qkd014_class {
	SKEX_QKD014_COMPUTATIONAL,
	SKEX_QKD014_ITS, /* the keys come from a link that gives information-theoretic ones */
};

/* A KME of another house, from which keys are fetched by ETSI GS QKD 014. */
struct skex_qkd014_config {
	struct skex_name name;
	char url[SKEX_ASSIGNMENT_MAX + 1]; /* "https://HOST[:PORT][/PATH]", no "/" at its end */
	char ca[SKEX_PATH_MAX];
	char certificate[SKEX_PATH_MAX];
	char key[SKEX_PATH_MAX];
	char sae_id[SKEX_NAME_MAX + 1]; /* of this agent, as in its certificate */
	uint32_t key_bits;              /* of each key that is asked for */
	bool independent; /* nothing that skex made goes into its keys: see combining.md */
	size_t peers_count;
	struct skex_qkd014_peer_config *peers;
};

/* A program and its arguments; none when there are no words. */
struct skex_command_config {
	size_t count;
	char (*words)[SKEX_ASSIGNMENT_MAX + 1];
};

/* One key after the other for a consumer here and one at a peer; exactly one consumer is enabled.
 * The names of its keys' purpose are those of the consumer and of the binding. */
struct skex_binding_config {
	struct skex_name name; /* the same at both ends */
	struct skex_name peer;
	uint32_t line; /* of the file or text that it stands in */
	uint8_t role;  /* enum skex_binding_role */
	uint8_t expired;
	uint32_t period_s;
	uint32_t grace_s;
	size_t require_count; /* what its keys have to be, as the local API has it */
	char require[4][SKEX_NAME_MAX + 1];
	struct skex_binding_wireguard {
		bool enabled;
		char interface[64];
		char socket[SKEX_PATH_MAX];         /* default /var/run/wireguard/INTERFACE.sock */
		char public_key[SKEX_NAME_MAX + 1]; /* of the peer; checked */
	} wireguard;
	struct skex_binding_ikev2 {
		bool enabled;
		char socket[SKEX_PATH_MAX]; /* of charon's vici */
		char connection[SKEX_NAME_MAX + 1];
		char domain[SKEX_NAME_MAX + 1];
		size_t settings_count; /* "children.net.local_ts = 10.1.0.0/16" */
		char (*settings)[SKEX_ASSIGNMENT_MAX + 1];
	} ikev2;
	struct skex_binding_tls {
		bool enabled;
		char file[SKEX_PATH_MAX];
		char pid_file[SKEX_PATH_MAX]; /* "": no signal */
		char program[SKEX_NAME_MAX + 1];
		struct skex_command_config reload;
		struct skex_command_config check;
		struct skex_address probe; /* of the server; port 0: none */
	} tls;
	struct skex_binding_routing {
		bool enabled;
		uint8_t method;     /* enum skex_bird_method */
		char protocol[64];  /* the instance in BIRD */
		char interface[64]; /* of ospf and bfd, else "" */
		char file[SKEX_PATH_MAX];
		char socket[SKEX_PATH_MAX];
	} routing;
	struct skex_binding_macsec {
		bool enabled;
		uint8_t mode;                   /* enum skex_binding_macsec_mode */
		size_t sockets_count;           /* two; of MKA, to folder */
		char sockets[2][SKEX_PATH_MAX]; /* of the wpa_supplicants */
		uint8_t cak;                    /* 256 bits, or 128 */
		char bond[64];                  /* "": none */
		size_t interfaces_count;        /* two */
		char interfaces[2][64];
		char folder[SKEX_PATH_MAX];
		char interface[64];               /* of static, to cipher */
		char peer_sci[SKEX_NAME_MAX + 1]; /* 16 hexadecimal digits */
		uint8_t cipher;                   /* GCM-AES-256, or GCM-AES-128 */
	} macsec;
	struct skex_binding_hook {
		bool enabled;
		char file[SKEX_PATH_MAX]; /* "": none */
		uint32_t mode;            /* 0: as the file has it */
		uint8_t format;           /* raw, hex, base64, id-hex */
		struct skex_command_config program;
		bool checks;
		bool one_place;
		uint32_t timeout_s;
	} hook;
};
enum skex_binding_role {
	SKEX_BINDING_LEADS,   /* says when there is a new key */
	SKEX_BINDING_FOLLOWS, /* the other end does */
};
enum skex_binding_macsec_mode {
	SKEX_BINDING_MKA,
	SKEX_BINDING_STATIC,
};
enum skex_binding_expired {
	SKEX_BINDING_CLOSES,     /* no traffic without a fresh key */
	SKEX_BINDING_STAYS_OPEN, /* the old key stays in use */
};
/* The consumer of a binding, as it is called in purposes: "wireguard". */
const char *skex_binding_consumer(const struct skex_binding_config *binding);
/* Are there programs of the operator's that are started for it? */
bool skex_binding_runs_programs(const struct skex_binding_config *binding);

/*
 * Bindings that are written as in a file, `bindings = ( ... );`, and nothing else besides: 1 to
 * SKEX_BINDINGS_AT_ONCE of them, checked as those of the agent of this name.  *bindings, in the
 * order of their names, is the caller's, to be cleared.  Errors as for files, with the name that
 * the text is called by.
 */
#define SKEX_BINDINGS_AT_ONCE 64u
SKEX_MUST_USE enum skex_error skex_bindings_read(const char *called, const char *text,
	const struct skex_name *agent, struct skex_binding_config **bindings, size_t *count,
	char *message);
void skex_bindings_clear(struct skex_binding_config *bindings, size_t count);
/* One binding as text that reads as the same again, and is the same for whatever reads as it; on
 * the heap, and NULL without memory. */
char *skex_binding_text(const struct skex_binding_config *binding);
/* Do the two key the same thing?  Then they would undo what the other does. */
bool skex_binding_same_place(
	const struct skex_binding_config *a, const struct skex_binding_config *b);

struct skex_agent_config {
	char file[SKEX_PATH_MAX]; /* that it was read from */
	struct skex_name name;
	char directory[SKEX_PATH_MAX];
	struct skex_kek_config kek;
	char socket[SKEX_PATH_MAX];  /* of the local API; default DIRECTORY/api.sock */
	uint32_t socket_mode;        /* default 0660 */
	struct skex_address metrics; /* port 0: no metrics */
	size_t profiles_count;
	struct skex_profile_config *profiles;
	size_t peers_count;
	struct skex_peer_config *peers;
	size_t identities_count; /* identities (SAE ids) that live at this agent */
	char (*identities)[SKEX_PURPOSE_MAX + 1];
	struct skex_pool_config pool;
	struct skex_etsi014_config etsi014;
	struct skex_skip_config skip;
	struct skex_datagram_config pairwise;
	size_t qkd014_count;
	struct skex_qkd014_config *qkd014;
	size_t bindings_count; /* in the order of their names */
	struct skex_binding_config *bindings;
	size_t binding_folders_count; /* 0..8, where bindings added at run time have their files */
	char binding_folders[SKEX_PAD_FOLDERS_MAX][SKEX_PATH_MAX];
	size_t binding_programs_count; /* 0..8, the programs that these run */
	char binding_programs[SKEX_PAD_FOLDERS_MAX][SKEX_PATH_MAX];
	bool require_its;         /* refuse to establish over legs that are not its */
	size_t pad_folders_count; /* as at a hub */
	char pad_folders[SKEX_PAD_FOLDERS_MAX][SKEX_PATH_MAX];
};

/* May this one be added at run time?  Its files have to be in folders, and its programs among
 * those, that the configuration names for that: whoever can add bindings cannot write or run
 * anything else.  why says what is not. */
bool skex_binding_permitted(const struct skex_agent_config *config,
	const struct skex_binding_config *binding, char why[SKEX_CONFIG_MESSAGE_MAX]);

/*
 * Reads and checks a file.  On success *config is filled and owned by the caller until the matching
 * clear; otherwise message (SKEX_CONFIG_MESSAGE_MAX bytes) says "FILE:LINE: setting: what is wrong;
 * what to do", and *config is untouched.  SKEX_E_UNKNOWN when there is no file, SKEX_E_CONFIG for
 * anything wrong in it, SKEX_E_IO when it cannot be read.
 */
SKEX_MUST_USE enum skex_error skex_hub_config_read(
	const char *path, struct skex_hub_config *config, char *message);
void skex_hub_config_clear(struct skex_hub_config *config);
SKEX_MUST_USE enum skex_error skex_agent_config_read(
	const char *path, struct skex_agent_config *config, char *message);
/* The same of a text that is here; path is what it is called. */
SKEX_MUST_USE enum skex_error skex_agent_config_parse(
	const char *path, const char *text, struct skex_agent_config *config, char *message);
void skex_agent_config_clear(struct skex_agent_config *config);
/* The text of a file, with the same errors; on the heap. */
SKEX_MUST_USE enum skex_error skex_config_text(const char *path, char **text, char *message);

#endif
