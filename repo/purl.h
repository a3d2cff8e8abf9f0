/* SPDX-License-Identifier: Apache-2.0 */
/* Package URLs: the one name by which provenance, SBOM and advisories mean the same package. */
#pragma once

#include "repo/nevra.h"

#define PURL_RPM "pkg:rpm/"

struct purl_distribution {        /* ID and VERSION_ID of os-release */
	const char *id, *version; /* version may be NULL */
};

/* "pkg:rpm/kiln/zlib@1.2.13-1?arch=x86_64&distro=kiln-1" */
const char *purl_make(struct arena *a, const struct purl_distribution *d,
		      const struct nevra *id);

/* "pkg:generic/kiln@1767225600": of what no package manager knows. */
const char *purl_generic(struct arena *a, const char *name, const char *version);

/* A package URL taken apart: what stands before '@', and the version, both percent-decoded
 * except for the separators. Qualifiers and subpath are dropped. */
struct purl {
	const char *base;    /* "pkg:rpm/kiln/zlib"; type in lower case */
	const char *version; /* NULL: none */
};
/* false: it is no package URL. */
bool purl_parse(struct arena *a, const char *text, struct purl *out);
