/* SPDX-License-Identifier: Apache-2.0 */
#include "base/image.h"
#include "base/fd.h"
#include <fcntl.h>
#include <sys/mman.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10 /* Linux 6.3; headers may be older */
#endif
#define ABOVE 64 /* no descriptor that is to be moved stands where another one goes */
#define MOST  16

/* Nobody may change it any more: whoever is inside could otherwise reach for the next one
 * through /proc/PID/exe. */
static int
make_program(const char *name, const unsigned char *program, size_t n, int *out,
	     struct err *err)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	CLEANUP(fd_close) int fd = memfd_create(name, flags | MFD_EXEC);

	if (fd < 0)
		fd = memfd_create(name, flags);
	if (fd < 0)
		return err_sys(err, "making memory for a program");
	if (fd_write_all(fd, program, n, err) < 0)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
	    0)
		return err_sys(err, "sealing a program");
	*out = STEAL_FD(fd);
	return 0;
}

/* In two moves: at first no descriptor may take a number that another one still has. */
int
image_place(const int *fds, size_t n, struct err *err)
{
	int from[MOST];

	if (n > MOST)
		return err_set(err, ERR_INPUT, "a program gets at most %d descriptors", MOST);
	for (size_t i = 0; i < n; i++) {
		from[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, ABOVE);
		if (fds[i] >= 0 && from[i] < 0)
			return err_sys(err, "passing descriptors on");
	}
	for (size_t i = 0; i < n; i++) {
		close(IMAGE_FIRST + (int)i);
		if (from[i] >= 0 && dup2(from[i], IMAGE_FIRST + (int)i) < 0)
			return err_sys(err, "passing descriptors on");
	}
	return 0;
}

void
image_become(const char *name, const unsigned char *program, const unsigned char *end)
{
	char *argv[] = { (char *)(uintptr_t)name, NULL }, *env[] = { NULL };
	CLEANUP(fd_close) int fd = -1;
	struct err ignored;

	if (make_program(name, program, (size_t)(end - program), &fd, &ignored) == 0)
		(void)fexecve(fd, argv, env);
}
