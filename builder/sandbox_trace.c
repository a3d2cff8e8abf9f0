/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files of the environment a build opened: fanotify marks on the directories of its base
 * overlay, open events with the directory's handle and the file's name. The chamber's own root
 * is an overlay over the base, and the kernel opens the base's file underneath (6.5 and newer;
 * an older one tells nothing, and then nothing is known). Marks stay with the base from run to
 * run, and so do the handles of its directories, so an environment is marked and learned once:
 * `marked` holds a byte, and behind it what was learned. Only wardens see it, and two that
 * write it at the same time write the same. The kernel's queue is bounded: when it runs over,
 * what was not heard may have been opened, and "used" is no longer known.
 */
#include "builder/sandbox_priv.h"
#include <fcntl.h>
#include <sys/fanotify.h>

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200 /* only to compare; headers may be older than the kernel */
#endif
#define HANDLE_MAX  128 /* MAX_HANDLE_SZ */
#define EVENTS_SIZE 16384
#define PATH_SIZE   8192
#define LEARNED_AT  64 /* in `marked`, behind the byte */

struct sandbox_trace_dir {
	uint32_t bytes;
	int32_t type;
	unsigned char handle[HANDLE_MAX];
	uint32_t dir; /* of those that are watched */
};
struct learned {
	uint32_t n, ndirs;
	uint32_t known;
};

static char *
name_dir(unsigned group, const char *dir)
{
	return mem_format("%u/%s", group, dir);
}

int
sandbox_trace_open(void)
{
	return fanotify_init(
		FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_NONBLOCK | FAN_CLOEXEC, O_RDONLY);
}

static void
forget(int group)
{
	char events[EVENTS_SIZE];

	while (read(group, events, sizeof(events)) > 0)
		;
}

/* Of a wide environment each group holds some of the directories. */
static bool
mark_dir(const struct sandbox_trace *t, const char *dir)
{
	bool marked = false;

	for (unsigned i = 0; i < t->ngroups; i++) {
		CLEANUP(mem_free) char *path = name_dir(i, dir);

		if (fanotify_mark(t->group,
				  FAN_MARK_ADD | FAN_MARK_ONLYDIR | FAN_MARK_DONT_FOLLOW,
				  FAN_OPEN | FAN_EVENT_ON_CHILD, t->base, path) == 0)
			marked = true;
		else if (errno != ENOENT)
			return false;
	}
	return marked;
}

bool
sandbox_trace_begin(struct sandbox_trace *t, int marked)
{
	char done;

	if (pread(marked, &done, 1, 0) != 1) {
		for (size_t i = 0; i < t->ndirs; i++)
			if (!mark_dir(t, t->dirs[i]))
				return false;
		/* Marked anew next time if this fails: marks do not add up. */
		if (pwrite(marked, "m", 1, 0) < 0)
			return false;
	}
	forget(t->group);
	return true;
}

static int
compare_dirs(const void *a, const void *b)
{
	const struct sandbox_trace_dir *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return memcmp(x->handle, y->handle, x->bytes);
}

static bool
find_handle(const struct sandbox_trace *t, unsigned group, size_t dir,
	    struct sandbox_trace_dir *out)
{
	CLEANUP(mem_free) char *path = name_dir(group, t->dirs[dir]);
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + HANDLE_MAX];
	} u = { .h.handle_bytes = HANDLE_MAX };
	int mount;

	if (name_to_handle_at(t->base, path, &u.h, &mount, AT_HANDLE_FID) < 0)
		return false;
	*out = (struct sandbox_trace_dir){ .bytes = u.h.handle_bytes,
					   .type = u.h.handle_type,
					   .dir = (uint32_t)dir };
	memcpy(out->handle, u.h.f_handle, u.h.handle_bytes);
	return true;
}

static bool
read_whole(int fd, void *out, size_t n, off_t at)
{
	return pread(fd, out, n, at) == (ssize_t)n;
}

/* From an earlier run on this base. */
static bool
recall(struct sandbox_trace *t, int marked)
{
	struct learned l;
	size_t bytes;

	if (!read_whole(marked, &l, sizeof(l), LEARNED_AT) || l.ndirs != t->ndirs ||
	    l.n > t->ndirs * t->ngroups)
		return false;
	bytes = l.n * sizeof(*t->at);
	if (!read_whole(marked, t->at, bytes, LEARNED_AT + (off_t)sizeof(l)))
		return false;
	t->n = l.n;
	t->known = l.known != 0;
	return true;
}

