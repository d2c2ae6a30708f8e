/* SPDX-License-Identifier: Apache-2.0 */
#include "config/agent_schema.h"

/* The field of a struct, and with its size. */
#define FIELD(type, member) .offset = offsetof(struct type, member)
#define SIZED(type, member) FIELD(type, member), .size = sizeof(((struct type *)0)->member)
#define COUNTED(type, member)                                                                      \
	.count_offset = offsetof(struct type, member),                                             \
	.count_size = sizeof(((struct type *)0)->member)

#define KIB   UINT64_C(1024)
#define DAY_S UINT64_C(86400)

/* ---- profiles ---- */

#define HUB_BYTES sizeof(((struct skex_profile_config *)0)->hubs[0])

static const struct schema hub_schema[] = {
	{.name = "name", .type = SCHEMA_NAME, .required = true, .offset = 0},
	{.name = "owner",
		.type = SCHEMA_NAME,
		.required = true,
		.offset = sizeof(struct skex_name)},
	{.name = NULL},
};
_Static_assert(HUB_BYTES == 2 * sizeof(struct skex_name), "a hub is its name and its owner");

static const struct schema_list hubs_list = {
	.least = 2,
	.most = SKEX_HUBS_MAX,
	.stride = HUB_BYTES,
	COUNTED(skex_profile_config, n),
};

static const struct schema profile_schema[] = {
	{.name = "name", .type = SCHEMA_WORD, .required = true, FIELD(skex_profile_config, name)},
	{.name = "k",
		.type = SCHEMA_COUNT,
		.required = true,
		.least = 2,
		.most = SKEX_HUBS_MAX,
		SIZED(skex_profile_config, k)},
	{.name = "hubs",
		.type = SCHEMA_GROUP,
		.required = true,
		FIELD(skex_profile_config, hubs),
		.list = &hubs_list,
		.inner = hub_schema},
	{.name = NULL},
};

static const struct schema_list profiles_list = {
	.least = 0,
	.most = PROFILES_MAX,
	.stride = sizeof(struct skex_profile_config),
	COUNTED(skex_agent_config, profiles_count),
	.allocated = true,
};

/* ---- peers ---- */

static const struct schema_list peer_profiles_list = {
	.least = 0,
	.most = 8,
	.stride = SKEX_NAME_MAX + 1,
	COUNTED(skex_peer_config, profiles_count),
};

static const struct schema_list accept_list = {
	.least = 0,
	.most = 8,
	.stride = SKEX_PURPOSE_MAX + 1,
	COUNTED(skex_peer_config, accept_count),
};

static const struct schema_list peer_identities_list = {
	.least = 0,
	.most = IDENTITIES_MAX,
	.stride = SKEX_PURPOSE_MAX + 1,
	COUNTED(skex_peer_config, identities_count),
	.allocated = true,
};

static const struct schema peer_schema[] = {
	{.name = "name", .type = SCHEMA_NAME, .required = true, FIELD(skex_peer_config, name)},
	{.name = "profiles",
		.type = SCHEMA_WORD,
		.shown = "none",
		FIELD(skex_peer_config, profiles),
		.list = &peer_profiles_list},
	{.name = "accept",
		.type = SCHEMA_PATTERN,
		.fallback = "app:*",
		FIELD(skex_peer_config, accept),
		.list = &accept_list},
	{.name = "identities",
		.type = SCHEMA_IDENTITY,
		.shown = "none",
		FIELD(skex_peer_config, identities),
		.list = &peer_identities_list},
	{.name = "address",
		.type = SCHEMA_ADDRESS,
		.shown = "as the pair was made, or where the peer is heard from",
		FIELD(skex_peer_config, address)},
	{.name = "combine",
		.type = SCHEMA_FLAG,
		.fallback = "false",
		FIELD(skex_peer_config, combine)},
	{.name = NULL},
};

static const struct schema_list peers_list = {
	.least = 0,
	.most = PEERS_MAX,
	.stride = sizeof(struct skex_peer_config),
	COUNTED(skex_agent_config, peers_count),
	.allocated = true,
};

/* ---- pool ---- */

