/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/elfmarks.h"
#include "base/mem.h"
#include <elf.h>

#define MAX_SEGMENTS ((size_t)1024)
#define MAX_DYNAMIC  ((size_t)4096)       /* entries */
#define MAX_STRINGS  ((uint64_t)64 << 20) /* of one table */
#define MAX_SYMBOLS  ((uint64_t)4 << 20)  /* of the dynamic table */
#define MAX_NOTE     ((uint64_t)64 << 10)
#define MAX_TEXT     ((size_t)4096) /* of a soname or a path */
#define CHUNK        ((size_t)64 << 10)

struct elf_reader {
	struct arena *a;
	int fd;
	uint64_t size; /* of the file */
	struct elfmarks *m;
	struct err *err;
	Elf64_Ehdr head;
	Elf64_Phdr *segments;
	Elf64_Shdr *sections;
	size_t nsegments, nsections;
	bool imported;              /* the dynamic symbols were read */
	uint64_t strings, nstrings; /* the dynamic string table, in the file */
};

/* It is an ELF file, but not one that can be judged. */
static int
strange(struct elf_reader *r, const char *why)
{
	r->m->kind = ELFMARKS_STRANGE;
	r->m->why = why;
	return 1;
}

static bool
is_inside(const struct elf_reader *r, uint64_t at, uint64_t n)
{
	return at <= r->size && n <= r->size - at;
}

/* 0: all of it; 1: the file is strange; -1: it cannot be read. */
static int
get(struct elf_reader *r, uint64_t at, void *out, size_t n)
{
	if (!is_inside(r, at, n))
		return strange(r, "it names bytes beyond its end");
	for (size_t got = 0; got < n;) {
		ssize_t k = pread(r->fd, (char *)out + got, n - got, (off_t)(at + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_sys(r->err, "cannot read an ELF file");
		if (k == 0)
			return strange(r, "it became shorter while it was read");
		got += (size_t)k;
	}
	return 0;
}

static int
get_table(struct elf_reader *r, uint64_t at, size_t n, size_t each, void **out)
{
	if (!is_inside(r, at, (uint64_t)n * each))
		return strange(r, "it names bytes beyond its end");
	*out = arena_array(r->a, n, each);
	return get(r, at, *out, n * each);
}

/* Head, segments, sections. */
static int
get_tables(struct elf_reader *r)
{
	const Elf64_Ehdr *h = &r->head;
	int rc = get(r, 0, &r->head, sizeof(r->head));

	if (rc)
		return rc;
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
	    h->e_machine != EM_X86_64)
		return strange(r, "it is for another machine than x86-64");
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN && h->e_type != ET_REL)
		return strange(r, "it is no program, library or object");
	if (h->e_phnum > MAX_SEGMENTS || (h->e_phnum && h->e_phentsize != sizeof(Elf64_Phdr)) ||
	    (h->e_shnum && h->e_shentsize != sizeof(Elf64_Shdr)))
		return strange(r, "its head makes no sense");
	r->nsegments = h->e_phnum;
	r->nsections = h->e_shoff ? h->e_shnum : 0;
	rc = get_table(r, h->e_phoff, r->nsegments, sizeof(Elf64_Phdr), (void **)&r->segments);
	return rc ? rc
		  : get_table(r, h->e_shoff, r->nsections, sizeof(Elf64_Shdr),
			      (void **)&r->sections);
}

/* ---- .note.gnu.property ---- */

/* An aligned property list: type, size, data. */
static void
read_properties(struct elf_reader *r, const uint8_t *at, size_t n)
{
	while (n >= 8) {
		uint32_t type, size, bits = 0;

		memcpy(&type, at, 4);
		memcpy(&size, at + 4, 4);
		if (size > n - 8)
			return;
		if (type == GNU_PROPERTY_X86_FEATURE_1_AND && size >= 4)
			memcpy(&bits, at + 8, 4);
		r->m->ibt |= (bits & GNU_PROPERTY_X86_FEATURE_1_IBT) != 0;
		r->m->shstk |= (bits & GNU_PROPERTY_X86_FEATURE_1_SHSTK) != 0;
		size = (size + 7) & ~(uint32_t)7;
		if (size > n - 8)
			return;
		at += 8 + size;
		n -= 8 + size;
	}
}

