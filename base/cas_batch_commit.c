/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing what was written to tmp/ into the store. Three steps, each durable as a whole before
 * the next one begins:
 *
 *   1. the bytes of every file, blobs and references alike
 *   2. the names of blobs, and the directories these stand in
 *   3. the names of references
 *
 * So whoever sees a blob may rely on its bytes, whoever sees a reference on the blobs that it
 * names, and a machine that loses power at any moment has, of each reference, the old one or
 * the new one, and of each blob nothing or all. What a reference names was put before it: into
 * this batch or an earlier one.
 *
 * A few files are synced one by one; many by one syncfs, which costs about as much as three of
 * them but also writes what others have in the page cache of that file system.
 */
#include "base/cas_batch_priv.h"

#define SYNC_EACH  20 /* files of one step; one action that makes a package has about twelve */
#define LINK_TRIES 3  /* what is collected between link and mark is linked anew */

static int
sync_all(const struct cas *c, struct err *err)
{
	return syncfs(c->dirfd) < 0 ? err_sys(err, "syncfs") : 0;
}

static bool
has_file(const struct cas_batch_item *i)
{
	return i->kind == CAS_BATCH_BLOB || i->kind == CAS_BATCH_ADOPT ||
	       i->kind == CAS_BATCH_REF;
}

static int
check_adopted(const struct cas_batch_item *i, int fd, struct err *err)
{
	struct digest want, got;

	if (!digest_parse(i->to, &want))
		return err_set(err, ERR_INPUT, "'%s': no digest", i->to);
	if (digest_fd(fd, &got, NULL, err) < 0)
		return -1;
	if (!digest_equal(&want, &got))
		return err_set(err, ERR_IO, "%s: its bytes are not what was said", i->from);
	return fchmod(fd, 0444) < 0 ? err_sys(err, "%s", i->from) : 0;
}

static int
sync_files(const struct cas *c, const struct cas_batch_item *at, size_t n, struct err *err)
{
	size_t files = 0;

	for (size_t i = 0; i < n; i++)
		files += has_file(&at[i]);
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;

		if (!has_file(&at[i]) || (files > SYNC_EACH && at[i].kind != CAS_BATCH_ADOPT))
			continue;
		if (fd_open_beneath(c->dirfd, at[i].from, O_RDONLY | O_NOFOLLOW, &fd, err) < 0)
			return -1;
		if (at[i].kind == CAS_BATCH_ADOPT && check_adopted(&at[i], fd, err) < 0)
			return -1;
		if (files <= SYNC_EACH && fsync(fd) < 0)
			return err_sys(err, "%s", at[i].from);
	}
	return files > SYNC_EACH ? sync_all(c, err) : 0;
}

/* The directories of a step, each once. */
static int
sync_dirs(const struct cas *c, struct dict *dirs, struct err *err)
{
	if (dirs->n > SYNC_EACH)
		return sync_all(c, err);
	for (size_t i = 0; i < dirs->n; i++) {
		void *none;

		if (fd_sync_dir(c->dirfd, dict_at(dirs, i, &none), err) < 0)
			return -1;
	}
	return 0;
}

static int
need_dir(const struct cas *c, const char *dir, const char *above, struct dict *dirs,
	 struct err *err)
{
	if (!dict_add(dirs, dir, NULL) || faccessat(c->dirfd, dir, F_OK, 0) == 0)
		return 0;
	(void)dict_add(dirs, above, NULL);
	return cas_make_dir(c, dir, err);
}

static int
place(const struct cas *c, const struct cas_batch_item *i, struct dict *dirs, struct err *err)
{
	char path[CAS_PATH_MAX], shelf[CAS_PATH_MAX];
	struct digest d;

	if (!digest_parse(i->to, &d))
		return err_set(err, ERR_INPUT, "'%s': no digest", i->to);
	cas_blob_path(&d, path);
	(void)snprintf(shelf, sizeof(shelf), "%.8s", path); /* "blobs/ab" */
	if (need_dir(c, shelf, "blobs", dirs, err) < 0)
		return -1;
	if (i->kind == CAS_BATCH_THERE)
		return 0;
	for (int t = 0; t < LINK_TRIES; t++) {
		if (linkat(c->dirfd, i->from, c->dirfd, path, 0) < 0 && errno != EEXIST)
			return err_sys(err, "%s", path);
		if (cas_use(c, path, S_IFREG))
			return 0;
	}
	err_set(err, ERR_IO, "%s: not a file", path);
	return err_hint(err, "run `kiln store check --repair`");
}

static int
place_blobs(const struct cas *c, const struct cas_batch_item *at, size_t n, struct err *err)
{
	CLEANUP(dict_release) struct dict dirs = { 0 };

	for (size_t i = 0; i < n; i++)
		if (at[i].kind != CAS_BATCH_REF && place(c, &at[i], &dirs, err) < 0)
			return -1;
	return sync_dirs(c, &dirs, err);
}

static int
rename_refs(const struct cas *c, const struct cas_batch_item *at, size_t n, struct err *err)
{
	CLEANUP(dict_release) struct dict dirs = { 0 };
	CLEANUP(fd_close) int gate = -1;
	char dir[CAS_PATH_MAX], path[CAS_PATH_MAX + 8];

	for (size_t i = 0; i < n; i++) {
		if (at[i].kind != CAS_BATCH_REF)
			continue;
		/* Else what replaces an old one could go instead of it. */
		if (gate < 0 && cas_gate(c, LOCK_SH, &gate, err) < 0)
			return -1;
		(void)snprintf(dir, sizeof(dir), "refs/%.*s", (int)strcspn(at[i].to, "/"),
			       at[i].to);
		(void)snprintf(path, sizeof(path), "refs/%s", at[i].to);
		if (need_dir(c, dir, "refs", &dirs, err) < 0)
			return -1;
		if (renameat(c->dirfd, at[i].from, c->dirfd, path) < 0)
			return err_sys(err, "%s", path);
	}
	return sync_dirs(c, &dirs, err);
}

void
cas_batch_drop(const struct cas *c, const struct cas_batch_item *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_file(&at[i]))
			(void)unlinkat(c->dirfd, at[i].from, 0);
}

int
cas_batch_commit(const struct cas *c, const struct cas_batch_item *at, size_t n,
		 struct err *err)
{
	int rc = sync_files(c, at, n, err) < 0 || place_blobs(c, at, n, err) < 0 ||
				 rename_refs(c, at, n, err) < 0
			 ? cas_failed(c, err)
			 : 0;

	cas_batch_drop(c, at, n); /* references are not there any more */
	return rc;
}
