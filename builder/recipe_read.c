/* SPDX-License-Identifier: Apache-2.0 */
/* One reader for each kind of value that a recipe may hold. */
#include "builder/recipe_priv.h"
#include "base/clock.h"
#include "base/mem.h"
#include <ctype.h>

#define SHOWN_MAX 80
#define COUNT_MAX 1000000
#define ID_MAX    60000

static void *
slot(const struct recipe_value *v)
{
	return (char *)v->base + v->field->at;
}

static void
set_text(const struct recipe_value *v, const char *text)
{
	if (v->field->at != RECIPE_NOWHERE)
		*(const char **)slot(v) = text;
}

/* A list's items and their number. */
void
recipe_read_set_list(const struct recipe_value *v, void *items, size_t n)
{
	memcpy(slot(v), &items, sizeof(items));
	*(size_t *)(void *)((char *)v->base + v->field->count) = n;
}

const char *
recipe_read_shown(struct arena *a, const char *s)
{
	bool cut = strlen(s) > SHOWN_MAX;
	char *shown = arena_strndup(a, s, SHOWN_MAX);
	size_t len = strlen(shown);

	for (char *p = shown; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	if (!cut)
		return shown;
	while (len && ((unsigned char)shown[len - 1] & 0xc0) == 0x80)
		len--;
	if (len && (unsigned char)shown[len - 1] >= 0xc0)
		len--;
	return arena_format(a, "%.*s...", (int)len, shown);
}

static const char *
kind_word(const struct doc *d)
{
	switch (d->kind) {
	case DOC_LIST:
		return "a list";
	case DOC_MAP:
		return "a map";
	case DOC_NULL:
		return "nothing";
	case DOC_TEXT:
	case DOC_INT:
	case DOC_BOOL:
		break;
	}
	return "text";
}

int
recipe_read_wrong(struct recipe_reader *r, const struct recipe_value *v, const char *what,
		  struct err *err)
{
	if (v->doc->kind == DOC_TEXT && *v->doc->text)
		return doc_error(v->doc, r->path, err, "'%s' must be %s, not '%s'",
				 v->field->name, what, recipe_read_shown(r->a, v->doc->text));
	return doc_error(v->doc, r->path, err, "'%s' must be %s, not %s", v->field->name, what,
			 v->doc->kind == DOC_TEXT ? "nothing" : kind_word(v->doc));
}

/* The scalar's text within its limits, or NULL with *err set. */
static const char *
text_of(struct recipe_reader *r, const struct recipe_value *v, bool lines, struct err *err)
{
	size_t max = lines ? RECIPE_SCRIPT_MAX : RECIPE_LINE_MAX;
	const char *s = v->doc->text;

	if (v->doc->kind != DOC_TEXT || !*s) {
		(void)recipe_read_wrong(r, v, "text", err);
		return NULL;
	}
	if (strlen(s) > max) {
		(void)doc_error(v->doc, r->path, err, "'%s' is longer than %zu bytes",
				v->field->name, max);
		return NULL;
	}
	for (const char *p = s; *p; p++)
		if (iscntrl((unsigned char)*p) && !(lines && (*p == '\n' || *p == '\t'))) {
			(void)doc_error(v->doc, r->path, err, "'%s' holds a control character",
					v->field->name);
			return NULL;
		}
	return s;
}

/* Replaces {name} and {version}; any other use of a brace is an error. */
static const char *
expand(struct recipe_reader *r, const struct recipe_value *v, const char *s, struct err *err)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(RECIPE_LINE_MAX * 4);

	while (*s) {
		size_t plain = strcspn(s, "{}");

		buf_add(&out, s, plain);
		s += plain;
		if (!strncmp(s, "{name}", 6)) {
			buf_add_str(&out, r->name);
			s += 6;
		} else if (!strncmp(s, "{version}", 9)) {
			buf_add_str(&out, r->version);
			s += 9;
		} else if (*s) {
			(void)doc_error(v->doc, r->path, err,
					"'%s' may hold {name} and {version}, not '%.*s'",
					v->field->name,
					(int)strcspn(s, "}") + (strchr(s, '}') ? 1 : 0),
					recipe_read_shown(r->a, s));
			return NULL;
		}
	}
	if (buf_check(&out, v->field->name, err) < 0)
		return NULL;
	return arena_strdup(r->a, buf_text(&out));
}

