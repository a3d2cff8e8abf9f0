/* SPDX-License-Identifier: Apache-2.0 */
/* Looking whether the store still holds what it says. */
#include "base/cas_priv.h"
#include "base/manifest.h"
#include "base/tree.h"

struct check {
	struct cas *c;
	bool repair;
	void (*bad)(void *, const char *);
	void *arg;
	struct cas_report *out;
};

/* Reports path; with repair it leaves its place for quarantine/. */
static int
condemn(struct check *k, const char *path, struct err *err)
{
	char to[CAS_PATH_MAX];
	const char *base = strrchr(path, '/') + 1;
	struct stat st;

	k->out->corrupt++;
	if (k->bad)
		k->bad(k->arg, path);
	if (!k->repair)
		return 0;
	(void)snprintf(to, sizeof(to), "quarantine/%s-%llu-%.*s", k->c->owner, k->c->next++,
		       CAS_NAME_MAX, base);
	if (fstatat(k->c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode) && fchmodat(k->c->dirfd, path, 0755, 0) < 0)
		return err_sys(err, "%s: chmod", path);
	if (renameat(k->c->dirfd, path, k->c->dirfd, to) < 0)
		return err_sys(err, "%s: rename", path);
	k->out->quarantined++;
	/* What a collection read in it need not be what stands in what will take its place. */
	if (unlinkat(k->c->dirfd, CAS_GRAPH, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove %s", CAS_GRAPH);
	return 0;
}

static int
check_blob(struct check *k, const char *shelf, const char *name, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest want, have = { { 0 } };
	char path[CAS_PATH_MAX];
	uint64_t size = 0;
	struct stat st;

	(void)snprintf(path, sizeof(path), "blobs/%.16s/%.128s", shelf, name);
	k->out->blobs++;
	if (!digest_parse(name, &want) || strncmp(name, shelf, 2) != 0 || strlen(shelf) != 2)
		return condemn(k, path, err);
	if (fd_open_beneath(k->c->dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, &fd, err) <
		    0 ||
	    fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || digest_fd(fd, &have, &size, err) < 0)
		return condemn(k, path, err);
	k->out->bytes += size;
	return digest_equal(&want, &have) ? 0 : condemn(k, path, err);
}

static int
check_blobs(struct check *k, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **shelves, **names;
	char path[CAS_PATH_MAX];
	size_t nshelves, n;

	if (tree_list(&a, k->c->dirfd, "blobs", &shelves, &nshelves, err) < 0)
		return -1;
	for (size_t i = 0; i < nshelves; i++) {
		(void)snprintf(path, sizeof(path), "blobs/%s", shelves[i]);
		if (tree_list(&a, k->c->dirfd, path, &names, &n, err) < 0)
			return -1;
		for (size_t j = 0; j < n; j++) {
			if (check_blob(k, shelves[i], names[j], err) < 0)
				return -1;
		}
	}
	return 0;
}

static bool
same_entry(const struct manifest_entry *a, const struct manifest_entry *b)
{
	if (strcmp(a->path, b->path) != 0 || a->type != b->type)
		return false;
	if (a->type == MANIFEST_LINK)
		return strcmp(a->target, b->target) == 0;
	/* A manifest may say 0755 of what the store keeps as 0555. */
	if (!(a->mode & 0111) != !(b->mode & 0111))
		return false;
	return a->type == MANIFEST_DIR ||
	       (a->size == b->size && digest_equal(&a->digest, &b->digest));
}

static bool
tree_is_good(struct check *k, const char *name)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(CAS_MANIFEST_MAX);
	struct manifest said, found;
	struct err ignored;
	char path[CAS_PATH_MAX];

	(void)snprintf(path, sizeof(path), "trees/%s", name);
	if (cas_tree_manifest(k->c, name, &text, &ignored) < 0 ||
	    manifest_parse(&a, buf_text(&text), text.len, name, &said, &ignored) < 0 ||
	    manifest_scan(&a, k->c->dirfd, path, &found, &ignored) < 0 || said.n != found.n)
		return false;
	for (size_t i = 0; i < said.n; i++) {
		if (!same_entry(&said.at[i], &found.at[i]))
			return false;
	}
	return true;
}

static int
check_trees(struct check *k, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	char path[CAS_PATH_MAX];
	size_t n;

	if (tree_list(&a, k->c->dirfd, "trees", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		k->out->trees++;
		if (tree_is_good(k, names[i]))
			continue;
		(void)snprintf(path, sizeof(path), "trees/%s", names[i]);
		if (condemn(k, path, err) < 0)
			return -1;
	}
	return 0;
}

int
cas_check(struct cas *c, bool repair, void (*bad)(void *, const char *what), void *arg,
	  struct cas_report *out, struct err *err)
{
	struct check k = { .c = c, .repair = repair, .bad = bad, .arg = arg, .out = out };
	CLEANUP(fd_close) int lock = -1;

	*out = (struct cas_report){ 0 };
	/* While nothing is collected, nothing that is there goes. */
	if (cas_lock(c, CAS_LOCK_OF_GC, &lock, err) < 0)
		return -1;
	if (check_blobs(&k, err) < 0 || check_trees(&k, err) < 0)
		return err_wrap(err, "store %s", c->path);
	return 0;
}
