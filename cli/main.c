/* SPDX-License-Identifier: Apache-2.0 */
/* The front door: a table of verbs, one dispatch, one place where an error is printed. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "trust/signer.h"

const struct command *const cli_commands[] = {
	&cmd_init,  &cmd_lint,      &cmd_new,   &cmd_fetch,   &cmd_lock,     &cmd_update,
	&cmd_build, &cmd_bootstrap, &cmd_shell, &cmd_log,     &cmd_status,   &cmd_graph,
	&cmd_why,   &cmd_affected,  &cmd_trace, &cmd_store,   &cmd_selftest, &cmd_publish,
	&cmd_image, &cmd_verify,    &cmd_sbom,  &cmd_audit,   &cmd_policy,   &cmd_key,
	&cmd_tlog,  &cmd_seed,      &cmd_help,  &cmd_version,
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
		return err_set(err, ERR_USAGE, "unknown command '%s' (did you mean '%s'?)",
			       name, near);
	err_set(err, ERR_USAGE, "unknown command '%s'", name);
	return err_hint(err, "`kiln help` lists the commands");
}

static void
take_common(struct cli *cli, const struct opt_common *common)
{
	cli->json = common->json;
	cli->directory = common->directory ? common->directory : ".";
	cli->ground = common->ground;
}

static int
run_command(struct cli *cli, struct opt_common *common, int argc, char **argv, struct err *err)
{
	const struct command *c = find_command(argv[0]);
	CLEANUP(mem_free) void *args = NULL;
	const char **operands;
	size_t n;

	take_common(cli, common);
	if (!c)
		return unknown_command(argv[0], err);
	args = mem_alloc(c->args_size);
	if (opt_parse(&cli->arena, c, argc, argv, args, common, &operands, &n, err) < 0)
		return -1;
	take_common(cli, common);
	if (common->help) {
		opt_help(c, stdout);
		return 0;
	}
	return c->run(cli, args, operands, n, err);
}

/* Options may stand before the command's name; without a name, help is what is wanted. */
static int
dispatch(struct cli *cli, int argc, char **argv, struct err *err)
{
	static char help[] = "help", version[] = "version";
	static char *alone[] = { help, NULL };
	struct opt_common common = { .help = false };
	int at;

	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		argv[1] = version;
	if (opt_leading(argc, argv, &common, &at, err) < 0)
		return -1;
	if (at < argc)
		return run_command(cli, &common, argc - at, argv + at, err);
	common.help = false;
	return run_command(cli, &common, 1, alone, err);
}

int
main(int argc, char **argv)
{
	static struct cli cli = { .workspace = { .dirfd = -1 }, .directory = "." };
	struct err err = { .code = ERR_NONE };
	int rc;

	if (argc > 1 && strcmp(argv[1], SIGNER_ARGV1) == 0)
		return signer_serve(argc, argv);
	umask(022);
	rc = cli_hold_standard(&err);
	if (rc == 0)
		rc = dispatch(&cli, argc, argv, &err);
	if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		rc = err_set(&err, ERR_IO, "standard output cannot be written");
	if (rc < 0)
		cli_fail(&cli, &err);
	cli_close(&cli);
	return rc == 0 ? 0 : err_exit_code(&err);
}
