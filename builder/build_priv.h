/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a build run. A session is everything loaded once: recipes, seed, plan; a job is one
 * node of the plan on its way:
 *
 *   NEW -> its needs are done: environment solved, action key known, result looked up
 *   ASKING -> a child asks the shared cache, where there is one
 *   LOCKING -> another Kiln builds the same action: a child waits for its lock
 *   RUNNING -> the chamber runs
 *   PACKING -> a child makes packages of the harvest; then statement, signature, result
 */
#pragma once

#include "base/cas_batch.h"
#include "builder/build.h"
#include "builder/cache.h"
#include "builder/memo.h"
#include "builder/offers.h"
#include "builder/package.h"
#include "builder/provenance.h"
#include "builder/result.h"
#include "builder/schedule.h"
#include "builder/universe.h"
#include "repo/verdict.h"

#define BUILD_LOG_TAIL_LINES 40
#define BUILD_MAX_FAILURES                                                                     \
	1000 /* remembered with message and log; further ones are only counted */

enum build_phase {
	BUILD_NEW,
	BUILD_ASKING,
	BUILD_LOCKING,
	BUILD_RUNNING,
	BUILD_PACKING,
	BUILD_ENDED
};

/* A lock that a child waits for. */
struct build_lock {
	pid_t pid;
	int sock; /* readable when the lock is there, or the child is gone */
	int fd;   /* the lock itself, once taken */
};
/* Packages that are being made. */
struct build_pack {
	int pipe;  /* readable when that has ended */
	int facts; /* memfd: canonical JSON */
};
struct build_packer;
struct build_job {
	const struct plan_node *node;
	enum build_phase phase;
	bool identified, known; /* action made; result there */
	bool foreign;           /* a result is there, but not signed by our builder key */
	bool remembered;        /* in the memo; when from there, only action.key of the action
				   is there, and the result once build_session_result was asked */
	struct digest facts, sees, shows, in; /* build_memo.c */
	int64_t born_ns; /* of the reference that was judged; 0: not known */
	bool offered;    /* its packages are in the session's universe */
	bool told;       /* what changed was said */
	bool asked;      /* the shared cache was, or need not be */
	bool elsewhere;  /* a dry run: the shared cache has it, and the store has not */
	bool maybe;      /* built only if what it needs comes out different */
	bool guessed;    /* its duration was never measured here */
	struct buildroot root;
	struct action action;
	struct result result;
	struct cache_ask ask;
	struct build_lock lock;
	struct build_pack pack;
	struct sandbox_run *run;
	struct sandbox_result *outcome; /* of the run; kilobytes, so only once there is one */
	struct manifest harvest;
	struct record record;
	struct trace trace;      /* of the run */
	struct build_desk *desk; /* where it works; NULL: nowhere */
	bool killed;
	bool check;             /* built again, elsewhere, to be compared with result */
	bool compared;          /* that was done */
	const char *difference; /* of that; NULL: none */
	uint64_t ticket;        /* of its result */
	const char *done;       /* what to say when it is durable; NULL: nothing */
	struct build_job *next_committing;
};
struct build_desk {
	char tmp[64]; /* in the store */
	int log_fd;
	struct build_desk *next;
};
/* A ground that recipes of the session stand on, and what it offers. */
struct build_ground {
	const struct seed_package **packages;
	size_t n;
	struct offers offers;
	bool known;             /* offers are there */
	bool fetched, unpacked; /* this run saw to it: thousands of recipes share a ground */
	struct dict given; /* names of what the seed provides and this offers, once asked for */
	struct build_ground *next;
};
struct build_session {
	struct arena *a;
	struct builder *b;
	const struct build_options *options; /* NULL outside build_run */
	struct {                             /* of the store; known with rules */
		bool same[MEMO_SHELVES];     /* as when decisions were proven */
		bool *seen;                  /* by slot: what the decision counts on is there */
		size_t asked, looked;        /* blobs and references counted on; looked for */
	} shelves;
	struct recipe_set set;
	struct seed seed;  /* or packages of earlier stages (build_ground.c) */
	struct dict given; /* their names */
	struct plan plan;
	struct build_job *jobs; /* one for each node of the plan */
	struct build_ground *grounds;
	struct buildroot_cache *trees;
	struct build_desk *desks;                       /* that nobody works at */
	struct build_packer *packer;                    /* NULL: nothing was packed yet */
	struct cas_batch *batch;                        /* NULL: nothing was written yet */
	uint64_t ticket;                                /* the last one */
	struct build_job *committing, *last_committing; /* in the order of their tickets */
	struct universe universe; /* packages of known nodes, as they were asked for */
	struct dict ground_of;    /* a recipe's list of groups -> its ground */
	struct memo *memo;        /* NULL: everything is read and decided anew */
	struct digest rules, keys;
	bool ruled;  /* rules is known */
	bool judges; /* our own keys are in the ring: what they did not sign is foreign */
	struct keyring ring; /* builder keys whose results count: ours and cache.keys */
	struct cache *cache; /* NULL: none */
	struct build_summary *summary;
	struct {               /* build_quota.c; only where the store has a quota */
		uint64_t held; /* bytes, as far as this run knows */
		int64_t since_ms, collected_ms;
	} quota;
	struct lock_keeper *lock; /* lock_priv.h; NULL: this session keeps no kiln.lock */
};

