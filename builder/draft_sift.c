/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an archive is and how it is built, found out in the confined child (draft_look.c). Kept
 * are the files that describe a project; of source files only what their heads say.
 */
#include "builder/draft_priv.h"
#include "base/dict.h"
#include "base/tar.h"
#include "base/utf8.h"
#include "base/vec.h"

#define KEPT_BYTES   ((size_t)32 * 1024 * 1024)
#define KEPT_FILES   4096
#define KEPT_DEEP    3 /* components of a name: top/lib/x.pc.in */
#define SOURCE_FILES 20000

struct sift {
	struct arena *a;
	VEC(struct draft_file) kept;
	struct draft_headers headers;
	const char *top; /* first component of all names; NULL: they differ */
	size_t entries, bytes, heads;
};

static const char *
base_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static bool
ends(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static bool
is_license(const char *base)
{
	static const char *const words[] = { "COPYING", "LICENSE", "LICENCE", "COPYRIGHT",
					     "UNLICENSE" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if (strncasecmp(base, words[i], n) == 0 &&
		    (!base[n] || base[n] == '.' || base[n] == '-' || base[n] == '_'))
			return true;
	}
	return false;
}

static bool
describes(const char *base)
{
	static const char *const names[] = { "configure",      "configure.ac", "configure.in",
					     "CMakeLists.txt", "meson.build",  "Makefile",
					     "GNUmakefile",    "makefile",     "pyproject.toml",
					     "setup.py",       "setup.cfg",    "PKG-INFO",
					     "Makefile.PL",    "Build.PL",     "META.json",
					     "Makefile.am",    "Makefile.in" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(base, names[i]) == 0)
			return true;
	return ends(base, ".pc.in") || ends(base, ".pc") || strncmp(base, "README", 6) == 0 ||
	       is_license(base);
}

static bool
is_source(const char *base)
{
	static const char *const suffixes[] = { ".c",  ".h",  ".cc", ".cpp", ".cxx", ".hpp",
						".py", ".pl", ".pm", ".S",   ".hh" };

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (ends(base, suffixes[i]))
			return true;
	return false;
}

static size_t
depth_of(const char *name)
{
	size_t n = 1;

	for (; *name; name++)
		n += *name == '/';
	return n;
}

static bool
is_kept(const struct sift *s, const char *name)
{
	return s->kept.n < KEPT_FILES && s->bytes < KEPT_BYTES && depth_of(name) <= KEPT_DEEP &&
	       describes(base_of(name));
}

static size_t
on_want(void *arg, const char *name)
{
	const struct sift *s = arg;

	if (is_kept(s, name))
		return DRAFT_TEXT;
	return is_source(base_of(name)) && s->heads < SOURCE_FILES ? DRAFT_HEAD : 0;
}

/* The first component, as long as all names share it. */
static void
note_top(struct sift *s, const char *name, bool file)
{
	size_t n = strcspn(name, "/");
	bool alone = !name[n] && file;

	if (s->entries++ == 0)
		s->top = alone ? NULL : arena_strndup(s->a, name, n);
	else if (s->top && (alone || strlen(s->top) != n || strncmp(s->top, name, n) != 0))
		s->top = NULL;
}

static int
on_entry(void *arg, const char *name, bool file, const char *text, size_t n, struct err *err)
{
	struct sift *s = arg;
	size_t len = strnlen(text, n); /* what follows a zero byte is no text */

	(void)err;
	note_top(s, name, file);
	if (!file)
		return 0;
	if (is_kept(s, name)) {
		const struct draft_file f = { .name = arena_strdup(s->a, name),
					      .text = arena_strndup(s->a, text, len),
					      .n = len };

		VEC_PUSH(&s->kept, f);
		s->bytes += len;
	} else if (n && is_source(base_of(name))) {
		s->heads++;
		draft_license_header(s->a, &s->headers, arena_strndup(s->a, text, len), len);
	}
	return 0;
}

const struct draft_file *
draft_file(const struct draft_files *f, const char *dir, const char *name)
{
	size_t n = strlen(dir);

	for (size_t i = 0; i < f->n; i++) {
		const char *at = f->at[i].name;

		if (n && (strncmp(at, dir, n) != 0 || at[n] != '/'))
			continue;
		if (strcmp(n ? at + n + 1 : at, name) == 0)
			return &f->at[i];
	}
	return NULL;
}

bool
draft_says(const struct draft_file *f, const char *word)
{
	return f && strstr(f->text, word) != NULL;
}

/* ---- the build system ---- */

/* In this order: what needs the fewest tools comes first. */
static const struct {
	const char *file, *system;
	unsigned flags;
} marks[] = {
	{ "configure", "autotools", 0 },
	{ "meson.build", "meson", 0 },
	{ "CMakeLists.txt", "cmake", 0 },
	{ "configure.ac", "autotools", DRAFT_BARE },
	{ "configure.in", "autotools", DRAFT_BARE },
	{ "Makefile.PL", "perl", 0 },
	{ "Build.PL", "perl", DRAFT_MODULE_BUILD },
	{ "pyproject.toml", "python", DRAFT_PYPROJECT },
	{ "setup.py", "python", 0 },
	{ "GNUmakefile", "make", 0 },
	{ "Makefile", "make", 0 },
	{ "makefile", "make", 0 },
};

static size_t
mark_in(const struct draft_files *f, const char *dir, const char *system)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if ((!system || strcmp(system, marks[i].system) == 0) &&
		    draft_file(f, dir, marks[i].file))
			return i;
	return ARRAY_LEN(marks);
}

