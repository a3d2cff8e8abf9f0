/* SPDX-License-Identifier: Apache-2.0 */
/* What needs what, as text, dot or svg. */
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
	if (cli_open(cli, CLI_STORE, err) < 0 ||
	    graph_load(&cli->arena, &cli->builder, operands, n, &g, err) < 0)
		return -1;
	if (cli->json)
		return graph_json(cli, &g, err);
	formats[i].write(&g, &text);
	if (buf_check(&text, "the graph", err) < 0)
		return -1;
	(void)fwrite(buf_text(&text), 1, text.len, stdout);
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
