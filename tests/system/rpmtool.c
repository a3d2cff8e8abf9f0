/* SPDX-License-Identifier: Apache-2.0 */
/* Drives repo/ for the judges of 20-elfdeps.sh and 21-rpm-judges.sh: no recipe, no store, no
 * chamber. */
#include "base/fd.h"
#include "base/json.h"
#include "base/manifest.h"
#include "repo/elfdeps.h"
#include "repo/pkgdb.h"
#include "repo/pkgfile.h"
#include "trust/key.h"
#include "trust/key_priv.h"
#include "trust/openpgp.h"

#define MAX_PACKAGES 200
#define HEADER_MAX   ((size_t)256 * 1024 * 1024)

static int
open_out(const char *path, int *fd, struct err *err)
{
	(void)unlink(path);
	return fd_open(path, O_RDWR | O_CREAT | O_EXCL, fd, err);
}

static const char *
text_or(const struct doc *d, const char *key, const char *other)
{
	const char *text = doc_get_text(d, key);

	return text ? text : other;
}

static int
read_deps(struct arena *a, const struct doc *d, const char *key, struct pkgdeps *out,
	  struct err *err)
{
	const struct doc *list = doc_get(d, key);

	out->n = list ? list->n : 0;
	out->at = arena_array(a, out->n, sizeof(*out->at));
	for (size_t i = 0; i < out->n; i++) {
		if (pkgdep_parse(a, list->items[i].value->text, &out->at[i], err) < 0)
			return -1;
	}
	return 0;
}

/* rules: {/path: {user, group, mode, caps, flags}} */
static void
apply_rule(const struct doc *rules, struct pkgfile_entry *e)
{
	const struct doc *r = doc_get(rules, e->path);
	const char *mode = doc_get_text(r, "mode"), *flags = text_or(r, "flags", "");

	e->user = doc_get_text(r, "user");
	e->group = doc_get_text(r, "group");
	e->caps = doc_get_text(r, "caps");
	if (mode)
		e->mode = (mode_t)strtoul(mode, NULL, 8);
	e->flags = (strstr(flags, "config") ? PKGFILE_CONFIG : 0u) |
		   (strstr(flags, "noreplace") ? PKGFILE_NOREPLACE : 0u) |
		   (strstr(flags, "doc") ? PKGFILE_DOC : 0u) |
		   (strstr(flags, "license") ? PKGFILE_LICENSE : 0u) |
		   (strstr(flags, "ghost") ? PKGFILE_GHOST : 0u);
}

static int
scan_tree(struct arena *a, const struct doc *d, struct pkgfile_spec *s, struct elfdeps *deps,
	  struct err *err)
{
	struct manifest m;

	if (manifest_scan(a, s->files_dirfd, ".", &m, err) < 0)
		return -1;
	s->entries = arena_array(a, m.n, sizeof(*s->entries));
	for (size_t i = 0; i < m.n; i++) {
		const struct manifest_entry *from = &m.at[i];
		struct pkgfile_entry *e = &s->entries[s->nentries++];
		CLEANUP(fd_close) int fd = -1;

		*e = (struct pkgfile_entry){ .path = arena_format(a, "/%s", from->path),
					     .type = from->type,
					     .mode = from->mode,
					     .size = from->size,
					     .digest = from->digest,
					     .target = from->target,
					     .source = from->path };
		if (from->hardlink)
			e->hardlink = arena_format(a, "/%s", from->hardlink);
		apply_rule(doc_get(d, "rules"), e);
		if (e->type != MANIFEST_FILE)
			continue;
		if (fd_open_beneath(s->files_dirfd, from->path, O_RDONLY, &fd, err) < 0 ||
		    elfdeps_scan(a, fd, e->path, e->mode, deps, err) < 0)
			return -1;
	}
	return 0;
}

