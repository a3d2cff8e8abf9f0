/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases come from a file, any descriptor with a name, or the terminal; never from an
 * argument or the value of a variable, where every process of the machine may read them. */
#include "base/fd.h"
#include "trust/key_priv.h"

#include <termios.h>

#define PASSPHRASE_MAX ((size_t)1024)

static int
first_line(struct buf *b, struct err *err)
{
	char *end = memchr(b->data, '\n', b->len);

	if (end)
		b->len = (size_t)(end - b->data);
	b->data[b->len] = '\0';
	if (b->len == 0)
		return err_set(err, ERR_INPUT, "an empty passphrase");
	return 0;
}

int
key_passphrase_fd(int fd, struct buf *out, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "passphrase");
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO))) {
		(void)err_set(err, ERR_INPUT, "others may read the file of the passphrase");
		return err_hint(err, "chmod 600 the file");
	}
	(void)buf_reserve(out, PASSPHRASE_MAX); /* so that growing leaves no copy behind */
	if (fd_read_all(fd, out, err) < 0)
		return err_wrap(err, "passphrase");
	return first_line(out, err);
}

int
key_passphrase_file(const char *path, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open(path, O_RDONLY, &fd, err) < 0 || key_passphrase_fd(fd, out, err) < 0)
		return err_wrap(err, "passphrase file %s", path);
	return 0;
}

/* One line from the terminal without showing it. */
static int
ask(int tty, const char *prompt, struct buf *out, struct err *err)
{
	struct termios before, quiet;
	ssize_t n;
	char c;

	if (tcgetattr(tty, &before) < 0)
		return err_sys(err, "terminal");
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
		return err_sys(err, "terminal");
	(void)buf_reserve(out, PASSPHRASE_MAX);
	n = write(tty, prompt, strlen(prompt));
	while (n > 0 && (n = read(tty, &c, 1)) == 1 && c != '\n')
		buf_add_char(out, c);
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	if (n < 0 || write(tty, "\n", 1) < 0 || out->len == 0)
		return err_set(err, ERR_INPUT, "no passphrase was typed");
	return buf_check(out, "passphrase", err);
}

int
key_passphrase_ask(bool twice, struct buf *out, struct err *err)
{
	CLEANUP(key_wipe) struct buf again = BUF_MAX(PASSPHRASE_MAX);
	CLEANUP(fd_close) int tty = -1;

	if (fd_open("/dev/tty", O_RDWR | O_NOCTTY, &tty, err) < 0) {
		(void)err_set(err, ERR_INPUT,
			      "a passphrase is needed and there is no terminal");
		return err_hint(err, "name a file that holds it with KILN_PASSPHRASE_FILE");
	}
	if (ask(tty, "Passphrase of the keys: ", out, err) < 0)
		return -1;
	if (!twice)
		return 0;
	if (ask(tty, "Once more: ", &again, err) < 0)
		return -1;
	if (again.len != out->len || memcmp(again.data, out->data, out->len) != 0)
		return err_set(err, ERR_INPUT, "the two passphrases differ");
	return 0;
}
