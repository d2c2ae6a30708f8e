/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/agent_ops.h"
#include "api/server.h"
#include "fuzz/fuzz.h"
#include "tests/unit/api/fake_agent.h"
#include "tests/unit/api/fake_net.h"

/* What a client of the local API sends: the first byte says as whom, the rest comes in as it is. */

static void accept_as(struct fake_net *net, struct skex_api_server *server, uint8_t who,
	struct skex_stream **client)
{
	if (who % 3 == 0) {
		*client = fake_pair(net);
		if (skex_api_server_adopt(server, *client, who < 128 ? "etsi014" : "bindings") !=
			SKEX_OK)
			abort();
		return;
	}
	*client = fake_connect(net, who % 3 == 1 ? (uint32_t)geteuid() : 54321);
}

/* The server sets the mode of what lies where it thinks that its socket is: a file, for a moment.
 */
static enum skex_error listen_somewhere(struct skex_api_server *server)
{
	char path[64];
	enum skex_error error;

	snprintf(path, sizeof(path), "/tmp/skex-fuzz-%d", (int)getpid());
	error = skex_api_server_listen(server, path, 0660);
	unlink(path);
	return error;
}

/* As at first, but for the large table of requests, in which nothing is left. */
static void renew(struct skex_agent *agent)
{
	if (agent->name.size == 0)
		fake_agent_init(agent);
	agent->made = 0;
	agent->tickets = 0;
	agent->peers_text[0] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake_net net;
	static struct skex_agent agent;
	struct skex_api_server *server;
	struct skex_agent_ops *ops;
	struct skex_stream *client;
	size_t at;

	if (size == 0)
		return 0;
	fake_net_init(&net);
	renew(&agent);
	if (skex_api_server_new(&net.platform, &server) != SKEX_OK ||
		skex_agent_ops_new(server, &agent, &net.platform, &fake_pool, &fake_host, &ops) !=
			SKEX_OK ||
		listen_somewhere(server) != SKEX_OK)
		abort();
	accept_as(&net, server, data[0], &client);
	/* In pieces, of a size that the input decides. */
	for (at = 1; at < size && !client->closed && !client->paused;) {
		size_t piece = 1 + data[0] * 7u;

		if (piece > size - at)
			piece = size - at;
		fake_send_bytes(client, data + at, piece);
		at += piece;
		fake_agent_run(&agent, net.now_ms);
		(void)skex_api_server_turn(server, net.now_ms);
		net.now_ms += 1000;
		(void)fake_take(client);
	}
	if (!client->closed)
		fake_hang_up(client);
	(void)skex_api_server_turn(server, net.now_ms);
	skex_api_server_free(server);
	skex_agent_ops_free(ops);
	if (agent.watches != 0 || agent.note_watches != 0)
		abort();
	fake_stream_free(client);
	return 0;
}
