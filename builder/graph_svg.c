/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "builder/graph.h"

#define BOX_WIDTH  150
#define BOX_HEIGHT 20
#define GAP_X      60
#define GAP_Y      8
#define MARGIN     10

struct place {
	size_t column, row;
};

static size_t
left(const struct place *p)
{
	return MARGIN + p->column * (BOX_WIDTH + GAP_X);
}

static size_t
top(const struct place *p)
{
	return MARGIN + p->row * (BOX_HEIGHT + GAP_Y);
}

/* Every recipe one column right of the deepest that it needs. Returns the size of the field. */
static struct place
arrange(const struct graph *g, struct place *at)
{
	CLEANUP(mem_free) size_t *rows = mem_alloc((g->plan.n + 1) * sizeof(*rows));
	struct place most = { 0 };

	for (size_t i = 0; i < g->plan.n; i++) {
		const struct plan_node *node = &g->plan.at[i];

		for (size_t j = 0; j < node->nneeds; j++)
			at[i].column = KILN_MAX(at[i].column, at[node->needs[j]].column + 1);
		at[i].row = rows[at[i].column]++;
		most.column = KILN_MAX(most.column, at[i].column + 1);
		most.row = KILN_MAX(most.row, at[i].row + 1);
	}
	return most;
}

void
graph_svg(const struct graph *g, struct buf *out)
{
	CLEANUP(mem_free) struct place *at = mem_alloc((g->plan.n + 1) * sizeof(*at));
	struct place most = arrange(g, at);

	buf_add_format(
		out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" font-family=\"sans-serif\" font-size=\"11\">\n",
		left(&most) - GAP_X + MARGIN, top(&most) - GAP_Y + MARGIN);
	for (size_t i = 0; i < g->plan.n; i++) {
		const struct plan_node *node = &g->plan.at[i];

		for (size_t j = 0; j < node->nneeds; j++) {
			const struct place *to = &at[node->needs[j]];

			buf_add_format(
				out,
				"<path d=\"M%zu %zuL%zu %zu\" stroke=\"#999\" fill=\"none\"/>\n",
				left(to) + BOX_WIDTH, top(to) + BOX_HEIGHT / 2, left(&at[i]),
				top(&at[i]) + BOX_HEIGHT / 2);
		}
	}
	for (size_t i = 0; i < g->plan.n; i++)
		buf_add_format(
			out,
			"<g><title>%s</title><rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" rx=\"3\" fill=\"#eef\" stroke=\"#446\"/>"
			"<text x=\"%zu\" y=\"%zu\">%.24s</text></g>\n",
			g->plan.at[i].recipe->name, left(&at[i]), top(&at[i]), BOX_WIDTH,
			BOX_HEIGHT, left(&at[i]) + 5, top(&at[i]) + BOX_HEIGHT - 6,
			g->plan.at[i].recipe->name);
	buf_add_str(out, "</svg>\n");
}
