/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's side. Order: 1 close and confine what needs no files, 2 load the keys, 3 open the
 * log of uses, 4 give up opening anything; with a key behind a module or a program only, behind
 * a fence, before the first of them runs, 5 say ready, 6 answer until the socket ends.
 */
#include "trust/signer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "trust/dsse.h"
#include "trust/note.h"
#include "trust/openpgp.h"
#include "trust/signer_priv.h"
#include "trust/timestamp.h"
#include "trust/tlog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define LOG_NAME       "uses.log"
#define LOG_LINE_MAX   512
#define OUTSIDE_FILES  64 /* descriptors, when keys are behind a token or a command */
#define PASSPHRASE_MAX ((size_t)1024)
#define EXIT_USAGE     2

struct request {
	enum key_role role;
	int64_t created;
	uint32_t expires; /* seconds; OpenPGP only */
	bool next;        /* by the key that comes next, alone */
	char type[SIGNER_MAX_TYPE + 1];
	const char *payload;
	size_t n;
};

/* Takes ";expires=N" off a type. */
static int
read_expiry(struct request *r, struct err *err)
{
	char *at = strstr(r->type, SIGNER_EXPIRES), *end;
	unsigned long seconds;

	if (!at)
		return 0;
	seconds = strtoul(at + strlen(SIGNER_EXPIRES), &end, 10);
	if (*end || end == at + strlen(SIGNER_EXPIRES) || seconds == 0 ||
	    seconds > SIGNER_MAX_EXPIRES)
		return err_set(err, ERR_INPUT, "malformed request: payload type");
	r->expires = (uint32_t)seconds;
	*at = '\0';
	return 0;
}

static int
read_request(const void *data, size_t n, struct request *out, struct err *err)
{
	const unsigned char *at = data;
	uint64_t created = 0;
	size_t type_len;

	if (n < SIGNER_HEAD)
		return err_set(err, ERR_INPUT, "malformed request of %zu bytes", n);
	type_len = at[SIGNER_HEAD - 1];
	if (at[0] >= KEY_ROLES)
		return err_set(err, ERR_INPUT, "malformed request: no role %u", at[0]);
	if (type_len > SIGNER_MAX_TYPE || n - SIGNER_HEAD < type_len ||
	    memchr(at + SIGNER_HEAD, '\0', type_len))
		return err_set(err, ERR_INPUT, "malformed request: payload type");
	if (n - SIGNER_HEAD - type_len > SIGNER_MAX_PAYLOAD)
		return err_set(err, ERR_LIMIT, "payload of %zu bytes (%zu are accepted)",
			       n - SIGNER_HEAD - type_len, SIGNER_MAX_PAYLOAD);
	for (size_t i = 1; i < SIGNER_HEAD - 1; i++)
		created = created << 8 | at[i];
	*out = (struct request){ .role = (enum key_role)at[0],
				 .created = (int64_t)created,
				 .payload = (const char *)at + SIGNER_HEAD + type_len,
				 .n = n - SIGNER_HEAD - type_len };
	memcpy(out->type, at + SIGNER_HEAD, type_len);
	if (type_len > strlen(SIGNER_NEXT) &&
	    strcmp(out->type + type_len - strlen(SIGNER_NEXT), SIGNER_NEXT) == 0) {
		out->type[type_len - strlen(SIGNER_NEXT)] = '\0';
		out->next = true;
	}
	return read_expiry(out, err);
}

/* A statement, in its envelope. */
static int
sign_statement(struct key_private *k, const struct request *r, struct buf *sig, struct err *err)
{
	CLEANUP(buf_free) struct buf pae = BUF_MAX(SIGNER_MAX_REQUEST + 64);

	dsse_pae(r->type, r->payload, r->n, &pae);
	if (buf_check(&pae, "payload", err) < 0)
		return -1;
	return key_private_sign_ecdsa(k, pae.data, pae.len, sig, err);
}

/* Epochs are often older than the key; stock clients refuse a signature that is. */
static int
sign_openpgp(struct key_private *k, const struct request *r, struct buf *sig, struct err *err)
{
	int64_t created = KILN_MAX(r->created, key_private_public(k)->created);

	return openpgp_sign(k, r->payload, r->n, created, r->expires, sig, err);
}

