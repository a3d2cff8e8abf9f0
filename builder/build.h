/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building: from recipes to packages with proof. The path of one package:
 * recipe_load -> plan_make -> schedule_run -> sandbox_run -> pkgfile_write -> statement_make ->
 * signer_sign. Results are action results in the store (refs/action/<action key>), so that an
 * unchanged recipe is served from there.
 */
#pragma once

#include "builder/seed.h"
#include "builder/trace.h"
#include "trust/signer.h"

enum build_event {
	BUILD_LOCK,    /* name: recipe, "seed" or kiln.lock; text: what of the lock changed */
	BUILD_PLANNED, /* name NULL: text says how many to build, how many served. With dry_run
			  or why also once for each recipe that would be built: name, text:
			  reason */
	BUILD_CHANGE,  /* with why, after the reason: name, text: one field, before and now */
	BUILD_STARTED, /* name, text: reason, with why; else NULL */
	BUILD_NEEDS,   /* text: what the run needs of this machine; only when something is built
			*/
	BUILD_UNPACK,  /* text: what of the seed is being unpacked, which takes a while */
	BUILD_SERVED,  /* name, text: why from the store, although the plan was to build it */
	BUILD_DONE,    /* name, text: seconds and packages */
	BUILD_FAILED,  /* name, text: cause */
	BUILD_CHECKED, /* name, text: where the second build differs; NULL: nowhere */
	BUILD_TESTED,  /* name, text: how its test failed; NULL: it passed */
	BUILD_BLOCKED, /* name, text: the failed recipe that it needs */
	BUILD_PHASE, /* name, text: what it does from now on: "lock" (another Kiln works on the
			same action), "cache" (the shared cache is asked), "build", "package" */
	BUILD_CACHE  /* name or NULL, text: what the shared cache did not do, and why */
};
/* A run as it stands. It lives until the callback that shows it returns. */
#define BUILD_WAITING_MAX 8
struct build_running {
	const char *recipe;
	const char *phase; /* as BUILD_PHASE says them, before that "start" */
	int64_t elapsed_ms;
	int64_t expected_ms; /* of the whole, not only of what is left */
	bool guessed;        /* it was never built here */
};
struct build_waiting {
	const char *recipe;
	const char *why; /* "for gcc", "for memory", "for a free place" */
};
struct build_now {
	const char *doing; /* "planning", "fetching", "unpacking", "building" */
	size_t recipes;    /* of the plan */
	size_t todo,
		done; /* to be built, and what of these is built, or was served after all */
	size_t failed, blocked;
	size_t ready, idle; /* wait for a place or memory; for what they need */
	const struct build_running *running;
	size_t nrunning;
	const struct build_waiting *waiting; /* the most urgent ones */
	size_t nwaiting;
	int64_t elapsed_ms, rest_ms; /* rest_ms -1: not known yet */
};
struct build_options {
	unsigned jobs; /* 0: as many as cores */
	bool keep_going, dry_run, why;
	bool locked; /* kiln.lock must be as the workspace says; else it follows */
	void (*event)(void *arg, enum build_event e, const char *name, const char *text);
	/* Some times a second while builds run, and when another stage begins; NULL: never. */
	void (*tick)(void *arg, const struct build_now *now);
	void *arg;
	const struct source_progress *progress; /* of what is fetched; NULL: none */
	volatile const bool *stop;              /* set by a signal handler; NULL: never */
};
struct build_failure {
	const char *recipe,
		*cause; /* cause: "recipe" "source" "sandbox" "timeout" "memory" "build" ... */
	const char *message;
	const char *where;    /* "recipes/x/recipe.yaml:31" line of the failing step, or NULL */
	const char *log_tail; /* last 40 lines */
	const char *log;      /* path of the whole log, or NULL */
};
struct build_summary {
	size_t recipes, todo;                  /* of the plan; what of it is to be built */
	size_t built, served, failed, blocked; /* dry_run: what would be */
	size_t maybe; /* would be built only if what they need comes out different */
	int64_t least_ms, most_ms; /* estimates without and with those */
	size_t cached; /* dry_run: of served, what the shared cache has and the store has not */
	size_t cache_hits, cache_misses;  /* answers of the shared cache */
	size_t cache_refused, cache_down; /* that did not convince; that did not come */
	size_t cache_sent, cache_unsent;  /* results of this run */
	size_t unmeasured; /* of what is to be built, never built here: a guess */
	size_t locked;     /* differences between kiln.lock and the workspace */
	int64_t elapsed_ms;
	struct build_failure *failures;
	size_t nfailures;
};

/* Everything a build run needs, opened once by cli/. */
struct builder {
	struct workspace *workspace;
	struct cas *store;
	struct sandbox *sandbox;
	struct signer *signer;
};

/* Builds the named recipes (none: all) with all they need. A failed build is 0 with summary; -1
 * is for what prevents building at all (bad recipes, cycles, missing inputs). */
