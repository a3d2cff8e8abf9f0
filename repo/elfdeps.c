/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/elfdeps_priv.h"
#include <gelf.h>
#include <libelf.h>

#define MAX_LOOP 65536 /* entries of one section: more is nonsense, not a library */

/* One ELF file being read. */
struct elf_file {
	struct arena *a;
	Elf *elf;
	const char *path, *marker;
	struct elfdeps *out;
	struct err *err;
	bool is_shared, needs_nothing; /* needs_nothing: a program that cannot be executed */
	bool has_debug, has_hash, has_gnu_hash;
	const char *soname;
};

static void
elf_close_scope(Elf **elf)
{
	if (*elf)
		(void)elf_end(*elf);
}

static bool
is_capability(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > ELFDEPS_MAX_NAME)
		return false;
	for (; *s; s++) {
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	}
	return true;
}

/* The array doubles whenever its length is a power of two, so no capacity is kept. */
int
elfdeps_add(struct arena *a, struct pkgdeps *deps, const char *path, const struct pkgdep *d,
	    struct err *err)
{
	if (!is_capability(d->name) || (d->evr && !is_capability(d->evr)))
		return err_set(
			err, ERR_INPUT,
			"%s names a library or module that is empty, longer than %d bytes or not printable",
			path, ELFDEPS_MAX_NAME);
	if (deps->n >= ELFDEPS_MAX_DEPS)
		return err_set(err, ERR_LIMIT, "%s: more than %d automatic dependencies", path,
			       ELFDEPS_MAX_DEPS);
	if ((deps->n & (deps->n - 1)) == 0) {
		struct pkgdep *grown =
			arena_array(a, deps->n ? deps->n * 2 : 1, sizeof(*grown));

		if (deps->n)
			memcpy(grown, deps->at, deps->n * sizeof(*grown));
		deps->at = grown;
	}
	deps->at[deps->n++] = (struct pkgdep){ .name = arena_strdup(a, d->name),
					       .op = d->op,
					       .evr = arena_strdup(a, d->evr) };
	return 0;
}