static void
join(struct arena *a, struct pkgdeps *to, const struct pkgdeps *more)
{
	struct pkgdep *all = arena_array(a, to->n + more->n, sizeof(*all));

	for (size_t i = 0; i < to->n; i++)
		all[i] = to->at[i];
	for (size_t i = 0; i < more->n; i++)
		all[to->n + i] = more->at[i];
	to->at = all;
	to->n += more->n;
	pkgdep_sort(to);
}

/* pack SPEC.yaml DIR OUT */
static int
cmd_pack(struct arena *a, char **argv, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(fd_close) int out = -1;
	struct pkgfile_spec s = { 0 };
	struct elfdeps deps = { 0 };
	struct pkgfile_ids ids;
	struct doc *d;
	char hex[DIGEST_HEX];

	if (doc_load(a, AT_FDCWD, argv[0], &d, err) < 0 ||
	    fd_open(argv[1], O_DIRECTORY | O_RDONLY, &dirfd, err) < 0 ||
	    open_out(argv[2], &out, err) < 0)
		return -1;
	s.id = (struct nevra){ .name = doc_get_text(d, "name"),
			       .version = text_or(d, "version", "1.0"),
			       .release = text_or(d, "release", "1"),
			       .arch = text_or(d, "arch", "x86_64"),
			       .epoch = strtol(text_or(d, "epoch", "0"), NULL, 10) };
	s.summary = doc_get_text(d, "summary");
	s.license = text_or(d, "license", "Apache-2.0");
	s.homepage = doc_get_text(d, "homepage");
	s.vendor = "Kiln Linux";
	s.build_time = 1700000000;
	s.files_dirfd = dirfd;
	if (read_deps(a, d, "provides", &s.provides, err) < 0 ||
	    read_deps(a, d, "requires", &s.requires, err) < 0 ||
	    read_deps(a, d, "conflicts", &s.conflicts, err) < 0 ||
	    read_deps(a, d, "obsoletes", &s.obsoletes, err) < 0 ||
	    read_deps(a, d, "recommends", &s.recommends, err) < 0 ||
	    scan_tree(a, d, &s, &deps, err) < 0)
		return -1;
	join(a, &s.provides, &deps.provides);
	join(a, &s.requires, &deps.requires);
	if (pkgfile_write(&s, out, &ids, err) < 0)
		return -1;
	digest_hex(&ids.file, hex);
	(void)printf("file %s %llu\n", hex, (unsigned long long)ids.size);
	digest_hex(&ids.header, hex);
	(void)printf("header %s\n", hex);
	return 0;
}

/* keys DIR: a key set, and the packages certificate on stdout */
static int
cmd_keys(struct arena *a, char **argv, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(HEADER_MAX);
	struct keyring ring = { 0 };
	bool made;

	if (key_init(argv[0], "Kiln test", 1700000000, &made, err) < 0 ||
	    key_load(a, argv[0], &ring, err) < 0 ||
	    key_export(key_of_role(&ring, KEY_PACKAGES), &text, err) < 0)
		return -1;
	(void)fputs(buf_text(&text), stdout);
	return 0;
}

/* sign KEYDIR IN OUT */
static int
cmd_sign(struct arena *a, char **argv, struct err *err)
{
	CLEANUP(key_private_free) struct key_private *key = NULL;
	CLEANUP(buf_free) struct buf header = BUF_MAX(HEADER_MAX);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(HEADER_MAX);
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;

	(void)a;
	if (key_private_load(argv[0], KEY_PACKAGES, &key, err) < 0 ||
	    fd_open(argv[1], O_RDONLY, &in, err) < 0 || open_out(argv[2], &out, err) < 0 ||
	    pkgfile_header_bytes(in, argv[1], &header, err) < 0 ||
	    openpgp_sign(key, header.data, header.len, 1700000001, 0, &sig, err) < 0)
		return -1;
	return pkgfile_add_signature(in, out, sig.data, sig.len, err);
}

/* strip IN OUT */
static int
cmd_strip(struct arena *a, char **argv, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;

	(void)a;
	if (fd_open(argv[0], O_RDONLY, &in, err) < 0 || open_out(argv[1], &out, err) < 0)
		return -1;
	return pkgfile_strip_signature(in, out, err);
}

