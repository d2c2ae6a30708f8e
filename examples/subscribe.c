/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <skex/client.h>

/*
 * Prints what happens in the agent, one event a line, until the agent ends.
 *
 *	cc subscribe.c -lskex
 */
int main(void)
{
	struct skex_client_error error;
	struct skex_client_event event;
	struct skex_client *client;
	enum skex_client_class result;

	result = skex_client_open(NULL, &client, &error);
	if (result != SKEX_CLIENT_OK) {
		fprintf(stderr, "%s; %s\n", error.message, error.act);
		return (int)result;
	}
	result = skex_client_subscribe(client, true, &error);
	while (result == SKEX_CLIENT_OK) {
		result = skex_client_next_event(client, -1, &event, &error);
		if (result != SKEX_CLIENT_OK)
			break;
		printf("%s: %s: %s\n", event.level, event.name, event.text);
		fflush(stdout);
	}
	fprintf(stderr, "%s; %s\n", error.message, error.act);
	skex_client_close(client);
	return (int)result;
}
