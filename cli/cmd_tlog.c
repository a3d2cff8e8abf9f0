/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/fd.h"
#include "cli/cmd_tlog.h"
#include "cli/verbs.h"

#define VKEYS_MAX_BYTES  ((size_t)64 * 1024)
#define VKEYS_SEPARATORS " \t"

static const struct opt tlog_opts[] = {
	OPT(STR, struct cmd_tlog_args, log, 0, "log", "DIR",
	    "the log's directory; default: log/ beside the keys, so that one key has one log"),
	OPT(LIST, struct cmd_tlog_args, keys, 0, "key", "PATH",
	    "check, prove, monitor: trust the key file or directory PATH (may be repeated)"),
	OPT(LIST, struct cmd_tlog_args, statements, 0, "statements", "DIR",
	    "monitor: statements that were made, as *.sigstore.json below DIR; default: those that the store logged"),
	OPT(STR, struct cmd_tlog_args, max_age, 0, "max-age", "SPAN",
	    "monitor: alarm when nothing was witnessed (--witness), or nothing was new, for SPAN (2d)"),
	OPT(FLAG, struct cmd_tlog_args, accept, 0, "accept", NULL,
	    "monitor: remember the log in spite of alarms about its entries, which were looked into"),
	OPT(STR, struct cmd_tlog_args, origin, 0, "origin", "HOST",
	    "check, prove, monitor: the name the log signs under; default: `log:` of kiln.yaml"),
	OPT(LIST, struct cmd_tlog_args, log_keys, 0, "log-key", "FILE",
	    "witness, monitor: keys of logs, one a line, as `kiln tlog key` of their owners printed them"),
	OPT(STR, struct cmd_tlog_args, name, 0, "name", "HOST",
	    "witness, key: the name of this witness, that its cosignatures carry"),
	OPT(STR, struct cmd_tlog_args, state, 0, "state", "DIR",
	    "witness, monitor: what it saw of each log; default: witness/ beside the keys; monitor/ of the user's state"),
	OPT(STR, struct cmd_tlog_args, out, 0, "out", "FILE",
	    "witness: where the cosigned checkpoint goes; default: stdout"),
	OPT(STR, struct cmd_tlog_args, listen, 0, "listen", "ADDRESS",
	    "witness: answer logs over HTTP at ADDRESS (127.0.0.1:8080; port 0: any), until stopped"),
	OPT(LIST, struct cmd_tlog_args, witnesses, 0, "witness", "FILE",
	    "cosign, monitor: keys of witnesses, one a line, as `kiln tlog key --name` prints them; a URL behind a key: ask there"),
	OPT(NUM, struct cmd_tlog_args, quorum, 0, "quorum", "N",
	    "cosign, monitor: refuse when fewer than N of the witnesses have cosigned"),
	OPT(STR, struct cmd_tlog_args, timeout, 0, "timeout", "SPAN",
	    "cosign: how long one witness may take (10s); monitor: how long one file may"),
	OPT(FLAG, struct cmd_tlog_args, again, 0, "again", NULL,
	    "cosign: ask those as well whose cosignature is there, for a newer time"),
};

int
cmd_tlog_workspace(struct cmd_tlog_run *run, bool with_log, struct err *err)
{
	const struct cmd_tlog_args *args = run->args;

	if (args->keys.n && args->origin && (args->log || !with_log))
		return 0;
	if (cli_open(run->cli, 0, err) == 0)
		return 0;
	return err_hint(err, "without a workspace %s",
			with_log ? "name --key, --log and --origin"
				 : "name --key and --origin");
}

int
cmd_tlog_open(struct cmd_tlog_run *run, bool make, struct err *err)
{
	struct cli *cli = run->cli;

	run->origin = run->args->origin ? run->args->origin : cli->workspace.log;
	run->path = run->args->log
			    ? cli_path(cli, run->args->log)
			    : arena_format(&cli->arena, "%s/log", cli->workspace.keys_path);
	if (make && fd_mkdirs(AT_FDCWD, run->path, err) < 0)
		return -1;
	if (fd_open(run->path, O_RDONLY | O_DIRECTORY, &run->dirfd, err) == 0)
		return 0;
	if (err->sys != ENOENT)
		return -1;
	return err_hint(err, "`kiln tlog append` begins a log; --log names another place");
}

