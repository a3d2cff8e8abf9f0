/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every statement of a tree is logged before anybody can fetch the tree: each bundle is
 * exchanged for the one with log entry and timestamp, its proof and its bare envelope are laid
 * beside it, and the log goes along as it stands then.
 */
#include "repo/publish_priv.h"

#include "base/fd.h"
#include "trust/ledger.h"

#define LOG_DIR    "log"
#define SECOND_MAX ((size_t)1024) /* a signature */

static bool
is_bundle(const char *path)
{
	size_t n = strlen(path), m = strlen(PUBLISH_BUNDLE);

	return n > m && strcmp(path + n - m, PUBLISH_BUNDLE) == 0;
}

struct beside { /* what lies beside a bundle */
	struct arena arena;
	struct dsse_bundle b;
	struct dsse_along along;
	struct buf text, second, proof, envelope;
};

static void
beside_release(struct beside *o)
{
	dsse_bundle_release(&o->b);
	buf_free(&o->text);
	buf_free(&o->second);
	buf_free(&o->proof);
	buf_free(&o->envelope);
	arena_release(&o->arena);
}
DEFINE_RELEASE(struct beside, beside_release);
#define BESIDE_NONE                                                                            \
	{                                                                                      \
		.text = BUF_MAX(DSSE_MAX_BYTES), .second = BUF_MAX(SECOND_MAX),                \
		.proof = BUF_MAX(NOTE_MAX_BYTES), .envelope = BUF_MAX(DSSE_MAX_BYTES * 2)      \
	}

static int
beside_read(const struct publish_run *run, const struct digest *bundle, const char *name,
	    struct beside *o, struct err *err)
{
	if (cas_get(run->spec->store, bundle, &o->text, err) < 0)
		return -1;
	return dsse_bundle_parse(&o->arena, buf_text(&o->text), o->text.len, name, &o->b, err);
}

static int
beside_make(const struct publish_run *run, const struct publish_file *f, struct beside *o,
	    struct err *err)
{
	if (f->along) {
		const struct key_public *next =
			key_next(signer_keys(run->spec->signer), KEY_BUILDER);

		if (!next || cas_get(run->spec->store, &f->second, &o->second, err) < 0)
			return next ? -1 : err_set(err, ERR_IO, "the next key is gone");
		o->along.at[0].keyid = next->id;
		o->along.at[0].sig = o->second.data;
		o->along.at[0].len = o->second.len;
		o->along.n = 1;
	}
	if (material_beside(&o->b, &o->along, &o->proof, &o->envelope, err) < 0)
		return err_wrap(err, "%s", f->path);
	return 0;
}

/* The proof and the envelope are made when they are written; their digests are known now. */
static int
add_beside(struct publish_run *run, const struct ledger_item *item, struct err *err)
{
	CLEANUP(beside_release) struct beside o = BESIDE_NONE;
	int stem = (int)(strlen(item->name) - strlen(PUBLISH_BUNDLE));
	struct publish_file f = { .kind = PUBLISH_PROOF, .source = item->bundle };

	f.path = arena_format(&run->arena, "%.*s" MATERIAL_PROOF, stem, item->name);
	if (beside_read(run, &item->bundle, item->name, &o, err) < 0 ||
	    publish_sign_along(run, &item->bundle, &o.b, &f.along, &f.second, err) < 0 ||
	    beside_make(run, &f, &o, err) < 0)
		return -1;
	digest_of(o.proof.data, o.proof.len, &f.digest);
	VEC_PUSH(&run->files, f);
	f.kind = PUBLISH_ENVELOPE;
	f.path = arena_format(&run->arena, "%.*s" MATERIAL_INTOTO, stem, item->name);
	digest_of(o.envelope.data, o.envelope.len, &f.digest);
	VEC_PUSH(&run->files, f);
	return 0;
}

