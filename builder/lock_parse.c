/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kiln.lock read back. Every line has one place where it may stand, so a reader that looks for
 * the next one is all there is; values stay where they are in the text.
 */
#include "builder/lock.h"
#include "base/json.h"
#include "base/vec.h"

#define WORD      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define PLAIN     WORD "+-._~@,/^%"
#define ITEMS_MAX ((size_t)1000000)
#define SHOWN_MAX 60

struct lines {
	struct arena *a;
	char *at, *end;
	char *cur; /* this line without its indent; NULL: none is left */
	size_t indent;
	int line;
};

static int
wrong(const struct lines *l, struct err *err, const char *what)
{
	(void)err_set(err, ERR_INPUT, "%s:%d: %s", LOCK_FILE, l->line, what);
	return err_hint(err,
			"`kiln lock` writes it anew from the recipes; look at the difference "
			"before you commit it");
}

static int
unexpected(const struct lines *l, const char *want, struct err *err)
{
	const char *got = l->cur ? l->cur : "";

	if (!l->cur)
		return wrong(l, err,
			     arena_format(l->a, "it ends where %s should follow", want));
	if (!strncmp(got, "<<<<<<<", 7) || !strncmp(got, "=======", 7) ||
	    !strncmp(got, ">>>>>>>", 7))
		return wrong(l, err, "it holds a merge conflict");
	return wrong(l, err,
		     arena_format(l->a, "'%.*s' stands where %s should", SHOWN_MAX, got, want));
}

/* Goes to the next line that says something. */
static void
next(struct lines *l)
{
	for (l->cur = NULL; l->at < l->end && !l->cur;) {
		char *start = l->at, *stop = memchr(start, '\n', (size_t)(l->end - start));

		l->line++;
		stop = stop ? stop : l->end;
		l->at = stop < l->end ? stop + 1 : stop;
		if (stop > start && stop[-1] == '\r')
			stop[-1] = '\0';
		*stop = '\0';
		l->indent = strspn(start, " ");
		if (start[l->indent] && start[l->indent] != '#')
			l->cur = start + l->indent;
	}
}

/* The value of "KEY: value" at this indent, and goes on; NULL when another line stands here. */
static char *
value(struct lines *l, size_t indent, const char *key)
{
	size_t n = strlen(key);
	char *v;

	if (!l->cur || l->indent != indent || strncmp(l->cur, key, n) != 0 ||
	    l->cur[n] != ':' || l->cur[n + 1] != ' ')
		return NULL;
	v = l->cur + n + 2;
	next(l);
	return v;
}

static bool
opens(struct lines *l, size_t indent, const char *key)
{
	size_t n = strlen(key);

	if (!l->cur || l->indent != indent || strncmp(l->cur, key, n) != 0 ||
	    strcmp(l->cur + n, ":") != 0)
		return false;
	next(l);
	return true;
}

/* Of versions and times. What YAML would take for more than a text is none. */
static bool
is_text(const char *v)
{
	size_t n = strlen(v);

	return n && strchr(WORD, *v) && strspn(v, PLAIN ":") == n && v[n - 1] != ':';
}

static int
take_text(struct lines *l, size_t indent, const char *key, const char **out, struct err *err)
{
	struct lines here = *l;
	const char *v = value(l, indent, key);

	if (!v)
		return unexpected(l, arena_format(l->a, "'%s:'", key), err);
	if (!is_text(v))
		return wrong(&here, err,
			     arena_format(l->a, "'%s' has no value of its kind", key));
	*out = v;
	return 0;
}

static int
take_digest(struct lines *l, size_t indent, const char *key, struct digest *out,
	    struct err *err)
{
	struct lines here = *l;
	const char *v = value(l, indent, key);

	if (!v)
		return unexpected(l, arena_format(l->a, "'%s:'", key), err);
	if (!digest_parse(v, out))
		return wrong(&here, err, arena_format(l->a, "'%s' is no SHA-256", key));
	return 0;
}

/* %XX back to bytes, in place; false unless it is spelled as lock_write spells it. */
static bool
unquote(char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *to = s;

	for (; *s; s++, to++) {
		const char *high, *low;

		*to = *s;
		if (*s != '%')
			continue;
		high = s[1] ? strchr(digits, s[1]) : NULL;
		low = high && s[2] ? strchr(digits, s[2]) : NULL;
		if (!high || !low)
			return false;
		*to = (char)((high - digits) * 16 + (low - digits));
		if (!*to || (*to != '%' && strchr(PLAIN, *to)))
			return false;
		s += 2;
	}
	*to = '\0';
	return true;
}