/* The log's key and a witness's sign nothing that could be taken for something else. */
static int
check_checkpoint(const struct request *r, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct tlog_checkpoint c;

	return tlog_checkpoint_parse(&a, r->payload, r->n, &c, err);
}

static int
sign_checkpoint(struct key_private *k, const struct request *r, struct buf *sig,
		struct err *err)
{
	if (check_checkpoint(r, err) < 0)
		return -1;
	return key_private_sign_ed25519(k, r->payload, r->n, sig, err);
}

static int
sign_cosignature(struct key_private *k, const struct request *r, struct buf *sig,
		 struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_REQUEST + 64);

	if (check_checkpoint(r, err) < 0)
		return -1;
	note_cosigned(r->created, r->payload, r->n, &text);
	if (buf_check(&text, "payload", err) < 0)
		return -1;
	return key_private_sign_ed25519(k, text.data, text.len, sig, err);
}

/* The time is what this process sees, not what it is told. */
static int
sign_timestamp(struct key_private *k, const struct request *r, struct buf *sig, struct err *err)
{
	struct digest imprint;

	if (r->n != DIGEST_BYTES)
		return err_set(err, ERR_INPUT, "imprint of %zu bytes, not %d", r->n,
			       DIGEST_BYTES);
	memcpy(imprint.bytes, r->payload, DIGEST_BYTES);
	return timestamp_make(k, &imprint, clock_wall(), sig, err);
}

/* The next key signs along; it may be asked alone; the signature may end. */
enum { BY_ALL = 1, BY_NEXT = 2, MAY_EXPIRE = 4 };

/* Which role may sign which type, and how. */
static const struct use {
	enum key_role role;
	const char *type;
	int (*sign)(struct key_private *k, const struct request *r, struct buf *sig,
		    struct err *err);
	unsigned may;
} allowed[] = {
	{ KEY_BUILDER, SIGNER_TYPE_INTOTO, sign_statement, BY_NEXT },
	{ KEY_IMAGE, SIGNER_TYPE_INTOTO, sign_statement, BY_NEXT },
	{ KEY_REBUILDER, SIGNER_TYPE_INTOTO, sign_statement, 0 },
	{ KEY_PACKAGES, SIGNER_TYPE_RPM, sign_openpgp, 0 },
	{ KEY_METADATA, SIGNER_TYPE_REPOMD, sign_openpgp, BY_ALL | MAY_EXPIRE },
	{ KEY_LOG, SIGNER_TYPE_CHECKPOINT, sign_checkpoint, 0 },
	{ KEY_WITNESS, SIGNER_TYPE_CHECKPOINT, sign_cosignature, 0 },
	{ KEY_TIMESTAMP, SIGNER_TYPE_TIMESTAMP, sign_timestamp, 0 },
};

static const struct use *
find_use(const struct request *r, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (allowed[i].role == r->role && strcmp(allowed[i].type, r->type) == 0 &&
		    (r->expires == 0 || (allowed[i].may & MAY_EXPIRE)) &&
		    (!r->next || (allowed[i].may & BY_NEXT)))
			return &allowed[i];
	(void)err_set(err, ERR_INPUT, "the %s key may not sign payloads of type '%s'",
		      key_role_name(r->role), r->type);
	return NULL;
}

/* One line, one write: lines of several signers at once do not mix. */
static int
log_use(int fd, const struct request *r, const char *keyid, struct err *err)
{
	char when[CLOCK_TEXT_MAX], hex[DIGEST_HEX], line[LOG_LINE_MAX];
	struct digest d;
	int n;

	clock_rfc3339(clock_wall(), when);
	digest_of(r->payload, r->n, &d);
	digest_hex(&d, hex);
	n = snprintf(line, sizeof(line), "%s %s %s %s sha256:%s %zu\n", when,
		     key_role_name(r->role), keyid, r->type, hex, r->n);
	if (n < 0 || (size_t)n >= sizeof(line))
		return err_set(err, ERR_LIMIT, LOG_NAME ": line too long");
	return fd_write_all(fd, line, (size_t)n, err);
}

/* No signature leaves before its use is written down. */
static int
sign_logged(const struct signer_set *set, const struct use *use, struct key_private *k,
	    const struct request *r, struct buf *sig, struct err *err)
{
	if (use->sign(k, r, sig, err) < 0)
		return -1;
	if (log_use(set->log_fd, r, key_private_public(k)->id, err) < 0)
		return err_wrap(err, "the use of the %s key cannot be logged",
				key_role_name(r->role));
	return 0;
}

