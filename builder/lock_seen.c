/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .kiln/locked: magic, stamp and digest of kiln.lock, digest of the rules, number of recipes,
 * and of each its name and what was seen. Bytes that are wrong agree with nothing, so they need
 * no guard. When the lock is another than then, what was seen still counts of each entry that
 * is as it was, so that an edit, a merge, or a run that failed costs what it changed. The stamp
 * saves reading the lock, whose digest would be much of what deciding nothing costs: it stands
 * there only of a file that had rested a while, since one that changes in the tick in which it
 * was looked at could change once more without trace.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "builder/lock_priv.h"

#define SEEN_MAGIC "kiln locked 3\n"
#define SEEN_MAX   ((size_t)256 * 1024 * 1024)
#define REST_S     3

static const char *
seen_file(const struct build_session *s)
{
	return arena_format(s->a, ".kiln/locked%s", s->b->workspace->suffix);
}

static bool
take(const char **at, const char *end, void *out, size_t n)
{
	if ((size_t)(end - *at) < n)
		return false;
	memcpy(out, *at, n);
	*at += n;
	return true;
}

/* Both lists are sorted; a recipe that came or went is a disagreement. */
static void
take_recipes(struct build_session *s, struct lock_keeper *k, const char *at, const char *end)
{
	uint64_t n;
	size_t slot = 0;

	if (!take(&at, end, &n, sizeof(n)))
		return;
	k->agreed = n == s->set.n;
	for (uint64_t i = 0; i < n; i++) {
		const char *name = at, *zero = memchr(at, 0, (size_t)(end - at));
		struct lock_seen seen;

		if (!zero) {
			k->agreed = false;
			return;
		}
		at = zero + 1;
		if (!take(&at, end, seen.text.bytes, DIGEST_BYTES) ||
		    !take(&at, end, seen.part.bytes, DIGEST_BYTES) ||
		    !take(&at, end, seen.action.bytes, DIGEST_BYTES) ||
		    !take(&at, end, seen.facts.bytes, DIGEST_BYTES)) {
			k->agreed = false;
			return;
		}
		while (slot < s->set.n && strcmp(s->set.at[slot]->name, name) < 0)
			slot++;
		if (slot < s->set.n && !strcmp(s->set.at[slot]->name, name) &&
		    digest_equal(&s->set.at[slot]->text, &seen.text))
			k->seen[slot] = seen;
		else
			k->agreed = false;
	}
}

int
lock_seen_file(struct build_session *s, struct buf *text, bool *present, struct err *err)
{
	*present = true;
	if (fd_read_file(s->b->workspace->dirfd, s->b->workspace->lock, text, err) == 0)
		return 0;
	*present = false;
	return err->sys == ENOENT ? 0 : -1;
}

/* False: there is no plain file, or it has not rested. */
static bool
find_stamp(const struct build_session *s, struct lock_stamp *out)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (fstatat(s->b->workspace->dirfd, s->b->workspace->lock, &st, AT_SYMLINK_NOFOLLOW) <
		    0 ||
	    !S_ISREG(st.st_mode) ||
	    KILN_MAX(st.st_mtim.tv_sec, st.st_ctim.tv_sec) + REST_S > clock_wall())
		return false;
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->size = (uint64_t)st.st_size;
	out->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	out->ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	return true;
}

/* known: of the file with the stamp, as it was seen; NULL: nothing was. */
static int
find_bytes(struct build_session *s, struct lock_keeper *k, const struct lock_stamp *stamp,
	   const struct digest *known, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(LOCK_MAX_BYTES);
	bool rested = find_stamp(s, &k->stamp);

	if (rested && known && !memcmp(stamp, &k->stamp, sizeof(*stamp))) {
		k->present = true;
		k->bytes = *known;
		return 0;
	}
	k->dirty = rested; /* next time the stamp will do */
	if (lock_seen_file(s, &text, &k->present, err) < 0)
		return -1;
	digest_of(buf_text(&text), text.len, &k->bytes);
	return 0;
}

int
lock_seen_load(struct build_session *s, struct lock_keeper *k, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SEEN_MAX);
	struct lock_stamp stamp;
	struct digest bytes, rules;
	struct err ignored;
	const char *at, *end;

	k->seen = arena_array(s->a, s->set.n, sizeof(*k->seen));
	k->agreed = false;
	if (fd_read_file(s->b->workspace->dirfd, seen_file(s), &text, &ignored) < 0 ||
	    strncmp(buf_text(&text), SEEN_MAGIC, strlen(SEEN_MAGIC)) != 0)
		return find_bytes(s, k, NULL, NULL, err);
	at = text.data + strlen(SEEN_MAGIC);
	end = text.data + text.len;
	if (!take(&at, end, &stamp, sizeof(stamp)) ||
	    !take(&at, end, bytes.bytes, DIGEST_BYTES) ||
	    !take(&at, end, rules.bytes, DIGEST_BYTES))
		return find_bytes(s, k, NULL, NULL, err);
	if (find_bytes(s, k, &stamp, &bytes, err) < 0)
		return -1;
	if (!k->present || !digest_equal(&rules, &s->rules))
		return 0;
	take_recipes(s, k, at, end);
	k->loose = !digest_equal(&bytes, &k->bytes);
	k->agreed = k->agreed && !k->loose;
	return 0;
}

void
lock_seen_sift(struct build_session *s, struct lock_keeper *k)
{
	for (size_t i = 0; i < s->set.n; i++) {
		const struct lock_recipe *old = lock_find(k->old, s->set.at[i]->name);
		struct digest part;

		if (old)
			lock_digest(old, &part);
		if (!old || !digest_equal(&part, &k->seen[i].part))
			memset(&k->seen[i], 0, sizeof(k->seen[i]));
	}
}

void
lock_seen_save(struct build_session *s, const struct lock_keeper *k)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SEEN_MAX);
	const uint64_t n = s->set.n;
	struct err ignored;

	buf_add_str(&text, SEEN_MAGIC);
	buf_add(&text, &k->stamp, sizeof(k->stamp));
	buf_add(&text, k->bytes.bytes, DIGEST_BYTES);
	buf_add(&text, s->rules.bytes, DIGEST_BYTES);
	buf_add(&text, &n, sizeof(n));
	for (size_t i = 0; i < s->set.n; i++) {
		const struct recipe *r = s->set.at[i];

		buf_add(&text, r->name, strlen(r->name) + 1);
		buf_add(&text, k->seen[i].text.bytes, DIGEST_BYTES);
		buf_add(&text, k->seen[i].part.bytes, DIGEST_BYTES);
		buf_add(&text, k->seen[i].action.bytes, DIGEST_BYTES);
		buf_add(&text, k->seen[i].facts.bytes, DIGEST_BYTES);
	}
	/* It is a cache: what prevents it costs time only. */
	if (!text.overflow && fd_mkdirs(s->b->workspace->dirfd, ".kiln", &ignored) == 0)
		(void)!fd_publish(s->b->workspace->dirfd, seen_file(s), text.data, text.len,
				  0644, &ignored);
}
