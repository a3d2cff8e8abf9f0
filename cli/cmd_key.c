/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/verbs.h"

#define KEY_EXPORT_MAX ((size_t)64 * 1024)

static int
init_keys(struct cli *cli, struct err *err)
{
	bool made = false;

	if (key_init(cli->workspace.keys_path, cli->workspace.vendor, clock_wall(), &made, err) < 0)
		return -1;
	cli_say("%s in %s", made ? "development keys made" : "the key set is complete", cli->workspace.keys_path);
	if (made)
		cli_say("private keys are readable by you only (mode 0600); keep them out of version control");
	return 0;
}

static int
list_keys(struct cli *cli, const struct keyring *ring)
{
	struct doc *all = doc_list(&cli->arena);

	for (size_t i = 0; i < ring->n; i++) {
		const struct key_public *k = &ring->at[i];
		struct doc *d = doc_map(&cli->arena);

		doc_set_text(&cli->arena, d, "role", key_role_name(k->role));
		doc_set_text(&cli->arena, d, "id", k->id);
		doc_set_text(&cli->arena, d, "file", k->origin);
		doc_set_text(&cli->arena, d, "user", k->openpgp_uid);
		doc_push(&cli->arena, all, d);
		if (!cli->json)
			(void)printf("%-9s %s  %s\n", key_role_name(k->role), k->id, k->origin);
	}
	if (cli->json)
		cli_json(all);
	return 0;
}

static int
export_key(const struct keyring *ring, const char *role, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_EXPORT_MAX);

	for (enum key_role r = KEY_BUILDER; r < KEY_ROLES; r++) {
		const struct key_public *k = key_of_role(ring, r);

		if (strcmp(role, key_role_name(r)) != 0)
			continue;
		if (!k)
			return err_set(err, ERR_INPUT, "the key set has no %s key", role);
		if (key_export(k, &text, err) < 0)
			return -1;
		return fd_write_all(STDOUT_FILENO, buf_text(&text), text.len, err);
	}
	return err_set(err, ERR_USAGE, "no key role '%s' (builder, packages, metadata)", role);
}

static int
key_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	struct keyring ring = { 0 };

	(void)args;
	if (cli_open(cli, 0, err) < 0)
		return -1;
	if (strcmp(operands[0], "init") == 0 && n == 1)
		return init_keys(cli, err);
	if (strcmp(operands[0], "list") != 0 && strcmp(operands[0], "export") != 0)
		return err_set(err, ERR_USAGE, "unknown word '%s': kiln key init|list|export ROLE", operands[0]);
	if (!key_present(cli->workspace.keys_path)) {
		err_set(err, ERR_INPUT, "there is no key set in %s", cli->workspace.keys_path);
		return err_hint(err, "`kiln key init` makes one");
	}
	if (key_load(&cli->arena, cli->workspace.keys_path, &ring, err) < 0)
		return -1;
	if (strcmp(operands[0], "list") == 0)
		return list_keys(cli, &ring);
	if (n != 2)
		return err_set(err, ERR_USAGE, "usage: kiln key export builder|packages|metadata");
	return export_key(&ring, operands[1], err);
}

const struct command cmd_key = {
	.name = "key",
	.task = "trust",
	.summary = "make, list and export keys",
	.synopsis = "init|list|export ROLE",
	.description = "The set lies in $KILN_KEYS, else .kiln/keys of the workspace: builder (P-256,\n"
		       "attestations), packages and metadata (RSA-4096, OpenPGP). export prints a public key.",
	.example = "kiln key export packages > packages.asc",
	.args_size = 1,
	.min_operands = 1,
	.max_operands = 2,
	.run = key_run,
};
