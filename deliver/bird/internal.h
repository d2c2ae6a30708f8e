/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BIRD_INTERNAL_H
#define SKEX_DELIVER_BIRD_INTERNAL_H

#include "deliver/bird/bird.h"
#include "deliver/bird/look.h"

/* bird.c does one thing after the other, talk.c asks BIRD, file.c does what waits for the disk. */

enum bird_stage {
	BIRD_RESTING,
	BIRD_LEARNING, /* what the file holds from before our start */
	BIRD_PROBING,  /* whether this BIRD, and this kernel, can do it */
	BIRD_WAITING,  /* for the other end, before an old key goes */
	BIRD_WRITING,
	BIRD_TALKING, /* to BIRD, of an action */
	BIRD_READING, /* looks at the file, and then */
	BIRD_ASKING,  /* at what BIRD shows */
};

/* A key of a call; its bytes are in `bytes`. */
struct bird_copy {
	struct skex_rotation_secret key;
	uint8_t bytes[SKEX_BIRD_KEY_BYTES];
};

/* In locked memory. */
struct bird_secrets {
	struct bird_copy next;
	struct bird_copy active;
	struct bird_copy old;
	struct skex_bird_keys given; /* what the file has by now */
	struct skex_bird_keys wanted;
	struct skex_bird_keys found; /* of the work */
	uint8_t nobody[SKEX_BIRD_KEY_BYTES];
	char text[SKEX_BIRD_TEXT_MAX]; /* of the work */
	size_t text_size;
};

/* The other thread's while there is work. */
struct bird_file {
	struct skex_foreign_file file;
	bool there; /* after reading: it is as it should be */
	int watch;  /* after writing: tells of who opens the file; -1: none */
	enum skex_error error;
	char why[SKEX_FOREIGN_WHY_BYTES];
};

struct skex_bird {
	const struct skex_platform *platform;
	const struct skex_bird_config *config;
	struct bird_secrets *secrets;

	enum bird_stage stage;
	uint32_t todo;                  /* actions, the lowest first */
	struct skex_rotation_keys keys; /* of the call; they point into secrets */
	struct bird_file file;
	struct skex_work *work;
	struct skex_later *later;
	skex_consumer_done_fn done;
	skex_consumer_seen_fn seen;
	void *owner;

	/* the socket */
	struct skex_stream *stream;
	uint32_t turn;    /* one for each stream: what belongs to another is over */
	unsigned command; /* which one is under way */
	struct skex_bird_reader reader;
	struct skex_bird_facts facts;
	bool welcomed;
	bool asked;  /* a command whose reply has not ended */
	bool failed; /* this command is */
	bool in_progress;
	char answer[160]; /* why */

	/* what is known from one time to the next */
	bool able;     /* to do TCP-AO */
	bool learned;  /* given is what the file has */
	bool written;  /* and we wrote it */
	bool taken;    /* and BIRD has read it */
	bool placed;   /* one place: the key in it is one to use */
	bool staged;   /* BIRD accepts `number` */
	bool switched; /* and sends with it */
	bool was_up;   /* when BIRD was told so */
	bool up;       /* as of the last look */
	uint8_t number;
	uint64_t since_ms; /* when BIRD was given the key */
	bool bad;          /* the key of bad_id is another one at the other end */
	uint8_t bad_id[SKEX_ROTATION_ID_BYTES];
};

/* bird.c */

/* What is under way ends so: an action, or a look. */
void bird_fail(struct skex_bird *bird, const char *what, const char *act);
/* The answer to the command is complete; `failed` says what it was. */
void bird_command_done(struct skex_bird *bird);

/* talk.c */

/* Connects, and sends the first command of the stage, which becomes this one. */
void bird_talk(struct skex_bird *bird, enum bird_stage stage);
/* Sends the command of the number `command`. */
void bird_send_command(struct skex_bird *bird);

/* file.c; owner is the struct skex_bird. */

/* Reads the file into given, with the keys that it had before and has no more. */
void bird_file_learn(void *owner);
/* Writes `wanted`, and watches the file from then on. */
void bird_file_write(void *owner);
/* Is it what was given? */
void bird_file_read(void *owner);
/* Ends the watch; was the file opened since it began? */
bool bird_file_was_opened(struct bird_file *file);

/* Can the kernel do TCP-AO? */
bool bird_kernel_has_ao(void);

#endif
