/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "trust/trustroot.h"

#define TRUSTED_ROOT    "trusted-root"
#define ROLES           "builder, packages, metadata, log, image, rebuilder, timestamp, witness"
#define OVERLAP_DEFAULT (30 * (int64_t)86400)
#define PASSPHRASE_MAX  ((size_t)1024)
#define KEY_EXPORT_MAX  ((size_t)64 * 1024)

struct key_args {
	const char *openpgp, *overlap, *reason;
	bool passphrase, finish;
};

static const struct opt key_opts[] = {
	OPT(STR, struct key_args, openpgp, 0, "openpgp", "ALGORITHM",
	    "of init, rotate: rsa (RSA-4096, default) or ed25519 for keys that are made"),
	OPT(FLAG, struct key_args, passphrase, 0, "passphrase", NULL,
	    "of init, rotate: put a passphrase on keys that are made; from KILN_PASSPHRASE_FILE or asked for"),
	OPT(FLAG, struct key_args, finish, 0, "finish", NULL,
	    "of rotate: let the next key take over"),
	OPT(STR, struct key_args, overlap, 0, "overlap", "SPAN",
	    "of rotate --finish: how long signatures of the old key still count (default: 30d)"),
	OPT(STR, struct key_args, reason, 0, "reason", "TEXT",
	    "of revoke: why; whoever verifies is told"),
};

/* The vendor, the time, the algorithm, and the passphrase when one is wanted. */
static int
choose(struct cli *cli, const struct key_args *a, struct buf *passphrase,
       struct key_choice *out, struct err *err)
{
	const char *file = getenv("KILN_PASSPHRASE_FILE");

	*out = (struct key_choice){ .vendor = cli->workspace.vendor, .now = clock_wall() };
	if (a->openpgp && strcmp(a->openpgp, "rsa") != 0 && strcmp(a->openpgp, "ed25519") != 0)
		return err_set(err, ERR_USAGE, "--openpgp %s: rsa or ed25519", a->openpgp);
	out->ed25519 = a->openpgp && strcmp(a->openpgp, "ed25519") == 0;
	if (file && *file) {
		if (key_passphrase_file(file, passphrase, err) < 0)
			return -1;
	} else if (a->passphrase && key_passphrase_ask(true, passphrase, err) < 0) {
		return -1;
	}
	if (passphrase->len > 0)
		out->passphrase = buf_text(passphrase);
	return 0;
}

static int
init_keys(struct cli *cli, const struct key_args *args, struct err *err)
{
	CLEANUP(key_wipe) struct buf passphrase = BUF_MAX(PASSPHRASE_MAX);
	struct doc *d = doc_map(&cli->arena);
	struct key_choice how;
	bool made = false;

	if (choose(cli, args, &passphrase, &how, err) < 0 ||
	    key_init_as(cli->workspace.keys_path, &how, &made, err) < 0)
		return -1;
	cli_say("%s in %s", made ? "missing keys made" : "the key set is complete",
		cli->workspace.keys_path);
	if (made)
		cli_say("private keys are readable by you only (mode 0600); keep them out of version control");
	doc_set_text(&cli->arena, d, "path", cli->workspace.keys_path);
	doc_set(&cli->arena, d, "made", doc_boolean(&cli->arena, made));
	return cli->json ? cli_json(cli, d, err) : 0;
}

static void
set_time(struct cli *cli, struct doc *d, const char *field, int64_t t)
{
	char text[CLOCK_TEXT_MAX];

	if (t == 0)
		return;
	clock_rfc3339(t, text);
	doc_set_text(&cli->arena, d, field, text);
}

static void
list_key(struct cli *cli, const struct key_public *k, struct doc *all)
{
	struct doc *d = doc_map(&cli->arena);
	const char *state = k->revoked ? "revoked" : key_state_name(k->state);

	doc_set_text(&cli->arena, d, "role", key_role_name(k->role));
	doc_set_text(&cli->arena, d, "id", k->id);
	doc_set_text(&cli->arena, d, "state", state);
	doc_set_text(&cli->arena, d, "algorithm", key_algorithm_name(k));
	doc_set_text(&cli->arena, d, "file", k->origin);
	doc_set_text(&cli->arena, d, "user", k->openpgp_uid);
	set_time(cli, d, "created", k->created);
	set_time(cli, d, "notBefore", k->not_before);
	set_time(cli, d, "notAfter", k->not_after);
	set_time(cli, d, "revoked", k->revoked);
	doc_set_text(&cli->arena, d, "reason", k->reason);
	doc_push(&cli->arena, all, d);
	if (cli->json)
		return;
	(void)printf("%-9s %-8s %s  %s", key_role_name(k->role), state, k->id, k->origin);
	if (k->revoked)
		(void)printf("  %s", k->reason ? k->reason : "");
	else if (k->not_after)
		(void)printf("  until %s", doc_get_text(d, "notAfter"));
	(void)putchar('\n');
}

static int
list_keys(struct cli *cli, const struct keyring *ring, struct err *err)
{
	struct doc *all = doc_list(&cli->arena);

	for (size_t i = 0; i < ring->n; i++)
		list_key(cli, &ring->at[i], all);
	return cli->json ? cli_json(cli, all, err) : 0;
}

static bool
find_role(const char *name, enum key_role *out)
{
	for (enum key_role r = KEY_BUILDER; r < KEY_ROLES; r++) {
		if (strcmp(name, key_role_name(r)) == 0) {
			*out = r;
			return true;
		}
	}
	return false;
}

