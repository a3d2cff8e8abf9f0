/* SPDX-License-Identifier: Apache-2.0 */
/* C2SP tlog-proof: a file that shows, without any network, that an entry is in a log. */
#include "trust/tlog_priv.h"

#define HEAD "c2sp.org/tlog-proof@v1\n"

void
tlog_proof_lines(const struct tlog_proof *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		digest_base64(p->at[i].bytes, DIGEST_BYTES, out);
		buf_add_char(out, '\n');
	}
	buf_add_char(out, '\n');
}

void
tlog_proof_write(const struct tlog_proof *p, uint64_t index, const char *checkpoint, size_t n,
		 struct buf *out)
{
	buf_add_str(out, HEAD);
	buf_add_format(out, "index %llu\n", (unsigned long long)index);
	tlog_proof_lines(p, out);
	buf_add(out, checkpoint, n);
}

static int
malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_VERIFY, "log proof: %s", what);
}

/* "index N"; decimal without leading zeros. */
static bool
read_index(const char *line, size_t n, uint64_t *out)
{
	const size_t word = strlen("index ");
	uint64_t v = 0;

	if (n <= word || memcmp(line, "index ", word) != 0 ||
	    (line[word] == '0' && n > word + 1))
		return false;
	for (size_t i = word; i < n; i++) {
		if (line[i] < '0' || line[i] > '9' || v > TLOG_MAX_SIZE)
			return false;
		v = v * 10 + (uint64_t)(line[i] - '0');
	}
	*out = v;
	return true;
}

int
tlog_proof_add(const char *line, size_t n, struct tlog_proof *p, struct err *err)
{
	CLEANUP(buf_free) struct buf raw = BUF_MAX(256);
	CLEANUP(buf_free) struct buf again = BUF_MAX(256);

	if (p->n >= TLOG_MAX_PROOF)
		return malformed(err, "too many hashes");
	if (n > 64 || digest_unbase64(line, n, &raw, err) < 0 || raw.len != DIGEST_BYTES)
		return malformed(err, "a line that is no hash");
	/* One hash has one line: the other alphabet of base64 has no place here. */
	digest_base64(raw.data, raw.len, &again);
	if (again.len != n || memcmp(again.data, line, n) != 0)
		return malformed(err, "a line that is no hash");
	memcpy(p->at[p->n++].bytes, raw.data, DIGEST_BYTES);
	return 0;
}

int
tlog_proof_parse(const char *text, size_t n, struct tlog_proof *p, uint64_t *index,
		 const char **checkpoint, size_t *checkpoint_len, struct err *err)
{
	const char *at = text + strlen(HEAD), *end = text + n, *newline;
	bool indexed = false;

	if (n > NOTE_MAX_BYTES)
		return malformed(err, "too long");
	if (n < strlen(HEAD) || memcmp(text, HEAD, strlen(HEAD)) != 0)
		return malformed(err, "does not begin with " HEAD);
	p->n = 0;
	for (;; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			return malformed(err, "cut off");
		if (newline == at)
			break;
		if (!indexed && strncmp(at, "extra ", strlen("extra ")) == 0)
			continue;
		if (!indexed && !read_index(at, (size_t)(newline - at), index))
			return malformed(err, "no good index");
		if (indexed && tlog_proof_add(at, (size_t)(newline - at), p, err) < 0)
			return -1;
		indexed = true;
	}
	if (!indexed)
		return malformed(err, "no index");
	*checkpoint = newline + 1;
	*checkpoint_len = (size_t)(end - *checkpoint);
	return 0;
}

int
tlog_proof_check(struct arena *a, const char *text, size_t n, const struct note_key *log,
		 const void *entry, size_t entry_len, struct tlog_checkpoint *out,
		 struct note *signed_by, struct err *err)
{
	struct tlog_checkpoint c;
	struct tlog_proof p;
	const char *checkpoint;
	struct digest leaf;
	struct note note;
	uint64_t index;
	size_t len;

	if (tlog_proof_parse(text, n, &p, &index, &checkpoint, &len, err) < 0 ||
	    note_parse(a, checkpoint, len, &note, err) < 0 ||
	    note_verify(&note, log, NULL, err) < 0 ||
	    tlog_checkpoint_parse(a, note.text, note.text_len, &c, err) < 0)
		return -1;
	if (strcmp(c.origin, log->name) != 0)
		return malformed(err, "a checkpoint of another log");
	tlog_leaf(entry, entry_len, &leaf);
	if (!tlog_includes(&leaf, index, c.size, &p, &c.root))
		return malformed(err, "the entry is not in the log at this place");
	*out = c;
	if (signed_by)
		*signed_by = note;
	return 0;
}
