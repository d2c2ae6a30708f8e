/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/agent_ops.h"
#include "api/server.h"
#include "net/loop.h"
#include "tests/unit/api/fake_agent.h"

/*
 * The local API as skexd serves it, on real sockets, before the agent that makes keys up:
 * fake_skexd SOCKET.  It tells an event every 50 ms, and ends with SIGTERM.
 */
struct world {
	struct skex_loop *loop;
	struct skex_agent *agent;
	struct skex_api_server *server;
	uint64_t next_event_ms;
};

static uint64_t turn(void *owner, uint64_t now_ms)
{
	struct world *world = owner;
	uint64_t next_ms;

	if (now_ms >= world->next_event_ms) {
		fake_agent_event(world->agent, "pad_low", "pad of hub2 ends in 3 days");
		world->next_event_ms = now_ms + 50;
	}
	if (fake_agent_run(world->agent, now_ms))
		next_ms = now_ms + 5;
	else
		next_ms = world->next_event_ms;
	now_ms = skex_api_server_turn(world->server, now_ms);
	return now_ms < next_ms ? now_ms : next_ms;
}

static void stopping(void *owner)
{
	struct world *world = owner;

	skex_loop_stop(world->loop);
}

int main(int argc, char **argv)
{
	struct skex_agent_ops *ops;
	struct world world = {.next_event_ms = 0};

	if (argc != 2 || skex_loop_new(&world.loop) != SKEX_OK)
		return 1;
	world.agent = calloc(1, sizeof(*world.agent));
	if (world.agent == NULL)
		return 1;
	fake_agent_init(world.agent);
	if (skex_api_server_new(skex_loop_platform(world.loop), &world.server) != SKEX_OK ||
		skex_agent_ops_new(world.server, world.agent, skex_loop_platform(world.loop),
			&fake_pool, &fake_host, &ops) != SKEX_OK ||
		skex_api_server_listen(world.server, argv[1], 0600) != SKEX_OK)
		return 1;
	skex_loop_run(world.loop, turn, stopping, NULL, &world);
	skex_api_server_free(world.server);
	skex_agent_ops_free(ops);
	skex_loop_free(world.loop);
	free(world.agent);
	return 0;
}
