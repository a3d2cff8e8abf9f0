/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one protobuf message that cache servers check, by hand:
 *
 *   ActionResult { 2: OutputFile { 1: path, 2: Digest { 1: hex, 2: size } }, 9: { 1: worker } }
 */
#include "base/mem.h"
#include "builder/cache_priv.h"

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

#define FIELD_FILES    2
#define FIELD_METADATA 9
#define VARINT_MAX     10
#define WORKER         "kiln"

static void
add_varint(struct buf *out, uint64_t v)
{
	while (v >= 0x80) {
		buf_add_char(out, (char)(v | 0x80));
		v >>= 7;
	}
	buf_add_char(out, (char)v);
}

static void
add_bytes(struct buf *out, unsigned field, const void *data, size_t n)
{
	add_varint(out, field << 3 | WIRE_BYTES);
	add_varint(out, n);
	buf_add(out, data, n);
}

static int
by_path(const void *x, const void *y)
{
	return strcmp(((const struct cache_file *)x)->path,
		      ((const struct cache_file *)y)->path);
}

void
cache_wire_write(struct cache_entry *e, struct buf *out)
{
	CLEANUP(buf_free) struct buf file = BUF_MAX(CACHE_ENTRY_MAX);
	CLEANUP(buf_free) struct buf digest = BUF_MAX(CACHE_ENTRY_MAX);
	char hex[DIGEST_HEX];

	if (e->n)
		qsort(e->at, e->n, sizeof(*e->at), by_path);
	for (size_t i = 0; i < e->n; i++) {
		const struct cache_file *f = &e->at[i];

		buf_clear(&file);
		buf_clear(&digest);
		digest_hex(&f->sha256, hex);
		add_bytes(&digest, 1, hex, strlen(hex));
		add_varint(&digest, 2 << 3 | WIRE_VARINT);
		add_varint(&digest, f->size);
		add_bytes(&file, 1, f->path, strlen(f->path));
		add_bytes(&file, 2, digest.data, digest.len);
		add_bytes(out, FIELD_FILES, file.data, file.len);
	}
	buf_clear(&file);
	add_bytes(&file, 1, WORKER, strlen(WORKER));
	add_bytes(out, FIELD_METADATA, file.data, file.len);
}

/* What is left to read of one message. */
struct span {
	const uint8_t *at;
	size_t n;
};
struct field {
	uint64_t number;
	enum wire wire;
	uint64_t value;    /* WIRE_VARINT */
	struct span bytes; /* WIRE_BYTES */
};

static bool
get_varint(struct span *s, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < VARINT_MAX && i < s->n; i++) {
		uint8_t b = s->at[i];

		if (i == VARINT_MAX - 1 && b > 1)
			return false;
		v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (b & 0x80)
			continue;
		s->at += i + 1;
		s->n -= i + 1;
		*out = v;
		return true;
	}
	return false;
}

static bool
get_bytes(struct span *s, uint64_t n, struct span *out)
{
	if (n > s->n)
		return false;
	*out = (struct span){ .at = s->at, .n = (size_t)n };
	s->at += n;
	s->n -= (size_t)n;
	return true;
}

/* False when the bytes are no field. */
static bool
get_field(struct span *s, struct field *f)
{
	uint64_t tag, n;

	*f = (struct field){ .number = 0 };
	if (!get_varint(s, &tag) || tag >> 3 == 0)
		return false;
	f->number = tag >> 3;
	f->wire = (enum wire)(tag & 7);
	switch (tag & 7) {
	case WIRE_VARINT:
		return get_varint(s, &f->value);
	case WIRE_64:
		return get_bytes(s, 8, &f->bytes);
	case WIRE_BYTES:
		return get_varint(s, &n) && get_bytes(s, n, &f->bytes);
	case WIRE_32:
		return get_bytes(s, 4, &f->bytes);
	default:
		return false;
	}
}

