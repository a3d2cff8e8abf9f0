/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"
#include "builder/audit.h"
#include "cli/cmd_audit.h"
#include "cli/verbs.h"

#define SHOWN_MISSES 200

static const struct opt audit_opts[] = {
	OPT(FLAG, struct audit_args, table, 0, "table", NULL,
	    "how often each demand holds, instead of what is amiss"),
	OPT(STR, struct audit_args, advisories, 0, "advisories", "PATH",
	    "instead, say which packages the OSV records in PATH, a file or a directory, mean"),
	OPT(FLAG, struct audit_args, cve, 0, "cve", NULL,
	    "the same with the records that `advisories` of kiln.yaml names"),
	OPT(LIST, struct audit_args, releases, 0, "release", "ECOSYSTEM:N",
	    "of records for several releases, those for this one count (Debian:12)"),
	OPT(LIST, struct audit_args, vex, 0, "vex", "FILE",
	    "believe this OpenVEX document, signed in FILE.sigstore.json by a trusted key"),
	OPT(STR, struct audit_args, vex_out, 0, "vex-out", "FILE",
	    "write what was found as OpenVEX 0.2.0 to FILE"),
	OPT(STR, struct audit_args, date, 0, "date", "DATE",
	    "time of that document; default: the newest epoch of the packages"),
	OPT(FLAG, struct audit_args, sign, 0, "sign", NULL,
	    "and sign it with the builder key, into FILE.sigstore.json"),
	OPT(LIST, struct audit_args, keys, 0, "key", "PATH",
	    "trust the key file or directory PATH; default: as `kiln verify`"),
};

/* What the operands name, sorted out: recipes together, so that the store is asked once. */
struct asked {
	struct cli *cli;
	struct recipe_set set;
	struct audit audit;
	VEC(const struct recipe *) recipes;
	VEC(const char *) files;
};

static void
asked_release_scope(struct asked *q)
{
	VEC_FREE(&q->recipes);
	VEC_FREE(&q->files);
	audit_release(&q->audit);
}

static bool
is_rpm(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".rpm") == 0;
}

static int
open_store(struct cli *cli, struct err *err)
{
	return cli->builder.store ? 0
				  : cli_open(cli, CLI_STORE | CLI_SANDBOX | CLI_SIGNER, err);
}

static int
ask_built(struct asked *q, const char *name, struct err *err)
{
	const struct recipe *r = recipe_find(&q->set, name);

	if (r) {
		VEC_PUSH(&q->recipes, r);
		return 0;
	}
	r = recipe_of_package(&q->set, name);
	if (!r) {
		err_set(err, ERR_INPUT,
			"'%s' is no recipe or package of this workspace, and no file", name);
		return err_hint(
			err, "give a recipe, a package, FILE.rpm or a repository's directory");
	}
	return audit_recipes(&q->audit, &q->cli->builder, &r, 1, name, err);
}

static int
ask(struct asked *q, const char *operand, struct err *err)
{
	const char *path = cli_path(q->cli, operand);
	struct stat st;

	if (strchr(operand, '/') || is_rpm(operand)) {
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return audit_repository(&q->audit, path, err);
		VEC_PUSH(&q->files, path);
		return 0;
	}
	return ask_built(q, operand, err);
}

static int
look(struct asked *q, const char *const *operands, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (ask(q, operands[i], err) < 0)
			return -1;
	if (audit_files(&q->audit, q->files.at, q->files.n, err) < 0)
		return -1;
	for (size_t i = 0; i < q->set.n && n == 0; i++)
		VEC_PUSH(&q->recipes, q->set.at[i]);
	return audit_recipes(&q->audit, &q->cli->builder, q->recipes.at, q->recipes.n, NULL,
			     err);
}

/* ---- what came out ---- */

