/* SPDX-License-Identifier: Apache-2.0 */
/* The unpacker: a child of pid 1, inside every wall, that places the inputs of a run below
 * /build and /out. It may be taken over by a hostile archive. */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/tar.h"

static int
open_below(const char *dest, int *dirfd, const char **rest, struct err *err)
{
	static const char *const tops[] = { "/build", "/out" };

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		size_t n = strlen(tops[i]);

		if (strncmp(dest, tops[i], n) != 0 || (dest[n] != '\0' && dest[n] != '/'))
			continue;
		*rest = dest + n;
		while (**rest == '/')
			(*rest)++;
		return fd_open(tops[i], O_RDONLY | O_DIRECTORY, dirfd, err);
	}
	return err_set(err, ERR_INPUT, "%s is not below /build or /out", dest);
}

static int
set_mtime(int fd, int64_t mtime, const char *path, struct err *err)
{
	struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	return futimens(fd, times) < 0 ? err_sys(err, "setting the time of %s", path) : 0;
}

static int
copy_input(const struct sandbox_spec *s, const struct sandbox_input *in, int dirfd,
	   const char *path, struct err *err)
{
	CLEANUP(fd_close) int out = -1;
	CLEANUP(mem_free) char *parent = mem_strdup(path);
	char *slash = strrchr(parent, '/');

	if (slash) {
		*slash = '\0';
		if (fd_mkdirs(dirfd, parent, err) < 0)
			return -1;
	}
	if (unlinkat(dirfd, path, 0) < 0 && errno != ENOENT)
		return err_sys(err, "replacing %s", path);
	if (fd_create(dirfd, path, 0600, &out, err) < 0 ||
	    fd_copy(in->fd, out, s->limits.disk_bytes, NULL, err) < 0)
		return -1;
	if (fchmod(out, in->exec ? 0755 : 0644) < 0)
		return err_sys(err, "%s", path);
	if (set_mtime(out, s->mtime, path, err) < 0)
		return -1;
	return fd_close(&out, path, err);
}

static int
unpack_input(const struct sandbox_spec *s, const struct sandbox_input *in, int dirfd,
	     const char *path, struct err *err)
{
	CLEANUP(fd_close) int dest = -1;
	struct tar_select select = { .strip = in->strip,
				     .members = in->members,
				     .nmembers = in->nmembers,
				     .merge_usr = in->merge_usr };
	struct tar_limits limits = tar_limits_source;

	limits.max_bytes = KILN_MIN(limits.max_bytes, s->limits.disk_bytes);
	if (*path && fd_mkdirs(dirfd, path, err) < 0)
		return -1;
	if (fd_open_beneath(dirfd, *path ? path : ".", O_RDONLY | O_DIRECTORY, &dest, err) < 0)
		return -1;
	return tar_unpack(in->fd, (enum tar_kind)in->archive, dest, &select, &limits, s->mtime,
			  err);
}

static int
place_input(const struct sandbox_spec *s, const struct sandbox_input *in, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	const char *path = "";

	if (open_below(in->dest, &dirfd, &path, err) < 0)
		return -1;
	if (lseek(in->fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
		return err_sys(err, "reading the input for %s", in->dest);
	if (in->kind == SANDBOX_UNPACK)
		return unpack_input(s, in, dirfd, path, err);
	if (!*path)
		return err_set(err, ERR_INPUT, "%s is a directory, not a file's name",
			       in->dest);
	return copy_input(s, in, dirfd, path, err);
}

/* What it says when it fails: which input, and why. One atomic pipe write. */
struct unpack_answer {
	int input;
	struct err err;
};
_Static_assert(sizeof(struct unpack_answer) <= 4096, "an answer must fit one pipe write");

/* It reads hostile archives, so it keeps only its inputs and this pipe. */
void
sandbox_inputs_place(const struct sandbox_spec *s, int pipe)
{
	int keep[1 + SANDBOX_MAX_INPUTS] = { pipe };
	struct unpack_answer answer = { .err = { .code = ERR_NONE } };

	for (size_t i = 0; i < s->ninputs; i++)
		keep[1 + i] = s->inputs[i].fd;
	proc_close_others(keep, 1 + s->ninputs);
	for (size_t i = 0; i < s->ninputs; i++) {
		answer.input = (int)i;
		if (place_input(s, &s->inputs[i], &answer.err) == 0)
			continue;
		if (write(pipe, &answer, sizeof(answer)) != (ssize_t)sizeof(answer))
			proc_child_exit(3);
		proc_child_exit(2);
	}
	proc_child_exit(0);
}

void
sandbox_inputs_answer(int fd, size_t ninputs, struct sandbox_note *note)
{
	struct unpack_answer answer;

	if (read(fd, &answer, sizeof(answer)) == (ssize_t)sizeof(answer) && answer.input >= 0 &&
	    (size_t)answer.input < ninputs) {
		answer.err.text[sizeof(answer.err.text) - 1] = '\0';
		note->err = answer.err;
		note->step = answer.input;
		return;
	}
	err_set(&note->err, ERR_INPUT, "unpacking ended with status %d without saying why",
		note->status);
}
