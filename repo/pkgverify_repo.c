/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository, from the signature of its metadata down. Each metadata file is opened once:
 * what was hashed is what is parsed.
 */
#include "base/clock.h"
#include "base/dict.h"
#include "base/gzip.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/tree.h"
#include "repo/pkgverify_priv.h"
#include "repo/repomd.h"
#include "trust/openpgp.h"

#define VERIFY_MAX_REPOMD  ((size_t)1024 * 1024)
#define VERIFY_MAX_PRIMARY ((size_t)1024 * 1024 * 1024)
#define VERIFY_MAX_SIG     ((size_t)64 * 1024)

/* One file of each kind: of two, clients may take the other one than we looked at, and a kind
 * that is not known here (a zchunk of primary, say) may be what they prefer. */
enum metadata { METADATA_PRIMARY, METADATA_FILELISTS, METADATA_OTHER, METADATA_KINDS };
static const char *const kinds[METADATA_KINDS] = { "primary", "filelists", "other" };

/* Which metadata keys signed: during a rotation there are several, and each knows what was seen
 * under it. A signature that nobody trusts tells nothing. */
static int
find_signers(struct pkgverify_run *run, const struct buf *repomd, const struct buf *sig,
	     struct err *err)
{
	const struct keyring *ring = run->terms->ring;

	run->signers = arena_array(&run->arena, ring->n + 1, sizeof(*run->signers));
	for (size_t i = 0; i < ring->n; i++) {
		struct keyring one = *ring;
		struct err ignored;

		one.at = &ring->at[i];
		one.n = 1;
		if (ring->at[i].role == KEY_METADATA &&
		    openpgp_verify(&one, KEY_METADATA, buf_text(repomd), repomd->len, sig->data,
				   sig->len, run->terms->now, &ignored) == 0)
			run->signers[run->nsigners++] = ring->at[i].id;
	}
	return run->nsigners ? 0 : err_set(err, ERR_VERIFY, "no single trusted key signed it");
}

static int
check_repomd(struct pkgverify_run *run, int root, struct buf *repomd, struct err *err)
{
	char until[CLOCK_TEXT_MAX] = "never";
	size_t count;
	CLEANUP(buf_free) struct buf asc = BUF_MAX(VERIFY_MAX_SIG);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(VERIFY_MAX_SIG);

	if (pkgverify_read(root, "repodata/repomd.xml", repomd, err) < 0 ||
	    pkgverify_read(root, "repodata/repomd.xml.asc", &asc, err) < 0)
		return -1;
	if (openpgp_dearmor(buf_text(&asc), asc.len, &sig, err) < 0 ||
	    openpgp_count(run->terms->ring, KEY_METADATA, buf_text(repomd), repomd->len,
			  sig.data, sig.len, run->terms->now, &count, &run->expires, err) < 0 ||
	    find_signers(run, repomd, &sig, err) < 0) {
		err_wrap(err, "repodata/repomd.xml");
		return err_recode(err, ERR_VERIFY);
	}
	if (run->expires)
		clock_rfc3339(run->expires, until);
	verify_note(
		run->terms->report, true, "repodata/repomd.xml: signature by %s; it ends: %s",
		count > 1 ? "several trusted metadata keys" : "a trusted metadata key", until);
	return 0;
}

static int
refuse_listed(struct pkgverify_run *run, const struct repomd_file *f, struct err *err)
{
	return err_set(err, ERR_VERIFY, "%s is not the file that the metadata lists",
		       verify_label(&run->arena, f->href));
}

/* Opens and hashes one metadata file; *fd stands at its beginning. */
static int
open_metadata(struct pkgverify_run *run, int root, const struct repomd_file *f, int *fd,
	      struct err *err)
{
	CLEANUP(fd_close) int opened = -1;
	struct digest digest;
	uint64_t size;

