/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workspace: the directory with kiln.yaml, recipes/, bootstrap/, images/catalog/, and what
 * belongs to it: the store, the keys, out/.
 */
#pragma once

#include "base/cas.h"
#include "builder/recipe.h"

struct stage;
struct stages;
struct workspace_mirror {
	const char *prefix; /* "debian", "debian-security", "debian-snapshot" */
	const char *base;   /* URL or file: path */
};
/* A shared cache of results (docs/cache.md). Secrets are files. */
#define WORKSPACE_CACHE_TIMEOUT_S 10
struct workspace_cache {
	const char *url;               /* without a slash at its end; NULL: none */
	bool write;                    /* results made here are put there */
	const char **keys;             /* files of builder keys to trust besides our own */
	const char *ca, *ca_dir;       /* certificates to trust instead of the system's */
	const char *certificate, *key; /* of a client, PEM */
	const char *login;             /* its first line is USER:PASSWORD */
	size_t nkeys;
	unsigned timeout_s; /* how long it may be silent, or slow */
};
/* `store:` of kiln.yaml (docs/store.md). */
struct workspace_store {
	uint64_t quota; /* bytes that the store may take; 0: no limit */
	bool collect;   /* what nothing needs may go to keep it */
};
/* `advisories:` of kiln.yaml (docs/advisories.md). */
struct workspace_advisories {
	const char *from;      /* a file or directory of OSV records, or NULL */
	const char **releases; /* "Debian:12": of ecosystems that have several */
	size_t nreleases;
};
/* What the environment says of the cache; each NULL: nothing. */
struct workspace_cache_words {
	const char *url, *write, *login, *certificate, *key, *ca;
	const char *trusted, *trusted_dir; /* for fetching, too */
};
struct workspace {
	int dirfd;
	const char *path;         /* as the user named it; for messages only */
	const char *name;         /* distribution: "Kiln Linux" */
	const char *id, *version; /* os-release ID, VERSION_ID */
	const char *vendor;       /* RPM Vendor */
	const char *builder_id;   /* provenance builder.id */
	const char *repository;   /* repo id in kiln.repo */
	const char *log;          /* origin of the transparency log: a host name */
	const char *ground; /* the stage of a run that names none; NULL: that of stages.yaml */
	int64_t metadata_expires;  /* signatures of metadata end after so many seconds; 0: never
				    */
	bool keyring;              /* its public keys are published as a package, too */
	int64_t epoch;             /* for recipes that declare none */
	bool strict;               /* builds fail on what `kiln audit` finds, in every stage */
	struct recipe_place place; /* of the recipes of the stage */
	const struct stages *stages; /* stage.h; NULL until one was chosen */
	const struct stage *stage;
	const char *lock, *suffix; /* "kiln.lock" and ""; "kiln-NAME.lock" and "-NAME" */
	struct workspace_mirror *mirrors;
	size_t nmirrors;
	/* Certificates that TLS trusts instead of the system's: a file, a directory; or NULL.
	 */
	const char *ca, *ca_dir;
	struct workspace_cache cache;
	struct workspace_store store;
	struct workspace_advisories advisories;
	const char *store_path; /* $KILN_STORE, else PATH/.kiln/store */
	const char *keys_path;  /* $KILN_KEYS, else PATH/.kiln/keys */
};
/* Finds kiln.yaml in start or a parent. store_env, keys_env: values of KILN_STORE, KILN_KEYS or
 * NULL. */
int workspace_open(struct arena *a, const char *start, const char *store_env,
		   const char *keys_env, struct workspace *out, struct err *err) MUST_CHECK;
/* KILN_CACHE and its like win over kiln.yaml: url "none" or "" is no cache. Then what is said
 * must fit together; ERR_INPUT names what does not. */
int workspace_cache_apply(struct arena *a, struct workspace *w,
			  const struct workspace_cache_words *env, struct err *err) MUST_CHECK;
/* KILN_STORE_QUOTA, or NULL, wins over kiln.yaml; "none" or "" is no quota. */
int workspace_store_apply(struct workspace *w, const char *quota, struct err *err) MUST_CHECK;
void workspace_close(struct workspace *w);
/* Writes the skeleton of a new workspace into dir: kiln.yaml, recipes/hello, ... nothing is
 * overwritten. */
int workspace_init(const char *dir, struct err *err) MUST_CHECK;
/* What the store's notes of a recipe are called: its name; in a stage that is not the standard
 * one NAME@STAGE, for a recipe of that name may be in another stage, too. */
const char *workspace_note(struct arena *a, const struct workspace *w, const char *recipe);
/* Free bytes where the store is, and MemAvailable. */
int workspace_room(const struct workspace *w, uint64_t *disk, uint64_t *memory,
		   struct err *err) MUST_CHECK;