/* ---- build_session.c ---- */
/* With the memo recipes are outlines, and known nodes have no action and no environment. */
int build_session_load(struct arena *a, struct builder *b, const char *const *names,
		       size_t nnames, struct build_session *out, struct err *err) MUST_CHECK;
int build_session_load_memo(struct arena *a, struct builder *b, const char *const *names,
			    size_t nnames, struct build_session *out,
			    struct err *err) MUST_CHECK;
/* No more than questions about the plan ask for: no jobs, and keys only where a ground needs
 * them. */
int build_session_load_plan(struct arena *a, struct builder *b, const char *const *names,
			    size_t nnames, struct build_session *out,
			    struct err *err) MUST_CHECK;
void build_session_end(struct build_session *s); /* children, chambers, temporary directories */
DEFINE_RELEASE(struct build_session, build_session_end);
/* The recipe of a node is there as a whole, not as an outline. */
int build_session_complete(struct build_session *s, size_t node, struct err *err) MUST_CHECK;
/* The result of a known node is loaded. */
int build_session_result(struct build_session *s, size_t node, struct err *err) MUST_CHECK;
/* No names: all. */
bool build_session_is_named(const char *const *names, size_t n, const char *name);
/* The ground of a recipe; its offers as far as the store knows them. */
int build_session_ground(struct build_session *s, const struct recipe *r,
			 struct build_ground **out, struct err *err) MUST_CHECK;
/* Looks through the grounds that were not yet: fetches and unpacks what is missing of them. */
int build_session_offers(struct build_session *s, struct err *err) MUST_CHECK;
/* Environment, action and, when the store has it, the result of one node; its needs are known.
 */
int build_session_identify(struct build_session *s, size_t node, struct err *err) MUST_CHECK;
/* Whether the store has a result of the job's action that our builder key signed. */
int build_session_lookup(struct build_session *s, struct build_job *job,
			 struct err *err) MUST_CHECK;
/* Identifies whatever can be without building. */
int build_session_probe(struct build_session *s, size_t *known, struct err *err) MUST_CHECK;
/* The name of a recipe's notes in the store. */
const char *build_session_note(const struct build_session *s, const struct recipe *r);
void build_session_event(const struct build_session *s, enum build_event e, const char *name,
			 const char *text);

/* ---- build_ground.c ---- */
/* What the recipes stand on: the seed, or packages of earlier stages. set is there. */
int build_ground_load(struct build_session *s, struct err *err) MUST_CHECK;

/* ---- build_memo.c ---- */
/* Sets rules: what is the same for every recipe. */
int build_memo_rules(struct build_session *s, struct err *err) MUST_CHECK;
int build_memo_open(struct build_session *s, struct err *err) MUST_CHECK;
/* Makes the job known if this was decided before; its needs are known. */
int build_memo_find(struct build_session *s, struct build_job *job, struct err *err) MUST_CHECK;
/* The same for all jobs of the plan. */
int build_memo_recall(struct build_session *s, size_t *known, struct err *err) MUST_CHECK;
/* Remembers what is known of a job. */
void build_memo_note(struct build_session *s, struct build_job *job);
/* Whether the result that was loaded is, byte for byte, the one that was judged when it was
 * noted; and that it was judged now. */
bool build_memo_judged(const struct build_session *s, const struct build_job *job);
void build_memo_judge(struct build_session *s, const struct build_job *job);
/* The reference of a job that was built is there now, under its lock. */
void build_memo_written(struct build_session *s, const struct build_job *job);
/* What users can see of a known job, when that is not noted. */
void build_memo_facts(struct build_session *s, struct build_job *job);

