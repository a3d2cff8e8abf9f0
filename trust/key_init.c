/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a key set. Killed at any moment it leaves whole files only, and the next run goes on:
 * the private key is published before its public file, a public file that is missing is made
 * from the private key, and a private key that exists is never written again.
 */
#include "trust/key.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "trust/key_crypto_priv.h"
#include "trust/key_priv.h"
#include "trust/openpgp.h"

#include <fcntl.h>
#include <sys/file.h>

#define VENDOR_MAX 100
#define CERT_MAX   ((size_t)32 * 1024)

static bool
is_there(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int
key_set_open(const char *dir, int *dirfd, struct err *err)
{
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno == ENOENT) {
		CLEANUP(mem_free) char *parent = mem_strdup(dir);
		char *slash;

		for (size_t n = strlen(parent); n > 1 && parent[n - 1] == '/'; n--)
			parent[n - 1] = '\0';
		slash = strrchr(parent, '/');
		if (slash && slash != parent) {
			*slash = '\0';
			if (fd_mkdirs(AT_FDCWD, parent, err) < 0)
				return -1;
		}
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return err_sys(err, "cannot make %s", dir);
	}
	if (fd_open(dir, O_RDONLY | O_DIRECTORY, dirfd, err) < 0)
		return -1;
	if (fstat(*dirfd, &st) < 0 || flock(*dirfd, LOCK_EX) < 0)
		return err_sys(err, "cannot lock %s", dir);
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		(void)err_set(err, ERR_INPUT, "others may write into the key directory %s",
			      dir);
		return err_hint(err, "chmod go-w the directory");
	}
	return 0;
}

static int
make_private(const struct key_set *set, enum key_role role, enum key_state state,
	     struct err *err)
{
	CLEANUP(key_secret_free) struct key_secret *secret = NULL;
	CLEANUP(key_wipe) struct buf pem = BUF_MAX(KEY_FILE_MAX);
	char private_name[KEY_NAME_MAX], public_name[KEY_NAME_MAX];

	key_state_file(role, state, true, private_name);
	key_state_file(role, state, false, public_name);
	if (is_there(set->dirfd, public_name)) {
		(void)err_set(err, ERR_INPUT, "%s is there, %s is not", public_name,
			      private_name);
		return err_hint(err, "bring the private key back, or move the public one away");
	}
	(void)buf_reserve(&pem, KEY_FILE_MAX);
	if (key_secret_make(role, set->rsa_bits, &secret, err) < 0 ||
	    key_secret_pem(secret, set->how->passphrase, &pem, err) < 0)
		return -1;
	return fd_publish(set->dirfd, private_name, pem.data, pem.len, 0600, err);
}

static int
make_certificate(const struct key_set *set, struct key_private *k, struct buf *out,
		 struct err *err)
{
	CLEANUP(buf_free) struct buf cert = BUF_MAX(CERT_MAX);
	const char *role = key_role_name(key_private_public(k)->role);
	CLEANUP(mem_free)
	char *uid = mem_format("%s %s <%s@kiln.invalid>", set->how->vendor, role, role);

	if (openpgp_cert(k, set->how->now, uid, &cert, err) < 0)
		return -1;
	openpgp_armor("PUBLIC KEY BLOCK", cert.data, cert.len, out);
	return buf_check(out, "certificate", err);
}

struct made { /* asked of a child of ours */
	const struct key_set *set;
	struct key_place at;
	int out;
};

/* A module or a program that holds the secret may run here: nothing is read or made after it.
 */
static int
write_public(void *arg, struct err *err)
{
	const struct made *m = arg;
	CLEANUP(key_private_free) struct key_private *k = NULL;
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_FILE_MAX);
	int rc;

	if (key_private_load_bare(m->set->dirfd, &m->at, &k, err) < 0 ||
	    key_private_begin(&k, 1, m->set->dirfd, err) < 0)
		return -1;
	switch (key_role_kind(m->at.role)) {
	case KEY_OPENPGP:
		rc = make_certificate(m->set, k, &text, err);
		break;
	case KEY_CERTIFIED:
		rc = key_chain_make(key_private_public(k), m->set->how->vendor,
				    m->set->how->now, &text, err);
		break;
	case KEY_P256:
	case KEY_ED25519:
	default:
		rc = key_export(key_private_public(k), &text, err);
		break;
	}
	return rc < 0 ? -1 : fd_write_all(m->out, text.data, text.len, err);
}

