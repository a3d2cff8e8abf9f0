/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "builder/lock_priv.h"
#include <sys/file.h>

#define GUARD_FILE  ".kiln/lock-guard"
#define TOLD_MAX    ((size_t)1400) /* of changes in an error; leaves room for the remedy */
#define EVENTS_MAX  20             /* what is told of one by one */
#define CHANGES_MAX ((size_t)1000) /* bytes of one thing's changes */

const char lock_hint[] =
	"if that is meant, `kiln lock` accepts it: look at the difference and commit it";

static const struct lock nothing = { .vendor = "", .epoch = "" };

/* Changes, joined for each thing they are about. */
struct told {
	struct build_session *s;
	struct buf *list; /* for an error, or NULL: told as events */
	const char *what;
	struct buf line;
	size_t things;
};

static void
told_release_scope(struct told *t)
{
	buf_free(&t->line);
}

static void
end_thing(struct told *t)
{
	if (!t->what)
		return;
	t->things++;
	if (t->list && t->list->len + t->line.len < TOLD_MAX)
		buf_add_format(t->list, "\n  %s: %s", t->what, buf_text(&t->line));
	else if (t->list)
		t->list->overflow = true;
	else if (t->things <= EVENTS_MAX)
		build_session_event(t->s, BUILD_LOCK, t->what, buf_text(&t->line));
	t->what = NULL;
	buf_clear(&t->line);
}

static void
take_change(void *arg, const char *what, const char *field, const char *before, const char *now)
{
	struct told *t = arg;

	if (t->what && strcmp(t->what, what) != 0)
		end_thing(t);
	t->what = what;
	if (t->line.len < CHANGES_MAX / 2)
		buf_add_format(&t->line, "%s%s %.200s -> %.200s", t->line.len ? ", " : "",
			       field, before, now);
}

static int
refuse(struct build_session *s, struct lock_keeper *k, const struct lock *now, struct err *err)
{
	CLEANUP(buf_free) struct buf list = BUF_MAX(TOLD_MAX * 4);
	CLEANUP(told_release)
	struct told t = { .s = s, .list = &list, .line = BUF_MAX(CHANGES_MAX) };

	if (!k->present) {
		(void)err_set(err, ERR_INPUT, "there is no %s, and this run demands one",
			      s->b->workspace->lock);
		return err_hint(err, "`kiln lock` writes it; commit it");
	}
	k->summary.changes = lock_compare(s->a, k->old, now, take_change, &t);
	end_thing(&t);
	if (!k->summary.changes)
		return 0;
	(void)err_set(err, ERR_INPUT, "%s is not what the workspace says (locked -> now):%s%s",
		      s->b->workspace->lock, buf_text(&list),
		      list.overflow ? "\n  and more" : "");
	return err_hint(err, "%s", lock_hint);
}

static void
tell(struct build_session *s, struct lock_keeper *k, const struct lock *now)
{
	CLEANUP(told_release) struct told t = { .s = s, .line = BUF_MAX(CHANGES_MAX) };
	size_t n = lock_compare(s->a, k->old, now, k->present ? take_change : NULL, &t);

	end_thing(&t);
	k->summary.changes += n;
	if (k->quiet && (n || !k->present))
		build_session_event(s, BUILD_LOCK, s->b->workspace->lock,
				    "a run that is not dry would bring it up to date");
	else if (!k->present)
		build_session_event(s, BUILD_LOCK, s->b->workspace->lock,
				    arena_format(s->a, "made for %zu recipe%s; commit it",
						 now->nrecipes, now->nrecipes == 1 ? "" : "s"));
	else if (t.things > EVENTS_MAX)
		build_session_event(s, BUILD_LOCK, s->b->workspace->lock,
				    arena_format(s->a, "and %zu more", t.things - EVENTS_MAX));
}