	if (pkgverify_open(root, f->href, &opened, &size, err) < 0)
		return -1;
	if (size != f->size) /* before anything large is hashed */
		return refuse_listed(run, f, err);
	if (digest_fd(opened, &digest, &size, err) < 0)
		return err_wrap(err, "%s", f->href);
	if (size != f->size || !digest_equal(&digest, &f->digest))
		return refuse_listed(run, f, err);
	if (lseek(opened, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", f->href);
	*fd = STEAL_FD(opened);
	return 0;
}

/* The same for the one that is read: hashed and parsed in memory. */
static int
read_primary(struct pkgverify_run *run, int root, const struct repomd_file *f,
	     struct repomd_file **packages, size_t *npackages, struct err *err)
{
	CLEANUP(buf_free) struct buf packed = BUF_MAX(VERIFY_MAX_PRIMARY);
	CLEANUP(buf_free) struct buf plain = BUF_MAX(VERIFY_MAX_PRIMARY);
	CLEANUP(fd_close) int fd = -1;
	struct digest digest;
	uint64_t size;

	if (pkgverify_open(root, f->href, &fd, &size, err) < 0)
		return -1;
	if (size != f->size)
		return refuse_listed(run, f, err);
	if (fd_read_all(fd, &packed, err) < 0)
		return err_wrap(err, "%s", f->href);
	digest_of(buf_text(&packed), packed.len, &digest);
	if (!digest_equal(&digest, &f->digest))
		return refuse_listed(run, f, err);
	if (gzip_read(packed.data, packed.len, &plain, err) < 0 ||
	    repomd_parse_primary(&run->arena, buf_text(&plain), plain.len, f->href, packages,
				 npackages, err) < 0)
		return err_wrap(err, "%s", f->href);
	return 0;
}

static int
sort_metadata(struct pkgverify_run *run, const struct repomd_file *files, size_t n,
	      const struct repomd_file *sorted[METADATA_KINDS], struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < METADATA_KINDS && strcmp(files[i].type, kinds[k]) != 0)
			k++;
		if (k == METADATA_KINDS)
			return err_set(
				err, ERR_VERIFY,
				"repodata/repomd.xml lists metadata of the kind '%s', which is not known here",
				verify_label(&run->arena, files[i].type));
		if (sorted[k])
			return err_set(err, ERR_VERIFY,
				       "repodata/repomd.xml lists two files of the kind '%s'",
				       kinds[k]);
		sorted[k] = &files[i];
	}
	for (size_t k = 0; k < METADATA_KINDS; k++)
		if (!sorted[k])
			return err_set(err, ERR_VERIFY,
				       "repodata/repomd.xml lists no %s metadata", kinds[k]);
	return 0;
}

