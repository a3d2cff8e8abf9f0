/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines, declared and not parsed by hand: each command is one struct, each option and
 * each word ("lock" of `kiln seed lock`) one line; parsing, usage errors and help come from the
 * declarations, so they cannot drift.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum opt_kind { OPT_KIND_FLAG, OPT_KIND_NUM, OPT_KIND_STR, OPT_KIND_LIST };

#define OPT_LIST_MAX 64
struct opt_list { /* an option that may be given several times */
	const char *at[OPT_LIST_MAX];
	size_t n;
};

struct opt {
	enum opt_kind kind;
	size_t offset;
	char letter; /* 0: none */
	const char *name, *metavar, *help;
};

typedef bool opt_type_FLAG;
typedef unsigned opt_type_NUM;
typedef const char *opt_type_STR;
typedef struct opt_list opt_type_LIST;

/* A field whose type does not fit the kind does not compile. */
#define OPT(kind_, type, field, letter_, name_, metavar_, help_)                               \
	{                                                                                      \
		.kind = OPT_KIND_##kind_,                                                      \
		.offset = offsetof(type, field) +                                              \
			  0 * sizeof(char[__builtin_types_compatible_p(                        \
						  __typeof__(((type *)0)->field),              \
						  opt_type_##kind_)                            \
						  ? 1                                          \
						  : -1]),                                      \
		.letter = (letter_), .name = (name_), .metavar = (metavar_), .help = (help_)   \
	}

/* The first operand of a command that has several things to do. */
#define OPT_WORD_ANY (-100)
struct opt_word {
	const char *name, *metavar; /* metavar: of its operands, NULL when there are none */
	const char *summary;
	int operands; /* how many follow it; -N: N or more; OPT_WORD_ANY: none or more */
};

struct cli;
struct command {
	const char *name, *task, *summary;
	const char *synopsis; /* operands; NULL with words, whose synopsis is made */
	const char *description, *example;
	const struct opt *opts;
	size_t nopts;
	const struct opt_word *words;
	size_t nwords;
	size_t args_size;
	int min_operands, max_operands; /* without words; max -1: any number */
	int (*run)(struct cli *cli, void *args, const char *const *operands, size_t n,
		   struct err *err);
};

/* Options every command has; before or after the command's name. */
struct opt_common {
	bool help, json;
	const char *directory;
	const char *ground;
};
extern const struct opt opt_common_table[];
extern const size_t opt_common_count;

/* The options before the command's name: common ones only. *at becomes the index of the name,
 * argc when there is none. */
int opt_leading(int argc, char **argv, struct opt_common *common, int *at,
		struct err *err) MUST_CHECK;
/* Fills args (args_size bytes) and common from argv[1..], and operands (in the arena). "--"
 * ends options. ERR_USAGE names what is wrong and the nearest option or word. With words,
 * operands[0] is one of them. */
int opt_parse(struct arena *a, const struct command *c, int argc, char **argv, void *args,
	      struct opt_common *common, const char ***operands, size_t *noperands,
	      struct err *err) MUST_CHECK;
void opt_help(const struct command *c, FILE *to);
