/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive's own word on which packages exist: InRelease, judged by gpgv with the archive's
 * keyring, lists the digest of Packages.xz, which lists the digest of each .deb. Only what gpgv
 * wrote out as signed is read further; the big index is read in a confined child.
 */
#include "builder/seed_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/vec.h"

#define KEYRING          "/usr/share/keyrings/debian-archive-keyring.gpg"
#define RELEASE_MAX      ((size_t)16 * 1024 * 1024)
#define PACKED_MAX       ((size_t)128 * 1024 * 1024)
#define INDEX_MAX        ((size_t)1024 * 1024 * 1024)
#define FOUND_MAX        ((size_t)16 * 1024 * 1024)
#define TOOL_TIMEOUT_MS  300000
#define FOUND_FIELDS     5
#define RELEASE_PATH_MAX 512

/* Runs a filter of the host on in; what it writes goes to out. */
static int
filter(const char *const *argv, const void *data, size_t n, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int to = -1;
	CLEANUP(fd_close) int log = -1;
	CLEANUP(buf_free) struct buf said = BUF_MAX(FOUND_MAX);
	struct proc_spec spec = { .argv = argv, .timeout_ms = TOOL_TIMEOUT_MS };
	int status;

	if (fd_memory("input", &in, err) < 0 || fd_memory("output", &to, err) < 0 ||
	    fd_memory("messages", &log, err) < 0 || fd_write_all(in, data, n, err) < 0)
		return -1;
	spec.in = in;
	spec.out = to;
	spec.err = log;
	if (lseek(in, 0, SEEK_SET) < 0)
		return err_sys(err, "input");
	if (proc_run(&spec, &status, err) < 0)
		return err_hint(err, "`kiln seed lock` needs the Debian packages gpgv, "
				     "debian-archive-keyring and xz-utils");
	if (lseek(to, 0, SEEK_SET) < 0 || lseek(log, 0, SEEK_SET) < 0)
		return err_sys(err, "output");
	if (status == 0)
		return fd_read_all(to, out, err);
	if (fd_read_all(log, &said, err) < 0)
		return -1;
	return err_set(err, ERR_FETCH, "%s: %s", argv[0], buf_text(&said));
}

/* The signed text of an InRelease, and nothing that stands outside of the signature. */
static int
check_signature(const struct buf *inrelease, struct buf *text, struct err *err)
{
	static const char *const argv[] = { "gpgv",         "--quiet",   "--homedir",
					    "/nonexistent", "--keyring", KEYRING,
					    "--output",     "-",         NULL };

	if (filter(argv, buf_text(inrelease), inrelease->len, text, err) < 0) {
		(void)err_wrap(err, "its signature is not one of " KEYRING);
		return err_hint(err, "bring the package debian-archive-keyring up to date");
	}
	if (!text->len)
		return err_set(err, ERR_FETCH, "gpgv found no signed text");
	return 0;
}

/* The value of a one-line field, or NULL; *n is its length. */
static const char *
field(const char *text, const char *name, size_t *n)
{
	size_t len = strlen(name);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, name, len) != 0 || p[len] != ':')
			continue;
		p += len + 1;
		p += strspn(p, " ");
		*n = strcspn(p, "\n");
		return p;
	}
	return NULL;
}

static bool
says(const char *release, const char *name, const char *value)
{
	size_t n;
	const char *have = field(release, name, &n);

	return have && n == strlen(value) && !strncmp(have, value, n);
}

/* " <64 hex> <size> <path>" below "SHA256:". */
bool
seed_index_listed(const char *release, const char *path, struct digest *sha256, uint64_t *size)
{
	const char *section = strstr(release, "\nSHA256:\n");
	const char *p = section ? section + strlen("\nSHA256:\n") : "";

	for (; *p == ' '; p += strcspn(p, "\n"), p += *p == '\n') {
		char hex[DIGEST_HEX], name[RELEASE_PATH_MAX];
		unsigned long long n;

		if (sscanf(p, " %64[0-9a-f] %llu %511[^ \n]", hex, &n, name) != 3 ||
		    strcmp(name, path) != 0)
			continue;
		*size = n;
		return digest_parse(hex, sha256);
	}
	return false;
}

/* "Date: Sat, 11 Jul 2026 10:16:37 UTC" as 20260711T101637Z. */
bool
seed_index_date(const char *release, char out[SEED_SNAPSHOT_MAX])
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day, year, hour, minute, second;
	char month[4], zone[4];
	const char *at;
	size_t n;
	const char *date = field(release, "Date", &n);
	int len;

	if (!date || sscanf(date, "%*3s, %2u %3s %4u %2u:%2u:%2u %3s", &day, month, &year,
			    &hour, &minute, &second, zone) != 7)
		return false;
	at = strstr(months, month);
	if (!at || strlen(month) != 3 || (at - months) % 3 || strcmp(zone, "UTC") != 0)
		return false;
	len = snprintf(out, SEED_SNAPSHOT_MAX, "%04u%02u%02uT%02u%02u%02uZ", year,
		       (unsigned)((at - months) / 3 + 1), day, hour, minute, second);
	return len == SEED_SNAPSHOT_MAX - 8;
}

