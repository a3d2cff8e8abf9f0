/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository, from the signature of its metadata down. Each metadata file is opened once:
 * what was hashed is what is parsed.
 */
#include "base/clock.h"
#include "base/dict.h"
#include "base/gzip.h"
#include "base/mem.h"
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

static int
check_repomd(struct pkgverify_run *run, int root, int64_t now, struct buf *repomd,
	     struct err *err)
{
	char until[CLOCK_TEXT_MAX] = "never";
	size_t count;
	CLEANUP(buf_free) struct buf asc = BUF_MAX(VERIFY_MAX_SIG);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(VERIFY_MAX_SIG);

	if (pkgverify_read(root, "repodata/repomd.xml", repomd, err) < 0 ||
	    pkgverify_read(root, "repodata/repomd.xml.asc", &asc, err) < 0)
		return -1;
	if (openpgp_dearmor(buf_text(&asc), asc.len, &sig, err) < 0 ||
	    openpgp_count(run->ring, KEY_METADATA, buf_text(repomd), repomd->len, sig.data,
			  sig.len, now, &count, &run->expires, err) < 0) {
		err_wrap(err, "repodata/repomd.xml");
		return err_recode(err, ERR_VERIFY);
	}
	if (run->expires)
		clock_rfc3339(run->expires, until);
	verify_note(run->report, true, "repodata/repomd.xml: signature by %s; it ends: %s",
		    count > 1 ? "several trusted metadata keys" : "a trusted metadata key",
		    until);
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

/* From the signature down to the list of packages. */
static int
check_metadata(struct pkgverify_run *run, int root, int64_t now, struct repomd_file **packages,
	       size_t *npackages, struct err *err)
{
	CLEANUP(buf_free) struct buf repomd = BUF_MAX(VERIFY_MAX_REPOMD);
	const struct repomd_file *sorted[METADATA_KINDS] = { NULL };
	struct repomd_file *files;
	char when[CLOCK_TEXT_MAX];
	int64_t revision;
	size_t n;

	if (check_repomd(run, root, now, &repomd, err) < 0 ||
	    repomd_parse(&run->arena, buf_text(&repomd), repomd.len, "repodata/repomd.xml",
			 &files, &n, &revision, err) < 0 ||
	    sort_metadata(run, files, n, sorted, err) < 0)
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
	verify_note(
		run->report, true,
		"repodata: %zu metadata files as signed, of %s; whether a newer repository is signed cannot be seen here",
		n, when);
	return 0;
}

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

/* packages/ holds the listed packages, bundles, and nothing a client could take besides. Which
 * bundles belong there is asked when all inputs are known. */
static int
check_package_names(struct pkgverify_run *run, int dirfd, const struct repomd_file *packages,
		    size_t n, struct err *err)
{
	CLEANUP(dict_release) struct dict known = { 0 };
	const char **names;
	size_t count;

	for (size_t i = 0; i < n; i++) {
		const char *name = strchr(packages[i].href, '/') + 1;

		if (!has_suffix(name, ".rpm"))
			return err_set(err, ERR_VERIFY,
				       "the metadata lists %s, which is no package",
				       verify_label(&run->arena, name));
		dict_set(&known, name, run);
	}
	if (tree_list(&run->arena, dirfd, ".", &names, &count, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < count; i++)
		if (!dict_has(&known, names[i]) && !has_suffix(names[i], PKGVERIFY_BUNDLE) &&
		    !has_suffix(names[i], MATERIAL_PROOF) &&
		    !has_suffix(names[i], MATERIAL_INTOTO))
			return err_set(err, ERR_VERIFY,
				       "packages/%s is not listed in the metadata",
				       verify_label(&run->arena, names[i]));
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

/* One listed package, in an arena of its own: a repository may be large. */
static int
check_listed(struct pkgverify_run *run, int dirfd, const struct repomd_file *listed,
	     struct digest *digest, struct err *err)
{
	CLEANUP(pkgverify_run_release) struct pkgverify_run one = { .ring = run->ring };
	CLEANUP(fd_close) int fd = -1;
	struct pkgverify_package p = { .fd = -1 };
	struct statement s;
	int result;

	result = pkgverify_package_open(&one, dirfd, strchr(listed->href, '/') + 1, &p, err);
	fd = p.fd;
	if (result < 0)
		return err_wrap(err, "packages");
	if (p.size != listed->size || !digest_equal(&p.digest, &listed->digest))
		return refuse_listed(run, listed, err);
	if (pkgverify_package_check(&one, dirfd, &p, &s, err) < 0 ||
	    check_identity(listed, &p.head.id, err) < 0)
		return -1;
	*digest = p.digest;
	verify_note(run->report, true, "%s: signature and statement", listed->href);
	return 0;
}

static int
check_packages(struct pkgverify_run *run, int root, const struct repomd_file *packages,
	       size_t n, struct statement_resource *digests, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;

	if (fd_open_straight(root, "packages", O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (check_package_names(run, dirfd, packages, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		digests[i].name = packages[i].href;
		if (check_listed(run, dirfd, &packages[i], &digests[i].sha256, err) < 0)
			return -1;
	}
	return 0;
}

/* One walk for the whole repository: as if something were made of all its packages. */
static int
check_all_inputs(struct pkgverify_run *run, const char *path,
		 struct statement_resource *digests, size_t n, size_t *count, struct err *err)
{
	struct statement all = { .dependencies = digests, .ndependencies = n };
	const char *idle;
	size_t met = 0;

	if (pkgverify_inputs(run, arena_format(&run->arena, "%s/packages", path), path, err) <
		    0 ||
	    (n > 0 && inputs_check(run->inputs, &all, "repository", &met, err) < 0))
		return err_recode(err, ERR_VERIFY);
	idle = inputs_unmet(run->inputs);
	if (idle)
		return err_set(
			err, ERR_VERIFY,
			"packages/%s belongs to no package here and to nothing they were made of",
			idle);
	*count = met - n; /* the packages themselves were asked for, not used */
	verify_note(run->report, true, "all %zu inputs are known, down to sources and seed",
		    *count);
	return 0;
}

static int
check_repository(struct pkgverify_run *run, const char *path, int64_t now,
		 struct pkgverify_summary *out, struct err *err)
{
	CLEANUP(fd_close) int root = -1;
	struct statement_resource *digests;
	struct repomd_file *packages;
	size_t n, count;

	if (fd_open(path, O_RDONLY | O_DIRECTORY, &root, err) < 0 ||
	    check_metadata(run, root, now, &packages, &n, err) < 0)
		return -1;
	digests = arena_array(&run->arena, n + 1, sizeof(*digests));
	if (check_packages(run, root, packages, n, digests, err) < 0 ||
	    check_all_inputs(run, path, digests, n, &count, err) < 0 ||
	    pkgverify_tree(run, root, path, err) < 0)
		return -1;
	pkgverify_note_unlogged(run);
	out->packages = n;
	out->inputs = count;
	out->expires = run->expires;
	return 0;
}

int
pkgverify_repo(const char *path, const struct keyring *ring, int64_t now,
	       const struct verify_report *report, struct pkgverify_summary *out,
	       struct err *err)
{
	CLEANUP(pkgverify_run_release)
	struct pkgverify_run run = { .ring = ring, .report = report };

	if (check_repository(&run, path, now, out, err) < 0) {
		err_wrap(err, "%s", verify_label(&run.arena, path));
		return err_recode(err, ERR_VERIFY);
	}
	return 0;
}
