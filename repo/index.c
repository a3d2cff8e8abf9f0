/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/index.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/tree.h"
#include <sqlite3.h>

#define INDEX_VERSION 1
#define BUSY_MS       2000
#define RACY_S        2 /* a directory that changed so lately may change again unseen */
#define REF_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define PATH_ROOM     4096
#define STAMP_MAX     64
#define KEY_WORDS     "0123456789abcdef"

struct index {
	struct cas *store;
	index_read_fn *read;
	sqlite3 *db;
};

/* What sqlite_schema says of an index of ours, in this order. Another one is not looked into.
 */
static const char *const schema[] = {
	"CREATE TABLE stamp(kind TEXT PRIMARY KEY, at TEXT) WITHOUT ROWID",
	"CREATE TABLE ref(kind TEXT, name TEXT, ino INT, size INT, born INT, key TEXT,"
	" PRIMARY KEY(kind, name)) WITHOUT ROWID",
	"CREATE TABLE result(key TEXT PRIMARY KEY, recipe TEXT, duration_ms INT, peak_bytes INT,"
	" cpu_ms INT, log TEXT) WITHOUT ROWID",
	"CREATE TABLE package(key TEXT, nevra TEXT, name TEXT, file TEXT, header TEXT, bytes INT,"
	" PRIMARY KEY(key, nevra)) WITHOUT ROWID",
	"CREATE INDEX package_file ON package(file)",
	"CREATE INDEX package_header ON package(header)",
	"CREATE INDEX package_name ON package(name)",
	"CREATE INDEX result_recipe ON result(recipe)",
};
/* Kinds of references: results, and the roots that name one. */
static const char *const kinds[] = { "action", "last", "pin" };

static void
index_statement_free(sqlite3_stmt *s)
{
	(void)sqlite3_finalize(s);
}
DEFINE_CLEANUP(sqlite3_stmt *, index_statement_free);

static int
fault(struct index *x, struct err *err)
{
	return err_set(err, ERR_IO, "store %s: index: %s", cas_path(x->store),
		       sqlite3_errmsg(x->db));
}

