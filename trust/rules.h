/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy: what must be true of an artefact before it is believed (docs/policy.md). "policy"
 * in what people read and write; `rules` in C, because a linked library owns the other name.
 *
 * Reading is strict: an unknown key, a key given twice, a threshold that cannot be met are
 * errors of file, line and column. What a policy does not say is left open, and
 * rules_open says so.
 */
#pragma once

#include "base/dict.h"
#include "trust/note.h"
#include "trust/statement.h"
#include "trust/verify.h"

#define RULES_MAX_BYTES   ((size_t)1024 * 1024)
#define RULES_MAX_PARTIES 64 /* builders, witnesses, rebuilders */
#define RULES_MAX_WORDS   20000

struct rules_party { /* somebody whose signature counts */
	const char *name;
	const char *key;     /* id of the key; NULL: any builder key of the ring */
	const char *id;      /* builders: what they call themselves; NULL: anything */
	int64_t from, until; /* seconds since 1970; 0: open */
	const struct key_public *public; /* when the policy brings the key; else the
					    ring has it, or nobody */
};

struct rules_words {
	const char **at;
	size_t n;
};

struct rules_inputs { /* which seeds, or which sources, may be used */
	bool given;
	struct rules_words prefixes; /* of their URIs */
	struct dict digests;         /* as hex; the value is where it is listed */
};

struct rules {
	const char *name;    /* its file, for messages */
	struct keyring ring; /* keys that the policy brings */
	bool own_keys;       /* `keys:` was given: nobody else's count */
	struct rules_party *builders;
	size_t nbuilders;
	int64_t signatures; /* of different builder keys on a package's statement; 0: one */
	struct rules_words walls;
	bool log_given;
	const char *log_origin; /* NULL: any that a trusted log key signs for */
	struct note_key log_key;
	bool log_key_given;
	struct note_key *witnesses;
	const char **witness_urls; /* where each is asked by who publishes, or NULL */
	size_t nwitnesses;
	int64_t quorum;
	struct rules_party *rebuilders;
	size_t nrebuilders;
	int64_t rebuilds;
	struct rules_inputs seeds, sources;
	int64_t max_age; /* seconds; 0: any */
	bool licences_given;
	struct rules_words licences;
	bool sbom;
	struct rules_words grounds; /* none: any */
	struct rules_words tested;  /* packages whose test must have passed */
	bool twice;                 /* every package came out the same when built again */
};

/* What holds when nobody gave a policy: nothing but what kiln verify always demands, and that
 * everything is logged when the ring has a log key. */
const struct rules *rules_builtin(const struct keyring *ring);
/* path: as the user named it; files that it names are found beside it. Release with
 * rules_release. */
int rules_load(struct arena *a, const char *path, struct rules *out,
	       struct err *err) MUST_CHECK;
/* dir: where files that it names are. */
int rules_parse(struct arena *a, const char *text, size_t n, const char *name, const char *dir,
		struct rules *out, struct err *err) MUST_CHECK;
void rules_release(struct rules *r);
DEFINE_RELEASE(struct rules, rules_release);

/* In words, one sentence each: what it demands; what it leaves open. Lists of text. */
struct doc *rules_demands(struct arena *a, const struct rules *r);
struct doc *rules_open(struct arena *a, const struct rules *r);

/* ---- Judging. Every refusal is ERR_VERIFY, names the piece and the policy. ---- */
/* Who signed a statement, when (now, or a trusted time), and what he calls himself. */
int rules_judge_builder(const struct rules *r, const struct key_public *signer,
			const struct statement *s, const char *name, int64_t when,
			struct err *err) MUST_CHECK;
/* The walls that stood when a package was built. */
int rules_judge_walls(const struct rules *r, const struct statement *s, const char *name,
		      struct err *err) MUST_CHECK;
/* One input that nothing further is known of: a seed package, or a source. */
int rules_judge_input(const struct rules *r, const struct statement_resource *input, bool seed,
		      const char *name, struct err *err) MUST_CHECK;
/* What a package was built on. */
int rules_judge_ground(const struct rules *r, const struct statement *s, const char *name,
		       struct err *err) MUST_CHECK;
/* What was found out about a package: its test passed, it came out the same twice. */
int rules_judge_verdicts(const struct rules *r, const char *package, bool tested, bool twice,
			 const char *name, struct err *err) MUST_CHECK;
int rules_judge_licence(const struct rules *r, const char *expression, const char *name,
			struct err *err) MUST_CHECK;
/* made: the time that is declared, or witnessed. now: 0: no clock, nothing is too old. */
int rules_judge_age(const struct rules *r, int64_t made, int64_t now, const char *name,
		    struct err *err) MUST_CHECK;
/* Is every licence that the SPDX expression cannot do without in the list? An exception only
 * adds to what is allowed, so "A WITH B" is allowed where A is. */
bool rules_licence_is_allowed(const struct rules_words *allowed, const char *expression);
