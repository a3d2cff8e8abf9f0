/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading archives. libarchive turns bytes into entries; nothing of it ever touches the disk.
 * Only decoders inside the library are switched on: "all" would run programs for the rest.
 */
#include "base/mem.h"
#include "base/tar_priv.h"
#include "base/utf8.h"
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#define READ_BYTES        ((size_t)128 * 1024)
#define RATIO_FREE_BYTES  ((uint64_t)64 * 1024 * 1024)
#define DEB_VERSION_BYTES 16

const struct tar_limits tar_limits_source = {
	.max_bytes = (uint64_t)8 << 30,
	.max_entries = 2000000,
	.max_depth = 64,
	.max_ratio = 1000,
};

static void
reader_free(struct archive *a)
{
	(void)archive_read_free(a);
}
DEFINE_CLEANUP(struct archive *, reader_free);

/* libarchive converts pax names to the locale's charset, and hands out the raw bytes with a
 * warning where it cannot. Names must not depend on the user's locale, and a chamber has no
 * locale files: so the C locale always, and our own check that a name is UTF-8. Only this
 * thread's locale changes, and only while an archive is read. */
struct charset {
	locale_t plain, before;
};

static void
charset_leave(struct charset *c)
{
	if (c->plain == (locale_t)0)
		return;
	(void)uselocale(c->before);
	freelocale(c->plain);
}
DEFINE_RELEASE(struct charset, charset_leave);

static void
charset_enter(struct charset *c)
{
	c->plain = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
	if (c->plain == (locale_t)0)
		abort(); /* it is built into the C library: no memory */
	c->before = uselocale(c->plain);
}

struct unpack {
	struct archive *a;
	const struct tar_select *select;
	const struct tar_limits *limits;
	struct tar_place place;
	bool *hits;
	uint64_t entries;
	uint64_t bytes; /* as the entries declare them, before they are there */
	uint64_t grown; /* as they came; holes count */
};

static void
unpack_release(struct unpack *u)
{
	free(u->hits);
	tar_place_release(&u->place);
}
DEFINE_RELEASE(struct unpack, unpack_release);

static int
damaged(struct archive *a, const char *what, struct err *err)
{
	const char *why = archive_error_string(a);
	char shown[256];

	utf8_show(why ? why : "unreadable", shown, sizeof(shown));
	return err_set(err, ERR_INPUT, "%s: %s", what, shown);
}

static int
check_growth(const struct unpack *u, struct err *err)
{
	uint64_t packed = (uint64_t)KILN_MAX(archive_filter_bytes(u->a, -1), 1);
	uint64_t plain = (uint64_t)KILN_MAX(archive_filter_bytes(u->a, 0), 0);
	uint64_t most = KILN_MAX(plain, u->grown);

	if (u->bytes > u->limits->max_bytes)
		return err_set(err, ERR_LIMIT, "archive: more than %llu bytes unpacked",
			       (unsigned long long)u->limits->max_bytes);
	if (most > RATIO_FREE_BYTES && most / packed > u->limits->max_ratio)
		return err_set(err, ERR_LIMIT,
			       "archive: grows more than %u times when unpacked",
			       u->limits->max_ratio);
	return 0;
}

static int
write_at(int fd, const char *data, size_t n, uint64_t offset, struct err *err)
{
	while (n) {
		ssize_t done = pwrite(fd, data, n, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, "write");
		data += done;
		n -= (size_t)done;
		offset += (uint64_t)done;
	}
	return 0;
}

/* The body of the current entry into fd. Holes stay holes, but count. */
static int
write_body(struct unpack *u, const char *name, uint64_t size, int fd, struct err *err)
{
	uint64_t before = u->bytes, grown = u->grown, end = 0;
	const void *data;
	size_t n;
	la_int64_t offset;
	int r;

	if (size > u->limits->max_bytes)
		u->bytes = UINT64_MAX;
	if (check_growth(u, err) < 0)
		return err_wrap(err, "entry '%s'", name);
	for (;;) {
		r = archive_read_data_block(u->a, &data, &n, &offset);
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK)
			return damaged(u->a, name, err);
		if (offset < 0 || (uint64_t)offset < end || n > u->limits->max_bytes)
			return err_set(err, ERR_INPUT, "archive entry '%s': its parts overlap",
				       name);
		end = (uint64_t)offset + n;
		u->bytes = before + KILN_MAX(end, size);
		u->grown = grown + end;
		if (check_growth(u, err) < 0)
			return err_wrap(err, "entry '%s'", name);
		if (write_at(fd, data, n, (uint64_t)offset, err) < 0)
			return err_wrap(err, "archive entry '%s'", name);
	}
	u->grown = grown + KILN_MAX(end, size); /* a hole at the end */
	if (check_growth(u, err) < 0)
		return err_wrap(err, "entry '%s'", name);
	return end < size && ftruncate(fd, (off_t)size) < 0 ? err_sys(err, "%s", name) : 0;
}