static struct doc *
counts_doc(struct arena *a, const struct pkgaudit *p)
{
	struct doc *d = doc_map(a);

	for (size_t i = 0; i < PKGAUDIT_CHECKS; i++) {
		struct doc *c = doc_map(a);

		doc_set(a, c, "held", doc_number(a, (int64_t)p->counts[i].held));
		doc_set(a, c, "excepted", doc_number(a, (int64_t)p->counts[i].excused));
		doc_set(a, c, "missed", doc_number(a, (int64_t)p->counts[i].missed));
		doc_set(a, d, pkgaudit_rules[i].name, c);
	}
	return d;
}

static struct doc *
findings_doc(struct arena *a, const struct pkgaudit *p, bool excused)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < p->findings.n; i++) {
		const struct pkgaudit_finding *f = &p->findings.at[i];
		struct doc *d = doc_map(a);

		if (excused != (f->reason != NULL))
			continue;
		doc_set_text(a, d, "package", f->package);
		doc_set_text(a, d, "path", *f->path ? f->path : NULL);
		doc_set_text(a, d, "check", pkgaudit_rules[f->check].name);
		doc_set_text(a, d, "words", f->words);
		doc_set_text(a, d, "reason", f->reason);
		doc_push(a, list, d);
	}
	return list;
}

static struct doc *
unused_doc(struct arena *a, const struct audit *au)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < au->nexcuses; i++) {
		const struct audit_excuse *x = &au->excuses[i];
		struct doc *d = doc_map(a);

		if (x->used || !x->looked)
			continue;
		doc_set_text(a, d, "recipe", x->recipe->name);
		doc_set_text(a, d, "check", x->except->check);
		doc_set_text(a, d, "reason", x->except->reason);
		doc_push(a, list, d);
	}
	return list;
}

static struct doc *
audit_doc(struct arena *a, const struct audit *au)
{
	const struct pkgaudit *p = &au->found;
	struct doc *d = doc_map(a);

	doc_set(a, d, "rules", doc_number(a, PKGAUDIT_RULES));
	doc_set(a, d, "packages", doc_number(a, (int64_t)p->packages));
	doc_set(a, d, "files", doc_number(a, (int64_t)p->files));
	doc_set(a, d, "elf", doc_number(a, (int64_t)p->elf));
	doc_set(a, d, "checks", counts_doc(a, p));
	doc_set(a, d, "misses", findings_doc(a, p, false));
	doc_set(a, d, "exceptions", findings_doc(a, p, true));
	doc_set(a, d, "unused", unused_doc(a, au));
	if (p->full)
		doc_set(a, d, "cut", doc_boolean(a, true));
	return d;
}

/* "99.9 %": rounded down, so that 100 is all of them. */
static const char *
share(struct arena *a, size_t good, size_t all)
{
	size_t tenths = all ? good * 1000 / all : 1000;

	return arena_format(a, "%zu.%zu %%", tenths / 10, tenths % 10);
}

static void
show_table(struct arena *a, const struct pkgaudit *p)
{
	(void)printf("%-16s %8s %8s %8s %8s\n", "demand", "held", "excepted", "missed",
		     "score");
	for (size_t i = 0; i < PKGAUDIT_CHECKS; i++) {
		size_t held = p->counts[i].held, excused = p->counts[i].excused,
		       missed = p->counts[i].missed;

		(void)printf("%-16s %8zu %8zu %8zu %8s\n", pkgaudit_rules[i].name, held,
			     excused, missed, share(a, held, held + excused + missed));
	}
}

static void
show_misses(const struct pkgaudit *p)
{
	size_t shown = 0;

	for (size_t i = 0; i < p->findings.n && shown < SHOWN_MISSES; i++) {
		const struct pkgaudit_finding *f = &p->findings.at[i];

		if (f->reason)
			continue;
		(void)printf("%s: %s%s%s: %s\n", f->package, f->path, *f->path ? ": " : "",
			     pkgaudit_rules[f->check].name, f->words);
		shown++;
	}
	if (p->misses > shown)
		(void)printf("and %zu more: --json tells all\n", p->misses - shown);
}

/* Each remedy once. */
static void
show_remedies(const struct pkgaudit *p)
{
	for (size_t i = 0; i < PKGAUDIT_CHECKS; i++)
		if (p->counts[i].missed)
			cli_say("%s: %s", pkgaudit_rules[i].name, pkgaudit_rules[i].remedy);
}