/* What can be linked to: "lib*" or a loader, with ".so" in the name. Plugins are not. */
static bool
is_linkable(const char *soname)
{
	static const char *const prefixes[] = { "lib", "ld.", "ld-", "ld64." };

	if (!strstr(soname, ".so"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (strncmp(soname, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

/* "libz.so.1(ZLIB_1.2)(64bit)", "libz.so.1()(64bit)", in 32 bits "libz.so.1". */
static int
add_library(struct elf_file *f, struct pkgdeps *deps, const char *soname, const char *version)
{
	struct pkgdep d = { .name = soname, .op = PKGDEP_ANY };

	if (!is_linkable(soname))
		return 0;
	if (version || *f->marker)
		d.name = arena_format(f->a, "%s(%s)%s", soname, version ? version : "",
				      f->marker);
	return elfdeps_add(f->a, deps, f->path, &d, f->err);
}

static int
read_dynamic_entry(struct elf_file *f, const GElf_Dyn *dyn, size_t strings)
{
	const char *text;

	switch (dyn->d_tag) {
	case DT_HASH:
		f->has_hash = true;
		return 0;
	case DT_GNU_HASH:
		f->has_gnu_hash = true;
		return 0;
	case DT_DEBUG:
		f->has_debug = true;
		return 0;
	case DT_SONAME:
		text = elf_strptr(f->elf, strings, dyn->d_un.d_val);
		if (text)
			f->soname = arena_strdup(f->a, text);
		return 0;
	case DT_NEEDED:
		text = elf_strptr(f->elf, strings, dyn->d_un.d_val);
		return text && !f->needs_nothing ? add_library(f, &f->out->requires, text, NULL)
						 : 0;
	default:
		return 0;
	}
}

static int
read_dynamic(struct elf_file *f, Elf_Data *data, const GElf_Shdr *sh)
{
	GElf_Dyn dyn;

	for (int i = 0; i < MAX_LOOP && gelf_getdyn(data, i, &dyn); i++) {
		if (read_dynamic_entry(f, &dyn, sh->sh_link) < 0)
			return -1;
	}
	return 0;
}

/* The base definition names the library, the others are versions it provides. */
static int
read_definition(struct elf_file *f, Elf_Data *data, const GElf_Shdr *sh, const GElf_Verdef *def,
		uint64_t at, const char **library)
{
	GElf_Verdaux aux;

	for (unsigned i = 0;
	     i < def->vd_cnt && at <= INT32_MAX && gelf_getverdaux(data, (int)at, &aux); i++) {
		const char *text = elf_strptr(f->elf, sh->sh_link, aux.vda_name);

		if (!text)
			break;
		if (def->vd_flags & VER_FLG_BASE)
			*library = arena_strdup(f->a, text);
		else if (*library && **library &&
			 add_library(f, &f->out->provides, *library, text) < 0)
			return -1;
		at += aux.vda_next;
	}
	return 0;
}

static int
read_definitions(struct elf_file *f, Elf_Data *data, const GElf_Shdr *sh)
{
	const char *library = NULL;
	uint64_t at = 0;
	GElf_Verdef def;

	for (unsigned i = 0; i < sh->sh_info && i < MAX_LOOP && at <= INT32_MAX; i++) {
		if (!gelf_getverdef(data, (int)at, &def))
			break;
		if (read_definition(f, data, sh, &def, at + def.vd_aux, &library) < 0)
			return -1;
		at += def.vd_next;
	}
	return 0;
}

static int
read_need(struct elf_file *f, Elf_Data *data, const GElf_Shdr *sh, const GElf_Verneed *need,
	  uint64_t at)
{
	const char *library = elf_strptr(f->elf, sh->sh_link, need->vn_file);
	GElf_Vernaux aux;

	if (!library || !*library)
		return 0;
	for (unsigned i = 0;
	     i < need->vn_cnt && at <= INT32_MAX && gelf_getvernaux(data, (int)at, &aux); i++) {
		const char *version = elf_strptr(f->elf, sh->sh_link, aux.vna_name);

		if (!version)
			break;
		if (add_library(f, &f->out->requires, library, version) < 0)
			return -1;
		at += aux.vna_next;
	}
	return 0;
}

static int
read_needs(struct elf_file *f, Elf_Data *data, const GElf_Shdr *sh)
{
	uint64_t at = 0;
	GElf_Verneed need;

	for (unsigned i = 0; i < sh->sh_info && i < MAX_LOOP && at <= INT32_MAX; i++) {
		if (f->needs_nothing || !gelf_getverneed(data, (int)at, &need))
			break;
		if (read_need(f, data, sh, &need, at + need.vn_aux) < 0)
			return -1;
		at += need.vn_next;
	}
	return 0;
}

static int
read_section(struct elf_file *f, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = NULL;
	int rc = 0;

	if (sh->sh_type != SHT_DYNAMIC && sh->sh_type != SHT_GNU_verdef &&
	    sh->sh_type != SHT_GNU_verneed)
		return 0;
	while (rc == 0 && (data = elf_getdata(scn, data))) {
		if (sh->sh_type == SHT_DYNAMIC)
			rc = read_dynamic(f, data, sh);
		else if (sh->sh_type == SHT_GNU_verdef)
			rc = read_definitions(f, data, sh);
		else
			rc = read_needs(f, data, sh);
	}
	return rc;
}

static bool
has_interpreter(Elf *elf, const GElf_Ehdr *eh)
{
	GElf_Phdr ph;

	for (int i = 0; i < eh->e_phnum; i++) {
		if (gelf_getphdr(elf, i, &ph) && ph.p_type == PT_INTERP)
			return true;
	}
	return false;
}

/* A shared object is found by its soname, or by its file name if it has none. A program linked
 * as a shared object has DT_DEBUG and is none. */
static int
add_own_name(struct elf_file *f)
{
	const struct pkgdep gnu_hash = { .name = "rtld(GNU_HASH)", .op = PKGDEP_ANY };
	const char *slash = strrchr(f->path, '/');
	const char *name = f->soname ? f->soname : slash ? slash + 1 : f->path;

	if (f->is_shared && !f->has_debug && add_library(f, &f->out->provides, name, NULL) < 0)
		return -1;
	if (!f->needs_nothing && f->has_gnu_hash && !f->has_hash)
		return elfdeps_add(f->a, &f->out->requires, f->path, &gnu_hash, f->err);
	return 0;
}

static int
read_elf(struct elf_file *f, int fd, mode_t mode)
{
	CLEANUP(elf_close) Elf *elf = NULL;
	Elf_Scn *scn = NULL;
	GElf_Ehdr eh;
	GElf_Shdr sh;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(f->err, ERR_IO, "libelf is of another version");
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh) ||
	    (eh.e_type != ET_DYN && eh.e_type != ET_EXEC))
		return 0;
	f->elf = elf;
	f->is_shared = eh.e_type == ET_DYN;
	f->marker = eh.e_ident[EI_CLASS] == ELFCLASS64 ? "(64bit)" : "";
	f->needs_nothing = !(mode & 0111) && has_interpreter(elf, &eh);
	while ((scn = elf_nextscn(elf, scn)) && gelf_getshdr(scn, &sh)) {
		if (read_section(f, scn, &sh) < 0)
			return -1;
	}
	return add_own_name(f);
}

static bool
is_module(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = strlen(path);
	static const char dir[] = "/pkgconfig";

	return slash && n > 3 && strcmp(path + n - 3, ".pc") == 0 &&
	       slash - path >= (ptrdiff_t)strlen(dir) &&
	       memcmp(slash - strlen(dir), dir, strlen(dir)) == 0;
}

/* Files whose names say what they are. */
static const struct {
	bool (*is)(const char *path);
	int (*read)(struct arena *a, int fd, const char *path, struct elfdeps *out,
		    struct err *err);
} by_name[] = { { is_module, elfdeps_pc },
		{ elfdeps_is_account, elfdeps_account },
		{ elfdeps_is_cmake, elfdeps_cmake },
		{ elfdeps_is_python, elfdeps_python } };

/* Debug files and examples in the documentation need nothing at run time. */
static bool
is_skipped(const char *path)
{
	return strncmp(path, "/usr/lib/debug/", 15) == 0 ||
	       strncmp(path, "/usr/share/doc/", 15) == 0;
}

int
elfdeps_scan(struct arena *a, int fd, const char *path, mode_t mode, struct elfdeps *out,
	     struct err *err)
{
	struct elf_file f = { .a = a, .path = path, .out = out, .err = err };
	char magic[4];
	ssize_t n;

	if (is_skipped(path))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(by_name); i++)
		if (by_name[i].is(path))
			return by_name[i].read(a, fd, path, out, err);
	if (elfdeps_python_abi(a, path, out, err) < 0)
		return -1;
	n = pread(fd, magic, sizeof(magic), 0);
	if (n < 0)
		return err_sys(err, "cannot read %s", path);
	if (n == sizeof(magic) && memcmp(magic, ELFMAG, SELFMAG) == 0)
		return read_elf(&f, fd, mode);
	if (n >= 2 && magic[0] == '#' && magic[1] == '!' && (mode & 0111))
		return elfdeps_script(a, fd, path, out, err);
	return 0;
}
