/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages are known by the statements of their builds, each signed by a trusted key: what a
 * bill of materials or a package says of itself is not asked. Whether the files that lie there
 * are the ones that were spoken of, `kiln verify` says.
 */
#include "cli/auditing.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/tree.h"
#include "images/imgattest.h"
#include "images/imgverify.h"
#include "trust/dsse.h"

#define RPM         ".rpm"
#define BUNDLE      ".sigstore.json"
#define MAX_PACKAGE 100000 /* packages of one repository */

void
auditing_release(struct auditing *a)
{
	VEC_FREE(&a->targets);
	VEC_FREE(&a->words);
}

static bool
ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n > m && strcmp(s + n - m, with) == 0;
}

static void
note_epoch(struct auditing *au, const struct statement *s)
{
	const char *epoch = doc_get_text(s->internal, "sourceDateEpoch");

	if (epoch)
		au->epoch = KILN_MAX(au->epoch, strtoll(epoch, NULL, 10));
}

static int
add_statement(struct auditing *au, const struct statement *s, const struct digest *file,
	      const char *within, struct err *err)
{
	struct advisory_target t;

	if (advisory_target_read(&au->cli->arena, s, file, &t, err) < 0)
		return -1;
	t.within = within;
	note_epoch(au, s);
	VEC_PUSH(&au->targets, t);
	return 0;
}

static int
read_bundle(struct auditing *au, const struct verify_ask *ask, const char *path,
	    struct statement *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);

	if (fd_read_file(AT_FDCWD, path, &text, err) < 0)
		return -1;
	return verify_bundle_as(&au->cli->arena, ask, buf_text(&text), text.len, out, err);
}

/* The statement beside a package speaks of a package of this name. */
static int
add_file(struct auditing *au, const char *path, const char *within, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *bundle = arena_format(&au->cli->arena, "%s" BUNDLE, path);
	const struct verify_ask ask = { .ring = au->ring,
					.role = KEY_BUILDER,
					.name = verify_label(&au->cli->arena, bundle),
					.predicate_type = STATEMENT_SLSA_V1 };
	struct statement s;

	if (read_bundle(au, &ask, bundle, &s, err) < 0)
		return -1;
	if (s.nsubjects == 0 || strcmp(s.subjects[0].name, name) != 0)
		return err_set(err, ERR_VERIFY, "%s: it speaks of '%s'", ask.name,
			       s.nsubjects ? verify_label(&au->cli->arena, s.subjects[0].name)
					   : "nothing");
	return add_statement(au, &s, NULL, within, err);
}

static int
add_repository(struct auditing *au, const char *operand, const char *path, struct err *err)
{
	struct arena *a = &au->cli->arena;
	const char *dir = arena_format(a, "%s/packages", path), **names;
	size_t n, found = 0;

	if (tree_list(a, AT_FDCWD, dir, &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!ends(names[i], RPM))
			continue;
		if (++found > MAX_PACKAGE)
			return err_set(err, ERR_LIMIT, "%s: more than %d packages", operand,
				       MAX_PACKAGE);
		if (add_file(au, arena_format(a, "%s/%s", dir, names[i]), operand, err) < 0)
			return -1;
	}
	return found ? 0 : err_set(err, ERR_INPUT, "%s: no packages", operand);
}

static int
add_part(struct auditing *au, const char *operand, const char *dir,
	 const struct statement_resource *part, struct err *err)
{
	struct arena *a = &au->cli->arena;
	const char *name = part->name ? part->name : "";
	const struct verify_ask ask = { .ring = au->ring,
					.role = KEY_BUILDER,
					.name = arena_format(a, "%s" BUNDLE,
							     verify_label(a, name)),
					.predicate_type = STATEMENT_SLSA_V1,
					.subject = &part->sha256 };
	struct statement s;

	if (!*name || strchr(name, '/'))
		return err_set(err, ERR_VERIFY, "%s: a package of the image has no name",
			       operand);
	if (read_bundle(au, &ask,
			arena_format(a, "%s/" IMGATTEST_PACKAGES "/%s" BUNDLE, dir, name), &s,
			err) < 0)
		return -1;
	return add_statement(au, &s, &part->sha256, operand, err);
}

