/* SPDX-License-Identifier: Apache-2.0 */
/* A file whose digest nobody knows yet: from the first place that has it, through the same
 * child process as every other download. */
#include "base/fd.h"
#include "builder/recipe_priv.h"
#include "builder/update_priv.h"

#define REASONS_MAX ((size_t)1400)
#define HEAD_BYTES  264

struct bringing {
	struct workspace *w;
	struct cas *store;
	const struct source_pin *pin;
	const struct source_progress *progress;
	int fd;
	struct buf reasons;
};

/* Servers answer with a page where a file should be; what no archive begins like is none. */
static int
check_kind(const char *name, int fd, struct err *err)
{
	static const struct {
		const char *suffix, *magic;
		size_t at, n;
	} kinds[] = {
		{ ".gz", "\x1f\x8b", 0, 2 },
		{ ".tgz", "\x1f\x8b", 0, 2 },
		{ ".bz2", "BZh", 0, 3 },
		{ ".tbz", "BZh", 0, 3 },
		{ ".tbz2", "BZh", 0, 3 },
		{ ".xz",
		  "\xfd"
		  "7zXZ",
		  0, 5 },
		{ ".txz",
		  "\xfd"
		  "7zXZ",
		  0, 5 },
		{ ".zst", "\x28\xb5\x2f\xfd", 0, 4 },
		{ ".tzst", "\x28\xb5\x2f\xfd", 0, 4 },
		{ ".lz", "LZIP", 0, 4 },
		{ ".zip", "PK", 0, 2 },
		{ ".tar", "ustar", 257, 5 },
	};
	char head[HEAD_BYTES];
	ssize_t got = pread(fd, head, sizeof(head), 0);
	size_t len = strlen(name);

	if (got < 0)
		return err_sys(err, "%s", name);
	if (got == 0)
		return err_set(err, ERR_FETCH, "is empty");
	for (size_t i = 0; i < ARRAY_LEN(kinds) && recipe_words_is_archive(name); i++) {
		size_t n = strlen(kinds[i].suffix);

		if (len <= n || strcmp(name + len - n, kinds[i].suffix) != 0)
			continue;
		if ((size_t)got < kinds[i].at + kinds[i].n ||
		    memcmp(head + kinds[i].at, kinds[i].magic, kinds[i].n) != 0)
			return err_set(err, ERR_FETCH, "is not what its name says");
		break;
	}
	return 0;
}

static int
keep(struct bringing *b, int fd, struct digest *out, struct err *err)
{
	uint64_t size;

	if (check_kind(b->pin->name, fd, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", b->pin->name);
	return cas_put_fd(b->store, fd, NULL, out, &size, err);
}

static int
take_beside(struct bringing *b, const char *path, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_beneath(b->w->dirfd, path, O_RDONLY, &fd, err) < 0)
		return -1;
	return keep(b, fd, out, err);
}

static int
take_url(struct bringing *b, const char *url, struct digest *out, struct err *err)
{
	const struct source_download d = { .url = url,
					   .name = b->pin->name,
					   .fd = b->fd,
					   .max = SOURCE_MAX_BYTES,
					   .progress = b->progress };

	if (source_curl_download(&d, err) < 0)
		return -1;
	return keep(b, b->fd, out, err);
}

static int
take_location(struct bringing *b, struct arena *a, const char *location, struct digest *out,
	      struct err *err)
{
	const char **urls;
	size_t n;
	int rc = -1;

	if (!strncmp(location, "file:", 5) && location[5] != '/')
		return take_beside(b, location + 5, out, err);
	if (source_resolve(a, b->w, location, &urls, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc < 0; i++)
		rc = take_url(b, urls[i], out, err);
	return rc;
}

static int
take_any(struct bringing *b, struct digest *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	for (size_t i = 0; i < b->pin->nlocations; i++) {
		const char *location = b->pin->locations[i];

		if (take_location(b, &a, location, out, err) == 0)
			return 0;
		if (err->code == ERR_INTERRUPTED || err->sys == ENOSPC)
			return -1;
		buf_add_format(&b->reasons, "\n  %s: %.*s", location,
			       (int)strcspn(err->text, "\n"), err->text);
	}
	return err_set(err, ERR_FETCH, "cannot fetch %s%s", b->pin->name,
		       buf_text(&b->reasons));
}

int
update_fetch(struct workspace *w, struct cas *store, const struct source_pin *pin,
	     const struct source_progress *progress, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct bringing b = { .w = w,
			      .store = store,
			      .pin = pin,
			      .progress = progress,
			      .reasons = BUF_MAX(REASONS_MAX) };
	char dir[64], path[80];
	int rc;

	if (cas_tmp_dir(store, dir, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "tmp/%s/x", dir);
	rc = fd_open_beneath(cas_dirfd(store), path, O_CREAT | O_EXCL | O_RDWR, &fd, err);
	b.fd = fd;
	if (rc == 0)
		rc = take_any(&b, out, err);
	cas_tmp_drop(store, dir);
	buf_free(&b.reasons);
	return rc;
}
