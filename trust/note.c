/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/note.h"
#include "base/digest.h"
#include "base/utf8.h"
#include "trust/key.h"

#define MARK         "\xE2\x80\x94 " /* em dash and space, before a signature */
#define ID_BYTES     4
#define KEY_TEXT_MAX ((size_t)1024)
#define COSIGNED     "cosignature/v1\ntime "

bool
note_name_is_good(const char *name)
{
	size_t n = strlen(name);

	/* Printable rules out controls and newlines; the other Unicode spaces are refused by
	 * wanting ASCII: an origin is a host name. */
	if (n == 0 || n > NOTE_MAX_NAME)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '+')
			return false;
	}
	return true;
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int
note_key_make(const char *name, enum note_kind kind, const uint8_t public[NOTE_KEY_BYTES],
	      struct note_key *out, struct err *err)
{
	CLEANUP(buf_free) struct buf named = BUF_MAX(KEY_TEXT_MAX);
	struct digest d;

	if (!note_name_is_good(name))
		return err_set(
			err, ERR_INPUT,
			"key name: 1 to %d printable ASCII characters without space and +",
			NOTE_MAX_NAME);
	buf_add_str(&named, name);
	buf_add_char(&named, '\n');
	buf_add_char(&named, (char)kind);
	buf_add(&named, public, NOTE_KEY_BYTES);
	digest_of(named.data, named.len, &d);
	*out = (struct note_key){ .name = name, .kind = kind, .id = be32(d.bytes) };
	memcpy(out->public, public, NOTE_KEY_BYTES);
	return 0;
}

static int
bad_key(struct err *err, const char *why)
{
	return err_set(err, ERR_INPUT, "not a note key (NAME+ID+BASE64): %s", why);
}

int
note_key_parse(struct arena *a, const char *vkey, struct note_key *out, struct err *err)
{
	CLEANUP(buf_free) struct buf raw = BUF_MAX(KEY_TEXT_MAX);
	const char *first = strchr(vkey, '+'), *second = first ? strchr(first + 1, '+') : NULL;
	char id[2 * ID_BYTES + 1];

	if (!second || strlen(vkey) > KEY_TEXT_MAX || second - first - 1 != 2 * ID_BYTES)
		return bad_key(err, "its three parts are not there");
	if (digest_unbase64(second + 1, strlen(second + 1), &raw, err) < 0)
		return err_wrap(err, "not a note key");
	if (raw.len != 1 + NOTE_KEY_BYTES)
		return bad_key(err, "neither an Ed25519 key nor a cosigner's");
	if (raw.data[0] != NOTE_ED25519 && raw.data[0] != NOTE_COSIGNATURE)
		return bad_key(err,
			       "its algorithm is not one Kiln knows (Ed25519, cosignature)");
	if (note_key_make(arena_strndup(a, vkey, (size_t)(first - vkey)),
			  (enum note_kind)raw.data[0], (const uint8_t *)raw.data + 1, out,
			  err) < 0)
		return -1;
	(void)snprintf(id, sizeof(id), "%08x", out->id);
	return strncmp(id, first + 1, 2 * ID_BYTES) == 0
		       ? 0
		       : bad_key(err, "its id does not belong to name and key");
}

void
note_key_write(const struct note_key *k, struct buf *out)
{
	uint8_t raw[1 + NOTE_KEY_BYTES] = { (uint8_t)k->kind };

	memcpy(raw + 1, k->public, NOTE_KEY_BYTES);
	buf_add_format(out, "%s+%08x+", k->name, k->id);
	digest_base64(raw, sizeof(raw), out);
}

static void
write_line(const char *name, uint32_t id, const void *sig, size_t n, struct buf *out)
{
	CLEANUP(buf_free) struct buf raw = BUF_MAX(NOTE_MAX_BYTES);

	buf_add_be32(&raw, id);
	buf_add(&raw, sig, n);
	buf_add_str(out, MARK);
	buf_add_str(out, name);
	buf_add_char(out, ' ');
	digest_base64(raw.data, raw.len, out);
	buf_add_char(out, '\n');
}

