/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The package that carries a repository's public keys, so that they change at its users by an
 * ordinary update:
 *
 *   /etc/pki/rpm-gpg/RPM-GPG-KEY-REPO-packages   OpenPGP: the key that signs, the next, the
 * retired that still count /etc/pki/rpm-gpg/RPM-GPG-KEY-REPO-metadata /usr/share/REPO-keyring/
 * a directory of keys as `kiln verify --key` takes it, with keyring.json (times, revocations)
 * and trusted_root.json
 *
 * Its bytes follow from the key set: no clock, no chamber, no signature is in it. Its version
 * is the time of the newest change of a key.
 */
#pragma once

#include "repo/pkgfile.h"
#include "trust/statement.h"

#define KEYPACK_SUFFIX     "-keyring"
#define KEYPACK_BUILD_TYPE "https://kiln.invalid/buildtypes/keyring/v1"
#define KEYPACK_KEYS_URI   "kiln:keys/"

struct keypack_about {
	const struct keyring *ring;
	const char *repository, *vendor; /* "kiln", "Kiln Linux" */
	const char *log_origin;
};
struct keypack {
	struct nevra id; /* release "1" */
	const char *vendor;
	int64_t time; /* of the newest change */
	struct pkgfile_entry *entries;
	size_t nentries;
};
int keypack_make(struct arena *a, const struct keypack_about *about, struct keypack *out,
		 struct err *err) MUST_CHECK;
/* The package, unsigned; facts but its proof. */
int keypack_write(struct arena *a, const struct keypack *k, int fd, struct pkgfacts *facts,
		  struct err *err) MUST_CHECK;
/* What it was made of: its distinct files, as dependencies of a statement. */
void keypack_inputs(struct arena *a, const struct keypack *k, struct statement_resource **out,
		    size_t *n);
/* Is this package nothing but keys? Laid out anew from its own files it must be the same file,
 * and s must name each of them. bare: the digest of the file without its signature. */
int keypack_check(int fd, const char *name, const struct digest *bare,
		  const struct statement *s, struct err *err) MUST_CHECK;