static uint64_t
size_of(struct archive_entry *e)
{
	la_int64_t size = archive_entry_size_is_set(e) ? archive_entry_size(e) : 0;

	return size > 0 ? (uint64_t)size : 0;
}

static int
take_file(struct unpack *u, struct archive_entry *e, const char *name, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (tar_place_file(&u->place, name, &fd, err) < 0 ||
	    write_body(u, name, size_of(e), fd, err) < 0)
		return -1;
	return tar_place_done(&u->place, name, archive_entry_perm(e) & 0111, &fd, err);
}

static int
take_hardlink(struct unpack *u, struct archive_entry *e, const char *name, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	const char *raw = archive_entry_hardlink(e);
	char target[TAR_NAME_MAX];

	if (!raw || tar_name_clean(raw, u->select, u->limits->max_depth, target, err) < 0)
		return raw ? -1
			   : err_set(err, ERR_INPUT, "archive entry '%s': no target", name);
	if (u->select->merge_usr)
		(void)tar_name_merge(target);
	if (!*target)
		return err_set(err, ERR_INPUT, "archive entry '%s': a hard link to nothing",
			       name);
	if (size_of(e) > 0 &&
	    (tar_place_again(&u->place, target, &fd, err) < 0 ||
	     write_body(u, name, size_of(e), fd, err) < 0 ||
	     tar_place_done(&u->place, name, archive_entry_perm(e) & 0111, &fd, err) < 0))
		return -1;
	return tar_place_link(&u->place, name, target, err);
}

static int
take_symlink(struct unpack *u, struct archive_entry *e, const char *from, const char *name,
	     struct err *err)
{
	const char *raw = archive_entry_symlink(e);
	char target[TAR_NAME_MAX];

	if (!raw || !*raw || !utf8_is_printable(raw, strlen(raw)))
		return err_set(err, ERR_INPUT,
			       "archive entry '%s': its target is not printable UTF-8", name);
	if (!u->select->merge_usr)
		return tar_place_symlink(&u->place, name, raw, err);
	if (tar_name_retarget(from, name, raw, target, err) < 0)
		return -1;
	/* "lib -> usr/lib" of a merged tree: the rewriting makes it a link to itself. */
	if (strcmp(from, name) != 0 && !strchr(from, '/')) {
		const char *plain = raw[0] == '/' ? raw + 1 : raw;

		if (strcmp(plain, name) == 0)
			return 0;
		return err_set(err, ERR_INPUT,
			       "archive entry '%s': a link where /usr is merged", from);
	}
	return tar_place_symlink(&u->place, name, target, err);
}

static int
take_selected(struct unpack *u, struct archive_entry *e, const char *from, const char *name,
	      struct err *err)
{
	if (archive_entry_hardlink(e))
		return take_hardlink(u, e, name, err);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return take_file(u, e, name, err);
	case AE_IFDIR:
		return tar_place_dir(&u->place, name, err);
	case AE_IFLNK:
		return take_symlink(u, e, from, name, err);
	default:
		return err_set(err, ERR_INPUT,
			       "archive entry '%s': devices, pipes and sockets are not allowed",
			       name);
	}
}

/* Counts the entry; its clean name, "" when nothing of it is left. */
static int
take_name(struct unpack *u, struct archive_entry *e, char out[TAR_NAME_MAX], struct err *err)
{
	const char *raw = archive_entry_pathname(e);

	if (++u->entries > u->limits->max_entries)
		return err_set(err, ERR_LIMIT, "archive: more than %llu entries",
			       (unsigned long long)u->limits->max_entries);
	if (!raw || !*raw)
		return err_set(err, ERR_INPUT, "archive: entry %llu has no readable name",
			       (unsigned long long)u->entries);
	if (tar_name_clean(raw, u->select, u->limits->max_depth, out, err) < 0)
		return -1;
	return check_growth(u, err);
}

