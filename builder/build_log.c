/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_priv.h"
#include "base/fd.h"

#define TAIL_MAX_BYTES ((size_t)64 * 1024)

int
build_log_keep(struct build_session *s, struct build_job *job, struct digest *out,
	       struct err *err)
{
	if (lseek(job->desk->log_fd, 0, SEEK_SET) < 0)
		return err_sys(err, "log of %s", job->node->recipe->name);
	if (cas_put_fd(s->b->store, job->desk->log_fd, NULL, out, NULL, err) < 0)
		return err_wrap(err, "log of %s", job->node->recipe->name);
	return 0;
}

/* The log is what a build printed: bytes that a terminal would take for commands are replaced.
 */
static char *
clean(struct arena *a, const char *text, size_t n)
{
	char *out = arena_strndup(a, text, n);

	for (char *p = out; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			*p = '?';
	}
	return out;
}

int
build_log_tail(struct arena *a, int fd, const char **out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TAIL_MAX_BYTES);
	off_t size = lseek(fd, 0, SEEK_END);
	size_t lines = 0, start;

	if (size < 0 ||
	    lseek(fd, size > (off_t)TAIL_MAX_BYTES ? size - (off_t)TAIL_MAX_BYTES : 0,
		  SEEK_SET) < 0)
		return err_sys(err, "log");
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "log");
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\0')
			text.data[i] = '?';
	}
	start = text.len;
	while (start > 0) {
		if (start < text.len && text.data[start - 1] == '\n' &&
		    ++lines == BUILD_LOG_TAIL_LINES)
			break;
		start--;
	}
	*out = clean(a, buf_text(&text) + start, text.len - start);
	return 0;
}

int
build_log(struct builder *b, const char *name, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct digest log;
	bool found;

	if (!nevra_is_name(name))
		return err_set(err, ERR_INPUT, "'%s' is not the name of a recipe", name);
	if (trace_last_log(b->store, workspace_note(&a, b->workspace, name), &log, &found,
			   err) < 0)
		return -1;
	if (!found) {
		err_set(err, ERR_INPUT, "there is no log of '%s'", name);
		return err_hint(err, "`kiln build %s` makes one", name);
	}
	return cas_get(b->store, &log, out, err);
}
