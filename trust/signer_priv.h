/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire between the two halves of the signer: a stream socket that carries frames.
 *
 *   frame    u32 length, body
 *   request  u8 role, i64 signature time, u8 length of the type, type, payload
 *   reply    u8 enum err_code (0: done), then the signature, or the message of the failure
 *
 * Integers are big-endian. A frame that is too long is read to its end and dropped, so the
 * stream stays in step and the answer can be an error. The child's first frame is a reply:
 * ready, or why not.
 */
#pragma once

#include "trust/key_priv.h"
#include "trust/signer.h"

#define SIGNER_FD          3 /* the child's end */
#define SIGNER_SECRET_FD   4 /* what holds the passphrase, if anything does */
#define SIGNER_MAX_TYPE    64
#define SIGNER_MAX_EXPIRES 315360000 /* ten years */
#define SIGNER_HEAD        10        /* of a request, before the type */
#define SIGNER_MAX_REQUEST (SIGNER_MAX_PAYLOAD + SIGNER_HEAD + SIGNER_MAX_TYPE)
#define SIGNER_MAX_REPLY   ((size_t)8 * 1024)

enum signer_frame { SIGNER_FRAME_END, SIGNER_FRAME_READ, SIGNER_FRAME_TOO_LONG };

int signer_frame_send(int fd, const void *body, size_t n, struct err *err) MUST_CHECK;
/* body is cleared first; a frame over body->max is dropped and TOO_LONG. END: the peer is gone.
 */
int signer_frame_receive(int fd, struct buf *body, enum signer_frame *what,
			 struct err *err) MUST_CHECK;

struct signer_set {                          /* what the child holds */
	struct key_private *keys[KEY_ROLES]; /* active; NULL: the set has none */
	struct key_private *next[KEY_ROLES];
	bool outside; /* some key is behind a token or a command */
	int log_fd;
};
/* Answers one request; never fails, the reply says what went wrong. */
void signer_answer(const struct signer_set *set, const void *request, size_t n,
		   struct buf *reply);
void signer_reply_error(struct buf *reply, const struct err *err);

/* Sends one request as it is and takes the reply apart. */
int signer_call(struct signer *s, const void *request, size_t n, struct buf *sig,
		struct err *err) MUST_CHECK;
pid_t signer_pid(const struct signer *s);