static int
read_notes(struct elf_reader *r, uint64_t at, uint64_t size)
{
	CLEANUP(mem_free) uint8_t *note = NULL;
	size_t n = (size_t)KILN_MIN(size, MAX_NOTE);
	int rc;

	note = mem_room(n + 1);
	rc = get(r, at, note, n);
	for (size_t i = 0; !rc && n - i >= sizeof(Elf64_Nhdr) + 4;) {
		Elf64_Nhdr h;
		size_t name, room = n - i - sizeof(h);

		memcpy(&h, note + i, sizeof(h));
		name = ((size_t)h.n_namesz + 3) & ~(size_t)3;
		if (name > room || h.n_descsz > room - name)
			break;
		i += sizeof(h);
		if (h.n_type == NT_GNU_PROPERTY_TYPE_0 && h.n_namesz == 4 &&
		    memcmp(note + i, "GNU", 4) == 0)
			read_properties(r, note + i + name, h.n_descsz);
		name += ((size_t)h.n_descsz + 7) & ~(size_t)7;
		if (name > room)
			break;
		i += name;
	}
	return rc;
}

/* ---- the dynamic section ---- */

/* Where an address lies in the file; SIZE_MAX: nowhere. */
static uint64_t
offset_of(const struct elf_reader *r, uint64_t address)
{
	for (size_t i = 0; i < r->nsegments; i++) {
		const Elf64_Phdr *p = &r->segments[i];

		if (p->p_type == PT_LOAD && address >= p->p_vaddr &&
		    address - p->p_vaddr < p->p_filesz)
			return p->p_offset + (address - p->p_vaddr);
	}
	return UINT64_MAX;
}

static int
get_text(struct elf_reader *r, uint64_t at, const char **out)
{
	char text[MAX_TEXT];
	size_t n = (size_t)KILN_MIN(r->nstrings - KILN_MIN(at, r->nstrings), sizeof(text));
	int rc;

	if (n == 0)
		return strange(r,
			       "a text of its dynamic section lies outside its string table");
	rc = get(r, r->strings + at, text, n);
	if (rc)
		return rc;
	if (!memchr(text, '\0', n))
		return strange(r, "a text of its dynamic section has no end");
	*out = arena_strdup(r->a, text);
	return 0;
}

static void
note_dynamic(struct elf_reader *r, const Elf64_Dyn *d, uint64_t *strings)
{
	struct elfmarks *m = r->m;

	switch (d->d_tag) {
	case DT_STRTAB:
		*strings = offset_of(r, d->d_un.d_ptr);
		break;
	case DT_STRSZ:
		r->nstrings = d->d_un.d_val;
		break;
	case DT_JMPREL:
		m->lazy = true;
		break;
	case DT_BIND_NOW:
		m->binds_now = true;
		break;
	case DT_TEXTREL:
		m->text_relocations = true;
		break;
	case DT_FLAGS:
		m->binds_now |= (d->d_un.d_val & DF_BIND_NOW) != 0;
		m->text_relocations |= (d->d_un.d_val & DF_TEXTREL) != 0;
		break;
	case DT_FLAGS_1:
		m->binds_now |= (d->d_un.d_val & DF_1_NOW) != 0;
		if (d->d_un.d_val & DF_1_PIE)
			m->kind = ELFMARKS_PROGRAM;
		break;
	case DT_DEBUG: /* where a program's loader leaves its list for the debugger */
		m->kind = ELFMARKS_PROGRAM;
		break;
	default:
		break;
	}
}

