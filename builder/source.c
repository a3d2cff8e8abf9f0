/* SPDX-License-Identifier: Apache-2.0 */
/* Pinned files brought into the store: where they may be, in which order, and what went wrong.
 */
#include "builder/source_priv.h"
#include "base/fd.h"

#define REASONS_MAX                                                                            \
	((size_t)1400) /* leaves room for the file's name and the remedy in an err */

static bool
begins(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* "debian:pool/x": the word before the colon when it names an archive, else NULL. */
static const char *
archive_of(struct arena *a, const char *location)
{
	static const char *const archives[] = { "debian", "debian-security", "debian-snapshot",
						"debian-security-snapshot" };
	const char *colon = strchr(location, ':');
	size_t n = colon ? (size_t)(colon - location) : 0;

	for (size_t i = 0; i < ARRAY_LEN(archives); i++)
		if (n == strlen(archives[i]) && !strncmp(location, archives[i], n))
			return arena_strndup(a, location, n);
	return NULL;
}

static bool
is_known(const char *const *list, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], s))
			return true;
	return false;
}

/* An archive that kiln.yaml maps is looked for there and nowhere else. */
static size_t
mirrors_of(struct arena *a, const struct workspace *w, const char *archive, const char *path,
	   const char **urls)
{
	size_t n = 0;

	for (size_t i = 0; i < w->nmirrors; i++)
		if (!strcmp(w->mirrors[i].prefix, archive))
			urls[n++] = arena_format(a, "%s/%s", w->mirrors[i].base, path);
	return n;
}

static int
resolve_archive(struct arena *a, const struct workspace *w, const char *archive,
		const char *path, const char ***urls, size_t *n, struct err *err)
{
	const struct source_index *indexes;
	size_t nindexes;

	*urls = arena_array(a, w->nmirrors + 1, sizeof(**urls));
	*n = mirrors_of(a, w, archive, path, *urls);
	if (*n)
		return 0;
	if (strstr(archive, "snapshot")) {
		(void)err_set(err, ERR_FETCH, "kiln.yaml maps no mirror to %s", archive);
		err->sys = ENOENT;
		return -1;
	}
	if (source_apt_indexes(&indexes, &nindexes, err) < 0)
		return -1;
	*urls = arena_array(a, nindexes, sizeof(**urls));
	for (size_t i = 0; i < nindexes; i++) {
		const char *url = arena_format(a, "%s/%s", indexes[i].base, path);

		if (!strcmp(indexes[i].archive, archive) && !is_known(*urls, *n, url))
			(*urls)[(*n)++] = url;
	}
	if (*n)
		return 0;
	(void)err_set(err, ERR_FETCH, "this machine's apt reads no archive %s", archive);
	return err_hint(err, "name one under mirrors: in kiln.yaml");
}

int
source_resolve(struct arena *a, const struct workspace *w, const char *location,
	       const char ***urls, size_t *n, struct err *err)
{
	const char *archive = archive_of(a, location);

	if (archive)
		return resolve_archive(a, w, archive, location + strlen(archive) + 1, urls, n,
				       err);
	*urls = arena_array(a, 1, sizeof(**urls));
	(*urls)[0] = arena_strdup(a, location);
	*n = 1;
	return 0;
}

int
source_pin_of(struct arena *a, const struct recipe *r, const struct recipe_source *s,
	      struct source_pin *out, struct err *err)
{
	const char **locations = arena_array(a, s->nmirrors + 1, sizeof(*locations));
	bool beside = begins(s->url, "file:");

	if (beside && s->url[strlen("file:")] == '/')
		return err_set(err, ERR_INPUT, "%s:%d:%d: '%s' is not beside the recipe",
			       r->path, s->line, s->col, s->url);
	for (size_t i = 0; i < s->nmirrors; i++)
		locations[i] = s->mirrors[i];
	/* "file:" without a slash counts from the workspace. */
	locations[s->nmirrors] =
		beside ? arena_format(a, "file:%s/%s", r->dir, s->url + strlen("file:"))
		       : s->url;
	*out = (struct source_pin){ .name = s->filename,
				    .locations = locations,
				    .nlocations = s->nmirrors + 1,
				    .sha256 = s->sha256,
				    .where = arena_format(a, "%s:%d:%d", r->path, s->line,
							  s->col) };
	return 0;
}

/* One attempt to bring a pin: what it needs, and what came of the places tried so far. */
struct attempt {
	struct workspace *w;
	struct cas *store;
	const struct source_pin *pin;
	const struct source_progress *progress;
	int fd; /* scratch file */
	struct buf reasons;
	bool reached;    /* some place failed otherwise than by not having the file */
	struct err full; /* our own disk: no other place can help */
};

static void
note_reason(struct attempt *t, const char *location, const struct err *why)
{
	size_t line =
		strcspn(why->text, "\n"); /* remedies of single places would drown the list */

	if (why->sys == ENOSPC || why->sys == EDQUOT)
		t->full = *why;
	t->reached = t->reached || why->sys != ENOENT;
	buf_add_format(&t->reasons, "\n  %s: %.*s", location, (int)line, why->text);
}