/* ---- build_cache.c ---- */
/* Whose results count; before the memo. */
int build_cache_ring(struct build_session *s, struct err *err) MUST_CHECK;
int build_cache_open(struct build_session *s, struct err *err) MUST_CHECK;
/* Asks for whatever can be identified without building. */
int build_cache_consult(struct build_session *s, struct err *err) MUST_CHECK;
/* One job, identified and not known: a descriptor to wait for, or -1; then the answer, which
 * may make it known. */
bool build_cache_wants(const struct build_session *s, const struct build_job *job);
int build_cache_begin(struct build_session *s, struct build_job *job);
int build_cache_answer(struct build_session *s, struct build_job *job,
		       struct err *err) MUST_CHECK;
/* The result of a job that was built here. */
void build_cache_send(struct build_session *s, const struct build_job *job);
/* Waits a bounded time for what is still being sent, and tells what was not. */
void build_cache_finish(struct build_session *s);

/* ---- build.c ---- */
/* Decides whatever can be decided without building; a dry run fetches and unpacks nothing. */
int build_decide(struct build_session *s, size_t *known, struct err *err) MUST_CHECK;

/* ---- build_state.c ---- */
/* Remembers how a recipe failed; what prevents that is no failure of the run. */
void build_state_keep_failure(struct build_session *s, struct build_failure *f);

/* ---- build_test.c ---- */
/* How the test of a recipe stands that is built. */
void build_test_standing(struct build_session *s, size_t node, struct build_state *out);

/* ---- build_tell.c ---- */
struct build_reason {
	const char *text;
	struct doc *before; /* the action that built it last, or NULL */
};
/* Why a node must be built, in words. */
int build_tell_reason(struct build_session *s, size_t node, struct build_reason *out,
		      struct err *err) MUST_CHECK;
/* With `why`, once: every field that differs from the last action (BUILD_CHANGE). */
void build_tell_changes(struct build_session *s, size_t node,
			const struct build_reason *reason);
/* Recorded durations of what is to be built, and with them the order of the run. */
int build_tell_weigh(struct build_session *s, size_t *unmeasured, struct err *err) MUST_CHECK;
/* Reasons where they are wanted, what may be cut off, and the estimate. */
int build_tell_plan(struct build_session *s, unsigned jobs, struct err *err) MUST_CHECK;

/* ---- build_room.c ---- */
/* Says what will be needed (BUILD_NEEDS) and refuses when it is not there. *memory: what is
 * available. */
int build_room_check(struct build_session *s, unsigned jobs, uint64_t *memory,
		     struct err *err) MUST_CHECK;
/* The same before it is known what the store would serve: counts only what this store never
 * built, and the seed. *exact: that was everything, so that it need not be said again; else
 * nothing was said. */
int build_room_check_first(struct build_session *s, unsigned jobs, uint64_t *memory,
			   bool *exact, struct err *err) MUST_CHECK;

/* ---- build_quota.c ---- */
#define BUILD_QUOTA_PAUSE_MS 60000
/* Counts what the store holds; refuses when with so many bytes more it is beyond its quota. */
int build_quota_check(struct build_session *s, uint64_t more, struct err *err) MUST_CHECK;
/* A result was made; then whether anything new may start. */
void build_quota_add(struct build_session *s, const struct build_job *job,
		     const struct pkgfacts *facts, size_t n);
int build_quota_start(struct build_session *s, struct err *err) MUST_CHECK;

/* ---- build_chamber.c: what goes into the chamber ---- */
#define BUILD_PATCH_STEP "patches"
#define BUILD_TOP        "/build"
#define BUILD_ELSEWHERE  "/build/elsewhere" /* where a check builds */
struct build_chamber {
	struct sandbox_spec spec;
	struct sandbox_input *inputs; /* their descriptors are closed with the chamber */
	size_t ninputs;
};
/* Environment variables, sources, patches and steps of a recipe. */
int build_chamber_make(struct build_session *s, const struct build_job *job,
		       struct build_chamber *out, struct err *err) MUST_CHECK;
void build_chamber_release(struct build_chamber *c);
DEFINE_RELEASE(struct build_chamber, build_chamber_release);
/* "recipes/zlib/recipe.yaml:12:5": where the source of this input stands. */
const char *build_chamber_source(struct arena *a, const struct recipe *r, int input);
/* "recipes/zlib/recipe.yaml:31": where the step of this index stands. */
const char *build_chamber_where(struct build_session *s, const struct build_job *job, int step);

/* ---- build_lock.c ---- */
/* l->fd >= 0: it is taken. Else l->sock is to be waited for. */
int build_lock_begin(struct cas *store, const char *name, struct build_lock *l,
		     struct err *err) MUST_CHECK;