/* repodata/ holds what repomd.xml lists and its own three files, nothing else. */
static int
check_metadata_names(struct pkgverify_run *run, int root, const struct repomd_file *files,
		     size_t n, struct err *err)
{
	static const char *const own[] = { "repomd.xml", "repomd.xml.asc", "repomd.xml.key" };
	CLEANUP(dict_release) struct dict known = { 0 };
	const char **names;
	size_t count;

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		dict_set(&known, own[i], run);
	for (size_t i = 0; i < n; i++)
		dict_set(&known, strchr(files[i].href, '/') + 1, run);
	if (tree_list(&run->arena, root, "repodata", &names, &count, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < count; i++)
		if (!dict_has(&known, names[i]))
			return err_set(err, ERR_VERIFY,
				       "repodata/%s is not listed in repomd.xml",
				       verify_label(&run->arena, names[i]));
	return 0;
}

/* Without one nothing can be said of a log. */
static bool
has_log_key(const struct pkgverify_run *run)
{
	const struct rules *r = run->terms->rules;

	return key_of_role(run->terms->ring, KEY_LOG) || (r && r->log_key_given);
}

/* Whoever shows an older revision, or less of the log, than this user saw of a repository hides
 * something. One key signs one repository: it tells whose revisions these are, and nobody else
 * can make them. */
static int
check_revision(struct pkgverify_run *run, const char *id, int64_t revision, struct err *err)
{
	struct verify_memory *memory = run->terms->memory;
	struct verify_memory_repository now = { .revision = revision }, seen;
	struct verify_log_words words = { .origin = NULL };
	char shown[CLOCK_TEXT_MAX], before[CLOCK_TEXT_MAX];

	if (!memory)
		return 0;
	if (run->terms->log)
		verify_log_tell(run->terms->log, &words);
	now.log = run->own_log ? words.size : 0;
	if (!verify_memory_repository(memory, id, &seen) ||
	    (revision >= seen.revision && (now.log >= seen.log || !has_log_key(run)))) {
		verify_memory_saw_repository(memory, id, &now);
		return 0;
	}
	clock_rfc3339(revision, shown);
	clock_rfc3339(seen.revision, before);
	if (revision < seen.revision)
		err_set(err, ERR_VERIFY,
			"repodata/repomd.xml: rolled back: it is of %s, and this user saw the one of %s before",
			shown, before);
	else
		err_set(err, ERR_VERIFY,
			"rolled back: the repository has %llu entries of its log, and this user saw it with %llu before",
			(unsigned long long)now.log, (unsigned long long)seen.log);
	return err_hint(
		err,
		"a mirror is stale or somebody holds updates back; --no-state compares with nothing");
}

static int
check_revisions(struct pkgverify_run *run, int64_t revision, struct err *err)
{
	for (size_t i = 0; i < run->nsigners; i++)
		if (check_revision(run, run->signers[i], revision, err) < 0)
			return -1;
	return 0;
}

/* As old as its time says, or the newest of those who vouch for it. */
static int
check_age(struct pkgverify_run *run, int64_t made, struct err *err)
{
	struct verify_log_words words = { .origin = NULL };

	if (!run->terms->rules)
		return 0;
	if (run->terms->log)
		verify_log_tell(run->terms->log, &words);
	return rules_judge_age(run->terms->rules, KILN_MAX(made, words.witnessed),
			       run->terms->now, "repodata/repomd.xml", err);
}

/* After the first signature: who is not trusted at all is told so first. */
static int
load_log(struct pkgverify_run *run, const char *path, struct err *err)
{
	struct verify_log *log = run->terms->log;

	if (!log)
		return 0;
	if (verify_log_tiles(log, arena_format(&run->arena, "%s/log", path), 0, &run->own_log,
			     err) < 0)
		return -1;
	return run->own_log || !run->terms->tiles
		       ? 0
		       : verify_log_tiles(log, run->terms->tiles, 0, NULL, err);
}

/* From the signature down to the list of packages. */
static int
check_metadata(struct pkgverify_run *run, int root, const char *path,
	       struct repomd_file **packages, size_t *npackages, struct err *err)
{
	CLEANUP(buf_free) struct buf repomd = BUF_MAX(VERIFY_MAX_REPOMD);
	const struct repomd_file *sorted[METADATA_KINDS] = { NULL };
	struct repomd_file *files;
	char when[CLOCK_TEXT_MAX];
	int64_t revision;
	size_t n;

	if (check_repomd(run, root, &repomd, err) < 0 ||
	    repomd_parse(&run->arena, buf_text(&repomd), repomd.len, "repodata/repomd.xml",
			 &files, &n, &revision, err) < 0 ||
	    load_log(run, path, err) < 0 || check_revisions(run, revision, err) < 0 ||
	    check_age(run, revision, err) < 0 || sort_metadata(run, files, n, sorted, err) < 0)
		return -1;
	for (size_t k = METADATA_FILELISTS; k < METADATA_KINDS; k++) {
		CLEANUP(fd_close) int fd = -1;

		if (open_metadata(run, root, sorted[k], &fd, err) < 0)
			return -1;
	}
	if (check_metadata_names(run, root, files, n, err) < 0 ||
	    read_primary(run, root, sorted[METADATA_PRIMARY], packages, npackages, err) < 0)
		return -1;
	clock_rfc3339(revision, when);
	verify_note(run->terms->report, true, "repodata: %zu metadata files as signed, of %s%s",
		    n, when,
		    run->terms->memory
			    ? "; this user saw nothing newer"
			    : "; whether a newer repository is signed cannot be seen here");
	return 0;
}

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

/* What others say of a listed package lies beside it. */
static bool
is_beside(struct pkgverify_run *run, const struct dict *known, const char *name)
{
	const char *word = strstr(name, PKGVERIFY_REBUILD);

	return word && has_suffix(name, PKGVERIFY_BUNDLE) &&
	       dict_has(known, arena_strndup(&run->arena, name, (size_t)(word - name)));
}

/* Bills of materials and test results lie beside listed packages only. */
static bool
is_about(struct pkgverify_run *run, const struct dict *known, const char *name)
{
	const char *package;

	return pkgverify_sbom_name(&run->arena, name, &package) && dict_has(known, package);
}

/* packages/ holds the listed packages, bundles, and nothing a client could take besides. Which
 * bundles belong there is asked when all inputs are known. */
static int
check_package_names(struct pkgverify_run *run, const struct repomd_file *packages, size_t n,
		    struct err *err)
{
	CLEANUP(dict_release) struct dict known = { 0 };

	for (size_t i = 0; i < n; i++) {
		const char *name = strchr(packages[i].href, '/') + 1;

		if (!has_suffix(name, ".rpm"))
			return err_set(err, ERR_VERIFY,
				       "the metadata lists %s, which is no package",
				       verify_label(&run->arena, name));
		dict_set(&known, name, run);
	}
	for (size_t i = 0; i < run->nnames; i++)
		if (!dict_has(&known, run->names[i]) && !inputs_is_bundle(run->names[i]) &&
		    !has_suffix(run->names[i], MATERIAL_PROOF) &&
		    !has_suffix(run->names[i], MATERIAL_INTOTO) &&
		    !is_beside(run, &known, run->names[i]) &&
		    !is_about(run, &known, run->names[i]))
			return err_set(err, ERR_VERIFY,
				       "packages/%s is not listed in the metadata",
				       verify_label(&run->arena, run->names[i]));
	return 0;
}

/* What clients decide by before they have the package must be what it says. */
static int
check_identity(const struct repomd_file *listed, const struct nevra *id, struct err *err)
{
	const struct nevra *said = &listed->id;

	if (strcmp(said->name, id->name) == 0 && said->epoch == id->epoch &&
	    strcmp(said->version, id->version) == 0 &&
	    strcmp(said->release, id->release) == 0 && strcmp(said->arch, id->arch) == 0)
		return 0;
	return err_set(err, ERR_VERIFY, "%s is listed as %s %lld:%s-%s of %s", listed->href,
		       said->name, (long long)said->epoch, said->version, said->release,
		       said->arch);
}

static int
check_listed(struct pkgverify_run *run, const struct repomd_file *listed, struct digest *digest,
	     struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct pkgverify_package p = { .fd = -1 };
	int result = pkgverify_package_open(run, strchr(listed->href, '/') + 1, &p, err);

	fd = p.fd;
	if (result < 0)
		return err_wrap(err, "packages");
	if (p.size != listed->size || !digest_equal(&p.digest, &listed->digest))
		return refuse_listed(run, listed, err);
	if (pkgverify_package_check(run, &p, err) < 0 ||
	    check_identity(listed, &p.head.id, err) < 0)
		return -1;
	*digest = p.digest;
	verify_note(run->terms->report, true, "%s: signature and statement%s", listed->href,
		    p.billed ? ", SBOM matches content" : "");
	return 0;
}

static int
check_packages(struct pkgverify_run *run, const struct repomd_file *packages, size_t n,
	       struct statement_resource *digests, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct pkgverify_run one = *run; /* a repository may be large: what is read
						    of one package goes with it */
		int result;

		one.arena = (struct arena){ 0 };
		digests[i].name = packages[i].href;
		result = check_listed(&one, &packages[i], &digests[i].sha256, err);
		run->strength = one.strength;
		arena_release(&one.arena);
		if (result < 0)
			return -1;
	}
	return 0;
}