/* "- HEX NAME" or "- HEX NAME VERSION" */
static bool
read_item(char *text, bool versions, struct lock_item *out)
{
	char *name = text + DIGEST_HEX - 1, *version;

	if (strlen(text) <= DIGEST_HEX || *name != ' ')
		return false;
	*name++ = '\0';
	version = strchr(name, ' ');
	if (versions != (version != NULL))
		return false;
	if (version)
		*version++ = '\0';
	out->name = name;
	out->version = version;
	return digest_parse(text, &out->sha256) && *name && !name[strspn(name, PLAIN)] &&
	       unquote(name) && (!version || is_text(version));
}

static int
take_items(struct lines *l, size_t indent, const char *key, bool versions,
	   struct lock_items *out, struct err *err)
{
	VEC(struct lock_item) found = { 0 };
	int rc = 0;

	if (!opens(l, indent, key))
		return 0;
	while (rc == 0 && l->cur && l->indent == indent + 2 && !strncmp(l->cur, "- ", 2)) {
		struct lines here = *l;
		char *text = l->cur + 2;
		struct lock_item item;

		next(l);
		if (found.n == ITEMS_MAX || !read_item(text, versions, &item))
			rc = wrong(&here, err,
				   arena_format(l->a, "an entry of '%s' is not as it should be",
						key));
		else
			VEC_PUSH(&found, item);
	}
	if (rc == 0 && !found.n)
		rc = unexpected(l, arena_format(l->a, "an entry of '%s'", key), err);
	out->n = found.n;
	out->at = arena_array(l->a, found.n, sizeof(*out->at));
	if (found.n)
		memcpy(out->at, found.at, found.n * sizeof(*out->at));
	VEC_FREE(&found);
	return rc;
}

/* Names go up, so that none stands twice. */
static int
check_order(const struct lines *l, const struct lock_items *items, const char *what,
	    struct err *err)
{
	for (size_t i = 1; i < items->n; i++) {
		int order = strcmp(items->at[i - 1].name, items->at[i].name);

		if (order >= 0)
			return wrong(l, err,
				     arena_format(l->a, "%s '%.*s' stands %s before this line",
						  what, SHOWN_MAX, items->at[i].name,
						  order ? "out of order" : "twice"));
	}
	return 0;
}

static int
take_sees(struct lines *l, struct lock_recipe *r, struct err *err)
{
	VEC(const char *) found = { 0 };
	int rc = 0;

	if (!opens(l, 4, "sees"))
		return 0;
	while (rc == 0 && l->cur && l->indent == 6 && !strncmp(l->cur, "- ", 2)) {
		const char *name = l->cur + 2;

		if (!*name || name[strspn(name, WORD "+-._")] || found.n == ITEMS_MAX ||
		    (found.n && strcmp(found.at[found.n - 1], name) >= 0))
			rc = wrong(l, err, "an entry of 'sees' is not as it should be");
		VEC_PUSH(&found, name);
		next(l);
	}
	if (rc == 0 && !found.n)
		rc = unexpected(l, "an entry of 'sees'", err);
	r->nsees = found.n;
	r->sees = arena_array(l->a, found.n, sizeof(*r->sees));
	if (found.n)
		memcpy(r->sees, found.at, found.n * sizeof(*r->sees));
	VEC_FREE(&found);
	return rc;
}

/* "zlib:" of two spaces; *name is NULL when no recipe begins here. */
static int
take_name(struct lines *l, const char *last, const char **name, struct err *err)
{
	size_t n = l->cur ? strlen(l->cur) : 0;
	char *text = l->cur;

	*name = NULL;
	if (!n)
		return 0;
	if (l->indent != 2 || text[n - 1] != ':' || strspn(text, WORD "+-._") != n - 1 ||
	    n < 2 || !strchr(WORD, *text))
		return unexpected(l, "the name of a recipe", err);
	text[n - 1] = '\0';
	if (last && strcmp(last, text) >= 0)
		return wrong(l, err,
			     arena_format(l->a, "recipe '%.*s' stands %s", SHOWN_MAX, text,
					  strcmp(last, text) ? "out of order" : "twice"));
	*name = text;
	next(l);
	return 0;
}

