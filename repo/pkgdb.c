/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librpm keeps its configuration in globals, so the work is done in a forked child: macros
 * pushed (no configuration file is read), packages imported one by one, database closed, then
 * SQLite alone takes it out of WAL mode, packs it, and the bytes that tell the SQLite version
 * are set to a constant.
 */
#include "repo/pkgdb.h"
#include "repo/pkgfile_priv.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/tree.h"
#include <rpm/header.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmts.h>
#include <sqlite3.h>

#define DB_NAME         "rpmdb.sqlite"
#define DB_MAX          ((uint64_t)4 * 1024 * 1024 * 1024)
#define DB_MAX_PACKAGES 20000
#define VERSION_OFFSET  96 /* of SQLite's header: the library that wrote last */
#define FORMAT_OFFSET   18 /* two bytes, 1: rollback journal, 2: WAL */
#define DIR_PARENT      "/tmp"
#define DIR_TEMPLATE    "kiln-pkgdb.XXXXXX"

static const uint8_t sqlite_version[] = { 0x00, 0x2e, 0x63, 0x01 }; /* 3.40.1 */

struct job {
	const int *fds;
	const char *const *names;
	size_t n;
	int64_t install_time;
	int out_fd, dirfd;
	const char *dir;
};

/* Packages. */

/* What the signature header knows and what an installation adds: the header's own region stays
 * as it is, these lie beside it. */
static int
add_install_tags(const struct pkgfile_opened *o, Header h, uint32_t when, struct err *err)
{
	const struct pkgfile_signatures *s = &o->signatures;
	struct rpmtd_s names;
	const uint32_t color = 0;
	uint32_t n = headerGet(h, RPMTAG_BASENAMES, &names, HEADERGET_MINMEM)
			     ? rpmtdCount(&names)
			     : 0;
	CLEANUP(mem_free) char *states = mem_alloc((size_t)n + 1); /* all 0: normal */

	if (n)
		rpmtdFreeData(&names);
	if (!headerPutUint32(h, RPMTAG_SIGSIZE, &s->size, 1) ||
	    !headerPutString(h, RPMTAG_SHA1HEADER, s->sha1) ||
	    !headerPutString(h, RPMTAG_SHA256HEADER, s->sha256) ||
	    !headerPutUint32(h, RPMTAG_ARCHIVESIZE, &s->archive_size, 1) ||
	    !headerPutUint32(h, RPMTAG_INSTALLTIME, &when, 1) ||
	    !headerPutUint32(h, RPMTAG_INSTALLCOLOR, &color, 1) ||
	    !headerPutUint32(h, RPMTAG_INSTALLTID, &when, 1) ||
	    (n && !headerPutChar(h, RPMTAG_FILESTATES, states, n)))
		return err_set(err, ERR_INPUT, "librpm refused an installation tag");
	return 0;
}

static int
import_one(const struct job *j, size_t i, rpmtxn txn, struct err *err)
{
	CLEANUP(pkgfile_read_close) struct pkgfile_opened o = { .header = NULL };

	if (pkgfile_read_open(j->fds[i], j->names[i], &o, err) < 0)
		return -1;
	if (o.signatures.rsa)
		return err_set(
			err, ERR_INPUT,
			"%s is signed, but an image's database is made of unsigned packages",
			j->names[i]);
	if (add_install_tags(&o, o.header, (uint32_t)j->install_time, err) < 0)
		return err_wrap(err, "%s", j->names[i]);
	if (rpmtsImportHeader(txn, o.header, 0) != RPMRC_OK)
		return err_set(err, ERR_IO, "librpm cannot put %s into the database",
			       j->names[i]);
	return 0;
}

static int
import_all(const struct job *j, rpmts ts, struct err *err)
{
	rpmtxn txn = rpmtxnBegin(ts, RPMTXN_WRITE);
	int rc = 0;

	if (!txn)
		return err_set(err, ERR_IO, "librpm cannot lock its database");
	for (size_t i = 0; i < j->n && rc == 0; i++)
		rc = import_one(j, i, txn, err);
	rpmtxnEnd(txn);
	return rc;
}

static int
make_database(const struct job *j, struct err *err)
{
	CLEANUP(mem_free) char *lock = mem_format("%s/.rpm.lock", j->dir);
	rpmts ts;
	int rc;

	rpmlogSetMask(RPMLOG_MASK(RPMLOG_EMERG)); /* librpm must not print; we report */
	(void)rpmPushMacro(NULL, "_dbpath", NULL, j->dir, RMIL_CMDLINE);
	(void)rpmPushMacro(NULL, "_db_backend", NULL, "sqlite", RMIL_CMDLINE);
	(void)rpmPushMacro(NULL, "_rpmlock_path", NULL, lock, RMIL_CMDLINE);
	ts = rpmtsCreate();
	if (rpmtsOpenDB(ts, O_RDWR | O_CREAT) != 0)
		rc = err_set(err, ERR_IO, "librpm cannot make a database in %s", j->dir);
	else
		rc = import_all(j, ts, err);
	if (rpmtsCloseDB(ts) != 0 && rc == 0)
		rc = err_set(err, ERR_IO, "librpm cannot close its database");
	rpmtsFree(ts);
	return rc;
}

