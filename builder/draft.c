/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/draft_priv.h"
#include "base/dict.h"
#include "base/fd.h"
#include "builder/seed.h"
#include "builder/stage.h"

#define DRAFT_MAX ((size_t)64 * 1024)
#define NOTES_MAX 16

struct drafting {
	struct arena *a;
	struct workspace *w;
	const struct draft_wish *wish;
	struct draft_seen seen;
	const char *version;
	const char **needs, **ground; /* tools by packages; by groups of the seed */
	size_t nneeds, nground;
	struct draft *out;
};

static void
note(struct drafting *d, const char *text)
{
	if (d->out->nnotes < NOTES_MAX)
		d->out->notes[d->out->nnotes++] = text;
}

/* ---- the version ---- */

static size_t
suffix_of(const char *file)
{
	static const char *const suffixes[] = { ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst",
						".tar.lz", ".tgz",     ".tbz2",   ".tbz",
						".txz",    ".tzst",    ".tar",    ".zip",
						".crate" };
	size_t n = strlen(file);

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		size_t m = strlen(suffixes[i]);

		if (n > m && strcmp(file + n - m, suffixes[i]) == 0)
			return m;
	}
	return 0;
}

/* Archives say with such a word that they left something out. */
static size_t
repacked_at(const char *v)
{
	static const char *const words[] = { "dfsg", "ds", "repack", "orig", "src", "source" };

	for (size_t i = *v ? 1 : 0; v[i]; i++)
		for (size_t k = 0; strchr(".+~-", v[i]) && k < ARRAY_LEN(words); k++) {
			const char *after = v + i + 1;

			if (strncmp(after, words[k], strlen(words[k])) == 0)
				return i;
		}
	return strlen(v);
}

const char *
draft_version(struct arena *a, const char *file)
{
	const char *base = arena_strndup(a, file, strlen(file) - suffix_of(file)), *v;
	const char *orig = strstr(base, ".orig"), *joint = strchr(base, '_');
	size_t i;

	if (orig && joint && joint < orig) {
		base = arena_strndup(a, base, (size_t)(orig - base));
		v = strrchr(base, '_') + 1;
	} else {
		for (i = 0; base[i]; i++) {
			bool starts =
				i == 0 || strchr("-_", base[i - 1]) ||
				(base[i - 1] == 'v' && (i == 1 || strchr("-_", base[i - 2])));

			if (starts && base[i] >= '0' && base[i] <= '9')
				break;
		}
		v = base + i;
	}
	v = arena_strndup(a, v, repacked_at(v));
	return *v && !recipe_words_version(v) ? v : NULL;
}

/* Every place of the version in text as {version}. Short ones stand for other things, too:
 * there only the last counts. */
static const char *
with_version(struct arena *a, const char *text, const char *version)
{
	const char *out = "", *at = strrchr(text, '/');
	bool all = strchr(version, '.') != NULL;

	if (!all && at) {
		out = arena_strndup(a, text, (size_t)(at - text));
		text = at;
	}
	while ((at = strstr(text, version)) != NULL) {
		out = arena_format(a, "%s%.*s{version}", out, (int)(at - text), text);
		text = at + strlen(version);
	}
	return arena_format(a, "%s%s", out, text);
}

/* ---- tools ---- */

/* The group of a tool has its name, without a number at its end: python3 is in `python`. */
static const struct seed_group *
group_of(const struct seed *seed, const char *tool)
{
	size_t n = strlen(tool);

	while (n && tool[n - 1] >= '0' && tool[n - 1] <= '9')
		n--;
	for (size_t i = 0; i < seed->ngroups; i++)
		if (!strncmp(seed->groups[i].name, tool, n) && !seed->groups[i].name[n])
			return &seed->groups[i];
	return NULL;
}

static void
add_ground(struct drafting *d, const struct seed *seed, const char *group)
{
	if (!d->nground)
		for (size_t i = 0; i < seed->ngroups; i++)
			if (seed->groups[i].standard)
				d->ground[d->nground++] = seed->groups[i].name;
	d->ground[d->nground++] = group;
}

/* What the stage's ground brings need not be named; what no recipe makes is named all the same:
 * lint then says so. */
