/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinned files, brought by digest: store first, then each location in order. Nothing fetched is
 * ever executed or unpacked here. libcurl's doorway is source_curl.c. debian:pool/... and
 * debian-security:pool/... resolve against the archive the host's apt uses
 * (`apt-get indextargets`), or a mirror of kiln.yaml.
 */
#pragma once

#include "builder/recipe.h"
#include "builder/workspace.h"

struct source_progress {
	/* file NAME: done of total bytes (total 0: unknown); done == total when finished. May
	 * be NULL. */
	void (*update)(void *arg, const char *name, uint64_t done, uint64_t total);
	void *arg;
	volatile const bool *stop; /* set by a signal handler: give up soon; NULL: never */
};
struct source_pin {
	const char *name;             /* for messages */
	const char *const *locations; /* in order */
	size_t nlocations;
	struct digest sha256;
	uint64_t size;     /* 0: unknown */
	const char *where; /* "recipes/zlib/recipe.yaml:9:5" or "bootstrap/seed.lock:12:3" */
};
/* Brings one pinned file into the store. Wrong bytes from a location are reported and the next
 * is tried; if none has them the error lists each location with its reason, and the remedy
 * (its sys is ENOENT when every place answered, but none has the file).
 * fetched: false when it was there. */
int source_fetch(struct workspace *w, struct cas *store, const struct source_pin *pin,
		 const struct source_progress *progress, bool *fetched,
		 struct err *err) MUST_CHECK;
/* The pin of a recipe's source. file: sources are read from the recipe's directory. */
int source_pin_of(struct arena *a, const struct recipe *r, const struct recipe_source *s,
		  struct source_pin *out, struct err *err) MUST_CHECK;
/* "debian:pool/x" to URLs, in order of the host's apt; other URLs give themselves. */
int source_resolve(struct arena *a, const struct workspace *w, const char *location,
		   const char ***urls, size_t *n, struct err *err) MUST_CHECK;
/* Downloads without a pin, for signed indexes only: bytes up to out->max. */
int source_get(const char *url, struct buf *out, struct err *err) MUST_CHECK;
/* Whom https: trusts from now on: a file with certificates, a directory of them; each may be
 * NULL, and with both NULL it is the system's. They live as long as the process fetches. */
void source_curl_trust(const char *file, const char *dir);