static const struct schema pool_schema[] = {
	{.name = "block",
		.type = SCHEMA_SIZE,
		.fallback = "1 KiB",
		.least = SKEX_SECRET_MIN,
		.most = SKEX_SECRET_MAX,
		.step = 16,
		SIZED(skex_pool_config, block_bytes)},
	{.name = "blocks",
		.type = SCHEMA_COUNT,
		.fallback = "16",
		.least = 1,
		.most = 256,
		SIZED(skex_pool_config, blocks)},
	{.name = "low",
		.type = SCHEMA_COUNT,
		.fallback = "256",
		.least = 0,
		.most = 1000000,
		SIZED(skex_pool_config, low_keys)},
	{.name = "high",
		.type = SCHEMA_COUNT,
		.fallback = "1024",
		.least = 1,
		.most = 1000000,
		SIZED(skex_pool_config, high_keys)},
	{.name = "reserve",
		.type = SCHEMA_COUNT,
		.fallback = "32",
		.least = 0,
		.most = 1000000,
		SIZED(skex_pool_config, reserve_keys)},
	{.name = "idle",
		.type = SCHEMA_TIME,
		.fallback = "1 h",
		.least = 1,
		.most = 400 * DAY_S,
		SIZED(skex_pool_config, idle_s)},
	{.name = "lifetime",
		.type = SCHEMA_TIME,
		.fallback = "1 d",
		.least = 1,
		.most = SKEX_LIFETIME_MAX_S,
		SIZED(skex_pool_config, lifetime_s)},
	{.name = "start_grace",
		.type = SCHEMA_TIME,
		.fallback = "0 s",
		.least = 0,
		.most = DAY_S,
		SIZED(skex_pool_config, start_grace_s)},
	{.name = NULL},
};

/* ---- keys without hubs ---- */

static const struct schema pairwise_schema[] = {
	{.name = "listen",
		.type = SCHEMA_LISTEN,
		.required = true,
		.least = 1,
		FIELD(skex_datagram_config, listen)},
	{.name = "advertise",
		.type = SCHEMA_ADDRESS,
		.shown = "none, so that credentials tell no address",
		FIELD(skex_datagram_config, advertise)},
	{.name = NULL},
};

/* ---- delivery by ETSI GS QKD 014 ---- */

static const struct schema etsi014_schema[] = {
	{.name = "listen",
		.type = SCHEMA_LISTEN,
		.fallback = "127.0.0.1:8443",
		FIELD(skex_etsi014_config, listen)},
	{.name = "ca", .type = SCHEMA_PATH, .required = true, FIELD(skex_etsi014_config, ca)},
	{.name = "certificate",
		.type = SCHEMA_PATH,
		.required = true,
		FIELD(skex_etsi014_config, certificate)},
	{.name = "key", .type = SCHEMA_PATH, .required = true, FIELD(skex_etsi014_config, key)},
	{.name = "kme_id",
		.type = SCHEMA_LABEL,
		.shown = "the agent's name",
		FIELD(skex_etsi014_config, kme_id)},
	{.name = "max_key_per_request",
		.type = SCHEMA_COUNT,
		.fallback = "128",
		.least = 1,
		.most = 128,
		SIZED(skex_etsi014_config, max_key_per_request)},
	{.name = "key_bits",
		.type = SCHEMA_COUNT,
		.fallback = "256",
		.least = 64,
		.most = 8192,
		.step = 8,
		SIZED(skex_etsi014_config, key_bits)},
	{.name = NULL},
};

/* ---- delivery by Cisco SKIP ---- */

static const struct schema skip_schema[] = {
	{.name = "listen",
		.type = SCHEMA_LISTEN,
		.fallback = "127.0.0.1:9443",
		FIELD(skex_skip_config, listen)},
	{.name = "psk_file",
		.type = SCHEMA_PATH,
		.shown = "none, so that clients show certificates",
		FIELD(skex_skip_config, psk_file)},
	{.name = "ca",
		.type = SCHEMA_PATH,
		.shown = "none, so that clients have pre-shared keys",
		FIELD(skex_skip_config, ca)},
	{.name = "certificate",
		.type = SCHEMA_PATH,
		.shown = "none",
		FIELD(skex_skip_config, certificate)},
	{.name = "key", .type = SCHEMA_PATH, .shown = "none", FIELD(skex_skip_config, key)},
	{.name = "key_bits",
		.type = SCHEMA_COUNT,
		.fallback = "256",
		.least = 64,
		.most = 8192,
		.step = 8,
		SIZED(skex_skip_config, key_bits)},
	{.name = NULL},
};

/* ---- the whole ---- */

static const struct schema_list identities_list = {
	.least = 0,
	.most = IDENTITIES_MAX,
	.stride = SKEX_PURPOSE_MAX + 1,
	COUNTED(skex_agent_config, identities_count),
	.allocated = true,
};

static const struct schema_list qkd014_list = {
	.least = 0,
	.most = KMES_MAX,
	.stride = sizeof(struct skex_qkd014_config),
	COUNTED(skex_agent_config, qkd014_count),
	.allocated = true,
};

