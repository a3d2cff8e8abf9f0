/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "trust/tlog_priv.h"

void
tlog_checkpoint_write(const struct tlog_checkpoint *c, struct buf *out)
{
	buf_add_format(out, "%s\n%llu\n", c->origin, (unsigned long long)c->size);
	digest_base64(c->root.bytes, DIGEST_BYTES, out);
	buf_add_char(out, '\n');
}

/* Takes one line off the text; NULL when there is none. */
static char *
take_line(struct arena *a, const char **at, const char *end)
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	char *line;

	if (!newline)
		return NULL;
	line = arena_strndup(a, *at, (size_t)(newline - *at));
	*at = newline + 1;
	return line;
}

bool
tlog_checkpoint_size(const char *text, uint64_t *out)
{
	uint64_t v = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
		if (v > TLOG_MAX_SIZE)
			return false;
	}
	*out = v;
	return true;
}

int
tlog_checkpoint_parse(struct arena *a, const char *text, size_t n, struct tlog_checkpoint *out,
		      struct err *err)
{
	CLEANUP(buf_free) struct buf root = BUF_MAX(NOTE_MAX_BYTES);
	const char *at = text, *end = text + n;
	const char *origin = take_line(a, &at, end), *size = take_line(a, &at, end);
	const char *hash = take_line(a, &at, end);
	struct tlog_checkpoint c = { .origin = origin };

	if (!hash || at != end)
		return err_set(err, ERR_VERIFY,
			       "checkpoint: not the three lines origin, size and root");
	if (!note_name_is_good(origin))
		return err_set(err, ERR_VERIFY, "checkpoint: no good origin");
	if (!tlog_checkpoint_size(size, &c.size))
		return err_set(err, ERR_VERIFY, "checkpoint: no good size");
	if (digest_unbase64(hash, strlen(hash), &root, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (root.len != DIGEST_BYTES)
		return err_set(err, ERR_VERIFY, "checkpoint: a root of %zu bytes", root.len);
	memcpy(c.root.bytes, root.data, DIGEST_BYTES);
	*out = c;
	return 0;
}

int
tlog_checkpoint_load(struct arena *a, int dirfd, const struct note_key *key,
		     struct tlog_checkpoint *out, struct note *note, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct tlog_checkpoint c;
	struct note n;

	if (fd_read_file(dirfd, TLOG_CHECKPOINT, &text, err) < 0 ||
	    note_parse(a, buf_text(&text), text.len, &n, err) < 0 ||
	    note_verify(&n, key, NULL, err) < 0 ||
	    tlog_checkpoint_parse(a, n.text, n.text_len, &c, err) < 0)
		return err_wrap(err, "log");
	if (strcmp(c.origin, key->name) != 0)
		return err_set(err, ERR_VERIFY, "log: the checkpoint is of %s, the key of %s",
			       c.origin, key->name);
	*out = c;
	if (note)
		*note = n;
	return 0;
}