/* The only directory below the top that has a build system, when the top has none. The files
 * are sorted: those of a directory stand together, and each directory is tried once. */
static const char *
only_dir(struct arena *a, const struct draft_files *f, const char *system)
{
	const char *found = "";

	for (size_t i = 0, end; i < f->n; i = end) {
		const char *name = f->at[i].name;
		size_t n = strcspn(name, "/");
		const char *dir = arena_strndup(a, name, n);
		struct draft_files in = { .at = f->at + i };

		for (end = i + 1; end < f->n && !strncmp(f->at[end].name, name, n + 1);)
			end++;
		in.n = end - i;
		if (!name[n] || mark_in(&in, dir, system) == ARRAY_LEN(marks))
			continue;
		if (*found)
			return "";
		found = dir;
	}
	return found;
}

static unsigned
autotools_flags(const struct draft_files *f, const char *dir)
{
	const struct draft_file *configure = draft_file(f, dir, "configure");
	const struct draft_file *ac = draft_file(f, dir, "configure.ac");
	unsigned flags = 0;

	if (!ac)
		ac = draft_file(f, dir, "configure.in");
	if (!configure || draft_says(configure, "Generated by GNU Autoconf"))
		flags |= DRAFT_AUTOCONF;
	if (draft_says(ac, "LT_INIT") || draft_says(ac, "AC_PROG_LIBTOOL") ||
	    draft_says(ac, "AM_PROG_LIBTOOL"))
		flags |= DRAFT_LIBTOOL;
	if (draft_file(f, dir, "Makefile.am") ||
	    draft_says(draft_file(f, dir, "Makefile.in"), "\ncheck:"))
		flags |= DRAFT_CHECK;
	return flags | DRAFT_DESTDIR;
}

static unsigned
make_flags(const struct draft_file *m)
{
	unsigned flags = draft_says(m, "DESTDIR") ? DRAFT_DESTDIR : 0;

	if (!draft_says(m, "PREFIX") && draft_says(m, "prefix"))
		flags |= DRAFT_LOWER;
	if (draft_says(m, "\ncheck:"))
		flags |= DRAFT_CHECK;
	return flags;
}

static unsigned
flags_of(const struct draft_files *f, const char *dir, size_t mark)
{
	const char *system = marks[mark].system;
	const struct draft_file *file = draft_file(f, dir, marks[mark].file);

	if (!strcmp(system, "autotools"))
		return marks[mark].flags | autotools_flags(f, dir);
	if (!strcmp(system, "make"))
		return make_flags(file);
	if (!strcmp(system, "cmake") &&
	    (draft_says(file, "enable_testing") || draft_says(file, "include(CTest)")))
		return DRAFT_CHECK;
	if (!strcmp(system, "meson") && draft_says(file, "test("))
		return DRAFT_CHECK;
	return marks[mark].flags;
}

