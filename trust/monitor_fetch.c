/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy of a log that is read over HTTP. A full tile of the log that was seen is final and
 * is not fetched again; all else is fetched as it is shown now, over whatever lies there:
 * nothing of a reading that was refused or killed is believed by the next.
 */
#include "trust/monitor.h"

#include "base/dict.h"
#include "base/fd.h"
#include "trust/tlog_priv.h"

#define PART ".p/"

int
monitor_fetch(struct monitor *m, const char *name, struct buf *out, struct err *err)
{
	const char *url = arena_format(m->a, "%s/%s", m->url, name);
	struct http_ask q = { .url = url, .timeout_ms = m->timeout_ms };
	struct http_answer r = { .body = *out };
	int rc = http_ask(m->line, &q, &r, err);

	*out = r.body;
	if (rc < 0 || r.status == 200)
		return rc;
	(void)err_set(err, ERR_FETCH, "%s: the server answered %ld", url, r.status);
	if (r.status == 404 || r.status == 410)
		err->sys = ENOENT;
	return -1;
}

/* Not durable yet: that is one sync for all of them. */
static int
put(struct monitor *m, const char *name, const struct buf *text, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	const char *slash = strrchr(name, '/');
	const char *dir = arena_strndup(m->a, name, slash ? (size_t)(slash - name) : 0);

	if (*dir && fd_mkdirs(m->logfd, dir, err) < 0)
		return -1;
	if (unlinkat(m->logfd, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, "%s", name);
	if (fd_create(m->logfd, name, 0644, &fd, err) < 0)
		return -1;
	return fd_write_all(fd, text->data, text->len, err);
}

/* A part tile may be gone once the tile is full. */
static int
bring(struct monitor *m, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TLOG_BUNDLE_MAX);
	const char *part = strstr(name, PART);

	if (monitor_fetch(m, name, &text, err) == 0)
		return put(m, name, &text, err);
	if (!part || err->sys != ENOENT)
		return -1;
	name = arena_strndup(m->a, name, (size_t)(part - name));
	buf_clear(&text);
	if (monitor_fetch(m, name, &text, err) < 0)
		return -1;
	return put(m, name, &text, err);
}

int
monitor_fetch_tiles(struct monitor *m, struct err *err)
{
	CLEANUP(dict_release) struct dict final = { 0 };
	const char **names;
	size_t n;

	if (m->seen) {
		if (tlog_files(m->a, m->old.size, &names, &n, err) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (!strstr(names[i], PART) &&
			    faccessat(m->logfd, names[i], R_OK, AT_SYMLINK_NOFOLLOW) == 0)
				dict_set(&final, names[i], m);
	}
	if (tlog_files(m->a, m->now.size, &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], TLOG_CHECKPOINT) == 0 || dict_has(&final, names[i]))
			continue;
		if (bring(m, names[i], err) < 0) {
			/* A log that shows a checkpoint without its tiles hides something. */
			return err->sys == ENOENT ? err_recode(err, ERR_VERIFY) : -1;
		}
	}
	return 0;
}

void
monitor_fetch_drop(struct monitor *m)
{
	CLEANUP(dict_release) struct dict current = { 0 };
	const char **old, **now;
	size_t nold, nnow;
	struct err ignored;

	if (!m->seen || tlog_files(m->a, m->old.size, &old, &nold, &ignored) < 0 ||
	    tlog_files(m->a, m->now.size, &now, &nnow, &ignored) < 0)
		return;
	for (size_t i = 0; i < nnow; i++)
		dict_set(&current, now[i], m);
	/* What cannot be removed is in nobody's way. */
	for (size_t i = 0; i < nold; i++)
		if (strstr(old[i], PART) && !dict_has(&current, old[i]))
			(void)unlinkat(m->logfd, old[i], 0);
}
