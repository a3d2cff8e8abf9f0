/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "trust/trustroot.h"

#define ROLES          "builder, packages, metadata, log, image, rebuilder, timestamp, witness"
#define TRUSTED_ROOT   "trusted-root"
#define KEY_EXPORT_MAX ((size_t)64 * 1024)

static int
init_keys(struct cli *cli, struct err *err)
{
	struct doc *d = doc_map(&cli->arena);
	bool made = false;

	if (key_init(cli->workspace.keys_path, cli->workspace.vendor, clock_wall(), &made,
		     err) < 0)
		return -1;
	cli_say("%s in %s", made ? "missing keys made" : "the key set is complete",
		cli->workspace.keys_path);
	if (made)
		cli_say("private keys are readable by you only (mode 0600); keep them out of version control");
	doc_set_text(&cli->arena, d, "path", cli->workspace.keys_path);
	doc_set(&cli->arena, d, "made", doc_boolean(&cli->arena, made));
	return cli->json ? cli_json(cli, d, err) : 0;
}

static int
list_keys(struct cli *cli, const struct keyring *ring, struct err *err)
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
	return cli->json ? cli_json(cli, all, err) : 0;
}

static int
print_key(struct cli *cli, const struct key_public *k, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_EXPORT_MAX);
	struct doc *d = doc_map(&cli->arena);

	if (key_export(k, &text, err) < 0 || buf_check(&text, "public key", err) < 0)
		return -1;
	doc_set_text(&cli->arena, d, "role", key_role_name(k->role));
	doc_set_text(&cli->arena, d, "id", k->id);
	doc_set_text(&cli->arena, d, "key", buf_text(&text));
	if (cli->json)
		return cli_json(cli, d, err);
	(void)fputs(buf_text(&text), stdout);
	return 0;
}

static int
export_key(struct cli *cli, const struct keyring *ring, const char *role, struct err *err)
{
	for (enum key_role r = KEY_BUILDER; r < KEY_ROLES; r++) {
		const struct key_public *k = key_of_role(ring, r);

		if (strcmp(role, key_role_name(r)) != 0)
			continue;
		if (!k)
			return key_need(ring, r, &k, err);
		return print_key(cli, k, err);
	}
	return err_set(err, ERR_USAGE, "no key role '%s' (" ROLES ")", role);
}

/* What stock sigstore clients take: the log and timestamp keys, in one file. */
static int
print_trusted_root(struct cli *cli, const struct keyring *ring, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_EXPORT_MAX);

	if (trustroot_write(ring, cli->workspace.log, &text, err) < 0)
		return -1;
	(void)printf("%s\n", buf_text(&text)); /* JSON either way */
	return 0;
}

static int
key_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	struct keyring ring = { 0 };

	(void)args;
	(void)n;
	if (cli_open(cli, 0, err) < 0)
		return -1;
	if (strcmp(operands[0], "init") == 0)
		return init_keys(cli, err);
	if (!key_present(cli->workspace.keys_path)) {
		err_set(err, ERR_INPUT, "there is no key set in %s", cli->workspace.keys_path);
		return err_hint(err, "`kiln key init` makes one");
	}
	if (key_load(&cli->arena, cli->workspace.keys_path, &ring, err) < 0)
		return -1;
	if (strcmp(operands[0], "list") == 0)
		return list_keys(cli, &ring, err);
	if (strcmp(operands[1], TRUSTED_ROOT) == 0)
		return print_trusted_root(cli, &ring, err);
	return export_key(cli, &ring, operands[1], err);
}

static const struct opt_word key_words[] = {
	{ "init", NULL, "make the keys that are missing", 0 },
	{ "list", NULL, "show role, fingerprint and file of each key", 0 },
	{ "export", "ROLE",
	  "print a public key: " ROLES
	  "; or trusted-root: log and timestamp keys as sigstore clients take them",
	  1 },
};

const struct command cmd_key = {
	.name = "key",
	.task = "trust",
	.summary = "make, list and export keys",
	.description =
		"The set lies in $KILN_KEYS, else .kiln/keys of the workspace. One key per role: builder,\n"
		"image and rebuilder (P-256, statements), packages and metadata (OpenPGP), log and witness\n"
		"(Ed25519, checkpoints), timestamp (P-256 with X.509 certificates).",
	.example = "kiln key export packages > packages.asc",
	.args_size = 1,
	.words = key_words,
	.nwords = ARRAY_LEN(key_words),
	.run = key_run,
};
