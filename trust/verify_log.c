/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/verify_log.h"

#include "base/fd.h"
#include "base/mem.h"

struct verify_log {
	struct arena arena;
	const struct rules *rules;
	const struct keyring *ring;
	struct verify_memory *memory;
	const char *hint, *later;
	int dirfd; /* of the tiles, -1: none */
	struct tlog_tree *tree;
	struct tlog_checkpoint current; /* of the tiles, else of what was asked */
	struct note_key key;
	struct dict joined; /* checkpoints that were found to be beginnings of it */
	struct verify_log_words words;
};

struct verify_log *
verify_log_make(const struct rules *r, const struct keyring *ring, struct verify_memory *memory,
		const char *hint)
{
	struct verify_log *l = mem_alloc(sizeof(*l));

	*l = (struct verify_log){
		.rules = r, .ring = ring, .memory = memory, .hint = hint, .dirfd = -1
	};
	return l;
}

void
verify_log_free(struct verify_log *l)
{
	if (!l)
		return;
	tlog_tree_free(l->tree);
	if (l->dirfd >= 0)
		(void)close(l->dirfd);
	dict_release(&l->joined);
	arena_release(&l->arena);
	free(l);
}

static bool
same_log(const struct note_key *a, const struct note_key *b)
{
	return a->id == b->id && strcmp(a->name, b->name) == 0 &&
	       memcmp(a->public, b->public, NOTE_KEY_BYTES) == 0;
}

/* The key that signed the note under its origin: the policy's, else one of the ring. */
static int
find_key(struct verify_log *l, const struct note *note, const char *origin,
	 struct note_key *out, struct err *err)
{
	const struct rules *r = l->rules;
	bool known = false;

	if (r->log_origin && strcmp(r->log_origin, origin) != 0)
		return err_set(err, ERR_VERIFY, "this is the log '%s', and %s demands '%s'",
			       verify_label(&l->arena, origin), r->name, r->log_origin);
	if (r->log_key_given) {
		*out = r->log_key;
		return note_verify(note, out, NULL, err);
	}
	for (size_t i = 0; i < l->ring->n; i++) {
		const uint8_t *point = l->ring->at[i].role == KEY_LOG
					       ? key_ed25519_point(&l->ring->at[i])
					       : NULL;

		if (!point)
			continue;
		known = true;
		if (note_key_make(origin, NOTE_ED25519, point, out, err) == 0 &&
		    note_verify(note, out, NULL, err) == 0)
			return 0;
	}
	if (known)
		return err_recode(err, ERR_VERIFY);
	err_set(err, ERR_VERIFY,
		"no log key is trusted, so nothing can be said of the log '%s'",
		verify_label(&l->arena, origin));
	return err_hint(err, "name the log's public key with --key");
}

/* How many of the policy's witnesses cosigned. */
static int
check_witnesses(struct verify_log *l, const struct note *note, struct err *err)
{
	const struct rules *r = l->rules;
	int64_t newest;
	size_t n = note_count(note, r->witnesses, r->nwitnesses, &newest);

	l->words.witnessed = KILN_MAX(l->words.witnessed, newest);
	l->words.witnesses = n;
	if ((int64_t)n >= r->quorum)
		return 0;
	return err_set(err, ERR_VERIFY,
		       "%zu of the witnesses cosigned its checkpoint, and %s demands %lld", n,
		       r->name, (long long)r->quorum);
}

static int
refuse_fork(const struct tlog_checkpoint *c, uint64_t size, struct err *err)
{
	return err_set(
		err, ERR_VERIFY,
		"the log '%s' is forked: at %llu entries it had another root when this user saw it",
		c->origin, (unsigned long long)size);
}

