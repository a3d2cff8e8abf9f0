/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements about a repository as a whole. They are not needed to trust what lies in it; a
 * tree that has them must be all of what they name, and hold no package that they do not.
 */
#include "base/dict.h"
#include "base/tree.h"
#include "repo/pkgverify_priv.h"
#include "trust/dsse.h"

struct release {
	struct pkgverify_run *run;
	int root;
	struct dict packages; /* path -> digest as it was found */
	struct dict named;    /* paths that are subjects */
	size_t statements;
};

static void
release_free(struct release *r)
{
	dict_release(&r->packages);
	dict_release(&r->named);
}
DEFINE_RELEASE(struct release, release_free);

const char *
pkgverify_release_name(const char *name)
{
	static const char *const suffixes[] = { PKGVERIFY_BUNDLE, MATERIAL_PROOF,
						MATERIAL_INTOTO };
	const char *at = name + strlen(PKGVERIFY_RELEASE);

	if (strncmp(name, PKGVERIFY_RELEASE, strlen(PKGVERIFY_RELEASE)) != 0)
		return NULL;
	if (*at == '-' && at[1] >= '1' && at[1] <= '9')
		at += 1 + strspn(at + 1, "0123456789");
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (strcmp(at, suffixes[i]) == 0)
			return suffixes[i];
	return NULL;
}

static bool
is_bundle(const char *name)
{
	const char *suffix = pkgverify_release_name(name);

	return suffix && strcmp(suffix, PKGVERIFY_BUNDLE) == 0;
}

/* Packages were hashed before; the rest is small. */
static int
digest_of_file(struct release *r, const char *path, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	const struct digest *known = dict_get(&r->packages, path);

	if (known) {
		*out = *known;
		return 0;
	}
	if (pkgverify_open(r->root, path, &fd, NULL, err) < 0)
		return -1;
	return digest_fd(fd, out, NULL, err);
}

static int
check_subject(struct release *r, const char *name, const struct statement_resource *s,
	      struct err *err)
{
	const char *path = verify_label(&r->run->arena, s->name);
	struct digest is;

	if (digest_of_file(r, s->name, &is, err) < 0)
		return err_wrap(err, "%s", name);
	if (!digest_equal(&is, &s->sha256))
		return err_set(err, ERR_VERIFY, "%s: %s is not the file that was released",
			       name, path);
	dict_set(&r->named, s->name, r);
	return 0;
}

static int
check_statement(struct release *r, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	struct statement s;

	if (pkgverify_read(r->root, name, &text, err) < 0 ||
	    verify_bundle(&r->run->arena, r->run->terms->ring, buf_text(&text), text.len, name,
			  STATEMENT_RELEASE, NULL, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.nsubjects; i++)
		if (check_subject(r, name, &s.subjects[i], err) < 0)
			return -1;
	r->statements++;
	return 0;
}

/* The directory held plain names before this; it is only read again. */
static int
check_statements(struct release *r, struct err *err)
{
	const char **names;
	size_t n;

	if (tree_list(&r->run->arena, r->root, ".", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (is_bundle(names[i]) && check_statement(r, names[i], err) < 0)
			return -1;
	return 0;
}

int
pkgverify_release(struct pkgverify_run *run, int root,
		  const struct statement_resource *packages, size_t n, struct err *err)
{
	CLEANUP(release_free) struct release r = { .run = run, .root = root };
	struct digest *digests = arena_array(&run->arena, n + 1, sizeof(*digests));

	for (size_t i = 0; i < n; i++) {
		digests[i] = packages[i].sha256;
		dict_set(&r.packages, packages[i].name, &digests[i]);
	}
	if (check_statements(&r, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (r.statements == 0)
		return 0;
	if (!dict_has(&r.named, "repodata/repomd.xml"))
		return err_set(err, ERR_VERIFY, "the release does not name its metadata");
	for (size_t i = 0; i < n; i++)
		if (!dict_has(&r.named, packages[i].name))
			return err_set(err, ERR_VERIFY, "%s is not part of the release",
				       packages[i].name);
	verify_note(run->terms->report, true, "release: %zu files are those that were released",
		    r.named.n);
	return 0;
}
