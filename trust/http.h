/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much HTTP/1.1 as a witness speaks (docs/decisions/0042): one side answers small requests
 * in one poll loop, the other asks through libcurl. Whoever connects is taken as hostile: a
 * request has a largest head, a largest body and a time to come in; what is not plainly well
 * formed is refused, never guessed at.
 */
#pragma once

#include "base/buf.h"

/* ---- One request, as bytes; nothing is allocated ---- */
#define HTTP_HEAD_MAX   ((size_t)8 * 1024)
#define HTTP_BODY_MAX   ((size_t)96 * 1024)
#define HTTP_FIELDS_MAX 64

enum http_state {
	HTTP_MORE,   /* a beginning: `continues` tells whether the client waits for a word */
	HTTP_WHOLE,  /* one request; `used` bytes of it */
	HTTP_REFUSED /* status and why; nothing behind it can be made out */
};
struct http_request {
	const char *method, *target, *body; /* they point into what was parsed */
	size_t method_len, target_len, body_len;
	size_t used;
	bool keep;      /* the client may send another on this connection */
	bool continues; /* "Expect: 100-continue", and the head is whole */
	int status;
	const char *why;
};
enum http_state http_parse(const char *data, size_t n, struct http_request *out);

struct http_reply {
	int status;
	const char *type; /* of the body */
	struct buf body;
};
void http_reply_write(const struct http_reply *r, bool keep, struct buf *out);

/* ---- The side that answers ---- */
#define HTTP_PEERS   64 /* connections at one time; one more takes the place of the oldest */
#define HTTP_ADDRESS 80

/* Answers one request, at once: everybody else waits meanwhile. body has a ceiling, and is
 * empty. */
typedef void http_answer_fn(void *arg, const struct http_request *q, struct http_reply *out);
struct http_server {
	int listenfd; /* borrowed */
	http_answer_fn *answer;
	void *arg;
	int request_ms; /* from the first wait for a request to its end; the same for the reply
			 */
	volatile const bool *stop;
};
/* address: "127.0.0.1:8080", "[::1]:0"; no names. bound receives it with the port that it got.
 */
int http_listen(const char *address, int *fd, char bound[HTTP_ADDRESS],
		struct err *err) MUST_CHECK;
/* Until *stop is true. One peer's failure is nobody else's. */
int http_serve(const struct http_server *s, struct err *err) MUST_CHECK;

/* ---- The side that asks; libcurl's third doorway ---- */
struct http_line; /* one connection after the other, kept open while the host is the same */
int http_ask_open(struct http_line **out, struct err *err) MUST_CHECK;
void http_ask_close(struct http_line *l);
DEFINE_CLEANUP(struct http_line *, http_ask_close);

/* Certificates to trust instead of the system's: a file and a directory, each may be NULL;
 * borrowed. */
void http_ask_trust(struct http_line *l, const char *file, const char *dir);

struct http_ask {
	const char *url; /* http or https */
	const void *body;
	size_t n;
	bool post;      /* else it is a GET */
	int timeout_ms; /* for all of it, from the look-up of the name to the last byte */
};
#define HTTP_TYPE 64
struct http_answer {
	long status;
	char type[HTTP_TYPE];
	struct buf body; /* with the caller's ceiling; more is ERR_LIMIT */
};
/* Any status is an answer. No redirects are followed. ERR_FETCH: there was none in time. */
int http_ask(struct http_line *l, const struct http_ask *q, struct http_answer *out,
	     struct err *err) MUST_CHECK;