static bool
get_digest(struct span s, struct cache_file *out)
{
	bool named = false;
	struct field f;

	while (s.n) {
		char hex[DIGEST_HEX] = "";

		if (!get_field(&s, &f))
			return false;
		if (f.number == 2 && f.wire == WIRE_VARINT)
			out->size = f.value;
		if (f.number != 1 || f.wire != WIRE_BYTES)
			continue;
		if (f.bytes.n != DIGEST_HEX - 1)
			return false;
		memcpy(hex, f.bytes.at, f.bytes.n);
		named = digest_parse(hex, &out->sha256);
	}
	return named && out->size <= CACHE_BLOB_MAX;
}

/* Printable ASCII; no empty part, no . and .. between slashes. */
static bool
is_path(const char *s, size_t n)
{
	size_t start = 0;

	if (n == 0 || n > CACHE_PATH_MAX)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && s[i] != '/') {
			if (s[i] <= ' ' || s[i] > '~')
				return false;
			continue;
		}
		if (i == start || (i == start + 1 && s[start] == '.') ||
		    (i == start + 2 && s[start] == '.' && s[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

static bool
get_file(struct arena *a, struct span s, struct cache_file *out)
{
	bool has_digest = false;
	struct field f;

	*out = (struct cache_file){ .path = NULL };
	while (s.n) {
		if (!get_field(&s, &f))
			return false;
		if (f.wire != WIRE_BYTES)
			continue;
		if (f.number == 1) {
			if (!is_path((const char *)f.bytes.at, f.bytes.n))
				return false;
			out->path = arena_strndup(a, (const char *)f.bytes.at, f.bytes.n);
		} else if (f.number == 2) {
			has_digest = get_digest(f.bytes, out);
			if (!has_digest)
				return false;
		}
	}
	return out->path && has_digest;
}

/* How many files the message lists; SIZE_MAX when it is no message. */
static size_t
count_files(struct span s)
{
	struct field f;
	size_t n = 0;

	while (s.n) {
		if (!get_field(&s, &f))
			return SIZE_MAX;
		n += f.number == FIELD_FILES && f.wire == WIRE_BYTES;
	}
	return n;
}

int
cache_wire_parse(struct arena *a, const void *data, size_t n, struct cache_entry *out,
		 struct err *err)
{
	struct span s = { .at = data, .n = n };
	size_t files = n <= CACHE_ENTRY_MAX ? count_files(s) : SIZE_MAX;
	struct cache_entry e = { .n = 0 };
	struct field f;

	if (files == SIZE_MAX || files == 0)
		return err_set(err, ERR_VERIFY,
			       "the entry is no ActionResult that lists files");
	if (files > CACHE_FILES_MAX)
		return err_set(err, ERR_VERIFY, "the entry lists more than %zu files",
			       CACHE_FILES_MAX);
	e.at = arena_array(a, files, sizeof(*e.at));
	while (s.n && get_field(&s, &f)) {
		if (f.number != FIELD_FILES || f.wire != WIRE_BYTES)
			continue;
		if (!get_file(a, f.bytes, &e.at[e.n]))
			return err_set(err, ERR_VERIFY, "file %zu of the entry is malformed",
				       e.n + 1);
		e.n++;
	}
	qsort(e.at, e.n, sizeof(*e.at), by_path);
	for (size_t i = 1; i < e.n; i++) {
		if (strcmp(e.at[i - 1].path, e.at[i].path) == 0)
			return err_set(err, ERR_VERIFY, "the entry lists '%s' twice",
				       e.at[i].path);
	}
	*out = e;
	return 0;
}

const struct cache_file *
cache_wire_find(const struct cache_entry *e, const char *path)
{
	struct cache_file want = { .path = path };

	return e->n ? bsearch(&want, e->at, e->n, sizeof(*e->at), by_path) : NULL;
}

const struct cache_file *
cache_wire_digest(const struct cache_entry *e, const struct digest *d)
{
	for (size_t i = 0; i < e->n; i++) {
		if (digest_equal(&e->at[i].sha256, d))
			return &e->at[i];
	}
	return NULL;
}