/* The store's own check decides; this one makes the message that a person can act on. */
static int
keep(struct attempt *t, int fd, struct err *err)
{
	char want[DIGEST_HEX], have[DIGEST_HEX];
	struct digest found;
	uint64_t size;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", t->pin->name);
	if (digest_fd(fd, &found, &size, err) < 0)
		return -1;
	if (!digest_equal(&found, &t->pin->sha256)) {
		digest_hex(&found, have);
		digest_hex(&t->pin->sha256, want);
		return err_set(err, ERR_FETCH, "has sha256 %s, but %s is pinned", have, want);
	}
	if (t->pin->size && size != t->pin->size)
		return err_set(err, ERR_FETCH, "has %llu bytes, but %llu are pinned",
			       (unsigned long long)size, (unsigned long long)t->pin->size);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", t->pin->name);
	return cas_put_fd(t->store, fd, &t->pin->sha256, &found, &size, err);
}

static int
take_beside(struct attempt *t, const char *path, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_beneath(t->w->dirfd, path, O_RDONLY, &fd, err) < 0)
		return -1;
	return keep(t, fd, err);
}

static int
take_url(struct attempt *t, const char *url, struct err *err)
{
	const struct source_download d = { .url = url,
					   .name = t->pin->name,
					   .fd = t->fd,
					   .max = t->pin->size ? t->pin->size
							       : SOURCE_MAX_BYTES,
					   .progress = t->progress };

	if (source_curl_download(&d, err) < 0)
		return -1;
	return keep(t, t->fd, err);
}

static bool
take_location(struct attempt *t, struct arena *a, const char *location)
{
	const char **urls;
	struct err why;
	size_t n;

	if (begins(location, "file:") && location[strlen("file:")] != '/') {
		if (take_beside(t, location + strlen("file:"), &why) == 0)
			return true;
		note_reason(t, location, &why);
		return false;
	}
	if (source_resolve(a, t->w, location, &urls, &n, &why) < 0) {
		note_reason(t, location, &why);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (take_url(t, urls[i], &why) == 0)
			return true;
		note_reason(t, location, &why);
	}
	return false;
}

static int
give_up(struct attempt *t, struct err *err)
{
	const struct source_pin *pin = t->pin;

	if (t->progress && t->progress->stop && *t->progress->stop)
		return err_set(err, ERR_INTERRUPTED, "stopped; what was finished is kept");
	if (t->full.code != ERR_NONE) {
		*err = t->full;
		return err_wrap(err, "%s: cannot keep %s", pin->where, pin->name);
	}
	(void)err_set(err, ERR_FETCH, "%s: cannot fetch %s%s", pin->where, pin->name,
		      buf_text(&t->reasons));
	err->sys = t->reached ? 0 : ENOENT;
	if (begins(pin->where, "bootstrap/"))
		return err_hint(
			err,
			"if the archive no longer has it, run `kiln seed lock --update` and "
			"commit bootstrap/seed.lock");
	return err_hint(
		err, "check the address and the digest in the recipe, or add a place that has "
		     "the file to `mirrors`");
}

static int
bring(struct attempt *t, struct err *err)
{
	struct arena a = { 0 };
	bool done = false;

	for (size_t i = 0; i < t->pin->nlocations && !done && !t->full.code; i++)
		done = take_location(t, &a, t->pin->locations[i]);
	arena_release(&a);
	return done ? 0 : give_up(t, err);
}

/* A scratch file in the store's tmp/, gone with its directory. */
static int
with_scratch(struct attempt *t, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char dir[64], path[80];
	int rc;

	if (cas_tmp_dir(t->store, dir, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "tmp/%s/x", dir);
	rc = fd_open_beneath(cas_dirfd(t->store), path, O_CREAT | O_EXCL | O_RDWR, &fd, err);
	t->fd = fd;
	if (rc == 0)
		rc = bring(t, err);
	cas_tmp_drop(t->store, dir);
	return rc;
}

int
source_fetch(struct workspace *w, struct cas *store, const struct source_pin *pin,
	     const struct source_progress *progress, bool *fetched, struct err *err)
{
	struct attempt t = { .w = w,
			     .store = store,
			     .pin = pin,
			     .progress = progress,
			     .fd = -1,
			     .reasons = BUF_MAX(REASONS_MAX) };
	uint64_t size = 0;
	int rc;

	*fetched = false;
	if (cas_keep(store, &pin->sha256))
		return 0;
	rc = with_scratch(&t, err);
	buf_free(&t.reasons);
	if (rc < 0 || cas_size(store, &pin->sha256, &size, err) < 0)
		return -1;
	*fetched = true;
	if (progress && progress->update)
		progress->update(progress->arg, pin->name, size, size);
	return 0;
}

int
source_get(const char *url, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct source_download d = { .url = url, .name = url, .max = out->max };

	if (fd_memory("download", &fd, err) < 0)
		return -1;
	d.fd = fd;
	if (source_curl_download(&d, err) < 0)
		return err_wrap(err, "%s", url);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", url);
	return fd_read_all(fd, out, err);
}
