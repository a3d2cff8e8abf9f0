/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kiln tlog monitor`: what is new in a log, and whether it is as it should be. An alarm is
 * exit 3, a log that cannot be reached is exit 1. What raised an alarm is not remembered, so it
 * is raised again until somebody has looked into it (--accept).
 */
#include "base/clock.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/tree.h"
#include "base/vec.h"
#include "cli/cmd_tlog.h"
#include "cli/verifying.h"
#include "trust/ledger.h"
#include "trust/monitor.h"
#include "trust/statement.h"

#define FILE_TIMEOUT_S 30
#define BUNDLE_SUFFIX  ".sigstore.json"
#define LISTED_MAX     1000 /* entries and alarms that are listed; all are counted */
#define PAE_MAX        (DSSE_MAX_BYTES + 512)

struct known { /* a statement that was made */
	const char *subject, *builder, *type;
};
struct watch {
	struct cmd_tlog_run *run;
	struct arena *a;
	struct monitor m;
	struct note_key log;
	struct keyring ring;
	struct cmd_tlog_keys witnesses;
	struct dict made; /* leaf in hex -> struct known */
	bool accounts;    /* something says what was made */
	int64_t now, max_age;
	struct doc *entries, *alarms;
	size_t nentries, nalarms, about_entries;
	const char *first; /* alarm */
};

static void
watch_release(struct watch *w)
{
	monitor_close(&w->m);
	dict_release(&w->made);
}
DEFINE_RELEASE(struct watch, watch_release);

static void alarm_of(struct watch *w, const char *kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void
alarm_of(struct watch *w, const char *kind, const char *fmt, ...)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ERR_TEXT_MAX);
	struct doc *d = doc_map(w->a);
	char line[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	cli_tame(line, strlen(line));
	if (w->nalarms++ == 0)
		w->first = arena_strdup(w->a, line);
	if (w->nalarms > LISTED_MAX)
		return;
	doc_set_text(w->a, d, "kind", kind);
	doc_set_text(w->a, d, "text", line);
	doc_push(w->a, w->alarms, d);
	if (!w->run->cli->json)
		(void)printf("alarm: %s\n", line);
}

/* ---- what was made ---- */

/* Only what a key of the ring signed says anything. */
static int
add_bundle(void *arg, const char *name, const struct buf *text, struct err *err)
{
	struct watch *w = arg;
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { .keyid = NULL };
	CLEANUP(buf_free) struct buf entry = BUF_MAX(TLOG_MAX_ENTRY);
	const struct key_public *signer;
	struct statement s = { 0 };
	struct digest leaf;
	struct known *k;
	char hex[DIGEST_HEX];

	if (dsse_bundle_parse(&a, buf_text(text), text->len, name, &b, err) < 0)
		return -1;
	signer = key_find(&w->ring, b.keyid);
	if (!signer || dsse_bundle_verify_as(&b, &w->ring, signer->role, &signer, err) < 0 ||
	    statement_parse(&a, b.payload.data, b.payload.len, name, &s, err) < 0 ||
	    tlog_entry_make(&b, signer, &entry, err) < 0)
		return 0;
	tlog_leaf(entry.data, entry.len, &leaf);
	digest_hex(&leaf, hex);
	k = arena_alloc(w->a, sizeof(*k));
	k->subject = arena_strdup(w->a, s.nsubjects ? s.subjects[0].name : NULL);
	k->builder = arena_strdup(w->a, s.builder_id);
	k->type = arena_strdup(w->a, s.predicate_type);
	dict_set(&w->made, hex, k);
	return 0;
}

static int
add_file(void *arg, const struct tree_entry *e, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	size_t n = strlen(e->name), m = strlen(BUNDLE_SUFFIX);

	if (!S_ISREG(e->st->st_mode) || n < m || strcmp(e->name + n - m, BUNDLE_SUFFIX) != 0)
		return 0;
	if (fd_read_plain(e->dirfd, e->name, &text, err) < 0)
		return -1;
	return add_bundle(arg, e->path, &text, err);
}

static int
learn(struct watch *w, struct err *err)
{
	const struct opt_list *dirs = &w->run->args->statements;
	struct cli *cli = w->run->cli;
	struct cas *store = NULL;
	int rc;

	for (size_t i = 0; i < dirs->n; i++)
		if (tree_walk(AT_FDCWD, cli_path(cli, dirs->at[i]), add_file, w, err) < 0)
			return -1;
	w->accounts = dirs->n > 0;
	if (dirs->n > 0 || !cli->has_workspace || access(cli->workspace.store_path, F_OK) < 0)
		return 0;
	if (cas_open(cli->workspace.store_path, false, &store, err) < 0)
		return -1;
	w->accounts = true;
	rc = ledger_each(store, add_bundle, w, err);
	cas_close(store);
	return rc;
}

/* ---- what is logged ---- */

static const struct key_public *
find_der(const struct keyring *ring, const uint8_t *der, size_t n)
{
	for (size_t i = 0; i < ring->n; i++)
		if (ring->at[i].der_len == n && memcmp(ring->at[i].der, der, n) == 0)
			return &ring->at[i];
	return NULL;
}

static void
list_entry(struct watch *w, uint64_t index, const char *role, const struct known *k)
{
	struct doc *d = doc_map(w->a);
	char subject[256], builder[256];

	if (w->nentries++ >= LISTED_MAX)
		return;
	doc_set(w->a, d, "index", doc_number(w->a, (int64_t)index));
	doc_set_text(w->a, d, "role", role);
	if (k) {
		doc_set_text(w->a, d, "subject", k->subject);
		doc_set_text(w->a, d, "builder", k->builder);
		doc_set_text(w->a, d, "predicateType", k->type);
	}
	doc_push(w->a, w->entries, d);
	if (w->run->cli->json)
		return;
	(void)snprintf(subject, sizeof(subject), "%s",
		       k && k->subject ? k->subject : "(no statement here)");
	(void)snprintf(builder, sizeof(builder), "%s%s", k && k->builder ? " by " : "",
		       k && k->builder ? k->builder : "");
	cli_tame(subject, strlen(subject));
	cli_tame(builder, strlen(builder));
	(void)printf("%8llu %s %s%s\n", (unsigned long long)index, role ? role : "?", subject,
		     builder);
}

static int
on_entry(void *arg, uint64_t index, const void *entry, size_t n, struct err *err)
{
	struct watch *w = arg;
	CLEANUP(arena_release) struct arena a = { 0 };
	const unsigned long long at = (unsigned long long)index;
	const struct key_public *signer;
	struct tlog_entry_parts parts;
	const struct known *k;
	struct digest leaf;
	char hex[DIGEST_HEX];
	struct err why;
	size_t before = w->nalarms;

	(void)err;
	tlog_leaf(entry, n, &leaf);
	digest_hex(&leaf, hex);
	k = dict_get(&w->made, hex);
	if (tlog_entry_parse(&a, entry, n, &parts, &why) < 0) {
		list_entry(w, index, NULL, NULL);
		alarm_of(w, "unreadable", "entry %llu: %s", at, why.text);
		w->about_entries++;
		return 0;
	}
	signer = find_der(&w->ring, parts.key, parts.key_len);
	list_entry(w, index, signer ? key_role_name(signer->role) : NULL, k);
	digest_of(parts.key, parts.key_len, &leaf);
	digest_hex(&leaf, hex);
	if (!signer)
		alarm_of(w, "unknown-key",
			 "entry %llu is signed by a key that is not known here (sha256:%s)", at,
			 hex);
	else if (key_check_valid(signer, 0, &why) < 0)
		alarm_of(w, "revoked-key", "entry %llu: %s", at, why.text);
	else if (!k && w->accounts)
		alarm_of(w, "unaccounted",
			 "entry %llu is signed by our %s key, and nothing here made it", at,
			 key_role_name(signer->role));
	w->about_entries += w->nalarms - before;
	return 0;
}

/* ---- the log as a whole ---- */

static void
check_witnesses(struct watch *w)
{
	const struct cmd_tlog_keys *k = &w->witnesses;
	int64_t newest = 0,
		since = w->m.seen && w->m.now.size == w->m.old.size ? w->m.since : w->now;
	size_t n = note_count(&w->m.note, k->at, k->n, &newest);
	char when[CLOCK_TEXT_MAX];

	if (n < w->run->args->quorum)
		alarm_of(w, "unwitnessed", "%zu of %zu witnesses cosigned it, and %u must", n,
			 k->n, w->run->args->quorum);
	if (k->n > 0)
		since = newest;
	clock_rfc3339(since, when);
	if (w->max_age && w->now - since > w->max_age)
		alarm_of(w, "stale", "%s %s", k->n > 0 ? "last witnessed" : "nothing new since",
			 since ? when : "never");
}

/* A log that is kept from us is no newer than one that stands still. */
static int
unreachable(struct watch *w, struct err *err)
{
	char when[CLOCK_TEXT_MAX];

	if (!w->max_age || !w->m.seen || w->now - w->m.since <= w->max_age)
		return err_wrap(err, "log %s", w->log.name);
	clock_rfc3339(w->m.since, when);
	alarm_of(w, "stale", "it cannot be read, and nothing was new since %s: %s", when,
		 err->text);
	return 0;
}

/* -1: it cannot be reached. Whatever else is wrong is an alarm. *good: it may be remembered. */
static int
read_log(struct watch *w, bool *good, struct err *err)
{
	bool alarm;

	*good = false;
	if (monitor_look(&w->m, &alarm, err) < 0) {
		if (!alarm)
			return unreachable(w, err);
		alarm_of(w, "checkpoint", "%s", err->text);
		return 0;
	}
	if (monitor_read(&w->m, on_entry, w, err) < 0) {
		if (err->code != ERR_VERIFY)
			return unreachable(w, err);
		alarm_of(w, "log", "%s", err->text);
		return 0;
	}
	check_witnesses(w);
	*good = w->about_entries == 0 || w->run->args->accept;
	return 0;
}

/* ---- the command ---- */

static int
read_span(const char *text, const char *option, int64_t *out, struct err *err)
{
	if (!text || (clock_span(text, out) && *out > 0))
		return 0;
	return err_set(err, ERR_USAGE, "%s %s is no span such as 12h or 2d", option, text);
}

static int
open_keys(struct watch *w, struct err *err)
{
	const struct cmd_tlog_args *args = w->run->args;
	struct cli *cli = w->run->cli;
	struct cmd_tlog_keys logs = { .n = 0 };
	int64_t timeout = FILE_TIMEOUT_S;

	for (size_t i = 0; i < args->log_keys.n; i++)
		if (cmd_tlog_vkeys(w->run, args->log_keys.at[i], NOTE_ED25519, &logs, err) < 0)
			return -1;
	for (size_t i = 0; i < args->witnesses.n; i++)
		if (cmd_tlog_vkeys(w->run, args->witnesses.at[i], NOTE_COSIGNATURE,
				   &w->witnesses, err) < 0)
			return -1;
	if (logs.n > 1)
		return err_set(err, ERR_USAGE, "a monitor reads one log: name one key");
	if (cmd_tlog_workspace(w->run, true, err) < 0) {
		if (logs.n == 0 || args->keys.n == 0)
			return -1;
		err->code = ERR_NONE;
	}
	w->run->origin = args->origin ? args->origin : cli->workspace.log;
	if (logs.n == 0 ? cmd_tlog_key(w->run, &w->log, &w->ring, err) < 0
			: cli_keyring(cli, &args->keys, &w->ring, err) < 0)
		return -1;
	if (logs.n == 1)
		w->log = logs.at[0];
	if (read_span(args->max_age, "--max-age", &w->max_age, err) < 0 ||
	    read_span(args->timeout, "--timeout", &timeout, err) < 0)
		return -1;
	w->m.timeout_ms = (int)(KILN_MIN(timeout, 3600) * 1000);
	return 0;
}

/* The state of a log that is read at URL, or in DIR. */
static int
open_monitor(struct watch *w, const char *where, struct err *err)
{
	CLEANUP(fd_close) int root = -1;
	struct cli *cli = w->run->cli;
	const char *home = verifying_state(w->a);
	const char *path = w->run->args->state ? cli_path(cli, w->run->args->state)
			   : home              ? arena_format(w->a, "%s/monitor", home)
					       : NULL;
	size_t n = strlen(where);

	if (!path)
		return err_set(err, ERR_USAGE, "there is no home for the state: name --state");
	w->m.log = &w->log;
	if (strncmp(where, "https://", 8) == 0 || strncmp(where, "http://", 7) == 0) {
		while (n > 0 && where[n - 1] == '/')
			n--;
		w->m.url = arena_strndup(w->a, where, n);
	} else if (fd_open(cli_path(cli, where), O_RDONLY | O_DIRECTORY, &w->m.logfd, err) <
		   0) {
		return -1;
	}
	if (fd_mkdirs(AT_FDCWD, path, err) < 0 || fd_open_dir(AT_FDCWD, path, &root, err) < 0)
		return -1;
	if (monitor_open(&w->m, root, err) < 0)
		return -1;
	if (w->m.line)
		http_ask_trust(w->m.line, getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR"));
	return 0;
}

static int
tell(struct watch *w, struct err *err)
{
	CLEANUP(buf_free) struct buf root = BUF_MAX(128);
	struct cli *cli = w->run->cli;
	struct doc *d = doc_map(w->a);

	digest_base64(w->m.now.root.bytes, DIGEST_BYTES, &root);
	doc_set_text(w->a, d, "origin", w->log.name);
	doc_set(w->a, d, "size", doc_number(w->a, (int64_t)w->m.now.size));
	doc_set(w->a, d, "before", doc_number(w->a, (int64_t)w->m.old.size));
	doc_set_text(w->a, d, "root", buf_text(&root));
	doc_set(w->a, d, "new", doc_number(w->a, (int64_t)w->nentries));
	doc_set(w->a, d, "entries", w->entries);
	doc_set(w->a, d, "alarms", w->alarms);
	doc_set(w->a, d, "accounted", doc_boolean(w->a, w->accounts));
	if (cli->json)
		return cli_json(cli, d, err);
	if (w->nentries > LISTED_MAX)
		(void)printf("... and %zu more\n", w->nentries - LISTED_MAX);
	(void)printf("%s: %zu new, %llu entries%s\n", w->log.name, w->nentries,
		     (unsigned long long)w->m.now.size,
		     w->accounts ? "" : "; nothing here says what was made (--statements)");
	return 0;
}

int
cmd_tlog_monitor(struct cmd_tlog_run *run, const char *const *operands, size_t n,
		 struct err *err)
{
	CLEANUP(watch_release)
	struct watch w = { .run = run,
			   .a = &run->cli->arena,
			   .m = { .a = &run->cli->arena, .statefd = -1, .logfd = -1 },
			   .now = clock_wall() };
	bool good;

	(void)n;
	w.entries = doc_list(w.a);
	w.alarms = doc_list(w.a);
	if (open_keys(&w, err) < 0 || open_monitor(&w, operands[0], err) < 0 ||
	    learn(&w, err) < 0 || read_log(&w, &good, err) < 0)
		return -1;
	if ((good && monitor_keep(&w.m, w.now, err) < 0) || tell(&w, err) < 0)
		return -1;
	if (w.nalarms == 0)
		return 0;
	return err_set(err, ERR_VERIFY, "%s about the log %s; the first: %s",
		       cli_count(w.a, w.nalarms, "alarm"), w.log.name, w.first);
}