/* verify KEYDIR FILE */
static int
cmd_verify(struct arena *a, char **argv, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct keyring ring = { 0 };

	if (key_load(a, argv[0], &ring, err) < 0 || fd_open(argv[1], O_RDONLY, &fd, err) < 0)
		return -1;
	return pkgfile_verify(fd, argv[1], &ring, err);
}

static int
print_body(void *arg, const struct pkgfile_entry *e, int fd, struct err *err)
{
	struct digest d;
	char hex[DIGEST_HEX] = "-";

	(void)arg;
	if (fd >= 0) {
		if (digest_fd(fd, &d, NULL, err) < 0)
			return -1;
		digest_hex(&d, hex);
	}
	(void)printf("%s %s %s\n", e->path, hex,
		     e->hardlink ? e->hardlink
		     : e->target ? e->target
				 : "-");
	return 0;
}

/* list FILE: its payload, entry by entry */
static int
cmd_list(struct arena *a, char **argv, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	(void)a;
	if (fd_open(argv[0], O_RDONLY, &fd, err) < 0)
		return -1;
	return pkgfile_each_body(fd, argv[0], print_body, NULL, err);
}

/* deps [--root DIR] FILE...: "P FILE capability" and "R FILE capability"; files of DIR are
 * named as if it were the root. */
static int
cmd_deps(struct arena *a, char **argv, struct err *err)
{
	size_t skip = 0;

	if (strcmp(argv[0], "--root") == 0 && argv[1]) {
		skip = strlen(argv[1]);
		argv += 2;
	}
	for (; *argv; argv++) {
		CLEANUP(fd_close) int fd = -1;
		struct elfdeps d = { 0 };
		struct stat st;

		if (fd_open(*argv, O_RDONLY, &fd, err) < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return err_sys(err, "%s", *argv);
		if (elfdeps_scan(a, fd, *argv + skip, st.st_mode & 07777, &d, err) < 0)
			return -1;
		pkgdep_sort(&d.provides);
		pkgdep_sort(&d.requires);
		for (size_t i = 0; i < d.provides.n; i++)
			(void)printf("P %s %s\n", *argv + skip,
				     pkgdep_text(a, &d.provides.at[i]));
		for (size_t i = 0; i < d.requires.n; i++)
			(void)printf("R %s %s\n", *argv + skip,
				     pkgdep_text(a, &d.requires.at[i]));
	}
	return 0;
}

/* db OUT PACKAGE... */
static int
cmd_db(struct arena *a, char **argv, struct err *err)
{
	CLEANUP(fd_close) int out = -1;
	const char *names[MAX_PACKAGES];
	int fds[MAX_PACKAGES];
	size_t n = 0;

	(void)a;
	for (char **p = argv + 1; *p && n < MAX_PACKAGES; p++) {
		names[n] = *p;
		if (fd_open(*p, O_RDONLY, &fds[n++], err) < 0)
			return -1;
	}
	if (open_out(argv[0], &out, err) < 0)
		return -1;
	return pkgdb_write(fds, names, n, 1700000002, out, err);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(struct arena *, char **, struct err *);
	} commands[] = { { "pack", 3, cmd_pack },     { "keys", 1, cmd_keys },
			 { "sign", 3, cmd_sign },     { "strip", 2, cmd_strip },
			 { "verify", 2, cmd_verify }, { "list", 1, cmd_list },
			 { "deps", 1, cmd_deps },     { "db", 1, cmd_db } };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err err = { .code = ERR_NONE };

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 ||
		    argc < 2 + commands[i].args)
			continue;
		if (commands[i].run(&a, argv + 2, &err) == 0)
			return 0;
		(void)fprintf(stderr, "error: %s\n", err.text);
		return err_exit_code(&err);
	}
	(void)fprintf(stderr, "usage: rpmtool pack|keys|sign|strip|verify|list|deps|db ...\n");
	return 2;
}
