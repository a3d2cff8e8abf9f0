/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a recipe's YAML becomes struct recipe: tables of fields (recipe_schema.c), one walker
 * (recipe_table.c) and typed readers (recipe_read.c). A field knows where its value goes, so
 * nothing else lists keys.
 */
#pragma once

#include "builder/recipe.h"

#define RECIPE_LIST_MAX   ((size_t)10000)
#define RECIPE_LINE_MAX   ((size_t)1000)
#define RECIPE_SCRIPT_MAX ((size_t)256 * 1024)
#define RECIPE_SIZE_MAX   ((uint64_t)1 << 50) /* 1 PiB: no size of ours is larger */

struct recipe_reader {
	struct arena *a;
	const char *path;           /* of the file, for messages */
	const char *name, *version; /* what {name} and {version} stand for */
	bool other; /* the tables are those of kiln.yaml or seed.yaml: hints about recipes are
		       off */
};
struct recipe_field;
struct recipe_value { /* what a reader is given */
	const struct recipe_field *field;
	const struct doc *doc;
	void *base; /* the struct that the field's offsets count from */
};
typedef int recipe_read_fn(struct recipe_reader *r, const struct recipe_value *v,
			   struct err *err);

enum {
	RECIPE_REQUIRED = 1,
	RECIPE_UNKEYED = 2, /* cannot change the result: stays out of the action key */
	RECIPE_EXPAND = 4,  /* {name} and {version} are replaced */
	RECIPE_LISTED = 8   /* with sub: a list of maps, each a struct of its own */
};
#define RECIPE_NOWHERE SIZE_MAX

struct recipe_field {
	const char *name;
	recipe_read_fn *read;                /* NULL where sub alone says how */
	const char *(*wrong)(const char *s); /* what a text must be, NULL: it is right */
	size_t at;                           /* offset of the value */
	size_t count; /* offset of its companion: size_t n of a list, int line of a script */
	const struct recipe_table *sub;
	unsigned flags;
	const char *type, *fallback, *summary;
};
struct recipe_table {
	const char *path; /* "", "build", "sources[]" */
	const struct recipe_field *fields;
	size_t n;
	size_t size;       /* of one item's struct, for a listed table */
	size_t line, col;  /* where its position goes, or RECIPE_NOWHERE */
	const void *blank; /* an item before reading, NULL: zero bytes */
	int (*finish)(struct recipe_reader *r, const struct doc *d, void *item,
		      struct err *err);
};

/* How tables are written down. */
#define IN(type, field)   .at = offsetof(struct type, field)
#define WITH(type, field) .count = offsetof(struct type, field)
#define NOWHERE           .at = RECIPE_NOWHERE
#define DOCS(t, f, s)     .type = (t), .fallback = (f), .summary = (s)
#define UNPLACED          .line = RECIPE_NOWHERE, .col = RECIPE_NOWHERE
#define TABLE(table, p, ...)                                                                   \
	static const struct recipe_table table = { .path = (p),                                \
						   .fields = table##_fields,                   \
						   .n = ARRAY_LEN(table##_fields),             \
						   __VA_ARGS__ }

extern const struct recipe_table recipe_schema; /* the root */
/* Accounts, directories and services of a package (recipe_schema_accounts.c). */
extern const struct recipe_table recipe_schema_users, recipe_schema_groups,
	recipe_schema_directories, recipe_schema_services;
/* What follows from them: p->made (recipe_made.c). */
int recipe_made(struct recipe_reader *r, struct recipe_package *p, struct err *err) MUST_CHECK;
/* For a key of the design that no code carries out: its path in *path, and what to write
 * instead. First that very path, or else any of that name when anywhere is set. NULL: nobody
 * planned it. */
const char *recipe_schema_planned(const char *want, bool anywhere, const char **path);

/* A file that a table describes. */
struct recipe_file {
	const char *path, *what; /* what: "the seed is", for a file that is no map of keys */
	size_t max_bytes;
	const struct recipe_table *table;
};
/* Reads it by its table into base; *root: the whole of it. */
int recipe_table_load(struct arena *a, int dirfd, const struct recipe_file *f, void *base,
		      struct doc **root, struct err *err) MUST_CHECK;
/* Reads map d by the table into base. */
int recipe_table_read(struct recipe_reader *r, const struct recipe_table *t,
		      const struct doc *d, void *base, struct err *err) MUST_CHECK;
/* The part of d that enters the action key, keys sorted. */
struct doc *recipe_table_normal(struct arena *a, const struct recipe_table *t,
				const struct doc *d);

/* "file:line:col: 'key' must be WHAT, not ...". */
int recipe_read_wrong(struct recipe_reader *r, const struct recipe_value *v, const char *what,
		      struct err *err);
/* -1 unless v is a list of 1 to RECIPE_LIST_MAX items; what: "a list of text". */
int recipe_read_check_list(struct recipe_reader *r, const struct recipe_value *v,
			   const char *what, struct err *err) MUST_CHECK;
/* Stores items and their number where the field says. */
void recipe_read_set_list(const struct recipe_value *v, void *items, size_t n);
/* s for a message: cut, control characters replaced. */
const char *recipe_read_shown(struct arena *a, const char *s);

/* "512MiB" in bytes; false: it is no size. */
bool recipe_read_bytes(const struct doc *d, uint64_t *out);

recipe_read_fn recipe_read_text, recipe_read_prose, recipe_read_script, recipe_read_texts;
recipe_read_fn recipe_read_digest, recipe_read_date, recipe_read_bool, recipe_read_size;
recipe_read_fn recipe_read_duration, recipe_read_count, recipe_read_number, recipe_read_mode;
recipe_read_fn recipe_read_deps, recipe_read_needs, recipe_read_patches, recipe_read_env;
recipe_read_fn recipe_read_arch, recipe_read_license, recipe_read_format, recipe_read_proc;
recipe_read_fn recipe_read_id, recipe_read_strict, recipe_except_read;

/* What values must look like (recipe_words.c): each answers NULL or words for the message. */
const char *recipe_words_name(const char *s);
const char *recipe_words_version(const char *s);
const char *recipe_words_homepage(const char *s);
const char *recipe_words_cpe(const char *s);
const char *recipe_words_purl(const char *s);
const char *recipe_words_advisory(const char *s);
const char *recipe_words_url(const char *s);
const char *recipe_words_mirror(const char *s);
const char *recipe_words_upstream(const char *s);
const char *recipe_words_beside(const char *s);
const char *recipe_words_beneath(const char *s);
const char *recipe_words_member(const char *s);
const char *recipe_words_patch(const char *s);
const char *recipe_words_glob(const char *s);
const char *recipe_words_group(const char *s);
const char *recipe_words_account(const char *s);
const char *recipe_words_step(const char *s);
const char *recipe_words_place(const char *s);
const char *recipe_words_title(const char *s);
const char *recipe_words_command(const char *s);
const char *recipe_words_signal(const char *s);
const char *recipe_words_caps(const char *s);
const char *recipe_words_from(const char *s);
const char *recipe_words_repo(const char *s);
const char *recipe_words_list(const char *s);
const char *recipe_words_pattern(const char *s);
const char *recipe_words_kernel(const char *s);
const char *recipe_words_kernel_version(const char *s);
bool recipe_words_is_env(const char *name, const char **why);
bool recipe_words_is_archive(const char *filename);

/* Checks an SPDX licence expression; -1 with *why and, where there is one, *instead. */
int recipe_spdx_check(struct arena *a, const char *text, const char **why,
		      const char **instead) MUST_CHECK;
