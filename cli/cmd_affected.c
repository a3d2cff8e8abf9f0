/* SPDX-License-Identifier: Apache-2.0 */
/* affected X: X is a thing, or an advisory, which means things. */
#include "builder/graph.h"
#include "cli/auditing.h"
#include "cli/verbs.h"
#include "images/image.h"

struct affected_args {
	const char *advisories;
	struct opt_list releases;
};

static const struct opt affected_opts[] = {
	OPT(STR, struct affected_args, advisories, 0, "advisories", "PATH",
	    "X is an advisory, to be looked up in the OSV records in PATH; default: `advisories` of kiln.yaml"),
	OPT(LIST, struct affected_args, releases, 0, "release", "ECOSYSTEM:N",
	    "of records for several releases, those for this one count (Debian:12)"),
};

struct affected {
	struct auditing au; /* its targets: recipes and packages of the seed */
	struct graph graph;
	struct advisory_answer answer;
	VEC(struct graph_affected) hits;
	struct dict known; /* recipes of hits */
};

static void
affected_release(struct affected *f)
{
	auditing_release(&f->au);
	VEC_FREE(&f->hits);
	dict_release(&f->known);
}
DEFINE_RELEASE(struct affected, affected_release);

/* ---- what an advisory means ---- */

static void
add_recipe(struct affected *f, const struct recipe *r)
{
	const struct workspace *w = &f->au.cli->workspace;
	const struct purl_distribution d = { w->id, w->version };
	struct arena *a = &f->au.cli->arena;
	struct advisory_target t = { .label = r->name, .recipe = r->name };
	struct nevra id = { .name = r->name,
			    .version = r->version,
			    .release = r->release,
			    .epoch = r->rpm_epoch };
	size_t n = 0;

	advisory_target_add_rpm(a, &t, &d, &id);
	for (size_t i = 0; i < r->npackages; i++) {
		id.name = r->packages[i].name;
		advisory_target_add_rpm(a, &t, &d, &id);
	}
	if (r->cpe)
		advisory_target_add_cpe(a, &t, r->cpe);
	if (r->purl)
		advisory_target_add_purl(a, &t, r->purl);
	for (size_t i = 0; i < r->nsources; i++)
		advisory_target_add_source(a, &t, r->sources[i].url, r->sources[i].upstream,
					   r->version);
	for (size_t i = 0; i < r->npatches; i++)
		n += r->patches[i].nresolves;
	t.resolves = arena_array(a, n + 1, sizeof(*t.resolves));
	for (size_t i = 0; i < r->npatches; i++)
		for (size_t k = 0; k < r->patches[i].nresolves; k++)
			t.resolves[t.nresolves++] = r->patches[i].resolves[k];
	VEC_PUSH(&f->au.targets, t);
}

