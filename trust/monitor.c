/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/monitor.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/tree.h"

#define STATE_MAX    (2 * NOTE_MAX_BYTES)
#define STATE_FORMAT 1
#define STATE_MODE   0644

static int
parse_state(struct monitor *m, const struct buf *text, struct err *err)
{
	struct doc *d;
	const char *checkpoint;
	struct note note;
	int64_t format;

	if (json_parse(m->a, buf_text(text), text->len, MONITOR_FILE, &d, err) < 0)
		return -1;
	checkpoint = doc_get_text(d, "checkpoint");
	if (!doc_int(doc_get(d, "format"), &format) || format != STATE_FORMAT || !checkpoint ||
	    !doc_int(doc_get(d, "since"), &m->since))
		return err_set(err, ERR_VERIFY, MONITOR_FILE ": not what a monitor writes");
	if (note_parse(m->a, checkpoint, strlen(checkpoint), &note, err) < 0 ||
	    note_verify(&note, m->log, NULL, err) < 0)
		return -1;
	return tlog_checkpoint_parse(m->a, note.text, note.text_len, &m->old, err);
}

int
monitor_open(struct monitor *m, int stateroot, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(STATE_MAX);
	char hex[DIGEST_HEX];
	struct digest d;

	m->statefd = -1;
	digest_of(m->log->name, strlen(m->log->name), &d);
	digest_hex(&d, hex);
	if (fd_mkdirs(stateroot, hex, err) < 0 ||
	    fd_open_dir(stateroot, hex, &m->statefd, err) < 0)
		return -1;
	if (m->url && (fd_mkdirs(m->statefd, MONITOR_COPY, err) < 0 ||
		       fd_open_dir(m->statefd, MONITOR_COPY, &m->logfd, err) < 0 ||
		       http_ask_open(&m->line, err) < 0))
		return -1;
	if (fd_read_plain(m->statefd, MONITOR_FILE, &text, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	if (parse_state(m, &text, err) < 0) {
		err_wrap(err, "what this monitor saw of %s", m->log->name);
		(void)err_recode(err, ERR_VERIFY);
		return err_hint(err, "put back a copy of it: without it a fork is not seen");
	}
	m->seen = true;
	return 0;
}

void
monitor_close(struct monitor *m)
{
	if (m->line)
		http_ask_close(m->line);
	if (m->statefd >= 0)
		(void)close(m->statefd);
	if (m->logfd >= 0)
		(void)close(m->logfd);
}

static int
compare(struct monitor *m, const struct buf *text, struct err *err)
{
	const struct tlog_checkpoint *old = &m->old, *new = &m->now;
	struct err unkept;

	if (!m->seen || new->size > old->size)
		return 0;
	if (new->size < old->size)
		return err_set(err, ERR_VERIFY,
			       "rolled back: it shows %llu entries, and %llu were seen",
			       (unsigned long long)new->size, (unsigned long long)old->size);
	if (digest_equal(&new->root, &old->root))
		return 0;
	(void)err_set(err, ERR_VERIFY, "forked: another root of %llu entries was seen",
		      (unsigned long long)old->size);
	/* The alarm is what counts; that the proof of it could not be kept is said with it. */
	if (fd_publish(m->statefd, MONITOR_FORKED, text->data, text->len, STATE_MODE, &unkept) <
	    0)
		return err_hint(err, "it could not be kept: %s", unkept.text);
	return err_hint(err, "both checkpoints are signed by the log, and kept: they prove it");
}

int
monitor_look(struct monitor *m, bool *alarm, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);

	*alarm = false;
	if (m->url ? monitor_fetch(m, TLOG_CHECKPOINT, &text, err) < 0
		   : fd_read_plain(m->logfd, TLOG_CHECKPOINT, &text, err) < 0)
		return -1;
	*alarm = true;
	if (note_parse(m->a, buf_text(&text), text.len, &m->note, err) < 0 ||
	    note_verify(&m->note, m->log, NULL, err) < 0 ||
	    tlog_checkpoint_parse(m->a, m->note.text, m->note.text_len, &m->now, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (strcmp(m->now.origin, m->log->name) != 0)
		return err_set(err, ERR_VERIFY, "the checkpoint is of another log");
	if (compare(m, &text, err) < 0)
		return -1;
	*alarm = false;
	return 0;
}

static int
prove(struct monitor *m, struct err *err)
{
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct tlog_proof proof;
	struct digest root;

	if (tlog_tree_open(m->logfd, m->now.size, &t, err) < 0 ||
	    tlog_tree_root(t, &root, err) < 0)
		return -1;
	if (!digest_equal(&root, &m->now.root))
		return err_set(err, ERR_VERIFY, "its tiles do not fit its root");
	if (!m->seen)
		return 0;
	if (tlog_tree_prove_growth(t, &root, m->old.size, &m->old.root, &proof, err) < 0)
		return err_wrap(err, "forked");
	return 0;
}

int
monitor_read(struct monitor *m, tlog_each_fn *each, void *arg, struct err *err)
{
	uint64_t from = m->seen ? m->old.size : 0;

	if (m->seen && m->now.size == m->old.size)
		return 0;
	if (m->url && monitor_fetch_tiles(m, err) < 0)
		return -1;
	if (prove(m, err) < 0 || tlog_check_from(m->logfd, &m->now, from, each, arg, err) < 0) {
		/* A file that is not there is a log that is not what it says. */
		return err_recode(err, ERR_VERIFY);
	}
	return 0;
}

int
monitor_keep(struct monitor *m, int64_t when, struct err *err)
{
	CLEANUP(buf_free) struct buf note = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(buf_free) struct buf text = BUF_MAX(STATE_MAX);
	bool same = m->seen && m->now.size == m->old.size;
	struct doc *d = doc_map(m->a);

	note_write(&m->note, &note);
	doc_set(m->a, d, "format", doc_number(m->a, STATE_FORMAT));
	doc_set_text(m->a, d, "checkpoint", buf_text(&note));
	doc_set(m->a, d, "since", doc_number(m->a, same ? m->since : when));
	json_write(d, &text);
	if (buf_check(&note, TLOG_CHECKPOINT, err) < 0 ||
	    buf_check(&text, MONITOR_FILE, err) < 0)
		return -1;
	/* The copy is whole before it is what was seen. */
	if (m->url &&
	    (tree_sync(m->statefd, MONITOR_COPY, err) < 0 ||
	     fd_publish(m->logfd, TLOG_CHECKPOINT, note.data, note.len, STATE_MODE, err) < 0))
		return -1;
	if (fd_publish(m->statefd, MONITOR_FILE, text.data, text.len, STATE_MODE, err) < 0)
		return -1;
	if (m->url && !same)
		monitor_fetch_drop(m);
	return 0;
}