static int
find_tools(struct drafting *d, struct err *err)
{
	CLEANUP(dict_release) struct dict given = { 0 };
	struct recipe_set set;
	struct seed seed = { 0 };
	struct err none;
	bool seeded = !d->w->stage->nground && seed_load(d->a, d->w, &seed, &none) == 0;

	if (recipe_load_all(d->a, &d->w->place, &set, err) < 0 ||
	    stage_fit(d->w->stage, &set, &given, err) < 0)
		return -1;
	d->needs = arena_array(d->a, d->seen.nneeds + 1, sizeof(*d->needs));
	d->ground = arena_array(d->a, d->seen.nneeds + seed.ngroups + 1, sizeof(*d->ground));
	for (size_t i = 0; i < d->seen.nneeds; i++) {
		const char *tool = d->seen.needs[i];
		const struct seed_group *group = seeded ? group_of(&seed, tool) : NULL;

		if (recipe_is_given(&set, tool) || (group && group->standard))
			continue;
		if (group && !recipe_of_package(&set, tool)) {
			add_ground(d, &seed, group->name);
			continue;
		}
		d->needs[d->nneeds++] = tool;
		if (!recipe_of_package(&set, tool))
			note(d,
			     arena_format(d->a,
					  "it needs '%s', which no recipe of this stage makes",
					  tool));
	}
	return 0;
}

/* ---- the recipe ---- */