int build_lock_take(struct build_lock *l, struct err *err) MUST_CHECK;
void build_lock_kill(struct build_lock *l);
void build_lock_release(struct build_lock *l);

/* ---- build_pack.c ---- */
/* harvest: the manifest as text. The first one starts the session's process that has packages
 * made. */
int build_pack_begin(struct build_session *s, struct build_job *job, const struct buf *harvest,
		     struct err *err) MUST_CHECK;
int build_pack_collect(struct build_session *s, struct build_job *job, struct pkgfacts **facts,
		       size_t *n, struct err *err) MUST_CHECK;
/* In a batch: the files that the child made become blobs. */
void build_pack_adopt(struct build_session *s, const struct build_job *job,
		      const struct pkgfacts *facts, size_t n);
void build_packer_close(struct build_packer *p); /* whatever is being made dies */
/* After build_packer_close. */
void build_pack_release(struct build_pack *p);

/* ---- build_prove.c ---- */
/* Record, statement, signature and the result of a job whose packages are made. */
int build_prove(struct build_session *s, struct build_job *job, struct pkgfacts *facts,
		size_t n, struct err *err) MUST_CHECK;

/* ---- build_check.c ---- */
/* The packages of a check, where the packer left them, against those of the job's result: sets
 * its difference. */
int build_check_compare(struct build_session *s, struct build_job *job,
			const struct pkgfacts *facts, size_t n, struct err *err) MUST_CHECK;

/* ---- build_verdict.c ---- */
struct build_verdict {
	enum verdict_kind kind;
	const char *recipe;
	bool passed;
	const struct pkgfacts *const *packages;
	size_t npackages;
	const struct statement_resource *used; /* what it was found out in and with */
	size_t nused;
};
/* Signed, logged, and remembered of each package; bundle: its blob. */
int build_verdict(struct build_session *s, const struct build_verdict *v, struct digest *bundle,
		  struct err *err) MUST_CHECK;
/* The walls that stood, as a blob. */
int build_verdict_chamber(struct build_session *s, const struct sandbox_result *result,
			  struct statement_resource *out, struct err *err) MUST_CHECK;

/* ---- build_job.c ---- */
extern const struct schedule_runner build_job_runner; /* without its arg */
/* What the run no longer needs of a job; its result stays. */
void build_job_tidy(struct build_session *s, struct build_job *job);

/* ---- build_desk.c ---- */
int build_desk_take(struct build_session *s, struct build_job *job, struct err *err) MUST_CHECK;
/* well: nothing is left there but the log and what was harvested. */
void build_desk_leave(struct build_session *s, struct build_job *job, bool well);
void build_desk_end(struct build_session *s);

/* ---- build_commit.c: what jobs write becomes durable ---- */
/* What is put into the store from here to leave or queue goes there in one batch. */
int build_commit_enter(struct build_session *s, struct err *err) MUST_CHECK;
int build_commit_leave(struct build_session *s, struct err *err) MUST_CHECK;
/* Leaves; the job ends, and text is said (NULL: nothing), when all of it is durable. */
int build_commit_queue(struct build_session *s, struct build_job *job, const char *text,
		       struct err *err) MUST_CHECK;
/* Ends what is durable by now. */
int build_commit_look(struct build_session *s, struct err *err) MUST_CHECK;
/* Waits until everything is. */
int build_commit_all(struct build_session *s, struct err *err) MUST_CHECK;
/* Waits until the blobs of these packages are there. */
int build_commit_packages(struct build_session *s, const struct buildroot *root,
			  struct err *err) MUST_CHECK;
int build_commit_give_up(struct build_session *s, struct build_job *job,
			 struct err *err) MUST_CHECK;
void build_commit_end(struct build_session *s);

/* ---- build_log.c ---- */
/* Puts the log into the store. */
int build_log_keep(struct build_session *s, struct build_job *job, struct digest *out,
		   struct err *err) MUST_CHECK;
/* The last lines of an open log. */
int build_log_tail(struct arena *a, int fd, const char **out, struct err *err) MUST_CHECK;

/* ---- build_fetch.c ---- */
/* Brings what is not in the store of sources and grounds of the nodes that are not known. */
int build_fetch_missing(struct build_session *s, struct err *err) MUST_CHECK;
int build_fetch_ground(struct build_session *s, const struct recipe *r,
		       struct err *err) MUST_CHECK;
/* Unpacks what is missing of a recipe's ground, whose files are in the store; says so
 * (BUILD_UNPACK). */
int build_unpack_ground(struct build_session *s, const struct recipe *r,
			struct err *err) MUST_CHECK;
