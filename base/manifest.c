/* SPDX-License-Identifier: Apache-2.0 */
#include "base/manifest.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/tree.h"
#include "base/utf8.h"
#include "base/vec.h"

#define MANIFEST_FORMAT 1
#define PATH_MAX_BYTES  4000
#define NAME_MAX_BYTES  255
#define MODE_MASK_FILE  0777
#define MODE_MASK_DIR   01777

static const char *const type_words[] = { "file", "dir", "link" };

bool
manifest_is_path(const char *path)
{
	size_t len = strlen(path);

	if (len == 0 || len > PATH_MAX_BYTES || !utf8_is_printable(path, len))
		return false;
	while (true) {
		size_t n = strcspn(path, "/");

		if (n == 0 || n > NAME_MAX_BYTES || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[n])
			return true;
		path += n + 1;
	}
}

static int
by_path(const void *a, const void *b)
{
	const struct manifest_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* One more than an entry: what is needed to find files with several names. */
struct scanned {
	struct manifest_entry entry;
	dev_t dev;
	ino_t ino;
	nlink_t nlink;
};

struct scanning {
	struct arena *a;
	VEC(struct scanned) found;
};

static int
scan_file(const struct tree_entry *e, struct manifest_entry *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	fd = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "%s", e->path);
	if (e->st->st_mode & (S_ISUID | S_ISGID | S_ISVTX))
		return err_set(err, ERR_INPUT, "%s: set-id bits are not allowed", e->path);
	if (digest_fd(fd, &out->digest, &out->size, err) < 0)
		return err_wrap(err, "%s", e->path);
	out->type = MANIFEST_FILE;
	out->mode = e->st->st_mode & MODE_MASK_FILE;
	return 0;
}

static int
scan_link(struct arena *a, const struct tree_entry *e, struct manifest_entry *out,
	  struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(e->dirfd, e->name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(err, "%s", e->path);
	if (!utf8_is_printable(target, (size_t)n))
		return err_set(err, ERR_INPUT, "%s: its target is not printable UTF-8",
			       e->path);
	out->type = MANIFEST_LINK;
	out->target = arena_strndup(a, target, (size_t)n);
	return 0;
}

static int
scan_dir(const struct tree_entry *e, struct manifest_entry *out, struct err *err)
{
	if (e->st->st_mode & (S_ISUID | S_ISGID))
		return err_set(err, ERR_INPUT, "%s: set-id bits are not allowed", e->path);
	out->type = MANIFEST_DIR;
	out->mode = e->st->st_mode & MODE_MASK_DIR;
	return 0;
}

static int
scan_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	struct scanning *s = arg;
	struct scanned f = { .dev = e->st->st_dev,
			     .ino = e->st->st_ino,
			     .nlink = e->st->st_nlink };
	char shown[256];
	int rc;

	if (!manifest_is_path(e->path)) {
		utf8_show(e->path, shown, sizeof(shown));
		return err_set(err, ERR_INPUT, "%s: name is not printable UTF-8 or too long",
			       shown);
	}
	f.entry.path = arena_strdup(s->a, e->path);
	if (S_ISREG(e->st->st_mode))
		rc = scan_file(e, &f.entry, err);
	else if (S_ISLNK(e->st->st_mode))
		rc = scan_link(s->a, e, &f.entry, err);
	else if (S_ISDIR(e->st->st_mode))
		rc = scan_dir(e, &f.entry, err);
	else
		rc = err_set(err, ERR_INPUT, "%s: devices, pipes and sockets are not allowed",
			     e->path);
	if (rc == 0)
		VEC_PUSH(&s->found, f);
	return rc;
}

static int
scanned_by_path(const void *a, const void *b)
{
	const struct scanned *x = a, *y = b;

	return strcmp(x->entry.path, y->entry.path);
}

/* Sorted first, so that "the first name" does not depend on the order of the walk. */
static void
finish_scan(struct scanning *s, struct manifest *out)
{
	CLEANUP(dict_release) struct dict first = { 0 };

	qsort(s->found.at, s->found.n, sizeof(struct scanned), scanned_by_path);
	out->at = arena_array(s->a, s->found.n + 1, sizeof(*out->at));
	out->n = s->found.n;
	for (size_t i = 0; i < s->found.n; i++) {
		const struct scanned *f = &s->found.at[i];
		char id[64];

		out->at[i] = f->entry;
		if (f->entry.type != MANIFEST_FILE || f->nlink < 2)
			continue;
		(void)snprintf(id, sizeof(id), "%llx:%llx", (unsigned long long)f->dev,
			       (unsigned long long)f->ino);
		if (!dict_add(&first, id, &out->at[i]))
			out->at[i].hardlink =
				((struct manifest_entry *)dict_get(&first, id))->path;
	}
}

int
manifest_scan(struct arena *a, int dirfd, const char *path, struct manifest *out,
	      struct err *err)
{
	struct scanning s = { .a = a };
	int rc = tree_walk(dirfd, path, scan_entry, &s, err);

