/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.json, beside the public keys of a directory: from when and until when signatures of a
 * key count, and which keys are revoked and why. It belongs to whoever owns the directory, as
 * the keys do; it takes trust away and never gives any.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "trust/key_priv.h"

#define RING_FILE_MAX ((size_t)1024 * 1024)
#define FORMAT        1

static int
read_file(struct arena *a, int dirfd, struct doc **out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(RING_FILE_MAX);
	struct stat st;
	int64_t format;

	*out = NULL;
	if (fstatat(dirfd, KEY_RING_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	if (fd_read_file(dirfd, KEY_RING_FILE, &text, err) < 0 ||
	    json_parse(a, buf_text(&text), text.len, KEY_RING_FILE, out, err) < 0)
		return -1;
	if (!doc_int(doc_get(*out, "format"), &format) || format != FORMAT ||
	    !doc_get(*out, "keys") || doc_get(*out, "keys")->kind != DOC_LIST)
		return err_set(err, ERR_INPUT, KEY_RING_FILE ": not a key ring of format %d",
			       FORMAT);
	return 0;
}

/* An absent time is open; a malformed one is an error, not an open one. */
static int
read_time(const struct doc *d, const char *field, int64_t *out, struct err *err)
{
	const char *text = doc_get_text(d, field);

	*out = 0;
	if (!doc_get(d, field))
		return 0;
	if (!text || !clock_parse(text, out))
		return err_set(err, ERR_INPUT,
			       KEY_RING_FILE
			       ": '%s' is not a time such as 2026-01-02T03:04:05Z",
			       field);
	return 0;
}

static int
apply(struct arena *a, const struct doc *d, struct keyring *ring, struct err *err)
{
	const char *id = doc_get_text(d, "id");
	const char *reason = doc_get_text(d, "reason");
	int64_t before, after, revoked, noted;

	if (!id)
		return err_set(err, ERR_INPUT, KEY_RING_FILE ": a key without its id");
	if (read_time(d, "not_before", &before, err) < 0 ||
	    read_time(d, "not_after", &after, err) < 0 ||
	    read_time(d, "revoked", &revoked, err) < 0 ||
	    read_time(d, "noted", &noted, err) < 0)
		return -1;
	for (size_t i = 0; i < ring->n; i++) {
		struct key_public *k = &ring->at[i];

		if (strcmp(k->id, id) != 0)
			continue;
		k->noted = KILN_MAX(k->noted, noted);
		k->not_before = KILN_MAX(k->not_before, before);
		if (after && (!k->not_after || after < k->not_after))
			k->not_after = after;
		if (k->revoked || !revoked)
			continue; /* what another directory took stays taken */
		k->revoked = revoked;
		k->reason = reason ? arena_strdup(a, reason) : NULL;
	}
	return 0;
}

int
key_ring_apply(struct arena *a, int dirfd, const char *path, struct keyring *ring,
	       struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	const struct doc *keys;
	struct doc *root;

	if (read_file(&scratch, dirfd, &root, err) < 0)
		return err_wrap(err, "keys %s", path);
	keys = doc_get(root, "keys");
	for (size_t i = 0; keys && i < keys->n; i++)
		if (apply(a, keys->items[i].value, ring, err) < 0)
			return err_wrap(err, "keys %s", path);
	return 0;
}

static void
set_time(struct arena *a, struct doc *d, const char *field, int64_t t)
{
	char text[CLOCK_TEXT_MAX];

	if (t == 0)
		return;
	clock_rfc3339(t, text);
	doc_set_text(a, d, field, text);
}

static void
describe(struct arena *a, struct doc *d, const struct key_public *k)
{
	doc_set_text(a, d, "id", k->id);
	doc_set_text(a, d, "role", key_role_name(k->role));
	set_time(a, d, "noted", k->noted);
	set_time(a, d, "not_before", k->not_before);
	set_time(a, d, "not_after", k->not_after);
	set_time(a, d, "revoked", k->revoked);
	doc_set_text(a, d, "reason", k->reason);
}

static void
write_keys(struct arena *a, struct doc *keys, struct buf *out)
{
	struct doc *root = doc_map(a);

	doc_set(a, root, "format", doc_number(a, FORMAT));
	doc_set(a, root, "keys", keys);
	json_write(root, out);
	buf_add_char(out, '\n');
}

int
key_ring_note(int dirfd, const struct key_public *k, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(RING_FILE_MAX);
	struct doc *root, *old, *keys = doc_list(&a), *d = doc_map(&a);

	if (read_file(&a, dirfd, &root, err) < 0)
		return -1;
	old = doc_get(root, "keys");
	for (size_t i = 0; old && i < old->n; i++) {
		const char *id = doc_get_text(old->items[i].value, "id");

		if (!id || strcmp(id, k->id) != 0)
			doc_push(&a, keys, old->items[i].value);
	}
	describe(&a, d, k);
	doc_push(&a, keys, d);
	write_keys(&a, keys, &text);
	if (buf_check(&text, KEY_RING_FILE, err) < 0)
		return -1;
	return fd_publish(dirfd, KEY_RING_FILE, text.data, text.len, 0644, err);
}

static int
by_role_then_id(const void *a, const void *b)
{
	const struct key_public *x = *(const struct key_public *const *)a;
	const struct key_public *y = *(const struct key_public *const *)b;

	return x->role == y->role ? strcmp(x->id, y->id) : (x->role < y->role ? -1 : 1);
}

int
key_ring_write(const struct keyring *ring, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct key_public **sorted =
		arena_array(&a, ring->n + 1, sizeof(const struct key_public *));
	struct doc *keys = doc_list(&a);

	for (size_t i = 0; i < ring->n; i++)
		sorted[i] = &ring->at[i];
	qsort(sorted, ring->n, sizeof(const struct key_public *), by_role_then_id);
	for (size_t i = 0; i < ring->n; i++) {
		const struct key_public *k = sorted[i];
		struct doc *d = doc_map(&a);

		if (!k->noted && !k->not_before && !k->not_after && !k->revoked)
			continue;
		describe(&a, d, k);
		doc_push(&a, keys, d);
	}
	write_keys(&a, keys, out);
	return buf_check(out, KEY_RING_FILE, err);
}
