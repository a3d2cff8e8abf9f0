/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of cosigning: `kiln tlog witness` is the witness, over files or over HTTP; `kiln
 * tlog cosign` is the log's owner, who takes what witnesses give. */
#include "base/clock.h"
#include "base/fd.h"
#include "cli/cmd_tlog.h"
#include "trust/witness_http.h"

#define REQUEST_MS    10000
#define TIMEOUT_MAX_S 600

static int
read_note(struct cmd_tlog_run *run, int dirfd, const char *path, struct note *out,
	  struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);

	if (fd_read_file(dirfd, path, &text, err) < 0)
		return -1;
	if (note_parse(&run->cli->arena, buf_text(&text), text.len, out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

/* Where the witness keeps what it saw. */
static int
open_state(struct cmd_tlog_run *run, int *fd, struct err *err)
{
	struct cli *cli = run->cli;
	const char *path = run->args->state ? cli_path(cli, run->args->state)
					    : arena_format(&cli->arena, "%s/witness",
							   cli->workspace.keys_path);

	if (fd_mkdirs(AT_FDCWD, path, err) < 0)
		return -1;
	return fd_open(path, O_RDONLY | O_DIRECTORY, fd, err);
}

static int
give_cosigned(struct cmd_tlog_run *run, const struct note *note,
	      const struct witness_seen *seen, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	const struct cmd_tlog_args *args = run->args;
	struct cli *cli = run->cli;
	struct doc *d = doc_map(&cli->arena);

	note_write(note, &text);
	if (buf_check(&text, TLOG_CHECKPOINT, err) < 0)
		return -1;
	if (args->out &&
	    fd_publish(AT_FDCWD, cli_path(cli, args->out), text.data, text.len, 0644, err) < 0)
		return -1;
	if (!args->out && !cli->json) {
		(void)fputs(buf_text(&text), stdout);
		return 0;
	}
	cmd_tlog_tell(run, &seen->checkpoint, d);
	doc_set(&cli->arena, d, "before", doc_number(&cli->arena, (int64_t)seen->before));
	doc_set_text(&cli->arena, d, "checkpoint", buf_text(&text));
	return cli->json ? cli_json(cli, d, err) : 0;
}

static int
cosign_directory(struct cmd_tlog_run *run, const struct witness *w,
		 const struct cmd_tlog_keys *logs, struct err *err)
{
	struct witness_ask ask = { .log = logs->at,
				   .when = clock_wall(),
				   .grew = witness_growth_of_tiles,
				   .arg = &run->dirfd };
	struct witness_seen seen;
	struct note note;

	if (logs->n != 1)
		return err_set(err, ERR_INPUT, "%s: not the one key of a log",
			       run->args->log_keys.at[0]);
	if (cmd_tlog_open(run, false, err) < 0 ||
	    read_note(run, run->dirfd, TLOG_CHECKPOINT, &note, err) < 0 ||
	    witness_cosign(w, &run->cli->arena, &ask, &note, &seen, err) < 0)
		return -1;
	return give_cosigned(run, &note, &seen, err);
}

/* A line for each checkpoint that a known log signed; of others nothing is written, since
 * anybody can send them. */
static void
tell_answer(void *arg, const struct witness_seen *seen, const struct err *failure)
{
	(void)arg;
	if (failure)
		cli_say("refused: %s", failure->text);
	else
		cli_say("cosigned %s: %llu entries, %llu before", seen->checkpoint.origin,
			(unsigned long long)seen->checkpoint.size,
			(unsigned long long)seen->before);
}

static int
serve(struct cmd_tlog_run *run, const struct witness *w, const struct cmd_tlog_keys *logs,
      struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct witness_http_office office = {
		.witness = w, .logs = logs->at, .nlogs = logs->n, .tell = tell_answer
	};
	struct http_server server = { .answer = witness_http_answer,
				      .arg = &office,
				      .request_ms = REQUEST_MS,
				      .stop = &cli_stopped };
	char bound[HTTP_ADDRESS];

	if (http_listen(run->args->listen, &fd, bound, err) < 0)
		return -1;
	server.listenfd = fd;
	cli_catch_signals();
	/* Whoever waits for it may ask from here on. */
	(void)printf("http://%s\n", bound);
	(void)fflush(stdout);
	return http_serve(&server, err);
}

int
cmd_tlog_witness(struct cmd_tlog_run *run, const char *const *operands, size_t n,
		 struct err *err)
{
	CLEANUP(fd_close) int statefd = -1;
	const struct cmd_tlog_args *args = run->args;
	struct cmd_tlog_keys logs = { .n = 0 };
	struct witness w;

	(void)operands;
	(void)n;
	if (!args->log == !args->listen || args->log_keys.n == 0 || !args->name)
		return err_set(err, ERR_USAGE,
			       "a witness needs --log DIR or --listen ADDRESS, --log-key FILE "
			       "and --name HOST");
	for (size_t i = 0; i < args->log_keys.n; i++)
		if (cmd_tlog_vkeys(run, args->log_keys.at[i], NOTE_ED25519, &logs, err) < 0)
			return -1;
	if (cli_open(run->cli, CLI_SIGNER, err) < 0 || open_state(run, &statefd, err) < 0 ||
	    witness_open(&w, run->cli->builder.signer, args->name, statefd, err) < 0)
		return -1;
	return args->listen ? serve(run, &w, &logs, err)
			    : cosign_directory(run, &w, &logs, err);
}

/* Nobody grows the log meanwhile: what the witnesses saw is what their lines are put on. */
static int
merge_files(struct cmd_tlog_run *run, const struct note_key *log,
	    const struct cmd_tlog_keys *witnesses, const char *const *paths, size_t n,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(fd_close) int lock = -1;
	struct arena *a = &run->cli->arena;
	struct tlog_checkpoint c;
	struct note to, from;

	if (tlog_hold(run->dirfd, &lock, err) < 0 ||
	    tlog_checkpoint_load(a, run->dirfd, log, &c, &to, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *path = cli_path(run->cli, paths[i]);

		if (read_note(run, AT_FDCWD, path, &from, err) < 0)
			return -1;
		if (witness_merge(a, &to, &from, witnesses->at, witnesses->n, err) < 0)
			return err_wrap(err, "%s", path);
	}
	note_write(&to, &text);
	if (buf_check(&text, TLOG_CHECKPOINT, err) < 0)
		return -1;
	return fd_publish(run->dirfd, TLOG_CHECKPOINT, text.data, text.len, 0644, err);
}

static void
tell_asked(void *arg, const struct note_key *witness, const struct err *failure)
{
	(void)arg;
	if (failure)
		cli_say("witness %s: %s", witness->name, failure->text);
	else
		cli_say("witness %s: cosigned", witness->name);
}

static int
ask_all(struct cmd_tlog_run *run, const struct note_key *log,
	const struct cmd_tlog_keys *witnesses, struct err *err)
{
	const struct cmd_tlog_args *args = run->args;
	struct witness_http_circle c = { .keys = witnesses->at,
					 .urls = witnesses->urls,
					 .n = witnesses->n,
					 .quorum = args->quorum ? args->quorum : 1,
					 .timeout_ms = WITNESS_HTTP_TIMEOUT_MS,
					 .ca = getenv("SSL_CERT_FILE"),
					 .ca_dir = getenv("SSL_CERT_DIR"),
					 .tell = tell_asked };
	int64_t seconds;

	if (args->timeout &&
	    (!clock_span(args->timeout, &seconds) || seconds < 1 || seconds > TIMEOUT_MAX_S))
		return err_set(err, ERR_USAGE, "--timeout %s is not between 1s and 10m",
			       args->timeout);
	if (args->timeout)
		c.timeout_ms = (int)seconds * 1000;
	return witness_http_gather(&c, run->dirfd, log, args->again, err);
}

static int
tell_cosigned(struct cmd_tlog_run *run, const struct note_key *log,
	      const struct cmd_tlog_keys *witnesses, struct err *err)
{
	struct arena *a = &run->cli->arena;
	struct doc *d = doc_map(a);
	struct tlog_checkpoint c;
	struct note note;
	size_t n;

	if (tlog_checkpoint_load(a, run->dirfd, log, &c, &note, err) < 0)
		return -1;
	n = note_count(&note, witnesses->at, witnesses->n, NULL);
	cmd_tlog_tell(run, &c, d);
	doc_set(a, d, "witnesses", doc_number(a, (int64_t)n));
	if (run->cli->json)
		return cli_json(run->cli, d, err);
	(void)printf("cosigned by %s\n",
		     n == 1 ? "1 witness" : arena_format(a, "%zu witnesses", n));
	return 0;
}

static bool
has_url(const struct cmd_tlog_keys *witnesses)
{
	for (size_t i = 0; i < witnesses->n; i++)
		if (witnesses->urls[i])
			return true;
	return false;
}

int
cmd_tlog_cosign(struct cmd_tlog_run *run, const char *const *operands, size_t n,
		struct err *err)
{
	const struct opt_list *files = &run->args->witnesses;
	struct cmd_tlog_keys witnesses = { .n = 0 };
	struct keyring ring = { 0 };
	struct note_key key;

	if (files->n == 0)
		return err_set(err, ERR_USAGE, "name the keys of the witnesses with --witness");
	for (size_t i = 0; i < files->n; i++)
		if (cmd_tlog_vkeys(run, files->at[i], NOTE_COSIGNATURE, &witnesses, err) < 0)
			return -1;
	if (n == 0 && !has_url(&witnesses))
		return err_set(err, ERR_USAGE,
			       "name the files that witnesses gave back, or put a URL behind "
			       "a key to ask there");
	if (cmd_tlog_workspace(run, true, err) < 0 || cmd_tlog_open(run, false, err) < 0 ||
	    cmd_tlog_key(run, &key, &ring, err) < 0)
		return -1;
	if (n > 0 && merge_files(run, &key, &witnesses, operands, n, err) < 0)
		return -1;
	if ((n == 0 || run->args->quorum) && ask_all(run, &key, &witnesses, err) < 0)
		return -1;
	return tell_cosigned(run, &key, &witnesses, err);
}
