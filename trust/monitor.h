/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A monitor: who reads a log again and again and says what is new in it, and raises an alarm
 * when it is not the log that was read before.
 *
 * STATE/DIGEST/ (of the origin) holds monitor.json: the checkpoint as the log signed it, and
 * when it was first seen; and, of a log that is read over HTTP, log/: a copy of its tiles, so
 * that only what is new is fetched and the history that was seen cannot be taken away. What
 * contradicts it at the same size is kept as `forked`.
 */
#pragma once

#include "trust/http.h"
#include "trust/tlog.h"

#define MONITOR_FILE   "monitor.json"
#define MONITOR_COPY   "log"
#define MONITOR_FORKED "forked"

struct monitor {
	struct arena *a;
	const struct note_key *log;
	int statefd;     /* of this log */
	int logfd;       /* the tiles */
	const char *url; /* NULL: logfd is the log itself; else the copy of it */
	struct http_line *line;
	int timeout_ms; /* for one file */
	/* What was seen: */
	bool seen;
	struct tlog_checkpoint old;
	int64_t since;
	/* What is shown: */
	struct tlog_checkpoint now;
	struct note note;
};

/* The fields above `What was seen` are given; statefd is opened by monitor_open, beneath
 * stateroot, the rest is filled in. A damaged state is refused. */
int monitor_open(struct monitor *m, int stateroot, struct err *err) MUST_CHECK;
void monitor_close(struct monitor *m);
DEFINE_RELEASE(struct monitor, monitor_close);
/* Reads the checkpoint and compares it with what was seen. *forged: why this is an alarm, not a
 * log that cannot be reached. */
int monitor_look(struct monitor *m, bool *alarm, struct err *err) MUST_CHECK;
/* Reads what is new: fetches it, proves that it continues what was seen, gives every entry from
 * old.size on. An ERR_VERIFY is an alarm. */
int monitor_read(struct monitor *m, tlog_each_fn *each, void *arg, struct err *err) MUST_CHECK;
/* Remembers what is shown; when: now. */
int monitor_keep(struct monitor *m, int64_t when, struct err *err) MUST_CHECK;

/* Brings the file NAME of the log into *out. ENOENT in err->sys: it is not there. */
int monitor_fetch(struct monitor *m, const char *name, struct buf *out,
		  struct err *err) MUST_CHECK;
/* Every file of the log as it is shown that the copy does not hold already. */
int monitor_fetch_tiles(struct monitor *m, struct err *err) MUST_CHECK;
/* Part tiles of the log as it was seen, which a longer one does not have. */
void monitor_fetch_drop(struct monitor *m);
