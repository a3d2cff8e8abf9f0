/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "trust/tlog.h"

struct tlog_args {
	struct opt_list keys;
	const char *log, *origin;
};

static const struct opt tlog_opts[] = {
	OPT(STR, struct tlog_args, log, 0, "log", "DIR",
	    "the log's directory; default: log/ beside the keys, so that one key has one log"),
	OPT(LIST, struct tlog_args, keys, 0, "key", "PATH",
	    "check, prove: trust the key file or directory PATH (may be repeated)"),
	OPT(STR, struct tlog_args, origin, 0, "origin", "HOST",
	    "check, prove: the name the log signs under; default: `log:` of kiln.yaml"),
};

struct tlog_run {
	struct cli *cli;
	const struct tlog_args *args;
	const char *origin, *path;
	int dirfd;
};

/* Who says which keys, which log and which name stands in no workspace. */
static int
open_workspace(struct tlog_run *run, bool with_log, struct err *err)
{
	const struct tlog_args *args = run->args;

	if (args->keys.n && args->origin && (args->log || !with_log))
		return 0;
	if (cli_open(run->cli, 0, err) == 0)
		return 0;
	return err_hint(err, "without a workspace %s",
			with_log ? "name --key, --log and --origin"
				 : "name --key and --origin");
}

static int
open_log(struct tlog_run *run, bool make, struct err *err)
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

static int
log_key(struct tlog_run *run, struct note_key *out, struct keyring *ring, struct err *err)
{
	if (cli_keyring(run->cli, &run->args->keys, ring, err) < 0)
		return -1;
	return tlog_author_key(ring, run->origin, out, err);
}

/* The entry of a bundle on disk, whose signature must be by a key of the ring. */
static int
read_entry(struct tlog_run *run, const char *path, const struct keyring *ring, struct buf *out,
	   struct err *err)
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

static void
tell(struct tlog_run *run, const struct tlog_checkpoint *c, struct doc *d)
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
append(struct tlog_run *run, const char *const *paths, size_t n, struct err *err)
{
	struct arena *a = &run->cli->arena;
	struct tlog_entry *entries = arena_array(a, n + 1, sizeof(*entries));
	struct doc *d = doc_map(a);
	struct tlog_office office;
	struct tlog_checkpoint c;

	if (cli_open(run->cli, CLI_SIGNER, err) < 0 || open_log(run, true, err) < 0 ||
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
	tell(run, &c, d);
	return run->cli->json ? cli_json(run->cli, d, err) : 0;
}

static int
check(struct tlog_run *run, struct err *err)
{
	struct doc *d = doc_map(&run->cli->arena);
	struct keyring ring = { 0 };
	struct tlog_checkpoint c;
	struct note_key key;

	if (open_workspace(run, true, err) < 0)
		return -1;
	if (open_log(run, false, err) < 0 || log_key(run, &key, &ring, err) < 0 ||
	    tlog_checkpoint_load(&run->cli->arena, run->dirfd, &key, &c, NULL, err) < 0 ||
	    tlog_check(run->dirfd, &c, NULL, NULL, err) < 0)
		return err_recode(err, err->code == ERR_USAGE ? ERR_USAGE : ERR_VERIFY);
	tell(run, &c, d);
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
prove_entry(struct tlog_run *run, const char *path, const struct note_key *key,
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
prove(struct tlog_run *run, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf entry = BUF_MAX(TLOG_MAX_ENTRY);
	CLEANUP(buf_free) struct buf proof = BUF_MAX(NOTE_MAX_BYTES * 2);
	struct doc *d = doc_map(&run->cli->arena);
	struct keyring ring = { 0 };
	struct note_key key;

	if (open_workspace(run, true, err) < 0 || open_log(run, false, err) < 0 ||
	    log_key(run, &key, &ring, err) < 0)
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
print_key(struct tlog_run *run, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(1024);
	struct doc *d = doc_map(&run->cli->arena);
	struct keyring ring = { 0 };
	struct note_key key;

	if (open_workspace(run, false, err) < 0)
		return -1;
	run->origin = run->args->origin ? run->args->origin : run->cli->workspace.log;
	if (log_key(run, &key, &ring, err) < 0)
		return -1;
	note_key_write(&key, &text);
	doc_set_text(&run->cli->arena, d, "key", buf_text(&text));
	if (run->cli->json)
		return cli_json(run->cli, d, err);
	(void)printf("%s\n", buf_text(&text));
	return 0;
}

static int
tlog_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	struct tlog_run run = { .cli = cli, .args = args, .dirfd = -1 };
	int rc;

	if (strcmp(operands[0], "append") == 0)
		rc = append(&run, operands + 1, n - 1, err);
	else if (strcmp(operands[0], "prove") == 0)
		rc = prove(&run, operands[1], err);
	else if (strcmp(operands[0], "check") == 0)
		rc = check(&run, err);
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
	{ "key", NULL, "print the log's key as other clients of such logs take it", 0 },
};

const struct command cmd_tlog = {
	.name = "tlog",
	.task = "trust",
	.summary = "keep, check and prove from the transparency log",
	.description =
		"The log is a directory of static tiles (C2SP tlog-tiles) that any web server can\n"
		"mirror: a Merkle tree of what was signed, whose checkpoint the log key signs.",
	.example =
		"kiln tlog prove out/repo/inventory.json.sigstore.json > inventory.tlog-proof",
	.opts = tlog_opts,
	.nopts = ARRAY_LEN(tlog_opts),
	.args_size = sizeof(struct tlog_args),
	.words = tlog_words,
	.nwords = ARRAY_LEN(tlog_words),
	.run = tlog_run,
};
