/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program signs: run once per signature with one word more, ecdsa-sha256, rsa-pkcs1-sha256 or
 * ed25519; the digest, or for Ed25519 the message, on its standard input; the raw signature,
 * DER for ECDSA, on its standard output. Bounded by a pipe's size, by time, and then killed.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "trust/key_fence_priv.h"
#include "trust/key_priv.h"

#include <fcntl.h>

#define WORDS_MAX       32
#define TIMEOUT_DEFAULT 10
#define TIMEOUT_MAX     600
#define OUTPUT_MAX      ((size_t)KEY_RSA_MAX_BITS / 8)

struct key_command {
	struct arena arena;
	const char *argv[WORDS_MAX + 2]; /* with room for the last word and NULL */
	size_t n;
	int timeout_ms;
	const uint8_t *der; /* of the public half */
	size_t der_len;
};

static int
send_input(const void *data, size_t n, int *fd, struct err *err)
{
	if (fd_memory("signature request", fd, err) < 0 || fd_write_all(*fd, data, n, err) < 0)
		return -1;
	return lseek(*fd, 0, SEEK_SET) < 0 ? err_sys(err, "signature request") : 0;
}

/* What a program wrote beyond the pipe's size keeps it waiting until its time is over. */
static int
take_output(int fd, const char *program, struct buf *sig, struct err *err)
{
	char text[OUTPUT_MAX + 1];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(text) && (got = read(fd, text + n, sizeof(text) - n)) > 0)
		n += (size_t)got;
	if (n == 0 || n > OUTPUT_MAX)
		return err_set(err, ERR_IO, "%s: its answer of %zu bytes is no signature",
			       program, n);
	buf_add(sig, text, n);
	return buf_check(sig, "signature", err);
}

static int
sign(void *arg, enum key_use use, const void *data, size_t n, struct buf *sig, struct err *err)
{
	static const char *const words[] = { [KEY_USE_ECDSA] = "ecdsa-sha256",
					     [KEY_USE_RSA] = "rsa-pkcs1-sha256",
					     [KEY_USE_ED25519] = "ed25519" };
	struct key_command *c = arg;
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;
	struct proc_spec spec = { .argv = c->argv, .err = -1, .timeout_ms = c->timeout_ms };
	int pair[2], status;

	if (send_input(data, n, &in, err) < 0)
		return -1;
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, "pipe");
	from = pair[0];
	to = pair[1];
	if (fcntl(to, F_SETFL, 0) < 0) /* the program writes and waits as programs do */
		return err_sys(err, "pipe");
	c->argv[c->n] = words[use];
	spec.in = in;
	spec.out = to;
	if (proc_run(&spec, &status, err) < 0)
		return err_wrap(err, "%s", c->argv[0]);
	if (status != 0)
		return err_set(err, ERR_IO, "%s made no signature (exit %d)", c->argv[0],
			       status);
	return take_output(from, c->argv[0], sig, err);
}

static void
command_free(void *arg)
{
	struct key_command *c = arg;

	arena_release(&c->arena);
	free(c);
}

static int
begin(void *arg, struct arena *a, const uint8_t **der, size_t *len, struct err *err)
{
	const struct key_command *c = arg;

	(void)a;
	(void)err;
	*der = c->der;
	*len = c->der_len;
	return 0;
}

const struct key_backend key_command_backend = { .begin = begin,
						 .sign = sign,
						 .free = command_free };

static int
read_program(struct key_command *c, const struct key_described *how, const struct doc *d,
	     struct err *err)
{
	const struct doc *list = doc_get(d, "program");

	if (!list || list->kind != DOC_LIST || list->n == 0 || list->n > WORDS_MAX)
		return doc_error(list ? list : d, how->name, err,
				 "'program' must be a list of 1 to %d words", WORDS_MAX);
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].value->kind != DOC_TEXT)
			return doc_error(list->items[i].value, how->name, err,
					 "a word of 'program' is no text");
		c->argv[i] = arena_strdup(&c->arena, list->items[i].value->text);
	}
	if (c->argv[0][0] != '/')
		return doc_error(list, how->name, err,
				 "the program must be named with its whole path");
	c->n = list->n;
	return 0;
}

static int
read_timeout(struct key_command *c, const struct key_described *how, const struct doc *d,
	     struct err *err)
{
	const char *text = doc_get_text(d, "timeout");
	int64_t seconds = TIMEOUT_DEFAULT;

	if (text && (!clock_span(text, &seconds) || seconds < 1 || seconds > TIMEOUT_MAX))
		return doc_error(doc_get(d, "timeout"), how->name, err,
				 "'timeout' must be 1s to %ds", TIMEOUT_MAX);
	c->timeout_ms = (int)seconds * 1000;
	return 0;
}

static int
read_public(struct key_command *c, const struct key_described *how, const struct doc *d,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf pem = BUF_MAX(KEY_FILE_MAX);
	const char *path = key_described_text(how, d, "public", err);

	if (!path || fd_read_file(path[0] == '/' ? AT_FDCWD : how->dirfd, path, &pem, err) < 0)
		return -1;
	if (key_spki_of_any(&c->arena, buf_text(&pem), pem.len, &c->der, &c->der_len, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

int
key_command_read(const struct key_described *how, const struct doc *d, void **arg,
		 struct err *err)
{
	static const char *const fields[] = { "program", "public", "timeout", NULL };
	struct key_command *c;

	if (key_described_only(how, d, fields, err) < 0)
		return -1;
	c = mem_alloc(sizeof(*c));
	if (read_public(c, how, d, err) < 0 || read_program(c, how, d, err) < 0 ||
	    read_timeout(c, how, d, err) < 0 ||
	    key_reach_add(how->reach, c->argv[0], PROC_GATE_READ | PROC_GATE_RUN, err) < 0) {
		command_free(c);
		return -1;
	}
	*arg = c;
	return 0;
}
