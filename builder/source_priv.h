/* SPDX-License-Identifier: Apache-2.0 */
/* Between source.c, libcurl's doorway and the one that asks apt. */
#pragma once

#include "builder/source.h"

#define SOURCE_MAX_BYTES ((uint64_t)8 * 1024 * 1024 * 1024)
#define SOURCE_TRIES     3

struct source_download {
	const char *url;  /* https:, http: or file: */
	const char *name; /* for progress */
	int fd;           /* receives the bytes; on failure it holds a part of them */
	uint64_t max;     /* more is ERR_LIMIT */
	const struct source_progress *progress; /* or NULL */
};
/* Runs libcurl in a child process of its own: its resolver thread and what the network says
 * stay out of the process that holds the store, and that forks. */
int source_curl_download(const struct source_download *d, struct err *err) MUST_CHECK;

/* One Packages index that the host's apt reads. */
struct source_index {
	const char *archive;             /* "debian" or "debian-security" */
	const char *base;                /* URL of the archive, without slash at its end */
	const char *release, *component; /* "bookworm-updates", "main" */
};
/* Asked once, then remembered as long as the process lives. */
int source_apt_indexes(const struct source_index **out, size_t *n, struct err *err) MUST_CHECK;
/* What `apt-get indextargets` printed, to indexes: for tests. */
int source_apt_parse(struct arena *a, const char *text, const struct source_index **out,
		     size_t *n, struct err *err) MUST_CHECK;