/* The file. */

static void
sqlite_close_scope(sqlite3 **db)
{
	(void)sqlite3_close(*db);
}

static int
normalise(const struct job *j, struct err *err)
{
	static const char *const steps[] = { "PRAGMA wal_checkpoint(TRUNCATE)",
					     "PRAGMA journal_mode=DELETE", "VACUUM" };
	CLEANUP(mem_free) char *path = mem_format("%s/" DB_NAME, j->dir);
	CLEANUP(sqlite_close) sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return err_set(err, ERR_IO, "cannot open the package database: %s",
			       sqlite3_errmsg(db));
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (sqlite3_exec(db, steps[i], NULL, NULL, NULL) != SQLITE_OK)
			return err_set(err, ERR_IO, "package database: %s: %s", steps[i],
				       sqlite3_errmsg(db));
	}
	if (sqlite3_close(STEAL_PTR(db)) != SQLITE_OK)
		return err_set(err, ERR_IO, "cannot close the package database");
	return 0;
}

static int
copy_out(const struct job *j, struct err *err)
{
	CLEANUP(fd_close) int db = -1;
	uint8_t format[2];

	if (fd_open_beneath(j->dirfd, DB_NAME, O_RDWR | O_NOFOLLOW, &db, err) < 0)
		return -1;
	if (pread(db, format, sizeof(format), FORMAT_OFFSET) != sizeof(format) ||
	    format[0] != 1 || format[1] != 1)
		return err_set(err, ERR_IO, "the package database did not leave WAL mode");
	if (pwrite(db, sqlite_version, sizeof(sqlite_version), VERSION_OFFSET) !=
	    sizeof(sqlite_version))
		return err_sys(err, "cannot finish the package database");
	return fd_copy(db, j->out_fd, DB_MAX, NULL, err);
}

/* The child: librpm keeps what it read of a configuration for the life of a process. */
static int
work(void *arg, struct err *err)
{
	const struct job *j = arg;

	if (make_database(j, err) < 0 || normalise(j, err) < 0)
		return -1;
	return copy_out(j, err);
}

static int
run(struct job *j, struct err *err)
{
	int *keep = mem_alloc((j->n + 2) * sizeof(*keep));
	struct proc_aside aside;
	int rc;

	if (j->n)
		memcpy(keep, j->fds, j->n * sizeof(*keep));
	keep[j->n] = j->out_fd;
	keep[j->n + 1] = j->dirfd;
	rc = proc_aside_begin(work, j, keep, j->n + 2, &aside, err);
	free(keep);
	return rc < 0 ? -1 : proc_aside_end(&aside, err);
}

/* A private directory for librpm, which knows its database by path only; removed whatever
 * comes. */
static int
run_in_private(const struct job *given, struct err *err)
{
	char dir[] = DIR_PARENT "/" DIR_TEMPLATE;
	struct job j = *given;
	CLEANUP(fd_close) int parent = -1;
	CLEANUP(fd_close) int dirfd = -1;
	struct err ignored;
	int rc;

	if (fd_open(DIR_PARENT, O_DIRECTORY | O_RDONLY, &parent, err) < 0)
		return -1;
	if (!mkdtemp(dir))
		return err_sys(err, "cannot make a directory %s", dir);
	rc = fd_open(dir, O_DIRECTORY | O_RDONLY | O_NOFOLLOW, &dirfd, err);
	j.dir = dir;
	j.dirfd = dirfd;
	if (rc == 0)
		rc = run(&j, err);
	if (tree_remove(parent, dir + strlen(DIR_PARENT "/"), rc < 0 ? &ignored : err) < 0)
		rc = -1;
	return rc;
}

int
pkgdb_write(const int *rpm_fds, const char *const *names, size_t n, int64_t install_time,
	    int out_fd, struct err *err)
{
	struct job j = { .fds = rpm_fds,
			 .names = names,
			 .n = n,
			 .install_time = install_time,
			 .out_fd = out_fd };

	if (n > DB_MAX_PACKAGES)
		return err_set(err, ERR_LIMIT, "an image of more than %d packages",
			       DB_MAX_PACKAGES);
	if (install_time < 0 || install_time > UINT32_MAX)
		return err_set(err, ERR_INPUT,
			       "an installation time must lie between 1970 and 2106");
	return run_in_private(&j, err);
}
