/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of versions: brought whole, read in a confined child, believed line by line. */
#include "base/fd.h"
#include "base/proc.h"
#include "base/vec.h"
#include "builder/recipe_priv.h"
#include "builder/update_priv.h"

#define SOURCES_MAX ((size_t)1024 * 1024 * 1024)
#define LINES_MAX   ((size_t)16 * 1024 * 1024)

struct reading {
	const struct buf *text;
	const char *pattern, *name;  /* of a page */
	const char *const *packages; /* of Sources */
	size_t npackages;
	int to;
};

static int
read_confined(void *arg, struct err *err)
{
	const struct reading *r = arg;
	CLEANUP(buf_free) struct buf lines = BUF_MAX(LINES_MAX);
	const char *text = buf_text(r->text);
	int rc;

	if (r->packages)
		rc = update_list_sources(text, r->text->len, r->packages, r->npackages, &lines,
					 err);
	else if (r->pattern)
		rc = update_list_page(text, r->text->len, r->pattern, r->name, &lines, err);
	else
		rc = update_list_tags(text, r->text->len, &lines, err);
	return rc < 0 ? -1 : fd_write_all(r->to, buf_text(&lines), lines.len, err);
}

typedef VEC(char *) line_vec;

/* The child's lines, cut where they end, in the arena. */
static int
read_lines(struct arena *a, struct reading *r, line_vec *out, struct err *err)
{
	CLEANUP(buf_free) struct buf lines = BUF_MAX(LINES_MAX);
	CLEANUP(fd_close) int to = -1;
	char *next;

	if (fd_memory("list", &to, err) < 0)
		return -1;
	r->to = to;
	if (proc_confined(read_confined, r, &to, 1, err) < 0)
		return -1;
	if (lseek(to, 0, SEEK_SET) < 0)
		return err_sys(err, "list");
	if (fd_read_all(to, &lines, err) < 0)
		return -1;
	next = arena_strndup(a, buf_text(&lines), lines.len);
	while (*next) {
		char *line = next;

		next += strcspn(next, "\n");
		if (*next)
			*next++ = '\0';
		VEC_PUSH(out, line);
	}
	return 0;
}

static int
find_names(struct arena *a, const char *url, struct reading *r, struct update_names *out,
	   struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(UPDATE_LIST_MAX);
	line_vec lines = { 0 };
	int rc = source_get(url, &text, err);

	r->text = &text;
	if (rc == 0)
		rc = read_lines(a, r, &lines, err);
	if (rc == 0) {
		out->n = lines.n;
		out->at = arena_array(a, lines.n, sizeof(*out->at));
		for (size_t i = 0; i < lines.n; i++)
			out->at[i] = lines.at[i];
	}
	VEC_FREE(&lines);
	return rc;
}

int
update_find_page(struct arena *a, const char *url, const char *pattern, const char *name,
		 struct update_names *out, struct err *err)
{
	struct reading r = { .pattern = pattern, .name = name };

	return find_names(a, url, &r, out, err);
}

int
update_find_tags(struct arena *a, const char *url, struct update_names *out, struct err *err)
{
	struct reading r = { .to = -1 };

	return find_names(a, arena_format(a, "%s/info/refs?service=git-upload-pack", url), &r,
			  out, err);
}

/* "pool/...\tSHA256\tSIZE" */
static int
take_file(struct arena *a, const char *archive, char *line, struct update_file *out,
	  struct err *err)
{
	char *sha = strchr(line, '\t'), *size = sha ? strchr(sha + 1, '\t') : NULL;

	if (!size)
		return err_set(err, ERR_FETCH, "the index has a wrong entry for a source");
	*sha++ = '\0';
	*size++ = '\0';
	*out = (struct update_file){ .location = arena_format(a, "%s:%s", archive, line),
				     .size = strtoull(size, NULL, 10) };
	if (!out->size || !digest_parse(sha, &out->sha256) ||
	    recipe_words_mirror(out->location))
		return err_set(err, ERR_FETCH, "the index has a wrong entry for a source");
	return 0;
}

typedef VEC(struct update_file) file_vec;

static int
read_suite(struct arena *a, const struct workspace *w, const struct source_index *index,
	   struct reading *r, file_vec *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SOURCES_MAX);
	line_vec lines = { 0 };
	int rc = seed_index_get(a, w, index, "source/Sources", &text, err);

	r->text = &text;
	if (rc == 0)
		rc = read_lines(a, r, &lines, err);
	for (size_t i = 0; rc == 0 && i < lines.n; i++) {
		struct update_file f;

		rc = take_file(a, index->archive, lines.at[i], &f, err);
		if (rc == 0)
			VEC_PUSH(out, f);
	}
	VEC_FREE(&lines);
	return rc;
}

static int
by_location(const void *x, const void *y)
{
	const struct update_file *a = x, *b = y;

	return strcmp(a->location, b->location);
}

int
update_find_archive(struct arena *a, const struct workspace *w, const char *const *packages,
		    size_t n, struct update_archive *out, struct err *err)
{
	struct reading r = { .packages = packages, .npackages = n };
	const struct source_index *indexes;
	file_vec found = { 0 };
	size_t nindexes = 0;
	int rc = source_apt_indexes(&indexes, &nindexes, err);

	for (size_t i = 0; rc == 0 && i < nindexes; i++)
		if (!seed_index_is_repeated(indexes, i))
			rc = read_suite(a, w, &indexes[i], &r, &found, err);
	if (rc == 0) {
		out->n = found.n;
		out->at = arena_array(a, found.n, sizeof(*out->at));
		if (found.n)
			memcpy(out->at, found.at, found.n * sizeof(*out->at));
		if (found.n)
			qsort(out->at, out->n, sizeof(*out->at), by_location);
	}
	VEC_FREE(&found);
	return rc;
}

const struct update_file *
update_find_file(const struct update_archive *v, const char *location)
{
	const struct update_file key = { .location = location };

	return v->n ? bsearch(&key, v->at, v->n, sizeof(*v->at), by_location) : NULL;
}