void
note_signature_write(const struct note_key *k, const void *sig, size_t n, struct buf *out)
{
	write_line(k->name, k->id, sig, n, out);
}

void
note_write(const struct note *note, struct buf *out)
{
	buf_add(out, note->text, note->text_len);
	buf_add_char(out, '\n');
	for (size_t i = 0; i < note->n; i++) {
		const struct note_signature *s = &note->signatures[i];

		write_line(s->name, s->id, s->bytes, s->n, out);
	}
}

/* One line without its newline. */
static int
read_signature(struct arena *a, const char *line, size_t n, struct note_signature *out,
	       struct err *err)
{
	CLEANUP(buf_free) struct buf raw = BUF_MAX(NOTE_MAX_BYTES);
	const size_t mark = sizeof(MARK) - 1;
	const char *space;
	uint8_t *bytes;

	if (n < mark || memcmp(line, MARK, mark) != 0)
		return err_set(err, ERR_VERIFY, "signed note: not a signature line");
	line += mark;
	n -= mark;
	space = memchr(line, ' ', n);
	if (!space)
		return err_set(err, ERR_VERIFY, "signed note: a signature without a name");
	out->name = arena_strndup(a, line, (size_t)(space - line));
	if (!note_name_is_good(out->name))
		return err_set(err, ERR_VERIFY, "signed note: a signature by no good name");
	if (digest_unbase64(space + 1, n - (size_t)(space + 1 - line), &raw, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (raw.len <= ID_BYTES)
		return err_set(err, ERR_VERIFY, "signed note: a signature without bytes");
	bytes = arena_alloc(a, raw.len);
	memcpy(bytes, raw.data, raw.len);
	out->id = be32(bytes);
	out->bytes = bytes + ID_BYTES;
	out->n = raw.len - ID_BYTES;
	return 0;
}

static int
read_signatures(struct arena *a, const char *at, const char *end, struct note *out,
		struct err *err)
{
	out->signatures = arena_array(a, NOTE_MAX_SIGNATURES, sizeof(*out->signatures));
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline)
			return err_set(err, ERR_VERIFY,
				       "signed note: its last line is cut off");
		if (out->n >= NOTE_MAX_SIGNATURES)
			return err_set(err, ERR_LIMIT, "signed note: over %d signatures",
				       NOTE_MAX_SIGNATURES);
		if (read_signature(a, at, (size_t)(newline - at), &out->signatures[out->n],
				   err) < 0)
			return -1;
		out->n++;
		at = newline + 1;
	}
	return out->n > 0 ? 0 : err_set(err, ERR_VERIFY, "signed note: nobody signed it");
}

/* The signatures begin behind the last blank line. */
static const char *
find_end_of_text(const char *data, size_t n)
{
	for (size_t i = n; i >= 2; i--) {
		if (data[i - 1] == '\n' && data[i - 2] == '\n')
			return data + i - 1;
	}
	return NULL;
}

int
note_parse(struct arena *a, const char *data, size_t n, struct note *out, struct err *err)
{
	const char *blank;

	*out = (struct note){ .text = NULL };
	if (n > NOTE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "signed note of %zu bytes (%zu are accepted)", n,
			       NOTE_MAX_BYTES);
	if (!utf8_is_valid(data, n))
		return err_set(err, ERR_VERIFY, "signed note: not UTF-8");
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)data[i] < ' ' && data[i] != '\n')
			return err_set(err, ERR_VERIFY, "signed note: a control character");
	}
	blank = find_end_of_text(data, n);
	if (!blank)
		return err_set(err, ERR_VERIFY,
			       "signed note: no blank line between text and signatures");
	out->text_len = (size_t)(blank - data);
	out->text = arena_strndup(a, data, out->text_len);
	return read_signatures(a, blank + 1, data + n, out, err);
}

