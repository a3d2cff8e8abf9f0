/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/pkgaudit.h"
#include "base/mem.h"

#define CHUNK    ((size_t)64 << 10)
#define LICENSES "/usr/share/licenses/"

const struct pkgaudit_rule pkgaudit_rules[PKGAUDIT_CHECKS] = {
	[PKGAUDIT_PIE] = { "pie", "programs are position-independent",
			   "compile with -fPIE and link with -pie" },
	[PKGAUDIT_RELRO] = { "relro", "tables are read-only after relocation",
			     "link with -Wl,-z,relro" },
	[PKGAUDIT_BIND_NOW] = { "bind_now", "all symbols are bound at the start",
				"link with -Wl,-z,now" },
	[PKGAUDIT_STACK] = { "noexecstack", "the stack is not executable",
			     "link with -Wl,-z,noexecstack, and mark assembly files with "
			     ".section .note.GNU-stack" },
	[PKGAUDIT_CANARY] = { "stack_protector", "code checks the stack's canary",
			      "compile with -fstack-protector-strong" },
	[PKGAUDIT_CET] = { "cet", "indirect branches and returns are protected (IBT, SHSTK)",
			   "compile everything, assembly too, with -fcf-protection=full" },
	[PKGAUDIT_FORTIFY] = { "fortify", "calls into the C library are the checked ones",
			       "compile with -O2 -D_FORTIFY_SOURCE=2" },
	[PKGAUDIT_RPATH] = { "rpath", "no file names a place to search for libraries",
			     "configure it with --disable-rpath, or remove the path" },
	[PKGAUDIT_TEXTREL] = { "textrel", "code is never written to by the loader",
			       "compile with -fPIC" },
	[PKGAUDIT_WX] = { "wx", "nothing is writable and executable at once",
			  "do not link with -N or --omagic" },
	[PKGAUDIT_SONAME] = { "soname", "libraries have a versioned soname",
			      "link with -Wl,-soname,libNAME.so.N" },
	[PKGAUDIT_ELF] = { "elf", "ELF files are whole, and for this machine",
			   "do not install it" },
	[PKGAUDIT_SETID] = { "setid", "set-id files are declared",
			     "declare it in packages[].owners with a reason" },
	[PKGAUDIT_CAPS] = { "caps", "file capabilities are declared",
			    "declare them in packages[].owners with a reason" },
	[PKGAUDIT_WRITABLE] = { "world_writable", "not everybody may write",
				"take the write bit of others away (directories may have it "
				"with 1777)" },
	[PKGAUDIT_BUILD_PATH] = { "build_path", "nothing names the directory it was built in",
				  "compile with -ffile-prefix-map=/build=., or edit the file" },
	[PKGAUDIT_LICENSE] = { "license", "the licence's text is shipped",
			       "install it below " LICENSES "NAME/" },
	[PKGAUDIT_SCRIPTLET] = { "scriptlet", "no package runs anything when it is installed",
				 "declare users, owners and directories instead" },
};

enum pkgaudit_check
pkgaudit_find(const char *name)
{
	enum pkgaudit_check c = 0;

	while (c < PKGAUDIT_CHECKS && strcmp(pkgaudit_rules[c].name, name) != 0)
		c++;
	return c;
}

void
pkgaudit_release(struct pkgaudit *p)
{
	VEC_FREE(&p->findings);
}

/* words NULL: all is well. */
static void
judge(struct pkgaudit *p, enum pkgaudit_check c, const char *path, const char *words)
{
	struct pkgaudit_finding f = { p->package, arena_strdup(p->a, path), c, words, NULL };

	if (!words) {
		p->counts[c].held++;
		return;
	}
	f.reason = p->excuse ? p->excuse(p->arg, p->package, c, path) : NULL;
	if (f.reason) {
		p->counts[c].excused++;
	} else {
		p->counts[c].missed++;
		p->misses++;
	}
	if (p->findings.n < PKGAUDIT_FINDINGS)
		VEC_PUSH(&p->findings, f);
	else
		p->full = true;
}

/* ---- ELF files ---- */

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && memcmp(s + n - m, end, m) == 0;
}

/* What programs are linked to, and not a plugin: lib*.so* where the loader looks. */
static bool
is_library(const char *path)
{
	static const char *const dirs[] = { "/usr/lib/", "/usr/lib64/", "/lib/", "/lib64/" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		size_t n = strlen(dirs[i]);

		if (strncmp(path, dirs[i], n) == 0 && strncmp(path + n, "lib", 3) == 0 &&
		    !strchr(path + n, '/') && strstr(path + n, ".so"))
			return true;
	}
	return false;
}

