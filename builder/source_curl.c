/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's doorway. One child process downloads one file and reports over a pipe. */
#include "builder/source_priv.h"
#include "base/fd.h"
#include "base/late_curl.h"
#include "base/proc.h"
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#define CONNECT_TIMEOUT_S 20L
#define STALL_TIMEOUT_S   30L
#define STALL_BYTES_S     1L
#define MAX_REDIRECTS     5L
#define PROGRESS_STEP     ((uint64_t)256 * 1024)
#define RETRY_PAUSE_S     1u
#define STOP_LOOK_MS      200

DEFINE_LATE_CURL

/* What the child says: progress any number of times, then one outcome. */
struct message {
	enum { SAY_PROGRESS, SAY_DONE, SAY_FAILED } kind;
	uint64_t done, total;
	struct err err;
};
_Static_assert(sizeof(struct message) <= 4096, "a message must fit one atomic pipe write");

struct transfer {
	const struct source_download *d;
	CURL *curl;
	int report;
	uint64_t done, said;
	bool too_long;
	struct err err; /* of writing */
};

static void
say(int report, const struct message *m)
{
	struct err ignored;

	/* The parent may have gone; then nobody waits for the answer. */
	(void)!fd_write_all(report, m, sizeof(*m), &ignored);
}

static size_t
take_bytes(char *data, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct message m = { .kind = SAY_PROGRESS };
	curl_off_t total = -1;

	(void)one;
	if (n > t->d->max - t->done) {
		t->too_long = true;
		return 0;
	}
	if (fd_write_all(t->d->fd, data, n, &t->err) < 0)
		return 0;
	t->done += n;
	if (t->done - t->said >= PROGRESS_STEP) {
		(void)curl.easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &total);
		m.done = t->said = t->done;
		m.total = total > 0 ? (uint64_t)total : 0;
		say(t->report, &m);
	}
	return n;
}

/* Worth another try: the network failed, not the request. */
static bool
is_passing(CURLcode rc, long status)
{
	switch ((int)rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	case CURLE_HTTP_RETURNED_ERROR:
		return status == 429 || status >= 500;
	default:
		return false;
	}
}

static const char *trusted_file, *trusted_dir;

void
source_curl_trust(const char *file, const char *dir)
{
	trusted_file = file;
	trusted_dir = dir;
}

static CURL *
prepare(struct transfer *t, char *reason)
{
	CURL *c = curl.easy_init();
	bool bad = !c;

	t->curl = c;
#define SET(option, value) bad = bad || curl.easy_setopt(c, option, value) != CURLE_OK
	SET(CURLOPT_URL, t->d->url);
	SET(CURLOPT_PROTOCOLS_STR, "https,http,file");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "https,http");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, MAX_REDIRECTS);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	SET(CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_S);
	SET(CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT_S);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)KILN_MIN(t->d->max, (uint64_t)INT64_MAX));
	SET(CURLOPT_FAILONERROR, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, "kiln");
	SET(CURLOPT_ERRORBUFFER, reason);
	SET(CURLOPT_WRITEFUNCTION, take_bytes);
	SET(CURLOPT_WRITEDATA, t);
	/* Instead of the system's, not besides them. */
	if (trusted_file || trusted_dir) {
		SET(CURLOPT_CAINFO, trusted_file);
		SET(CURLOPT_CAPATH, trusted_dir);
	}
#undef SET
	if (!bad)
		return c;
	curl.easy_cleanup(c);
	return NULL;
}

static int
explain(const struct transfer *t, CURLcode rc, long status, const char *reason, struct err *err)
{
	if (t->too_long || rc == CURLE_FILESIZE_EXCEEDED)
		return err_set(err, ERR_LIMIT, "is larger than %llu bytes",
			       (unsigned long long)t->d->max);
	if (rc == CURLE_WRITE_ERROR && t->err.code != ERR_NONE) {
		*err = t->err;
		return -1;
	}
	if (rc == CURLE_HTTP_RETURNED_ERROR)
		(void)err_set(err, ERR_FETCH, "the server answered %ld", status);
	else
		(void)err_set(err, ERR_FETCH, "%s", *reason ? reason : curl.easy_strerror(rc));
	if (status == 404 || status == 410 || rc == CURLE_FILE_COULDNT_READ_FILE)
		err->sys = ENOENT;
	return -1;
}

