/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ELF file shows of how it was hardened: its segments, dynamic section, notes, imports
 * and, for the stack protector, its code. Hostile bytes: every offset is checked against the
 * file, every table has a bound, nothing is mapped. docs/hardening.md says what each mark
 * means.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum elfmarks_kind {
	ELFMARKS_NONE,    /* no ELF file */
	ELFMARKS_STRANGE, /* one that cannot be judged: `why` says what is wrong with it */
	ELFMARKS_OBJECT,  /* to be linked: *.o */
	ELFMARKS_PROGRAM,
	ELFMARKS_SHARED, /* a library or a plugin */
	ELFMARKS_DEBUG   /* only what a debugger reads */
};
struct elfmarks {
	enum elfmarks_kind kind;
	const char *why;
	bool fixed_address; /* not position-independent */
	bool dynamic, lazy,
		binds_now; /* dynamic section; a table for lazy binding; DF_BIND_NOW */
	bool relro;        /* PT_GNU_RELRO */
	bool stack_marked, stack_exec; /* PT_GNU_STACK, or the section of an object */
	bool text_relocations, writable_code;
	bool ibt, shstk;     /* of .note.gnu.property */
	uint64_t code;       /* bytes of code, without the linker's own */
	uint64_t canaries;   /* places where code reads the canary */
	bool chk, unchecked; /* imports __*_chk; imports what fortify always replaces */
	bool glibc;          /* imports are glibc's, so that fortify could */
	const char *soname, *rpath, *runpath; /* NULL: none */
	const char *unchecked_name;           /* an example */
};
/* fd: the file, at any offset. */
int elfmarks_read(struct arena *a, int fd, struct elfmarks *out, struct err *err) MUST_CHECK;
