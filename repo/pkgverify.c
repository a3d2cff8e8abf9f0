/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One package. Order matters: its bytes are hashed, a trusted builder must have spoken of that
 * digest, and only then is anything in them parsed. Keys never come from the tree under test.
 */
#include "base/tree.h"
#include "repo/keypack.h"
#include "repo/pkgverify_priv.h"

#define VERIFY_MAX_PACKAGE ((uint64_t)UINT32_MAX) /* what the format holds */

void
pkgverify_run_release(struct pkgverify_run *run)
{
	if (run->inputs)
		inputs_free(STEAL_PTR(run->inputs));
	if (run->dirfd >= 0)
		(void)close(run->dirfd);
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

/* Each of the builders that the policy names counts once, however often he signed. */
static int
check_signers(struct pkgverify_run *run, const struct pkgverify_package *p, struct err *err)
{
	const struct rules *r = run->terms->rules;
	struct dsse_signers signers;
	struct err other;
	int64_t n = 0;

	if (pkgverify_signers(run, p, &signers, err) < 0)
		return -1;
	for (size_t i = 0; i < signers.n; i++)
		n += rules_judge_builder(r, signers.at[i], &p->found->statement, p->bundle,
					 run->terms->now, &other) == 0;
	if (n >= r->signatures)
		return 0;
	return err_set(err, ERR_VERIFY,
		       "%s: signed by %lld of the builder keys, and %s demands %lld", p->bundle,
		       (long long)n, r->name, (long long)r->signatures);
}

/* A trusted builder spoke of the bytes; nothing in them was looked at yet. */
static int
check_statement(struct pkgverify_run *run, struct pkgverify_package *p, struct err *err)
{
	const char *file = arena_format(&run->arena, "%s" PKGVERIFY_BUNDLE, p->name);
	const struct statement *s;
	char hex[DIGEST_HEX];

	if (inputs_bundle(run->inputs, file, &p->found, err) < 0)
		return -1;
	s = &p->found->statement;
	if (!statement_subject(s, &p->digest)) {
		digest_hex(&p->digest, hex);
		return err_set(err, ERR_VERIFY,
			       "%s: speaks of other bytes: sha256 %s is not among its subjects",
			       p->bundle, hex);
	}
	if (strcmp(s->build_type, STATEMENT_RPM_BUILD) != 0 &&
	    strcmp(s->build_type, KEYPACK_BUILD_TYPE) != 0)
		return err_set(err, ERR_VERIFY, "%s: build type is '%s', not that of a package",
			       p->bundle, verify_label(&run->arena, s->build_type));
	if (verify_terms_judge(run->terms, p->found, true, p->bundle, err) < 0)
		return -1;
	return run->terms->rules && run->terms->rules->signatures > 1
		       ? check_signers(run, p, err)
		       : 0;
}

int
pkgverify_packages_open(struct pkgverify_run *run, int parent, const char *path,
			struct err *err)
{
	if ((parent == AT_FDCWD ? fd_open(path, O_RDONLY | O_DIRECTORY, &run->dirfd, err)
				: fd_open_straight(parent, path, O_RDONLY | O_DIRECTORY,
						   &run->dirfd, err)) < 0 ||
	    tree_list(&run->arena, run->dirfd, ".", &run->names, &run->nnames, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}

size_t
pkgverify_beginning(const struct pkgverify_run *run, const char *prefix, size_t *first)
{
	size_t low = 0, high = run->nnames, n = 0, len = strlen(prefix);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(run->names[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < run->nnames && strncmp(run->names[low + n], prefix, len) == 0)
		n++;
	*first = low;
	return n;
}

int
pkgverify_package_open(struct pkgverify_run *run, const char *name, struct pkgverify_package *p,
		       struct err *err)
{
	p->name = name;
	p->label = verify_label(&run->arena, name);
	p->bundle = arena_format(&run->arena, "%s" PKGVERIFY_BUNDLE, p->label);
	if (pkgverify_open(run->dirfd, name, &p->fd, &p->size, err) < 0)
		return -1;
	if (p->size > VERIFY_MAX_PACKAGE)
		return err_set(err, ERR_VERIFY, "%s is larger than any package", p->label);
	if (digest_fd(p->fd, &p->digest, NULL, err) < 0) {
		err_wrap(err, "%s", p->label);
		return err_recode(err, ERR_VERIFY);
	}
	return 0;
}

/* What is there must be true; whether it must be there, the policy says. */
static int
check_bill(struct pkgverify_run *run, struct pkgverify_package *p, struct err *err)
{
	const struct rules *r = run->terms->rules;

	if (pkgverify_sbom(run, p, &p->billed, err) < 0 ||
	    pkgverify_sbom_verdicts(run, p, err) < 0)
		return -1;
	run->strength.billed += p->billed;
	if (r && r->sbom && !p->billed)
		return err_set(err, ERR_VERIFY, "no sbom, as %s demands: %s", r->name,
			       p->label);
	return 0;
}

/* Of what was built nowhere no chamber and no rebuilder can speak: it is made again here. */
static int
judge_keyring(const struct rules *r, const struct pkgverify_package *p, struct err *err)
{
	if (keypack_check(p->fd, p->label, &p->bare, &p->found->statement, err) < 0)
		return -1;
	return r ? rules_judge_licence(r, p->head.license, p->label, err) : 0;
}

static int
judge_package(struct pkgverify_run *run, const struct pkgverify_package *p, struct err *err)
{
	const struct rules *r = run->terms->rules;

	if (strcmp(p->found->statement.build_type, KEYPACK_BUILD_TYPE) == 0)
		return judge_keyring(r, p, err);
	if (!r)
		return 0;
	if (rules_judge_verdicts(r, p->head.id.name, p->verdicts[VERDICT_INSTALLED],
				 p->verdicts[VERDICT_TWICE], p->label, err) < 0 ||
	    rules_judge_ground(r, &p->found->statement, p->label, err) < 0 ||
	    rules_judge_licence(r, p->head.license, p->label, err) < 0)
		return -1;
	return pkgverify_rebuild_check(run, p, err);
}

int
pkgverify_package_check(struct pkgverify_run *run, struct pkgverify_package *p, struct err *err)
{
	if (check_statement(run, p, err) < 0 ||
	    pkgfile_verify(p->fd, p->label, run->terms->ring, err) < 0 ||
	    pkgfile_read(&run->arena, p->fd, p->label, &p->head, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (strcmp(nevra_file(&run->arena, &p->head.id), p->name) != 0)
		return err_set(err, ERR_VERIFY, "%s says it is %s", p->label,
			       nevra_file(&run->arena, &p->head.id));
	if (unsigned_digest(p, &p->bare, err) < 0 ||
	    check_subjects(run, &p->found->statement, p, &p->bare, err) < 0 ||
	    check_bill(run, p, err) < 0 || judge_package(run, p, err) < 0)
		return err_recode(err, ERR_VERIFY);
	run->strength.artefacts++;
	run->strength.logged += p->found->material.logged;
	return 0;
}

int
pkgverify_inputs(struct pkgverify_run *run, const char *packages_dir, const char *root,
		 struct err *err)
{
	const struct inputs_place place = {
		.dir = packages_dir,
		.inventory = arena_format(&run->arena, "%s/" PKGVERIFY_INVENTORY, root),
		.inventory_by = KEY_BUILDER,
		.terms = run->terms,
	};

	if (inputs_open(&place, &run->inputs, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}

void
pkgverify_note_log(struct pkgverify_run *run)
{
	struct verify_log_words *w = &run->strength.log;
	const struct verify_report *r = run->terms->report;

	if (run->terms->log)
		verify_log_tell(run->terms->log, w);
	verify_terms_note_log(r, &run->strength);
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

/* A package by itself is of the time that its recipe declares, or the newest at which anybody
 * vouched for it. */
static int
check_age(struct pkgverify_run *run, const struct pkgverify_package *p, struct err *err)
{
	const struct material *m = &p->found->material;
	struct verify_log_words words = { .origin = NULL };
	int64_t made = p->head.build_time;

	if (!run->terms->rules)
		return 0;
	if (run->terms->log)
		verify_log_tell(run->terms->log, &words);
	made = KILN_MAX(made, KILN_MAX(words.witnessed, m->stamped ? m->when : 0));
	return rules_judge_age(run->terms->rules, made, run->terms->now, p->label, err);
}

static int
check_lone(struct pkgverify_run *run, const char *path, struct pkgverify_package *p,
	   size_t *count, struct err *err)
{
	const struct verify_report *report = run->terms->report;
	const char *name, *dir = directory_of(&run->arena, path, &name);
	const char *root = arena_format(&run->arena, "%s/..", dir);

	if (run->terms->log)
		verify_log_later(run->terms->log, arena_format(&run->arena, "%s/log", root));
	if (pkgverify_packages_open(run, AT_FDCWD, dir, err) < 0 ||
	    pkgverify_package_open(run, name, p, err) < 0 ||
	    pkgverify_inputs(run, dir, root, err) < 0 ||
	    pkgverify_package_check(run, p, err) < 0 || check_age(run, p, err) < 0)
		return err_wrap(err, "%s", verify_label(&run->arena, path));
	verify_note(report, true, "%s: header signature by a trusted packages key", p->label);
	verify_note(report, true,
		    "%s: statement by a trusted builder key speaks of these bytes", p->label);
	if (p->billed)
		verify_note(report, true, "%s: SBOM matches content", p->label);
	if (inputs_check(run->inputs, &p->found->statement, p->label, count, err) < 0)
		return err_recode(err, ERR_VERIFY);
	verify_note(report, true, "%s: all %zu inputs are known, down to sources and seed",
		    p->label, *count);
	inputs_count(run->inputs, &run->strength);
	pkgverify_note_log(run);
	return 0;
}

int
pkgverify_explain(struct arena *a, const char *path, const struct verify_terms *terms,
		  struct pkgverify_summary *out, struct err *err)
{
	CLEANUP(pkgverify_run_release)
	struct pkgverify_run run = { .terms = terms, .dirfd = -1 };
	CLEANUP(fd_close) int fd = -1;
	struct pkgverify_package p = { .fd = -1 };
	size_t count = 0;
	int result = check_lone(&run, path, &p, &count, err);

	fd = p.fd;
	if (result < 0)
		return err_recode(err, ERR_VERIFY);
	*out = (struct pkgverify_summary){ .packages = 1,
					   .inputs = count,
					   .strength = run.strength };
	if (a)
		out->origin = inputs_explain(run.inputs, &p.found->statement, a);
	return 0;
}

int
pkgverify_file_by(const char *path, const struct verify_terms *terms,
		  struct pkgverify_summary *out, struct err *err)
{
	return pkgverify_explain(NULL, path, terms, out, err);
}

int
pkgverify_file(const char *path, const struct keyring *ring, const struct verify_report *report,
	       struct pkgverify_summary *out, struct err *err)
{
	const struct verify_terms terms = { .ring = ring, .report = report };

	return pkgverify_file_by(path, &terms, out, err);
}