static const char *
checked_text(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char *s = text_of(r, v, false, err);
	const char *what;

	if (s && (v->field->flags & RECIPE_EXPAND))
		s = expand(r, v, s, err);
	if (!s || !v->field->wrong)
		return s;
	what = v->field->wrong(s);
	if (!what)
		return s;
	(void)recipe_read_wrong(r, v, what, err);
	return NULL;
}

int
recipe_read_text(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char *s = checked_text(r, v, err);

	if (!s)
		return -1;
	set_text(v, s);
	return 0;
}

int
recipe_read_prose(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char *s = text_of(r, v, true, err);

	if (!s)
		return -1;
	set_text(v, s);
	return 0;
}

int
recipe_read_script(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	if (recipe_read_prose(r, v, err) < 0)
		return -1;
	*(int *)(void *)((char *)v->base + v->field->count) = v->doc->line;
	return 0;
}

/* One item of a list as a value of the same field. */
static struct recipe_value
item_of(const struct recipe_value *v, size_t i)
{
	return (struct recipe_value){ .field = v->field,
				      .doc = v->doc->items[i].value,
				      .base = v->base };
}

int
recipe_read_check_list(struct recipe_reader *r, const struct recipe_value *v, const char *what,
		       struct err *err)
{
	if (v->doc->kind != DOC_LIST)
		return recipe_read_wrong(r, v, what, err);
	if (v->doc->n > RECIPE_LIST_MAX)
		return doc_error(v->doc, r->path, err, "'%s' has more than %zu items",
				 v->field->name, RECIPE_LIST_MAX);
	if (v->doc->n == 0)
		return doc_error(v->doc, r->path, err, "'%s' must have at least one item",
				 v->field->name);
	return 0;
}

/* Every item as checked text, in the arena. */
static const char **
texts_of(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char **at;

	if (recipe_read_check_list(r, v, "a list of text", err) < 0)
		return NULL;
	at = arena_array(r->a, v->doc->n, sizeof(*at));
	for (size_t i = 0; i < v->doc->n; i++) {
		struct recipe_value item = item_of(v, i);

		at[i] = checked_text(r, &item, err);
		if (!at[i])
			return NULL;
	}
	return at;
}

int
recipe_read_texts(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char **at = texts_of(r, v, err);

	if (!at)
		return -1;
	recipe_read_set_list(v, at, v->doc->n);
	return 0;
}

int
recipe_read_digest(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	if (v->doc->kind != DOC_TEXT || !digest_parse(v->doc->text, slot(v)))
		return recipe_read_wrong(r, v, "64 lower-case hex digits", err);
	return 0;
}

int
recipe_read_date(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	int64_t t;

	if (v->doc->kind != DOC_TEXT || !clock_parse(v->doc->text, &t))
		return recipe_read_wrong(r, v, "a date such as 2026-01-31", err);
	if (t <= 0 || t > UINT32_MAX) /* RPM's times are 32 bits */
		return recipe_read_wrong(r, v, "a date from 1970-01-02 to 2106-02-06", err);
	if (v->field->at != RECIPE_NOWHERE)
		*(int64_t *)slot(v) = t;
	return 0;
}

int
recipe_read_bool(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	bool b;

	if (!doc_bool(v->doc, &b))
		return recipe_read_wrong(r, v, "true or false", err);
	*(bool *)slot(v) = b;
	return 0;
}

/* Decimal digits and then exactly a unit of the table. */
struct unit {
	const char *word;
	uint64_t factor;
};

static bool
measure(const struct doc *d, const struct unit *units, size_t n, uint64_t max, uint64_t *out)
{
	const char *s = d->kind == DOC_TEXT ? d->text : "";
	size_t digits = strspn(s, "0123456789");
	uint64_t v = 0;

	if (!digits || digits > 18)
		return false;
	for (size_t i = 0; i < digits; i++)
		v = v * 10 + (uint64_t)(s[i] - '0');
	for (size_t i = 0; i < n; i++)
		if (!strcmp(s + digits, units[i].word)) {
			*out = v * units[i].factor;
			return v > 0 && v <= max / units[i].factor;
		}
	return false;
}

bool
recipe_read_bytes(const struct doc *d, uint64_t *out)
{
	static const struct unit units[] = { { "", 1 },
					     { "KiB", 1024 },
					     { "MiB", 1024 * 1024 },
					     { "GiB", 1024 * 1024 * 1024 },
					     { "TiB", (uint64_t)1 << 40 } };

	return measure(d, units, ARRAY_LEN(units), RECIPE_SIZE_MAX, out);
}

