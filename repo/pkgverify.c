/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order matters: a signature by a trusted key is checked before what it covers is believed, and
 * what lies in the tree besides (keys/, kiln.repo) is never consulted.
 */
#include "repo/pkgverify.h"

#include "base/dict.h"
#include "base/fd.h"
#include "base/gzip.h"
#include "base/mem.h"
#include "base/tree.h"
#include "repo/repomd.h"
#include "trust/openpgp.h"

#define VERIFY_MAX_REPOMD  ((size_t)1024 * 1024)
#define VERIFY_MAX_PRIMARY ((size_t)1024 * 1024 * 1024)
#define VERIFY_MAX_SIG     ((size_t)64 * 1024)
#define VERIFY_BUNDLE      ".sigstore.json"

struct checking {
	struct arena arena;
	const struct keyring *ring;
	const struct verify_report *report;
	struct inputs_set *inputs;
};

static void
checking_release(struct checking *c)
{
	if (c->inputs)
		inputs_free(c->inputs);
	arena_release(&c->arena);
}
DEFINE_RELEASE(struct checking, checking_release);

/* A tree under test may hold links, FIFOs and devices: only plain files are opened. */
static int
open_regular(int dirfd, const char *path, int *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	if (fd_open_beneath(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, &fd, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (fstat(fd, &st) < 0)
		return err_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_VERIFY, "%s is not a regular file", path);
	*out = STEAL_FD(fd);
	return 0;
}

static int
read_regular(int dirfd, const char *path, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (open_regular(dirfd, path, &fd, err) < 0)
		return -1;
	if (fd_read_all(fd, out, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}

static int
digest_regular(int fd, const char *name, struct digest *digest, uint64_t *size, struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", name);
	if (digest_fd(fd, digest, size, err) < 0)
		return err_wrap(err, "%s", name);
	return 0;
}

/* ---- one package ---- */

/* The digest of the file as it was before signing. */
static int
unsigned_digest(int fd, const char *name, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int bare = -1;

	if (fd_memory(name, &bare, err) < 0 || pkgfile_strip_signature(fd, bare, err) < 0)
		return err_wrap(err, "%s without its signature", name);
	return digest_regular(bare, name, out, NULL, err);
}

struct package_file {
	int fd;
	const char *name;   /* as it lies in the directory */
	const char *bundle; /* name of its bundle */
	struct digest digest;
	struct pkgfile head;
};

/* Each subject must be one of these bytes under its own name: "NAME.rpm" is not "OTHER.rpm".
 * The header is optional; when it is named, other statements may mean the package by it. */
static int
check_subjects(struct checking *c, const struct statement *s, const struct package_file *p,
	       const struct digest *bare, struct err *err)
{
	const char *name = nevra_file(&c->arena, &p->head.id);
	const struct {
		const char *name;
		const struct digest *digest;
		bool required;
	} known[] = {
		{ name, &p->digest, true },
		{ arena_format(&c->arena, "%s;unsigned", name), bare, true },
		{ arena_format(&c->arena, "%s;header", name), &p->head.header, false },
	};
	size_t matched = 0;

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const struct statement_resource *r = statement_subject(s, known[i].digest);

		if (!r && !known[i].required)
			continue;
		if (!r || !r->name || strcmp(r->name, known[i].name) != 0)
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
check_statement(struct checking *c, int dirfd, const struct package_file *p,
		struct statement *s, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	struct digest bare;

	if (read_regular(dirfd, p->bundle, &text, err) < 0 ||
	    verify_bundle(&c->arena, c->ring, buf_text(&text), text.len, p->bundle,
			  STATEMENT_SLSA_V1, &p->digest, s, err) < 0 ||
	    unsigned_digest(p->fd, p->name, &bare, err) < 0)
		return -1;
	return check_subjects(c, s, p, &bare, err);
}

/* Everything about one package but its inputs: digests, header signature, statement. */
static int
check_package(struct checking *c, int dirfd, const char *name, struct package_file *p,
	      struct statement *s, struct err *err)
{
	p->name = name;
	p->bundle = arena_format(&c->arena, "%s" VERIFY_BUNDLE, name);
	if (open_regular(dirfd, name, &p->fd, err) < 0 ||
	    digest_regular(p->fd, name, &p->digest, NULL, err) < 0 ||
	    pkgfile_read(&c->arena, p->fd, name, &p->head, err) < 0 ||
	    pkgfile_verify(p->fd, name, c->ring, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (strcmp(nevra_file(&c->arena, &p->head.id), name) != 0)
		return err_set(err, ERR_VERIFY, "%s says it is %s", name,
			       nevra_file(&c->arena, &p->head.id));
	if (check_statement(c, dirfd, p, s, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}

static void
note_unlogged(const struct checking *c)
{
	verify_note(c->report, true, "not logged: no transparency log is kept yet");
}

static int
load_inputs(struct checking *c, const char *packages_dir, const char *root, struct err *err)
{
	if (inputs_load(packages_dir, arena_format(&c->arena, "%s/inventory.json", root),
			c->ring, &c->inputs, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
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
	CLEANUP(checking_release) struct checking c = { .ring = ring, .report = report };
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(fd_close) int fd = -1;
	struct package_file p = { .fd = -1 };
	struct statement s;
	const char *name, *dir = directory_of(&c.arena, path, &name);
	size_t count;
	int result;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return err_recode(err, ERR_VERIFY);
	result = check_package(&c, dirfd, name, &p, &s, err);
	fd = p.fd;
	if (result < 0)
		return err_wrap(err, "%s", path);
	verify_note(report, true, "%s: header signature by a trusted packages key", name);
	verify_note(report, true,
		    "%s: statement by a trusted builder key speaks of these bytes", name);
	if (load_inputs(&c, dir, arena_format(&c.arena, "%s/..", dir), err) < 0 ||
	    inputs_check(c.inputs, &s, name, &count, err) < 0)
		return err_recode(err, ERR_VERIFY);
	verify_note(report, true, "%s: all %zu inputs are known, down to sources and seed",
		    name, count);
	note_unlogged(&c);
	out->packages = 1;
	out->inputs = count;
	return 0;
}

/* ---- a repository ---- */

static int
check_repomd(struct checking *c, int root, int64_t now, struct buf *repomd, struct err *err)
{
	CLEANUP(buf_free) struct buf asc = BUF_MAX(VERIFY_MAX_SIG);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(VERIFY_MAX_SIG);

	if (read_regular(root, "repodata/repomd.xml", repomd, err) < 0 ||
	    read_regular(root, "repodata/repomd.xml.asc", &asc, err) < 0)
		return -1;
	if (openpgp_dearmor(buf_text(&asc), asc.len, &sig, err) < 0 ||
	    openpgp_verify(c->ring, KEY_METADATA, buf_text(repomd), repomd->len, sig.data,
			   sig.len, now, err) < 0) {
		err_wrap(err, "repodata/repomd.xml");
		return err_recode(err, ERR_VERIFY);
	}
	verify_note(c->report, true,
		    "repodata/repomd.xml: signature by a trusted metadata key");
	return 0;
}

static int
check_file(int root, const struct repomd_file *f, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest digest;
	uint64_t size;

	if (open_regular(root, f->href, &fd, err) < 0 ||
	    digest_regular(fd, f->href, &digest, &size, err) < 0)
		return -1;
	if (size != f->size || !digest_equal(&digest, &f->digest))
		return err_set(err, ERR_VERIFY, "%s is not the file that the metadata lists",
			       f->href);
	return 0;
}

/* repodata/ holds what repomd.xml lists and its own three files, nothing else. */
static int
check_metadata_names(struct checking *c, int root, const struct repomd_file *files, size_t n,
		     struct err *err)
{
	static const char *const own[] = { "repomd.xml", "repomd.xml.asc", "repomd.xml.key" };
	CLEANUP(dict_release) struct dict known = { 0 };
	const char **names;
	size_t count;

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		dict_set(&known, own[i], c);
	for (size_t i = 0; i < n; i++)
		dict_set(&known, strchr(files[i].href, '/') + 1, c);
	if (tree_list(&c->arena, root, "repodata", &names, &count, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < count; i++)
		if (!dict_has(&known, names[i]))
			return err_set(err, ERR_VERIFY,
				       "repodata/%s is not listed in repomd.xml", names[i]);
	return 0;
}

static int
read_primary(struct checking *c, int root, const struct repomd_file *files, size_t n,
	     struct repomd_file **packages, size_t *npackages, struct err *err)
{
	CLEANUP(buf_free) struct buf packed = BUF_MAX(VERIFY_MAX_PRIMARY);
	CLEANUP(buf_free) struct buf plain = BUF_MAX(VERIFY_MAX_PRIMARY);
	const struct repomd_file *primary = NULL;

	for (size_t i = 0; i < n; i++)
		if (strcmp(files[i].type, "primary") == 0)
			primary = &files[i];
	if (!primary)
		return err_set(err, ERR_VERIFY,
			       "repodata/repomd.xml lists no primary metadata");
	if (read_regular(root, primary->href, &packed, err) < 0 ||
	    gzip_read(packed.data, packed.len, &plain, err) < 0 ||
	    repomd_parse_primary(&c->arena, buf_text(&plain), plain.len, primary->href,
				 packages, npackages, err) < 0)
		return err_wrap(err, "%s", primary->href);
	return 0;
}

/* From the signature down to the list of packages. */
static int
check_metadata(struct checking *c, int root, int64_t now, struct repomd_file **packages,
	       size_t *npackages, struct err *err)
{
	CLEANUP(buf_free) struct buf repomd = BUF_MAX(VERIFY_MAX_REPOMD);
	struct repomd_file *files;
	size_t n;
	int64_t revision;

	if (check_repomd(c, root, now, &repomd, err) < 0 ||
	    repomd_parse(&c->arena, buf_text(&repomd), repomd.len, "repodata/repomd.xml",
			 &files, &n, &revision, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (check_file(root, &files[i], err) < 0)
			return -1;
	if (check_metadata_names(c, root, files, n, err) < 0 ||
	    read_primary(c, root, files, n, packages, npackages, err) < 0)
		return -1;
	verify_note(c->report, true, "repodata: %zu metadata files as signed", n);
	return 0;
}

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

/* packages/ holds the listed packages and their bundles, and nothing a client could take
 * besides. */
static int
check_package_names(struct checking *c, int dirfd, const struct repomd_file *packages, size_t n,
		    struct err *err)
{
	CLEANUP(dict_release) struct dict known = { 0 };
	const char **names;
	size_t count;

	for (size_t i = 0; i < n; i++) {
		const char *name = strchr(packages[i].href, '/') + 1;

		if (!has_suffix(name, ".rpm"))
			return err_set(err, ERR_VERIFY,
				       "the metadata lists %s, which is no package", name);
		dict_set(&known, name, c);
	}
	if (tree_list(&c->arena, dirfd, ".", &names, &count, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < count; i++)
		if (!dict_has(&known, names[i]) && !has_suffix(names[i], VERIFY_BUNDLE))
			return err_set(err, ERR_VERIFY,
				       "packages/%s is not listed in the metadata", names[i]);
	return 0;
}

/* One listed package, in an arena of its own: a repository may be large. */
static int
check_listed(struct checking *c, int root, int dirfd, const struct repomd_file *listed,
	     struct digest *digest, struct err *err)
{
	CLEANUP(checking_release) struct checking one = { .ring = c->ring };
	CLEANUP(fd_close) int fd = -1;
	struct package_file p = { .fd = -1 };
	const char *name = strchr(listed->href, '/') + 1;
	struct statement s;
	int result;

	if (check_file(root, listed, err) < 0)
		return -1;
	result = check_package(&one, dirfd, name, &p, &s, err);
	fd = p.fd;
	if (result < 0)
		return -1;
	if (strcmp(p.head.id.name, listed->type) != 0)
		return err_set(err, ERR_VERIFY, "%s is listed as %s", listed->href,
			       listed->type);
	*digest = p.digest;
	verify_note(c->report, true, "%s: signature and statement", listed->href);
	return 0;
}

static int
check_packages(struct checking *c, int root, const struct repomd_file *packages, size_t n,
	       struct statement_resource *digests, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;

	if (fd_open_beneath(root, "packages", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &dirfd,
			    err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (check_package_names(c, dirfd, packages, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		digests[i].name = packages[i].href;
		if (check_listed(c, root, dirfd, &packages[i], &digests[i].sha256, err) < 0)
			return -1;
	}
	return 0;
}

/* One walk for the whole repository: as if something were made of all its packages. */
static int
check_all_inputs(struct checking *c, const char *path, struct statement_resource *digests,
		 size_t n, size_t *count, struct err *err)
{
	struct statement all = { .dependencies = digests, .ndependencies = n };
	size_t met;

	if (load_inputs(c, arena_format(&c->arena, "%s/packages", path), path, err) < 0 ||
	    inputs_check(c->inputs, &all, "repository", &met, err) < 0)
		return err_recode(err, ERR_VERIFY);
	*count = met - n; /* the packages themselves were asked for, not used */
	verify_note(c->report, true, "all %zu inputs are known, down to sources and seed",
		    *count);
	return 0;
}

static int
check_repository(struct checking *c, const char *path, int64_t now,
		 struct pkgverify_summary *out, struct err *err)
{
	CLEANUP(fd_close) int root = -1;
	struct statement_resource *digests;
	struct repomd_file *packages;
	size_t n, count;

	if (fd_open(path, O_RDONLY | O_DIRECTORY, &root, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (check_metadata(c, root, now, &packages, &n, err) < 0)
		return -1;
	digests = arena_array(&c->arena, n + 1, sizeof(*digests));
	if (check_packages(c, root, packages, n, digests, err) < 0 ||
	    check_all_inputs(c, path, digests, n, &count, err) < 0)
		return -1;
	note_unlogged(c);
	out->packages = n;
	out->inputs = count;
	return 0;
}

int
pkgverify_repo(const char *path, const struct keyring *ring, int64_t now,
	       const struct verify_report *report, struct pkgverify_summary *out,
	       struct err *err)
{
	CLEANUP(checking_release) struct checking c = { .ring = ring, .report = report };

	if (check_repository(&c, path, now, out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}