static int
ask_feed(struct affected *f, const struct affected_args *o, const char *id, struct err *err)
{
	struct cli *cli = f->au.cli;
	struct advisory_question q = { .only = id,
				       .releases = o->releases.at,
				       .nreleases = o->releases.n };
	struct recipe_set set;
	const char *feed;

	if (auditing_feed(cli, o->advisories, &feed, err) < 0 ||
	    recipe_load_all(&cli->arena, &cli->workspace.place, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < set.n; i++)
		add_recipe(f, set.at[i]);
	for (size_t i = 0; i < f->graph.seed.npackages; i++) {
		const struct seed_package *p = &f->graph.seed.packages[i];
		struct advisory_target t = { .label = p->name };

		if (p->built)
			continue;
		advisory_target_add_seed(&cli->arena, &t, p->location, p->version);
		VEC_PUSH(&f->au.targets, t);
	}
	auditing_add_recipes(&f->au, &set);
	if (q.nreleases == 0) {
		q.releases = cli->workspace.advisories.releases;
		q.nreleases = cli->workspace.advisories.nreleases;
	}
	q.targets = f->au.targets.at;
	q.ntargets = f->au.targets.n;
	if (advisory_search(&cli->arena, &q, feed, &f->answer, err) < 0)
		return -1;
	if (f->answer.asked == 0) {
		err_set(err, ERR_INPUT, "%s: no record of %zu is about %s", feed,
			f->answer.records, id);
		return err_hint(err,
				"a mirror that is older than the advisory does not know it");
	}
	vex_apply(&cli->arena, f->au.words.at, f->au.words.n, &f->answer);
	return 0;
}

/* ---- what carries it ---- */

static int
spread(struct affected *f, const char *what, struct err *err)
{
	struct graph_affected *hits;
	size_t n;

	if (graph_affected(&f->au.cli->arena, &f->graph, what, &hits, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (dict_add(&f->known, hits[i].recipe->name, f))
			VEC_PUSH(&f->hits, hits[i]);
	return 0;
}

/* What is settled for a recipe reaches nobody through it. */
static int
spread_all(struct affected *f, struct err *err)
{
	for (size_t i = 0; i < f->answer.nfindings; i++) {
		const struct advisory_finding *x = f->answer.findings[i];

		if (x->status >= ADVISORY_INVESTIGATED && spread(f, x->target->label, err) < 0)
			return -1;
	}
	return 0;
}

static void
tell_findings(struct affected *f, struct doc *d)
{
	struct cli *cli = f->au.cli;
	struct arena *a = &cli->arena;
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < f->answer.nfindings; i++) {
		const struct advisory_finding *x = f->answer.findings[i];
		const char *status = advisory_status_name(x->status);
		struct doc *item = doc_map(a);

		doc_set_text(a, item, x->target->recipe ? "recipe" : "seed", x->target->label);
		doc_set_text(a, item, "id", x->id);
		doc_set_text(a, item, "status", status);
		doc_set_text(a, item, "why", x->why);
		doc_push(a, list, item);
		if (!cli->json)
			(void)printf("%-7s %-24s %s: %s\n",
				     x->target->recipe ? "recipe" : "seed", x->target->label,
				     status, x->why);
	}
	if (f->answer.nfindings == 0 && !cli->json)
		(void)printf("no recipe and no package of the seed is meant\n");
	/* "Nothing is meant" is no answer about what was taken back. */
	if (f->answer.withdrawn && !cli->json)
		(void)printf("withdrawn: %s\n",
			     cli_count(a, f->answer.withdrawn, "advisory record"));
	doc_set(a, d, "withdrawn", doc_number(a, (int64_t)f->answer.withdrawn));
	doc_set(a, d, "meant", list);
}

static void
tell_recipes(struct affected *f, struct doc *d)
{
	struct cli *cli = f->au.cli;
	struct arena *a = &cli->arena;
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < f->hits.n; i++) {
		const struct graph_affected *h = &f->hits.at[i];
		const char *how = h->hit == GRAPH_CARRIES ? "carries" : "built with";
		struct doc *x = doc_map(a);

		doc_set_text(a, x, "recipe", h->recipe->name);
		doc_set_text(a, x, "how", how);
		doc_set_text(a, x, "through", h->through);
		doc_push(a, list, x);
		if (!cli->json)
			(void)printf("recipe  %-24s %s %s\n", h->recipe->name, how, h->through);
	}
	doc_set(a, d, "recipes", list);
}

static int
tell_images(struct affected *f, struct doc *d, struct err *err)
{
	struct cli *cli = f->au.cli;
	struct arena *a = &cli->arena;
	struct doc *list = doc_list(a);
	struct image **images;
	size_t n;

	if (image_load_all(a, cli->workspace.dirfd, &images, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct doc *x = doc_map(a);
		const char *by;

		if (graph_reaches(a, &f->graph, (const char *const *)images[i]->packages,
				  images[i]->npackages, f->hits.at, f->hits.n, &by, err) < 0)
			return -1;
		if (!by)
			continue;
		doc_set_text(a, x, "image", images[i]->name);
		doc_set_text(a, x, "through", by);
		doc_push(a, list, x);
		if (!cli->json)
			(void)printf("image   %-24s holds %s\n", images[i]->name, by);
	}
	doc_set(a, d, "images", list);
	return 0;
}

static bool
is_advisory(const char *x)
{
	return strncmp(x, "CVE-", 4) == 0 || strncmp(x, "GHSA-", 5) == 0;
}

static int
affected_run(struct cli *cli, void *args, const char *const *operands, size_t n,
	     struct err *err)
{
	const struct affected_args *o = args;
	CLEANUP(affected_release) struct affected f = { .au = { .cli = cli } };
	struct doc *d = doc_map(&cli->arena);
	bool advisory = o->advisories || is_advisory(operands[0]);

	(void)n;
	if (o->releases.n && !advisory)
		return err_set(err, ERR_USAGE, "--release is about an advisory");
	if (cli_open(cli, CLI_STORE, err) < 0 ||
	    graph_load(&cli->arena, &cli->builder, NULL, 0, &f.graph, err) < 0)
		return -1;
	if (advisory) {
		if (ask_feed(&f, o, operands[0], err) < 0 || spread_all(&f, err) < 0)
			return -1;
		tell_findings(&f, d);
	} else if (spread(&f, operands[0], err) < 0) {
		return -1;
	}
	tell_recipes(&f, d);
	if (tell_images(&f, d, err) < 0)
		return -1;
	return cli->json ? cli_json(cli, d, err) : 0;
}

const struct command cmd_affected = {
	.name = "affected",
	.task = "look",
	.summary =
		"show everything that carries X, was built with it, or is meant by advisory X",
	.synopsis = "X",
	.description =
		"X is a source (file name, address or sha256:DIGEST), a patch (its path or digest), a\n"
		"seed package, a recipe, a package, or the digest of anything that was made. Images\n"
		"count by the packages they list and what those require, as far as they are built.\n"
		"Or X is an advisory, CVE-... or GHSA-... (any other with --advisories): then the recipes and\n"
		"seed packages that it means are told, and all that carries them (docs/advisories.md).",
	.example = "kiln affected CVE-2022-37434 --advisories osv/",
	.opts = affected_opts,
	.nopts = ARRAY_LEN(affected_opts),
	.args_size = sizeof(struct affected_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = affected_run,
};