/* What the file says now. */
static int
reread(struct build_session *s, struct lock_keeper *k, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(LOCK_MAX_BYTES);
	struct digest bytes;
	bool present;

	if (lock_seen_file(s, &text, &present, err) < 0)
		return -1;
	digest_of(buf_text(&text), text.len, &bytes);
	if (k->parsed && present == k->present && digest_equal(&bytes, &k->bytes))
		return 0;
	if (!digest_equal(&bytes, &k->bytes)) {
		memset(&k->stamp, 0, sizeof(k->stamp));
		k->loose = true;
	}
	k->present = present;
	k->bytes = bytes;
	k->parsed = true;
	k->old = arena_alloc(s->a, sizeof(*k->old));
	*k->old = nothing;
	if (present && lock_parse(s->a, buf_text(&text), text.len, &k->old, err) < 0) {
		if (k->mode != LOCK_ACCEPT || err->sys == EPROTO)
			return -1;
		build_session_event(s, BUILD_LOCK, s->b->workspace->lock,
				    arena_format(s->a, "written anew, since %.*s",
						 (int)strcspn(err->text, "\n"), err->text));
		k->present = false;
	}
	if (k->loose)
		lock_seen_sift(s, k);
	k->loose = false;
	return 0;
}

/* Two Kilns that write follow each other. */
static int
hold(const struct workspace *w, int *fd, struct err *err)
{
	int rc;

	if (fd_mkdirs(w->dirfd, ".kiln", err) < 0 ||
	    fd_open_beneath(w->dirfd, GUARD_FILE, O_RDWR | O_CREAT, fd, err) < 0)
		return err_hint(err, "%s must be written: `kiln lock` where that is possible",
				w->lock);
	do
		rc = flock(*fd, LOCK_EX);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? err_sys(err, GUARD_FILE) : 0;
}

/* A result stays with what it was made from. */
static void
carry(struct arena *a, const struct lock_recipe *old, struct lock_recipe *now)
{
	struct lock before = { .vendor = "", .epoch = "", .nrecipes = 1 }, after = before;
	struct lock_recipe copy = *old;

	copy.resolved = false;
	before.recipes = &copy;
	after.recipes = now;
	if (!old->resolved || lock_compare(a, &before, &after, NULL, NULL))
		return;
	now->resolved = true;
	now->packages = old->packages;
	now->environment = old->environment;
	now->sees = old->sees;
	now->nsees = old->nsees;
}

/* The entry of that name; *j goes up with the names that are asked for. */
static const struct lock_recipe *
entry_of(const struct lock *l, const char *name, size_t *j)
{
	while (*j < l->nrecipes && strcmp(l->recipes[*j].name, name) < 0)
		(*j)++;
	return *j < l->nrecipes && !strcmp(l->recipes[*j].name, name) ? &l->recipes[*j] : NULL;
}

static int
make_declared(struct build_session *s, struct lock_keeper *k, struct lock *now, struct err *err)
{
	static const struct digest unknown;

	lock_make_frame(s, now);
	for (size_t i = 0, j = 0; i < s->set.n; i++) {
		const struct lock_recipe *old = entry_of(k->old, s->set.at[i]->name, &j);
		struct lock_recipe *r = &now->recipes[now->nrecipes++];

		if (old && !digest_equal(&k->seen[i].text, &unknown)) {
			*r = *old;
			continue;
		}
		if (lock_make_recipe(s, i, r, err) < 0)
			return -1;
		if (old)
			carry(s->a, old, r);
	}
	return 0;
}

static bool
was_seen(const struct lock_keeper *k, const struct build_job *job)
{
	const struct lock_seen *seen = &k->seen[job->node->slot];

	return digest_equal(&seen->action, &job->action.key) &&
	       digest_equal(&seen->facts, &job->facts);
}

static void
see(struct lock_keeper *k, const struct build_job *job)
{
	k->seen[job->node->slot].action = job->action.key;
	k->seen[job->node->slot].facts = job->facts;
}