static int
answer(const struct signer_set *set, const void *data, size_t n, struct buf *sig,
       struct err *err)
{
	const struct use *use;
	struct key_private *k;
	struct request r;

	if (read_request(data, n, &r, err) < 0 || !(use = find_use(&r, err)))
		return -1;
	k = r.next ? set->next[r.role] : set->keys[r.role];
	if (!k) {
		(void)err_set(err, ERR_INPUT, "the key set has no %s%s key",
			      r.next ? "next " : "", key_role_name(r.role));
		return err_hint(err, "`kiln key init` makes what a key set lacks");
	}
	if (sign_logged(set, use, k, &r, sig, err) < 0)
		return -1;
	if ((use->may & BY_ALL) && set->next[r.role])
		return sign_logged(set, use, set->next[r.role], &r, sig, err);
	return 0;
}

void
signer_answer(const struct signer_set *set, const void *request, size_t n, struct buf *reply)
{
	struct err err = { .code = ERR_NONE };

	buf_clear(reply);
	buf_add_char(reply, ERR_NONE);
	if (answer(set, request, n, reply, &err) < 0 || buf_check(reply, "reply", &err) < 0)
		signer_reply_error(reply, &err);
}

/* Step 1. */
static int
confine(struct err *err)
{
	const int keep[] = { SIGNER_FD, SIGNER_SECRET_FD };

	proc_close_others(keep, ARRAY_LEN(keep));
	(void)umask(077);
	/* An interrupt from the terminal is the conductor's business; the end of the socket is
	 * ours. */
	if (signal(SIGINT, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_sys(err, "signal");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, "prctl");
	return 0;
}

/* Step 3. */
static int
open_log(const char *dir, int *out, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(fd_close) int made = -1;
	const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW;
	struct stat st;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return -1;
	if (fstatat(dirfd, LOG_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	    fd_create(dirfd, LOG_NAME, 0600, &made, err) < 0 && err->sys != EEXIST)
		return err_wrap(err, "keys %s", dir);
	if (fd_open_beneath(dirfd, LOG_NAME, flags, out, err) < 0)
		return err_wrap(err, "keys %s", dir);
	return 0;
}

/* Step 4. A set with a token or a command goes on opening, within its fence, what its module or
 * program needs, and starts programs; nothing else of the confinement is less for it. */
static int
give_up_opening(const struct signer_set *set, struct err *err)
{
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };
	const struct rlimit few = { .rlim_cur = OUTSIDE_FILES, .rlim_max = OUTSIDE_FILES };

	/* Best effort, an ordinary user may lock little; pages made later stay outside of it.
	 */
	if (mlockall(MCL_CURRENT) < 0)
		errno = 0;
	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
	    setrlimit(RLIMIT_NOFILE, set->outside ? &few : &none) < 0)
		return err_sys(err, "setrlimit");
	return chdir("/") < 0 ? err_sys(err, "chdir") : 0;
}

/* From the descriptor that was handed over; else, only when a key needs it, the terminal. */
static int
find_passphrase(const struct key_place *at, int dirfd, int handed, struct buf *out,
		struct err *err)
{
	bool needed;

	if (out->len > 0)
		return 0;
	if (handed >= 0)
		return key_passphrase_fd(handed, out, err);
	if (key_private_is_locked(dirfd, at, &needed, err) < 0)
		return -1;
	return needed ? key_passphrase_ask(false, out, err) : 0;
}

struct loading {
	int dirfd, handed; /* handed: what holds the passphrase, -1: nothing */
	struct buf passphrase;
};

static int
load_key(struct loading *l, const struct key_place *at, struct key_private **out,
	 struct err *err)
{
	struct key_place place = *at;

	if (!key_has_file(l->dirfd, at->role, at->state, true) &&
	    !key_has_file(l->dirfd, at->role, at->state, false))
		return 0;
	if (find_passphrase(at, l->dirfd, l->handed, &l->passphrase, err) < 0)
		return -1;
	place.passphrase = l->passphrase.len > 0 ? buf_text(&l->passphrase) : NULL;
	return key_private_load_at(&place, out, err);
}