static int
need_role(const char *name, enum key_role *out, struct err *err)
{
	if (find_role(name, out))
		return 0;
	return err_set(err, ERR_USAGE, "no key role '%s' (" ROLES ")", name);
}

static int
rotate_begin(struct cli *cli, const struct key_args *args, enum key_role role, struct err *err)
{
	CLEANUP(key_wipe) struct buf passphrase = BUF_MAX(PASSPHRASE_MAX);
	const char *name = key_role_name(role);
	struct key_choice how;
	bool made;

	if (choose(cli, args, &passphrase, &how, err) < 0 ||
	    key_rotate(cli->workspace.keys_path, role, &how, &made, err) < 0)
		return -1;
	cli_say(made ? "the next %s key is made; publish it, and when those who verify have it:"
		     : "the next %s key is there already; when those who verify have it:",
		name);
	cli_say("  kiln key rotate %s --finish", name);
	return 0;
}

static int
rotate_key(struct cli *cli, const struct key_args *args, const char *name, struct err *err)
{
	int64_t overlap = OVERLAP_DEFAULT;
	enum key_role role;

	if (need_role(name, &role, err) < 0)
		return -1;
	if (args->overlap && !clock_span(args->overlap, &overlap))
		return err_set(err, ERR_USAGE, "--overlap %s: not a span of time such as 30d",
			       args->overlap);
	if (!args->finish)
		return rotate_begin(cli, args, role, err);
	if (key_rotate_finish(cli->workspace.keys_path, role, clock_wall(), overlap, err) < 0)
		return -1;
	cli_say("the next %s key signs from now on; the old secret is %s-retired-*.key: destroy it when nothing needs it",
		name, name);
	return 0;
}

/* A role means the key that signs for it. */
static int
revoke_key(struct cli *cli, const struct key_args *args, const struct keyring *ring,
	   const char *word, struct err *err)
{
	CLEANUP(key_wipe) struct buf passphrase = BUF_MAX(PASSPHRASE_MAX);
	const struct key_public *k = key_find(ring, word);
	struct key_choice how;
	enum key_role role;

	if (!args->reason || !*args->reason)
		return err_set(err, ERR_USAGE, "a revocation says why: --reason TEXT");
	if (!k && (need_role(word, &role, err) < 0 || key_need(ring, role, &k, err) < 0))
		return -1;
	if (choose(cli, args, &passphrase, &how, err) < 0 ||
	    key_revoke(&how, cli->workspace.keys_path, k->id, args->reason, err) < 0)
		return -1;
	cli_say("revoked: %s key %s; give keyring.json%s to those who verify",
		key_role_name(k->role), k->id,
		key_role_kind(k->role) == KEY_OPENPGP ? " and the .rev file" : "");
	if (k->state == KEY_ACTIVE)
		cli_say("`kiln key init` makes a new %s key", key_role_name(k->role));
	return 0;
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
export_key(struct cli *cli, const struct keyring *ring, const char *word, struct err *err)
{
	const struct key_public *k = key_find(ring, word);
	enum key_role role;

	if (!k && (need_role(word, &role, err) < 0 || key_need(ring, role, &k, err) < 0))
		return -1;
	return print_key(cli, k, err);
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

	(void)n;
	if (cli_open(cli, 0, err) < 0)
		return -1;
	if (strcmp(operands[0], "init") == 0)
		return init_keys(cli, args, err);
	if (access(cli->workspace.keys_path, F_OK) != 0) {
		err_set(err, ERR_INPUT, "there is no key set in %s", cli->workspace.keys_path);
		return err_hint(err, "`kiln key init` makes one");
	}
	if (strcmp(operands[0], "rotate") == 0) /* it may have to go on with a half-done one */
		return rotate_key(cli, args, operands[1], err);
	if (key_load(&cli->arena, cli->workspace.keys_path, &ring, err) < 0)
		return -1;
	if (strcmp(operands[0], "list") == 0)
		return list_keys(cli, &ring, err);
	if (strcmp(operands[0], "revoke") == 0)
		return revoke_key(cli, args, &ring, operands[1], err);
	if (strcmp(operands[1], TRUSTED_ROOT) == 0)
		return print_trusted_root(cli, &ring, err);
	return export_key(cli, &ring, operands[1], err);
}

static const struct opt_word key_words[] = {
	{ "init", NULL, "make the keys that are missing", 0 },
	{ "list", NULL, "show role, state, fingerprint and file of each key", 0 },
	{ "export", "ROLE|ID",
	  "print a public key: " ROLES
	  "; or trusted-root: log and timestamp keys as sigstore clients take them",
	  1 },
	{ "rotate", "ROLE", "make the next key of a role; --finish: let it take over", 1 },
	{ "revoke", "ROLE|ID", "let nothing that a key signed count any more", 1 },
};

const struct command cmd_key = {
	.name = "key",
	.task = "trust",
	.summary = "make, list, export, rotate and revoke keys",
	.description =
		"The set lies in $KILN_KEYS, else .kiln/keys of the workspace. One key per role: builder,\n"
		"image and rebuilder (P-256, statements), packages and metadata (OpenPGP), log and witness\n"
		"(Ed25519, checkpoints), timestamp (P-256 with X.509 certificates). docs/keys.md tells how\n"
		"to keep keys in a token, change them, and withdraw them.",
	.example = "kiln key export packages > packages.asc",
	.opts = key_opts,
	.nopts = ARRAY_LEN(key_opts),
	.args_size = sizeof(struct key_args),
	.words = key_words,
	.nwords = ARRAY_LEN(key_words),
	.run = key_run,
};
