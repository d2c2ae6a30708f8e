/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/wire/note_message.h"
#include "deliver/bindings/internal.h"

#define STRANGER_MS 60000u /* between two lines about views of no binding */
#define TEXT_BYTES  ((SKEX_ROTATION_VIEW_BYTES + 2u) / 3u * 4u)

/* ---- out ---------------------------------------------------------------------------------------
 */

static void send_note(struct bindings_end *end);

static void on_sent(void *owner, const json_t *answer)
{
	struct bindings_end *end = owner;
	char text[256];

	/* One that was lost is said again by the rotation. */
	if (bindings_error(answer, text, sizeof(text)))
		skex_log(end->all->platform, SKEX_LEVEL_DEBUG, "%s: the other end was not told: %s",
			end->purpose, text);
	end->telling = false;
	if (end->untold)
		send_note(end);
}

static void send_note(struct bindings_end *end)
{
	char text[TEXT_BYTES + 1];

	skex_base64_encode(text, end->note, sizeof(end->note));
	text[TEXT_BYTES] = '\0';
	end->untold = false;
	end->telling =
		local_api_ask(end->all->api, "binding_tell",
			json_pack("{ss ss}", "binding", end->config->name.text, "view", text),
			on_sent, end) == SKEX_OK;
}

void bindings_tell(
	void *context, struct skex_binding *binding, const uint8_t note[SKEX_ROTATION_VIEW_BYTES])
{
	struct bindings_end *end = context;

	(void)binding;
	memcpy(end->note, note, sizeof(end->note));
	/* The last one says all that those before it said. */
	if (end->telling)
		end->untold = true;
	else
		send_note(end);
}

/* ---- in ----------------------------------------------------------------------------------------
 */

/* What only a leader says, and what only a follower does: so the other end has this role too, or
 * not. */
static void check_roles(struct bindings_end *end, const struct skex_rotation_view *view)
{
	const bool leads = end->config->role == SKEX_BINDING_LEADS;
	const bool leader =
		view->phase == SKEX_ROTATION_OFFERED || view->phase == SKEX_ROTATION_DROPPED;
	const bool follower =
		view->phase == SKEX_ROTATION_STAGED || view->phase == SKEX_ROTATION_REFUSED;

	if (!leader && !follower)
		return;
	end->same_role = leads ? leader : follower;
	bindings_changed(end);
}

static void stranger(struct bindings *bindings, const char *peer)
{
	const uint64_t now_ms = bindings->platform->now_ms(bindings->platform->context);

	if (bindings->stranger_ms != 0 && now_ms - bindings->stranger_ms < STRANGER_MS)
		return;
	bindings->stranger_ms = now_ms;
	skex_log(bindings->platform, SKEX_LEVEL_WARNING,
		"%s has a binding with this agent that is not configured here: both ends need it, "
		"with the same name and the same kind of consumer",
		peer);
}

void bindings_told(struct bindings *bindings, const json_t *told)
{
	const char *peer = json_string_value(json_object_get(told, "peer"));
	const char *text = json_string_value(json_object_get(told, "view"));
	struct skex_rotation_view view;
	struct bindings_end *found;
	uint8_t note[SKEX_NOTE_MAX];
	size_t size = 0;

	if (peer == NULL || text == NULL ||
		!skex_base64_decode(note, sizeof(note), &size, text, strlen(text)) ||
		skex_rotation_view_decode(&view, skex_view(note, size)) != SKEX_OK)
		return;
	found = bindings_hashed(bindings, view.binding);
	if (found == NULL || strcmp(found->config->peer.text, peer) != 0) {
		stranger(bindings, peer);
		return;
	}
	if (found->binding == NULL)
		return;
	check_roles(found, &view);
	skex_binding_view(found->binding, &view);
}
