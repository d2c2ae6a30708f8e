/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "hub/internal.h"
#include "platform/memory.h"

struct hub_mail *hub_mail_new(uint8_t type, struct skex_view fields, size_t body_size)
{
	struct hub_mail *mail = calloc(1, sizeof(*mail) + fields.size);

	if (mail == NULL)
		return NULL;
	mail->type = type;
	mail->fields_size = fields.size;
	if (fields.size > 0)
		memcpy(mail->fields, fields.data, fields.size);
	mail->body_size = body_size;
	if (body_size > 0) {
		mail->body = skex_secret_new(body_size);
		if (mail->body == NULL) {
			free(mail);
			return NULL;
		}
	}
	return mail;
}

void hub_mail_free(struct hub_mail *mail)
{
	if (mail == NULL)
		return;
	skex_secret_free(mail->body);
	free(mail);
}

void hub_mail_post(struct skex_hub *hub, struct hub_mail *mail)
{
	struct hub_shard *shard = &hub->shards[mail->to % hub->shards_count];

	mail->next = NULL;
	*shard->mail_end = mail;
	shard->mail_end = &mail->next;
	hub->link.posted += sizeof(*mail) + mail->fields_size + mail->body_size;
	hub->link.platform->wake(hub->link.platform->context);
}

void hub_mail_refuse(
	struct skex_hub *hub, uint64_t to, struct skex_pad_position at, uint16_t status)
{
	struct hub_mail *mail = hub_mail_new(SKEX_MESSAGE_ACK, skex_view(NULL, 0), 0);

	if (mail == NULL)
		return;
	mail->to = to;
	mail->at = at;
	mail->status = status;
	hub_mail_post(hub, mail);
}

/* Mail that is posted meanwhile (refusals) is drained as well. */
void hub_mail_drain(struct skex_hub *hub)
{
	bool any = true;
	uint32_t i;

	while (any) {
		any = false;
		for (i = 0; i < hub->shards_count; i++) {
			struct hub_shard *shard = &hub->shards[i];
			struct hub_mail *mail = shard->mail;

			if (mail == NULL)
				continue;
			any = true;
			shard->mail = mail->next;
			if (shard->mail == NULL)
				shard->mail_end = &shard->mail;
			hub->link.posted -= sizeof(*mail) + mail->fields_size + mail->body_size;
			hub_deliver(hub, mail);
			hub_mail_free(mail);
		}
	}
}