static int
enter_bundles(struct publish_run *run, struct err *err)
{
	const struct ledger ledger = { .store = run->spec->store,
				       .signer = run->spec->signer,
				       .dir = run->spec->log_dir,
				       .origin = run->spec->log_origin,
				       .witnesses = run->spec->witnesses };
	size_t nfiles = run->files.n, n = 0;
	struct ledger_item *items = arena_array(&run->arena, nfiles + 1, sizeof(*items));

	for (size_t i = 0; i < nfiles; i++)
		if (is_bundle(run->files.at[i].path))
			items[n++] = (struct ledger_item){ .name = run->files.at[i].path,
							   .role = KEY_BUILDER,
							   .bare = run->files.at[i].digest };
	if (ledger_enter(&ledger, items, n, err) < 0)
		return -1;
	n = 0;
	for (size_t i = 0; i < nfiles; i++) {
		if (!is_bundle(run->files.at[i].path))
			continue;
		run->files.at[i].digest = items[n].bundle;
		if (add_beside(run, &items[n++], err) < 0)
			return -1;
	}
	return 0;
}

/* The log is held from here until the tree is filled, so that what is hashed is what is copied.
 */
static int
add_log(struct publish_run *run, struct err *err)
{
	const struct key_public *key;
	struct tlog_checkpoint c;
	struct note_key log;
	const char **names;
	size_t n;

	if (fd_open(run->spec->log_dir, O_RDONLY | O_DIRECTORY, &run->log, err) < 0 ||
	    tlog_hold(run->log, &run->log_lock, err) < 0 ||
	    key_need(signer_keys(run->spec->signer), KEY_LOG, &key, err) < 0 ||
	    note_key_make(run->spec->log_origin, NOTE_ED25519, key_ed25519_point(key), &log,
			  err) < 0 ||
	    tlog_checkpoint_load(&run->arena, run->log, &log, &c, NULL, err) < 0 ||
	    tlog_files(&run->arena, c.size, &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;
		struct publish_file f = { .kind = PUBLISH_LOG };

		f.path = arena_format(&run->arena, LOG_DIR "/%s", names[i]);
		if (fd_open_beneath(run->log, names[i], O_RDONLY | O_NOFOLLOW, &fd, err) < 0 ||
		    digest_fd(fd, &f.digest, NULL, err) < 0)
			return -1;
		VEC_PUSH(&run->files, f);
	}
	return 0;
}

int
publish_log_add(struct publish_run *run, struct err *err)
{
	if (enter_bundles(run, err) < 0 || add_log(run, err) < 0)
		return err_wrap(err, "log");
	return 0;
}

static int
open_source(const struct publish_run *run, const struct publish_file *f, int *fd,
	    struct err *err)
{
	if (f->kind == PUBLISH_LOG)
		return fd_open_beneath(run->log, f->path + strlen(LOG_DIR "/"),
				       O_RDONLY | O_NOFOLLOW, fd, err);
	return cas_get_fd(run->spec->store, &f->digest, fd, err);
}

static int
write_beside(const struct publish_run *run, const struct publish_file *f, int out,
	     struct err *err)
{
	CLEANUP(beside_release) struct beside o = BESIDE_NONE;
	const struct buf *what = f->kind == PUBLISH_PROOF ? &o.proof : &o.envelope;

	if (beside_read(run, &f->source, f->path, &o, err) < 0 ||
	    beside_make(run, f, &o, err) < 0)
		return -1;
	return fd_write_all(out, what->data, what->len, err);
}

int
publish_log_write(const struct publish_run *run, const struct publish_file *f, int out,
		  struct err *err)
{
	CLEANUP(fd_close) int in = -1;

	if (f->kind == PUBLISH_PROOF || f->kind == PUBLISH_ENVELOPE)
		return write_beside(run, f, out, err);
	if (open_source(run, f, &in, err) < 0)
		return -1;
	return fd_copy(in, out, PUBLISH_MAX_FILE, NULL, err);
}
