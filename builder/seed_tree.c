/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of the store: one per seed package, unpacked in a chamber, and one of the fix-ups. */
#include "builder/seed_priv.h"
#include "base/fd.h"
#include "base/manifest.h"
#include "base/tar.h"

#define MANIFEST_MAX_BYTES ((size_t)1024 * 1024)
#define LINK_MAX           ((size_t)4000)
#define TREE_NAME_MAX      80

/* The name changes with the code that makes the tree ("-1"), so that old trees are not taken.
 */
static const char *
tree_name(struct arena *a, const char *kind, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return arena_format(a, "%s-%s-1", kind, hex);
}

/* The directories above path. */
static int
make_parents(int dirfd, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char parent[LINK_MAX + 1];

	if (!slash)
		return 0;
	if ((size_t)(slash - path) > LINK_MAX)
		return err_set(err, ERR_LIMIT, "path too long");
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	return fd_mkdirs(dirfd, parent, err);
}

static int
make_file(int dirfd, const struct doc_item *item, mode_t mode, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (make_parents(dirfd, item->key, err) < 0 ||
	    fd_create(dirfd, item->key, mode, &fd, err) < 0 ||
	    fd_write_all(fd, item->value->text, strlen(item->value->text), err) < 0)
		return -1;
	return fd_close(&fd, item->key, err);
}

/* Links come last: none is ever written through, because a path that leads over one is then
 * already a directory, and the link fails. */
static int
make_link(int dirfd, const struct doc_item *item, struct err *err)
{
	if (make_parents(dirfd, item->key, err) < 0)
		return -1;
	if (symlinkat(item->value->text, dirfd, item->key) < 0)
		return err_sys(err, "link");
	return 0;
}

static int
make_files(int dirfd, const struct seed *seed, const char *key, mode_t mode, struct err *err)
{
	const struct doc *files = doc_get(seed->fixups, key);

	for (size_t i = 0; files && i < files->n; i++)
		if (make_file(dirfd, &files->items[i], mode, err) < 0)
			return err_wrap(err, "%s:%d: '%s'", seed->yaml,
					files->items[i].key_line, files->items[i].key);
	return 0;
}

static int
fill(int dirfd, const struct seed *seed, struct err *err)
{
	const struct doc *dirs = doc_get(seed->fixups, "directories");
	const struct doc *links = doc_get(seed->fixups, "links");

	for (size_t i = 0; dirs && i < dirs->n; i++)
		if (fd_mkdirs(dirfd, dirs->items[i].value->text, err) < 0)
			return -1;
	if (make_files(dirfd, seed, "files", 0644, err) < 0 ||
	    make_files(dirfd, seed, "programs", 0755, err) < 0)
		return -1;
	for (size_t i = 0; links && i < links->n; i++)
		if (make_link(dirfd, &links->items[i], err) < 0)
			return err_wrap(err, "%s:%d: '%s'", seed->yaml,
					links->items[i].key_line, links->items[i].key);
	return 0;
}

/* What the manifest says must not depend on this process's umask. */
static void
settle_modes(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->at[i].type == MANIFEST_FILE)
			m->at[i].mode = m->at[i].mode & 0100 ? 0755 : 0644;
		else if (m->at[i].type == MANIFEST_DIR)
			m->at[i].mode = 0755;
	}
}

static int
commit_fixups(struct cas *store, const char *tmp, int dirfd, const char *name,
	      const struct seed *seed, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(MANIFEST_MAX_BYTES);
	CLEANUP(fd_close) int tree = -1;
	struct manifest m;

	if (fd_mkdirs(dirfd, "tree", err) < 0 ||
	    fd_open_beneath(dirfd, "tree", O_RDONLY | O_DIRECTORY, &tree, err) < 0 ||
	    fill(tree, seed, err) < 0 || manifest_scan(&a, dirfd, "tree", &m, err) < 0)
		return -1;
	settle_modes(&m);
	manifest_write(&m, &text);
	if (buf_check(&text, "manifest of the fix-ups", err) < 0)
		return -1;
	return cas_tree_commit(store, tmp, "tree", name, buf_text(&text), text.len, err);
}

static int
make_fixups(struct cas *store, const struct seed *seed, const char *name, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	char tmp[64], path[TREE_NAME_MAX];
	int rc;

	if (cas_tree_has(store, name))
		return 0;
	if (cas_tmp_dir(store, tmp, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "tmp/%s", tmp);
	rc = fd_open_beneath(cas_dirfd(store), path, O_RDONLY | O_DIRECTORY, &dirfd, err);
	if (rc == 0)
		rc = commit_fixups(store, tmp, dirfd, name, seed, err);
	cas_tmp_drop(store, tmp);
	return rc;
}

bool
seed_tree_has(const struct cas *store, const struct seed_package *p)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	return cas_tree_has(store, tree_name(&a, p->built ? "rpm" : "deb", &p->sha256));
}

int
seed_held(const struct cas *store, const struct seed_package *p, bool *unpacked,
	  struct seed_held *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES);
	const char *name = tree_name(&a, p->built ? "rpm" : "deb", &p->sha256);
	struct manifest m;

	*unpacked = cas_tree_has(store, name);
	*out = (struct seed_held){ 0 };
	if (!*unpacked)
		return 0;
	if (cas_tree_manifest(store, name, &text, err) < 0 ||
	    manifest_parse(&a, buf_text(&text), text.len, name, &m, err) < 0)
		return -1;
	for (size_t i = 0; i < m.n; i++) {
		const struct manifest_entry *e = &m.at[i];

		out->links += e->type == MANIFEST_LINK;
		out->files += e->type == MANIFEST_FILE;
		out->bytes += e->type == MANIFEST_FILE && !e->hardlink ? e->size : 0;
	}
	return 0;
}

static int
make_package(struct sandbox *s, struct cas *store, const struct seed_package *p,
	     const char *name, struct err *err)
{
	if (cas_tree_has(store, name))
		return 0;
	if (p->built) {
		if (sandbox_unpack_tree(s, store, &p->sha256, TAR_RPM, name, err) < 0)
			return err_wrap(err, "package '%s' of stage '%s'", p->name,
					p->location);
		return 0;
	}
	if (!cas_keep(store, &p->sha256)) {
		(void)err_set(err, ERR_FETCH, "%s:%d: seed package '%s' is not in the store",
			      p->lock, p->line, p->name);
		return err_hint(err, "run `kiln fetch`");
	}
	if (sandbox_unpack_tree(s, store, &p->sha256, TAR_DEB, name, err) < 0)
		return err_wrap(err, "seed package '%s'", p->name);
	return 0;
}

int
seed_trees(struct arena *a, struct sandbox *s, struct cas *store, const struct seed *seed,
	   const struct seed_package *const *packages, size_t n, const char ***trees,
	   size_t *ntrees, struct err *err)
{
	const char **names = arena_array(a, n + 1, sizeof(*names));

	names[0] = tree_name(a, "fix", &seed->fixups_digest);
	if (make_fixups(store, seed, names[0], err) < 0)
		return err_wrap(err, "fix-ups");
	for (size_t i = 0; i < n; i++) {
		names[i + 1] =
			tree_name(a, packages[i]->built ? "rpm" : "deb", &packages[i]->sha256);
		if (make_package(s, store, packages[i], names[i + 1], err) < 0)
			return -1;
	}
	*trees = names;
	*ntrees = n + 1;
	return 0;
}
