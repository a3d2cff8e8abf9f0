/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/verify_memory.h"

#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"

#include <sys/file.h>

#define LOCK "seen.lock"

struct seen_log {
	uint64_t size;
	struct digest root;
};

struct verify_memory {
	struct arena arena;
	const char *dir;
	struct dict logs, revisions;         /* vkey -> seen_log, id -> int64_t */
	struct dict new_logs, new_revisions; /* not yet on disk */
};

static const char *
log_name(struct arena *a, const struct note_key *key)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);

	note_key_write(key, &text);
	return arena_strdup(a, buf_text(&text));
}

/* Only ever grows. */
static void
keep_log(struct verify_memory *m, struct dict *where, const char *name,
	 const struct seen_log *l)
{
	struct seen_log *old = dict_get(where, name);

	if (!old) {
		old = arena_alloc(&m->arena, sizeof(*old));
		dict_set(where, name, old);
	}
	if (l->size >= old->size)
		*old = *l;
}

static void
keep_revision(struct verify_memory *m, struct dict *where, const char *id, int64_t revision)
{
	int64_t *old = dict_get(where, id);

	if (!old) {
		old = arena_alloc(&m->arena, sizeof(*old));
		dict_set(where, id, old);
	}
	*old = KILN_MAX(*old, revision);
}

static bool
get_root(const struct doc *d, struct digest *out)
{
	CLEANUP(buf_free) struct buf raw = BUF_MAX(2 * DIGEST_BYTES);
	const char *text = doc_get_text(d, "root");
	struct err ignored;

	if (!text || digest_unbase64(text, strlen(text), &raw, &ignored) < 0 ||
	    raw.len != DIGEST_BYTES)
		return false;
	memcpy(out->bytes, raw.data, DIGEST_BYTES);
	return true;
}

static bool
read_log(struct verify_memory *m, const struct doc *d)
{
	const char *key = doc_get_text(d, "key");
	struct note_key parsed;
	struct seen_log l;
	struct err ignored;
	int64_t size;

	if (!key || d->n != 3 || note_key_parse(&m->arena, key, &parsed, &ignored) < 0 ||
	    !doc_int(doc_get(d, "size"), &size) || size < 0 || !get_root(d, &l.root))
		return false;
	l.size = (uint64_t)size;
	keep_log(m, &m->logs, key, &l);
	return l.size <= TLOG_MAX_SIZE;
}

static bool
read_repository(struct verify_memory *m, const struct doc *d)
{
	const char *id = doc_get_text(d, "id");
	int64_t revision;

	if (!id || !*id || d->n != 2 || !doc_int(doc_get(d, "revision"), &revision) ||
	    revision < 0)
		return false;
	keep_revision(m, &m->revisions, id, revision);
	return true;
}

static bool
read_list(struct verify_memory *m, const struct doc *list,
	  bool (*read)(struct verify_memory *m, const struct doc *d))
{
	if (!list || list->kind != DOC_LIST || list->n > VERIFY_MEMORY_ITEMS)
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].value->kind != DOC_MAP || !read(m, list->items[i].value))
			return false;
	return true;
}

static int
damaged(struct err *err)
{
	(void)err_recode(err, ERR_VERIFY);
	return err_hint(
		err,
		"put back a copy of it; without it nobody can tell whether you are shown less than before");
}

int
verify_memory_parse(struct verify_memory *m, const char *text, size_t n, const char *name,
		    struct err *err)
{
	struct doc *root;
	int64_t format;

	if (json_parse(&m->arena, text, n, name, &root, err) < 0)
		return damaged(err);
	if (root->kind != DOC_MAP || !doc_int(doc_get(root, "format"), &format) ||
	    format != 1 || root->n != 3 || !read_list(m, doc_get(root, "logs"), read_log) ||
	    !read_list(m, doc_get(root, "repositories"), read_repository)) {
		err_set(err, ERR_VERIFY, "%s: this is not what Kiln remembers in format 1",
			name);
		return damaged(err);
	}
	return 0;
}

static struct doc *
log_doc(struct arena *a, const char *key, const struct seen_log *l)
{
	CLEANUP(buf_free) struct buf root = BUF_MAX(128);
	struct doc *d = doc_map(a);

	digest_base64(l->root.bytes, DIGEST_BYTES, &root);
	doc_set_text(a, d, "key", key);
	doc_set(a, d, "size", doc_number(a, (int64_t)l->size));
	doc_set_text(a, d, "root", buf_text(&root));
	return d;
}

