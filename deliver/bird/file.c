/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "deliver/bird/internal.h"

#define TCP_AO_ADD_KEY 38 /* of linux/tcp.h since 6.7 */

void bird_file_learn(void *owner)
{
	struct skex_bird *bird = owner;
	struct bird_secrets *secrets = bird->secrets;
	struct bird_file *file = &bird->file;
	struct skex_foreign_content content;

	file->error = skex_foreign_read(&file->file, &content, file->why);
	if (file->error != SKEX_OK)
		return;
	skex_bird_text_read(skex_view(content.bytes, content.size), &secrets->found);
	skex_foreign_clear(&content);
	/* Whoever took a key out of the file did not change its number, which the other end uses.
	 */
	skex_bird_add_missing(&secrets->found, &secrets->given);
	secrets->given = secrets->found;
	skex_wipe(&secrets->found, sizeof(secrets->found));
}

/* From after our own reading back on. */
static void begin_watch(struct bird_file *file)
{
	char text[128];

	file->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (file->watch >= 0 && inotify_add_watch(file->watch, file->file.path, IN_OPEN) >= 0)
		return;
	(void)snprintf(file->why, sizeof(file->why),
		"%s cannot be watched: %s; raise fs.inotify.max_user_instances", file->file.path,
		strerror_r(errno, text, sizeof(text)));
	file->error = SKEX_E_IO;
	(void)bird_file_was_opened(file);
}

void bird_file_write(void *owner)
{
	struct skex_bird *bird = owner;
	struct bird_secrets *secrets = bird->secrets;
	struct bird_file *file = &bird->file;

	secrets->text_size = skex_bird_text(
		bird->config->method, bird->config->binding, &secrets->wanted, secrets->text);
	file->error = skex_foreign_write(&file->file, NULL,
		skex_view((const uint8_t *)secrets->text, secrets->text_size), file->why);
	skex_wipe(secrets->text, sizeof(secrets->text));
	if (file->error == SKEX_OK)
		begin_watch(file);
}

bool bird_file_was_opened(struct bird_file *file)
{
	struct inotify_event event;
	bool opened = false;

	if (file->watch < 0)
		return false;
	/* An event of a file by its own name has no name behind it. */
	while (read(file->watch, &event, sizeof(event)) == (ssize_t)sizeof(event))
		opened = opened || (event.mask & IN_OPEN) != 0;
	(void)close(file->watch);
	file->watch = -1;
	return opened;
}

/* Whatever else is in it, when it was not us who wrote it. */
static bool has_active(const struct skex_bird *bird, struct skex_view text)
{
	struct skex_bird_keys *found = &bird->secrets->found;
	bool has;

	skex_bird_text_read(text, found);
	has = skex_bird_find(found, bird->keys.active.id) != NULL;
	skex_wipe(found, sizeof(*found));
	return has;
}

void bird_file_read(void *owner)
{
	struct skex_bird *bird = owner;
	struct bird_secrets *secrets = bird->secrets;
	struct bird_file *file = &bird->file;
	struct skex_foreign_content content;
	struct skex_view text;

	file->error = skex_foreign_read(&file->file, &content, file->why);
	if (file->error != SKEX_OK)
		return;
	text = skex_view(content.bytes, content.size);
	if (!bird->written) {
		file->there = !bird->keys.active.there || has_active(bird, text);
	} else {
		secrets->text_size = skex_bird_text(bird->config->method, bird->config->binding,
			&secrets->given, secrets->text);
		file->there = text.size == secrets->text_size &&
			skex_ct_equal(text.data, secrets->text, text.size);
		skex_wipe(secrets->text, sizeof(secrets->text));
	}
	skex_foreign_clear(&content);
}

bool bird_kernel_has_ao(void)
{
	const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has;

	if (probe < 0)
		return false;
	/* Nothing is no key; who knows the option says so, and who does not says that. */
	has = setsockopt(probe, IPPROTO_TCP, TCP_AO_ADD_KEY, NULL, 0) == 0 || errno != ENOPROTOOPT;
	(void)close(probe);
	return has;
}
