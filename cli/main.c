/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "cli/command.h"

/* In the order in which help lists them: { "hub", skex_hub_commands } for `skex hub ...`, { "", ...
 * } for commands without a group.  The tables are declared in cli/command.h. */
static const struct skex_command_group groups[] = {
	{"", skex_status_commands},
	{"", skex_doctor_commands},
	{"peer", skex_peer_commands},
	{"key", skex_key_commands},
	{"binding", skex_binding_commands},
	{"deliver", skex_deliver_commands},
	{"cms", skex_cms_commands},
	{"note", skex_note_commands},
	{"pair", skex_pair_commands},
	{"leg", skex_leg_commands},
	{"", skex_plan_commands},
	{"", skex_join_commands},
	{"keyfill", skex_keyfill_commands},
	{"hub", skex_hub_commands},
	{"lab", skex_lab_commands},
	{NULL, NULL},
};

int main(int argc, char **argv)
{
	return skex_command_main(groups, argc, argv);
}
