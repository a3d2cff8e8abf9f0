/* SPDX-License-Identifier: Apache-2.0 */
/* The log that goes along with a repository: signed by a trusted log key, whole, and nothing in
 * its directory but its own files. */
#include "base/dict.h"
#include "base/tree.h"
#include "repo/pkgverify_priv.h"

struct files {
	struct pkgverify_run *run;
	struct dict known;
	size_t found;
};

static int
look(void *arg, const struct tree_entry *e, struct err *err)
{
	struct files *f = arg;

	if (S_ISDIR(e->st->st_mode))
		return 0;
	if (!S_ISREG(e->st->st_mode) || !dict_has(&f->known, e->path))
		return err_set(err, ERR_VERIFY, "log/%s does not belong to a log of this size",
			       verify_label(&f->run->arena, e->path));
	f->found++;
	return 0;
}

static int
check_files(struct pkgverify_run *run, int dirfd, uint64_t size, struct err *err)
{
	struct files f = { .run = run };
	const char **names;
	size_t n;
	int rc;

	if (tlog_files(&run->arena, size, &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		dict_set(&f.known, names[i], run);
	rc = tree_walk(dirfd, ".", look, &f, err);
	dict_release(&f.known);
	if (rc == 0 && f.found != n)
		rc = err_set(err, ERR_VERIFY, "log/ lacks files of a log of this size");
	return rc;
}

/* By any log key of the ring, under the name that the checkpoint gives itself. */
static int
check_signature(struct pkgverify_run *run, const struct note *note, const char *origin,
		struct err *err)
{
	struct note_key key;

	(void)err_set(err, ERR_VERIFY, "no log key is trusted");
	for (size_t i = 0; i < run->terms->ring->n; i++)
		if (run->terms->ring->at[i].role == KEY_LOG &&
		    note_key_make(origin, NOTE_ED25519,
				  key_ed25519_point(&run->terms->ring->at[i]), &key,
				  err) == 0 &&
		    note_verify(note, &key, NULL, err) == 0)
			return 0;
	return -1;
}

int
pkgverify_log(struct pkgverify_run *run, int root, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(fd_close) int dirfd = -1;
	struct tlog_checkpoint c;
	struct note note;
	struct stat st;

	if (fstatat(root, "log", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	if (fd_open_straight(root, "log", O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    pkgverify_read(dirfd, TLOG_CHECKPOINT, &text, err) < 0 ||
	    note_parse(&run->arena, buf_text(&text), text.len, &note, err) < 0 ||
	    tlog_checkpoint_parse(&run->arena, note.text, note.text_len, &c, err) < 0 ||
	    check_signature(run, &note, c.origin, err) < 0 ||
	    check_files(run, dirfd, c.size, err) < 0 ||
	    tlog_check(dirfd, &c, NULL, NULL, err) < 0)
		return err_wrap(err, "log");
	return 0;
}
