/* SPDX-License-Identifier: Apache-2.0 */
/* The filters compiled by a child: libseccomp takes a megabyte for it, and whoever holds that
 * passes it on to every process of every chamber. */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include <linux/filter.h>

#define TEXT_MAX ((size_t)1024 * 1024)

struct apart {
	enum sandbox_arch arch;
	int fd;
};

static int
make_and_write(void *arg, struct err *err)
{
	const struct apart *p = arg;
	CLEANUP(sandbox_seccomp_free) struct sandbox_filters f = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);

	if (sandbox_seccomp_make(p->arch, &f, err) < 0)
		return -1;
	buf_add(&text, f.digest, sizeof(f.digest));
	for (size_t i = 0; i < ARRAY_LEN(f.program); i++) {
		buf_add(&text, &f.program[i].n, sizeof(f.program[i].n));
		buf_add(&text, f.program[i].code, f.program[i].n * sizeof(struct sock_filter));
	}
	if (buf_check(&text, "the seccomp filters", err) < 0)
		return -1;
	return fd_write_all(p->fd, text.data, text.len, err);
}

/* false: it is shorter than that. */
static bool
take(struct buf *text, size_t *at, void *out, size_t n)
{
	if (n > text->len - *at)
		return false;
	memcpy(out, text->data + *at, n);
	*at += n;
	return true;
}

static bool
take_program(struct buf *text, size_t *at, struct sandbox_program *p)
{
	size_t bytes;

	if (!take(text, at, &p->n, sizeof(p->n)) || p->n == 0)
		return false;
	bytes = p->n * sizeof(struct sock_filter);
	p->code = mem_alloc(bytes);
	return take(text, at, p->code, bytes);
}

int
sandbox_seccomp_make_apart(enum sandbox_arch arch, struct sandbox_filters *out, struct err *err)
{
	CLEANUP(sandbox_seccomp_free) struct sandbox_filters f = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	CLEANUP(fd_close) int fd = -1;
	struct apart p = { .arch = arch };
	size_t at = 0;
	bool whole;

	if (fd_memory("seccomp filters", &fd, err) < 0)
		return -1;
	p.fd = fd;
	if (proc_confined(make_and_write, &p, &fd, 1, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "seccomp filters");
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "seccomp filters");
	whole = take(&text, &at, f.digest, sizeof(f.digest));
	for (size_t i = 0; whole && i < ARRAY_LEN(f.program); i++)
		whole = take_program(&text, &at, &f.program[i]);
	if (!whole || at != text.len)
		return err_set(err, ERR_SANDBOX, "seccomp: the filters came incomplete");
	*out = f;
	memset(&f, 0, sizeof(f));
	return 0;
}
