/* SPDX-License-Identifier: Apache-2.0 */
/* The front door: a table of verbs, one dispatch, one place where an error is printed. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "trust/signer.h"

const struct command *const cli_commands[] = {
	&cmd_init,    &cmd_lint,  &cmd_fetch,  &cmd_build, &cmd_shell, &cmd_log,  &cmd_publish,
	&cmd_image,   &cmd_verify, &cmd_key,   &cmd_seed,  &cmd_store, &cmd_help, &cmd_version,
};
const size_t cli_ncommands = ARRAY_LEN(cli_commands);

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < cli_ncommands; i++)
		if (strcmp(cli_commands[i]->name, name) == 0)
			return cli_commands[i];
	return NULL;
}

static int
unknown_command(const char *name, struct err *err)
{
	const char *names[ARRAY_LEN(cli_commands)];
	const char *near;

	for (size_t i = 0; i < cli_ncommands; i++)
		names[i] = cli_commands[i]->name;
	near = doc_nearest(name, names, cli_ncommands);
	if (near)
		return err_set(err, ERR_USAGE, "unknown command '%s' (did you mean '%s'?)", name, near);
	err_set(err, ERR_USAGE, "unknown command '%s'", name);
	return err_hint(err, "`kiln help` lists the commands");
}

static int
dispatch(struct cli *cli, int argc, char **argv, struct err *err)
{
	const struct command *c;
	struct opt_common common = { .help = false };
	CLEANUP(mem_free) void *args = NULL;
	const char **operands;
	size_t n;

	c = find_command(argv[0]);
	if (!c)
		return unknown_command(argv[0], err);
	args = mem_alloc(c->args_size);
	if (opt_parse(&cli->arena, c, argc, argv, args, &common, &operands, &n, err) < 0)
		return -1;
	if (common.help) {
		opt_help(c, stdout);
		return 0;
	}
	cli->json = common.json;
	cli->directory = common.directory ? common.directory : ".";
	return c->run(cli, args, operands, n, err);
}

/* Options every command has may stand before the verb: moves the verb to argv[1]. */
static void
verb_first(int argc, char **argv)
{
	int at = 1;
	char *verb;

	while (at < argc && argv[at][0] == '-' && argv[at][1])
		at += strcmp(argv[at], "-C") == 0 || strcmp(argv[at], "--directory") == 0 ? 2 : 1;
	if (at <= 1 || at >= argc)
		return;
	verb = argv[at];
	memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
	argv[1] = verb;
}

int
main(int argc, char **argv)
{
	static struct cli cli = { .workspace = { .dirfd = -1 } };
	static char help[] = "help", version[] = "version";
	static char *help_argv[] = { help, NULL };
	struct err err = { .code = ERR_NONE };
	int rc;

	if (argc > 1 && strcmp(argv[1], SIGNER_ARGV1) == 0)
		return signer_serve(argc, argv);
	umask(022);
	if (argc < 2) {
		rc = dispatch(&cli, 1, help_argv, &err);
	} else {
		verb_first(argc, argv);
		if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
			argv[1] = help;
		if (strcmp(argv[1], "--version") == 0)
			argv[1] = version;
		rc = dispatch(&cli, argc - 1, argv + 1, &err);
	}
	cli_close(&cli);
	if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		rc = err_set(&err, ERR_IO, "standard output: cannot be written");
	if (rc == 0)
		return 0;
	if (err.text[0])
		(void)fprintf(stderr, "error: %s\n", err.text);
	return err_exit_code(&err);
}