/* "libz.so.1", or "libbfd-2.40.so" as libtool's -release makes it. */
static bool
is_versioned(const char *soname)
{
	const char *so = strstr(soname, ".so.");
	const char *dash = strrchr(soname, '-');

	if (so)
		return so[4] >= '0' && so[4] <= '9';
	return ends_with(soname, ".so") && dash && dash[1] >= '0' && dash[1] <= '9';
}

static const char *
soname_words(const struct elfmarks *m)
{
	if (!m->soname)
		return "has no soname";
	return is_versioned(m->soname) ? NULL : "its soname has no version";
}

/* What everything that is loaded has. */
static void
judge_loaded(struct pkgaudit *p, const char *path, const struct elfmarks *m)
{
	const char *search = m->rpath ? m->rpath : m->runpath;

	judge(p, PKGAUDIT_RELRO, path, m->relro ? NULL : "has no PT_GNU_RELRO");
	if (m->dynamic)
		judge(p, PKGAUDIT_BIND_NOW, path,
		      m->binds_now || !m->lazy ? NULL : "binds lazily");
	judge(p, PKGAUDIT_RPATH, path,
	      search ? arena_format(p->a, "searches '%.200s'", search) : NULL);
	judge(p, PKGAUDIT_TEXTREL, path, m->text_relocations ? "has text relocations" : NULL);
	judge(p, PKGAUDIT_WX, path,
	      m->writable_code ? "has a segment that is writable and executable" : NULL);
	if (m->canaries || m->code >= PKGAUDIT_CANARY_CODE)
		judge(p, PKGAUDIT_CANARY, path,
		      m->canaries ? NULL
				  : arena_format(p->a, "no canary in %llu bytes of code",
						 (unsigned long long)m->code));
	if (m->glibc && (m->chk || m->unchecked))
		judge(p, PKGAUDIT_FORTIFY, path,
		      m->chk ? NULL
			     : arena_format(p->a, "calls %s and nothing that checks",
					    m->unchecked_name));
}

/* What all code has, linked or not yet. */
static void
judge_code(struct pkgaudit *p, const char *path, const struct elfmarks *m)
{
	judge(p, PKGAUDIT_STACK, path,
	      !m->stack_marked ? "does not say that its stack needs no code"
	      : m->stack_exec  ? "asks for an executable stack"
			       : NULL);
	if (m->code)
		judge(p, PKGAUDIT_CET, path,
		      m->ibt && m->shstk ? NULL
		      : m->ibt           ? "is not marked for SHSTK"
		      : m->shstk         ? "is not marked for IBT"
					 : "is marked for neither IBT nor SHSTK");
}

static int
look_at_elf(struct pkgaudit *p, const struct pkgfile_entry *e, int fd, struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	struct elfmarks m;

	if (elfmarks_read(&scratch, fd, &m, err) < 0)
		return err_wrap(err, "%s", e->path);
	if (m.kind == ELFMARKS_NONE)
		return 0;
	p->elf++;
	judge(p, PKGAUDIT_ELF, e->path, m.kind == ELFMARKS_STRANGE ? m.why : NULL);
	if (m.kind == ELFMARKS_STRANGE || m.kind == ELFMARKS_DEBUG)
		return 0;
	judge_code(p, e->path, &m);
	if (m.kind == ELFMARKS_OBJECT)
		return 0;
	judge_loaded(p, e->path, &m);
	if (m.kind == ELFMARKS_PROGRAM)
		judge(p, PKGAUDIT_PIE, e->path,
		      m.fixed_address ? "runs at a fixed address" : NULL);
	else if (is_library(e->path))
		judge(p, PKGAUDIT_SONAME, e->path, soname_words(&m));
	return 0;
}

/* ---- contents of any file ---- */

/* Part of a longer path, or of a word: what stands there is another /build. */
static bool
is_path_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c >= 0x80 || strchr("._-+~/)}$>", c) != NULL;
}

static const uint8_t *
find_path(const uint8_t *at, size_t n, const char *path, bool inside)
{
	size_t len = strlen(path);

	for (const uint8_t *p = at; (size_t)(p - at) < n; p++) {
		p = memmem(p, n - (size_t)(p - at), path, len);
		if (!p)
			return NULL;
		if (p == at ? !inside : p[-1] == '\0' || !is_path_byte(p[-1]))
			return p;
	}
	return NULL;
}