static int
take_entry(struct unpack *u, struct archive_entry *e, struct err *err)
{
	char from[TAR_NAME_MAX], name[TAR_NAME_MAX];

	if (take_name(u, e, from, err) < 0)
		return -1;
	if (!*from || !tar_name_selected(from, u->select, u->hits))
		return 0;
	memcpy(name, from, strlen(from) + 1);
	if (u->select->merge_usr)
		(void)tar_name_merge(name);
	return take_selected(u, e, from, name, err);
}

static int
take_all(struct unpack *u, struct err *err)
{
	struct archive_entry *e;
	int r;

	while ((r = archive_read_next_header(u->a, &e)) != ARCHIVE_EOF) {
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return damaged(u->a, "archive", err);
		if (take_entry(u, e, err) < 0)
			return -1;
	}
	for (size_t i = 0; u->select->members && i < u->select->nmembers; i++) {
		if (!u->hits[i])
			return err_set(err, ERR_INPUT, "archive: nothing in it matches '%s'",
				       u->select->members[i]);
	}
	return tar_place_end(&u->place, err);
}

/* A reader with the decoders that live in the library; WARN would mean an outside program. */
static struct archive *
make_reader(enum tar_kind kind)
{
	struct archive *a = archive_read_new();
	int r = ARCHIVE_OK;

	if (!a)
		abort();
	r |= archive_read_support_filter_gzip(a);
	r |= archive_read_support_filter_bzip2(a);
	r |= archive_read_support_filter_xz(a);
	r |= archive_read_support_filter_lzma(a);
	r |= archive_read_support_filter_zstd(a);
	if (kind == TAR_RPM) {
		r |= archive_read_support_filter_rpm(a);
		r |= archive_read_support_format_cpio(a);
	} else {
		r |= archive_read_support_format_tar(a);
	}
	if (kind == TAR_ANY) {
		r |= archive_read_support_format_cpio(a);
		r |= archive_read_support_format_zip(a);
	}
	if (r != ARCHIVE_OK)
		abort(); /* a libarchive without the decoders the build demands */
	return a;
}

static const struct tar_select everything;

/* The first bytes of the current entry, at most `most` of them. */
static int
read_head(struct unpack *u, const char *name, size_t most, struct buf *out, struct err *err)
{
	char *to = most ? buf_reserve(out, most) : NULL;

	while (to && out->len < most) {
		la_ssize_t n = archive_read_data(u->a, to, most - out->len);

		if (n < 0)
			return damaged(u->a, name, err);
		if (n == 0)
			break;
		out->len += (size_t)n;
		to += n;
	}
	u->grown += out->len;
	if (to)
		*to = '\0';
	return check_growth(u, err);
}

static int
look_at(struct unpack *u, struct archive_entry *e, const struct tar_visit *visit,
	struct err *err)
{
	CLEANUP(buf_free) struct buf head = BUF_MAX(SIZE_MAX / 2);
	char name[TAR_NAME_MAX];
	bool file;

	if (take_name(u, e, name, err) < 0)
		return -1;
	if (!*name)
		return 0;
	file = !archive_entry_hardlink(e) && archive_entry_filetype(e) == AE_IFREG;
	if (file && read_head(u, name, visit->want(visit->arg, name), &head, err) < 0)
		return -1;
	return visit->take(visit->arg, name, file, buf_text(&head), head.len, err);
}

int
tar_look(int fd, const struct tar_limits *limits, const struct tar_visit *visit,
	 struct err *err)
{
	CLEANUP(charset_leave) struct charset charset = { .plain = (locale_t)0 };
	CLEANUP(reader_free) struct archive *a = make_reader(TAR_ANY);
	struct unpack u = { .a = a,
			    .select = &everything,
			    .limits = limits ? limits : &tar_limits_source };
	struct archive_entry *e;
	int r;

	charset_enter(&charset);
	if (archive_read_open_fd(a, fd, READ_BYTES) != ARCHIVE_OK)
		return damaged(a, "archive", err);
	while ((r = archive_read_next_header(a, &e)) != ARCHIVE_EOF) {
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return damaged(a, "archive", err);
		if (look_at(&u, e, visit, err) < 0)
			return -1;
	}
	return u.entries ? 0 : err_set(err, ERR_INPUT, "archive: nothing is in it");
}