static void
add_text(struct buf *b, const char *key, const char *value)
{
	bool plain =
		value[strspn(value, "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ ,().+/-0123456789")] == '\0' &&
		((*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z'));

	buf_add_format(b, "%s: ", key);
	if (plain) {
		buf_add_format(b, "%s\n", value);
		return;
	}
	buf_add_char(b, '"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, *value);
	}
	buf_add_str(b, "\"\n");
}

static void
add_list(struct buf *b, const char *key, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_format(b, "%s%s", i ? ", " : key, texts[i]);
	if (n)
		buf_add_str(b, "]\n");
}

/* A step; what it runs has a line for each command. None of ours needs quotes in YAML. */
static void
add_step(struct buf *b, const struct drafting *d, const char *name, const char *run)
{
	if (!*d->seen.dir && !strchr(run, '\n')) {
		buf_add_format(b, "    - name: %s\n      run: %s\n", name, run);
		return;
	}
	buf_add_format(b, "    - name: %s\n      run: |\n", name);
	if (*d->seen.dir)
		buf_add_format(b, "        cd %s\n", d->seen.dir);
	while (*run) {
		size_t n = strcspn(run, "\n");

		buf_add_format(b, "        %.*s\n", (int)n, run);
		run += n + (run[n] == '\n');
	}
}

#define MAKE "make -j\"$JOBS\""

static void
steps_autotools(struct buf *b, const struct drafting *d)
{
	unsigned flags = d->seen.flags;

	add_step(b, d, "configure",
		 arena_format(d->a, "%s./configure --prefix=/usr%s",
			      flags & DRAFT_BARE ? "autoreconf -fi\n" : "",
			      flags & DRAFT_AUTOCONF ? " --sysconfdir=/etc --localstatedir=/var"
						     : ""));
	add_step(b, d, "make", MAKE);
	add_step(
		b, d, "install",
		flags & DRAFT_LIBTOOL
			? "make install DESTDIR=\"$DESTDIR\"\nfind \"$DESTDIR\" -name '*.la' -delete"
			: "make install DESTDIR=\"$DESTDIR\"");
}

static void
steps_cmake(struct buf *b, const struct drafting *d)
{
	add_step(b, d, "configure",
		 "cmake -S . -B build -DCMAKE_BUILD_TYPE=None -DCMAKE_INSTALL_PREFIX=/usr "
		 "-DCMAKE_INSTALL_LIBDIR=lib");
	add_step(b, d, "make", "cmake --build build -j \"$JOBS\"");
	add_step(b, d, "install", "cmake --install build");
}

static void
steps_meson(struct buf *b, const struct drafting *d)
{
	add_step(b, d, "configure",
		 "meson setup build --prefix=/usr --libdir=lib --buildtype=plain "
		 "--wrap-mode=nodownload");
	add_step(b, d, "make", "ninja -C build -j \"$JOBS\"");
	add_step(b, d, "install", "meson install -C build --no-rebuild");
}

static void
steps_make(struct buf *b, const struct drafting *d)
{
	const char *prefix = d->seen.flags & DRAFT_LOWER ? "prefix" : "PREFIX";

	add_step(b, d, "make", arena_format(d->a, MAKE " %s=/usr", prefix));
	add_step(b, d, "install",
		 d->seen.flags & DRAFT_DESTDIR
			 ? arena_format(d->a, "make install %s=/usr DESTDIR=\"$DESTDIR\"",
					prefix)
			 : arena_format(d->a, "make install %s=\"$DESTDIR/usr\"", prefix));
}

static void
steps_python(struct buf *b, const struct drafting *d)
{
	if (d->seen.flags & DRAFT_PYPROJECT) {
		add_step(
			b, d, "make",
			"python3 -m pip wheel --no-index --no-deps --no-build-isolation -w dist .");
		add_step(
			b, d, "install",
			"python3 -m pip install --no-index --no-deps --no-warn-script-location "
			"--root=\"$DESTDIR\" --prefix=/usr dist/*.whl");
		return;
	}
	add_step(b, d, "make", "python3 setup.py build");
	add_step(b, d, "install",
		 "python3 setup.py install --skip-build --root=\"$DESTDIR\" --prefix=/usr");
}

static void
steps_perl(struct buf *b, const struct drafting *d)
{
	if (d->seen.flags & DRAFT_MODULE_BUILD) {
		add_step(b, d, "make",
			 "perl Build.PL --installdirs vendor --create_packlist 0\n./Build");
		add_step(b, d, "install", "./Build install --destdir \"$DESTDIR\"");
		return;
	}
	add_step(b, d, "make",
		 "perl Makefile.PL INSTALLDIRS=vendor NO_PACKLIST=1 NO_PERLLOCAL=1\n" MAKE);
	add_step(b, d, "install", "make install DESTDIR=\"$DESTDIR\"");
}

static const struct {
	const char *name;
	void (*steps)(struct buf *b, const struct drafting *d);
	const char *check;
} systems[] = {
	{ "autotools", steps_autotools, "make check" },
	{ "cmake", steps_cmake, "ctest --test-dir build -j \"$JOBS\" --output-on-failure" },
	{ "make", steps_make, "make check" },
	{ "meson", steps_meson, "meson test -C build --no-rebuild" },
	{ "perl", steps_perl, NULL },
	{ "python", steps_python, NULL },
};

static int
check_system(const char *name, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(systems); i++)
		if (!strcmp(systems[i].name, name))
			return 0;
	return err_set(err, ERR_USAGE, "--system is " DRAFT_SYSTEMS ", not '%s'", name);
}

static void
add_build(struct buf *b, const struct drafting *d)
{
	const struct draft_seen *s = &d->seen;

	buf_add_str(b, "build:\n");
	add_list(b, "  needs: [", d->needs, d->nneeds);
	buf_add_str(b, "  steps:\n");
	for (size_t i = 0; i < ARRAY_LEN(systems); i++)
		if (!strcmp(systems[i].name, s->system))
			systems[i].steps(b, d);
	if (s->nlicenses) {
		buf_add_format(b,
			       "    - name: license\n      run: install -D -m 644 -t "
			       "\"$DESTDIR/usr/share/licenses/%s\"",
			       d->wish->name);
		for (size_t i = 0; i < s->nlicenses; i++)
			buf_add_format(b, " %s", s->licenses[i]);
		buf_add_char(b, '\n');
	}
	for (size_t i = 0; i < ARRAY_LEN(systems); i++)
		if (!strcmp(systems[i].name, s->system) && systems[i].check &&
		    s->flags & DRAFT_CHECK)
			buf_add_format(b, "  check: %s%s%s%s\n", *s->dir ? "cd " : "", s->dir,
				       *s->dir ? " && " : "", systems[i].check);
}

/* "https://github.com/OWNER/NAME/...": OWNER/NAME. */
static const char *
project_of(struct arena *a, const char *url, const char *host)
{
	const char *at = strstr(url, host), *end;

	if (!at)
		return NULL;
	at += strlen(host);
	end = strchr(at, '/');
	end = end ? end + 1 + strcspn(end + 1, "/") : NULL;
	return end ? arena_strndup(a, at, (size_t)(end - at)) : NULL;
}

static void
add_update(struct buf *b, const struct drafting *d, const char *url)
{
	const char *project = project_of(d->a, url, "://github.com/"), *slash;
	const char *from = project ? "github" : "gitlab";

	if (!strncmp(url, "debian", 6)) {
		/* pool/main/z/zlib/zlib_1.orig.tar.gz: the directory has the source's name. */
		slash = strrchr(url, '/');
		while (slash > url && slash[-1] != '/')
			slash--;
		buf_add_format(b, "update: {from: debian, repo: %.*s}\n",
			       (int)strcspn(slash, "/"), slash);
		return;
	}
	if (!project)
		project = project_of(d->a, url, "://gitlab.com/");
	if (project) {
		buf_add_format(b, "update: {from: %s, repo: %s}\n", from, project);
		return;
	}
	slash = strrchr(url, '/');
	if (!strncmp(url, "http", 4))
		buf_add_format(b, "update: {from: url, url: \"%.*s\"}\n",
			       (int)(slash + 1 - url), url);
}

static const char *
homepage_of(const struct drafting *d)
{
	const char *project;

	if (d->seen.homepage)
		return d->seen.homepage;
	project = project_of(d->a, d->wish->url, "://github.com/");
	return project ? arena_format(d->a, "https://github.com/%s", project) : NULL;
}

static void
add_head(struct buf *b, struct drafting *d)
{
	const char *homepage = homepage_of(d);

	buf_add_format(b, "format: 1\nname: %s\n", d->wish->name);
	buf_add_format(b, "version: \"%s\"\n", d->version);
	buf_add_str(b, "release: 1\n");
	d->out->summary = d->seen.summary ? d->seen.summary : d->wish->name;
	add_text(b, "summary", d->out->summary);
	if (!d->seen.summary)
		note(d, "the source says in no line what it is: write the summary");
	d->out->license = d->seen.license ? d->seen.license : DRAFT_LICENSE_OPEN;
	if (d->seen.evidence)
		buf_add_format(b, "# %s\n", d->seen.evidence);
	buf_add_format(b, "license: %s\n", d->out->license);
	if (!d->seen.license)
		note(d,
		     "its licence is not one that can be told: read its files, and write the "
		     "SPDX expression after `license:`");
	if (homepage)
		add_text(b, "homepage", homepage);
	else
		note(d, "the source names no homepage");
}

static void
write_recipe(struct drafting *d, const struct digest *archive, struct buf *b)
{
	const char *url = with_version(d->a, d->wish->url, d->version);
	const char *slash = strrchr(d->wish->url, '/');
	char hex[DIGEST_HEX];

	digest_hex(archive, hex);
	add_head(b, d);
	add_list(b, "ground: [", d->ground, d->nground);
	buf_add_format(b, "sources:\n  - url: \"%s\"\n    sha256: %s\n", url, hex);
	if (!d->seen.strip)
		buf_add_str(b, "    strip: 0\n");
	/* Whoever reads the recipe has no other name than the address has. */
	if (!recipe_words_is_archive(slash ? slash + 1 : strchr(d->wish->url, ':') + 1))
		buf_add_str(b, "    unpack: true\n");
	add_build(b, d);
	add_update(b, d, url);
	if (!strstr(url, "{version}"))
		note(d,
		     "its address does not hold the version: `kiln update` cannot follow it");
}

/* The recipe must be one, but for the licence that a person has to settle. */
static int
check_recipe(struct drafting *d, const struct buf *b, struct err *err)
{
	const char *text = buf_text(b), *open = strstr(text, "\nlicense: " DRAFT_LICENSE_OPEN);
	struct recipe *r;

	if (open) {
		size_t head = (size_t)(open - text) + strlen("\nlicense: ");

		text = arena_format(d->a, "%.*sMIT%s", (int)head, text,
				    text + head + strlen(DRAFT_LICENSE_OPEN));
	}
	return recipe_parse(d->a, text, strlen(text), d->out->path, d->w->epoch, &r, err);
}

static int
check_wish(struct drafting *d, struct err *err)
{
	const struct draft_wish *wish = d->wish;
	const char *why = recipe_words_name(wish->name);

	if (why)
		return err_set(err, ERR_USAGE, "a recipe's name must be %s, not '%s'", why,
			       wish->name);
	why = recipe_words_url(wish->url);
	if (why || strpbrk(wish->url, "{}\"\\"))
		return err_set(err, ERR_USAGE, "a source's url must be %s, not '%s'",
			       why ? why : "an address without braces and quotes", wish->url);
	if (wish->system && check_system(wish->system, err) < 0)
		return -1;
	d->version = wish->version ? wish->version : draft_version(d->a, wish->file);
	why = d->version ? recipe_words_version(d->version) : NULL;
	if (why)
		return err_set(err, ERR_USAGE, "a version must be %s, not '%s'", why,
			       d->version);
	if (d->version)
		return 0;
	(void)err_set(err, ERR_INPUT, "%s: no version can be told from its name", wish->file);
	return err_hint(err, "say it: kiln new --version VERSION %s ...", wish->name);
}

int
draft_make(struct arena *a, struct workspace *w, const struct cas *store,
	   const struct digest *archive, const struct draft_wish *wish, struct draft *out,
	   struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DRAFT_MAX);
	CLEANUP(fd_close) int fd = -1;
	struct drafting d = { .a = a, .w = w, .wish = wish, .out = out };

	*out = (struct draft){ .notes = arena_array(a, NOTES_MAX, sizeof(*out->notes)) };
	if (check_wish(&d, err) < 0)
		return -1;
	out->path = arena_format(a, "%s/%s/recipe.yaml", w->place.dir, wish->name);
	if (cas_get_fd(store, archive, &fd, err) < 0)
		return -1;
	if (draft_look(a, fd, wish->system, &d.seen, err) < 0)
		return err_wrap(err, "%s", wish->file);
	if (find_tools(&d, err) < 0)
		return -1;
	write_recipe(&d, archive, &text);
	if (buf_check(&text, out->path, err) < 0 || check_recipe(&d, &text, err) < 0)
		return -1;
	out->text = arena_strndup(a, buf_text(&text), text.len);
	out->version = d.version;
	out->system = d.seen.system;
	return 0;
}