/* One walk for the whole repository: as if something were made of all its packages. */
static int
check_all_inputs(struct pkgverify_run *run, struct statement_resource *digests, size_t n,
		 size_t *count, struct err *err)
{
	struct statement all = { .dependencies = digests, .ndependencies = n };
	const char *idle;
	size_t met = 0;

	if (inputs_rest(run->inputs, err) < 0 ||
	    (n > 0 && inputs_check(run->inputs, &all, "repository", &met, err) < 0))
		return err_recode(err, ERR_VERIFY);
	idle = inputs_unmet(run->inputs);
	if (idle)
		return err_set(
			err, ERR_VERIFY,
			"packages/%s belongs to no package here and to nothing they were made of",
			idle);
	*count = met - n; /* the packages themselves were asked for, not used */
	verify_note(run->terms->report, true,
		    "all %zu inputs are known, down to sources and seed", *count);
	return 0;
}

struct looking { /* at the tree, while others look at the packages */
	struct pkgverify_run *run;
	const char *path;
	int root;
};

static int
look_at_tree(void *arg, struct err *err)
{
	const struct looking *l = arg;

	return pkgverify_tree(l->run, l->root, l->path, err);
}

/* The packages and all that they were made of; beside it, by another processor, the rest of the
 * tree, whose faults are told after theirs. */
