/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The build-time statement of an action: in-toto with SLSA v1 provenance, one for all packages
 * that came out. It is made from the action and its record, never from what the build printed,
 * and holds no clock. Subjects: "FILE.rpm" (SHA-256 of the file as built, unsigned) and
 * "FILE.rpm;header" (its header digest). Dependencies: every source, patch, the normalised
 * recipe, every package of the environment and every seed entry, by digest.
 */
#pragma once

#include "builder/action.h"
#include "builder/record.h"

#define PROVENANCE_BUILD_TYPE STATEMENT_RPM_BUILD
#define PROVENANCE_MAX_BYTES  ((size_t)1024 * 1024) /* what the signer takes */

#define PROVENANCE_MAX_USED ((size_t)1024 * 1024) /* as the record that holds it */

struct provenance {
	const struct workspace *workspace;
	const struct recipe *recipe;
	const struct action *action;
	const struct buildroot *root;
	const struct seed *seed;
	const struct record *record;
	struct digest record_blob;
	const struct pkgfacts *packages; /* what came out */
	size_t npackages;
};
int provenance_make(const struct provenance *p, struct buf *out, struct err *err) MUST_CHECK;

/* "pkg:rpm/kiln/zlib@1.2.13-1?arch=x86_64&distro=kiln-1" */
const char *provenance_purl(struct arena *a, const struct workspace *w, const struct nevra *id);
/* URIs by which provenance and inventory name inputs that have no location of their own. */
#define PROVENANCE_FIXUPS_URI "kiln:seed/fix-ups"
const char *provenance_file_uri(struct arena *a, const struct recipe *r, const char *file);
/* Where the bytes of a source come from: its url; a `file:` source, beside its recipe. */
const char *provenance_source_uri(struct arena *a, const struct recipe *r,
				  const struct recipe_source *s);