int
cmd_tlog_key(struct cmd_tlog_run *run, struct note_key *out, struct keyring *ring,
	     struct err *err)
{
	if (cli_keyring(run->cli, &run->args->keys, ring, err) < 0)
		return -1;
	return tlog_author_key(ring, run->origin, out, err);
}

/* The entry of a bundle on disk, whose signature must be by a key of the ring. */
static int
read_entry(struct cmd_tlog_run *run, const char *path, const struct keyring *ring,
	   struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { .keyid = NULL };
	const struct key_public *signer;

	if (fd_read_file(AT_FDCWD, cli_path(run->cli, path), &text, err) < 0 ||
	    dsse_bundle_parse(&run->cli->arena, buf_text(&text), text.len, path, &b, err) < 0)
		return -1;
	if (dsse_bundle_verify(&b, ring, &signer, err) < 0)
		return err_wrap(err, "%s", path);
	return tlog_entry_make(&b, signer, out, err);
}

void
cmd_tlog_tell(struct cmd_tlog_run *run, const struct tlog_checkpoint *c, struct doc *d)
{
	CLEANUP(buf_free) struct buf root = BUF_MAX(128);
	struct arena *a = &run->cli->arena;

	digest_base64(c->root.bytes, DIGEST_BYTES, &root);
	doc_set_text(a, d, "log", run->path);
	doc_set_text(a, d, "origin", c->origin);
	doc_set(a, d, "size", doc_number(a, (int64_t)c->size));
	doc_set_text(a, d, "root", buf_text(&root));
	if (!run->cli->json)
		(void)printf("%s: %llu entries, root %s\n", c->origin,
			     (unsigned long long)c->size, buf_text(&root));
}