/* What it counts is there before the count. If it cannot be kept, the next run learns anew. */
static void
keep(const struct sandbox_trace *t, int marked)
{
	struct learned l = { .n = (uint32_t)t->n,
			     .ndirs = (uint32_t)t->ndirs,
			     .known = t->known };
	size_t bytes = t->n * sizeof(*t->at);

	if (pwrite(marked, t->at, bytes, LEARNED_AT + (off_t)sizeof(l)) == (ssize_t)bytes)
		(void)!pwrite(marked, &l, sizeof(l), LEARNED_AT);
}

void
sandbox_trace_learn(struct sandbox_trace *t, int marked)
{
	t->known = true;
	t->at = mem_resize(NULL, t->ndirs * t->ngroups + 1, sizeof(*t->at));
	if (recall(t, marked))
		return;
	for (size_t i = 0; i < t->ndirs; i++) {
		size_t before = t->n;

		for (unsigned g = 0; g < t->ngroups; g++)
			if (find_handle(t, g, i, &t->at[t->n]))
				t->n++;
		t->known &= t->n > before;
	}
	qsort(t->at, t->n, sizeof(*t->at), compare_dirs);
	if (t->known)
		keep(t, marked);
}

static const struct sandbox_trace_dir *
find_dir(const struct sandbox_trace *t, const struct file_handle *h)
{
	struct sandbox_trace_dir key = { .bytes = h->handle_bytes, .type = h->handle_type };

	if (h->handle_bytes > HANDLE_MAX)
		return NULL;
	memcpy(key.handle, h->f_handle, h->handle_bytes);
	return bsearch(&key, t->at, t->n, sizeof(*t->at), compare_dirs);
}

static void
take_event(struct sandbox_trace *t, const struct fanotify_event_metadata *e)
{
	const char *after = (const char *)e + e->metadata_len;
	struct fanotify_event_info_fid info;
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + HANDLE_MAX];
	} u;
	const struct sandbox_trace_dir *at;
	const char *dir;
	char path[PATH_SIZE];

	if (e->mask & FAN_Q_OVERFLOW) {
		t->known = false;
		return;
	}
	memcpy(&info, after, sizeof(info));
	if (info.hdr.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME)
		return;
	after += sizeof(info);
	memcpy(&u.h, after, sizeof(u.h));
	if (u.h.handle_bytes > HANDLE_MAX)
		return;
	memcpy(u.bytes, after, sizeof(u.h) + u.h.handle_bytes);
	at = find_dir(t, &u.h);
	if (!at || at->dir >= t->ndirs)
		return;
	dir = t->dirs[at->dir];
	(void)snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "",
		       after + sizeof(u.h) + u.h.handle_bytes);
	if (t->used.n < SANDBOX_MAX_USED)
		dict_set(&t->used, path, NULL);
	else if (!dict_has(&t->used, path))
		t->known = false;
}

void
sandbox_trace_read(struct sandbox_trace *t)
{
	_Alignas(struct fanotify_event_metadata) char events[EVENTS_SIZE];
	ssize_t n;

	while (t->group >= 0 && (n = read(t->group, events, sizeof(events))) > 0) {
		const struct fanotify_event_metadata *e = (const void *)events;

		for (; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n))
			take_event(t, e);
	}
}

void
sandbox_trace_free(struct sandbox_trace *t)
{
	free(t->at);
	t->at = NULL;
	t->n = 0;
	dict_release(&t->used);
}

static void
add_parent(struct arena *a, struct dict *dirs, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	(void)dict_add(dirs, arena_strndup(a, path, n), NULL);
}

void
sandbox_trace_dirs(struct arena *a, const struct manifest *const *manifests, size_t n,
		   const char *const **out, size_t *nout)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	CLEANUP(dict_release) struct dict dirs = { 0 };
	const char **list;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < manifests[i]->n; j++)
			if (manifests[i]->at[j].type == MANIFEST_FILE)
				add_parent(&scratch, &dirs, manifests[i]->at[j].path);
	list = arena_array(a, dirs.n, sizeof(*list));
	for (size_t i = 0; i < dirs.n; i++) {
		void *none;

		list[i] = arena_strdup(a, dict_at(&dirs, i, &none));
	}
	*out = list;
	*nout = dirs.n;
}