static int
make_public(const struct key_set *set, enum key_role role, enum key_state state,
	    struct err *err)
{
	struct made m = {
		.set = set,
		.at = { .role = role, .state = state, .passphrase = set->how->passphrase }
	};
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_FILE_MAX);
	char name[KEY_NAME_MAX];

	key_state_file(role, state, false, name);
	if (key_private_apart(write_public, &m, set->dirfd, &m.out, &text, err) < 0)
		return -1;
	return fd_publish(set->dirfd, name, text.data, text.len, 0644, err);
}

/* The vendor stands in the user id, whose form is `Name <address>`. */
int
key_vendor_check(const char *vendor, struct err *err)
{
	size_t n = strlen(vendor);

	if (n == 0 || n > VENDOR_MAX)
		return err_set(err, ERR_INPUT,
			       "vendor name of %zu bytes (1 to %d are accepted)", n,
			       VENDOR_MAX);
	for (size_t i = 0; i < n; i++) {
		if (vendor[i] < ' ' || vendor[i] > '~' || strchr("<>()", vendor[i]))
			return err_set(err, ERR_INPUT,
				       "vendor name '%s': only plain ASCII without <>()",
				       vendor);
	}
	return 0;
}

int
key_set_make(const struct key_set *set, enum key_role role, enum key_state state, bool *made,
	     struct err *err)
{
	char name[KEY_NAME_MAX];

	key_state_file(role, state, true, name);
	if (!is_there(set->dirfd, name)) {
		*made = true;
		if (make_private(set, role, state, err) < 0)
			return err_wrap(err, "%s", name);
	}
	key_state_file(role, state, false, name);
	if (!is_there(set->dirfd, name)) {
		*made = true;
		if (make_public(set, role, state, err) < 0)
			return err_wrap(err, "%s", name);
	}
	return 0;
}

static int
init(const char *dir, const struct key_choice *how, unsigned int rsa_bits, bool *made,
     struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	struct key_set set = { .how = how, .rsa_bits = rsa_bits };
	bool any = false;

	if (key_vendor_check(how->vendor, err) < 0 || key_set_open(dir, &dirfd, err) < 0)
		return err_wrap(err, "keys");
	set.dirfd = dirfd;
	for (unsigned int r = 0; r < KEY_ROLES; r++)
		if (key_set_make(&set, (enum key_role)r, KEY_ACTIVE, &any, err) < 0)
			return err_wrap(err, "keys %s", dir);
	*made = any;
	return 0;
}

int
key_init_sized(const char *dir, const char *vendor, int64_t now, unsigned int rsa_bits,
	       bool *made, struct err *err)
{
	const struct key_choice how = { .vendor = vendor, .now = now };

	return init(dir, &how, rsa_bits, made, err);
}

int
key_init_as(const char *dir, const struct key_choice *how, bool *made, struct err *err)
{
	return init(dir, how, how->ed25519 ? 0 : KEY_RSA_BITS, made, err);
}

/* Asked of a child of ours; note: descriptor that gets a byte when anything was made. */
struct asked {
	const char *dir, *vendor;
	int64_t now;
	int note;
};

static int
init_and_note(void *arg, struct err *err)
{
	const struct asked *asked = arg;
	bool made;

	if (key_init_sized(asked->dir, asked->vendor, asked->now, KEY_RSA_BITS, &made, err) < 0)
		return -1;
	return made ? fd_write_all(asked->note, "m", 1, err) : 0;
}

/* In a child of its own: libraries leave numbers behind in memory that they gave back, and
 * whoever asks here goes on and forks. */
int
key_init(const char *dir, const char *vendor, int64_t now, bool *made, struct err *err)
{
	CLEANUP(buf_free) struct buf note = BUF_MAX(1);
	struct asked asked = { .dir = dir, .vendor = vendor, .now = now };

	if (key_private_apart(init_and_note, &asked, -1, &asked.note, &note, err) < 0)
		return -1;
	*made = note.len > 0;
	return 0;
}
