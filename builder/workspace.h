/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workspace: the directory with kiln.yaml, recipes/, bootstrap/, images/catalog/, and what
 * belongs to it: the store, the keys, out/.
 */
#pragma once

#include "base/cas.h"
#include "base/doc.h"

struct workspace_mirror {
	const char *prefix; /* "debian", "debian-security", "debian-snapshot" */
	const char *base;   /* URL or file: path */
};
struct workspace {
	int dirfd;
	const char *path;         /* as the user named it; for messages only */
	const char *name;         /* distribution: "Kiln Linux" */
	const char *id, *version; /* os-release ID, VERSION_ID */
	const char *vendor;       /* RPM Vendor */
	const char *builder_id;   /* provenance builder.id */
	const char *repository;   /* repo id in kiln.repo */
	int64_t epoch;            /* for recipes that declare none */
	struct workspace_mirror *mirrors;
	size_t nmirrors;
	const char *store_path; /* $KILN_STORE, else PATH/.kiln/store */
	const char *keys_path;  /* $KILN_KEYS, else PATH/.kiln/keys */
};
/* Finds kiln.yaml in start or a parent. store_env, keys_env: values of KILN_STORE, KILN_KEYS or
 * NULL. */
int workspace_open(struct arena *a, const char *start, const char *store_env,
		   const char *keys_env, struct workspace *out, struct err *err) MUST_CHECK;
void workspace_close(struct workspace *w);
/* Writes the skeleton of a new workspace into dir: kiln.yaml, recipes/hello, ... nothing is
 * overwritten. */
int workspace_init(const char *dir, struct err *err) MUST_CHECK;
/* Free bytes where the store is, and MemAvailable. */
int workspace_room(const struct workspace *w, uint64_t *disk, uint64_t *memory,
		   struct err *err) MUST_CHECK;