static int
refuse_apart(const struct tlog_checkpoint *c, const struct tlog_checkpoint *seen,
	     struct err *err)
{
	err_set(err, ERR_VERIFY,
		"the log '%s' is rolled back or forked, as far as can be seen: %llu entries are shown, this user saw %llu, and nothing shows that both are one history",
		c->origin, (unsigned long long)c->size, (unsigned long long)seen->size);
	return err_hint(err,
			"name the directory of the log's tiles as they are today with --log");
}

/* Both are beginnings of the tree of this size: then they are one history. */
static int
connect(struct tlog_tree *tree, const struct tlog_checkpoint *whole,
	const struct tlog_checkpoint *c, struct err *err)
{
	struct tlog_proof proof;

	if (c->size == whole->size)
		return digest_equal(&c->root, &whole->root)
			       ? 0
			       : err_set(err, ERR_VERIFY, "another root at %llu entries",
					 (unsigned long long)c->size);
	return tlog_tree_prove_growth(tree, &whole->root, c->size, &c->root, &proof, err);
}

/* The tiles at the hint hold both. Not finding them there is no failure: *found is false. */
static int
bridge(struct verify_log *l, const struct tlog_checkpoint *a, const struct tlog_checkpoint *b,
       bool *found, struct err *err)
{
	CLEANUP(tlog_tree_free) struct tlog_tree *tree = NULL;
	CLEANUP(fd_close) int dirfd = -1;
	struct tlog_checkpoint whole;
	struct err ignored;

	*found = false;
	if (!l->hint || fd_open(l->hint, O_RDONLY | O_DIRECTORY, &dirfd, &ignored) < 0 ||
	    tlog_checkpoint_load(&l->arena, dirfd, &l->key, &whole, NULL, &ignored) < 0 ||
	    whole.size < KILN_MAX(a->size, b->size))
		return 0;
	*found = true;
	if (tlog_tree_open(dirfd, whole.size, &tree, err) < 0 ||
	    connect(tree, &whole, a, err) < 0)
		return -1;
	return connect(tree, &whole, b, err);
}

/* The checkpoint must be of the history that was seen: known as it is, or connected with it by
 * tiles. */
static int
compare_with_memory(struct verify_log *l, const struct tlog_checkpoint *c, struct err *err)
{
	struct tlog_checkpoint seen;
	bool same, found = true;
	struct err why;
	int rc;

	if (!l->memory || !verify_memory_log(l->memory, &l->key, &seen))
		return 0;
	l->words.remembered = true;
	if (verify_memory_knows(l->memory, &l->key, c, &same))
		return same ? 0 : refuse_fork(c, c->size, err);
	rc = l->tree && seen.size < c->size ? connect(l->tree, c, &seen, &why)
					    : bridge(l, c, &seen, &found, &why);
	if (!found)
		return refuse_apart(c, &seen, err);
	if (rc == 0)
		return 0;
	(void)refuse_fork(c, seen.size, err);
	return err_hint(err, "%s", why.text);
}

/* Takes c as the state of the log. */
static int
settle(struct verify_log *l, const struct tlog_checkpoint *c, const struct note *note,
       struct err *err)
{
	if (check_witnesses(l, note, err) < 0 || compare_with_memory(l, c, err) < 0)
		return -1;
	l->current = *c;
	l->words.origin = arena_strdup(&l->arena, c->origin);
	l->words.size = c->size;
	l->words.tiles = l->tree != NULL;
	if (l->memory)
		verify_memory_saw_log(l->memory, &l->key, c);
	return 0;
}

static bool
has_log_key(const struct verify_log *l)
{
	return l->rules->log_key_given || key_of_role(l->ring, KEY_LOG);
}

static int
load_tiles(struct verify_log *l, int dirfd, uint64_t at_least, bool *taken, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct tlog_checkpoint c;
	struct note note;

	if (fd_read_file(dirfd, TLOG_CHECKPOINT, &text, err) < 0 ||
	    note_parse(&l->arena, buf_text(&text), text.len, &note, err) < 0 ||
	    tlog_checkpoint_parse(&l->arena, note.text, note.text_len, &c, err) < 0)
		return -1;
	*taken = c.size >= at_least;
	if (!*taken)
		return 0;
	if (find_key(l, &note, c.origin, &l->key, err) < 0 ||
	    tlog_tree_open(dirfd, c.size, &l->tree, err) < 0)
		return -1;
	return settle(l, &c, &note, err);
}

