/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/internal.h"

uint16_t hub_pass(
	struct skex_hub *hub, struct hub_mail *mail, struct hub_leg *to, struct hub_pair *pair)
{
	return hub_accept(hub, mail, to, pair);
}
