/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opt.h"
#include "base/buf.h"
#include "base/doc.h"
#include <limits.h>

const struct opt opt_common_table[] = {
	OPT(FLAG, struct opt_common, help, 'h', "help", NULL, "show this help"),
	OPT(FLAG, struct opt_common, json, 0, "json", NULL,
	    "print the result as JSON on stdout"),
	OPT(STR, struct opt_common, directory, 'C', "directory", "DIR",
	    "work as if started in DIR"),
	OPT(STR, struct opt_common, ground, 0, "ground", "STAGE",
	    "work on the recipes of STAGE, on its ground (docs/bootstrap.md)"),
};
const size_t opt_common_count = ARRAY_LEN(opt_common_table);

#define OPT_MAX_NAMES 64

static const struct command nothing; /* what common options before the name belong to */

struct parser {
	const struct command *c;
	void *args;
	struct opt_common *common;
	int argc, at;
	char **argv;
	const char **operands;
	size_t noperands;
};

/* The option and the struct its field lies in, by name or letter. */
static const struct opt *
find(const struct parser *p, const char *name, size_t len, char letter, void **base)
{
	const struct opt *tables[] = { p->c->opts, opt_common_table };
	const size_t counts[] = { p->c->nopts, opt_common_count };
	void *bases[] = { p->args, p->common };

	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t i = 0; i < counts[t]; i++) {
			const struct opt *o = &tables[t][i];

			if ((name && strlen(o->name) == len &&
			     memcmp(o->name, name, len) == 0) ||
			    (letter && o->letter == letter)) {
				*base = bases[t];
				return o;
			}
		}
	}
	return NULL;
}

static int
unknown(const struct parser *p, const char *word, struct err *err)
{
	const char *names[OPT_MAX_NAMES];
	size_t n = 0;
	const char *near;

	for (size_t i = 0; i < p->c->nopts && n < OPT_MAX_NAMES; i++)
		names[n++] = p->c->opts[i].name;
	for (size_t i = 0; i < opt_common_count && n < OPT_MAX_NAMES; i++)
		names[n++] = opt_common_table[i].name;
	near = strncmp(word, "--", 2) == 0 ? doc_nearest(word + 2, names, n) : NULL;
	if (near)
		return err_set(err, ERR_USAGE, "unknown option '%s' (did you mean '--%s'?)",
			       word, near);
	err_set(err, ERR_USAGE, "unknown option '%s'", word);
	if (p->c == &nothing)
		return err_hint(
			err,
			"options of a command stand after its name; `kiln help` lists the commands");
	return err_hint(err, "`kiln %s --help` lists the options", p->c->name);
}

static int
store_number(const struct opt *o, const char *value, unsigned *out, struct err *err)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(value, &end, 10);
	if (errno || *end || value[0] < '0' || value[0] > '9' || v > UINT_MAX)
		return err_set(err, ERR_USAGE, "option --%s wants a number, not '%s'", o->name,
			       value);
	*out = (unsigned)v;
	return 0;
}

static int
store(const struct opt *o, void *base, const char *value, struct err *err)
{
	void *field = (char *)base + o->offset;
	struct opt_list *list;

	switch (o->kind) {
	case OPT_KIND_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_KIND_NUM:
		return store_number(o, value, field, err);
	case OPT_KIND_STR:
		*(const char **)field = value;
		return 0;
	case OPT_KIND_LIST:
		list = field;
		if (list->n == OPT_LIST_MAX)
			return err_set(err, ERR_USAGE, "option --%s given more than %d times",
				       o->name, OPT_LIST_MAX);
		list->at[list->n++] = value;
		return 0;
	}
	return err_set(err, ERR_USAGE, "option --%s has no kind", o->name);
}

static int
take_value(struct parser *p, const struct opt *o, const char *attached, const char **value,
	   struct err *err)
{
	if (o->kind == OPT_KIND_FLAG) {
		if (attached)
			return err_set(err, ERR_USAGE, "option --%s takes no value", o->name);
		*value = NULL;
		return 0;
	}
	if (attached) {
		*value = attached;
		return 0;
	}
	if (p->at + 1 >= p->argc)
		return err_set(err, ERR_USAGE, "option --%s wants a value (%s)", o->name,
			       o->metavar);
	*value = p->argv[++p->at];
	return 0;
}

static int
parse_option(struct parser *p, const char *word, struct err *err)
{
	const char *eq = word[1] == '-' ? strchr(word, '=') : NULL;
	const char *attached = eq ? eq + 1 : NULL;
	const struct opt *o;
	const char *value = NULL;
	void *base = NULL;

	if (word[1] == '-') {
		size_t len = eq ? (size_t)(eq - word - 2) : strlen(word + 2);

		o = find(p, word + 2, len, 0, &base);
	} else {
		o = find(p, NULL, 0, word[1], &base);
		if (word[2])
			attached = word + 2;
	}
	if (!o)
		return unknown(p, word, err);
	if (take_value(p, o, attached, &value, err) < 0)
		return -1;
	return store(o, base, value, err);
}

int
opt_leading(int argc, char **argv, struct opt_common *common, int *at, struct err *err)
{
	struct parser p = { .c = &nothing, .common = common, .argc = argc, .argv = argv };

	for (p.at = 1; p.at < argc && argv[p.at][0] == '-' && argv[p.at][1]; p.at++)
		if (parse_option(&p, argv[p.at], err) < 0)
			return -1;
	*at = p.at;
	return 0;
}

