/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/draft.h"
#include "cli/cli.h"
#include "cli/status.h"
#include "cli/verbs.h"

struct new_args {
	const char *url, *version, *system;
	bool dry_run;
};

static const struct opt new_opts[] = {
	OPT(STR, struct new_args, url, 0, "url", "URL",
	    "of a TARBALL: where others get it; without it the file is kept beside the recipe"),
	OPT(STR, struct new_args, version, 0, "version", "VERSION",
	    "instead of what the name of the file says"),
	OPT(STR, struct new_args, system, 0, "system", "SYSTEM", DRAFT_SYSTEMS),
	OPT(FLAG, struct new_args, dry_run, 'n', "dry-run", NULL,
	    "print the recipe, write nothing"),
};

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "https://...", "debian:pool/..."; everything else is a file of this machine. */
static bool
is_url(const char *from)
{
	return !strncmp(from, "https://", 8) || !strncmp(from, "http://", 7) ||
	       !strncmp(from, "debian:", 7) || !strncmp(from, "debian-", 7);
}

static int
tell(struct cli *cli, const struct draft *d, bool written, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *out = doc_map(a), *notes = doc_list(a);

	for (size_t i = 0; i < d->nnotes; i++) {
		doc_push(a, notes, doc_text(a, d->notes[i]));
		cli_say("note: %s", d->notes[i]);
	}
	if (cli->json) {
		doc_set_text(a, out, "path", d->path);
		doc_set_text(a, out, "recipe", d->text);
		doc_set_text(a, out, "version", d->version);
		doc_set_text(a, out, "system", d->system);
		doc_set_text(a, out, "license", d->license);
		doc_set(a, out, "notes", notes);
		doc_set(a, out, "written", doc_boolean(a, written));
		return cli_json(cli, out, err);
	}
	if (written)
		(void)printf("%s: version %s, built by %s\n", d->path, d->version, d->system);
	else
		(void)printf("%s", d->text);
	return 0;
}

static int
new_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct new_args *o = args;
	const char *from = is_url(operands[1]) ? operands[1] : cli_path(cli, operands[1]);
	struct source_progress progress = status_fetching;
	struct draft_wish wish = { .name = operands[0],
				   .file = base_of(from),
				   .version = o->version,
				   .system = o->system };
	struct workspace *w = &cli->workspace;
	struct digest archive;
	struct draft d;

	(void)n;
	if (o->url && is_url(operands[1]))
		return err_set(err, ERR_USAGE,
			       "--url says where a file of this machine is from");
	if (cli_open(cli, CLI_STORE, err) < 0)
		return -1;
	cli_catch_signals();
	progress.stop = &cli_stopped;
	wish.url = is_url(operands[1]) ? operands[1]
		   : o->url            ? o->url
				       : arena_format(&cli->arena, "file:%s", wish.file);
	if (draft_fetch(w, cli->builder.store, from, &progress, &archive, err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	if (draft_make(&cli->arena, w, cli->builder.store, &archive, &wish, &d, err) < 0)
		return -1;
	if (!o->dry_run && draft_write(w, cli->builder.store, &archive, &wish, &d, err) < 0)
		return -1;
	return tell(cli, &d, !o->dry_run, err);
}

const struct command cmd_new = {
	.name = "new",
	.task = "start",
	.summary = "write a first recipe for a source archive",
	.synopsis = "NAME TARBALL|URL",
	.description =
		"Fetches the archive into the store, reads it in a confined process, and writes\n"
		"recipes/NAME/recipe.yaml: digest, version, summary, homepage, licence, and steps\n"
		"for " DRAFT_SYSTEMS ".\n"
		"What cannot be told is left so that `kiln lint` refuses it and says what to do.\n"
		"Nothing that exists is overwritten, and nothing of the archive is run.",
	.example = "kiln new lz4 debian:pool/main/l/lz4/lz4_1.9.4.orig.tar.gz",
	.opts = new_opts,
	.nopts = ARRAY_LEN(new_opts),
	.args_size = sizeof(struct new_args),
	.min_operands = 2,
	.max_operands = 2,
	.run = new_run,
};
