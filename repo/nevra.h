/* SPDX-License-Identifier: Apache-2.0 */
/* Names of packages: name, epoch, version, release, architecture; RPM's order of versions. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct nevra {
	const char *name, *version, *release, *arch;
	int64_t epoch; /* 0: none */
};

/* RPM's rules: -1, 0, 1; with ~ and ^. */
int nevra_compare_part(const char *a, const char *b);
int nevra_compare_evr(const struct nevra *a, const struct nevra *b);
const char *nevra_evr(struct arena *a, const struct nevra *n);  /* "[e:]v-r" */
const char *nevra_text(struct arena *a, const struct nevra *n); /* "name-[e:]v-r.arch" */
const char *nevra_file(struct arena *a, const struct nevra *n); /* "name-v-r.arch.rpm" */
/* "[e:]v[-r]" of a dependency. */
int nevra_parse_evr(struct arena *a, const char *text, struct nevra *out,
		    struct err *err) MUST_CHECK;
/* "name-[e:]v-r.arch" (".rpm" allowed). */
int nevra_parse(struct arena *a, const char *text, struct nevra *out,
		struct err *err) MUST_CHECK;
/* What RPM and we allow in a name, version, release. */
bool nevra_is_name(const char *s);
bool nevra_is_version(const char *s);