static int
add_image(struct auditing *au, const char *operand, const char *path, struct err *err)
{
	struct arena *a = &au->cli->arena;
	size_t n = strlen(path);
	const char *dir;
	const struct verify_ask ask = { .ring = au->ring,
					.role = KEY_IMAGE,
					.name = IMGATTEST_PROVENANCE,
					.predicate_type = STATEMENT_SLSA_V1 };
	struct statement s;

	while (n > 1 && path[n - 1] == '/')
		n--;
	dir = arena_format(a, "%.*s" IMGVERIFY_ATTEST, (int)n, path);
	if (read_bundle(au, &ask, arena_format(a, "%s/" IMGATTEST_PROVENANCE, dir), &s, err) <
	    0)
		return -1;
	for (size_t i = 0; i < s.ndependencies; i++) {
		const struct statement_resource *d = &s.dependencies[i];

		if (d->uri && strncmp(d->uri, IMGATTEST_PURL, strlen(IMGATTEST_PURL)) == 0 &&
		    add_part(au, operand, dir, d, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_built(struct auditing *au, const char *const *recipes, size_t nrecipes, const char *package,
	  struct err *err)
{
	struct cli *cli = au->cli;
	const struct pkgfacts **all;
	size_t n;

	if (build_packages(&cli->arena, &cli->builder, recipes, nrecipes, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
		struct statement s;

		if (package && strcmp(all[i]->id.name, package) != 0)
			continue;
		if (cas_get(cli->builder.store, &all[i]->statement, &text, err) < 0 ||
		    statement_parse(&cli->arena, buf_text(&text), text.len, all[i]->id.name, &s,
				    err) < 0 ||
		    add_statement(au, &s, &all[i]->file, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int
open_workspace(struct auditing *au, struct err *err)
{
	return au->cli->builder.store ? 0 : cli_open(au->cli, CLI_STORE | CLI_SIGNER, err);
}

int
auditing_open(struct auditing *au, bool whole, struct err *err)
{
	struct cli *cli = au->cli;
	struct err ignored;

	if (whole)
		return open_workspace(au, err);
	if (!cli->has_workspace && workspace_open(&cli->arena, cli->directory, NULL, NULL,
						  &cli->workspace, &ignored) == 0)
		cli->has_workspace = true;
	return 0;
}

int
auditing_feed(struct cli *cli, const char *named, const char **out, struct err *err)
{
	const struct workspace *w = &cli->workspace;

	if (named)
		*out = cli_path(cli, named);
	else if (!cli->has_workspace || !w->advisories.from) {
		err_set(err, ERR_USAGE,
			"which advisories? --advisories names none, nor does kiln.yaml");
		return err_hint(err, "`advisories: {from: DIR}` in kiln.yaml remembers them");
	} else if (w->advisories.from[0] == '/')
		*out = w->advisories.from;
	else
		*out = arena_format(&cli->arena, "%s/%s", w->path, w->advisories.from);
	return 0;
}

int
auditing_add_workspace(struct auditing *au, struct err *err)
{
	return open_workspace(au, err) < 0 ? -1 : add_built(au, NULL, 0, NULL, err);
}

static int
add_name(struct auditing *au, const char *name, struct err *err)
{
	const struct recipe *r;
	struct recipe_set set;

	if (open_workspace(au, err) < 0 ||
	    recipe_load_all(&au->cli->arena, &au->cli->workspace.place, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < set.n; i++)
		if (strcmp(set.at[i]->name, name) == 0)
			return add_built(au, &set.at[i]->name, 1, NULL, err);
	r = recipe_of_package(&set, name);
	if (r)
		return add_built(au, &r->name, 1, name, err);
	err_set(err, ERR_INPUT, "'%s' is no recipe or package of this workspace, and no file",
		name);
	return err_hint(err, "give a name, FILE.rpm, out/repo or out/images/NAME");
}

static bool
has(struct auditing *au, const char *path, const char *file)
{
	return access(arena_format(&au->cli->arena, "%s/%s", path, file), F_OK) == 0;
}

int
auditing_add(struct auditing *au, const char *operand, struct err *err)
{
	const char *path = cli_path(au->cli, operand);
	struct stat st;

	if (stat(path, &st) < 0)
		return add_name(au, operand, err);
	if (S_ISREG(st.st_mode) && ends(path, RPM))
		return add_file(au, path, operand, err);
	if (has(au, path, "repodata/repomd.xml"))
		return add_repository(au, operand, path, err);
	if (has(au, path, "oci-layout"))
		return add_image(au, operand, path, err);
	err_set(err, ERR_INPUT, "%s is neither a package, a repository nor an OCI layout",
		operand);
	return err_hint(err, "give out/repo/packages/FILE.rpm, out/repo or out/images/NAME");
}

void
auditing_add_recipes(struct auditing *au, const struct recipe_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		for (size_t k = 0; k < set->at[i]->nvex; k++) {
			const struct recipe_vex *v = &set->at[i]->vex[k];
			struct vex_word w = { .id = v->id,
					      .justification = v->justification,
					      .note = v->note,
					      .recipe = set->at[i]->name };

			if (vex_status(v->status, &w.status))
				VEC_PUSH(&au->words, w);
		}
}

int
auditing_add_vex(struct auditing *au, const char *path, struct err *err)
{
	struct arena *a = &au->cli->arena;
	CLEANUP(buf_free)
	struct buf text = BUF_MAX(VEX_MAX_BYTES), said = BUF_MAX(VEX_MAX_BYTES);
	const char *bundle = arena_format(a, "%s" BUNDLE, path);
	const struct verify_ask ask = { .ring = au->ring,
					.role = KEY_BUILDER,
					.name = verify_label(a, bundle),
					.predicate_type = STATEMENT_OPENVEX };
	struct vex_word *words;
	struct statement s;
	size_t n;

	if (fd_read_file(AT_FDCWD, path, &text, err) < 0)
		return -1;
	if (read_bundle(au, &ask, bundle, &s, err) < 0) {
		err_wrap(err, "%s counts only with the signature of a trusted key", path);
		return err_hint(
			err, "`kiln audit --advisories DIR --vex-out FILE --sign` makes both");
	}
	json_write(s.predicate, &said);
	if (said.len != text.len || memcmp(buf_text(&said), buf_text(&text), said.len) != 0)
		return err_set(err, ERR_VERIFY, "%s is not the document that %s was made for",
			       path, ask.name);
	if (vex_parse_doc(a, s.predicate, path, &words, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		VEC_PUSH(&au->words, words[i]);
	return 0;
}