int
recipe_read_size(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	if (!recipe_read_bytes(v->doc, slot(v)))
		return recipe_read_wrong(r, v, "a size such as 512MiB or 2GiB", err);
	return 0;
}

int
recipe_read_duration(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	static const struct unit units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	uint64_t seconds;

	if (!measure(v->doc, units, ARRAY_LEN(units), COUNT_MAX, &seconds))
		return recipe_read_wrong(r, v, "a duration such as 90s, 20m or 2h", err);
	*(unsigned *)slot(v) = (unsigned)seconds;
	return 0;
}

/* A count that may be zero only where nothing to count is meaningful. */
int
recipe_read_count(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	int64_t least = strcmp(v->field->name, "strip") ? 1 : 0;
	int64_t n;

	if (!doc_int(v->doc, &n) || n < least || n > COUNT_MAX)
		return recipe_read_wrong(r, v,
					 least ? "a whole number from 1 to 1000000"
					       : "a whole number from 0 to 1000000",
					 err);
	*(unsigned *)slot(v) = (unsigned)n;
	return 0;
}

int
recipe_read_number(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	int64_t n;

	if (!doc_int(v->doc, &n) || n < 0 || n > INT32_MAX)
		return recipe_read_wrong(r, v, "a whole number from 0 to 2147483647", err);
	*(int64_t *)slot(v) = n;
	return 0;
}

/* Of an account: 0 is root's, and the highest numbers mean something else to the kernel. */
int
recipe_read_id(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	int64_t n;

	if (!doc_int(v->doc, &n) || n < 1 || n > ID_MAX)
		return recipe_read_wrong(r, v, "a whole number from 1 to 60000", err);
	*(int64_t *)slot(v) = n;
	return 0;
}

int
recipe_read_mode(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char *s = v->doc->kind == DOC_TEXT ? v->doc->text : "";
	size_t digits = strspn(s, "01234567");
	int mode = 0;

	if (s[digits] || digits < 3 || digits > 4)
		return recipe_read_wrong(r, v, "an octal number such as \"0755\"", err);
	for (; *s; s++)
		mode = mode * 8 + (*s - '0');
	*(int *)slot(v) = mode;
	return 0;
}

int
recipe_read_deps(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char **texts = texts_of(r, v, err);
	struct pkgdeps deps;

	if (!texts)
		return -1;
	deps.n = v->doc->n;
	deps.at = arena_array(r->a, deps.n, sizeof(*deps.at));
	for (size_t i = 0; i < deps.n; i++) {
		struct err why;

		if (pkgdep_parse(r->a, texts[i], &deps.at[i], &why) < 0)
			return doc_error(v->doc->items[i].value, r->path, err, "'%s': %s",
					 v->field->name, why.text);
	}
	pkgdep_sort(&deps);
	memcpy(slot(v), &deps, sizeof(deps));
	return 0;
}

/* Index of the first item that an earlier one equals, or n. */
static size_t
repeated(const char *const *at, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(at[i], at[j]))
				return i;
	return n;
}

static const char **
distinct_texts(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char **texts = texts_of(r, v, err);
	size_t i;

	if (!texts)
		return NULL;
	i = repeated(texts, v->doc->n);
	if (i == v->doc->n)
		return texts;
	(void)doc_error(v->doc->items[i].value, r->path, err, "'%s' names '%s' twice",
			v->field->name, texts[i]);
	return NULL;
}

int
recipe_read_needs(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char **texts = distinct_texts(r, v, err);
	struct recipe_need *needs;

	if (!texts)
		return -1;
	needs = arena_array(r->a, v->doc->n, sizeof(*needs));
	for (size_t i = 0; i < v->doc->n; i++) {
		const struct doc *d = v->doc->items[i].value;

		needs[i] = (struct recipe_need){ .name = texts[i],
						 .line = d->line,
						 .col = d->col };
	}
	recipe_read_set_list(v, needs, v->doc->n);
	return 0;
}

/* One patch: the name of its file, or a map that says what it settles, too. */
static int
read_patch(struct recipe_reader *r, const struct recipe_value *v, struct recipe_patch *p,
	   struct err *err)
{
	p->level = 1;
	p->line = v->doc->line;
	p->col = v->doc->col;
	if (v->doc->kind == DOC_MAP)
		return recipe_table_read(r, v->field->sub, v->doc, p, err);
	p->file = checked_text(r, v, err);
	return p->file ? 0 : -1;
}

