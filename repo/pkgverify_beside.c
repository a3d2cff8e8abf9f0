/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other programs read beside a bundle: its proof as a file and its bare envelope. Both say
 * nothing that the bundle does not say, so they are made again from it and compared; only
 * further signatures of the same statement may stand in the envelope, and a policy may ask for
 * them. What is changed, missing or belongs to no bundle is refused.
 */
#include "base/dict.h"
#include "base/tree.h"
#include "repo/pkgverify_priv.h"

#define BESIDE_MAX_ENVELOPE (DSSE_MAX_BYTES * 2)

static bool
ends_with(const char *name, const char *suffix, size_t *stem)
{
	size_t n = strlen(name), m = strlen(suffix);

	*stem = n - m;
	return n > m && strcmp(name + n - m, suffix) == 0;
}

static int
compare(struct pkgverify_run *run, int dirfd, const char *path, const struct buf *want,
	struct err *err)
{
	CLEANUP(buf_free) struct buf have = BUF_MAX(BESIDE_MAX_ENVELOPE);

	if (pkgverify_read(dirfd, path, &have, err) < 0)
		return -1;
	if (have.len != want->len || memcmp(have.data, want->data, have.len) != 0)
		return err_set(err, ERR_VERIFY,
			       "%s does not say what the bundle beside it says",
			       verify_label(&run->arena, path));
	return 0;
}

static int
read_envelope(struct arena *a, int dirfd, const char *path, const struct dsse_bundle *b,
	      struct dsse_along *along, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(BESIDE_MAX_ENVELOPE);

	if (pkgverify_read(dirfd, path, &text, err) < 0)
		return -1;
	return dsse_envelope_read(a, b, &text, verify_label(a, path), along, err);
}

int
pkgverify_signers(struct pkgverify_run *run, const struct pkgverify_package *p,
		  struct dsse_signers *out, struct err *err)
{
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { .keyid = NULL };
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	struct arena *a = &run->arena;
	struct dsse_along along;

	if (pkgverify_read(run->dirfd, arena_format(a, "%s" PKGVERIFY_BUNDLE, p->name), &text,
			   err) < 0 ||
	    dsse_bundle_parse(a, buf_text(&text), text.len, p->bundle, &b, err) < 0 ||
	    read_envelope(a, run->dirfd, arena_format(a, "%s" MATERIAL_INTOTO, p->name), &b,
			  &along, err) < 0)
		return -1;
	if (dsse_along_verify(&b, &along, run->terms->ring, KEY_BUILDER, out, err) < 0)
		return err_wrap(err, "%s" MATERIAL_INTOTO, p->label);
	return 0;
}

/* A bundle of an arena of its own: there may be many. */
static int
check_bundle(struct pkgverify_run *run, int dirfd, const char *name, size_t stem,
	     struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { .keyid = NULL };
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(buf_free) struct buf proof = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(buf_free) struct buf envelope = BUF_MAX(BESIDE_MAX_ENVELOPE);
	struct dsse_along along;
	const char *label = verify_label(&run->arena, name);

	if (pkgverify_read(dirfd, name, &text, err) < 0 ||
	    dsse_bundle_parse(&a, buf_text(&text), text.len, label, &b, err) < 0)
		return -1;
	if (!b.entry)
		return 0;
	if (material_beside(&b, NULL, &proof, &envelope, err) < 0)
		return err_wrap(err, "%s", label);
	if (compare(run, dirfd, arena_format(&a, "%.*s" MATERIAL_PROOF, (int)stem, name),
		    &proof, err) < 0)
		return -1;
	return read_envelope(&a, dirfd,
			     arena_format(&a, "%.*s" MATERIAL_INTOTO, (int)stem, name), &b,
			     &along, err);
}

int
pkgverify_beside(struct pkgverify_run *run, int dirfd, struct err *err)
{
	CLEANUP(dict_release) struct dict stems = { 0 };
	const char **names;
	size_t n, stem;

	if (tree_list(&run->arena, dirfd, ".", &names, &n, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < n; i++) {
		if (!ends_with(names[i], PKGVERIFY_BUNDLE, &stem))
			continue;
		dict_set(&stems, arena_strndup(&run->arena, names[i], stem), run);
		if (check_bundle(run, dirfd, names[i], stem, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++)
		if ((ends_with(names[i], MATERIAL_PROOF, &stem) ||
		     ends_with(names[i], MATERIAL_INTOTO, &stem)) &&
		    !dict_has(&stems, arena_strndup(&run->arena, names[i], stem)))
			return err_set(err, ERR_VERIFY, "%s belongs to no bundle",
				       verify_label(&run->arena, names[i]));
	return 0;
}
