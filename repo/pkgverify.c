/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One package. Order matters: its bytes are hashed, a trusted builder must have spoken of that
 * digest, and only then is anything in them parsed. Keys never come from the tree under test.
 */
#include "repo/pkgverify_priv.h"

#define VERIFY_MAX_PACKAGE ((uint64_t)UINT32_MAX) /* what the format holds */

void
pkgverify_run_release(struct pkgverify_run *run)
{
	if (run->inputs)
		inputs_free(STEAL_PTR(run->inputs));
	arena_release(&run->arena);
}

int
pkgverify_open(int dirfd, const char *path, int *fd, uint64_t *size, struct err *err)
{
	return fd_open_plain(dirfd, path, fd, size, err) < 0 ? err_recode(err, ERR_VERIFY) : 0;
}

int
pkgverify_read(int dirfd, const char *path, struct buf *out, struct err *err)
{
	return fd_read_plain(dirfd, path, out, err) < 0 ? err_recode(err, ERR_VERIFY) : 0;
}

/* The digest of the file as it was before signing. */
static int
unsigned_digest(const struct pkgverify_package *p, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int bare = -1;

	if (fd_memory(p->label, &bare, err) < 0 ||
	    pkgfile_strip_signature(p->fd, bare, err) < 0)
		return err_wrap(err, "%s without its signature", p->label);
	if (lseek(bare, 0, SEEK_SET) < 0)
		return err_sys(err, "%s without its signature", p->label);
	return digest_fd(bare, out, NULL, err);
}

/* Each subject must be one of these bytes under its own name: "NAME.rpm" is not "OTHER.rpm".
 * The header is optional; when it is named, other statements may mean the package by it. */
static int
check_subjects(struct pkgverify_run *run, const struct statement *s,
	       const struct pkgverify_package *p, const struct digest *bare, struct err *err)
{
	const char *name = nevra_file(&run->arena, &p->head.id);
	const struct {
		const char *name;
		const struct digest *digest;
		bool required;
	} known[] = {
		{ name, &p->digest, true },
		{ arena_format(&run->arena, "%s;unsigned", name), bare, true },
		{ arena_format(&run->arena, "%s;header", name), &p->head.header, false },
	};
	size_t matched = 0;

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const struct statement_resource *r = statement_subject(s, known[i].digest);

		if (!r && !known[i].required)
			continue;
		if (!r || strcmp(r->name, known[i].name) != 0)
			return err_set(err, ERR_VERIFY,
				       "%s: the subject %s is missing or of other bytes",
				       p->bundle, known[i].name);
		matched++;
	}
	if (matched != s->nsubjects)
		return err_set(err, ERR_VERIFY, "%s: it has a subject that is not this package",
			       p->bundle);
	return 0;
}

static int
check_statement(struct pkgverify_run *run, int dirfd, const struct pkgverify_package *p,
		struct statement *s, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	const char *path = arena_format(&run->arena, "%s" PKGVERIFY_BUNDLE, p->name);

	if (pkgverify_read(dirfd, path, &text, err) < 0 ||
	    verify_bundle(&run->arena, run->ring, buf_text(&text), text.len, p->bundle,
			  STATEMENT_SLSA_V1, &p->digest, s, err) < 0)
		return -1;
	if (strcmp(s->build_type, STATEMENT_RPM_BUILD) != 0)
		return err_set(err, ERR_VERIFY, "%s: build type is '%s', not that of a package",
			       p->bundle, verify_label(&run->arena, s->build_type));
	return 0;
}

int
pkgverify_package_open(struct pkgverify_run *run, int dirfd, const char *name,
		       struct pkgverify_package *p, struct err *err)
{
	p->name = name;
	p->label = verify_label(&run->arena, name);
	p->bundle = arena_format(&run->arena, "%s" PKGVERIFY_BUNDLE, p->label);
	if (pkgverify_open(dirfd, name, &p->fd, &p->size, err) < 0)
		return -1;
	if (p->size > VERIFY_MAX_PACKAGE)
		return err_set(err, ERR_VERIFY, "%s is larger than any package", p->label);
	if (digest_fd(p->fd, &p->digest, NULL, err) < 0) {
		err_wrap(err, "%s", p->label);
		return err_recode(err, ERR_VERIFY);
	}
	return 0;
}

int
pkgverify_package_check(struct pkgverify_run *run, int dirfd, struct pkgverify_package *p,
			struct statement *s, struct err *err)
{
	struct digest bare;

	if (check_statement(run, dirfd, p, s, err) < 0 ||
	    pkgfile_verify(p->fd, p->label, run->ring, err) < 0 ||
	    pkgfile_read(&run->arena, p->fd, p->label, &p->head, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (strcmp(nevra_file(&run->arena, &p->head.id), p->name) != 0)
		return err_set(err, ERR_VERIFY, "%s says it is %s", p->label,
			       nevra_file(&run->arena, &p->head.id));
	if (unsigned_digest(p, &bare, err) < 0 || check_subjects(run, s, p, &bare, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}

int
pkgverify_inputs(struct pkgverify_run *run, const char *packages_dir, const char *root,
		 struct err *err)
{
	if (inputs_load(packages_dir,
			arena_format(&run->arena, "%s/" PKGVERIFY_INVENTORY, root), run->ring,
			&run->inputs, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}

void
pkgverify_note_unlogged(const struct pkgverify_run *run)
{
	verify_note(run->report, true, "not logged: no transparency log is kept yet");
}

static const char *
directory_of(struct arena *a, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (!slash)
		return ".";
	return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

int
pkgverify_file(const char *path, const struct keyring *ring, const struct verify_report *report,
	       struct pkgverify_summary *out, struct err *err)
{
	CLEANUP(pkgverify_run_release)
	struct pkgverify_run run = { .ring = ring, .report = report };
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(fd_close) int fd = -1;
	struct pkgverify_package p = { .fd = -1 };
	struct statement s;
	const char *name, *dir = directory_of(&run.arena, path, &name);
	size_t count;
	int result;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return err_recode(err, ERR_VERIFY);
	result = pkgverify_package_open(&run, dirfd, name, &p, err);
	fd = p.fd;
	if (result < 0 || pkgverify_package_check(&run, dirfd, &p, &s, err) < 0)
		return err_wrap(err, "%s", verify_label(&run.arena, path));
	verify_note(report, true, "%s: header signature by a trusted packages key", p.label);
	verify_note(report, true,
		    "%s: statement by a trusted builder key speaks of these bytes", p.label);
	if (pkgverify_inputs(&run, dir, arena_format(&run.arena, "%s/..", dir), err) < 0 ||
	    inputs_check(run.inputs, &s, p.label, &count, err) < 0)
		return err_recode(err, ERR_VERIFY);
	verify_note(report, true, "%s: all %zu inputs are known, down to sources and seed",
		    p.label, count);
	pkgverify_note_unlogged(&run);
	out->packages = 1;
	out->inputs = count;
	return 0;
}
