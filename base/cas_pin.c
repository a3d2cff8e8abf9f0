/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that something alive stands on: see "pins" in cas.h. */
#include "base/cas_priv.h"
#include "base/tree.h"
#include <sys/file.h>

#define PIN_MAX_BYTES ((size_t)16 * 1024 * 1024)

static int
lock(int fd, int how, const char *what, struct err *err)
{
	while (flock(fd, how) < 0)
		if (errno != EINTR)
			return err_sys(err, "%s: lock", what);
	return 0;
}

static int
open_pins(const struct cas *c, int how, int *dirfd, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (faccessat(c->dirfd, "pins", F_OK, 0) < 0 && cas_make_dir(c, "pins", err) < 0)
		return -1;
	if (fd_open_dir(c->dirfd, "pins", &fd, err) < 0 || lock(fd, how, "pins", err) < 0)
		return -1;
	*dirfd = STEAL_FD(fd);
	return 0;
}

/* Two processes that pin one name write the same bytes. */
int
cas_pin(const struct cas *c, const char *name, const char *const *trees, size_t n, int *fd,
	struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PIN_MAX_BYTES);
	CLEANUP(fd_close) int pins = -1;
	CLEANUP(fd_close) int pin = -1;

	if (cas_check_name(name, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		buf_add_format(&text, "%s\n", trees[i]);
	if (buf_check(&text, "the list of pinned trees", err) < 0 ||
	    open_pins(c, LOCK_SH, &pins, err) < 0 ||
	    fd_open_beneath(pins, name, O_RDWR | O_CREAT | O_NOFOLLOW, &pin, err) < 0 ||
	    cas_give(c, pin, name, err) < 0 || fd_write_all(pin, text.data, text.len, err) < 0)
		return -1;
	if (ftruncate(pin, (off_t)text.len) < 0)
		return err_sys(err, "pins/%s", name);
	if (lock(pin, LOCK_SH, "a pin", err) < 0)
		return -1;
	*fd = STEAL_FD(pin);
	return 0;
}

static int
read_pin(struct arena *a, int fd, struct dict *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PIN_MAX_BYTES);
	char *at, *next;

	if (fd_read_all(fd, &text, err) < 0)
		return -1;
	for (at = arena_strndup(a, buf_text(&text), text.len); *at; at = next) {
		next = at + strcspn(at, "\n");
		if (*next)
			*next++ = '\0';
		dict_set(out, at, at);
	}
	return 0;
}

int
cas_pinned(struct arena *a, const struct cas *c, struct dict *out, int *hold, struct err *err)
{
	CLEANUP(fd_close) int pins = -1;
	const char **names;
	size_t n;

	if (open_pins(c, LOCK_EX, &pins, err) < 0 ||
	    tree_list(a, pins, ".", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;

		if (fd_open_beneath(pins, names[i], O_RDONLY | O_NOFOLLOW, &fd, err) < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			if (unlinkat(pins, names[i], 0) < 0)
				return err_sys(err, "pins/%s", names[i]);
			continue;
		}
		if (errno != EWOULDBLOCK)
			return err_sys(err, "pins/%s: lock", names[i]);
		if (read_pin(a, fd, out, err) < 0)
			return err_wrap(err, "pins/%s", names[i]);
	}
	*hold = STEAL_FD(pins);
	return 0;
}