static int
append(struct cmd_tlog_run *run, const char *const *paths, size_t n, struct err *err)
{
	struct arena *a = &run->cli->arena;
	struct tlog_entry *entries = arena_array(a, n + 1, sizeof(*entries));
	struct doc *d = doc_map(a);
	struct tlog_office office;
	struct tlog_checkpoint c;

	if (cli_open(run->cli, CLI_SIGNER, err) < 0 || cmd_tlog_open(run, true, err) < 0 ||
	    tlog_author_open(&office, run->cli->builder.signer, run->origin, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(buf_free) struct buf entry = BUF_MAX(TLOG_MAX_ENTRY);

		if (read_entry(run, paths[i], signer_keys(run->cli->builder.signer), &entry,
			       err) < 0)
			return -1;
		entries[i].data = arena_strndup(a, buf_text(&entry), entry.len);
		entries[i].n = entry.len;
	}
	if (tlog_append_begin(run->dirfd, &office.author, err) < 0 ||
	    tlog_append(a, run->dirfd, &office.author, entries, n, &c, err) < 0)
		return -1;
	cmd_tlog_tell(run, &c, d);
	return run->cli->json ? cli_json(run->cli, d, err) : 0;
}

static int
check(struct cmd_tlog_run *run, struct err *err)
{
	struct doc *d = doc_map(&run->cli->arena);
	struct keyring ring = { 0 };
	struct tlog_checkpoint c;
	struct note_key key;

	if (cmd_tlog_workspace(run, true, err) < 0)
		return -1;
	if (cmd_tlog_open(run, false, err) < 0 || cmd_tlog_key(run, &key, &ring, err) < 0 ||
	    tlog_checkpoint_load(&run->cli->arena, run->dirfd, &key, &c, NULL, err) < 0 ||
	    tlog_check(run->dirfd, &c, NULL, NULL, err) < 0)
		return err_recode(err, err->code == ERR_USAGE ? ERR_USAGE : ERR_VERIFY);
	cmd_tlog_tell(run, &c, d);
	return run->cli->json ? cli_json(run->cli, d, err) : 0;
}

struct search {
	const struct buf *want;
	bool found;
	uint64_t index;
};

static int
look(void *arg, uint64_t index, const void *entry, size_t n, struct err *err)
{
	struct search *s = arg;

	(void)err;
	if (n == s->want->len && memcmp(entry, s->want->data, n) == 0 && !s->found) {
		s->found = true;
		s->index = index;
	}
	return 0;
}

/* Reads the whole log for the place of the entry, and so has checked it as well. */
static int
prove_entry(struct cmd_tlog_run *run, const char *path, const struct note_key *key,
	    const struct buf *entry, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf note = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct search s = { .want = entry };
	struct tlog_checkpoint c;
	struct tlog_proof p;

	if (tlog_checkpoint_load(&run->cli->arena, run->dirfd, key, &c, NULL, err) < 0 ||
	    fd_read_file(run->dirfd, TLOG_CHECKPOINT, &note, err) < 0 ||
	    tlog_check(run->dirfd, &c, look, &s, err) < 0)
		return -1;
	if (!s.found)
		return err_set(err, ERR_VERIFY, "%s is not in the log of %s", path, c.origin);
	if (tlog_tree_open(run->dirfd, c.size, &t, err) < 0 ||
	    tlog_tree_prove(t, &c.root, s.index, NULL, &p, err) < 0)
		return -1;
	tlog_proof_write(&p, s.index, note.data, note.len, out);
	/* What is handed out is what a verifier will read. */
	return tlog_proof_check(&run->cli->arena, buf_text(out), out->len, key, entry->data,
				entry->len, &c, NULL, err);
}

static int
prove(struct cmd_tlog_run *run, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf entry = BUF_MAX(TLOG_MAX_ENTRY);
	CLEANUP(buf_free) struct buf proof = BUF_MAX(NOTE_MAX_BYTES * 2);
	struct doc *d = doc_map(&run->cli->arena);
	struct keyring ring = { 0 };
	struct note_key key;

	if (cmd_tlog_workspace(run, true, err) < 0 || cmd_tlog_open(run, false, err) < 0 ||
	    cmd_tlog_key(run, &key, &ring, err) < 0)
		return -1;
	if (read_entry(run, path, &ring, &entry, err) < 0 ||
	    prove_entry(run, path, &key, &entry, &proof, err) < 0)
		return err_recode(err, ERR_VERIFY);
	doc_set_text(&run->cli->arena, d, "proof", buf_text(&proof));
	if (run->cli->json)
		return cli_json(run->cli, d, err);
	(void)fputs(buf_text(&proof), stdout);
	return 0;
}

static int
print_key(struct cmd_tlog_run *run, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(1024);
	struct doc *d = doc_map(&run->cli->arena);
	struct keyring ring = { 0 };
	struct note_key key;

	if (cmd_tlog_workspace(run, false, err) < 0)
		return -1;
	run->origin = run->args->origin ? run->args->origin : run->cli->workspace.log;
	if (run->args->name) {
		if (cli_keyring(run->cli, &run->args->keys, &ring, err) < 0 ||
		    witness_key(&ring, run->args->name, &key, err) < 0)
			return -1;
	} else if (cmd_tlog_key(run, &key, &ring, err) < 0) {
		return -1;
	}
	note_key_write(&key, &text);
	doc_set_text(&run->cli->arena, d, "key", buf_text(&text));
	if (run->cli->json)
		return cli_json(run->cli, d, err);
	(void)printf("%s\n", buf_text(&text));
	return 0;
}

/* "KEY" or "KEY URL". */
static int
add_vkey(struct cmd_tlog_run *run, char *line, enum note_kind kind, struct cmd_tlog_keys *out,
	 struct err *err)
{
	char *url = line, *key = strsep(&url, VKEYS_SEPARATORS);
	struct note_key *k = &out->at[out->n];

	if (out->n == CMD_TLOG_VKEYS)
		return err_set(err, ERR_LIMIT, "over %d keys", CMD_TLOG_VKEYS);
	if (note_key_parse(&run->cli->arena, key, k, err) < 0)
		return -1;
	if (k->kind != kind)
		return err_set(err, ERR_INPUT, "%s is a key of a %s, not of a %s", k->name,
			       kind == NOTE_ED25519 ? "witness" : "log",
			       kind == NOTE_ED25519 ? "log" : "witness");
	if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return err_set(err, ERR_INPUT, "behind the key of %s stands no URL", k->name);
	out->urls[out->n++] = url;
	return 0;
}

int
cmd_tlog_vkeys(struct cmd_tlog_run *run, const char *path, enum note_kind kind,
	       struct cmd_tlog_keys *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(VKEYS_MAX_BYTES);
	char *line, *rest;

	if (fd_read_file(AT_FDCWD, cli_path(run->cli, path), &text, err) < 0)
		return -1;
	rest = arena_strdup(&run->cli->arena, buf_text(&text));
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line && add_vkey(run, line, kind, out, err) < 0)
			return err_wrap(err, "%s", path);
	return 0;
}

