/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and reading kiln.yaml, and what a new workspace starts with. */
#include "builder/workspace.h"
#include "builder/lock.h"
#include "builder/workspace_priv.h"
#include "base/clock.h"
#include "base/fd.h"
#include <sys/statvfs.h>

#define WORKSPACE_MAX_BYTES ((size_t)64 * 1024)
#define WORKSPACE_MAX_ABOVE 64
#define WORKSPACE_PATH_MAX  4096
#define MEMINFO_MAX_BYTES   ((size_t)64 * 1024)
/* 2026-01-01: when neither a recipe nor kiln.yaml says otherwise. */
#define WORKSPACE_EPOCH 1767225600

static const char *const prefixes[] = { "debian",          "debian-security",
					"debian-snapshot", "debian-security-snapshot",
					"github",          "gitlab" };

static const char *
wrong_builder(const char *s)
{
	return !strncmp(s, "https://", 8) && s[8] ? NULL
						  : "an address that begins with https://";
}

/* Stock verifiers compare it with the host of the log's address. */
static const char *
wrong_log(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-");

	return *s != '.' && *s != '-' && n <= 200 && !s[n]
		       ? NULL
		       : "a host name such as log.example.org";
}

static bool
is_prefix(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (!strcmp(prefixes[i], s))
			return true;
	return false;
}

/* The base as a URL without a slash at its end: file:/x and https://x; NULL when it is neither.
 */
static const char *
mirror_base(struct arena *a, const char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == '/')
		len--;
	if (!strncmp(text, "file:/", 6) && strncmp(text, "file://", 7) != 0)
		return arena_format(a, "file://%.*s", (int)len - 5, text + 5);
	if (!recipe_words_homepage(text) || !strncmp(text, "file:///", 8))
		return arena_strndup(a, text, len);
	return NULL;
}

static int
read_mirrors(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	struct workspace_mirror *list;

	if (v->doc->kind != DOC_MAP)
		return recipe_read_wrong(r, v, "a map of text", err);
	list = arena_array(r->a, v->doc->n, sizeof(*list));
	for (size_t i = 0; i < v->doc->n; i++) {
		const struct doc_item *item = &v->doc->items[i];
		struct doc at = { .line = item->key_line, .col = item->key_col };
		const char *base = item->value->kind == DOC_TEXT
					   ? mirror_base(r->a, item->value->text)
					   : NULL;

		if (!is_prefix(item->key))
			return doc_error(
				&at, r->path, err,
				"'%s' is no archive; those are debian, debian-security, "
				"debian-snapshot, debian-security-snapshot, github and "
				"gitlab",
				recipe_read_shown(r->a, item->key));
		if (!base)
			return doc_error(item->value, r->path, err,
					 "'%s' must be an address: https://... or file:/path",
					 item->key);
		list[i] = (struct workspace_mirror){ .prefix = item->key, .base = base };
	}
	recipe_read_set_list(v, list, v->doc->n);
	return 0;
}

static int
read_span(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	int64_t seconds;

	if (v->doc->kind != DOC_TEXT || !clock_span(v->doc->text, &seconds) || seconds < 1)
		return recipe_read_wrong(r, v, "a span of time such as 12h, 14d or 2w", err);
	memcpy((char *)v->base + v->field->at, &seconds, sizeof(seconds));
	return 0;
}

/* Names of ecosystems are OSV's: letters, digits, blanks and dots. */
static const char *
wrong_ecosystem(const char *s)
{
	const char *colon = strchr(s, ':');

	return colon && colon > s && colon[1] && strlen(s) <= 100
		       ? NULL
		       : "an ecosystem and its release, such as Debian:12";
}

static const struct recipe_field advisory_fields[] = {
	{ .name = "from",
	  .read = recipe_read_text,
	  .at = offsetof(struct workspace, advisories.from),
	  .flags = RECIPE_REQUIRED },
	{ .name = "releases",
	  .read = recipe_read_texts,
	  .wrong = wrong_ecosystem,
	  .at = offsetof(struct workspace, advisories.releases),
	  .count = offsetof(struct workspace, advisories.nreleases) },
};
static const struct recipe_table advisory_table = { .path = "advisories",
						    .fields = advisory_fields,
						    .n = ARRAY_LEN(advisory_fields),
						    .line = RECIPE_NOWHERE,
						    .col = RECIPE_NOWHERE };

