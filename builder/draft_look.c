/* SPDX-License-Identifier: Apache-2.0 */
/* The confined child that reads the archive, and what is believed of its answer. */
#include "builder/draft_priv.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/manifest.h"
#include "base/proc.h"
#include "base/utf8.h"

#define ANSWER_MAX ((size_t)256 * 1024)
#define WORDS_MAX  1000
#define LIST_MAX   ((size_t)64)

struct looking {
	int from, to;
	const char *system;
};

static void
tell(struct arena *a, struct doc *d, const char *key, const char *text)
{
	char shown[WORDS_MAX];

	if (!text)
		return;
	utf8_show(text, shown, sizeof(shown));
	doc_set_text(a, d, key, shown);
}

static void
tell_list(struct arena *a, struct doc *d, const char *key, const char *const *texts, size_t n)
{
	struct doc *list = doc_list(a);
	char shown[WORDS_MAX];

	for (size_t i = 0; i < n && i < LIST_MAX; i++) {
		utf8_show(texts[i], shown, sizeof(shown));
		doc_push(a, list, doc_text(a, shown));
	}
	doc_set(a, d, key, list);
}

static int
look_confined(void *arg, struct err *err)
{
	const struct looking *l = arg;
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf answer = BUF_MAX(ANSWER_MAX);
	struct draft_seen seen = { 0 };
	struct doc *d = doc_map(&a);

	if (draft_sift(&a, l->from, l->system, &seen, err) < 0)
		return -1;
	tell(&a, d, "system", seen.system);
	tell(&a, d, "dir", seen.dir);
	doc_set(&a, d, "strip", doc_number(&a, seen.strip));
	doc_set(&a, d, "flags", doc_number(&a, seen.flags));
	tell(&a, d, "summary", seen.summary);
	tell(&a, d, "homepage", seen.homepage);
	tell(&a, d, "license", seen.license);
	tell(&a, d, "evidence", seen.evidence);
	tell_list(&a, d, "licenses", seen.licenses, seen.nlicenses);
	tell_list(&a, d, "needs", seen.needs, seen.nneeds);
	json_write(d, &answer);
	if (buf_check(&answer, "what the archive holds", err) < 0)
		return -1;
	return fd_write_all(l->to, buf_text(&answer), answer.len, err);
}

/* What stands in a script: no letter of it means anything to a shell. */
static bool
is_plain_path(const char *s)
{
	return !*s || (manifest_is_path(s) && !recipe_words_patch(s) && *s != '-');
}

/* What YAML takes for the end of a line, or for a mark of the encoding, though it counts as
 * printable. U+0085 does not. */
static bool
has_break(const char *s)
{
	static const char *const breaks[] = { "\u2028", "\u2029", "\ufeff" };

	for (size_t i = 0; i < ARRAY_LEN(breaks); i++)
		if (strstr(s, breaks[i]))
			return true;
	return false;
}

static const char *
hear(const struct doc *d, const char *key)
{
	const char *s = doc_get_text(d, key);

	return s && *s && utf8_is_printable(s, strlen(s)) && !has_break(s) ? s : NULL;
}

/* It names files of the archive and becomes a comment of the recipe: nothing but ASCII. */
static const char *
hear_evidence(struct arena *a, const struct doc *d)
{
	const char *s = doc_get_text(d, "evidence");
	char *shown = s ? arena_strdup(a, s) : NULL;

	for (char *at = shown; at && *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
	return shown;
}

static const char **
hear_list(struct arena *a, const struct doc *d, const char *key, bool (*is_right)(const char *),
	  size_t *n)
{
	const struct doc *list = doc_get(d, key);
	size_t count = list && list->kind == DOC_LIST ? list->n : 0;
	const char **out = arena_array(a, count + 1, sizeof(*out));

	for (size_t i = 0; i < count; i++) {
		const struct doc *one = list->items[i].value;

		if (one->kind == DOC_TEXT && *one->text && is_right(one->text))
			out[(*n)++] = one->text;
	}
	return out;
}

static bool
is_package(const char *s)
{
	return !recipe_words_name(s);
}

static int
believe(struct arena *a, const struct doc *d, struct draft_seen *out, struct err *err)
{
	const char *system = hear(d, "system"), *why, *instead;
	const struct doc *strip = doc_get(d, "strip"), *flags = doc_get(d, "flags");
	const char *dir = doc_get_text(d, "dir");

	if (!system || !dir || !strip || strip->kind != DOC_INT || !flags ||
	    flags->kind != DOC_INT)
		return err_set(err, ERR_INPUT, "the archive cannot be read");
	if (!is_plain_path(dir))
		return err_set(err, ERR_INPUT,
			       "its build system is in '%s', which no script of "
			       "ours can name",
			       dir);
	*out = (struct draft_seen){ .system = system,
				    .dir = dir,
				    .strip = strip->number ? 1 : 0,
				    .flags = (unsigned)flags->number,
				    .summary = hear(d, "summary"),
				    .homepage = hear(d, "homepage"),
				    .license = hear(d, "license"),
				    .evidence = hear_evidence(a, d) };
	if (out->license && recipe_spdx_check(a, out->license, &why, &instead) < 0)
		out->license = NULL;
	out->licenses = hear_list(a, d, "licenses", is_plain_path, &out->nlicenses);
	out->needs = hear_list(a, d, "needs", is_package, &out->nneeds);
	return 0;
}

int
draft_look(struct arena *a, int fd, const char *system, struct draft_seen *out, struct err *err)
{
	CLEANUP(buf_free) struct buf answer = BUF_MAX(ANSWER_MAX);
	CLEANUP(fd_close) int to = -1;
	struct looking l = { .from = fd, .system = system };
	struct doc *d;

	if (fd_memory("draft", &to, err) < 0)
		return -1;
	l.to = to;
	const int keep[] = { fd, to };

	if (proc_confined(look_confined, &l, keep, ARRAY_LEN(keep), err) < 0)
		return -1;
	if (lseek(to, 0, SEEK_SET) < 0)
		return err_sys(err, "draft");
	if (fd_read_all(to, &answer, err) < 0 ||
	    json_parse(a, buf_text(&answer), answer.len, "what the archive holds", &d, err) < 0)
		return -1;
	return believe(a, d, out, err);
}
