/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec as bytes between two processes of one binary: numbers in host order, text with its
 * length and its zero. Reading checks every length; what a warden or a pid 1 says is bounded
 * and made to end, because they have been near hostile bytes.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/tar.h"
#include <sys/socket.h>

#define NO_TEXT UINT32_MAX

static void
put_u64(struct buf *b, uint64_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void
put_text(struct buf *b, const char *s)
{
	uint32_t n = s ? (uint32_t)strlen(s) : NO_TEXT;

	buf_add(b, &n, sizeof(n));
	if (s)
		buf_add(b, s, (size_t)n + 1);
}

static void
put_texts(struct buf *b, const char *const *list, size_t n)
{
	put_u64(b, list ? n : 0);
	for (size_t i = 0; list && i < n; i++)
		put_text(b, list[i]);
}

static void
put_limits(struct buf *b, const struct sandbox_limits *l)
{
	const struct sandbox_limits *d = &sandbox_limits_default;

	put_u64(b, l->memory_bytes ? l->memory_bytes : d->memory_bytes);
	put_u64(b, l->disk_bytes ? l->disk_bytes : d->disk_bytes);
	put_u64(b, l->log_bytes ? l->log_bytes : d->log_bytes);
	put_u64(b, l->inodes ? l->inodes : d->inodes);
	put_u64(b, l->processes ? l->processes : d->processes);
	put_u64(b, l->time_s ? l->time_s : d->time_s);
}

static int
check_counts(const struct sandbox_spec *s, struct err *err)
{
	const struct {
		const char *what;
		size_t n, max;
	} counts[] = {
		{ "packages in the environment", s->ntrees, SANDBOX_MAX_TREES },
		{ "environment variables", s->nenv, SANDBOX_MAX_ENV },
		{ "inputs", s->ninputs, SANDBOX_MAX_INPUTS },
		{ "steps", s->nsteps, SANDBOX_MAX_STEPS },
		{ "directories of packages", s->nwatch, SANDBOX_MAX_WATCH },
	};

	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		if (counts[i].n > counts[i].max)
			return err_set(err, ERR_SANDBOX,
				       "%s: %zu %s are more than the %zu a chamber takes",
				       s->name ? s->name : "chamber", counts[i].n,
				       counts[i].what, counts[i].max);
	return 0;
}

int
sandbox_wire_write(const struct sandbox_spec *s, struct buf *b, struct err *err)
{
	if (check_counts(s, err) < 0)
		return -1;
	put_text(b, s->name);
	put_texts(b, s->trees, s->ntrees);
	put_texts(b, s->env, s->nenv);
	put_u64(b, s->ninputs);
	for (size_t i = 0; i < s->ninputs; i++) {
		const struct sandbox_input *in = &s->inputs[i];

		put_u64(b, in->kind);
		put_text(b, in->dest);
		put_u64(b, in->exec);
		put_u64(b, (uint64_t)in->archive);
		put_u64(b, in->strip);
		put_u64(b, in->merge_usr);
		put_u64(b, in->members != NULL);
		put_texts(b, in->members, in->nmembers);
	}
	put_u64(b, s->nsteps);
	for (size_t i = 0; i < s->nsteps; i++) {
		put_text(b, s->steps[i].name);
		put_text(b, s->steps[i].script);
	}
	put_limits(b, &s->limits);
	put_u64(b, s->cpus);
	put_u64(b, (uint64_t)s->mtime);
	put_u64(b, s->shown_from);
	put_u64(b, s->shown_to);
	put_text(b, s->shell);
	put_u64(b, s->elsewhere);
	put_u64(b, s->full_proc);
	put_u64(b, s->fake_chown);
	put_text(b, s->kernel_release);
	put_text(b, s->kernel_version);
	put_text(b, s->keep_failed);
	put_text(b, s->resume_failed);
	put_text(b, s->harvest_tmp);
	put_u64(b, s->harvest_files);
	put_texts(b, s->watch, s->nwatch);
	return buf_check(b, "the chamber's specification", err);
}

struct reader {
	struct arena *a;
	const char *at;
	size_t left;
	bool bad;
};

static void
take(struct reader *r, void *out, size_t n)
{
	if (r->bad || r->left < n) {
		r->bad = true;
		memset(out, 0, n);
		return;
	}
	memcpy(out, r->at, n);
	r->at += n;
	r->left -= n;
}

static uint64_t
take_u64(struct reader *r, uint64_t max)
{
	uint64_t v;

	take(r, &v, sizeof(v));
	if (v > max)
		r->bad = true;
	return r->bad ? 0 : v;
}

static const char *
take_text(struct reader *r)
{
	uint32_t n;
	const char *s;

	take(r, &n, sizeof(n));
	if (r->bad || n == NO_TEXT)
		return NULL;
	if (r->left <= n || r->at[n] != '\0' || strlen(r->at) != n) {
		r->bad = true;
		return NULL;
	}
	s = arena_strndup(r->a, r->at, n);
	r->at += (size_t)n + 1;
	r->left -= (size_t)n + 1;
	return s;
}

/* Text that must be there. */
static const char *
take_some(struct reader *r)
{
	const char *s = take_text(r);

	if (!s)
		r->bad = true;
	return s ? s : "";
}

static const char *const *
take_texts(struct reader *r, size_t *n, size_t max)
{
	const char **list;

	*n = (size_t)take_u64(r, max);
	list = arena_array(r->a, *n + 1, sizeof(*list));
	for (size_t i = 0; i < *n; i++)
		list[i] = take_some(r);
	return list;
}

static void
take_input(struct reader *r, struct sandbox_input *in)
{
	bool some;

	in->fd = -1;
	in->kind = (enum sandbox_input_kind)take_u64(r, SANDBOX_UNPACK);
	in->dest = take_some(r);
	in->exec = take_u64(r, 1) != 0;
	in->archive = (int)take_u64(r, TAR_RPM);
	in->strip = (unsigned)take_u64(r, 64);
	in->merge_usr = take_u64(r, 1) != 0;
	some = take_u64(r, 1) != 0;
	in->members = take_texts(r, &in->nmembers, SANDBOX_MAX_MEMBERS);
	if (!some)
		in->members = NULL;
}

static void
take_lists(struct reader *r, struct sandbox_spec *s)
{
	struct sandbox_input *inputs;
	struct sandbox_step *steps;

	s->ninputs = (size_t)take_u64(r, SANDBOX_MAX_INPUTS);
	inputs = arena_array(r->a, s->ninputs + 1, sizeof(*inputs));
	for (size_t i = 0; i < s->ninputs; i++)
		take_input(r, &inputs[i]);
	s->inputs = inputs;
	s->nsteps = (size_t)take_u64(r, SANDBOX_MAX_STEPS);
	steps = arena_array(r->a, s->nsteps + 1, sizeof(*steps));
	for (size_t i = 0; i < s->nsteps; i++) {
		steps[i].name = take_some(r);
		steps[i].script = take_some(r);
	}
	s->steps = steps;
}

int
sandbox_wire_read(struct arena *a, const char *data, size_t n, struct sandbox_spec *s,
		  struct err *err)
{
	struct reader r = { .a = a, .at = data, .left = n };

	memset(s, 0, sizeof(*s));
	s->log_fd = s->tty_fd = -1;
	s->name = take_text(&r);
	s->trees = take_texts(&r, &s->ntrees, SANDBOX_MAX_TREES);
	s->env = take_texts(&r, &s->nenv, SANDBOX_MAX_ENV);
	take_lists(&r, s);
	s->limits.memory_bytes = take_u64(&r, INT64_MAX);
	s->limits.disk_bytes = take_u64(&r, INT64_MAX);
	s->limits.log_bytes = take_u64(&r, INT64_MAX);
	s->limits.inodes = take_u64(&r, INT64_MAX);
	s->limits.processes = (unsigned)take_u64(&r, INT32_MAX);
	s->limits.time_s = (unsigned)take_u64(&r, INT32_MAX);
	s->cpus = (unsigned)take_u64(&r, CPU_SETSIZE);
	take(&r, &s->mtime, sizeof(s->mtime));
	s->shown_from = (size_t)take_u64(&r, SANDBOX_MAX_STEPS);
	s->shown_to = (size_t)take_u64(&r, SANDBOX_MAX_STEPS);
	s->shell = take_text(&r);
	s->elsewhere = take_u64(&r, 1) != 0;
	s->full_proc = take_u64(&r, 1) != 0;
	s->fake_chown = take_u64(&r, 1) != 0;
	s->kernel_release = take_text(&r);
	s->kernel_version = take_text(&r);
	s->keep_failed = take_text(&r);
	s->resume_failed = take_text(&r);
	s->harvest_tmp = take_text(&r);
	s->harvest_files = take_u64(&r, 1) != 0;
	s->watch = take_texts(&r, &s->nwatch, SANDBOX_MAX_WATCH);
	if (r.bad || r.left != 0)
		return err_set(err, ERR_SANDBOX,
			       "the chamber's specification cannot be read back");
	return 0;
}

int
sandbox_wire_open(struct arena *a, int fd, struct sandbox_spec *s, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_SPEC_BYTES);

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "reading the request");
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "reading the request");
	return sandbox_wire_read(a, buf_text(&text), text.len, s, err);
}