static void
find_needs(struct arena *a, const struct draft_files *f, struct draft_seen *out)
{
	static const struct {
		const char *system, *needs[4];
	} tools[] = { { "cmake", { "cmake" } },
		      { "meson", { "meson", "ninja", "python3" } },
		      { "perl", { "perl" } },
		      { "python", { "python3" } } };
	const char **requires = NULL;
	size_t n = 0, nrequires = 0;

	if (out->flags & DRAFT_PYPROJECT)
		nrequires = draft_words_requires(a, draft_file(f, out->dir, "pyproject.toml"),
						 &requires);
	out->needs = arena_array(a, nrequires + 8, sizeof(*out->needs));
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		for (size_t k = 0; !strcmp(tools[i].system, out->system) && k < 4; k++)
			if (tools[i].needs[k])
				out->needs[n++] = tools[i].needs[k];
	if (out->flags & DRAFT_PYPROJECT)
		out->needs[n++] = "python3-pip";
	if (out->flags & DRAFT_BARE) {
		out->needs[n++] = "autoconf";
		out->needs[n++] = "automake";
		if (out->flags & DRAFT_LIBTOOL)
			out->needs[n++] = "libtool";
	}
	for (size_t i = 0; i < nrequires; i++)
	out->needs[n++] = requires[i];
	out->nneeds = n;
}

static void
find_licenses(struct arena *a, const struct draft_files *f, const struct draft_headers *h,
	      struct draft_seen *out)
{
	const char **texts = arena_array(a, f->n + 1, sizeof(*texts));

	out->licenses = arena_array(a, f->n + 1, sizeof(*out->licenses));
	for (size_t i = 0; i < f->n; i++) {
		const struct draft_file *one = &f->at[i];

		if (!is_license(base_of(one->name)) || strchr(one->name, '/') ||
		    ends(one->name, ".py") || ends(one->name, ".c"))
			continue;
		texts[out->nlicenses] = draft_license_text(one->text, one->n);
		out->licenses[out->nlicenses++] = one->name;
	}
	out->license =
		draft_license_judge(a, texts, out->licenses, out->nlicenses, h, &out->evidence);
}

static int
describe(struct sift *s, const char *system, struct draft_seen *out, struct err *err)
{
	const struct draft_files f = { .at = s->kept.at, .n = s->kept.n };
	size_t mark;

	out->dir = "";
	mark = mark_in(&f, "", system);
	if (mark == ARRAY_LEN(marks)) {
		out->dir = only_dir(s->a, &f, system);
		mark = *out->dir ? mark_in(&f, out->dir, system) : mark;
	}
	if (mark == ARRAY_LEN(marks) && system)
		return err_set(err, ERR_INPUT, "nothing in it is built by %s", system);
	if (mark == ARRAY_LEN(marks))
		return err_set(err, ERR_INPUT,
			       "no build system that is known here: " DRAFT_SYSTEMS);
	out->system = marks[mark].system;
	out->flags = flags_of(&f, out->dir, mark);
	find_needs(s->a, &f, out);
	find_licenses(s->a, &f, &s->headers, out);
	out->summary = draft_words_summary(s->a, &f, out->dir);
	out->homepage = draft_words_homepage(s->a, &f, out->dir);
	return 0;
}

static int
by_name(const void *x, const void *y)
{
	const struct draft_file *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/* Names from the top on, in one order whatever the archive's is. */
static void
settle(struct sift *s)
{
	size_t n = s->top ? strlen(s->top) + 1 : 0;

	for (size_t i = 0; i < s->kept.n; i++)
		s->kept.at[i].name += n;
	if (s->kept.n)
		qsort(s->kept.at, s->kept.n, sizeof(*s->kept.at), by_name);
}

int
draft_sift(struct arena *a, int fd, const char *system, struct draft_seen *out, struct err *err)
{
	struct sift s = { .a = a };
	const struct tar_visit visit = { .want = on_want, .take = on_entry, .arg = &s };
	int rc = tar_look(fd, NULL, &visit, err);

	if (rc == 0) {
		settle(&s);
		out->strip = s.top ? 1 : 0;
		rc = describe(&s, system, out, err);
	}
	VEC_FREE(&s.kept);
	return rc;
}
