/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

struct trace_args {
	bool prove;
};

static const struct opt trace_opts[] = {
	OPT(FLAG, struct trace_args, prove, 0, "prove", NULL,
	    "build with the proposed needs and compare what comes out"),
};

static const char *const proofs[] = {
	[BUILD_PROOF_NONE] = "none",
	[BUILD_PROOF_SAME] = "same",
	[BUILD_PROOF_DIFFERENT] = "different",
	[BUILD_PROOF_FAILED] = "failed",
};

/* ---- as JSON ---- */

static struct doc *
advice_doc(struct arena *a, const struct build_trace *t)
{
	struct doc *d = doc_map(a), *unused = doc_list(a), *leaks = doc_list(a),
		   *needs = doc_list(a);

	for (size_t i = 0; i < t->advice.nunused; i++)
		doc_push(a, unused, doc_text(a, t->advice.unused[i]->name));
	for (size_t i = 0; i < t->advice.nleaks; i++) {
		struct doc *leak = doc_map(a);

		doc_set_text(a, leak, "package", t->advice.leaks[i].package);
		doc_set_text(a, leak, "through", t->advice.leaks[i].through);
		doc_set_text(a, leak, "example", t->advice.leaks[i].example);
		doc_push(a, leaks, leak);
	}
	for (size_t i = 0; i < t->advice.nneeds; i++)
		doc_push(a, needs, doc_text(a, t->advice.needs[i]));
	doc_set(a, d, "unused", unused);
	doc_set(a, d, "undeclared", leaks);
	if (t->advice.needs)
		doc_set(a, d, "needs", needs);
	return d;
}

static struct doc *
trace_doc(struct arena *a, const struct build_trace *t)
{
	struct doc *d = doc_map(a), *attempts = trace_attempts(a, &t->run.seen, true);

	doc_set_text(a, d, "recipe", t->recipe->name);
	doc_set_text(a, d, "action", t->run.action);
	doc_set_text(a, d, "outcome", t->run.outcome);
	doc_set(a, d, "current", doc_boolean(a, t->current));
	doc_set(a, d, "watched", doc_boolean(a, t->run.seen.watched));
	if (attempts)
		doc_set(a, d, "attempts", attempts);
	doc_set(a, d, "used", trace_used(a, &t->run.trace, true));
	doc_set(a, d, "advice", advice_doc(a, t));
	doc_set_text(a, d, "proof", proofs[t->proof]);
	doc_set_text(a, d, "proofWords", t->proof_words);
	return d;
}

/* ---- in words ---- */

static void
show_attempts(const struct build_trace *t)
{
	const struct sandbox_seen *s = &t->run.seen;

	if (!s->watched) {
		(void)printf("attempts    not known: another seccomp listener of this machine "
			     "was in the way\n");
		return;
	}
	(void)printf("attempts    %s\n", s->nviolations ? "all of these failed:" : "none");
	for (size_t i = 0; i < s->nviolations; i++) {
		const struct sandbox_violation *v = &s->violations[i];

		(void)printf("            %-8s %s%s%s by %s, %llu time%s\n", v->kind, v->call,
			     *v->argument ? " " : "", v->argument, v->process,
			     (unsigned long long)v->count, v->count == 1 ? "" : "s");
	}
	if (s->lost)
		(void)printf("            and %llu more of other kinds\n",
			     (unsigned long long)s->lost);
}

static const struct trace_package *
find_package(const struct trace *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->at[i].ground && strcmp(t->at[i].name, name) == 0)
			return &t->at[i];
	return NULL;
}

static void
show_needs(const struct build_trace *t)
{
	const struct recipe *r = t->recipe;

	for (size_t i = 0; i < r->nneeds; i++) {
		const struct trace_package *p = find_package(&t->run.trace, r->needs[i].name);

		(void)printf("%s%s: ", i ? "            " : "needs       ", r->needs[i].name);
		if (p && p->files)
			(void)printf("%zu of %zu files opened, such as /%s\n", p->files,
				     p->holds, p->example);
		else if (p && t->run.trace.known && p->holds)
			(void)printf("no file opened  (%s:%d)\n", r->path, r->needs[i].line);
		else
			(void)printf("not known\n");
	}
	if (r->nneeds == 0)
		(void)printf("needs       none\n");
}

static void
show_ground(const struct build_trace *t)
{
	size_t n = 0, used = 0;

	for (size_t i = 0; i < t->run.trace.n; i++) {
		n += t->run.trace.at[i].ground;
		used += t->run.trace.at[i].ground && t->run.trace.at[i].files;
	}
	(void)printf("ground      %zu of %zu seed packages used\n", used, n);
	if (!t->run.trace.known)
		(void)printf("            some opened files were not heard of: nothing is said "
			     "to be unused\n");
}

static void
show_advice(const struct build_trace *t)
{
	const struct trace_advice *v = &t->advice;

	for (size_t i = 0; i < v->nleaks; i++)
		(void)printf("undeclared  %s, which only '%s' brings: /%s\n",
			     v->leaks[i].package, v->leaks[i].through, v->leaks[i].example);
	if (!t->current) {
		(void)printf(
			"proposal    none: the recipe changed since; `kiln build %s` first\n",
			t->recipe->name);
		return;
	}
	if (!v->needs) {
		(void)printf("proposal    none: what is declared is what was used\n");
		return;
	}
	(void)printf("proposal    %s, build:\n            needs: [", t->recipe->path);
	for (size_t i = 0; i < v->nneeds; i++)
		(void)printf("%s%s", i ? ", " : "", v->needs[i]);
	(void)printf("]\n");
}

static void
show_proof(const struct build_trace *t)
{
	if (t->proof == BUILD_PROOF_SAME)
		(void)printf("proof       the same packages, byte for byte\n");
	else if (t->proof != BUILD_PROOF_NONE)
		(void)printf("proof       none: %s. Keep the needs as they are.\n",
			     t->proof_words);
	else if (t->advice.needs)
		(void)printf("proof       not asked for: kiln trace --prove %s\n",
			     t->recipe->name);
}

static int
trace_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct trace_args *a = args;
	struct build_options o = { .jobs = 1, .stop = &cli_stopped };
	struct build_trace t;
	unsigned needs = CLI_STORE | CLI_SANDBOX | (a->prove ? CLI_SIGNER : 0);

	(void)n;
	if (cli_open(cli, needs, err) < 0)
		return -1;
	cli_catch_signals();
	if (build_trace(&cli->arena, &cli->builder, operands[0], a->prove, &o, &t, err) < 0)
		return -1;
	if (cli->json)
		return cli_json(cli, trace_doc(&cli->arena, &t), err);
	(void)printf("recipe      %s%s\noutcome     %s\n", t.recipe->name,
		     t.current ? "" : "  (as it was when it last ran)", t.run.outcome);
	show_attempts(&t);
	show_needs(&t);
	show_ground(&t);
	show_advice(&t);
	show_proof(&t);
	return 0;
}

const struct command cmd_trace = {
	.name = "trace",
	.task = "look",
	.summary = "what the last build of a recipe used and attempted",
	.synopsis = "RECIPE",
	.description =
		"Says which needs were opened, which packages are used though only another need brings\n"
		"them, and every attempt that a wall of the chamber stopped. With --prove, what is\n"
		"proposed is built and its packages are compared.",
	.example = "kiln trace --prove zlib",
	.opts = trace_opts,
	.nopts = ARRAY_LEN(trace_opts),
	.args_size = sizeof(struct trace_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = trace_run,
};