int
verify_log_tiles(struct verify_log *l, const char *dir, uint64_t at_least, bool *found,
		 struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	bool taken = false;
	struct stat st;

	if (l->dirfd < 0 && has_log_key(l) &&
	    stat(arena_format(&l->arena, "%s/" TLOG_CHECKPOINT, dir), &st) == 0) {
		if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
		    load_tiles(l, dirfd, at_least, &taken, err) < 0) {
			err_wrap(err, "%s", verify_label(&l->arena, dir));
			return err_recode(err, ERR_VERIFY);
		}
	}
	if (taken)
		l->dirfd = STEAL_FD(dirfd);
	if (found)
		*found = taken;
	return 0;
}

/* A checkpoint that some proof leads to is a beginning of the shipped log. */
static int
join(struct verify_log *l, const struct tlog_checkpoint *c, struct err *err)
{
	struct err why;

	if (c->size > l->current.size)
		return err_set(
			err, ERR_VERIFY,
			"it was logged when the log had %llu entries, and only %llu are shown",
			(unsigned long long)c->size, (unsigned long long)l->current.size);
	if (connect(l->tree, &l->current, c, &why) == 0)
		return 0;
	err_set(err, ERR_VERIFY,
		"the log that it was in is another than the one shown: forked");
	return err_hint(err, "%s", why.text);
}

void
verify_log_later(struct verify_log *l, const char *dir)
{
	l->later = dir;
}

static int
load_later(struct verify_log *l, struct err *err)
{
	const char *dir = l->later;
	bool found;

	l->later = NULL;
	if (!dir)
		return 0;
	if (verify_log_tiles(l, dir, 0, &found, err) < 0)
		return -1;
	return found || !l->hint ? 0 : verify_log_tiles(l, l->hint, 0, NULL, err);
}

static int
judge(struct verify_log *l, const struct material *m, bool asked, struct err *err)
{
	const struct tlog_checkpoint *c = &m->checkpoint;
	CLEANUP(buf_free) struct buf id = BUF_MAX(NOTE_MAX_BYTES);
	struct note_key key;

	if (load_later(l, err) < 0)
		return -1;
	if (!m->logged) {
		if (!asked || !l->rules->log_given)
			return 0;
		err_set(err, ERR_VERIFY, "it is not logged, as %s demands", l->rules->name);
		return err_hint(err,
				"publish it again with a Kiln that logs what it publishes");
	}
	tlog_checkpoint_write(c, &id);
	if (dict_has(&l->joined, buf_text(&id)))
		return 0;
	if (find_key(l, &m->note, c->origin, &key, err) < 0)
		return -1;
	if (!l->words.origin && asked) {
		l->key = key;
		l->key.name = arena_strdup(&l->arena, key.name);
		if (settle(l, c, &m->note, err) < 0)
			return -1;
	} else if (l->tree) {
		if (!same_log(&key, &l->key))
			return err_set(err, ERR_VERIFY, "it is in the log '%s', not in '%s'",
				       verify_label(&l->arena, key.name), l->key.name);
		if (join(l, c, err) < 0)
			return -1;
	}
	dict_set(&l->joined, buf_text(&id), l);
	return 0;
}

int
verify_log_judge(struct verify_log *l, const struct material *m, bool asked, const char *name,
		 struct err *err)
{
	if (judge(l, m, asked, err) == 0)
		return 0;
	err_wrap(err, "%s", name);
	return err_recode(err, ERR_VERIFY);
}

void
verify_log_tell(const struct verify_log *l, struct verify_log_words *out)
{
	*out = l->words;
}