static int
execute(struct index *x, const char *sql, struct err *err)
{
	return sqlite3_exec(x->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fault(x, err);
}

static int
prepare(struct index *x, const char *sql, sqlite3_stmt **out, struct err *err)
{
	return sqlite3_prepare_v2(x->db, sql, -1, out, NULL) == SQLITE_OK ? 0 : fault(x, err);
}

static void
bind_text(sqlite3_stmt *s, int at, const char *text)
{
	(void)sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

static void
bind_digest(sqlite3_stmt *s, int at, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	bind_text(s, at, hex);
}

static const char *
column(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text ? text : "";
}

/* One step; *row: there is one. */
static int
step(struct index *x, sqlite3_stmt *s, bool *row, struct err *err)
{
	int rc = sqlite3_step(s);

	*row = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : fault(x, err);
}

static int
finish(struct index *x, sqlite3_stmt *s, struct err *err)
{
	bool row;
	int rc = step(x, s, &row, err);

	(void)sqlite3_reset(s);
	return rc;
}

/* ---- bringing it up to date ---- */

struct seen {
	int64_t ino, size, born;
};

/* A reference is only ever replaced by another file; marks of use change its times, not its
 * birth. Where there is none a mark costs reading it again. */
static int
look(struct index *x, const char *path, struct seen *out, struct err *err)
{
	struct statx st;

	if (statx(cas_dirfd(x->store), path, AT_SYMLINK_NOFOLLOW,
		  STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return err_sys(err, "%s", path);
	*out = (struct seen){ .ino = (int64_t)st.stx_ino, .size = (int64_t)st.stx_size };
	if (!(st.stx_mask & STATX_BTIME))
		st.stx_btime = st.stx_mtime;
	out->born = st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
	return 0;
}

/* The state of a directory of references; "" when it may change unseen. */
static int
look_dir(struct index *x, const char *kind, char out[STAMP_MAX], struct err *err)
{
	char path[PATH_ROOM];
	struct stat st;

	(void)snprintf(path, sizeof(path), "refs/%s", kind);
	(void)snprintf(out, STAMP_MAX, "none");
	if (fstatat(cas_dirfd(x->store), path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s", path);
	if (st.st_mtime > clock_wall() - RACY_S)
		out[0] = '\0';
	else
		(void)snprintf(out, STAMP_MAX, "%llu %lld.%09ld", (unsigned long long)st.st_ino,
			       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return 0;
}

static int
stamp_of(struct index *x, const char *kind, char out[STAMP_MAX], struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	bool row;

	out[0] = '\0';
	if (prepare(x, "SELECT at FROM stamp WHERE kind=?", &s, err) < 0)
		return -1;
	bind_text(s, 1, kind);
	if (step(x, s, &row, err) < 0)
		return -1;
	if (row)
		(void)snprintf(out, STAMP_MAX, "%s", column(s, 0));
	return 0;
}

static int
forget(struct index *x, const char *kind, const char *name, struct err *err)
{
	static const char *const from[] = { "DELETE FROM ref WHERE name=? AND kind=?",
					    "DELETE FROM package WHERE key=? AND ?='action'",
					    "DELETE FROM result WHERE key=? AND ?='action'" };

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;

		if (prepare(x, from[i], &s, err) < 0)
			return -1;
		bind_text(s, 1, name);
		bind_text(s, 2, kind);
		if (finish(x, s, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_packages(struct index *x, const char *key, const struct index_result *r, struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;

	if (prepare(x, "INSERT OR REPLACE INTO package VALUES(?,?,?,?,?,?)", &s, err) < 0)
		return -1;
	for (size_t i = 0; i < r->npackages; i++) {
		const struct index_package *p = &r->packages[i];
		const char *end = strrchr(p->nevra, '-');

		while (end && end > p->nevra && end[-1] != '-')
			end--;
		bind_text(s, 1, key);
		bind_text(s, 2, p->nevra);
		(void)sqlite3_bind_text(s, 3, p->nevra,
					end > p->nevra ? (int)(end - p->nevra) - 1 : -1,
					SQLITE_TRANSIENT);
		bind_digest(s, 4, &p->file);
		bind_digest(s, 5, &p->header);
		(void)sqlite3_bind_int64(s, 6, (int64_t)p->bytes);
		if (finish(x, s, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_result(struct index *x, const char *key, const struct buf *text, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	struct index_result r = { .duration_ms = -1, .peak_bytes = -1, .cpu_ms = -1 };
	struct err damaged;

	if (x->read(&a, key, buf_text(text), text->len, &r, &damaged) < 0)
		return 0;
	if (prepare(x, "INSERT OR REPLACE INTO result VALUES(?,?,?,?,?,?)", &s, err) < 0)
		return -1;
	bind_text(s, 1, key);
	bind_text(s, 2, r.recipe);
	(void)sqlite3_bind_int64(s, 3, r.duration_ms);
	(void)sqlite3_bind_int64(s, 4, r.peak_bytes);
	(void)sqlite3_bind_int64(s, 5, r.cpu_ms);
	bind_digest(s, 6, &r.log);
	if (finish(x, s, err) < 0)
		return -1;
	return add_packages(x, key, &r, err);
}

/* A root says {"key":"HEX"}, or {"sha256":"HEX"}: its one word of 64 digits is what it names.
 */
static void
word_of(const char *text, char out[DIGEST_HEX])
{
	out[0] = '\0';
	for (const char *at = text; *at;
	     at += strspn(at, KEY_WORDS) ? strspn(at, KEY_WORDS) : 1) {
		if (strspn(at, KEY_WORDS) == DIGEST_HEX - 1) {
			(void)snprintf(out, DIGEST_HEX, "%s", at);
			return;
		}
	}
}

static int
take(struct index *x, const char *kind, const char *name, const char *path,
     const struct seen *seen, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(REF_MAX_BYTES);
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	char key[DIGEST_HEX];

	if (fd_read_file(cas_dirfd(x->store), path, &text, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	if (prepare(x, "INSERT OR REPLACE INTO ref VALUES(?,?,?,?,?,?)", &s, err) < 0)
		return -1;
	word_of(buf_text(&text), key);
	bind_text(s, 1, kind);
	bind_text(s, 2, name);
	(void)sqlite3_bind_int64(s, 3, seen->ino);
	(void)sqlite3_bind_int64(s, 4, seen->size);
	(void)sqlite3_bind_int64(s, 5, seen->born);
	bind_text(s, 6, strcmp(kind, "action") == 0 ? name : key);
	if (finish(x, s, err) < 0)
		return -1;
	return strcmp(kind, "action") == 0 ? add_result(x, name, &text, err) : 0;
}

struct known {
	const char *name;
	struct seen seen;
};

static int
load_known(struct index *x, struct arena *a, const char *kind, struct known **out, size_t *n,
	   struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	size_t room = 0;
	bool row;

	*n = 0;
	*out = NULL;
	if (prepare(x, "SELECT name,ino,size,born FROM ref WHERE kind=? ORDER BY name", &s,
		    err) < 0)
		return -1;
	bind_text(s, 1, kind);
	for (;;) {
		if (step(x, s, &row, err) < 0)
			return -1;
		if (!row)
			return 0;
		if (*n == room) {
			struct known *more = arena_array(a, room * 2 + 64, sizeof(*more));

			room = room * 2 + 64;
			if (*n)
				memcpy(more, *out, *n * sizeof(*more));
			*out = more;
		}
		(*out)[(*n)++] = (struct known){
			.name = arena_strdup(a, column(s, 0)),
			.seen = { .ino = sqlite3_column_int64(s, 1),
				  .size = sqlite3_column_int64(s, 2),
				  .born = sqlite3_column_int64(s, 3) },
		};
	}
}

/* What is there and what is known, both sorted by name, side by side. */
static int
merge(struct index *x, const char *kind, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct known *known;
	const char **names = NULL;
	size_t n = 0, nknown, k = 0;
	char path[PATH_ROOM];

	if (load_known(x, &a, kind, &known, &nknown, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "refs/%s", kind);
	if (tree_list(&a, cas_dirfd(x->store), path, &names, &n, err) < 0 && err->sys != ENOENT)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct seen now;

		for (; k < nknown && strcmp(known[k].name, names[i]) < 0; k++) {
			if (forget(x, kind, known[k].name, err) < 0)
				return -1;
		}
		(void)snprintf(path, sizeof(path), "refs/%s/%s", kind, names[i]);
		if (look(x, path, &now, err) < 0) {
			if (err->sys != ENOENT)
				return -1;
			continue; /* collected meanwhile: if known, the next look forgets it */
		}
		if (k < nknown && strcmp(known[k].name, names[i]) == 0 &&
		    memcmp(&known[k++].seen, &now, sizeof(now)) == 0)
			continue;
		if (forget(x, kind, names[i], err) < 0 ||
		    take(x, kind, names[i], path, &now, err) < 0)
			return -1;
	}
	for (; k < nknown; k++) {
		if (forget(x, kind, known[k].name, err) < 0)
			return -1;
	}
	return 0;
}

static int
refresh_kind(struct index *x, const char *kind, struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	char now[STAMP_MAX], before[STAMP_MAX];

	if (look_dir(x, kind, now, err) < 0 || stamp_of(x, kind, before, err) < 0)
		return -1;
	if (now[0] && strcmp(now, before) == 0)
		return 0;
	if (sqlite3_get_autocommit(x->db) && execute(x, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	if (merge(x, kind, err) < 0 ||
	    prepare(x, "INSERT OR REPLACE INTO stamp VALUES(?,?)", &s, err) < 0)
		return -1;
	bind_text(s, 1, kind);
	bind_text(s, 2, now);
	return finish(x, s, err);
}

static int
refresh(struct index *x, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (refresh_kind(x, kinds[i], err) < 0)
			return -1;
	}
	return sqlite3_get_autocommit(x->db) ? 0 : execute(x, "COMMIT", err);
}

/* ---- the file ---- */

/* Whether it is an index of ours, or an empty one. Its own SQL is never run. */
static int
check_schema(struct index *x, bool *empty, struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	size_t i = 0;
	bool row;

	if (prepare(x, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid", &s,
		    err) < 0)
		return -1;
	for (;; i++) {
		if (step(x, s, &row, err) < 0)
			return -1;
		if (!row)
			break;
		if (i >= ARRAY_LEN(schema) || strcmp(column(s, 0), schema[i]) != 0)
			return err_set(err, ERR_IO, "the index is of another version");
	}
	*empty = i == 0;
	return i == 0 || i == ARRAY_LEN(schema)
		       ? 0
		       : err_set(err, ERR_IO, "the index is of another version");
}

static int
check_version(struct index *x, struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	bool row;

	if (prepare(x, "PRAGMA user_version", &s, err) < 0 || step(x, s, &row, err) < 0)
		return -1;
	return row && sqlite3_column_int(s, 0) == INDEX_VERSION
		       ? 0
		       : err_set(err, ERR_IO, "the index is of another version");
}

/* SQLite finds damage where it happens to look; an answer may come from elsewhere. */
static int
check_pages(struct index *x, struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	bool row;

	if (prepare(x, "PRAGMA quick_check(1)", &s, err) < 0 || step(x, s, &row, err) < 0)
		return -1;
	return row && strcmp(column(s, 0), "ok") == 0
		       ? 0
		       : err_set(err, ERR_IO, "the index is damaged");
}

static int
make_tables(struct index *x, struct err *err)
{
	bool empty = false;

	if (execute(x, "BEGIN IMMEDIATE", err) < 0 || check_schema(x, &empty, err) < 0)
		return -1;
	for (size_t i = 0; empty && i < ARRAY_LEN(schema); i++) {
		if (execute(x, schema[i], err) < 0)
			return -1;
	}
	if (empty && execute(x, "PRAGMA user_version=1", err) < 0)
		return -1;
	return execute(x, "COMMIT", err);
}

static int
open_db(struct index *x, const char *path, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
		    SQLITE_OPEN_PRIVATECACHE;
	bool empty;

	if (sqlite3_open_v2(path, &x->db, flags, NULL) != SQLITE_OK)
		return fault(x, err);
	(void)sqlite3_busy_timeout(x->db, BUSY_MS);
	(void)sqlite3_db_config(x->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(x->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (execute(x, "PRAGMA journal_mode=DELETE", err) < 0 ||
	    execute(x, "PRAGMA synchronous=OFF", err) < 0 || check_schema(x, &empty, err) < 0 ||
	    (empty && make_tables(x, err) < 0) || check_version(x, err) < 0 ||
	    check_pages(x, err) < 0)
		return -1;
	return refresh(x, err);
}

static void
shut(struct index *x)
{
	(void)sqlite3_close(x->db);
	x->db = NULL;
}

int
index_drop(struct cas *store, struct err *err)
{
	static const char *const files[] = { INDEX_FILE "-journal", INDEX_FILE "-wal",
					     INDEX_FILE "-shm", INDEX_FILE };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (unlinkat(cas_dirfd(store), files[i], 0) < 0 && errno != ENOENT)
			return err_sys(err, "remove %s", files[i]);
	}
	return 0;
}

/* The file by a path without links: SQLite opens by name, and the store may be another user's.
 */
static int
open_file(struct index *x, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	char link[64], dir[PATH_ROOM];
	ssize_t n;

	if (cas_file(x->store, INDEX_FILE, &fd, err) < 0)
		return -1;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", cas_dirfd(x->store));
	n = readlink(link, dir, sizeof(dir) - 1);
	if (n < 0)
		return err_sys(err, "store %s", cas_path(x->store));
	dir[n] = '\0';
	return open_db(x, arena_format(&a, "%s/" INDEX_FILE, dir), err);
}

/* Busy and full are no reason to throw away what others use. */
static bool
is_useless(const struct index *x)
{
	int rc = x->db ? sqlite3_errcode(x->db) & 0xff : SQLITE_CANTOPEN;

	return rc != SQLITE_BUSY && rc != SQLITE_LOCKED && rc != SQLITE_FULL &&
	       rc != SQLITE_IOERR && rc != SQLITE_NOMEM && rc != SQLITE_CANTOPEN;
}

int
index_open(struct cas *store, index_read_fn *read, bool anew, struct index **out,
	   struct err *err)
{
	CLEANUP(index_free) struct index *x = mem_alloc(sizeof(*x));
	struct err ignored;
	int rc = -1;

	x->store = store;
	x->read = read;
	if (!anew) {
		rc = open_file(x, &ignored);
		if (rc < 0 && is_useless(x)) {
			shut(x);
			rc = index_drop(store, &ignored) < 0 ? -1 : open_file(x, &ignored);
		}
	}
	if (rc < 0) {
		shut(x);
		if (open_db(x, ":memory:", err) < 0)
			return -1;
	}
	*out = STEAL_PTR(x);
	return 0;
}

void
index_free(struct index *x)
{
	if (!x)
		return;
	shut(x);
	free(x);
}

/* ---- questions ---- */

int
index_last(struct index *x, const char *recipe, int64_t *duration_ms, int64_t *peak_bytes,
	   struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	bool row;

	if (prepare(x,
		    "SELECT duration_ms,peak_bytes FROM ref JOIN result USING(key)"
		    " WHERE kind='last' AND name=?",
		    &s, err) < 0)
		return -1;
	bind_text(s, 1, recipe);
	if (step(x, s, &row, err) < 0)
		return -1;
	if (row && sqlite3_column_int64(s, 0) >= 0)
		*duration_ms = sqlite3_column_int64(s, 0);
	if (row && sqlite3_column_int64(s, 1) > 0)
		*peak_bytes = sqlite3_column_int64(s, 1);
	return 0;
}

int
index_each_recipe(struct index *x, void (*fn)(void *, const struct index_recipe *), void *arg,
		  struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	bool row;

	if (prepare(x,
		    "SELECT recipe, (SELECT count(*) FROM result WHERE recipe=f.recipe),"
		    " count(*), sum(bytes) FROM (SELECT DISTINCT recipe, file, bytes"
		    " FROM result JOIN package USING(key)) f GROUP BY recipe ORDER BY recipe",
		    &s, err) < 0)
		return -1;
	for (;;) {
		if (step(x, s, &row, err) < 0)
			return -1;
		if (!row)
			return 0;
		fn(arg, &(struct index_recipe){
				.name = column(s, 0),
				.results = (uint64_t)sqlite3_column_int64(s, 1),
				.packages = (uint64_t)sqlite3_column_int64(s, 2),
				.bytes = (uint64_t)sqlite3_column_int64(s, 3),
			});
	}
}

int
index_find(struct index *x, const char *what,
	   void (*fn)(void *, const char *, const char *, const char *), void *arg,
	   struct err *err)
{
	CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
	bool row;

	if (prepare(x,
		    "SELECT key,recipe,nevra FROM package JOIN result USING(key)"
		    " WHERE file=?1 OR header=?1 OR name=?1 OR nevra=?1"
		    " ORDER BY recipe,key,nevra",
		    &s, err) < 0)
		return -1;
	bind_text(s, 1, what);
	for (;;) {
		if (step(x, s, &row, err) < 0)
			return -1;
		if (!row)
			return 0;
		fn(arg, column(s, 0), column(s, 1), column(s, 2));
	}
}

int
index_digest(struct index *x, struct digest *out, struct err *err)
{
	static const char *const tables[] = { "SELECT kind,name,key FROM ref ORDER BY 1,2",
					      "SELECT * FROM result ORDER BY 1",
					      "SELECT * FROM package ORDER BY 1,2" };
	struct digest_state *d = digest_begin();
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(tables) && rc == 0; i++) {
		CLEANUP(index_statement_free) sqlite3_stmt *s = NULL;
		bool row = true;

		rc = prepare(x, tables[i], &s, err);
		while (rc == 0 && row) {
			rc = step(x, s, &row, err);
			for (int j = 0; rc == 0 && row && j < sqlite3_column_count(s); j++)
				digest_add(d, column(s, j), strlen(column(s, j)) + 1);
		}
	}
	digest_end(d, out);
	return rc;
}