static const struct recipe_field fields[] = {
	{ .name = "format",
	  .read = recipe_read_format,
	  .at = RECIPE_NOWHERE,
	  .flags = RECIPE_REQUIRED,
	  .summary = "version of this format: 1" },
	{ .name = "name",
	  .read = recipe_read_text,
	  .at = offsetof(struct workspace, name),
	  .flags = RECIPE_REQUIRED,
	  .summary = "the distribution's name, such as \"Kiln Linux\"" },
	{ .name = "id",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  .at = offsetof(struct workspace, id),
	  .flags = RECIPE_REQUIRED,
	  .summary = "the distribution's ID in os-release, such as kiln" },
	{ .name = "version",
	  .read = recipe_read_text,
	  .wrong = recipe_words_version,
	  .at = offsetof(struct workspace, version),
	  .flags = RECIPE_REQUIRED,
	  .summary = "the distribution's VERSION_ID in os-release" },
	{ .name = "vendor",
	  .read = recipe_read_text,
	  .at = offsetof(struct workspace, vendor) },
	{ .name = "builder",
	  .read = recipe_read_text,
	  .wrong = wrong_builder,
	  .at = offsetof(struct workspace, builder_id),
	  .flags = RECIPE_REQUIRED,
	  .summary = "address that names this builder in provenance" },
	{ .name = "repository",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct workspace, repository) },
	{ .name = "log",
	  .read = recipe_read_text,
	  .wrong = wrong_log,
	  .at = offsetof(struct workspace, log),
	  .summary = "host name that the transparency log signs under" },
	{ .name = "ground",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct workspace, ground) },
	{ .name = "metadata_expires",
	  .read = read_span,
	  .at = offsetof(struct workspace, metadata_expires),
	  .summary =
		  "how long signatures of metadata last, such as 14d; signed with the time of day" },
	{ .name = "keyring",
	  .read = recipe_read_bool,
	  .at = offsetof(struct workspace, keyring),
	  .summary = "publish the public keys as the package REPOSITORY-keyring" },
	{ .name = "epoch", .read = recipe_read_date, .at = offsetof(struct workspace, epoch) },
	{ .name = "audit",
	  .read = recipe_read_strict,
	  .at = offsetof(struct workspace, strict) },
	{ .name = "mirrors",
	  .read = read_mirrors,
	  .at = offsetof(struct workspace, mirrors),
	  .count = offsetof(struct workspace, nmirrors) },
	{ .name = "ca", .read = recipe_read_text, .at = offsetof(struct workspace, ca) },
	{ .name = "cache",
	  .read = workspace_cache_read,
	  .at = offsetof(struct workspace, cache) },
	{ .name = "store",
	  .read = workspace_store_read,
	  .at = offsetof(struct workspace, store) },
	{ .name = "advisories", .sub = &advisory_table, .at = RECIPE_NOWHERE },
};
static const struct recipe_table table = { .path = "",
					   .fields = fields,
					   .n = ARRAY_LEN(fields),
					   .line = RECIPE_NOWHERE,
					   .col = RECIPE_NOWHERE };

static int
parse(struct arena *a, const struct buf *text, const char *path, struct workspace *w,
      struct err *err)
{
	struct recipe_reader reader = { .a = a, .path = path, .other = true };
	struct doc *root;

	if (doc_parse(a, buf_text(text), text->len, path, &root, err) < 0)
		return -1;
	if (root->kind != DOC_MAP)
		return doc_error(root, path, err, "a workspace's description is a map of keys");
	w->epoch = WORKSPACE_EPOCH;
	if (recipe_table_read(&reader, &table, root, w, err) < 0)
		return -1;
	w->vendor = w->vendor ? w->vendor : w->name;
	w->repository = w->repository ? w->repository : w->id;
	return 0;
}

static bool
has_description(int dirfd)
{
	struct stat st;

	return fstatat(dirfd, "kiln.yaml", &st, 0) == 0;
}

