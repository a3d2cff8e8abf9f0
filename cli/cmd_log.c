/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/verbs.h"

#define LOG_MAX_BYTES ((size_t)256 * 1024 * 1024)

static struct doc *
log_doc(struct arena *a, const char *recipe, const struct buf *text)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "recipe", recipe);
	doc_set_text(a, d, "log", buf_text(text));
	return d;
}

static int
log_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(LOG_MAX_BYTES);

	(void)args;
	(void)n;
	if (cli_open(cli, CLI_STORE, err) < 0 ||
	    build_log(&cli->builder, operands[0], &text, err) < 0)
		return -1;
	/* A build prints what it likes: for JSON it must be text, for a terminal harmless. Else
	 * it is as it was. */
	if (text.len && (cli->json || isatty(STDOUT_FILENO)))
		cli_tame(text.data, text.len);
	if (cli->json)
		return cli_json(cli, log_doc(&cli->arena, operands[0], &text), err);
	if (text.len == 0)
		cli_say("the last build of %s printed nothing", operands[0]);
	if (text.len && fd_write_all(STDOUT_FILENO, text.data, text.len, err) < 0)
		return err_wrap(err, "standard output");
	return 0;
}

const struct command cmd_log = {
	.name = "log",
	.task = "look",
	.summary = "show the log of the last build of a recipe",
	.synopsis = "RECIPE",
	.example = "kiln log zlib",
	.args_size = 1,
	.min_operands = 1,
	.max_operands = 1,
	.run = log_run,
};
