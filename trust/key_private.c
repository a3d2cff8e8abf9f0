/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/key_priv.h"
#include "base/fd.h"
#include "base/mem.h"
#include "trust/key_fence_priv.h"

#define FORBIDDEN_MODE (S_IWGRP | S_IXGRP | S_IRWXO) /* of a private key file */
#define SIGNATURE_MAX  ((size_t)KEY_RSA_MAX_BITS / 8)

struct key_private {
	struct key_secret *secret;
	struct key_public pub;
	struct arena arena;     /* of pub and where */
	struct key_reach reach; /* of a secret behind a back-end */
	const char *where;      /* the file of the secret, for messages */
};

static int
check_mode(int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INPUT, "not a regular file");
	if (st.st_mode & FORBIDDEN_MODE) {
		(void)err_set(err, ERR_INPUT,
			      "others may read or change this private key (mode %04o)",
			      (unsigned int)st.st_mode & 07777);
		return err_hint(err,
				"chmod 600 the file, and think about who may have read it");
	}
	return 0;
}

int
key_private_load_bare(int dirfd, const struct key_place *at, struct key_private **out,
		      struct err *err)
{
	CLEANUP(key_private_free) struct key_private *k = mem_alloc(sizeof(*k));
	CLEANUP(key_wipe) struct buf pem = BUF_MAX(KEY_FILE_MAX);
	CLEANUP(fd_close) int fd = -1;
	struct key_described how = { .role = at->role,
				     .dirfd = dirfd,
				     .passphrase = at->passphrase,
				     .reach = &k->reach };
	char name[KEY_NAME_MAX];

	key_state_file(at->role, at->state, true, name);
	(void)buf_reserve(&pem, KEY_FILE_MAX); /* so that growing leaves no copy behind */
	if (fd_open_beneath(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, &fd, err) < 0)
		return -1;
	how.name = name;
	if (check_mode(fd, err) < 0 || fd_read_all(fd, &pem, err) < 0 ||
	    (strncmp(buf_text(&pem), "-----BEGIN", 10) == 0
		     ? key_secret_parse(at->role, &pem, at->passphrase, &k->secret, err)
		     : key_secret_described(&how, &pem, &k->secret, err)) < 0)
		return err_wrap(err, "%s", name);
	if (!k->secret->backend &&
	    key_secret_spki(&k->arena, k->secret, &k->pub.der, &k->pub.der_len, err) < 0)
		return err_wrap(err, "%s", name);
	k->pub.role = at->role;
	k->where = arena_strdup(&k->arena, name);
	*out = STEAL_PTR(k);
	return 0;
}

/* A signature made and verified: the halves belong together, whatever the files claim. */
static int
check_halves(struct key_private *k, struct err *err)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIGNATURE_MAX);
	const uint8_t *point = key_ed25519_point(&k->pub);
	struct digest d;
	bool good;

	digest_of("", 0, &d);
	if (key_signs_ecdsa(k->pub.role)) {
		if (key_private_sign_ecdsa(k, d.bytes, DIGEST_BYTES, &sig, err) < 0)
			return -1;
		good = key_verify_ecdsa(&k->pub, d.bytes, DIGEST_BYTES, sig.data, sig.len);
	} else if (point) {
		if (key_private_sign_ed25519(k, d.bytes, DIGEST_BYTES, &sig, err) < 0)
			return -1;
		good = key_verify_ed25519(point, d.bytes, DIGEST_BYTES,
					  (const uint8_t *)sig.data);
	} else {
		if (key_private_sign_rsa(k, d.bytes, &sig, err) < 0)
			return -1;
		good = key_verify_rsa(&k->pub, d.bytes, sig.data, sig.len);
	}
	return good ? 0
		    : err_set(err, ERR_INPUT, "the private key does not fit its public half");
}

static int
is_half(const struct key_private *k, const uint8_t *der, size_t len, struct err *err)
{
	if (k->pub.der_len == len && memcmp(k->pub.der, der, len) == 0)
		return 0;
	return err_set(err, ERR_INPUT, "key %s: not the public half of %s", k->pub.origin,
		       k->where);
}

