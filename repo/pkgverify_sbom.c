/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies beside a package besides its provenance: bills of materials and the result of its
 * tests. None of it is needed to trust the package; what is there must be true of it.
 */
#include "repo/pkgsbom.h"
#include "repo/pkgverify_priv.h"
#include "trust/dsse.h"

static const char *const suffixes[] = { PKGSBOM_CYCLONEDX, PKGSBOM_SPDX, PKGSBOM_BUNDLE,
					PKGSBOM_TEST };

static const char *
verdict_file(struct arena *a, size_t kind)
{
	return arena_format(a, "%s" VERDICT_BUNDLE, verdict_suffix((enum verdict_kind)kind));
}

bool
pkgverify_sbom_name(struct arena *a, const char *file, const char **package)
{
	size_t n = strlen(file);

	for (size_t i = 0; i < ARRAY_LEN(suffixes) + VERDICT_KINDS; i++) {
		const char *suffix = i < ARRAY_LEN(suffixes)
					     ? suffixes[i]
					     : verdict_file(a, i - ARRAY_LEN(suffixes));
		size_t m = strlen(suffix);

		if (n <= m || strcmp(file + n - m, suffix) != 0)
			continue;
		*package = arena_strndup(a, file, n - m);
		return true;
	}
	return false;
}

struct check {
	struct arena a; /* its own: a repository may be large */
	const struct pkgverify_run *run;
	const struct pkgverify_package *p;
};

static void
check_release(struct check *c)
{
	arena_release(&c->a);
}
DEFINE_RELEASE(struct check, check_release);

static const char *
path_of(struct check *c, const char *suffix)
{
	return arena_format(&c->a, "%s%s", c->p->name, suffix);
}

static bool
is_there(struct check *c, const char *suffix)
{
	return faccessat(c->run->dirfd, path_of(c, suffix), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
check_sbom(struct check *c, struct err *err)
{
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(buf_free) struct buf cyclonedx = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf spdx = BUF_MAX(SBOM_MAX_BYTES);
	bool twin = is_there(c, PKGSBOM_SPDX);
	const char *path = path_of(c, PKGSBOM_BUNDLE);
	const struct verify_ask ask = { .ring = c->run->terms->ring,
					.role = KEY_BUILDER,
					.name = verify_label(&c->a, path),
					.subject = &c->p->digest };
	struct pkgsbom_spec spec = { .fd = c->p->fd,
				     .name = c->p->name,
				     .file = c->p->digest,
				     .build = &c->p->found->statement };
	struct sbom said;

	if (pkgverify_read(c->run->dirfd, path, &bundle, err) < 0 ||
	    pkgverify_read(c->run->dirfd, path_of(c, PKGSBOM_CYCLONEDX), &cyclonedx, err) < 0 ||
	    (twin && pkgverify_read(c->run->dirfd, path_of(c, PKGSBOM_SPDX), &spdx, err) < 0) ||
	    sbom_verify(&c->a, &ask, &bundle, &cyclonedx, twin ? &spdx : NULL, &said, err) < 0)
		return -1;
	/* Builds say of which distribution they are since SBOMs are made of them; what an older
	 * one is called is what its signed bill says. */
	if (!pkgsbom_distribution(&c->p->found->statement, &spec.distribution))
		spec.distribution = (struct purl_distribution){ NULL, NULL };
	return pkgsbom_check(&spec, &said, err);
}

/* test: what must have passed. */
static int
check_test(struct check *c, const char *suffix, const char *test, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	const char *path = path_of(c, suffix), *label = verify_label(&c->a, path);
	struct statement s;

	if (pkgverify_read(c->run->dirfd, path, &text, err) < 0 ||
	    verify_bundle(&c->a, c->run->terms->ring, buf_text(&text), text.len, label,
			  STATEMENT_TEST_RESULT, &c->p->digest, &s, err) < 0)
		return -1;
	if (statement_test_passed(&s, test))
		return 0;
	return err_set(err, ERR_VERIFY, "%s does not say that '%s' passed", label, test);
}

int
pkgverify_sbom_verdicts(struct pkgverify_run *run, struct pkgverify_package *p, struct err *err)
{
	CLEANUP(check_release) struct check c = { .run = run, .p = p };

	for (size_t kind = 0; kind < VERDICT_KINDS; kind++) {
		const char *file = verdict_file(&c.a, kind);

		p->verdicts[kind] = is_there(&c, file);
		if (p->verdicts[kind] &&
		    check_test(&c, file, verdict_test((enum verdict_kind)kind), err) < 0)
			return err_recode(err, ERR_VERIFY);
	}
	return 0;
}

int
pkgverify_sbom(struct pkgverify_run *run, const struct pkgverify_package *p, bool *has,
	       struct err *err)
{
	CLEANUP(check_release) struct check c = { .run = run, .p = p };

	*has = is_there(&c, PKGSBOM_BUNDLE);
	if (!*has && (is_there(&c, PKGSBOM_CYCLONEDX) || is_there(&c, PKGSBOM_SPDX)))
		return err_set(err, ERR_VERIFY, "%s has an SBOM that nobody signed", p->label);
	if (*has && check_sbom(&c, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (is_there(&c, PKGSBOM_TEST) && check_test(&c, PKGSBOM_TEST, PKGSBOM_CHECK, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}