static void
show_unused(const struct audit *au)
{
	for (size_t i = 0; i < au->nexcuses; i++) {
		const struct audit_excuse *x = &au->excuses[i];

		if (!x->used && x->looked)
			(void)printf("%s:%d: exception '%s' is needed by nothing\n",
				     x->recipe->path, x->except->line, x->except->check);
	}
}

static void
show(struct cli *cli, const struct audit_args *o, const struct audit *au)
{
	const struct pkgaudit *p = &au->found;
	size_t excused = 0;

	for (size_t i = 0; i < PKGAUDIT_CHECKS; i++)
		excused += p->counts[i].excused;
	if (o->table) {
		show_table(&cli->arena, p);
	} else {
		show_misses(p);
		show_remedies(p);
	}
	show_unused(au);
	(void)printf("%s, %s, %zu of them ELF: %zu missed, %s\n",
		     cli_count(&cli->arena, p->packages, "package"),
		     cli_count(&cli->arena, p->files, "file"), p->elf, p->misses,
		     cli_count(&cli->arena, excused, "exception"));
}

static int
audit_files_run(struct cli *cli, const struct audit_args *o, const char *const *operands,
		size_t n, struct err *err)
{
	CLEANUP(asked_release) struct asked q = { .cli = cli };
	bool alien = n > 0;

	for (size_t i = 0; i < n; i++)
		alien &= strchr(operands[i], '/') || is_rpm(operands[i]);
	/* Files need no workspace; where there is one, its recipes say what is declared. */
	if (!alien && open_store(cli, err) < 0)
		return -1;
	if (alien && cli_open(cli, 0, err) < 0)
		cli->has_workspace = false;
	if (cli->has_workspace &&
	    recipe_load_all(&cli->arena, &cli->workspace.place, &q.set, err) < 0)
		return -1;
	audit_begin(&cli->arena, cli->has_workspace ? &q.set : NULL, &q.audit);
	if (look(&q, operands, n, err) < 0)
		return -1;
	if (cli->json) {
		if (cli_json(cli, audit_doc(&cli->arena, &q.audit), err) < 0)
			return -1;
	} else {
		show(cli, o, &q.audit);
	}
	if (q.audit.found.misses == 0)
		return 0;
	err_set(err, ERR_VERIFY, "%zu things are not hardened as they must be",
		q.audit.found.misses);
	return err_hint(err, "docs/hardening.md says how to mend or to declare each");
}

static int
audit_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct audit_args *o = args;

	if (o->advisories || o->cve)
		return cmd_audit_advisories(cli, o, operands, n, err);
	if (o->releases.n || o->vex.n || o->vex_out || o->date || o->sign || o->keys.n)
		return err_set(err, ERR_USAGE,
			       "--release, --vex, --vex-out, --date, --sign and --key are for "
			       "--advisories or --cve");
	return audit_files_run(cli, o, operands, n, err);
}

const struct command cmd_audit = {
	.name = "audit",
	.task = "trust",
	.summary = "check that packages are hardened, or which of them advisories mean",
	.synopsis = "[RECIPE | PACKAGE | FILE.rpm | REPOSITORY | IMAGE ...]",
	.description =
		"Looks at every file of the packages (none named: all of the workspace as they are built):\n"
		"how ELF files were compiled and linked, modes, capabilities, paths of the build, licences.\n"
		"Recipes declare exceptions with a reason; what is amiss without one fails with 3.\n"
		"With --advisories or --cve OSV records are matched with the packages, also those of an image\n"
		"(docs/advisories.md): what a patch resolves is fixed, what a recipe's `vex` or a signed\n"
		"OpenVEX document says holds, and 3 says that something is affected.",
	.example =
		"kiln audit --advisories osv/ --release Debian:12 out/repo out/images/busybox",
	.opts = audit_opts,
	.nopts = ARRAY_LEN(audit_opts),
	.args_size = sizeof(struct audit_args),
	.max_operands = -1,
	.run = audit_run,
};
