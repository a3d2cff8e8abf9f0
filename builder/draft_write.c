/* SPDX-License-Identifier: Apache-2.0 */
/* The archive into the store, and the recipe into the workspace. */
#include "builder/draft_priv.h"
#include "base/fd.h"
#include "builder/update_priv.h"

static int
take_path(struct cas *store, const char *path, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	uint64_t size;

	if (fd_open(path, O_RDONLY, &fd, err) < 0)
		return -1;
	return cas_put_fd(store, fd, NULL, out, &size, err);
}

int
draft_fetch(struct workspace *w, struct cas *store, const char *from,
	    const struct source_progress *progress, struct digest *out, struct err *err)
{
	const char *slash = strrchr(from, '/');
	const struct source_pin pin = { .name = slash ? slash + 1 : from,
					.locations = &from,
					.nlocations = 1 };

	if (recipe_words_mirror(from))
		return take_path(store, from, out, err);
	return update_fetch(w, store, &pin, progress, out, err);
}

/* Nothing that is there is touched. */
static int
check_free(const struct workspace *w, const char *path, struct err *err)
{
	if (faccessat(w->dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	(void)err_set(err, ERR_INPUT, "%s exists", path);
	return err_hint(err,
			"`kiln new` overwrites nothing: choose another name, or remove it");
}

static int
put_beside(const struct workspace *w, const struct cas *store, const struct digest *archive,
	   const char *path, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;

	if (cas_get_fd(store, archive, &from, err) < 0 ||
	    fd_create(w->dirfd, path, 0644, &to, err) < 0)
		return -1;
	if (fd_copy(from, to, UINT64_MAX, NULL, err) < 0 || fd_close(&to, path, err) < 0) {
		(void)unlinkat(w->dirfd, path, 0);
		return -1;
	}
	return 0;
}

int
draft_write(struct workspace *w, const struct cas *store, const struct digest *archive,
	    const struct draft_wish *wish, const struct draft *d, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *dir = arena_format(&a, "%s/%s", w->place.dir, wish->name);
	const char *beside = arena_format(&a, "%s/%s", dir, wish->file);
	bool is_beside = strncmp(wish->url, "file:", strlen("file:")) == 0;

	if (check_free(w, d->path, err) < 0 || (is_beside && check_free(w, beside, err) < 0) ||
	    fd_mkdirs(w->dirfd, dir, err) < 0)
		return -1;
	if (is_beside && put_beside(w, store, archive, beside, err) < 0)
		return -1;
	if (fd_publish(w->dirfd, d->path, d->text, strlen(d->text), 0644, err) < 0) {
		if (is_beside)
			(void)unlinkat(w->dirfd, beside, 0);
		return -1;
	}
	return 0;
}
