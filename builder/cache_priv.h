/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the shared cache. */
#pragma once

#include "builder/cache.h"

#define CACHE_ENTRY_MAX  ((size_t)1024 * 1024)      /* bytes under /ac/ */
#define CACHE_FILES_MAX  ((size_t)4096)             /* that one entry lists */
#define CACHE_PATH_MAX   ((size_t)512)              /* of one of them */
#define CACHE_BLOB_MAX   ((uint64_t)8 << 30)        /* one file */
#define CACHE_TOTAL_MAX  ((uint64_t)32 << 30)       /* all files of an entry */
#define CACHE_RESULT_MAX ((size_t)32 * 1024 * 1024) /* result.json */
#define CACHE_SECRET_MAX ((size_t)64 * 1024) /* a file with a key, a login, certificates */
#define CACHE_RATE_MIN   16384               /* bytes a second; slower is down */

struct cache {
	const struct workspace_cache *words;
	struct cas *store;
	const struct keyring *ring;
	unsigned strikes;
	int64_t waste_ms;
	bool off;
	struct cache_sender {
		pid_t pid;
		int in;        /* keys go in; -1: not started */
		int out;       /* reports come out */
		size_t queued; /* without a report yet */
		bool off;
	} sender;
	struct cache_report report;
};

/* ---- cache_wire.c: a REAPI ActionResult, as far as it lists files ---- */
struct cache_file {
	const char *path; /* relative, without . and .. */
	struct digest sha256;
	uint64_t size;
};
struct cache_entry {
	struct cache_file *at; /* sorted by path, no path twice */
	size_t n;
};
/* Sorts the files. */
void cache_wire_write(struct cache_entry *e, struct buf *out);
/* Bounded; fields that it does not know are skipped. */
int cache_wire_parse(struct arena *a, const void *data, size_t n, struct cache_entry *out,
		     struct err *err) MUST_CHECK;
const struct cache_file *cache_wire_find(const struct cache_entry *e, const char *path);
/* The file of this digest, or NULL. */
const struct cache_file *cache_wire_digest(const struct cache_entry *e, const struct digest *d);

/* ---- cache_entry.c: which files a result consists of ---- */
#define CACHE_RESULT_NAME "result.json"
#define CACHE_BUNDLE_NAME "bundle.json"
/* All blobs but result.json, sizes as the store has them (0 where it has none). */
void cache_entry_list(struct arena *a, const struct cas *store, const struct result *r,
		      struct cache_entry *out);
/* Whether result.json and bundle.json, as they came, convince: signer names the key. */
int cache_entry_trust(struct arena *a, const struct keyring *ring, const char *key_hex,
		      const struct buf *result, const struct buf *bundle, struct result *out,
		      const char **signer, struct err *err) MUST_CHECK;

/* ---- cache_curl.c: libcurl's second doorway; only in children ---- */
struct cache_http;
/* Reads the secrets. */
int cache_curl_open(const struct workspace_cache *words, struct cache_http **out,
		    struct err *err) MUST_CHECK;
void cache_curl_close(struct cache_http *h);
DEFINE_CLEANUP(struct cache_http *, cache_curl_close);
/* Where the bytes of an answer go: to fd unless it is -1, else to text. At most max bytes. */
struct cache_sink {
	struct buf *text;
	int fd;
	uint64_t max, done;
	struct digest sha256; /* of what came */
};
/* kind: "ac" or "cas". found: false for 404. ERR_FETCH: the server or the way to it failed;
 * ERR_LIMIT: more than max. */
int cache_curl_get(struct cache_http *h, const char *kind, const char *hex,
		   struct cache_sink *sink, bool *found, struct err *err) MUST_CHECK;
/* Puts size bytes of fd from its offset. */
int cache_curl_put(struct cache_http *h, const char *kind, const char *hex, int fd,
		   uint64_t size, struct err *err) MUST_CHECK;
/* Whether something lies there. */
int cache_curl_head(struct cache_http *h, const char *kind, const char *hex, bool *found,
		    struct err *err) MUST_CHECK;

/* ---- cache.c ---- */
/* In a child: dies with its parent, leaves root behind, keeps only these descriptors. The http
 * side is opened before root is left, the store anew. */
int cache_narrow(const struct cache *c, const int *keep, size_t nkeep, pid_t parent,
		 struct cache_http **http, struct cas **store, struct err *err) MUST_CHECK;
