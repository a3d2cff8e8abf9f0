/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing packages and their metadata, for tests/bench/run.sh.
 *
 *   pack rpm DIR OUT          DIR as a package, the way rpmbuild -bb is asked to
 *   pack repodata DIR         repodata/ for the packages in DIR/packages, the way createrepo_c
 * does
 */
#include "base/fd.h"
#include "base/manifest.h"
#include "base/tree.h"
#include "repo/pkgfile.h"
#include "repo/repomd.h"
#include <stdlib.h>

#define EPOCH       1700000000
#define CHUNK_BYTES ((size_t)128 * 1024)

static int
write_rpm(struct arena *a, const char *dir, const char *to, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(fd_close) int out = -1;
	struct pkgfile_spec s = {
		.id = { .name = "bench", .version = "1", .release = "1", .arch = "x86_64" },
		.summary = "bench",
		.license = "MIT",
		.homepage = "https://example.org/",
		.vendor = "Kiln Linux",
		.build_time = EPOCH
	};
	struct manifest m;
	struct pkgfile_ids ids;

	(void)unlink(to);
	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    fd_open(to, O_RDWR | O_CREAT | O_EXCL, &out, err) < 0 ||
	    manifest_scan(a, dirfd, ".", &m, err) < 0)
		return -1;
	s.files_dirfd = dirfd;
	s.entries = arena_array(a, m.n, sizeof(*s.entries));
	for (size_t i = 0; i < m.n; i++) {
		const struct manifest_entry *from = &m.at[i];

		s.entries[s.nentries++] = (struct pkgfile_entry){
			.path = arena_format(a, "/%s", from->path),
			.type = from->type,
			.mode = from->mode,
			.size = from->size,
			.digest = from->digest,
			.target = from->target,
			.source = from->path,
			.hardlink =
				from->hardlink ? arena_format(a, "/%s", from->hardlink) : NULL,
		};
	}
	return pkgfile_write(&s, out, &ids, err);
}

static int
hash_file(int fd, struct digest *out, uint64_t *size, struct err *err)
{
	CLEANUP(mem_free) char *chunk = mem_alloc(CHUNK_BYTES);
	struct digest_state *hash = digest_begin();
	ssize_t n;

	*size = 0;
	while ((n = pread(fd, chunk, CHUNK_BYTES, (off_t)*size)) > 0) {
		digest_add(hash, chunk, (size_t)n);
		*size += (uint64_t)n;
	}
	digest_end(hash, out);
	return n < 0 ? err_sys(err, "reading a package") : 0;
}

static int
write_repodata(struct arena *a, const char *dir, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	struct repomd_fragment *fragments;
	const char **names;
	size_t n;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    tree_remove(dirfd, "repodata", err) < 0 ||
	    tree_list(a, dirfd, "packages", &names, &n, err) < 0)
		return -1;
	fragments = arena_array(a, n, sizeof(*fragments));
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;
		const char *path = arena_format(a, "packages/%s", names[i]);
		struct pkgfile file;
		struct digest digest;
		uint64_t size;

		if (fd_open_beneath(dirfd, path, O_RDONLY, &fd, err) < 0 ||
		    pkgfile_read(a, fd, path, &file, err) < 0 ||
		    hash_file(fd, &digest, &size, err) < 0 ||
		    repomd_fragment_make(a, &file, &digest, size, path, &fragments[i], err) < 0)
			return -1;
	}
	return repomd_write(dirfd, fragments, n, EPOCH, err);
}

int
main(int argc, char **argv)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err err = { .text = "usage: pack rpm DIR OUT | repodata DIR" };
	int rc = -1;

	if (argc == 4 && strcmp(argv[1], "rpm") == 0)
		rc = write_rpm(&a, argv[2], argv[3], &err);
	else if (argc == 3 && strcmp(argv[1], "repodata") == 0)
		rc = write_repodata(&a, argv[2], &err);
	if (rc < 0)
		(void)fprintf(stderr, "pack: %s\n", err.text);
	return rc < 0 ? 1 : 0;
}