int
verify_memory_write(struct verify_memory *m, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *root = doc_map(&a), *list = doc_list(&a);
	void *value;

	for (size_t i = 0; i < m->logs.n; i++) {
		const char *key = dict_at(&m->logs, i, &value);

		doc_push(&a, list, log_doc(&a, key, value));
	}
	doc_set(&a, root, "logs", list);
	list = doc_list(&a);
	for (size_t i = 0; i < m->revisions.n; i++) {
		struct doc *d = doc_map(&a);

		doc_set_text(&a, d, "id", dict_at(&m->revisions, i, &value));
		doc_set(&a, d, "revision", doc_number(&a, *(int64_t *)value));
		doc_push(&a, list, d);
	}
	doc_set(&a, root, "repositories", list);
	doc_set(&a, root, "format", doc_number(&a, 1));
	json_write(root, out);
	buf_add_char(out, '\n');
	return buf_check(out, VERIFY_MEMORY_FILE, err);
}

static int
load(struct verify_memory *m, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(VERIFY_MEMORY_BYTES);
	CLEANUP(fd_close) int fd = -1;
	const char *path = arena_format(&m->arena, "%s/" VERIFY_MEMORY_FILE, m->dir);

	if (fd_open(path, O_RDONLY, &fd, err) < 0)
		return err->sys == ENOENT || err->sys == ENOTDIR ? 0 : -1;
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "%s", path);
	return verify_memory_parse(m, buf_text(&text), text.len, path, err);
}

int
verify_memory_open(const char *dir, struct verify_memory **out, struct err *err)
{
	CLEANUP(verify_memory_free) struct verify_memory *m = mem_alloc(sizeof(*m));

	m->dir = arena_strdup(&m->arena, dir);
	if (load(m, err) < 0)
		return err_recode(err, ERR_VERIFY);
	*out = STEAL_PTR(m);
	return 0;
}

void
verify_memory_free(struct verify_memory *m)
{
	if (!m)
		return;
	dict_release(&m->logs);
	dict_release(&m->revisions);
	dict_release(&m->new_logs);
	dict_release(&m->new_revisions);
	arena_release(&m->arena);
	free(m);
}

bool
verify_memory_log(const struct verify_memory *m, const struct note_key *key,
		  struct tlog_checkpoint *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *name = log_name(&a, key);
	const struct seen_log *l = dict_get(&m->logs, name), *l2 = dict_get(&m->new_logs, name);

	if (l2 && (!l || l2->size > l->size))
		l = l2;
	if (!l)
		return false;
	*out = (struct tlog_checkpoint){ .origin = key->name,
					 .size = l->size,
					 .root = l->root };
	return true;
}

void
verify_memory_saw_log(struct verify_memory *m, const struct note_key *key,
		      const struct tlog_checkpoint *c)
{
	const struct seen_log l = { .size = c->size, .root = c->root };

	keep_log(m, &m->new_logs, log_name(&m->arena, key), &l);
}

bool
verify_memory_revision(const struct verify_memory *m, const char *id, int64_t *revision)
{
	const int64_t *r = dict_get(&m->revisions, id), *r2 = dict_get(&m->new_revisions, id);

	if (!r && !r2)
		return false;
	*revision = KILN_MAX(r ? *r : 0, r2 ? *r2 : 0);
	return true;
}

void
verify_memory_saw_revision(struct verify_memory *m, const char *id, int64_t revision)
{
	keep_revision(m, &m->new_revisions, id, revision);
}

void
verify_memory_drop(struct verify_memory *m)
{
	dict_release(&m->new_logs);
	dict_release(&m->new_revisions);
}

/* What was collected joins what is known. False: it was all known already. */
static bool
merge(struct verify_memory *m)
{
	bool grew = false;
	void *value;

	for (size_t i = 0; i < m->new_logs.n; i++) {
		const char *name = dict_at(&m->new_logs, i, &value);
		const struct seen_log *l = value, *old = dict_get(&m->logs, name);

		grew |= !old || l->size > old->size;
		keep_log(m, &m->logs, name, l);
	}
	for (size_t i = 0; i < m->new_revisions.n; i++) {
		const char *id = dict_at(&m->new_revisions, i, &value);
		const int64_t *r = value, *old = dict_get(&m->revisions, id);

		grew |= !old || *r > *old;
		keep_revision(m, &m->revisions, id, *r);
	}
	return grew;
}

static int
lock(int dirfd, int *fd, struct err *err)
{
	if (fd_open_beneath(dirfd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, fd, err) < 0)
		return -1;
	while (flock(*fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, "%s", LOCK);
	return 0;
}

int
verify_memory_commit(struct verify_memory *m, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(VERIFY_MEMORY_BYTES);
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(fd_close) int held = -1;

	if (!merge(m)) {
		verify_memory_drop(m);
		return 0;
	}
	if (fd_mkdirs(AT_FDCWD, m->dir, err) < 0 ||
	    fd_open(m->dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    lock(dirfd, &held, err) < 0 || load(m, err) < 0 ||
	    verify_memory_write(m, &text, err) < 0 ||
	    fd_publish(dirfd, VERIFY_MEMORY_FILE, text.data, text.len, 0644, err) < 0)
		return err_wrap(err, "remembering what was seen, in %s", m->dir);
	verify_memory_drop(m);
	return 0;
}
