/* SPDX-License-Identifier: Apache-2.0 */
/* .kiln/locked: magic, digest of kiln.lock, digest of the rules, number of recipes, and of each
 * its name and what was seen. Bytes that are wrong agree with nothing, so they need no guard.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "builder/lock_priv.h"

#define SEEN_FILE  ".kiln/locked"
#define SEEN_MAGIC "kiln locked 1\n"
#define SEEN_MAX   ((size_t)256 * 1024 * 1024)

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

void
lock_seen_load(struct build_session *s, struct lock_keeper *k)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SEEN_MAX);
	struct digest bytes, rules;
	struct err ignored;
	const char *at, *end;

	k->seen = arena_array(s->a, s->set.n, sizeof(*k->seen));
	k->agreed = false;
	if (!k->present ||
	    fd_read_file(s->b->workspace->dirfd, SEEN_FILE, &text, &ignored) < 0 ||
	    strncmp(buf_text(&text), SEEN_MAGIC, strlen(SEEN_MAGIC)) != 0)
		return;
	at = text.data + strlen(SEEN_MAGIC);
	end = text.data + text.len;
	if (!take(&at, end, bytes.bytes, DIGEST_BYTES) ||
	    !take(&at, end, rules.bytes, DIGEST_BYTES) || !digest_equal(&bytes, &k->bytes) ||
	    !digest_equal(&rules, &s->rules))
		return;
	take_recipes(s, k, at, end);
}

void
lock_seen_save(struct build_session *s, const struct lock_keeper *k)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SEEN_MAX);
	const uint64_t n = s->set.n;
	struct err ignored;

	buf_add_str(&text, SEEN_MAGIC);
	buf_add(&text, k->bytes.bytes, DIGEST_BYTES);
	buf_add(&text, s->rules.bytes, DIGEST_BYTES);
	buf_add(&text, &n, sizeof(n));
	for (size_t i = 0; i < s->set.n; i++) {
		const struct recipe *r = s->set.at[i];

		buf_add(&text, r->name, strlen(r->name) + 1);
		buf_add(&text, r->text.bytes, DIGEST_BYTES);
		buf_add(&text, k->seen[i].action.bytes, DIGEST_BYTES);
		buf_add(&text, k->seen[i].facts.bytes, DIGEST_BYTES);
	}
	/* It is a cache: what prevents it costs time only. */
	if (!text.overflow && fd_mkdirs(s->b->workspace->dirfd, ".kiln", &ignored) == 0)
		(void)!fd_publish(s->b->workspace->dirfd, SEEN_FILE, text.data, text.len, 0644,
				  &ignored);
}