static void
add_words(const struct command *c, struct buf *out)
{
	for (size_t i = 0; i < c->nwords; i++) {
		const struct opt_word *w = &c->words[i];

		buf_add_format(out, "%s%s%s%s", i ? " | " : "", w->name, w->metavar ? " " : "",
			       w->metavar ? w->metavar : "");
	}
}

/* "kiln seed lock | show" */
static void
add_usage(const struct command *c, struct buf *out)
{
	buf_add_format(out, "kiln %s", c->name);
	if (c->nopts)
		buf_add_str(out, " [options]");
	if (c->nwords || (c->synopsis && *c->synopsis))
		buf_add_char(out, ' ');
	if (c->nwords)
		add_words(c, out);
	else
		buf_add_str(out, c->synopsis);
}

static int
usage(const struct command *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ERR_TEXT_MAX);

	add_usage(c, &text);
	err_set(err, ERR_USAGE, "usage: %s", buf_text(&text));
	return err_hint(err, "`kiln %s --help` shows an example", c->name);
}

static int
unknown_word(const struct command *c, const char *word, struct err *err)
{
	const char *names[OPT_MAX_NAMES];
	const char *near;
	size_t n = 0;

	for (; n < c->nwords && n < OPT_MAX_NAMES; n++)
		names[n] = c->words[n].name;
	near = doc_nearest(word, names, n);
	if (near)
		return err_set(err, ERR_USAGE,
			       "kiln %s: unknown word '%s' (did you mean '%s'?)", c->name, word,
			       near);
	err_set(err, ERR_USAGE, "kiln %s: unknown word '%s'", c->name, word);
	return err_hint(err, "`kiln %s --help` lists the words", c->name);
}

static int
check_word(const struct parser *p, struct err *err)
{
	if (p->noperands == 0)
		return usage(p->c, err);
	for (size_t i = 0; i < p->c->nwords; i++) {
		const struct opt_word *w = &p->c->words[i];

		if (strcmp(w->name, p->operands[0]) != 0)
			continue;
		if (w->operands == OPT_WORD_ANY || (int)p->noperands == 1 + w->operands ||
		    (w->operands < 0 && (int)p->noperands >= 1 - w->operands))
			return 0;
		err_set(err, ERR_USAGE, "usage: kiln %s %s%s%s", p->c->name, w->name,
			w->metavar ? " " : "", w->metavar ? w->metavar : "");
		return err_hint(err, "`kiln %s --help` shows an example", p->c->name);
	}
	return unknown_word(p->c, p->operands[0], err);
}

static int
check_operands(const struct parser *p, struct err *err)
{
	const struct command *c = p->c;

	if (c->nwords)
		return check_word(p, err);
	if ((int)p->noperands < c->min_operands ||
	    (c->max_operands >= 0 && (int)p->noperands > c->max_operands))
		return usage(c, err);
	return 0;
}

int
opt_parse(struct arena *a, const struct command *c, int argc, char **argv, void *args,
	  struct opt_common *common, const char ***operands, size_t *noperands, struct err *err)
{
	struct parser p = {
		.c = c, .args = args, .common = common, .argc = argc, .argv = argv
	};
	bool only_operands = false;

	p.operands = arena_array(a, (size_t)argc + 1, sizeof(*p.operands));
	for (p.at = 1; p.at < argc; p.at++) {
		const char *word = argv[p.at];

		if (!only_operands && strcmp(word, "--") == 0)
			only_operands = true;
		else if (only_operands || word[0] != '-' || !word[1])
			p.operands[p.noperands++] = word;
		else if (parse_option(&p, word, err) < 0)
			return -1;
	}
	*operands = p.operands;
	*noperands = p.noperands;
	return common->help ? 0 : check_operands(&p, err);
}

static void
help_options(const struct opt *opts, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		const struct opt *o = &opts[i];
		char left[64];

		(void)snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
			       o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			       o->metavar ? " " : "", o->metavar ? o->metavar : "");
		(void)fprintf(to, "  %-26s %s\n", left, o->help);
	}
}

static void
help_words(const struct command *c, FILE *to)
{
	if (c->nwords)
		(void)fprintf(to, "\nwords:\n");
	for (size_t i = 0; i < c->nwords; i++) {
		const struct opt_word *w = &c->words[i];
		char left[64];

		(void)snprintf(left, sizeof(left), "%s%s%s", w->name, w->metavar ? " " : "",
			       w->metavar ? w->metavar : "");
		(void)fprintf(to, "  %-26s %s\n", left, w->summary);
	}
}

void
opt_help(const struct command *c, FILE *to)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ERR_TEXT_MAX);

	add_usage(c, &text);
	(void)fprintf(to, "kiln %s: %s\n\nusage: %s\n", c->name, c->summary, buf_text(&text));
	if (c->description)
		(void)fprintf(to, "\n%s\n", c->description);
	help_words(c, to);
	(void)fprintf(to, "\noptions:\n");
	help_options(c->opts, c->nopts, to);
	help_options(opt_common_table, opt_common_count, to);
	(void)fprintf(to, "\nexample:\n  %s\n", c->example);
}
