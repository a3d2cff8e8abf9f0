/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found out about packages after they were built: that their recipe's test passed
 * where they are installed, that they come out the same when they are built again. Each verdict
 * is a signed, logged in-toto test result about the unsigned files, remembered under
 * refs/verdict/KIND-<digest of the file>; publishing says the same of the signed ones.
 */
#pragma once

#include "base/cas.h"
#include "repo/pkgfacts.h"
#include "trust/key.h"
#include "trust/statement.h"

enum verdict_kind { VERDICT_INSTALLED, VERDICT_TWICE };
#define VERDICT_KINDS  2
#define VERDICT_BUNDLE ".sigstore.json"

/* What the test is called in the statement: "test", "build --check". */
const char *verdict_test(enum verdict_kind kind);
/* What stands between NAME.rpm and .sigstore.json in a repository: ".installed", ".twice". */
const char *verdict_suffix(enum verdict_kind kind);

/* The statement about these packages; used: what it was found out in and with, by digest. */
int verdict_make(enum verdict_kind kind, bool passed, const struct pkgfacts *const *packages,
		 size_t npackages, const struct statement_resource *used, size_t nused,
		 struct buf *out, struct err *err) MUST_CHECK;
/* The one of its kind that counts from now on for each of these packages; bundle: its blob.
 * What it names that is no package stays in the store as long as the package. */
int verdict_keep(struct cas *store, enum verdict_kind kind,
		 const struct pkgfacts *const *packages, size_t npackages,
		 const struct digest *bundle, struct err *err) MUST_CHECK;
/* The one that is remembered of the package whose unsigned file has this digest, if a builder
 * key of ring signed it; else found is false. */
struct verdict_found {
	bool passed;
	struct statement statement;
	struct digest bundle;
};
int verdict_find(struct arena *a, const struct cas *store, const struct keyring *ring,
		 enum verdict_kind kind, const struct digest *file, struct verdict_found *out,
		 bool *found, struct err *err) MUST_CHECK;
/* What of this name it was found out with; false: it names none. */
bool verdict_used(const struct verdict_found *v, const char *name, struct digest *out);
/* The verdict in a bundle at hand. */
int verdict_read(struct arena *a, const struct cas *store, const struct keyring *ring,
		 enum verdict_kind kind, const struct digest *bundle, const struct digest *file,
		 struct verdict_found *out, struct err *err) MUST_CHECK;