/* Texts of the dynamic section. */
static int
name_dynamic(struct elf_reader *r, const Elf64_Dyn *d)
{
	const char *needed = NULL;
	int rc = 0;

	if (d->d_tag == DT_SONAME)
		rc = get_text(r, d->d_un.d_val, &r->m->soname);
	else if (d->d_tag == DT_RPATH)
		rc = get_text(r, d->d_un.d_val, &r->m->rpath);
	else if (d->d_tag == DT_RUNPATH)
		rc = get_text(r, d->d_un.d_val, &r->m->runpath);
	else if (d->d_tag == DT_NEEDED)
		rc = get_text(r, d->d_un.d_val, &needed);
	if (!rc && needed && strcmp(needed, "libc.so.6") == 0)
		r->m->glibc = true;
	return rc;
}

static int
read_dynamic(struct elf_reader *r, const Elf64_Phdr *p)
{
	size_t n = (size_t)(p->p_filesz / sizeof(Elf64_Dyn)), end = 0;
	uint64_t strings = UINT64_MAX;
	Elf64_Dyn *d;
	int rc;

	if (r->m->dynamic)
		return strange(r, "it has more than one dynamic section");
	if (n > MAX_DYNAMIC)
		return strange(r, "its dynamic section is too long");
	rc = get_table(r, p->p_offset, n, sizeof(*d), (void **)&d);
	if (rc)
		return rc;
	for (; end < n && d[end].d_tag != DT_NULL; end++)
		note_dynamic(r, &d[end], &strings);
	r->m->dynamic = true;
	if (r->nstrings > MAX_STRINGS || (r->nstrings && !is_inside(r, strings, r->nstrings)))
		return strange(r, "its dynamic strings lie outside it");
	r->strings = strings;
	for (size_t i = 0; i < end && !rc; i++)
		rc = name_dynamic(r, &d[i]);
	return rc;
}

/* ---- imports ---- */

/* What glibc's headers replace in every call, whatever is known of the buffers, once
 * _FORTIFY_SOURCE is 2 or more. */
