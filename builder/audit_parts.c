/* SPDX-License-Identifier: Apache-2.0 */
/* What one recipe declares, and the audit of its packages as they are made: part of the program
 * that makes them (mk/packer.mk). */
#include "builder/audit.h"
#include "base/fd.h"
#include "builder/split.h"

#define SHOWN_MISSES 8

static bool
fits(const struct recipe_except *e, const char *path)
{
	for (size_t i = 0; i < e->nfiles; i++)
		if (*path && split_match(e->files[i], path))
			return true;
	return e->nfiles == 0;
}

/* Set-id bits and capabilities have their reason where they are given. */
static const char *
owner_reason(const struct recipe *r, const char *package, const char *path)
{
	const char *reason = NULL;

	for (size_t i = 0; i < r->npackages; i++) {
		const struct recipe_package *p = &r->packages[i];

		for (size_t j = 0; strcmp(p->name, package) == 0 && j < p->nowners; j++)
			if (p->owners[j].reason && split_match(p->owners[j].path, path))
				reason = p->owners[j].reason;
	}
	return reason;
}

const char *
audit_reason(const struct recipe *r, const char *package, enum pkgaudit_check c,
	     const char *path, const struct recipe_except **by)
{
	for (size_t i = 0; i < r->nexcepts; i++) {
		const struct recipe_except *e = &r->excepts[i];

		if (pkgaudit_find(e->check) != c || !fits(e, path))
			continue;
		*by = e;
		return e->reason;
	}
	if (c == PKGAUDIT_SETID || c == PKGAUDIT_CAPS)
		return owner_reason(r, package, path);
	return NULL;
}

static int
refuse(struct arena *a, const struct recipe *r, const struct pkgaudit *found, struct err *err)
{
	const struct pkgaudit_rule *rule = NULL;
	const char *words = "";
	size_t shown = 0;

	for (size_t i = 0; i < found->findings.n && shown < SHOWN_MISSES; i++) {
		const struct pkgaudit_finding *f = &found->findings.at[i];

		if (f->reason)
			continue;
		if (!rule)
			rule = &pkgaudit_rules[f->check];
		words = arena_format(a, "%s\n  %s: %s%s%s: %s", words, f->package, f->path,
				     *f->path ? ": " : "", pkgaudit_rules[f->check].name,
				     f->words);
		shown++;
	}
	if (found->misses > shown)
		words = arena_format(a, "%s\n  and %zu more", words, found->misses - shown);
	err_set(err, ERR_BUILD, "%s: what was built is not hardened as it must be:%s", r->path,
		words);
	return err_hint(err, "%s; or declare it with a reason in build.hardening.except",
			rule ? rule->remedy : "");
}

static const char *
excuse(void *arg, const char *package, enum pkgaudit_check c, const char *path)
{
	const struct recipe_except *by;

	return audit_reason(arg, package, c, path, &by);
}

static int
look_at(struct pkgaudit *found, int files_dirfd, const struct pkgfile_entry *e, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (e->type == MANIFEST_FILE && !e->hardlink &&
	    fd_open_beneath(files_dirfd, e->source, O_RDONLY | O_NOFOLLOW, &fd, err) < 0)
		return -1;
	return pkgaudit_entry(found, e, fd, err);
}

int
audit_parts(struct arena *a, struct recipe *r, int files_dirfd, const struct split_part *parts,
	    size_t nparts, struct err *err)
{
	CLEANUP(pkgaudit_release)
	struct pkgaudit found = { .a = a, .excuse = excuse, .arg = r };

	pkgaudit_source_begin(&found);
	for (size_t i = 0; i < nparts; i++) {
		pkgaudit_package(&found, parts[i].name);
		for (size_t j = 0; j < parts[i].n; j++)
			if (look_at(&found, files_dirfd, &parts[i].entries[j], err) < 0)
				return -1;
	}
	pkgaudit_source_end(&found, r->packages[0].name);
	return found.misses ? refuse(a, r, &found, err) : 0;
}
