/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/verify_memory.h"

#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"

#include <sys/file.h>

#define LOCK "seen.lock"

struct seen {
	uint64_t size;
	struct digest root;
};
struct seen_log { /* by size, all of one history */
	struct seen at[VERIFY_MEMORY_SIZES + 1];
	size_t n;
};

struct verify_memory {
	struct arena arena;
	const char *dir;
	struct dict logs, repositories;         /* vkey -> seen_log, id -> repository */
	struct dict new_logs, new_repositories; /* not yet on disk */
};

static const char *
log_name(struct arena *a, const struct note_key *key)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);

	note_key_write(key, &text);
	return arena_strdup(a, buf_text(&text));
}

static void
keep_seen(struct verify_memory *m, struct dict *where, const char *name, const struct seen *s)
{
	struct seen_log *l = dict_get(where, name);
	size_t i;

	if (!l) {
		l = arena_alloc(&m->arena, sizeof(*l));
		dict_set(where, name, l);
	}
	for (i = l->n; i > 0 && l->at[i - 1].size > s->size; i--)
		;
	if (i > 0 && l->at[i - 1].size == s->size)
		return;
	memmove(&l->at[i + 1], &l->at[i], (l->n - i) * sizeof(l->at[0]));
	l->at[i] = *s;
	if (++l->n > VERIFY_MEMORY_SIZES)
		memmove(&l->at[0], &l->at[1], --l->n * sizeof(l->at[0]));
}

/* Only ever grows. */
static void
keep_repository(struct verify_memory *m, struct dict *where, const char *id,
		const struct verify_memory_repository *r)
{
	struct verify_memory_repository *old = dict_get(where, id);

	if (!old) {
		old = arena_alloc(&m->arena, sizeof(*old));
		dict_set(where, id, old);
	}
	old->revision = KILN_MAX(old->revision, r->revision);
	old->log = KILN_MAX(old->log, r->log);
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
get_size(const struct doc *d, const char *key, uint64_t *out)
{
	int64_t size;

	if (!doc_int(doc_get(d, key), &size) || size < 0 || (uint64_t)size > TLOG_MAX_SIZE)
		return false;
	*out = (uint64_t)size;
	return true;
}

static bool
read_log(struct verify_memory *m, const struct doc *d)
{
	const char *key = doc_get_text(d, "key");
	const struct doc *list = doc_get(d, "seen");
	struct note_key parsed;
	struct err ignored;
	struct seen s;

	if (!key || d->n != 2 || note_key_parse(&m->arena, key, &parsed, &ignored) < 0 ||
	    !list || list->kind != DOC_LIST || list->n == 0 || list->n > VERIFY_MEMORY_SIZES)
		return false;
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *one = list->items[i].value;

		if (one->n != 2 || !get_size(one, "size", &s.size) || !get_root(one, &s.root))
			return false;
		keep_seen(m, &m->logs, key, &s);
	}
	return true;
}

static bool
read_repository(struct verify_memory *m, const struct doc *d)
{
	const char *id = doc_get_text(d, "id");
	struct verify_memory_repository r;

	if (!id || !*id || d->n != 3 || !doc_int(doc_get(d, "revision"), &r.revision) ||
	    r.revision < 0 || !get_size(d, "log", &r.log))
		return false;
	keep_repository(m, &m->repositories, id, &r);
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
	struct doc *d = doc_map(a), *list = doc_list(a);

	for (size_t i = 0; i < l->n; i++) {
		CLEANUP(buf_free) struct buf root = BUF_MAX(128);
		struct doc *one = doc_map(a);

		digest_base64(l->at[i].root.bytes, DIGEST_BYTES, &root);
		doc_set(a, one, "size", doc_number(a, (int64_t)l->at[i].size));
		doc_set_text(a, one, "root", buf_text(&root));
		doc_push(a, list, one);
	}
	doc_set_text(a, d, "key", key);
	doc_set(a, d, "seen", list);
	return d;
}

static struct doc *
repository_doc(struct arena *a, const char *id, const struct verify_memory_repository *r)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "id", id);
	doc_set(a, d, "revision", doc_number(a, r->revision));
	doc_set(a, d, "log", doc_number(a, (int64_t)r->log));
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
	for (size_t i = 0; i < m->repositories.n; i++) {
		const char *id = dict_at(&m->repositories, i, &value);

		doc_push(&a, list, repository_doc(&a, id, value));
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
	dict_release(&m->repositories);
	dict_release(&m->new_logs);
	dict_release(&m->new_repositories);
	arena_release(&m->arena);
	free(m);
}

bool
verify_memory_log(const struct verify_memory *m, const struct note_key *key,
		  struct tlog_checkpoint *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *name = log_name(&a, key);
	const struct seen_log *old = dict_get(&m->logs, name),
			      *new = dict_get(&m->new_logs, name);
	const struct seen *top = old ? &old->at[old->n - 1] : NULL;

	if (new && (!top || new->at[new->n - 1].size > top->size))
		top = &new->at[new->n - 1];
	if (!top)
		return false;
	*out = (struct tlog_checkpoint){ .origin = key->name,
					 .size = top->size,
					 .root = top->root };
	return true;
}

bool
verify_memory_knows(const struct verify_memory *m, const struct note_key *key,
		    const struct tlog_checkpoint *c, bool *same)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *name = log_name(&a, key);
	const struct seen_log *logs[] = { dict_get(&m->logs, name),
					  dict_get(&m->new_logs, name) };

	for (size_t k = 0; k < ARRAY_LEN(logs); k++)
		for (size_t i = 0; logs[k] && i < logs[k]->n; i++) {
			if (logs[k]->at[i].size != c->size)
				continue;
			*same = digest_equal(&logs[k]->at[i].root, &c->root);
			return true;
		}
	return false;
}

void
verify_memory_saw_log(struct verify_memory *m, const struct note_key *key,
		      const struct tlog_checkpoint *c)
{
	const struct seen s = { .size = c->size, .root = c->root };

	keep_seen(m, &m->new_logs, log_name(&m->arena, key), &s);
}

bool
verify_memory_repository(const struct verify_memory *m, const char *id,
			 struct verify_memory_repository *out)
{
	const struct verify_memory_repository *old = dict_get(&m->repositories, id),
					      *new = dict_get(&m->new_repositories, id);

	if (!old && !new)
		return false;
	*out = old ? *old : *new;
	if (new) {
		out->revision = KILN_MAX(out->revision, new->revision);
		out->log = KILN_MAX(out->log, new->log);
	}
	return true;
}

void
verify_memory_saw_repository(struct verify_memory *m, const char *id,
			     const struct verify_memory_repository *r)
{
	keep_repository(m, &m->new_repositories, id, r);
}

void
verify_memory_drop(struct verify_memory *m)
{
	dict_release(&m->new_logs);
	dict_release(&m->new_repositories);
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

		for (size_t k = 0; k < l->n; k++) {
			bool known = false;

			for (size_t o = 0; old && o < old->n; o++)
				known |= old->at[o].size == l->at[k].size;
			grew |= !known;
			keep_seen(m, &m->logs, name, &l->at[k]);
		}
	}
	for (size_t i = 0; i < m->new_repositories.n; i++) {
		const char *id = dict_at(&m->new_repositories, i, &value);
		const struct verify_memory_repository *r = value,
						      *old = dict_get(&m->repositories, id);

		grew |= !old || r->revision > old->revision || r->log > old->log;
		keep_repository(m, &m->repositories, id, r);
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