int
sandbox_wire_give(struct arena *a, struct sandbox_spec *s, const struct sandbox_request *r,
		  const int *fds, size_t nfds, struct err *err)
{
	struct sandbox_input *inputs = arena_array(a, s->ninputs, sizeof(*inputs));

	if (r->ninputs != s->ninputs || r->has_log > 1 || r->has_tty > 1 ||
	    nfds != r->has_log + r->has_tty + s->ninputs)
		return err_set(err, ERR_SANDBOX, "the request's descriptors do not fit it");
	if (r->has_log)
		s->log_fd = *fds++;
	if (r->has_tty)
		s->tty_fd = *fds++;
	for (size_t i = 0; i < s->ninputs; i++) {
		inputs[i] = s->inputs[i];
		inputs[i].fd = fds[i];
	}
	s->inputs = inputs;
	return 0;
}

static void
end_err(struct err *e)
{
	e->text[sizeof(e->text) - 1] = '\0';
	if (e->code <= ERR_NONE || e->code > ERR_REPRO)
		e->code = ERR_SANDBOX;
}

static void
end_wall(struct sandbox_wall *w)
{
	w->name[sizeof(w->name) - 1] = '\0';
	w->detail[sizeof(w->detail) - 1] = '\0';
}

int
sandbox_wire_note(int sock, struct sandbox_note *note, int fds[SANDBOX_NOTE_FDS], bool *got,
		  struct err *err)
{
	size_t n = sizeof(*note), nfds = SANDBOX_NOTE_FDS;
	bool sane;

