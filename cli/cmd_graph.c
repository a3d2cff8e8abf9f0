/* SPDX-License-Identifier: Apache-2.0 */
/* graph and why: questions about what needs what. */
#include "builder/graph.h"
#include "cli/cli.h"
#include "cli/verbs.h"

#define GRAPH_MAX_BYTES ((size_t)512 * 1024 * 1024)

struct graph_args {
	const char *format;
};

static const struct opt graph_opts[] = {
	OPT(STR, struct graph_args, format, 'f', "format", "FORMAT",
	    "text (default), dot or svg"),
};

static int
open_graph(struct cli *cli, const char *const *names, size_t n, struct graph *out,
	   struct err *err)
{
	if (cli_open(cli, CLI_STORE, err) < 0)
		return -1;
	return graph_load(&cli->arena, &cli->builder, names, n, out, err);
}

static int
graph_json(struct cli *cli, const struct graph *g, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < g->plan.n; i++) {
		const struct plan_node *node = &g->plan.at[i];
		struct doc *d = doc_map(a), *needs = doc_list(a);

		doc_set_text(a, d, "recipe", node->recipe->name);
		for (size_t j = 0; j < node->nneeds; j++)
			doc_push(a, needs,
				 doc_text(a, g->plan.at[node->needs[j]].recipe->name));
		doc_set(a, d, "needs", needs);
		doc_push(a, list, d);
	}
	return cli_json(cli, list, err);
}

static int
graph_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	static const struct {
		const char *name;
		void (*write)(const struct graph *g, struct buf *out);
	} formats[] = { { "text", graph_text }, { "dot", graph_dot }, { "svg", graph_svg } };
	CLEANUP(buf_free) struct buf text = BUF_MAX(GRAPH_MAX_BYTES);
	const struct graph_args *a = args;
	const char *want = a->format ? a->format : "text";
	struct graph g;
	size_t i = 0;

	while (i < ARRAY_LEN(formats) && strcmp(formats[i].name, want) != 0)
		i++;
	if (i == ARRAY_LEN(formats))
		return err_set(err, ERR_USAGE, "--format is text, dot or svg, not '%s'", want);
	if (open_graph(cli, operands, n, &g, err) < 0)
		return -1;
	if (cli->json)
		return graph_json(cli, &g, err);
	formats[i].write(&g, &text);
	if (buf_check(&text, "the graph", err) < 0)
		return -1;
	(void)fwrite(buf_text(&text), 1, text.len, stdout);
	return 0;
}

static int
why_json(struct cli *cli, const struct graph_step *steps, size_t n, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < n; i++) {
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "recipe", steps[i].recipe->name);
		if (steps[i].need) {
			doc_set_text(a, d, "need", steps[i].need->name);
			doc_set_text(a, d, "file", steps[i].recipe->path);
			doc_set(a, d, "line", doc_number(a, steps[i].need->line));
		}
		doc_push(a, list, d);
	}
	return cli_json(cli, list, err);
}

static int
why_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	struct graph_step *steps = NULL;
	struct graph g;
	size_t nsteps;

	(void)args;
	(void)n;
	if (open_graph(cli, NULL, 0, &g, err) < 0 ||
	    graph_why(&cli->arena, &g, operands[0], operands[1], &steps, &nsteps, err) < 0)
		return -1;
	if (cli->json)
		return why_json(cli, steps, nsteps, err);
	if (nsteps == 0)
		(void)printf("%s does not need %s\n", operands[0], operands[1]);
	for (size_t i = 0; i + 1 < nsteps; i++) {
		const struct graph_step *s = &steps[i];

		(void)printf("%s:%d:%d: %s needs %s", s->recipe->path, s->need->line,
			     s->need->col, s->recipe->name,
			     s->required ? s->required : s->need->name);
		(void)printf("%s\n", s->required ? ", required by what it names" : "");
	}
	return 0;
}

const struct command cmd_graph = {
	.name = "graph",
	.task = "look",
	.summary = "show what needs what",
	.synopsis = "[RECIPE...]",
	.description =
		"One line for each recipe, after what it needs. Without names: all recipes.",
	.example = "kiln graph --format svg busybox > graph.svg",
	.opts = graph_opts,
	.nopts = ARRAY_LEN(graph_opts),
	.args_size = sizeof(struct graph_args),
	.max_operands = -1,
	.run = graph_run,
};

const struct command cmd_why = {
	.name = "why",
	.task = "look",
	.summary = "show the shortest way by which A comes to need B",
	.synopsis = "A B",
	.example = "kiln why file zlib",
	.args_size = 1,
	.min_operands = 2,
	.max_operands = 2,
	.run = why_run,
};