static int
add_results(struct build_session *s, struct lock_keeper *k, struct lock *now, bool *kept,
	    struct err *err)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		const struct build_job *job = &s->jobs[i];
		size_t slot = job->node->slot;

		if (!job->known)
			continue;
		kept[slot] = true;
		if (now->recipes[slot].resolved && was_seen(k, job))
			continue;
		if (lock_make_result(s, job, &now->recipes[slot], err) < 0)
			return -1;
	}
	return 0;
}

/* The lock as it should be, and how it is written. */
struct renewal {
	bool results, writes;
	struct lock *now;
	bool *kept; /* by slot: its result is that of this run */
	struct buf text;
	struct digest bytes;
};

static void
renewal_release_scope(struct renewal *r)
{
	buf_free(&r->text);
}

static int
make_now(struct build_session *s, struct lock_keeper *k, struct renewal *r, struct err *err)
{
	r->now = arena_alloc(s->a, sizeof(*r->now));
	r->kept = r->results ? arena_array(s->a, s->set.n, sizeof(bool)) : NULL;
	if (make_declared(s, k, r->now, err) < 0 ||
	    (r->results && add_results(s, k, r->now, r->kept, err) < 0))
		return -1;
	if (!r->writes)
		return 0;
	/* What no longer holds is not told of: it matters only to what is written. */
	if (lock_make_settle(s, r->now, r->kept, err) < 0)
		return -1;
	buf_clear(&r->text);
	lock_write(r->now, &r->text);
	digest_of(buf_text(&r->text), r->text.len, &r->bytes);
	return buf_check(&r->text, s->b->workspace->lock, err);
}

static bool
is_written(const struct lock_keeper *k, const struct renewal *r)
{
	return k->present && digest_equal(&r->bytes, &k->bytes);
}

/* Only who has something to write waits for others that do, and looks again at what there is.
 */
static int
make_alone(struct build_session *s, struct lock_keeper *k, struct renewal *r, int *guard,
	   struct err *err)
{
	const struct lock *seen = k->old;

	if (hold(s->b->workspace, guard, err) < 0 || reread(s, k, err) < 0)
		return -1;
	return k->old == seen ? 0 : make_now(s, k, r, err);
}

static int
write_file(struct build_session *s, struct lock_keeper *k, const struct renewal *r,
	   struct err *err)
{
	if (fd_publish(s->b->workspace->dirfd, s->b->workspace->lock, r->text.data, r->text.len,
		       0644, err) < 0)
		return -1;
	memset(&k->stamp, 0, sizeof(k->stamp));
	k->present = k->summary.written = true;
	k->bytes = r->bytes;
	return 0;
}

/* k->old is still what the file said before. */
static void
see_all(struct build_session *s, struct lock_keeper *k, const struct renewal *r)
{
	static const struct digest unknown;

	for (size_t i = 0, j = 0; i < s->set.n; i++) {
		const struct lock_recipe *now = &r->now->recipes[i],
					 *old = entry_of(k->old, s->set.at[i]->name, &j);
		struct lock_seen *seen = &k->seen[i];
		struct digest before;

		/* What was taken over as it stood is as it was seen. */
		if (old && !digest_equal(&seen->text, &unknown) &&
		    !memcmp(now, old, sizeof(*now)))
			continue;
		lock_digest(now, &seen->part);
		seen->text = s->set.at[i]->text;
		if (!now->resolved)
			seen->action = seen->facts = (struct digest){ { 0 } };
		if (r->writes)
			continue;
		if (old)
			lock_digest(old, &before);
		if (!old || !digest_equal(&before, &seen->part))
			memset(seen, 0, sizeof(*seen));
	}
	for (size_t i = 0; r->kept && i < s->plan.n; i++)
		if (s->jobs[i].known)
			see(k, &s->jobs[i]);
	k->old = r->now;
}

/* The lock as it should be: compared with the one there is, and written where that is wanted.
 */
