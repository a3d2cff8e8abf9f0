/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what a package holds is hardened as docs/hardening.md demands: every ELF file, modes,
 * capabilities, paths of the build, licences, scriptlets. What is amiss becomes a finding: a
 * miss, or an exception that somebody declared with a reason. Nothing is said of recipes here.
 */
#pragma once

#include "base/vec.h"
#include "repo/elfmarks.h"
#include "repo/pkgfile.h"

#define PKGAUDIT_RULES       1    /* raised when a check is added or changed */
#define PKGAUDIT_CANARY_CODE 8192 /* bytes of code from which on a canary is expected */
#define PKGAUDIT_FINDINGS    20000

enum pkgaudit_check {
	/* of ELF files, which a table counts file by file */
	PKGAUDIT_PIE,
	PKGAUDIT_RELRO,
	PKGAUDIT_BIND_NOW,
	PKGAUDIT_STACK,
	PKGAUDIT_CANARY,
	PKGAUDIT_CET,
	PKGAUDIT_FORTIFY,
	PKGAUDIT_RPATH,
	PKGAUDIT_TEXTREL,
	PKGAUDIT_WX,
	PKGAUDIT_SONAME,
	PKGAUDIT_ELF,
	/* of all files */
	PKGAUDIT_SETID,
	PKGAUDIT_CAPS,
	PKGAUDIT_WRITABLE,
	PKGAUDIT_BUILD_PATH,
	/* of packages */
	PKGAUDIT_LICENSE,
	PKGAUDIT_SCRIPTLET,
	PKGAUDIT_CHECKS
};
struct pkgaudit_rule {
	const char *name;   /* "bind_now" */
	const char *demand; /* what is checked, in words */
	const char *remedy;
};
extern const struct pkgaudit_rule pkgaudit_rules[PKGAUDIT_CHECKS];
/* PKGAUDIT_CHECKS: there is none of that name. */
enum pkgaudit_check pkgaudit_find(const char *name);

struct pkgaudit_finding {
	const char *package, *path; /* path "": of the package */
	enum pkgaudit_check check;
	const char *words;  /* what is amiss */
	const char *reason; /* why that is allowed; NULL: it is not, a miss */
};
/* The declared reason for something amiss at path, or NULL. */
typedef const char *pkgaudit_excuse_fn(void *arg, const char *package, enum pkgaudit_check c,
				       const char *path);
struct pkgaudit {
	struct arena *a;            /* of the findings */
	pkgaudit_excuse_fn *excuse; /* NULL: nothing is declared */
	void *arg;
	const char *package; /* the one that is being looked at */
	bool licensed;       /* a licence was seen since the source began */
	VEC(struct pkgaudit_finding) findings;
	struct {
		size_t held, excused, missed;
	} counts[PKGAUDIT_CHECKS];
	size_t packages, files, elf, misses;
	bool full; /* there are more findings than are kept */
};
void pkgaudit_release(struct pkgaudit *p);
DEFINE_RELEASE(struct pkgaudit, pkgaudit_release);

/* The packages of one source (a recipe) are looked at in a row, between these two. */
void pkgaudit_source_begin(struct pkgaudit *p);
void pkgaudit_source_end(struct pkgaudit *p, const char *package);
void pkgaudit_package(struct pkgaudit *p, const char *name);
/* fd: the contents of a file; -1: of what has none, or another name of one looked at. */
int pkgaudit_entry(struct pkgaudit *p, const struct pkgfile_entry *e, int fd,
		   struct err *err) MUST_CHECK;
/* Another package of the same source, for the licence that it may hold; else it is not judged.
 */
int pkgaudit_sibling(struct pkgaudit *p, int fd, const char *name, struct err *err) MUST_CHECK;
/* All of a package file, scriptlets too. */
int pkgaudit_file(struct pkgaudit *p, int fd, const char *name, struct err *err) MUST_CHECK;
