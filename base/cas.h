/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content store: blobs by SHA-256, read-only trees by name, and small named references.
 *
 *   format                     "1\n"
 *   blobs/ab/abcdef...         0444; written to tmp/, fsynced, renamed; never overwritten
 *   trees/NAME/                unpacked read-only tree, NAME chosen by the caller from digests
 *   manifests/NAME             the tree's manifest (canonical JSON), written before the tree's
 *                              rename
 *   refs/KIND/NAME             small JSON values: action results, pins; atomically replaced
 *   pins/, locks/              who stands on which trees; who makes what
 *   tmp/                       what is being made; emptied of dead owners' leftovers on open
 *   quarantine/                what `kiln store check --repair` put aside
 *   index.sqlite               what can be recomputed from refs/ (repo/index.h)
 *
 * Digests are checked on entry and whenever bytes leave the store (cas_get_*). The store's
 * owner is the uid that chambers map (DESIGN.md section 5 "Store"): its directory's owner, and
 * when root makes one, the system user "kiln", else uid CAS_FALLBACK_UID. A store of another
 * ordinary user is refused. Everything root writes into it is given to that uid.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/dict.h"
#include "base/digest.h"

#define CAS_FALLBACK_UID 64321 /* documented in docs/house.md */

struct cas;

/* Opens path, making it when create is set. */
int cas_open(const char *path, bool create, struct cas **out, struct err *err) MUST_CHECK;
/* An open store in another program that got its directory: enough to pin, not to put. Owns
 * dirfd.
 */
int cas_adopt(int dirfd, struct cas **out, struct err *err) MUST_CHECK;
void cas_close(struct cas *c);
DEFINE_CLEANUP(struct cas *, cas_close);
int cas_dirfd(const struct cas *c);
uid_t cas_uid(const struct cas *c);
const char *cas_path(const struct cas *c); /* as given, for messages */

/* Opens, or makes empty, a file of this name beside format: for what is not the store's truth.
 */
int cas_file(struct cas *c, const char *name, int *fd, struct err *err) MUST_CHECK;

bool cas_has(const struct cas *c, const struct digest *d);
/* The same of what this process is going to rely on: see cas_use.c. Whatever is put, and every
 * reference and tree that was found, is kept likewise, with all that a reference names. */
bool cas_keep(const struct cas *c, const struct digest *d);
bool cas_ref_keep(const struct cas *c, const char *kind, const char *name);
/* When the file that holds this reference now was made, in ns: one that was exchanged has
 * another birth. 0: there is none. */
int64_t cas_ref_born(const struct cas *c, const char *kind, const char *name);
/* Puts bytes; expect, if not NULL, must be their digest (else ERR_FETCH and nothing is kept).
 */
int cas_put(struct cas *c, const void *data, size_t n, struct digest *out,
	    struct err *err) MUST_CHECK;
int cas_put_fd(struct cas *c, int fd, const struct digest *expect, struct digest *out,
	       uint64_t *size, struct err *err) MUST_CHECK;
/* Opens a blob after re-hashing it; a corrupt one is ERR_IO and names `kiln store check`.
 * Offset 0. */
int cas_get_fd(const struct cas *c, const struct digest *d, int *fd,
	       struct err *err) MUST_CHECK;
int cas_get(const struct cas *c, const struct digest *d, struct buf *out,
	    struct err *err) MUST_CHECK;
int cas_size(const struct cas *c, const struct digest *d, uint64_t *size,
	     struct err *err) MUST_CHECK;

/* A fresh private directory tmp/NAME (mode 0700, owned by cas_uid); name has room for 64 bytes.
 */
int cas_tmp_dir(struct cas *c, char name[64], struct err *err) MUST_CHECK;
void cas_tmp_drop(struct cas *c,
		  const char *name); /* best effort; leftovers go at the next open */

bool cas_tree_has(const struct cas *c, const char *name); /* tree and manifest both there */
/* Moves tmp/TMP/SUB to trees/NAME durably, with its manifest; files become read-only
 * (0444/0555), directories 0555. Already there is success. */
int cas_tree_commit(struct cas *c, const char *tmp, const char *sub, const char *name,
		    const void *manifest, size_t n, struct err *err) MUST_CHECK;
int cas_tree_manifest(const struct cas *c, const char *name, struct buf *out,
		      struct err *err) MUST_CHECK;
int cas_tree_remove(struct cas *c, const char *name, struct err *err) MUST_CHECK;

/* References. found is false when there is none (and the call succeeds). */
int cas_ref_get(const struct cas *c, const char *kind, const char *name, struct buf *out,
		bool *found, struct err *err) MUST_CHECK;
int cas_ref_put(struct cas *c, const char *kind, const char *name, const void *data, size_t n,
		struct err *err) MUST_CHECK;

/* Takes an exclusive lock named NAME (flock in locks/), waiting; released by closing *fd. Two
 * processes that make the same thing meet here. Who collects, checks or pins holds
 * CAS_LOCK_OF_GC. */
#define CAS_LOCK_OF_GC "gc"
int cas_lock(struct cas *c, const char *name, int *fd, struct err *err) MUST_CHECK;
/* The same without waiting; *fd is -1 when another process holds it. */
int cas_lock_try(struct cas *c, const char *name, int *fd, struct err *err) MUST_CHECK;

/* Pins. Live environments are mounted straight from trees/, and a tree that goes from under a
 * mount leaves undefined behaviour behind. cas_pin writes the names of trees into pins/NAME and
 * holds a shared flock on it until the last copy of *fd (children inherit it) is closed; look
 * that the trees are there afterwards, not before. NAME stands for this list of trees and no
 * other. cas_pinned is for whoever removes trees: `out` receives those in use (strings live in
 * a), dead pins go away, and until *hold is closed nobody can pin anything. */
int cas_pin(const struct cas *c, const char *name, const char *const *trees, size_t n, int *fd,
	    struct err *err) MUST_CHECK;
int cas_pinned(struct arena *a, const struct cas *c, struct dict *out, int *hold,
	       struct err *err) MUST_CHECK;

struct cas_report {
	uint64_t blobs, bytes, trees, corrupt, quarantined;
};
/* Re-hashes every blob and checks trees against their manifests; repair moves bad ones to
 * quarantine/. bad is called with the name of each bad object. */
int cas_check(struct cas *c, bool repair, void (*bad)(void *, const char *what), void *arg,
	      struct cas_report *out, struct err *err) MUST_CHECK;
