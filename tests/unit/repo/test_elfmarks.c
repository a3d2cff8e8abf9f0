/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/elfmarks.h"
#include "tests/unit/repo/pkgfix.h"
#include <elf.h>

/* Two dynamic sections and two tables of dynamic symbols: one of each is used. */
struct library {
	Elf64_Ehdr head;
	Elf64_Phdr segments[2];
	Elf64_Shdr sections[3];
	Elf64_Dyn dynamic[1];
	Elf64_Sym symbols[1];
	char strings[8];
};
#define AT(field) offsetof(struct library, field)

static struct library
make(size_t segments, size_t sections)
{
	const Elf64_Phdr segment = { .p_type = PT_DYNAMIC,
				     .p_offset = AT(dynamic),
				     .p_filesz = sizeof(Elf64_Dyn) };
	const Elf64_Shdr table = { .sh_type = SHT_DYNSYM,
				   .sh_offset = AT(symbols),
				   .sh_size = sizeof(Elf64_Sym) };

	return (struct library){
		.head = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				       ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_DYN,
			  .e_machine = EM_X86_64,
			  .e_phoff = AT(segments),
			  .e_phnum = (Elf64_Half)segments,
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_shoff = AT(sections),
			  .e_shnum = (Elf64_Half)sections,
			  .e_shentsize = sizeof(Elf64_Shdr) },
		.segments = { segment, segment },
		.sections = { { .sh_type = SHT_STRTAB, .sh_offset = AT(strings), .sh_size = 8 },
			      table,
			      table }
	};
}

static struct elfmarks
marks(struct arena *a, const struct library *l, struct err *err)
{
	CLEANUP(fd_close) int fd = pkgfix_file(l, sizeof(*l));
	struct elfmarks m;

	assert_ok(elfmarks_read(a, fd, &m, err));
	return m;
}

TEST(elfmarks_nothing_is_read_twice_over)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct library one = make(1, 2), segments = make(2, 2), sections = make(1, 3);
	struct elfmarks m = marks(&a, &one, err);

	assert_int_equal(m.kind, ELFMARKS_SHARED);
	assert_true(m.dynamic);
	m = marks(&a, &segments, err);
	assert_int_equal(m.kind, ELFMARKS_STRANGE);
	assert_string_equal(m.why, "it has more than one dynamic section");
	m = marks(&a, &sections, err);
	assert_int_equal(m.kind, ELFMARKS_STRANGE);
	assert_string_equal(m.why, "it has more than one table of dynamic symbols");
}