	for (size_t i = 0; i < SANDBOX_NOTE_FDS; i++)
		fds[i] = -1;
	if (fd_receive(sock, note, &n, fds, &nfds, err) < 0)
		return err_wrap(err, "listening to the chamber");
	*got = n > 0;
	if (n == 0)
		return 0;
	sane = n == sizeof(*note) && (unsigned)note->kind <= SANDBOX_NOTE_DONE &&
	       note->nwalls <= SANDBOX_MAX_WALLS &&
	       (nfds == 0 ||
		(note->kind == SANDBOX_NOTE_WALLS && nfds >= SANDBOX_NOTE_LISTENER));
	for (size_t i = 0; i < nfds && !sane; i++)
		close(STEAL_FD(fds[i]));
	if (!sane)
		return err_set(err, ERR_SANDBOX, "the chamber's first process spoke nonsense");
	end_err(&note->err);
	for (size_t i = 0; i < note->nwalls; i++)
		end_wall(&note->walls[i]);
	return 0;
}

int
sandbox_wire_reply(int sock, struct sandbox_reply *reply, int *manifest, int *seen, bool *got,
		   struct err *err)
{
	int fds[2] = { -1, -1 };
	size_t n = sizeof(*reply), nfds = ARRAY_LEN(fds), at = 0;

	if (fd_receive(sock, reply, &n, fds, &nfds, err) < 0)
		return err_wrap(err, "listening to the chamber's warden");
	*got = n > 0;
	*manifest = *seen = -1;
	if (n == 0)
		return 0;
	if (n != sizeof(*reply) || reply->result.nwalls > SANDBOX_MAX_WALLS ||
	    (unsigned)reply->result.cause > SANDBOX_INTERRUPTED || reply->has_manifest > 1 ||
	    reply->has_seen > 1 || reply->watched > 1 ||
	    reply->has_manifest + reply->has_seen != nfds) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		return err_set(err, ERR_SANDBOX, "the chamber's warden spoke nonsense");
	}
	if (reply->has_manifest)
		*manifest = fds[at++];
	if (reply->has_seen)
		*seen = fds[at];
	end_err(&reply->err);
	reply->result.message[sizeof(reply->result.message) - 1] = '\0';
	for (size_t i = 0; i < reply->result.nwalls; i++)
		end_wall(&reply->result.walls[i]);
	reply->result.seen = (struct sandbox_seen){ .watched = reply->watched };
	return 0;
}
