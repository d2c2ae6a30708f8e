/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/internal.h"

#define PIECE_BYTES 4096u
#define PIECES_MOST 64 /* read at once: a pipe holds no more */

/* A program that does something for us; process.c starts and buries it. */
struct skex_program {
	struct net_link link;
	struct skex_loop *loop;
	struct net_child *child; /* NULL: it has ended */
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles; /* that libuv still has */
	int output;
	bool late;
	bool line_ended;
	size_t line_size;
	char line[SKEX_PROGRAM_LINE_MAX];
	skex_program_ended_fn ended;
	void *owner;
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct skex_program *program = handle->data;

	if (--program->handles > 0)
		return;
	(void)close(program->output);
	free(program);
}

static void let_go(struct skex_program *program)
{
	net_list_remove(&program->link);
	uv_close((uv_handle_t *)&program->poll, on_handle_closed);
	uv_close((uv_handle_t *)&program->timer, on_handle_closed);
}

/* ---- what it prints ---- */

static void keep_line(struct skex_program *program, const char *text, size_t size)
{
	for (size_t i = 0; i < size && !program->line_ended; i++) {
		const bool end = text[i] == '\n' || text[i] == '\r';

		if (end)
			program->line_ended = program->line_size > 0;
		else if (program->line_size < sizeof(program->line) - 1)
			program->line[program->line_size++] =
				text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	}
}

/* Whatever comes after its first line is read and dropped, so that it never waits for us. */
static void read_output(struct skex_program *program)
{
	char piece[PIECE_BYTES];

	for (int i = 0; i < PIECES_MOST; i++) {
		const ssize_t got = read(program->output, piece, sizeof(piece));

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			(void)uv_poll_stop(&program->poll);
		if (got <= 0)
			return;
		keep_line(program, piece, (size_t)got);
	}
}

static void on_output(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	read_output(poll->data);
}

/* ---- its end ---- */

static void kill_group(const struct skex_program *program)
{
	if (program->child->buried)
		return;
	if (kill(-program->child->process, SIGKILL) != 0)
		(void)kill(program->child->process, SIGKILL);
}

static void on_late(uv_timer_t *timer)
{
	struct skex_program *program = timer->data;

	if (program->child == NULL)
		return;
	program->late = true;
	kill_group(program);
}

static void on_ended(void *owner, int status)
{
	struct skex_program *program = owner;
	const struct skex_program_end end = {
		.status = status, .late = program->late, .line = program->line};

	program->child = NULL;
	read_output(program);
	program->ended(program->owner, &end);
	let_go(program);
}

void net_program_stop(struct skex_program *program)
{
	if (program == NULL || program->child == NULL)
		return;
	kill_group(program);
	program->child->ended = NULL;
	program->child = NULL;
	let_go(program);
}

void net_programs_end(struct skex_loop *loop)
{
	struct net_link *link;

	while ((link = net_list_first(&loop->programs)) != NULL)
		net_program_stop(NET_OWNER(link, struct skex_program, link));
}

/* ---- its start ---- */

static void close_both(const int ends[2])
{
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* The reading end of a pipe that holds the bytes and ends with them. */
static enum skex_error fill_pipe(struct skex_view bytes, int *reading)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return SKEX_E_IO;
	/* An empty pipe takes a page without waiting. */
	if (write(ends[1], bytes.data, bytes.size) != (ssize_t)bytes.size) {
		close_both(ends);
		return SKEX_E_IO;
	}
	(void)close(ends[1]);
	*reading = ends[0];
	return SKEX_OK;
}

static void watch(struct skex_program *program, int output, uint64_t timeout_ms)
{
	struct skex_loop *loop = program->loop;

	program->output = output;
	program->handles = 2;
	program->poll.data = program;
	program->timer.data = program;
	(void)uv_poll_init(&loop->uv, &program->poll, output);
	(void)uv_timer_init(&loop->uv, &program->timer);
	(void)uv_poll_start(&program->poll, UV_READABLE, on_output);
	uv_update_time(&loop->uv);
	(void)uv_timer_start(&program->timer, on_late, timeout_ms, 0);
	net_list_add(&loop->programs, &program->link);
}

static enum skex_error start(
	struct skex_program *program, const struct skex_program_call *call, int input)
{
	struct net_spawn spawn = {
		.argv = call->argv,
		.environment = call->environment,
		.descriptors = &input,
		.count = 1,
		.group = true,
		.ended = on_ended,
		.owner = program,
	};
	enum skex_error error;
	int output[2];

	if (pipe2(output, O_CLOEXEC) != 0)
		return SKEX_E_IO;
	spawn.output = output[1];
	/* Ours alone: the program's end waits as it is used to. */
	error = fcntl(output[0], F_SETFL, O_NONBLOCK) == 0
		? net_spawn(program->loop, &spawn, &program->child)
		: SKEX_E_IO;
	if (error != SKEX_OK) {
		close_both(output);
		return error;
	}
	(void)close(output[1]);
	watch(program, output[0], call->timeout_ms);
	return SKEX_OK;
}

enum skex_error net_program_start(void *context, const struct skex_program_call *call,
	skex_program_ended_fn ended, void *owner, struct skex_program **out)
{
	struct skex_program *program;
	enum skex_error error;
	int input;

	if (call->argv[0] == NULL || call->argv[0][0] != '/' ||
		call->input.size > SKEX_PROGRAM_INPUT_MAX)
		return SKEX_E_ARGUMENT;
	error = fill_pipe(call->input, &input);
	if (error != SKEX_OK)
		return error;
	program = calloc(1, sizeof(*program));
	if (program != NULL) {
		program->loop = context;
		program->ended = ended;
		program->owner = owner;
	}
	error = program == NULL ? SKEX_E_MEMORY : start(program, call, input);
	(void)close(input);
	if (error != SKEX_OK)
		free(program);
	else
		*out = program;
	return error;
}
