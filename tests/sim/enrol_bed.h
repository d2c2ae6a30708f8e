/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_ENROL_BED_H
#define SKEX_TESTS_SIM_ENROL_BED_H

#include "enrol/enrol_hub.h"
#include "enrol/join.h"
#include "tests/sim/store_scene.h"

/*
 * A hub and an agent, as far as enrolment needs them, on one virtual disk.  The registries are in
 * memory and outlive a cut: every commit of theirs is durable and whole by their contract.
 */
struct bed {
	struct scene scene;
	struct skex_registry *hub_registry, *agent_registry;
	struct skex_store *hub_store, *agent_store;
	struct skex_enrol_hub hub;
	struct skex_enrolment *enrolment; /* the last, when a cut was in it */
	struct skex_join *join;
	struct skex_reason reason; /* of the last failure */
	unsigned changed;          /* how often the hub was told to read a member again */
};

#define BED_HUB    "/disk/hub"
#define BED_AGENT  "/disk/agent"
#define BED_MEDIUM "/disk/medium" /* that kits are carried on */
#define BED_KIT    BED_MEDIUM "/kit"
#define BED_PAD    (2u * 65536u + 4096u)

void bed_init(struct bed *bed, uint64_t seed);
void bed_clear(struct bed *bed);
/* Opens both stores and has the hub clear up; as after a start.  bed_open waits until that is done.
 */
enum skex_error bed_restart(struct bed *bed);
enum skex_error bed_open(struct bed *bed);
/* Gives up what is open, as a process that dies. */
void bed_drop(struct bed *bed);
/* Lets the stores and the disk work. */
void bed_turn(struct bed *bed);
/* Until nothing is to be done any more. */
void bed_settle(struct bed *bed);

struct skex_name bed_name(const char *text);
/* A request for agent "alice" with pads of BED_PAD bytes. */
struct skex_enrol_request bed_request(enum skex_kit_type type);
/* Runs an enrolment to its end; the kit waits in the spool. */
enum skex_error bed_enrol(struct bed *bed, const struct skex_enrol_request *request);
/* Copies the kit that waits to path, as a command does, and says that it was taken. */
enum skex_error bed_take(struct bed *bed, const char *path);
/* Takes it in at the agent. */
enum skex_error bed_join(struct bed *bed, const char *path, const uint8_t *key, bool replace);
/* The agent has connected: what the hub keeps of that. */
void bed_connect(struct bed *bed);
/* What the hub has of a leg in this table, for both directions, becomes size zero bytes, or nothing
 * for SIZE_MAX. */
void bed_put_zero(struct bed *bed, uint64_t leg, uint8_t table, size_t size);
/* Both pads of this generation are the same at both ends; bed_same: and the envelope keys. */
bool bed_same_pads(struct bed *bed, uint64_t leg, uint32_t generation);
bool bed_same(struct bed *bed, uint64_t leg, uint32_t generation);
/* The row of alice; the result of skex_registry_member_get. */
enum skex_error bed_member(struct bed *bed, struct skex_member *member);
/* How many files lie in a directory. */
size_t bed_files(struct bed *bed, const char *directory);

#endif
