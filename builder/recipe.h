/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recipe: what to build, as typed data. Parsed strictly from recipes/NAME/recipe.yaml by
 * tables (recipe_schema.c) from which docs/recipe.md is checked; every error names file, line,
 * column and the nearest valid key. Everything lives in the arena.
 */
#pragma once

#include "base/arena.h"
#include "base/dict.h"
#include "base/digest.h"
#include "base/doc.h"
#include "builder/sandbox.h"
#include "repo/pkgfacts.h"

#define RECIPE_MAX_BYTES ((size_t)1024 * 1024)

struct recipe_source {
	const char *
		url;          /* {name} and {version} expanded; https:, debian:pool/...,
				 debian-security:pool/..., file of ours: "file:NAME" beside the recipe */
	const char **mirrors; /* tried in order before url */
	size_t nmirrors;
	const char *upstream; /* original location where the archive repacked it, or NULL */
	struct digest sha256;
	const char **extract; /* members of a huge archive, globs after strip; NULL: all */
	size_t nextract;
	const char *into;     /* directory below /build it is unpacked to; default "src" for the
				 first, "src-N" after; plain files are copied there */
	unsigned strip;       /* default 1 */
	bool unpack;          /* default true when url ends in an archive suffix */
	const char *filename; /* last component of url */
	/* An archive that only a patch is taken out of: which one, and what is said of it. */
	const char *member; /* NULL: a source of the recipe's own */
	const char **resolves;
	size_t nresolves;
	size_t order;   /* among the patches, from 1 */
	unsigned level; /* of `patch -p` */
	int line, col;
};
struct recipe_step {
	const char *name, *run;
	int line; /* of the script's value, for messages */
};
struct recipe_owner {
	const char *path; /* glob */
	const char *user, *group, *caps, *reason;
	int mode;    /* -1: as built */
	bool config; /* %config(noreplace) */
};
struct recipe_user {
	const char *name, *group, *home, *shell, *summary;
	const char **groups; /* further ones */
	size_t ngroups;
	int64_t id;
	int line, col;
};
struct recipe_group {
	const char *name;
	int64_t id;
	int line, col;
};
struct recipe_directory {
	const char *path, *user, *group, *reason;
	int mode;
	int line, col;
};
struct recipe_service {
	const char *name, *summary, *run, *reload, *user, *group, *directory, *stop_signal;
	int line, col;
};
struct recipe_made { /* a file or directory that follows from what a package declares */
	const char *path, *text;  /* text: NULL: a directory */
	const char *user, *group; /* NULL: root */
	int mode;
};
struct recipe_package {
	const char *name, *summary, *description;
	const char **files; /* globs, absolute, {name} {version} expanded */
	size_t nfiles;
	struct pkgdeps requires, provides, conflicts, obsoletes, recommends;
	const char **exclude_provides;
	size_t nexclude_provides;
	struct recipe_owner *owners;
	size_t nowners;
	struct recipe_user *users;
	struct recipe_group *groups;
	struct recipe_directory *directories;
	struct recipe_service *services;
	size_t nusers, ngroups, ndirectories, nservices;
	struct recipe_made *made; /* of these four, sorted by path */
	size_t nmade;
	int line, col;
};
struct recipe {
	const char *path; /* "recipes/zlib/recipe.yaml" */
	const char *dir;  /* "recipes/zlib" */
	const char *name, *version, *release;
	int name_line, name_col; /* where the name stands */
	int64_t rpm_epoch;
	int64_t epoch; /* resolved: its own or the workspace's */
	const char *summary, *description, *license, *homepage, *cpe;
	const char *purl; /* of the project it is made from, or NULL */
	bool noarch;
	const char **ground; /* seed groups; NULL: the seed's default groups */
	size_t nground;
	struct recipe_source *sources;
	size_t nsources;
	struct recipe_patch {
		const char *file;      /* beside the recipe */
		struct digest sha256;  /* of its bytes, computed on load */
		const char **resolves; /* advisories that it settles */
		size_t nresolves;
		const char *url, *member; /* of an archive, of which sha256 is: see sources */
		size_t order;             /* among all patches, from 1 */
		unsigned level;           /* of `patch -p` */
		int line, col;
	} * patches; /* those beside it; others are sources with a member. Applied in order in
			the first source's directory */
	size_t npatches;
	struct recipe_vex { /* what was found out about an advisory (repo/vex.h) */
		const char *id, *status, *justification, *note;
		int line, col;
	} * vex;
	size_t nvex;
	struct recipe_step *steps; /* patches and check are separate */
	size_t nsteps;
	struct recipe_step check; /* run NULL: none */
	struct recipe_env {
		const char *name, *value;
	} * env; /* build.env, sorted */
	size_t nenv;
	struct recipe_need {
		const char *name; /* package */
		int line, col;
	} * needs;
	size_t nneeds;
	struct { /* of what is installed (docs/tests.md); no part of what is built */
		struct recipe_step run; /* run NULL: none; an outline knows no more than that */
		struct recipe_need *needs;
		size_t nneeds;
	} test;
	struct recipe_update { /* where newer versions are announced; from NULL: nowhere */
		const char *from, *repo, *url, *pattern, *series;
		bool pre; /* versions before a release count, too */
	} update;
	const char **prefer;
	size_t nprefer;
	bool full_proc, fake_chown; /* see struct sandbox_spec */
	bool debuginfo;             /* what is for debuggers goes to a package of its own */
	bool doc, locale;           /* splits that it asks for, besides -devel and -static */
	const char *kernel_release, *kernel_version;
	struct sandbox_limits limits;
	struct recipe_except { /* what the audit may find (docs/hardening.md) */
		const char *check, *reason;
		const char **files; /* globs; none: anywhere */
		size_t nfiles;
		int line, col;
	} * excepts;
	size_t nexcepts;
	struct recipe_package *packages; /* the first is the main one; made up when absent: all
					    files not split off */
	size_t npackages;
	struct digest
		text; /* of the file as it is, its patches and what it inherits: equal means
			 that nothing about the recipe changed; set by recipe_load */
	bool outline; /* only what a plan asks for is there (memo.h); recipe_complete */
	struct doc *normal; /* what of the recipe enters the action key: sorted, comments gone,
			       update eol mirrors homepage upstream limits left out */
};