int
key_private_load_at(const struct key_place *at, struct key_private **out, struct err *err)
{
	CLEANUP(key_private_free) struct key_private *k = NULL;
	CLEANUP(fd_close) int dirfd = -1;
	struct keyring ring = { 0 };
	char name[KEY_NAME_MAX];
	const uint8_t *der;
	size_t len;

	key_state_file(at->role, at->state, false, name);
	if (fd_open(at->dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return -1;
	if (key_private_load_bare(dirfd, at, &k, err) < 0)
		return err_wrap(err, "keys %s", at->dir);
	if (key_load(&k->arena, arena_format(&k->arena, "%s/%s", at->dir, name), &ring, err) <
	    0)
		return -1;
	der = k->pub.der;
	len = k->pub.der_len;
	k->pub = ring.at[0];
	if (!k->secret->backend) {
		if (is_half(k, der, len, err) < 0)
			return -1;
		if (check_halves(k, err) < 0)
			return err_wrap(err, "keys %s: %s", at->dir, k->where);
	}
	*out = STEAL_PTR(k);
	return 0;
}

static int
begin(struct key_private *k, struct err *err)
{
	const uint8_t *der;
	size_t len;

	if (key_secret_begin(k->pub.role, k->secret, err) < 0 ||
	    key_secret_spki(&k->arena, k->secret, &der, &len, err) < 0)
		return -1;
	if (k->pub.der) /* its public file was read */
		return is_half(k, der, len, err) < 0 ? -1 : check_halves(k, err);
	k->pub.der = der;
	k->pub.der_len = len;
	return 0;
}

int
key_private_begin(struct key_private *const *keys, size_t n, int set, struct err *err)
{
	CLEANUP(key_reach_release) struct key_reach reach = { 0 };
	size_t outside = 0;

	for (size_t i = 0; i < n; i++) {
		if (!keys[i] || !keys[i]->secret->backend)
			continue;
		key_reach_join(&reach, &keys[i]->reach);
		outside++;
	}
	if (outside == 0)
		return 0;
	if (setsid() < 0) /* no terminal by the name /dev/tty either */
		return err_sys(err, "leaving the session");
	if (key_fence(&reach, set, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (keys[i] && keys[i]->secret->backend && begin(keys[i], err) < 0)
			return err_wrap(err, "%s", keys[i]->where);
	return 0;
}

struct apart {
	proc_child_fn *fn;
	void *arg;
	int null;
};

/* The caller's terminal would take what a module types into it. */
static int
run_apart(void *arg, struct err *err)
{
	const struct apart *a = arg;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(a->null, fd) < 0)
			return err_sys(err, "the descriptors of a child process");
	return a->fn(a->arg, err);
}

int
key_private_apart(proc_child_fn *fn, void *arg, int set, int *out, struct buf *text,
		  struct err *err)
{
	CLEANUP(fd_close) int file = -1;
	CLEANUP(fd_close) int null = -1;
	struct apart apart = { .fn = fn, .arg = arg };
	struct proc_aside aside;

	if (fd_memory("what a key makes", &file, err) < 0 ||
	    fd_open("/dev/null", O_RDWR, &null, err) < 0)
		return -1;
	*out = file;
	apart.null = null;
	if (proc_aside_begin(run_apart, &apart, (int[]){ file, set, null }, 3, &aside, err) <
		    0 ||
	    proc_aside_end(&aside, err) < 0)
		return -1;
	if (lseek(file, 0, SEEK_SET) < 0)
		return err_sys(err, "what a key makes");
	return fd_read_all(file, text, err);
}

int
key_private_load(const char *dir, enum key_role role, struct key_private **out, struct err *err)
{
	return key_private_load_at(&(struct key_place){ .dir = dir, .role = role }, out, err);
}

void
key_private_free(struct key_private *k)
{
	if (!k)
		return;
	key_secret_free(k->secret);
	key_reach_release(&k->reach);
	arena_release(&k->arena);
	free(k);
}

int
key_private_is_locked(int dirfd, const struct key_place *at, bool *needed, struct err *err)
{
	CLEANUP(key_wipe) struct buf text = BUF_MAX(KEY_FILE_MAX);
	char name[KEY_NAME_MAX];

	*needed = false;
	key_state_file(at->role, at->state, true, name);
	if (!key_has_file(dirfd, at->role, at->state, true))
		return 0; /* the loading of the key says it better */
	(void)buf_reserve(&text, KEY_FILE_MAX);
	if (fd_read_file(dirfd, name, &text, err) < 0)
		return -1;
	*needed = strstr(buf_text(&text), "-----BEGIN ENCRYPTED") ||
		  (strstr(buf_text(&text), "pkcs11:") && !strstr(buf_text(&text), "pin_file:"));
	return 0;
}

bool
key_private_is_outside(const struct key_private *k)
{
	return k->secret->backend != NULL;
}

const struct key_public *
key_private_public(const struct key_private *k)
{
	return &k->pub;
}

int
key_private_sign_ecdsa(struct key_private *k, const void *data, size_t n, struct buf *sig,
		       struct err *err)
{
	if (!key_signs_ecdsa(k->pub.role))
		return err_set(err, ERR_INPUT, "the %s key makes no ECDSA signatures",
			       key_role_name(k->pub.role));
	return key_secret_sign_ecdsa(k->secret, data, n, sig, err);
}

int
key_private_sign_rsa(struct key_private *k, const uint8_t digest[32], struct buf *sig,
		     struct err *err)
{
	if (key_role_kind(k->pub.role) != KEY_OPENPGP || key_ed25519_point(&k->pub))
		return err_set(err, ERR_INPUT, "the %s key makes no RSA signatures",
			       key_role_name(k->pub.role));
	return key_secret_sign_rsa(k->secret, digest, sig, err);
}

int
key_private_sign_ed25519(struct key_private *k, const void *data, size_t n, struct buf *sig,
			 struct err *err)
{
	if (!key_ed25519_point(&k->pub))
		return err_set(err, ERR_INPUT, "the %s key makes no Ed25519 signatures",
			       key_role_name(k->pub.role));
	return key_secret_sign_ed25519(k->secret, data, n, sig, err);
}