static int
tlog_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	struct cmd_tlog_run run = { .cli = cli, .args = args, .dirfd = -1 };
	int rc;

	if (strcmp(operands[0], "append") == 0)
		rc = append(&run, operands + 1, n - 1, err);
	else if (strcmp(operands[0], "prove") == 0)
		rc = prove(&run, operands[1], err);
	else if (strcmp(operands[0], "check") == 0)
		rc = check(&run, err);
	else if (strcmp(operands[0], "witness") == 0)
		rc = cmd_tlog_witness(&run, operands + 1, n - 1, err);
	else if (strcmp(operands[0], "monitor") == 0)
		rc = cmd_tlog_monitor(&run, operands + 1, n - 1, err);
	else if (strcmp(operands[0], "cosign") == 0)
		rc = cmd_tlog_cosign(&run, operands + 1, n - 1, err);
	else
		rc = print_key(&run, err);
	if (run.dirfd >= 0)
		(void)close(run.dirfd);
	return rc;
}

static const struct opt_word tlog_words[] = {
	{ "append", "BUNDLE...", "log the statements of these bundles, durably", -1 },
	{ "prove", "BUNDLE", "print the proof (C2SP tlog-proof) that the log holds it", 1 },
	{ "check", NULL, "read the whole log: entries, tiles, checkpoint and its signature",
	  0 },
	{ "witness", NULL,
	  "cosign the log of another party, if it continues what was seen; --listen: of many, over HTTP",
	  0 },
	{ "monitor", "DIR|URL",
	  "say what is new in a log since it was last read; alarm when it is not that log", 1 },
	{ "cosign", "[FILE...]",
	  "put what witnesses gave back, or give over HTTP, on the log's own checkpoint",
	  OPT_WORD_ANY },
	{ "key", NULL,
	  "print the log's key, or with --name a witness's, as other clients take it", 0 },
};

const struct command cmd_tlog = {
	.name = "tlog",
	.task = "trust",
	.summary = "keep, check and prove from the transparency log",
	.description =
		"The log is a directory of static tiles (C2SP tlog-tiles) that any web server can\n"
		"mirror: a Merkle tree of what was signed, whose checkpoint the log key signs.",
	.example =
		"kiln tlog prove out/repo/inventory.json.sigstore.json > inventory.tlog-proof\n"
		"  kiln tlog witness --listen 127.0.0.1:8080 --name witness.example.net --log-key log.vkey\n"
		"  kiln tlog monitor https://example.com/repo/log --log-key log.vkey --key keys/ --max-age 2d",
	.opts = tlog_opts,
	.nopts = ARRAY_LEN(tlog_opts),
	.args_size = sizeof(struct cmd_tlog_args),
	.words = tlog_words,
	.nwords = ARRAY_LEN(tlog_words),
	.run = tlog_run,
};
