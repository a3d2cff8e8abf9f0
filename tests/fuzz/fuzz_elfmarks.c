/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses: 'f' the rest is a file; 'e' the rest are edits of a small library
 * made here, each three bytes: a 16-bit offset and the new value. Whatever comes is judged or
 * called strange; nothing is read beyond the file, and nothing read twice over for long.
 */
#include "base/fd.h"
#include "repo/elfmarks.h"

#include <assert.h>
#include <elf.h>

#define MAX_FILE ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SEGMENTS = 6, SECTIONS = 5 };
struct library {
	Elf64_Ehdr head;
	Elf64_Phdr segments[SEGMENTS];
	Elf64_Dyn dynamic[8];
	Elf64_Sym symbols[3];
	Elf64_Nhdr note;
	char owner[4];
	uint32_t property[4];
	char strings[64];
	uint8_t code[32];
	char names[32];
	Elf64_Shdr sections[SECTIONS];
};

#define AT(field)    offsetof(struct library, field)
#define HOLDS(field) sizeof(((struct library *)NULL)->field)
#define SEGMENT(t, f, what)                                                                    \
	{                                                                                      \
		.p_type = (t), .p_flags = (f), .p_offset = AT(what), .p_vaddr = AT(what),      \
		.p_filesz = HOLDS(what)                                                        \
	}
#define SECTION(t, f, what, to, at)                                                            \
	{                                                                                      \
		.sh_type = (t), .sh_flags = (f), .sh_offset = AT(what),                        \
		.sh_size = HOLDS(what), .sh_link = (to), .sh_name = (at)                       \
	}

static const struct library good = {
	.head = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			       EV_CURRENT },
		  .e_type = ET_DYN,
		  .e_machine = EM_X86_64,
		  .e_phoff = AT(segments),
		  .e_phnum = SEGMENTS,
		  .e_phentsize = sizeof(Elf64_Phdr),
		  .e_shoff = AT(sections),
		  .e_shnum = SECTIONS,
		  .e_shentsize = sizeof(Elf64_Shdr),
		  .e_shstrndx = 1 },
	.segments = { { .p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = AT(code) },
		      SEGMENT(PT_LOAD, PF_R | PF_X, code),
		      SEGMENT(PT_DYNAMIC, PF_R, dynamic),
		      SEGMENT(PT_GNU_RELRO, PF_R, dynamic),
		      { .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
		      { .p_type = PT_GNU_PROPERTY,
			.p_offset = AT(note),
			.p_filesz = AT(strings) - AT(note) } },
	.dynamic = { { DT_STRTAB, { AT(strings) } },
		     { DT_STRSZ, { HOLDS(strings) } },
		     { DT_SONAME, { 1 } },
		     { DT_NEEDED, { 11 } },
		     { DT_RUNPATH, { 21 } },
		     { DT_JMPREL, { AT(symbols) } },
		     { DT_FLAGS, { DF_BIND_NOW } } },
	.symbols = { { 0 }, { .st_name = 26 }, { .st_name = 39 } },
	.note = { .n_namesz = 4, .n_descsz = 16, .n_type = NT_GNU_PROPERTY_TYPE_0 },
	.owner = "GNU",
	.property = { GNU_PROPERTY_X86_FEATURE_1_AND, 4, 3, 0 },
	.strings = "\0libx.so.1\0libc.so.6\0/opt\0__printf_chk\0printf",
	.code = { 0x90, 0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0, 0xc3 },
	.names = "\0.names\0.dynstr\0.dynsym\0.text",
	.sections = { { 0 },
		      SECTION(SHT_STRTAB, 0, names, 0, 1),
		      SECTION(SHT_STRTAB, 0, strings, 0, 8),
		      SECTION(SHT_DYNSYM, 0, symbols, 2, 16),
		      SECTION(SHT_PROGBITS, SHF_EXECINSTR, code, 0, 24) }
};

static void
look(const void *file, size_t n, bool is_good)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct elfmarks m;
	struct err err;

	if (fd_memory("file", &fd, &err) < 0 || fd_write_all(fd, file, n, &err) < 0 ||
	    elfmarks_read(&a, fd, &m, &err) < 0)
		abort();
	assert((m.kind == ELFMARKS_STRANGE) == (m.why != NULL));
	assert(m.canaries <= n && (!m.unchecked || m.unchecked_name));
	if (!is_good)
		return;
	assert(m.kind == ELFMARKS_SHARED && m.relro && m.lazy && m.binds_now && m.ibt &&
	       m.shstk);
	assert(m.stack_marked && !m.stack_exec && m.code == sizeof(good.code) &&
	       m.canaries == 1);
	assert(strcmp(m.soname, "libx.so.1") == 0 && strcmp(m.runpath, "/opt") == 0);
	assert(m.glibc && m.chk && m.unchecked && strcmp(m.unchecked_name, "printf") == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct library edited = good;

	if (n == 0 || n > MAX_FILE)
		return 0;
	if (data[0] != 'e') {
		look(data + 1, n - 1, false);
		return 0;
	}
	for (size_t i = 1; i + 3 <= n; i += 3)
		((uint8_t *)&edited)[((size_t)data[i] << 8 | data[i + 1]) % sizeof(edited)] =
			data[i + 2];
	look(&edited, sizeof(edited), n < 4);
	return 0;
}
