/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SYSTEM_LYING_HUB_FAULTS_H
#define SKEX_TESTS_SYSTEM_LYING_HUB_FAULTS_H

#include "core/wire/share_message.h"
#include "hub/internal.h"

/*
 * A hub that lies.  Everything of the real hub is in it; only what it passes on differs: changed
 * after all checks and before the one-time tag and the envelope are made, so that the recipient
 * gets an authentic message of a dishonest hub.
 *
 *   faults.c   the modes    change.c   bytes of a message    copies.c   messages kept
 */
struct passing {
	struct skex_hub *hub;
	struct hub_mail *mail;
	struct hub_leg *to;
	struct hub_pair *pair;
	struct skex_share_message share; /* of a share, decoded; its views lie in mail->fields */
};

/* One mode; its share function is called for shares, its confirm function for confirmations.  NULL:
 * passed on as they are.  They give what hub_accept gives. */
struct fault {
	const char *name;
	const char *text;
	uint16_t (*share)(struct passing *passing);
	uint16_t (*confirm)(struct passing *passing);
	bool keeps; /* messages, in one place for all hubs of a process */
};

#define FAULTS 11u
extern const struct fault faults[FAULTS];

/* What hub_pass does where the hub has this mode; NULL: an honest one. */
uint16_t fault_pass(const struct fault *fault, struct skex_hub *hub, struct hub_mail *mail,
	struct hub_leg *to, struct hub_pair *pair);
uint16_t pass_on(const struct passing *passing);
uint32_t random_below(const struct passing *passing, uint32_t limit);

/* change.c */
uint16_t bad_share(struct passing *passing);
uint16_t bad_w(struct passing *passing);
uint16_t bad_tag(struct passing *passing);
uint16_t bad_confirm(struct passing *passing);
uint16_t wrong_sender(struct passing *passing);
uint16_t wrong_purpose(struct passing *passing);
uint16_t wrong_time(struct passing *passing);

/* copies.c */
uint16_t replay(struct passing *passing);
uint16_t swap_shares(struct passing *passing);
uint16_t redirect(struct passing *passing);
/* Frees the messages that are kept. */
void copies_forget(void);
/* Another agent than these two; false when there is none. */
bool find_third(const struct passing *passing, struct skex_member *third);

#endif