static int
renew(struct build_session *s, struct lock_keeper *k, bool results, struct err *err)
{
	CLEANUP(fd_close) int guard = -1;
	CLEANUP(renewal_release)
	struct renewal r = { .results = results,
			     .writes = k->mode != LOCK_REFUSE && !k->quiet,
			     .text = BUF_MAX(LOCK_MAX_BYTES) };

	if (reread(s, k, err) < 0 || make_now(s, k, &r, err) < 0 ||
	    (r.writes && !is_written(k, &r) && make_alone(s, k, &r, &guard, err) < 0))
		return -1;
	if (k->mode == LOCK_REFUSE && refuse(s, k, r.now, err) < 0)
		return -1;
	if (k->mode != LOCK_REFUSE)
		tell(s, k, r.now);
	if (r.writes && !is_written(k, &r) && write_file(s, k, &r, err) < 0)
		return -1;
	see_all(s, k, &r);
	return 0;
}

int
lock_begin(struct build_session *s, enum lock_mode mode, struct err *err)
{
	struct lock_keeper *k = arena_alloc(s->a, sizeof(*k));

	*k = (struct lock_keeper){ .mode = mode, .quiet = s->options && s->options->dry_run };
	if (build_memo_rules(s, err) < 0 || lock_seen_load(s, k, err) < 0)
		return -1;
	s->lock = k;
	k->dirty = k->dirty || !k->agreed;
	/* `kiln lock` writes once, at its end: half of a lock is never left behind. */
	if (k->agreed || k->mode == LOCK_ACCEPT)
		return 0;
	return renew(s, k, false, err);
}

static int
differs(struct build_session *s, const struct build_job *job, const struct lock_recipe *old,
	struct lock_recipe *now, struct err *err)
{
	CLEANUP(buf_free) struct buf list = BUF_MAX(TOLD_MAX * 4);
	CLEANUP(told_release)
	struct told t = { .s = s, .list = &list, .line = BUF_MAX(CHANGES_MAX) };
	struct lock before = { .vendor = "", .epoch = "", .nrecipes = 1 }, after = before;
	struct lock_recipe copy = *old;

	before.recipes = &copy;
	after.recipes = now;
	if (!lock_compare(s->a, &before, &after, take_change, &t))
		return 0;
	end_thing(&t);
	(void)err_set(err, ERR_INPUT, "recipe %s came out otherwise than %s says:%s",
		      job->node->recipe->name, s->b->workspace->lock, buf_text(&list));
	return err_hint(err, "%s", lock_hint);
}

int
lock_job(struct build_session *s, const struct build_job *job, struct err *err)
{
	struct lock_keeper *k = s->lock;
	const struct lock_recipe *old;
	struct lock_recipe now;

	if (!k || k->mode != LOCK_REFUSE || was_seen(k, job))
		return 0;
	if (!k->parsed && reread(s, k, err) < 0)
		return -1;
	old = lock_find(k->old, job->node->recipe->name);
	if (!old || !old->resolved)
		return 0;
	now = *old;
	if (lock_make_result(s, job, &now, err) < 0 || differs(s, job, old, &now, err) < 0)
		return -1;
	see(k, job);
	k->dirty = true;
	return 0;
}

int
lock_end(struct build_session *s, struct err *err)
{
	struct lock_keeper *k = s->lock;
	bool news = k->mode == LOCK_ACCEPT && !k->agreed;

	for (size_t i = 0; i < s->plan.n && k->mode != LOCK_REFUSE && !k->quiet && !news; i++)
		news = s->jobs[i].known && !was_seen(k, &s->jobs[i]);
	if (news && renew(s, k, true, err) < 0)
		return -1;
	if (news || k->dirty)
		lock_seen_save(s, k);
	return 0;
}

void
lock_leave(struct build_session *s)
{
	if (s->lock && s->lock->dirty)
		lock_seen_save(s, s->lock);
}

bool
lock_is_resolved(const struct lock_keeper *k, size_t slot)
{
	static const struct digest unknown;

	return k->parsed ? slot < k->old->nrecipes && k->old->recipes[slot].resolved
			 : !digest_equal(&k->seen[slot].action, &unknown);
}