static int
check_content(struct pkgverify_run *run, const struct looking *looking,
	      const struct repomd_file *packages, struct statement_resource *digests, size_t n,
	      size_t *count, struct err *err)
{
	CLEANUP(proc_aside_release) struct proc_aside aside = { .pid = 0 };
	struct looking l = *looking;

	if (proc_aside_begin(look_at_tree, &l, NULL, 0, &aside, err) < 0 ||
	    check_packages(run, packages, n, digests, err) < 0 ||
	    check_all_inputs(run, digests, n, count, err) < 0 ||
	    proc_aside_end(&aside, err) < 0)
		return -1;
	verify_note(run->terms->report, true,
		    "keys/ and " PKGVERIFY_DESCRIPTION " lead clients to trusted keys only");
	return 0;
}

static int
check_repository(struct pkgverify_run *run, const char *path, struct pkgverify_summary *out,
		 struct err *err)
{
	CLEANUP(fd_close) int root = -1;
	struct statement_resource *digests;
	struct repomd_file *packages;
	size_t n, count;

	if (fd_open(path, O_RDONLY | O_DIRECTORY, &root, err) < 0 ||
	    check_metadata(run, root, path, &packages, &n, err) < 0 ||
	    pkgverify_packages_open(run, root, "packages", err) < 0 ||
	    check_package_names(run, packages, n, err) < 0 ||
	    pkgverify_inputs(run, arena_format(&run->arena, "%s/packages", path), path, err) <
		    0)
		return -1;
	digests = arena_array(&run->arena, n + 1, sizeof(*digests));
	if (check_content(run, &(struct looking){ run, path, root }, packages, digests, n,
			  &count, err) < 0 ||
	    pkgverify_release(run, root, digests, n, err) < 0)
		return -1;
	inputs_count(run->inputs, &run->strength);
	pkgverify_note_log(run);
	out->packages = n;
	out->inputs = count;
	out->expires = run->expires;
	out->strength = run->strength;
	return 0;
}

int
pkgverify_repo_by(const char *path, const struct verify_terms *terms,
		  struct pkgverify_summary *out, struct err *err)
{
	CLEANUP(pkgverify_run_release)
	struct pkgverify_run run = { .terms = terms, .dirfd = -1 };

	if (check_repository(&run, path, out, err) < 0) {
		err_wrap(err, "%s", verify_label(&run.arena, path));
		return err_recode(err, ERR_VERIFY);
	}
	return 0;
}

int
pkgverify_repo(const char *path, const struct keyring *ring, int64_t now,
	       const struct verify_report *report, struct pkgverify_summary *out,
	       struct err *err)
{
	const struct verify_terms terms = { .ring = ring, .now = now, .report = report };

	return pkgverify_repo_by(path, &terms, out, err);
}
