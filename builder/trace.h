/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build used and what it attempted, in terms of packages: opened files of the chamber
 * (sandbox.h) are mapped to the packages of its environment, and compared with what the recipe
 * declares. Opening is what counts: a file that was only looked for, or looked at, is not used.
 * The last run of each recipe is kept under refs/run, failed or not.
 */
#pragma once

#include "builder/buildroot.h"

struct trace_package {
	const char *name;
	bool ground;         /* a seed package */
	bool only_libraries; /* what was opened are shared libraries alone */
	size_t files;        /* that were opened */
	size_t holds;        /* files that it has; one without any cannot be seen in use */
	const char *example; /* one of them, of those that are no libraries if there are */
};
struct trace {
	bool known;               /* false: more may have been used */
	struct trace_package *at; /* the whole environment, sorted by name */
	size_t n;
};
int trace_map(struct arena *a, const struct cas *store, const struct buildroot *root,
	      const struct sandbox_seen *seen, struct trace *out, struct err *err) MUST_CHECK;

/* {"known","packages":[{"name","ground","files","holds","example","onlyLibraries"}]}: the used
 * ones; all: the others, too. */
struct doc *trace_used(struct arena *a, const struct trace *t, bool all);
/* [{"kind","call","process","argument"}], counted: with "count". NULL: nobody watched. */
struct doc *trace_attempts(struct arena *a, const struct sandbox_seen *s, bool counted);
/* [{"kind","call"}], each once: what does not depend on the moment. */
struct doc *trace_kinds(struct arena *a, const struct sandbox_seen *s);
/* "connect to 198.51.100.7:443 by /usr/bin/wget"; "" when there was none. */
const char *trace_words(struct arena *a, const struct sandbox_seen *s);

/* The last run of a recipe. */
struct trace_run {
	const char *action;  /* its key */
	const char *outcome; /* "ok", or the cause as in sandbox_cause_word */
	struct trace trace;
	struct sandbox_seen seen; /* without the files */
	struct digest log;
};
/* note: the name of the recipe's notes (workspace_note). */
int trace_store(struct cas *store, const char *note, const struct trace_run *r,
		struct err *err) MUST_CHECK;
int trace_load(struct arena *a, const struct cas *store, const char *note,
	       struct trace_run *out, bool *found, struct err *err) MUST_CHECK;
/* A run of which nothing but the log is known, as when it was interrupted: what was known of
 * the one before stays. */
int trace_note_log(struct cas *store, const char *note, const struct digest *log,
		   struct err *err) MUST_CHECK;
/* found: of the last run, failed or not, and in the store. */
int trace_last_log(const struct cas *store, const char *note, struct digest *log, bool *found,
		   struct err *err) MUST_CHECK;

/* What the recipe could say instead. */
struct trace_leak {
	const char *package;
	const char *through; /* the need that brings it */
	const char *example;
};
struct trace_advice {
	const struct recipe_need **unused;
	size_t nunused;
	struct trace_leak *leaks; /* used, but declared by nobody */
	size_t nleaks;
	const char **needs; /* the needs it should have, sorted; NULL: as it is */
	size_t nneeds;
};
void trace_advise(struct arena *a, const struct recipe *r, const struct pkgfacts *const *root,
		  size_t nroot, const struct trace *t, struct trace_advice *out);