static int
take_recipe(struct lines *l, struct lock_recipe *r, struct err *err)
{
	if (take_text(l, 4, "version", &r->version, err) < 0 ||
	    take_digest(l, 4, "recipe", &r->recipe, err) < 0 ||
	    take_items(l, 4, "sources", false, &r->sources, err) < 0 ||
	    take_items(l, 4, "patches", false, &r->patches, err) < 0 ||
	    take_items(l, 4, "packages", false, &r->packages, err) < 0 ||
	    check_order(l, &r->packages, "package", err) < 0)
		return -1;
	r->resolved = r->packages.n > 0;
	if (!r->resolved)
		return 0;
	return take_digest(l, 4, "environment", &r->environment, err) < 0
		       ? -1
		       : take_sees(l, r, err);
}

static int
take_recipes(struct lines *l, struct lock *out, struct err *err)
{
	VEC(struct lock_recipe) found = { 0 };
	const char *last = NULL;
	int rc = 0;

	if (!l->cur)
		return 0;
	if (!opens(l, 0, "recipes"))
		return unexpected(l, "'recipes:'", err);
	for (;;) {
		struct lock_recipe r = { 0 };

		rc = take_name(l, last, &r.name, err);
		if (rc < 0 || !r.name)
			break;
		rc = take_recipe(l, &r, err);
		if (rc < 0)
			break;
		last = r.name;
		VEC_PUSH(&found, r);
	}
	if (rc == 0 && !found.n)
		rc = unexpected(l, "the name of a recipe", err);
	out->nrecipes = found.n;
	out->recipes = arena_array(l->a, found.n, sizeof(*out->recipes));
	if (found.n)
		memcpy(out->recipes, found.at, found.n * sizeof(*out->recipes));
	VEC_FREE(&found);
	return rc;
}

static int
take_format(struct lines *l, struct err *err)
{
	const char *text = value(l, 0, "format");
	size_t digits = text ? strspn(text, "0123456789") : 0;

	if (!text)
		return unexpected(l, "'format: 1'", err);
	if (!strcmp(text, "1"))
		return 0;
	if (!digits || text[digits] || *text == '0')
		return wrong(l, err, "'format' is no number");
	(void)err_set(err, ERR_INPUT,
		      "%s is of format %.20s, and this Kiln knows only format %d", LOCK_FILE,
		      text, LOCK_FORMAT);
	err->sys = EPROTO;
	return err_hint(err, "use the Kiln that wrote it, or a newer one");
}

static int
take_workspace(struct lines *l, struct lock *out, struct err *err)
{
	struct lines here;
	struct err why;
	struct doc *vendor;
	const char *text;

	if (!opens(l, 0, "workspace"))
		return unexpected(l, "'workspace:'", err);
	here = *l;
	text = value(l, 2, "vendor");
	if (!text)
		return unexpected(l, "'vendor:'", err);
	if (json_parse(l->a, text, strlen(text), LOCK_FILE, &vendor, &why) < 0 ||
	    vendor->kind != DOC_TEXT)
		return wrong(&here, err, "'vendor' is no text in double quotes");
	out->vendor = vendor->text;
	return take_text(l, 2, "epoch", &out->epoch, err);
}

int
lock_parse(struct arena *a, const char *text, size_t n, struct lock **out, struct err *err)
{
	struct lines l = { .a = a };
	struct lock *lock = arena_alloc(a, sizeof(*lock));

	if (n > LOCK_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%s is larger than 256 MiB", LOCK_FILE);
	l.at = arena_strndup(a, text, n);
	l.end = l.at + n;
	next(&l);
	if (memchr(text, 0, n))
		return wrong(&l, err, "it holds a zero byte");
	if (take_format(&l, err) < 0 || take_workspace(&l, lock, err) < 0)
		return -1;
	if (!opens(&l, 0, "seed"))
		return unexpected(&l, "'seed:'", err);
	if (take_digest(&l, 2, "groups", &lock->groups, err) < 0 ||
	    take_digest(&l, 2, "fixups", &lock->fixups, err) < 0 ||
	    take_items(&l, 2, "packages", true, &lock->seed, err) < 0 ||
	    check_order(&l, &lock->seed, "package", err) < 0 || take_recipes(&l, lock, err) < 0)
		return -1;
	*out = lock;
	return 0;
}