int recipe_load(struct arena *a, int dirfd, const char *path, int64_t default_epoch,
		struct recipe **out, struct err *err) MUST_CHECK;
int recipe_parse(struct arena *a, const char *text, size_t n, const char *path,
		 int64_t default_epoch, struct recipe **out,
		 struct err *err) MUST_CHECK; /* does not read patches: for fuzzing */
/* Where the first patch stands in the recipe; 0: there is none. */
int recipe_patch_line(const struct recipe *r);
/* Replaces an outline by the whole recipe; ERR_INPUT when its file is no longer the one that
 * was outlined. */
int recipe_complete(struct arena *a, int dirfd, int64_t default_epoch, struct recipe *r,
		    struct err *err) MUST_CHECK;
/* Where a set of recipes lies: one directory for each below dir. */
struct recipe_place {
	int dirfd;               /* of the workspace; borrowed */
	const char *dir;         /* "recipes" */
	const char *const *only; /* of those there, by name, sorted; NULL: all */
	size_t nonly;
	int64_t epoch; /* of recipes that declare none */
};
/* All recipes of a place, sorted by name; two recipes or packages of one name are an error
 * that names both places. */
struct recipe_set {
	struct recipe **at;
	size_t n;
	struct recipe_index {
		const char *package;
		const struct recipe *recipe;
		int line;
	} * packages; /* every named package, sorted */
	size_t npackages;
	/* Names of packages that the ground brings; NULL: none. What recipes make of these
	 * names is not theirs to need, or, with shadow, comes before it. */
	const struct dict *given;
	bool shadow;
};
int recipe_load_all(struct arena *a, const struct recipe_place *place, struct recipe_set *out,
		    struct err *err) MUST_CHECK;
/* Names of the directories that hold its recipes, sorted; among them may be what is none. */
int recipe_list_place(struct arena *a, const struct recipe_place *place, const char ***names,
		      size_t *n, struct err *err) MUST_CHECK;
/* Sorts the recipes of a set and indexes their packages. */
int recipe_index_all(struct arena *a, struct recipe_set *s, struct err *err) MUST_CHECK;
/* The recipe of one entry of a place; NULL: it is none (a file, a hidden directory). */
int recipe_load_entry(struct arena *a, const struct recipe_place *place, const char *name,
		      struct recipe **out, struct err *err) MUST_CHECK;
const struct recipe *recipe_find(const struct recipe_set *s, const char *name);
/* Whether a need of this name is met by the ground. */
bool recipe_is_given(const struct recipe_set *s, const char *package);
/* The recipe that makes a package of this name: named packages, and the splits of each: -devel,
 * -static, and those that the recipe asks for. NULL: none. */
const struct recipe *recipe_of_package(const struct recipe_set *s, const char *package);

/* The schema as data, for docs tests and `kiln help recipe`: dotted key paths. */
struct recipe_key {
	const char *path;     /* "sources[].sha256" */
	const char *type;     /* "text", "list of text", "map", ... */
	const char *fallback; /* default in words, or "required" */
	const char *summary;  /* one line */
};
const struct recipe_key *recipe_keys(size_t *n);
