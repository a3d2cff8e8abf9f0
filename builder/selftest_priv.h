/* SPDX-License-Identifier: Apache-2.0 */
/* Between selftest.c (store, crowd of attacks, the host's side) and selftest_scene.c. */
#pragma once

#include "base/fd.h"
#include "builder/selftest.h"

#define SELFTEST_TREE    "selftest"
#define SELFTEST_KEPT    "selftest"
#define SELFTEST_MAX     1024
#define SELFTEST_LOG_MAX ((size_t)1024 * 1024)
#define SELFTEST_MAX_ENV 12

struct selftest {
	struct arena *arena;
	struct selftest_report *report;
	selftest_progress_fn *progress;
	void *arg;
	size_t all; /* for progress */
	char dir[200];
	struct cas *store;
	struct sandbox *sandbox;
	const char *env[SELFTEST_MAX_ENV];
	size_t nenv;
	/* What must stay unharmed. */
	int tcp, tcp6, local;
	struct digest canary, tree;
	char host[65];
	bool listens; /* a chamber was watched: no host filter answers in our place */
};

/* One chamber, what it wrote and what became of it. */
struct selftest_chamber {
	const char *scripts[2];
	struct sandbox_limits limits;
	const struct sandbox_input *input;
	const char *keep;
	bool harvest;
	bool fixed_uname; /* as attack_uname_told expects it */
	int kill_ms;      /* end it then, whatever it does */

	struct sandbox_result result;
	struct manifest manifest;
	struct buf log;
	char tmp[64]; /* harvest: the store's tmp/NAME with out/ in it; selftest_drop removes it
		       */
};
int selftest_chamber(struct selftest *t, struct selftest_chamber *c,
		     struct err *err) MUST_CHECK;
void selftest_drop(struct selftest *t, struct selftest_chamber *c);

void selftest_say(struct selftest *t, const char *what);
/* Adds a line to the report; got is copied, held when it equals wanted. */
void selftest_add(struct selftest *t, const struct selftest_attack *line, const char *got);
/* The word after "NAME: " in a log, copied into the arena; NULL when it is not there. */
const char *selftest_answer(struct selftest *t, const struct buf *log, const char *name);

int selftest_scenes(struct selftest *t, struct err *err) MUST_CHECK;
size_t selftest_scene_count(void);
int selftest_siblings(struct selftest *t, struct err *err) MUST_CHECK;
