/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tree holds, sorted by path: the JSON beside each tree of the store, and what a harvest
 * reports. {"format":1,"entries":[{"path":"usr/bin/x","type":"file","mode":493,"size":12,
 * "sha256":"..."},{"path":"usr/lib/y","type":"link","target":"z"},{"path":"usr","type":"dir",
 * "mode":493}]}
 */
#pragma once

#include "base/digest.h"
#include "base/doc.h"

enum manifest_type { MANIFEST_FILE, MANIFEST_DIR, MANIFEST_LINK };

struct manifest_entry {
	const char *path; /* relative, no leading slash, UTF-8 */
	enum manifest_type type;
	mode_t mode; /* permission bits; 0 for a link */
	uint64_t size;
	struct digest digest; /* files */
	const char *target;   /* links */
	const char *hardlink; /* path of the first name of the same file, else NULL */
};
struct manifest {
	struct manifest_entry *at; /* sorted by strcmp of path, unique */
	size_t n;
};

/* Walks dirfd/path, hashing every file. Set-id bits, devices, FIFOs, sockets, names that are
 * not UTF-8 or hold control characters are refused by name. */
int manifest_scan(struct arena *a, int dirfd, const char *path, struct manifest *out,
		  struct err *err) MUST_CHECK;
void manifest_write(const struct manifest *m, struct buf *out); /* canonical JSON */
int manifest_parse(struct arena *a, const char *text, size_t n, const char *name,
		   struct manifest *out, struct err *err) MUST_CHECK;
const struct manifest_entry *manifest_find(const struct manifest *m, const char *path);
/* A path our packages may contain: relative, valid UTF-8, no control character, no "." ".." or
 * empty component, components <= 255 bytes, whole <= 4000. */
bool manifest_is_path(const char *path);
