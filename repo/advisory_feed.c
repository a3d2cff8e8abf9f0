/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where records come from: one JSON object, an array of them, lines, or any number of them one
 * after another; or a directory of such files, as OSV's archives unpack. A file is cut into
 * records without being read as a whole, so only one record needs to fit in memory.
 */
#include "repo/advisory_priv.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/tree.h"
#include "trust/verify.h"

#define CHUNK ((size_t)64 * 1024)

struct cut {
	const char *name;
	advisory_record_fn *each;
	void *arg;
	struct buf record; /* what was seen of the one that is open */
	size_t depth;
	bool array, closed; /* records stand in an array; it has ended */
	bool comma;         /* one was seen since the last record */
	bool text, escaped; /* inside a string; after a backslash */
	size_t records;
};

static int
misplaced(const struct cut *c, char at, struct err *err)
{
	err_set(err, ERR_INPUT, "%s: '%c' stands where an advisory should begin or end",
		c->name, at >= ' ' && at < 127 ? at : '?');
	return err_hint(err, "OSV records are JSON objects: one, an array, or one a line");
}

/* Between records. */
static int
take_between(struct cut *c, char at, struct err *err)
{
	bool begun = c->array || c->records;

	if (strchr(" \t\r\n", at) && at)
		return 0;
	if (at == '[' && !begun)
		c->array = true;
	else if (at == ']' && c->array && !c->closed && !c->comma)
		c->closed = true;
	else if (at == ',' && c->array && !c->closed && c->records && !c->comma)
		c->comma = true;
	else if (at == '{' && !c->closed && (!c->array || !c->records || c->comma))
		c->depth = 1;
	else
		return misplaced(c, at, err);
	return 0;
}

static void
take_within(struct cut *c, char at)
{
	if (c->escaped)
		c->escaped = false;
	else if (c->text && at == '\\')
		c->escaped = true;
	else if (at == '"')
		c->text = !c->text;
	else if (!c->text && (at == '{' || at == '['))
		c->depth++;
	else if (!c->text && (at == '}' || at == ']'))
		c->depth--;
}

static int
hand_over(struct cut *c, const char *text, size_t n, struct err *err)
{
	int rc;

	if (c->record.len) {
		buf_add(&c->record, text, n);
		if (c->record.overflow)
			return err_set(err, ERR_LIMIT, "%s: an advisory of more than %zu bytes",
				       c->name, c->record.max);
		text = c->record.data;
		n = c->record.len;
	}
	c->records++;
	c->comma = false;
	rc = c->each(c->arg, text, n, c->name, err);
	buf_clear(&c->record);
	return rc;
}

static int
take(struct cut *c, const char *text, size_t n, struct err *err)
{
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		if (c->depth == 0) {
			if (take_between(c, text[i], err) < 0)
				return -1;
			from = i;
			continue;
		}
		take_within(c, text[i]);
		if (c->depth == 0 && hand_over(c, text + from, i + 1 - from, err) < 0)
			return -1;
	}
	if (c->depth)
		buf_add(&c->record, text + from, n - from);
	return buf_check(&c->record, c->name, err);
}

static int
finish(const struct cut *c, struct err *err)
{
	if (c->depth || (c->array && !c->closed))
		return err_set(err, ERR_INPUT, "%s: ends in the middle of an advisory",
			       c->name);
	if (c->records == 0 && !c->closed) {
		err_set(err, ERR_INPUT, "%s: no advisory", c->name);
		return err_hint(err,
				"give OSV records: JSON, one or many, or a directory of them");
	}
	return 0;
}

static void
cut_release(struct cut *c)
{
	buf_free(&c->record);
}
DEFINE_RELEASE(struct cut, cut_release);

int
advisory_split_text(const char *text, size_t n, const char *name, advisory_record_fn *each,
		    void *arg, struct err *err)
{
	CLEANUP(cut_release)
	struct cut c = {
		.name = name, .each = each, .arg = arg, .record = BUF_MAX(ADVISORY_MAX_BYTES)
	};

	return take(&c, text, n, err) < 0 ? -1 : finish(&c, err);
}

int
advisory_split_fd(int fd, const char *name, advisory_record_fn *each, void *arg,
		  struct err *err)
{
	CLEANUP(cut_release)
	struct cut c = {
		.name = name, .each = each, .arg = arg, .record = BUF_MAX(ADVISORY_MAX_BYTES)
	};
	char chunk[CHUNK];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "%s", name);
		if (take(&c, chunk, (size_t)n, err) < 0)
			return -1;
	}
	return finish(&c, err);
}

static int
take_record(void *arg, const char *text, size_t n, const char *name, struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	struct doc *d;

	/* Scores stand in records as real numbers here and there; nothing of ours is a number.
	 */
	if (json_parse_opaque(&scratch, text, n, name, &d, err) < 0)
		return -1;
	return advisory_take(arg, &scratch, d, name, err);
}

struct walk {
	struct advisory_search *search;
	size_t files;
};

static bool
is_json(const char *name)
{
	size_t n = strlen(name);

	return (n > 5 && strcmp(name + n - 5, ".json") == 0) ||
	       (n > 6 && strcmp(name + n - 6, ".jsonl") == 0);
}

static int
take_file(void *arg, const struct tree_entry *e, struct err *err)
{
	struct walk *w = arg;
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;

	if (S_ISDIR(e->st->st_mode) || !is_json(e->name))
		return 0;
	w->files++;
	if (!S_ISREG(e->st->st_mode)) {
		err_set(err, ERR_INPUT, "%s is no plain file", verify_label(&a, e->path));
		return err_hint(err, "a feed is read through no link: copy what it leads to");
	}
	if (fd_open_plain(e->dirfd, e->name, &fd, NULL, err) < 0)
		return err_recode(err, ERR_INPUT);
	return advisory_split_fd(fd, verify_label(&a, e->path), take_record, w->search, err);
}

static int
take_dir(struct advisory_search *s, int fd, const char *path, struct err *err)
{
	struct walk w = { .search = s };

	if (tree_walk(fd, ".", take_file, &w, err) < 0)
		return err_wrap(err, "%s", path);
	if (w.files)
		return 0;
	err_set(err, ERR_INPUT, "%s: no file of it ends in .json", path);
	return err_hint(err, "unpack the archive first: `unzip all.zip -d DIR`");
}

static void
search_release(struct advisory_search *s)
{
	dict_release(&s->index);
	dict_release(&s->findings);
	VEC_FREE(&s->order);
}
DEFINE_RELEASE(struct advisory_search, search_release);

int
advisory_search(struct arena *a, const struct advisory_question *q, const char *path,
		struct advisory_answer *out, struct err *err)
{
	CLEANUP(search_release) struct advisory_search s = { .a = a, .question = q };
	CLEANUP(arena_release) struct arena names = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct stat st;
	int rc;

	if (fd_open(path, O_RDONLY, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "%s", path);
	advisory_index(&s);
	rc = S_ISDIR(st.st_mode)
		     ? take_dir(&s, fd, path, err)
		     : advisory_split_fd(fd, verify_label(&names, path), take_record, &s, err);
	if (rc < 0)
		return -1;
	advisory_tell(&s, out);
	return 0;
}

int
advisory_search_text(struct arena *a, const struct advisory_question *q, const char *text,
		     size_t n, const char *name, struct advisory_answer *out, struct err *err)
{
	CLEANUP(search_release) struct advisory_search s = { .a = a, .question = q };

	advisory_index(&s);
	if (advisory_split_text(text, n, name, take_record, &s, err) < 0)
		return -1;
	advisory_tell(&s, out);
	return 0;
}