static int
unpack_any(struct unpack *u, int fd, enum tar_kind kind, struct err *err)
{
	CLEANUP(reader_free) struct archive *a = make_reader(kind);
	struct archive_entry *e;
	int filters, r;

	u->a = a;
	if (archive_read_open_fd(a, fd, READ_BYTES) != ARCHIVE_OK)
		return damaged(a, "archive", err);
	if (kind != TAR_RPM)
		return take_all(u, err);
	r = archive_read_next_header(a, &e);
	filters = archive_filter_count(a);
	if (filters < 2 || archive_filter_code(a, filters - 2) != ARCHIVE_FILTER_RPM)
		return err_set(err, ERR_INPUT, "archive: not an RPM package");
	if (r == ARCHIVE_EOF)
		return tar_place_end(&u->place, err);
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return damaged(a, "package", err);
	return take_entry(u, e, err) < 0 ? -1 : take_all(u, err);
}

/* data.tar of a .deb is read through the ar reader. */
struct member {
	struct archive *ar;
	char chunk[READ_BYTES];
};

static la_ssize_t
read_member(struct archive *a, void *arg, const void **data)
{
	struct member *m = arg;
	la_ssize_t n = archive_read_data(m->ar, m->chunk, sizeof(m->chunk));

	if (n < 0)
		archive_set_error(a, EINVAL, "ar member: %s", archive_error_string(m->ar));
	*data = m->chunk;
	return n;
}

static int
unpack_member(struct unpack *u, struct archive *ar, struct err *err)
{
	CLEANUP(reader_free) struct archive *a = make_reader(TAR_DEB);
	CLEANUP(mem_free) struct member *m = mem_alloc(sizeof(*m));
	int rc;

	m->ar = ar;
	u->a = a;
	if (archive_read_open(a, m, NULL, read_member, NULL) != ARCHIVE_OK)
		return damaged(a, "data.tar", err);
	rc = take_all(u, err);
	u->a = NULL;
	return rc;
}

static int
check_version(struct archive *ar, struct err *err)
{
	char text[DEB_VERSION_BYTES + 1] = "";

	if (archive_read_data(ar, text, DEB_VERSION_BYTES) < 0)
		return damaged(ar, "debian-binary", err);
	if (strncmp(text, "2.", 2) != 0)
		return err_set(err, ERR_INPUT, "debian-binary: not version 2");
	return 0;
}

/* One member; the order debian-binary, control.tar*, data.tar* is part of the format. */
static int
take_member(struct unpack *u, struct archive *ar, const char *name, unsigned *at,
	    struct err *err)
{
	static const char *const order[] = { "debian-binary", "control.tar", "data.tar" };
	char shown[64];

	if (*at > 0 && name[0] == '_')
		return 0;
	if (*at >= ARRAY_LEN(order) || strncmp(name, order[*at], strlen(order[*at])) != 0) {
		utf8_show(name, shown, sizeof(shown));
		return err_set(err, ERR_INPUT, "Debian package: unexpected member '%s'", shown);
	}
	switch ((*at)++) {
	case 0:
		return check_version(ar, err);
	case 2:
		return unpack_member(u, ar, err);
	default:
		return 0;
	}
}

static int
unpack_deb(struct unpack *u, int fd, struct err *err)
{
	CLEANUP(reader_free) struct archive *ar = archive_read_new();
	struct archive_entry *e;
	unsigned at = 0;
	int r;

	if (!ar || archive_read_support_format_ar(ar) != ARCHIVE_OK)
		abort();
	if (archive_read_open_fd(ar, fd, READ_BYTES) != ARCHIVE_OK)
		return damaged(ar, "Debian package", err);
	while ((r = archive_read_next_header(ar, &e)) != ARCHIVE_EOF) {
		const char *name = archive_entry_pathname(e);

		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return damaged(ar, "Debian package", err);
		if (take_member(u, ar, name ? name : "", &at, err) < 0)
			return -1;
	}
	if (at < 3)
		return err_set(err, ERR_INPUT, "Debian package: no data.tar in it");
	return 0;
}

int
tar_unpack(int fd, enum tar_kind kind, int dirfd, const struct tar_select *select,
	   const struct tar_limits *limits, int64_t mtime, struct err *err)
{
	CLEANUP(charset_leave) struct charset charset = { .plain = (locale_t)0 };
	CLEANUP(unpack_release)
	struct unpack u = {
		.select = select ? select : &everything,
		.limits = limits ? limits : &tar_limits_source,
	};

	tar_place_init(&u.place, dirfd, mtime);
	u.hits = mem_alloc(u.select->nmembers + 1);
	charset_enter(&charset);
	return kind == TAR_DEB ? unpack_deb(&u, fd, err) : unpack_any(&u, fd, kind, err);
}
