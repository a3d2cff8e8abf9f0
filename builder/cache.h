/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared cache: results and the blobs they name, behind Bazel's HTTP protocol
 * (docs/cache.md):
 *
 *   /ac/KEY      an ActionResult that lists files; KEY is the action key
 *   /cas/SHA256  the files: result.json (as in refs/action), bundle.json, packages, ...
 *
 * Nothing a server says is believed. result.json counts when bundle.json, signed by a builder
 * key of the ring, speaks of this very action and vouches for all that result.json says
 * (result_trust); a blob counts when its digest is its name. Everything else is a miss, and
 * says what was wrong. What convinced lies in the store as if it had been built here.
 *
 * Who talks to the network is a child process, one for each lookup and one that sends: the
 * conductor forks, and must stay without libcurl's threads, server's bytes and passwords.
 */
#pragma once

#include "builder/result.h"
#include "builder/workspace.h"

#define CACHE_STRIKES  3     /* failures in a row after which the server is not asked again */
#define CACHE_WASTE_MS 30000 /* spent on slow answers without a result: the same */

struct cache;

/* out is NULL when the workspace names no cache. ring: whose results count; it and the store
 * live longer. Reads no secret, but says when a file that is named is not there. */
int cache_open(const struct workspace *w, struct cas *store, const struct keyring *ring,
	       struct cache **out, struct err *err) MUST_CHECK;
/* Ends what is still being sent. */
void cache_close(struct cache *c);
DEFINE_CLEANUP(struct cache *, cache_close);

/* ---- looking up (cache_ask.c) ---- */
enum cache_outcome {
	CACHE_HIT,
	CACHE_MISS,    /* the server has none */
	CACHE_REFUSED, /* it has something that does not convince: text */
	CACHE_DOWN     /* it does not answer as a cache does: text */
};
struct cache_answer {
	enum cache_outcome outcome;
	char text[ERR_TEXT_MAX]; /* of a hit: the key that signed */
	uint64_t bytes;          /* brought over the network */
};
struct cache_ask {
	pid_t pid;
	int pipe; /* readable when it has ended; -1: none */
	int text; /* memfd: result.json of a hit */
	int64_t start_ms;
};
/* Whether it is worth asking: there is a cache, and it was not given up. */
bool cache_is_up(const struct cache *c);
/* take: what convinces is put into the store; else only looked at. */
int cache_ask_begin(struct cache *c, const char *recipe, const char *key_hex, bool take,
		    struct cache_ask *ask, struct err *err) MUST_CHECK;
/* After pipe is readable, or kill. off: this answer was the one that ended all asking. */
void cache_ask_collect(struct cache *c, struct cache_ask *ask, struct cache_answer *out,
		       bool *off);
/* The result that was looked at, without its blobs. */
int cache_ask_result(struct arena *a, struct cache_ask *ask, const char *key_hex,
		     struct result *out, struct err *err) MUST_CHECK;
void cache_ask_kill(struct cache_ask *ask);
void cache_ask_release(struct cache_ask *ask);

/* ---- sending (cache_send.c) ---- */
struct cache_report {
	size_t sent, unsent;
	char text[ERR_TEXT_MAX]; /* why not, of the first that was not; or "" */
};
bool cache_is_written(const struct cache *c);
/* A result that lies in the store, when the workspace writes; never waits. */
void cache_send(struct cache *c, const char *recipe, const char *key_hex);
/* Who sends very many waits now and then until fewer are on their way. */
void cache_send_wait(struct cache *c, volatile const bool *stop);
/* Waits for what is still to be sent, at most limit_ms and until *stop (may be NULL). */
void cache_send_finish(struct cache *c, int64_t limit_ms, volatile const bool *stop,
		       struct cache_report *out);