static bool
is_replaced(const char *name)
{
	static const char *const names[] = { "asprintf", "dprintf", "fprintf",   "printf",
					     "snprintf", "sprintf", "syslog",    "vasprintf",
					     "vfprintf", "vprintf", "vsnprintf", "vsprintf",
					     "vsyslog" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
is_check(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strncmp(name, "__", 2) == 0 && strcmp(name + n - 4, "_chk") == 0;
}

static void
note_import(struct elf_reader *r, const char *name)
{
	if (is_check(name))
		r->m->chk = true;
	if (!is_replaced(name))
		return;
	r->m->unchecked = true;
	if (!r->m->unchecked_name)
		r->m->unchecked_name = arena_strdup(r->a, name);
}

static int
read_symbols(struct elf_reader *r, const Elf64_Shdr *table)
{
	CLEANUP(mem_free) char *strings = NULL;
	CLEANUP(mem_free) Elf64_Sym *symbols = NULL;
	uint64_t n = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Shdr *text;
	int rc;

	if (r->imported)
		return strange(r, "it has more than one table of dynamic symbols");
	r->imported = true;
	if (table->sh_link >= r->nsections || n > MAX_SYMBOLS)
		return strange(r, "its symbol table makes no sense");
	text = &r->sections[table->sh_link];
	if (text->sh_size > MAX_STRINGS || !is_inside(r, text->sh_offset, text->sh_size) ||
	    !is_inside(r, table->sh_offset, n * sizeof(*symbols)))
		return strange(r, "its symbol table lies outside it");
	strings = mem_room((size_t)text->sh_size + 1);
	symbols = mem_room((size_t)n * sizeof(*symbols) + 1);
	rc = get(r, text->sh_offset, strings, (size_t)text->sh_size);
	if (!rc)
		rc = get(r, table->sh_offset, symbols, (size_t)n * sizeof(*symbols));
	if (rc)
		return rc;
	strings[text->sh_size] = '\0';
	for (uint64_t i = 0; i < n; i++)
		if (symbols[i].st_shndx == SHN_UNDEF && symbols[i].st_name < text->sh_size)
			note_import(r, strings + symbols[i].st_name);
	return 0;
}

/* ---- code ---- */

/* Code reads the canary as %fs:0x28: mov, cmp, sub or xor with a 64-bit register. */
static bool
is_canary(const uint8_t *p)
{
	return p[0] == 0x64 && (p[1] & 0xfb) == 0x48 &&
	       (p[2] == 0x8b || p[2] == 0x3b || p[2] == 0x2b || p[2] == 0x33) &&
	       (p[3] & 0xc7) == 0x04 && p[4] == 0x25 && p[5] == 0x28 && p[6] == 0 &&
	       p[7] == 0 && p[8] == 0;
}

static uint64_t
count_canaries(const uint8_t *at, size_t n)
{
	uint64_t found = 0;

	for (size_t i = 0; i + 9 <= n; i++) {
		const uint8_t *next = memchr(at + i, 0x64, n - i);

		if (!next || (size_t)(next - at) + 9 > n)
			break;
		i = (size_t)(next - at);
		found += is_canary(next);
	}
	return found;
}

/* Pieces overlap by what one place may stretch over. */
static int
scan_code(struct elf_reader *r, uint64_t at, uint64_t size)
{
	CLEANUP(mem_free) uint8_t *piece = mem_room(CHUNK);
	int rc = 0;

	if (!is_inside(r, at, size))
		return strange(r, "it names bytes beyond its end");
	while (size >= 9 && !rc) {
		size_t n = (size_t)KILN_MIN(size, (uint64_t)CHUNK);

		rc = get(r, at, piece, n);
		if (rc == 0)
			r->m->canaries += count_canaries(piece, n);
		at += n == size ? n : n - 8;
		size -= n == size ? n : n - 8;
	}
	return rc;
}

/* ---- by sections, where there are any ---- */

static const char *
section_name(struct elf_reader *r, const Elf64_Shdr *s, char *out, size_t size)
{
	const Elf64_Shdr *names;
	uint64_t left;

	out[0] = '\0';
	if (r->head.e_shstrndx >= r->nsections)
		return out;
	names = &r->sections[r->head.e_shstrndx];
	if (s->sh_name >= names->sh_size || !is_inside(r, names->sh_offset, names->sh_size))
		return out;
	left = KILN_MIN(names->sh_size - s->sh_name, (uint64_t)size - 1);
	memset(out, 0, size); /* a file may become shorter */
	(void)!get(r, names->sh_offset + s->sh_name, out, (size_t)left);
	return out;
}

/* What the linker and the C runtime put there is nobody's own code. */
static bool
is_linkers(const char *name)
{
	return strcmp(name, ".init") == 0 || strcmp(name, ".fini") == 0 ||
	       strncmp(name, ".plt", 4) == 0;
}

static int
read_section(struct elf_reader *r, const Elf64_Shdr *s)
{
	bool object = r->head.e_type == ET_REL;
	char name[64];

	section_name(r, s, name, sizeof(name));
	if (s->sh_type == SHT_DYNSYM)
		return read_symbols(r, s);
	if (object && strcmp(name, ".note.GNU-stack") == 0) {
		r->m->stack_marked = true;
		r->m->stack_exec = (s->sh_flags & SHF_EXECINSTR) != 0;
	}
	if (object && s->sh_type == SHT_NOTE && strcmp(name, ".note.gnu.property") == 0)
		return read_notes(r, s->sh_offset, s->sh_size);
	if ((s->sh_flags & SHF_EXECINSTR) && s->sh_type == SHT_PROGBITS && !is_linkers(name)) {
		if (!is_inside(r, s->sh_offset, s->sh_size))
			return strange(r, "it names bytes beyond its end");
		r->m->code += s->sh_size;
		if (object)
			return scan_code(r, s->sh_offset, s->sh_size);
	}
	return 0;
}

/* Files for debuggers keep the sections of code without their bytes. */
static bool
is_debug(const struct elf_reader *r)
{
	bool empty = false;

	for (size_t i = 0; i < r->nsections; i++) {
		const Elf64_Shdr *s = &r->sections[i];

		if ((s->sh_flags & SHF_EXECINSTR) && s->sh_type == SHT_PROGBITS && s->sh_size)
			return false;
		empty |= (s->sh_flags & SHF_EXECINSTR) && s->sh_type == SHT_NOBITS;
	}
	return empty;
}

static int
read_segment(struct elf_reader *r, const Elf64_Phdr *p)
{
	struct elfmarks *m = r->m;

	switch (p->p_type) {
	case PT_INTERP:
		m->kind = ELFMARKS_PROGRAM;
		return 0;
	case PT_GNU_RELRO:
		m->relro = true;
		return 0;
	case PT_GNU_STACK:
		m->stack_marked = true;
		m->stack_exec = (p->p_flags & PF_X) != 0;
		return 0;
	case PT_DYNAMIC:
		return read_dynamic(r, p);
	case PT_GNU_PROPERTY:
		return read_notes(r, p->p_offset, p->p_filesz);
	case PT_LOAD:
		if ((p->p_flags & PF_X) && (p->p_flags & PF_W))
			m->writable_code = true;
		if (!(p->p_flags & PF_X))
			return 0;
		if (!r->nsections)
			m->code += p->p_filesz;
		return scan_code(r, p->p_offset, p->p_filesz);
	default:
		return 0;
	}
}

static int
read_parts(struct elf_reader *r)
{
	uint64_t code = 0;
	int rc = 0;

	if (is_debug(r)) {
		r->m->kind = ELFMARKS_DEBUG;
		return 0;
	}
	r->m->kind = r->head.e_type == ET_REL    ? ELFMARKS_OBJECT
		     : r->head.e_type == ET_EXEC ? ELFMARKS_PROGRAM
						 : ELFMARKS_SHARED;
	r->m->fixed_address = r->head.e_type == ET_EXEC;
	/* Segments that overlap would have the same bytes read over and over. */
	for (size_t i = 0; i < r->nsegments; i++)
		if (r->segments[i].p_type == PT_LOAD && (r->segments[i].p_flags & PF_X))
			code += KILN_MIN(r->segments[i].p_filesz, r->size);
	for (size_t i = 0; i < r->nsections && r->head.e_type == ET_REL; i++)
		if (r->sections[i].sh_flags & SHF_EXECINSTR)
			code += KILN_MIN(r->sections[i].sh_size, r->size);
	if (code > r->size)
		return strange(r, "it names more code than it has bytes");
	for (size_t i = 0; i < r->nsegments && !rc; i++)
		rc = read_segment(r, &r->segments[i]);
	for (size_t i = 0; i < r->nsections && !rc; i++)
		rc = read_section(r, &r->sections[i]);
	return rc;
}

int
elfmarks_read(struct arena *a, int fd, struct elfmarks *out, struct err *err)
{
	struct elfmarks m = { .kind = ELFMARKS_NONE };
	struct elf_reader r = { .a = a, .fd = fd, .m = &m, .err = err };
	char magic[SELFMAG];
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot read a file");
	r.size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
	if (r.size < SELFMAG) {
		*out = m;
		return 0;
	}
	rc = get(&r, 0, magic, sizeof(magic));
	if (rc == 0 && memcmp(magic, ELFMAG, SELFMAG) == 0) {
		rc = get_tables(&r);
		if (rc == 0)
			rc = read_parts(&r);
	}
	if (rc < 0)
		return -1;
	*out = m;
	return 0;
}