/* One suite of an archive being read. */
struct suite {
	struct arena *a;
	const struct seed_query *query;
	const struct source_index *index;
	const char *release; /* signed text */
	char snapshot[SEED_SNAPSHOT_MAX];
};

/* Gets dists/RELEASE/path from the first place that has it. */
static int
get(const struct suite *s, const char *path, struct buf *out, struct err *err)
{
	const char *location = arena_format(s->a, "%s:dists/%s/%s", s->index->archive,
					    s->index->release, path);
	const char **urls;
	size_t n;

	if (source_resolve(s->a, s->query->w, location, &urls, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		buf_clear(out);
		if (source_get(urls[i], out, err) == 0)
			return 0;
	}
	return -1;
}

static int
read_release(struct suite *s, struct err *err)
{
	CLEANUP(buf_free) struct buf signed_text = BUF_MAX(RELEASE_MAX);
	CLEANUP(buf_free) struct buf text = BUF_MAX(RELEASE_MAX);

	if (get(s, "InRelease", &signed_text, err) < 0 ||
	    check_signature(&signed_text, &text, err) < 0)
		return -1;
	s->release = arena_strdup(s->a, buf_text(&text));
	/* A mirror could serve the signed word on another suite. */
	if (!says(s->release, "Codename", s->index->release) &&
	    !says(s->release, "Suite", s->index->release))
		return err_set(err, ERR_FETCH, "InRelease is that of another suite");
	if (!seed_index_date(s->release, s->snapshot))
		return err_set(err, ERR_FETCH, "InRelease has no date");
	return 0;
}

static int
check_bytes(const struct suite *s, const char *path, const struct buf *bytes, struct err *err)
{
	struct digest want, have;
	uint64_t size;

	if (!seed_index_listed(s->release, path, &want, &size))
		return err_set(err, ERR_FETCH, "InRelease does not list %s", path);
	digest_of(bytes->data, bytes->len, &have);
	if (size == bytes->len && digest_equal(&want, &have))
		return 0;
	(void)err_set(err, ERR_FETCH, "%s is not the one that InRelease lists", path);
	return err_hint(err, "the archive may just be changing: try again in some minutes");
}

static const char *
value_in(const char *line, const char *end, const char *name, size_t *n)
{
	size_t len = strlen(name);

	if ((size_t)(end - line) < len + 2 || strncmp(line, name, len) != 0 ||
	    strncmp(line + len, ": ", 2) != 0)
		return NULL;
	*n = (size_t)(end - line) - len - 2;
	return line + len + 2;
}

static bool
is_wanted(const char *name, size_t n, const char *const *names, size_t nnames)
{
	size_t low = 0, high = nnames;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strncmp(names[mid], name, n);

		order = order ? order : names[mid][n] != '\0';
		if (!order)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

int
seed_index_scan(const char *text, size_t n, const char *const *names, size_t nnames,
		struct buf *out, struct err *err)
{
	static const char *const keys[FOUND_FIELDS] = { "Package", "Version", "Size", "SHA256",
							"Filename" };
	const char *value[FOUND_FIELDS] = { NULL }, *end = text + n;
	size_t len[FOUND_FIELDS] = { 0 };

	for (const char *line = text; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		stop = stop ? stop : end;
		for (size_t i = 0; i < FOUND_FIELDS; i++) {
			size_t length;
			const char *v = value_in(line, stop, keys[i], &length);

			value[i] = v ? v : value[i];
			len[i] = v ? length : len[i];
		}
		line = stop < end ? stop + 1 : end;
		if (line < end && *line != '\n')
			continue; /* within a stanza */
		if (value[0] && value[1] && value[2] && value[3] && value[4] &&
		    is_wanted(value[0], len[0], names, nnames))
			for (size_t i = 0; i < FOUND_FIELDS; i++)
				buf_add_format(out, "%.*s%c",
					       (int)KILN_MIN(len[i], (size_t)RELEASE_PATH_MAX),
					       value[i], i + 1 < FOUND_FIELDS ? '\t' : '\n');
		memset(value, 0, sizeof(value));
	}
	return buf_check(out, "packages of the index", err);
}

struct scan {
	const struct suite *suite;
	const struct buf *index;
	int to;
};

static int
scan_confined(void *arg, struct err *err)
{
	const struct scan *s = arg;
	CLEANUP(buf_free) struct buf found = BUF_MAX(FOUND_MAX);

	if (seed_index_scan(buf_text(s->index), s->index->len, s->suite->query->names,
			    s->suite->query->nnames, &found, err) < 0)
		return -1;
	return fd_write_all(s->to, buf_text(&found), found.len, err);
}

/* The index at plain, brought packed; both forms are held to what the signed text lists. */
static int
get_index(const struct suite *s, const char *plain, struct buf *index, struct err *err)
{
	static const char *const argv[] = { "xz", "-dc", NULL };
	const char *packed = arena_format(s->a, "%s.xz", plain);
	CLEANUP(buf_free) struct buf small = BUF_MAX(PACKED_MAX);

	if (get(s, packed, &small, err) < 0 || check_bytes(s, packed, &small, err) < 0 ||
	    filter(argv, buf_text(&small), small.len, index, err) < 0)
		return -1;
	return check_bytes(s, plain, index, err);
}

int
seed_index_get(struct arena *a, const struct workspace *w, const struct source_index *index,
	       const char *path, struct buf *out, struct err *err)
{
	const struct seed_query q = { .w = w };
	struct suite s = { .a = a, .query = &q, .index = index };

	if (read_release(&s, err) < 0 ||
	    get_index(&s, arena_format(a, "%s/%s", index->component, path), out, err) < 0)
		return err_wrap(err, "%s %s", index->archive, index->release);
	return 0;
}

static int
read_packages(const struct suite *s, struct buf *found, struct err *err)
{
	const char *plain = arena_format(s->a, "%s/binary-amd64/Packages", s->index->component);
	CLEANUP(buf_free) struct buf index = BUF_MAX(INDEX_MAX);
	CLEANUP(fd_close) int to = -1;
	struct scan scan = { .suite = s, .index = &index };

	if (get_index(s, plain, &index, err) < 0 || fd_memory("packages", &to, err) < 0)
		return -1;
	scan.to = to;
	if (proc_confined(scan_confined, &scan, &to, 1, err) < 0)
		return -1;
	if (lseek(to, 0, SEEK_SET) < 0)
		return err_sys(err, "packages");
	return fd_read_all(to, found, err);
}

typedef VEC(struct seed_package) package_vec;

/* One line of the confined child: believed only as far as it is what a lock may hold. */
static int
take_line(struct suite *s, char *line, package_vec *out, struct err *err)
{
	char *part[FOUND_FIELDS] = { line };
	struct seed_package p = { .name = line, .snapshot = s->snapshot };

	for (size_t i = 1; i < FOUND_FIELDS; i++) {
		part[i] = strchr(part[i - 1], '\t');
		if (!part[i])
			return err_set(err, ERR_FETCH,
				       "the index has a package without all fields");
		*part[i]++ = '\0';
	}
	p.version = part[1];
	p.size = strtoull(part[2], NULL, 10);
	p.location = arena_format(s->a, "%s:%s", s->index->archive, part[4]);
	if (!p.size || !digest_parse(part[3], &p.sha256) || !seed_is_sound(&p) ||
	    !is_wanted(p.name, strlen(p.name), s->query->names, s->query->nnames))
		return err_set(err, ERR_FETCH, "the index has a wrong entry for a package");
	p.snapshot = arena_strdup(s->a, s->snapshot);
	VEC_PUSH(out, p);
	return 0;
}

static int
read_suite(struct suite *s, package_vec *out, struct err *err)
{
	CLEANUP(buf_free) struct buf found = BUF_MAX(FOUND_MAX);
	char *next;

	if (read_release(s, err) < 0 || read_packages(s, &found, err) < 0)
		return err_wrap(err, "%s %s", s->index->archive, s->index->release);
	next = arena_strdup(s->a, buf_text(&found));
	while (*next) {
		char *line = next;

		next += strcspn(next, "\n");
		if (*next)
			*next++ = '\0';
		if (take_line(s, line, out, err) < 0)
			return err_wrap(err, "%s %s", s->index->archive, s->index->release);
	}
	return 0;
}

static int
by_name_then_newest(const void *x, const void *y)
{
	const struct seed_package *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	order = order ? order : seed_version_compare(b->version, a->version);
	return order ? order
		     : strcmp(b->location,
			      a->location); /* "debian:" before "debian-security:" */
}

bool
seed_index_is_repeated(const struct source_index *list, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!strcmp(list[i].archive, list[j].archive) &&
		    !strcmp(list[i].release, list[j].release) &&
		    !strcmp(list[i].component, list[j].component))
			return true;
	return strcmp(list[i].component, "main") != 0;
}

int
seed_index_read(struct arena *a, const struct seed_query *q, struct seed_package **out,
		size_t *n, struct err *err)
{
	package_vec found = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < q->nindexes; i++) {
		struct suite s = { .a = a, .query = q, .index = &q->indexes[i] };

		if (!seed_index_is_repeated(q->indexes, i))
			rc = read_suite(&s, &found, err);
	}
	if (rc == 0) {
		*n = found.n;
		*out = arena_array(a, found.n, sizeof(**out));
		if (found.n)
			memcpy(*out, found.at, found.n * sizeof(**out));
		qsort(*out, found.n, sizeof(**out), by_name_then_newest);
	}
	VEC_FREE(&found);
	return rc;
}