static const struct schema_list bindings_list = {
	.least = 0,
	.most = BINDINGS_MAX,
	.stride = sizeof(struct skex_binding_config),
	COUNTED(skex_agent_config, bindings_count),
	.allocated = true,
};

static const struct schema_list pad_folders_list = {
	.least = 0,
	.most = SKEX_PAD_FOLDERS_MAX,
	.stride = SKEX_PATH_MAX,
	COUNTED(skex_agent_config, pad_folders_count),
};

static const struct schema_list binding_folders_list = {
	.least = 0,
	.most = SKEX_PAD_FOLDERS_MAX,
	.stride = SKEX_PATH_MAX,
	COUNTED(skex_agent_config, binding_folders_count),
};
static const struct schema_list binding_programs_list = {
	.least = 0,
	.most = SKEX_PAD_FOLDERS_MAX,
	.stride = SKEX_PATH_MAX,
	COUNTED(skex_agent_config, binding_programs_count),
};

const struct schema skex_agent_schema[] = {
	{.name = "name", .type = SCHEMA_NAME, .required = true, FIELD(skex_agent_config, name)},
	{.name = "directory",
		.type = SCHEMA_PATH,
		.required = true,
		FIELD(skex_agent_config, directory)},
	{.name = "kek",
		.type = SCHEMA_GROUP,
		.required = true,
		FIELD(skex_agent_config, kek),
		.inner = config_kek_schema},
	{.name = "socket",
		.type = SCHEMA_SOCKET,
		.shown = "DIRECTORY/api.sock",
		FIELD(skex_agent_config, socket)},
	{.name = "socket_mode",
		.type = SCHEMA_MODE,
		.fallback = "0660",
		FIELD(skex_agent_config, socket_mode)},
	{.name = "profiles",
		.type = SCHEMA_GROUP,
		.shown = "none",
		FIELD(skex_agent_config, profiles),
		.list = &profiles_list,
		.inner = profile_schema},
	{.name = "peers",
		.type = SCHEMA_GROUP,
		.shown = "none",
		FIELD(skex_agent_config, peers),
		.list = &peers_list,
		.inner = peer_schema},
	{.name = "identities",
		.type = SCHEMA_IDENTITY,
		.shown = "none",
		FIELD(skex_agent_config, identities),
		.list = &identities_list},
	{.name = "pool",
		.type = SCHEMA_GROUP,
		FIELD(skex_agent_config, pool),
		.inner = pool_schema},
	{.name = "etsi014",
		.type = SCHEMA_GROUP,
		FIELD(skex_agent_config, etsi014),
		.inner = etsi014_schema,
		.present_offset = offsetof(struct skex_agent_config, etsi014.enabled)},
	{.name = "skip",
		.type = SCHEMA_GROUP,
		FIELD(skex_agent_config, skip),
		.inner = skip_schema,
		.present_offset = offsetof(struct skex_agent_config, skip.enabled)},
	{.name = "pairwise",
		.type = SCHEMA_GROUP,
		FIELD(skex_agent_config, pairwise),
		.inner = pairwise_schema,
		.present_offset = offsetof(struct skex_agent_config, pairwise.enabled)},
	{.name = "qkd014",
		.type = SCHEMA_GROUP,
		.shown = "none",
		FIELD(skex_agent_config, qkd014),
		.list = &qkd014_list,
		.inner = config_qkd014_schema},
	{.name = "bindings",
		.type = SCHEMA_GROUP,
		.shown = "none",
		FIELD(skex_agent_config, bindings),
		.list = &bindings_list,
		.inner = config_binding_schema},
	{.name = "binding_folders",
		.type = SCHEMA_PATH,
		.shown = "none",
		FIELD(skex_agent_config, binding_folders),
		.list = &binding_folders_list},
	{.name = "binding_programs",
		.type = SCHEMA_PATH,
		.shown = "none",
		FIELD(skex_agent_config, binding_programs),
		.list = &binding_programs_list},
	{.name = "require_its",
		.type = SCHEMA_FLAG,
		.fallback = "false",
		FIELD(skex_agent_config, require_its)},
	{.name = "metrics",
		.type = SCHEMA_LISTEN,
		.shown = "none, so that there are no metrics",
		.least = 1,
		FIELD(skex_agent_config, metrics)},
	{.name = "pad_folders",
		.type = SCHEMA_PATH,
		.shown = "none",
		FIELD(skex_agent_config, pad_folders),
		.list = &pad_folders_list},
	{.name = NULL},
};