/* As much of the path as is printable, for the message. */
static const char *
show_path(struct arena *a, const uint8_t *at, size_t n)
{
	size_t len = 0;

	while (len < KILN_MIN(n, (size_t)80) && at[len] > 0x20 && at[len] < 0x7f)
		len++;
	return arena_format(a, "names %.*s", (int)len, (const char *)at);
}

static const char *
search(struct arena *a, const uint8_t *piece, size_t n, bool inside)
{
	/* The chamber's: where builds run, and where they install. */
	static const char *const paths[] = { "/build/", "/out/usr/" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const uint8_t *found = find_path(piece, n, paths[i], inside);

		if (found)
			return show_path(a, found, n - (size_t)(found - piece));
	}
	return NULL;
}

/* Pieces overlap, so that no path is cut in two unseen. */
static int
look_for_paths(struct pkgaudit *p, const struct pkgfile_entry *e, int fd, struct err *err)
{
	CLEANUP(mem_free) uint8_t *piece = mem_room(CHUNK);
	const char *found = NULL;
	size_t kept = 0;
	off_t at = 0;

	while (!found) {
		ssize_t n = pread(fd, piece + kept, CHUNK - kept, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read %s", e->path);
		if (n == 0)
			break;
		found = search(p->a, piece, kept + (size_t)n, at > (off_t)kept);
		at += n;
		n += (ssize_t)kept;
		kept = KILN_MIN((size_t)n, (size_t)100);
		memmove(piece, piece + n - kept, kept);
	}
	judge(p, PKGAUDIT_BUILD_PATH, e->path, found);
	return 0;
}

/* ---- packages ---- */

static void
judge_modes(struct pkgaudit *p, const struct pkgfile_entry *e)
{
	if (e->type == MANIFEST_LINK)
		return;
	if (e->type == MANIFEST_FILE && (e->mode & (S_ISUID | S_ISGID)))
		judge(p, PKGAUDIT_SETID, e->path,
		      arena_format(p->a, "has mode %04o", (unsigned)e->mode));
	if (e->caps)
		judge(p, PKGAUDIT_CAPS, e->path, arena_format(p->a, "has %s", e->caps));
	judge(p, PKGAUDIT_WRITABLE, e->path,
	      (e->mode & S_IWOTH) && !(e->type == MANIFEST_DIR && (e->mode & S_ISVTX))
		      ? arena_format(p->a, "has mode %04o", (unsigned)e->mode)
		      : NULL);
}

static void
note_license(struct pkgaudit *p, const struct pkgfile_entry *e)
{
	p->licensed |=
		e->type == MANIFEST_FILE && strncmp(e->path, LICENSES, strlen(LICENSES)) == 0;
}

int
pkgaudit_entry(struct pkgaudit *p, const struct pkgfile_entry *e, int fd, struct err *err)
{
	p->files += e->type != MANIFEST_DIR;
	judge_modes(p, e);
	if (e->type != MANIFEST_FILE || fd < 0)
		return 0;
	note_license(p, e);
	if (look_at_elf(p, e, fd, err) < 0)
		return -1;
	return look_for_paths(p, e, fd, err);
}

void
pkgaudit_source_begin(struct pkgaudit *p)
{
	p->licensed = false;
}

void
pkgaudit_source_end(struct pkgaudit *p, const char *package)
{
	p->package = package;
	judge(p, PKGAUDIT_LICENSE, "",
	      p->licensed ? NULL : "no package of its source holds a licence");
}

void
pkgaudit_package(struct pkgaudit *p, const char *name)
{
	p->package = arena_strdup(p->a, name);
	p->packages++;
}

static int
on_body(void *arg, const struct pkgfile_entry *e, int fd, struct err *err)
{
	return pkgaudit_entry(arg, e, fd, err);
}

int
pkgaudit_sibling(struct pkgaudit *p, int fd, const char *name, struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	struct pkgfile file;

	if (pkgfile_read(&scratch, fd, name, &file, err) < 0)
		return -1;
	for (size_t i = 0; i < file.nentries; i++)
		note_license(p, &file.entries[i]);
	return 0;
}

int
pkgaudit_file(struct pkgaudit *p, int fd, const char *name, struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	struct pkgfile file;

	if (pkgfile_read(&scratch, fd, name, &file, err) < 0)
		return -1;
	pkgaudit_package(p, file.id.name);
	judge(p, PKGAUDIT_SCRIPTLET, "",
	      file.script ? arena_format(p->a, "has a %s scriptlet", file.script) : NULL);
	return pkgfile_each_body(fd, name, on_body, p, err);
}