static bool
is_same_patch(const struct recipe_patch *x, const struct recipe_patch *y)
{
	if (x->file && y->file)
		return strcmp(x->file, y->file) == 0;
	return x->member && y->member && strcmp(x->member, y->member) == 0 &&
	       digest_equal(&x->sha256, &y->sha256);
}

int
recipe_read_patches(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	struct recipe_patch *patches;

	if (recipe_read_check_list(r, v, "a list of text", err) < 0)
		return -1;
	patches = arena_array(r->a, v->doc->n, sizeof(*patches));
	for (size_t i = 0; i < v->doc->n; i++) {
		const struct recipe_value item = item_of(v, i);

		patches[i].order = i + 1;
		if (read_patch(r, &item, &patches[i], err) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (is_same_patch(&patches[k], &patches[i]))
				return doc_error(item.doc, r->path, err,
						 "'%s' names '%s' twice", v->field->name,
						 patches[i].file ? patches[i].file
								 : patches[i].member);
	}
	recipe_read_set_list(v, patches, v->doc->n);
	return 0;
}

static int
by_env_name(const void *x, const void *y)
{
	return strcmp(((const struct recipe_env *)x)->name,
		      ((const struct recipe_env *)y)->name);
}

int
recipe_read_env(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	struct recipe_env *env;

	if (v->doc->kind != DOC_MAP || v->doc->n > RECIPE_LIST_MAX)
		return recipe_read_wrong(r, v, "a map of text", err);
	env = arena_array(r->a, v->doc->n, sizeof(*env));
	for (size_t i = 0; i < v->doc->n; i++) {
		const struct doc_item *item = &v->doc->items[i];
		struct doc at = { .line = item->key_line, .col = item->key_col };
		const char *why;

		env[i].name = item->key;
		env[i].value = item->value->text;
		if (!recipe_words_is_env(item->key, &why))
			return doc_error(&at, r->path, err, "'%s' cannot set '%s': %s",
					 v->field->name, recipe_read_shown(r->a, item->key),
					 why);
		if (item->value->kind != DOC_TEXT || strlen(env[i].value) > RECIPE_LINE_MAX)
			return doc_error(item->value, r->path, err,
					 "'%s' must be text of at most %zu bytes", item->key,
					 RECIPE_LINE_MAX);
	}
	qsort(env, v->doc->n, sizeof(*env), by_env_name);
	recipe_read_set_list(v, env, v->doc->n);
	return 0;
}

int
recipe_read_arch(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char *s = v->doc->kind == DOC_TEXT ? v->doc->text : "";
	bool noarch = !strcmp(s, "noarch");

	if (!noarch && strcmp(s, "x86_64") != 0)
		return recipe_read_wrong(r, v, "x86_64 or noarch", err);
	*(bool *)slot(v) = noarch;
	return 0;
}

int
recipe_read_proc(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char *s = v->doc->kind == DOC_TEXT ? v->doc->text : "";
	bool full = !strcmp(s, "full");

	if (!full && strcmp(s, "own") != 0)
		return recipe_read_wrong(r, v, "own or full", err);
	*(bool *)slot(v) = full;
	return 0;
}

/* `audit:` of a stage or a workspace. */
int
recipe_read_strict(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char *s = v->doc->kind == DOC_TEXT ? v->doc->text : "";
	bool strict = !strcmp(s, "strict");

	if (!strict && strcmp(s, "off") != 0)
		return recipe_read_wrong(r, v, "strict or off", err);
	*(bool *)slot(v) = strict;
	return 0;
}

int
recipe_read_format(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	int64_t n;

	if (doc_int(v->doc, &n) && n == 1)
		return 0;
	(void)recipe_read_wrong(r, v, "1", err);
	return err_hint(err, "a later format needs a later Kiln");
}

int
recipe_read_license(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const char *s = text_of(r, v, false, err);
	const char *why = NULL, *instead = NULL;

	if (!s)
		return -1;
	if (recipe_spdx_check(r->a, s, &why, &instead) < 0 && instead)
		return doc_error(v->doc, r->path, err, "'%s': %s (did you mean '%s'?)",
				 v->field->name, why, instead);
	if (why)
		return doc_error(v->doc, r->path, err, "'%s': %s", v->field->name, why);
	set_text(v, s);
	return 0;
}