int build_run(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	      const struct build_options *o, struct build_summary *out,
	      struct err *err) MUST_CHECK;
/* Builds what is built of the named recipes (none: all) once more, elsewhere, and compares the
 * unsigned packages byte by byte (docs/hardening.md). What differs is told by BUILD_CHECKED. */
struct build_checked {
	size_t checked, different, failed; /* failed: could not be built elsewhere */
	struct build_failure *failures;    /* of those */
	size_t nfailures;
};
int build_check(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
		const struct build_options *o, struct build_checked *out,
		struct err *err) MUST_CHECK;
/* Runs the tests of the named recipes (none: all), which are built (docs/tests.md). A test that
 * failed is 0; what becomes of each is told by BUILD_TESTED. */
struct build_tested {
	size_t passed, served, failed; /* served: passed before, with the same packages */
	size_t without;                /* recipes that have no test */
	struct build_failure *failures;
	size_t nfailures;
};
int build_test(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	       const struct build_options *o, struct build_tested *out,
	       struct err *err) MUST_CHECK;
/* The recipes to build before these can be tested: with those that their tests need. *n 0: all.
 */
int build_test_recipes(struct arena *a, struct builder *b, const char *const *names,
		       size_t nnames, const char ***out, size_t *n, struct err *err) MUST_CHECK;
/* How the recipes stand, without building, fetching or unpacking. */
enum build_standing { BUILD_IS_BUILT, BUILD_IS_STALE, BUILD_IS_NEW, BUILD_HAS_FAILED };
enum build_test_standing {
	BUILD_TEST_NONE, /* it has no test, or is not built */
	BUILD_TEST_NOT_RUN,
	BUILD_TEST_PASSED,
	BUILD_TEST_FAILED
};
struct build_state {
	const char *recipe;
	enum build_standing standing;
	const char *reason;         /* why it would be built; NULL when it is built */
	struct build_failure *last; /* how it failed as it now stands; without the log's tail */
	enum build_test_standing test;         /* of what is built */
	const char *test_message, *test_where; /* of one that failed, or NULL */
};
int build_state(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
		struct build_state **out, size_t *n, struct err *err) MUST_CHECK;
/* Whether a run would get as far as a plan: recipes, seed and names are there and readable. */
int build_check_input(struct builder *b, const char *const *names, size_t nnames,
		      struct err *err) MUST_CHECK;
/* Fetches every source and seed package that the named recipes (none: all) need. */
int build_fetch(struct builder *b, const char *const *names, size_t nnames,
		const struct source_progress *progress, size_t *fetched, size_t *present,
		struct err *err) MUST_CHECK;
/* The same of every recipe of every stage. What cannot be had is told through fail, counted,
 * and stops nothing else. The workspace is of another stage afterwards. */
struct build_fetch_all {
	bool dry_run; /* count only */
	const struct source_progress *progress;
	void (*fail)(void *arg, const char *name, const struct err *why);
	void *arg;
	/* Filled: all inputs; what of them was not in the store, of which `unknown` have no
	 * size before they come; what came of it. */
	size_t inputs, missing, unknown, fetched, failed;
	uint64_t present_bytes, missing_bytes, fetched_bytes;
};
int build_fetch_all(struct arena *a, struct builder *b, struct build_fetch_all *all,
		    struct err *err) MUST_CHECK;
/* Facts of all packages of the named recipes (none: all) that are built as the recipes now
 * stand; one that is not is an error that names `kiln build NAME`. Sorted by name. */
int build_packages(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
		   const struct pkgfacts ***out, size_t *n, struct err *err) MUST_CHECK;
/* The inventory of what they were made from: sources, patches, recipe files and seed packages.
 */
struct publish_input;
int build_inputs(struct arena *a, struct builder *b, const struct publish_input **out,
		 size_t *n, struct err *err) MUST_CHECK;
/* The log of the last run of a recipe (failed or not). */
int build_log(struct builder *b, const char *name, struct buf *out, struct err *err) MUST_CHECK;
/* What the last run of a recipe used and attempted, and what the recipe could say instead. With
 * prove the proposal is built, and what comes out compared. */
enum build_proof {
	BUILD_PROOF_NONE,
	BUILD_PROOF_SAME,
	BUILD_PROOF_DIFFERENT,
	BUILD_PROOF_FAILED
};
struct build_trace {
	const struct recipe *recipe;
	struct trace_run run;
	bool current; /* the run was of the recipe as it now stands */
	struct trace_advice advice;
	enum build_proof proof;
	const char *proof_words; /* what differs, or why it failed */
};
int build_trace(struct arena *a, struct builder *b, const char *name, bool prove,
		const struct build_options *o, struct build_trace *out,
		struct err *err) MUST_CHECK;
/* Enters the chamber of a recipe: its environment and sources, or its last failure as it was.
 */
int build_shell(struct arena *a, struct builder *b, const char *name, bool failed, int tty_fd,
		int *status, struct err *err) MUST_CHECK;
