/* SPDX-License-Identifier: Apache-2.0 */
/* A store with small real packages, and keys made once for the whole run. */
#pragma once

#include "images/image.h"
#include "repo/pkgfile.h"
#include "tests/unit/test.h"

#define FIXTURE_MAX   16
#define FIXTURE_EPOCH INT64_C(1700000000)

struct fixture {
	struct arena a;
	int dir; /* scratch of this test */
	struct cas *store;
	struct signer *signer; /* NULL until fixture_sign */
	const struct pkgfacts *all[FIXTURE_MAX];
	size_t n;
	const char *ground; /* stage that packages say they were built on; NULL: none */
};
struct fixture_file {
	const char *path; /* "/usr/bin/x" */
	enum manifest_type type;
	mode_t mode;
	const char *body; /* content, or target of a link */
	const char *user, *group, *caps, *hardlink;
};

void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
DEFINE_RELEASE(struct fixture, fixture_close);
/* Writes a package named name-1-1 into the store; requires: one capability or NULL. */
struct pkgfacts *fixture_package(struct fixture *f, const char *name, const char *requires,
				 const struct fixture_file *files, size_t nfiles);
void fixture_sign(struct fixture *f); /* starts a signer */
/* Gives the package a signed statement with these inputs. */
void fixture_prove(struct fixture *f, struct pkgfacts *p, const struct digest *inputs,
		   size_t n);
/* The base of every image here: passwd, group and the merged /usr. */
struct pkgfacts *fixture_baselayout(struct fixture *f);