/* One try from the first byte on. *again: another may do better. */
static int
try_once(const struct source_download *d, int report, bool *again, struct err *err)
{
	struct transfer t = { .d = d, .report = report };
	char reason[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode rc;
	CURL *c;

	*again = false;
	if (ftruncate(d->fd, 0) < 0 || lseek(d->fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", d->name);
	c = prepare(&t, reason);
	if (!c)
		return err_set(err, ERR_FETCH, "libcurl cannot be prepared");
	rc = curl.easy_perform(c);
	(void)curl.easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl.easy_cleanup(c);
	if (rc == CURLE_OK)
		return 0;
	*again = is_passing(rc, status);
	return explain(&t, rc, status, reason, err);
}

static int
try_often(const struct source_download *d, int report, struct err *err)
{
	bool again = true;

	if (load_curl(err) < 0)
		return -1;
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_FETCH, "libcurl cannot be started");
	for (int i = 1;; i++) {
		if (try_once(d, report, &again, err) == 0)
			return 0;
		if (!again)
			return -1;
		if (i == SOURCE_TRIES)
			return err_wrap(err, "tried %d times", SOURCE_TRIES);
		(void)sleep(RETRY_PAUSE_S * (unsigned)i);
	}
}

static void NO_RETURN
be_child(const struct source_download *d, int report, pid_t parent)
{
	const int keep[] = { d->fd, report };
	struct message m = { .kind = SAY_DONE };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		proc_child_exit(1);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	proc_close_others(keep, ARRAY_LEN(keep));
	if (try_often(d, report, &m.err) < 0)
		m.kind = SAY_FAILED;
	say(report, &m);
	proc_child_exit(0);
}

/* Waits for the next message, looking now and then whether the user wants to stop. */
static int
wait_for_message(const struct source_download *d, int report, struct err *err)
{
	volatile const bool *stop = d->progress ? d->progress->stop : NULL;
	struct pollfd p = { .fd = report, .events = POLLIN };

	for (;;) {
		if (stop && *stop)
			return err_set(err, ERR_INTERRUPTED, "stopped");
		p.revents = 0;
		if (poll(&p, 1, stop ? STOP_LOOK_MS : -1) < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for the download");
		if (p.revents)
			return 0;
	}
}

/* Reads messages until the outcome. */
static int
listen_to(const struct source_download *d, int report, struct err *err)
{
	struct message m;

	for (;;) {
		ssize_t n;

		if (wait_for_message(d, report, err) < 0)
			return -1;
		n = read(report, &m, sizeof(m));
		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(m))
			return err_set(err, ERR_FETCH, "the download was interrupted");
		if (m.kind == SAY_DONE)
			return 0;
		if (m.kind == SAY_FAILED) {
			m.err.text[sizeof(m.err.text) - 1] = '\0';
			*err = m.err;
			return -1;
		}
		/* The end is told by who has checked what came. */
		if (d->progress && d->progress->update && m.done != m.total)
			d->progress->update(d->progress->arg, d->name, m.done, m.total);
	}
}

int
source_curl_download(const struct source_download *d, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	pid_t parent = getpid(), pid;
	struct err why;
	int pipefd[2], rc, status;

	if (pipe2(pipefd, O_CLOEXEC | O_DIRECT) < 0)
		return err_sys(err, "pipe");
	in = pipefd[0];
	out = pipefd[1];
	pid = fork();
	if (pid < 0)
		return err_sys(err, "fork");
	if (pid == 0)
		be_child(d, out, parent);
	(void)close(STEAL_FD(out));
	rc = listen_to(d, in, err);
	if (rc < 0)
		(void)kill(pid, SIGKILL);
	if (proc_wait(pid, &status, &why) < 0 && rc == 0) {
		*err = why;
		return -1;
	}
	return rc;
}
