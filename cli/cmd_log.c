/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/verbs.h"

#define LOG_MAX_BYTES ((size_t)256 * 1024 * 1024)

static int
log_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(LOG_MAX_BYTES);

	(void)args;
	(void)n;
	if (cli_open(cli, CLI_STORE, err) < 0 || build_log(&cli->builder, operands[0], &text, err) < 0)
		return -1;
	return fd_write_all(STDOUT_FILENO, buf_text(&text), text.len, err);
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
