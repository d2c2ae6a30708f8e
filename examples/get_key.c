/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <skex/client.h>

/*
 * One key for two programs.
 *
 *	get_key PEER            at one end: takes a fresh key towards PEER and prints its id
 *	get_key PEER ID         at the other end: takes the key with that id, which PEER handed out
 *
 * Both print the same fingerprint.  The id may travel in the open.
 *
 *	cc get_key.c -lskex
 */
int main(int argc, char **argv)
{
	struct skex_client_request request = {.peer = argc > 1 ? argv[1] : NULL,
		.purpose = "app:example",
		.require = SKEX_CLIENT_REQUIRE_CONFIRMED,
		.wait_ms = 5000};
	struct skex_client_error error;
	struct skex_client_keys *keys;
	struct skex_client *client;
	enum skex_client_class result;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: get_key PEER [ID]\n");
		return SKEX_CLIENT_USAGE;
	}
	result = skex_client_open(NULL, &client, &error);
	if (result != SKEX_CLIENT_OK) {
		fprintf(stderr, "%s; %s\n", error.message, error.act);
		return (int)result;
	}
	if (argc == 2)
		result = skex_client_get(client, &request, &keys, &error);
	else
		result = skex_client_fetch(
			client, &request, (const char *const *)&argv[2], 1, &keys, &error);
	if (result != SKEX_CLIENT_OK) {
		fprintf(stderr, "%s; %s\n", error.message, error.act);
	} else {
		/* Here keys->list[0].bytes would go into a cipher; never print them. */
		printf("id %s\nfingerprint %s\n", keys->list[0].id, keys->list[0].fingerprint);
		skex_client_keys_free(keys);
	}
	skex_client_close(client);
	return (int)result;
}