	if (rc == 0 && s.found.n)
		finish_scan(&s, out);
	else
		*out = (struct manifest){ 0 };
	VEC_FREE(&s.found);
	return rc;
}

static struct doc *
entry_doc(struct arena *a, const struct manifest_entry *e)
{
	struct doc *d = doc_map(a);
	char hex[DIGEST_HEX];

	doc_append(a, d, "path", doc_text(a, e->path));
	doc_append(a, d, "type", doc_text(a, type_words[e->type]));
	if (e->type != MANIFEST_LINK)
		doc_append(a, d, "mode", doc_number(a, e->mode));
	else
		doc_append(a, d, "target", doc_text(a, e->target));
	if (e->type == MANIFEST_FILE) {
		digest_hex(&e->digest, hex);
		doc_append(a, d, "size", doc_number(a, (int64_t)e->size));
		doc_append(a, d, "sha256", doc_text(a, hex));
	}
	if (e->hardlink)
		doc_append(a, d, "hardlink", doc_text(a, e->hardlink));
	return d;
}

void
manifest_write(const struct manifest *m, struct buf *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *root = doc_map(&a), *entries = doc_list(&a);

	for (size_t i = 0; i < m->n; i++)
		doc_push(&a, entries, entry_doc(&a, &m->at[i]));
	doc_append(&a, root, "format", doc_number(&a, MANIFEST_FORMAT));
	doc_append(&a, root, "entries", entries);
	json_write(root, out);
}

static bool
read_type(const struct doc *d, enum manifest_type *out)
{
	const char *word = doc_get_text(d, "type");

	for (size_t i = 0; word && i < ARRAY_LEN(type_words); i++) {
		if (strcmp(word, type_words[i]) == 0) {
			*out = (enum manifest_type)i;
			return true;
		}
	}
	return false;
}

static bool
read_mode(const struct doc *d, mode_t mask, mode_t *out)
{
	int64_t v;

	if (!doc_int(doc_get(d, "mode"), &v) || v < 0 || (v & ~(int64_t)mask))
		return false;
	*out = (mode_t)v;
	return true;
}

static bool
read_file(const struct doc *d, struct manifest_entry *out)
{
	const char *hex = doc_get_text(d, "sha256");
	const char *hardlink = doc_get_text(d, "hardlink");
	int64_t size;

	if (!hex || !digest_parse(hex, &out->digest) || !doc_int(doc_get(d, "size"), &size) ||
	    size < 0 || !read_mode(d, MODE_MASK_FILE, &out->mode))
		return false;
	if (doc_get(d, "hardlink") && (!hardlink || strcmp(hardlink, out->path) >= 0))
		return false;
	out->size = (uint64_t)size;
	out->hardlink = hardlink;
	return d->n == (hardlink ? 6U : 5U);
}

static bool
read_entry(const struct doc *d, struct manifest_entry *out)
{
	out->path = doc_get_text(d, "path");
	if (!out->path || !manifest_is_path(out->path) || !read_type(d, &out->type))
		return false;
	if (out->type == MANIFEST_FILE)
		return read_file(d, out);
	if (out->type == MANIFEST_DIR)
		return read_mode(d, MODE_MASK_DIR, &out->mode) && d->n == 3;
	out->target = doc_get_text(d, "target");
	return out->target && utf8_is_printable(out->target, strlen(out->target)) && d->n == 3;
}

/* An extra key, a wrong order, a later hard link target: whatever our writer would not write.
 */
int
manifest_parse(struct arena *a, const char *text, size_t n, const char *name,
	       struct manifest *out, struct err *err)
{
	struct doc *root = NULL, *entries;
	struct manifest m;
	char shown[256];
	int64_t format;

	if (json_parse(a, text, n, name, &root, err) < 0)
		return -1;
	entries = doc_get(root, "entries");
	if (!doc_int(doc_get(root, "format"), &format) || format != MANIFEST_FORMAT ||
	    root->n != 2 || !entries || entries->kind != DOC_LIST)
		return err_set(err, ERR_INPUT, "%s: not a manifest of format %d", name,
			       MANIFEST_FORMAT);
	m.n = entries->n;
	m.at = arena_array(a, m.n + 1, sizeof(*m.at));
	for (size_t i = 0; i < m.n; i++) {
		if (!read_entry(entries->items[i].value, &m.at[i])) {
			utf8_show(m.at[i].path ? m.at[i].path : "", shown, sizeof(shown));
			return err_set(err, ERR_INPUT, "%s: entry %zu ('%s') is not valid",
				       name, i, shown);
		}
		if (i && strcmp(m.at[i - 1].path, m.at[i].path) >= 0)
			return err_set(err, ERR_INPUT, "%s: entry '%s' is out of order", name,
				       m.at[i].path);
	}
	*out = m;
	return 0;
}

const struct manifest_entry *
manifest_find(const struct manifest *m, const char *path)
{
	struct manifest_entry key = { .path = path };

	return m->n ? bsearch(&key, m->at, m->n, sizeof(key), by_path) : NULL;
}