static void
loading_end(struct loading *l)
{
	key_wipe(&l->passphrase);
	fd_close_scope(&l->handed);
	fd_close_scope(&l->dirfd);
}
DEFINE_RELEASE(struct loading, loading_end);

static void
note_outside(struct signer_set *set, const struct key_private *k)
{
	set->outside = set->outside || (k && key_private_is_outside(k));
}

/* Both states at once: a fence is raised only once. */
static int
begin_outside(const char *dir, const struct signer_set *set, struct err *err)
{
	struct key_private *all[2 * KEY_ROLES];
	CLEANUP(fd_close) int dirfd = -1;

	memcpy(all, set->keys, sizeof(set->keys));
	memcpy(all + KEY_ROLES, set->next, sizeof(set->next));
	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    key_private_begin(all, ARRAY_LEN(all), dirfd, err) < 0)
		return err_wrap(err, "keys %s", dir);
	return 0;
}

/* Step 2: the roles of which the set has anything; half a key is an error. */
static int
load_keys(const char *dir, int handed, struct signer_set *set, struct err *err)
{
	CLEANUP(loading_end)
	struct loading l = { .dirfd = -1,
			     .handed = handed,
			     .passphrase = BUF_MAX(PASSPHRASE_MAX) };
	struct key_place at = { .dir = dir };
	bool any = false;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &l.dirfd, err) < 0)
		return -1;
	for (unsigned int r = 0; r < KEY_ROLES; r++) {
		at.role = (enum key_role)r;
		at.state = KEY_ACTIVE;
		if (load_key(&l, &at, &set->keys[r], err) < 0)
			return -1;
		at.state = KEY_NEXT;
		if (load_key(&l, &at, &set->next[r], err) < 0)
			return -1;
		any = any || set->keys[r];
		note_outside(set, set->keys[r]);
		note_outside(set, set->next[r]);
	}
	if (any)
		return 0;
	(void)err_set(err, ERR_INPUT, "keys %s: no key there", dir);
	return err_hint(err, "`kiln key init` makes a key set");
}

static int
prepare(const char *dir, struct signer_set *set, struct err *err)
{
	int handed = fcntl(SIGNER_SECRET_FD, F_GETFD) >= 0 ? SIGNER_SECRET_FD : -1;

	if (confine(err) < 0 || load_keys(dir, handed, set, err) < 0)
		return -1;
	if (open_log(dir, &set->log_fd, err) < 0)
		return -1;
	if (set->outside && begin_outside(dir, set, err) < 0)
		return -1;
	return give_up_opening(set, err);
}

/* Step 6. False: the socket broke. */
static bool
serve(const struct signer_set *set)
{
	CLEANUP(buf_free) struct buf request = BUF_MAX(SIGNER_MAX_REQUEST);
	CLEANUP(buf_free) struct buf reply = BUF_MAX(SIGNER_MAX_REPLY);
	enum signer_frame what;
	struct err err;

	for (;;) {
		if (signer_frame_receive(SIGNER_FD, &request, &what, &err) < 0)
			return false;
		if (what == SIGNER_FRAME_END)
			return true;
		if (what == SIGNER_FRAME_TOO_LONG) {
			(void)err_set(&err, ERR_LIMIT, "request over %zu bytes",
				      SIGNER_MAX_REQUEST);
			signer_reply_error(&reply, &err);
		} else {
			signer_answer(set, request.data, request.len, &reply);
		}
		if (signer_frame_send(SIGNER_FD, reply.data, reply.len, &err) < 0)
			return false;
	}
}

int
signer_serve(int argc, char **argv)
{
	struct signer_set set = { .log_fd = -1 };
	CLEANUP(buf_free) struct buf ready = BUF_MAX(SIGNER_MAX_REPLY);
	struct err err = { .code = ERR_NONE };
	bool good;

	if (argc != 3)
		return EXIT_USAGE;
	good = prepare(argv[2], &set, &err) == 0;
	if (good)
		buf_add_char(&ready, ERR_NONE);
	else
		signer_reply_error(&ready, &err);
	/* Step 5. */
	good = signer_frame_send(SIGNER_FD, ready.data, ready.len, &err) == 0 && good;
	good = good && serve(&set);
	for (unsigned int r = 0; r < KEY_ROLES; r++) {
		key_private_free(set.keys[r]);
		key_private_free(set.next[r]);
	}
	return good ? 0 : 1;
}