void
note_cosigned(int64_t when, const char *text, size_t n, struct buf *out)
{
	buf_add_format(out, COSIGNED "%lld\n", (long long)when);
	buf_add(out, text, n);
}

static bool
is_right(const struct note *note, const struct note_signature *s, const struct note_key *k,
	 int64_t *when)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES + 64);
	uint64_t t = 0;

	if (k->kind == NOTE_ED25519)
		return s->n == NOTE_SIG_BYTES &&
		       key_verify_ed25519(k->public, note->text, note->text_len, s->bytes);
	if (s->n != NOTE_TIME_BYTES + NOTE_SIG_BYTES)
		return false;
	for (size_t i = 0; i < NOTE_TIME_BYTES; i++)
		t = t << 8 | s->bytes[i];
	if (t > INT64_MAX)
		return false;
	note_cosigned((int64_t)t, note->text, note->text_len, &text);
	if (!key_verify_ed25519(k->public, text.data, text.len, s->bytes + NOTE_TIME_BYTES))
		return false;
	if (when)
		*when = (int64_t)t;
	return true;
}

static bool
is_by(const struct note_signature *s, const struct note_key *k)
{
	return s->id == k->id && strcmp(s->name, k->name) == 0;
}

int
note_verify(const struct note *note, const struct note_key *k, int64_t *when, struct err *err)
{
	bool found = false;

	for (size_t i = 0; i < note->n; i++) {
		const struct note_signature *s = &note->signatures[i];

		if (!is_by(s, k))
			continue;
		if (!is_right(note, s, k, when))
			return err_set(err, ERR_VERIFY,
				       "the signature of %s+%08x on the note is wrong", k->name,
				       k->id);
		found = true;
	}
	return found ? 0
		     : err_set(err, ERR_VERIFY, "the note is not signed by %s+%08x", k->name,
			       k->id);
}

/* One key under two names is one party. */
static bool
is_counted(const struct note *note, const struct note_key *keys, size_t i)
{
	struct err ignored;

	for (size_t j = 0; j < i; j++)
		if (memcmp(keys[i].public, keys[j].public, NOTE_KEY_BYTES) == 0 &&
		    note_verify(note, &keys[j], NULL, &ignored) == 0)
			return true;
	return false;
}

size_t
note_count(const struct note *note, const struct note_key *keys, size_t n, int64_t *newest)
{
	struct err ignored;
	int64_t latest = 0, when = 0;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (note_verify(note, &keys[i], &when, &ignored) < 0)
			continue;
		latest = KILN_MAX(latest, when);
		if (!is_counted(note, keys, i))
			count++;
	}
	if (newest)
		*newest = latest;
	return count;
}

const struct note_signature *
note_find(const struct note *note, const struct note_key *k)
{
	for (size_t i = 0; i < note->n; i++)
		if (is_by(&note->signatures[i], k))
			return &note->signatures[i];
	return NULL;
}

int
note_put(struct arena *a, struct note *note, const struct note_key *k,
	 const struct note_signature *sig, struct err *err)
{
	uint8_t *bytes = arena_alloc(a, sig->n);
	struct note_signature *all;
	size_t kept = 0;

	memcpy(bytes, sig->bytes, sig->n);
	all = arena_array(a, note->n + 1, sizeof(*all));
	for (size_t i = 0; i < note->n; i++)
		if (!is_by(&note->signatures[i], k))
			all[kept++] = note->signatures[i];
	if (kept >= NOTE_MAX_SIGNATURES)
		return err_set(err, ERR_LIMIT, "signed note: over %d signatures",
			       NOTE_MAX_SIGNATURES);
	all[kept++] = (struct note_signature){
		.name = k->name, .id = k->id, .bytes = bytes, .n = sig->n
	};
	note->signatures = all;
	note->n = kept;
	return 0;
}