static bool
is_same_dir(int x, int y)
{
	struct stat a, b;

	return fstat(x, &a) == 0 && fstat(y, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Opens the nearest directory from start upwards that has a kiln.yaml. */
static int
find(struct arena *a, const char *start, const char **path, int *dirfd, struct err *err)
{
	CLEANUP(fd_close) int below = -1;
	const char *at = start;

	for (int i = 0; i < WORKSPACE_MAX_ABOVE; i++) {
		CLEANUP(fd_close) int fd = -1;

		if (fd_open(at, O_RDONLY | O_DIRECTORY, &fd, err) < 0)
			return -1;
		if (has_description(fd)) {
			*path = at;
			*dirfd = STEAL_FD(fd);
			return 0;
		}
		if (below >= 0 && is_same_dir(fd, below))
			break; /* the root is above itself */
		if (below >= 0)
			(void)close(below);
		below = STEAL_FD(fd);
		at = strcmp(at, ".") ? arena_format(a, "%s/..", at) : "..";
	}
	(void)err_set(err, ERR_INPUT, "no kiln.yaml in '%s' or above", start);
	return err_hint(err, "`kiln init` makes a workspace");
}

static const char *
below(struct arena *a, const char *path, const char *name)
{
	return strcmp(path, ".") ? arena_format(a, "%s/%s", path, name) : arena_strdup(a, name);
}

int
workspace_open(struct arena *a, const char *start, const char *store_env, const char *keys_env,
	       struct workspace *out, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(buf_free) struct buf text = BUF_MAX(WORKSPACE_MAX_BYTES);
	struct workspace w = { 0 };

	if (strlen(start) > WORKSPACE_PATH_MAX)
		return err_set(err, ERR_LIMIT, "the workspace's path is too long");
	if (find(a, arena_strdup(a, start), &w.path, &dirfd, err) < 0 ||
	    fd_read_file(dirfd, "kiln.yaml", &text, err) < 0 ||
	    parse(a, &text, "kiln.yaml", &w, err) < 0)
		return -1;
	if (!w.log)
		w.log = arena_format(a, "log.%s.invalid", w.id);
	w.dirfd = STEAL_FD(dirfd);
	w.lock = LOCK_FILE;
	w.suffix = "";
	w.place = (struct recipe_place){ .dirfd = w.dirfd, .dir = "recipes", .epoch = w.epoch };
	workspace_cache_place(a, &w);
	w.store_path = store_env && *store_env ? arena_strdup(a, store_env)
					       : below(a, w.path, ".kiln/store");
	w.keys_path = keys_env && *keys_env ? arena_strdup(a, keys_env)
					    : below(a, w.path, ".kiln/keys");
	*out = w;
	return 0;
}

const char *
workspace_note(struct arena *a, const struct workspace *w, const char *recipe)
{
	return *w->suffix ? arena_format(a, "%s@%s", recipe, w->suffix + 1) : recipe;
}

void
workspace_close(struct workspace *w)
{
	if (w->dirfd >= 0)
		(void)close(w->dirfd);
	w->dirfd = -1;
}

/* Free bytes of the file system that path is or will be on. */
static int
room_at(const struct workspace *w, uint64_t *bytes, struct err *err)
{
	struct arena a = { 0 };
	char *path = arena_strdup(&a, w->store_path);
	struct statvfs vfs;
	int rc = statvfs(path, &vfs);

	while (rc < 0 && errno == ENOENT && strrchr(path, '/') > path) {
		*strrchr(path, '/') = '\0';
		rc = statvfs(path, &vfs);
	}
	arena_release(&a);
	if (rc < 0)
		rc = fstatvfs(w->dirfd, &vfs);
	if (rc < 0)
		return err_sys(err, "%s", w->store_path);
	*bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return 0;
}

int
workspace_room(const struct workspace *w, uint64_t *disk, uint64_t *memory, struct err *err)
{
	static const char word[] = "MemAvailable:";
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(buf_free) struct buf text = BUF_MAX(MEMINFO_MAX_BYTES);
	const char *line;

	if (room_at(w, disk, err) < 0 || fd_open("/proc/meminfo", O_RDONLY, &fd, err) < 0 ||
	    fd_read_all(fd, &text, err) < 0)
		return -1;
	line = strstr(buf_text(&text), word);
	if (!line)
		return err_set(err, ERR_IO, "/proc/meminfo does not say %s", word);
	*memory = strtoull(line + strlen(word), NULL, 10) * 1024;
	return 0;
}
