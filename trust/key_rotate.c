/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing keys without a day on which nobody can verify: the next key is made and shown, signs
 * along where a format takes several signatures, and takes over when those who verify have it.
 * Every step is one rename or one published file, so a run that was killed is gone on with.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "trust/key_crypto_priv.h"
#include "trust/key_priv.h"
#include "trust/openpgp.h"

int
key_rotate(const char *dir, enum key_role role, const struct key_choice *how, bool *made,
	   struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = -1;
	struct key_set set = { .rsa_bits = how->ed25519 ? 0 : KEY_RSA_BITS, .how = how };
	struct keyring ring = { 0 };
	char name[KEY_NAME_MAX];

	if (key_vendor_check(how->vendor, err) < 0 || key_set_open(dir, &dirfd, err) < 0)
		return err_wrap(err, "keys");
	set.dirfd = dirfd;
	*made = false;
	if (!key_has_file(dirfd, role, KEY_ACTIVE, true)) {
		(void)err_set(err, ERR_INPUT, "keys %s: there is no %s key to rotate", dir,
			      key_role_name(role));
		return err_hint(err, "`kiln key init` makes one");
	}
	key_state_file(role, KEY_NEXT, false, name);
	if (key_set_make(&set, role, KEY_NEXT, made, err) < 0 ||
	    key_load(&a, arena_format(&a, "%s/%s", dir, name), &ring, err) < 0)
		return err_wrap(err, "keys %s", dir);
	if (!*made)
		return 0;
	ring.at[0].not_before = ring.at[0].noted = how->now;
	return key_ring_note(dirfd, &ring.at[0], err);
}

static int
move(int dirfd, const char *from, const char *to, struct err *err)
{
	if (renameat(dirfd, from, dirfd, to) < 0)
		return err_sys(err, "rename %s to %s", from, to);
	return fd_sync_dir(dirfd, ".", err);
}

/* The key's two files, the secret one first: what cannot sign any more may still be read. */
static int
set_aside(struct arena *a, int dirfd, const struct key_public *k, enum key_state state,
	  const char *word, struct err *err)
{
	char name[KEY_NAME_MAX];

	key_state_file(k->role, state, true, name);
	if (key_has_file(dirfd, k->role, state, true) &&
	    move(dirfd, name, key_past_file(a, k, word, "key"), err) < 0)
		return -1;
	key_state_file(k->role, state, false, name);
	return move(dirfd, name, key_past_file(a, k, word, NULL), err);
}

static int
promote(int dirfd, enum key_role role, struct err *err)
{
	char from[KEY_NAME_MAX], to[KEY_NAME_MAX];

	for (int secret = 1; secret >= 0; secret--) {
		key_state_file(role, KEY_NEXT, secret, from);
		key_state_file(role, KEY_ACTIVE, secret, to);
		if (key_has_file(dirfd, role, KEY_NEXT, secret) &&
		    move(dirfd, from, to, err) < 0)
			return -1;
	}
	return 0;
}

int
key_rotate_finish(const char *dir, enum key_role role, int64_t now, int64_t overlap,
		  struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = -1;
	struct keyring ring = { 0 };
	char name[KEY_NAME_MAX];

	if (key_set_open(dir, &dirfd, err) < 0)
		return err_wrap(err, "keys");
	if (!key_has_file(dirfd, role, KEY_NEXT, false)) {
		(void)err_set(err, ERR_INPUT, "keys %s: there is no next %s key", dir,
			      key_role_name(role));
		return err_hint(err, "`kiln key rotate %s` makes one", key_role_name(role));
	}
	/* Secrets are moved first: a next secret that is gone is the active one already. */
	if (key_has_file(dirfd, role, KEY_ACTIVE, false) &&
	    key_has_file(dirfd, role, KEY_NEXT, true)) {
		key_file_name(role, false, name);
		if (key_load(&a, arena_format(&a, "%s/%s", dir, name), &ring, err) < 0 ||
		    key_ring_apply(&a, dirfd, dir, &ring, err) < 0)
			return -1;
		ring.at[0].not_after = now + overlap;
		ring.at[0].noted = now;
		if (key_ring_note(dirfd, &ring.at[0], err) < 0 ||
		    set_aside(&a, dirfd, &ring.at[0], KEY_ACTIVE, "retired", err) < 0)
			return err_wrap(err, "keys %s", dir);
	}
	if (promote(dirfd, role, err) < 0)
		return err_wrap(err, "keys %s", dir);
	return 0;
}

struct revoking { /* asked of a child of ours */
	const struct key_place *at;
	const struct key_public *k;
	int set, out;
};

static int
sign_revocation(void *arg, struct err *err)
{
	const struct revoking *r = arg;
	CLEANUP(key_private_free) struct key_private *secret = NULL;
	CLEANUP(buf_free) struct buf packet = BUF_MAX(KEY_FILE_MAX);

	if (key_private_load_at(r->at, &secret, err) < 0 ||
	    key_private_begin(&secret, 1, r->set, err) < 0 ||
	    openpgp_revocation(secret, r->k->revoked, r->k->reason, &packet, err) < 0)
		return -1;
	return fd_write_all(r->out, packet.data, packet.len, err);
}

/* ROLE-revoked-ID.rev, while the secret that makes it is still at hand. */
static int
write_revocation(struct arena *a, const struct key_place *at, int dirfd,
		 const struct key_public *k, struct err *err)
{
	struct revoking r = { .at = at, .k = k, .set = dirfd };
	CLEANUP(buf_free) struct buf packet = BUF_MAX(KEY_FILE_MAX);
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_FILE_MAX);

	if (key_private_apart(sign_revocation, &r, dirfd, &r.out, &packet, err) < 0)
		return -1;
	openpgp_armor("PUBLIC KEY BLOCK", packet.data, packet.len, &text);
	if (buf_check(&text, "revocation", err) < 0)
		return -1;
	return fd_publish(dirfd, key_past_file(a, k, "revoked", "rev"), text.data, text.len,
			  0644, err);
}

int
key_revoke(const struct key_choice *how, const char *dir, const char *id, const char *reason,
	   struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = -1;
	struct key_place at = { .dir = dir, .passphrase = how->passphrase };
	struct keyring ring = { 0 };
	struct key_public k;

	if (key_set_open(dir, &dirfd, err) < 0 || key_load(&a, dir, &ring, err) < 0)
		return -1;
	if (!key_find(&ring, id))
		return err_set(err, ERR_INPUT, "keys %s: no key %s there", dir, id);
	k = *key_find(&ring, id);
	if (k.revoked)
		return key_check_valid(&k, 0, err);
	k.revoked = k.noted = how->now;
	k.reason = reason;
	at.role = k.role;
	at.state = k.state;
	if (key_role_kind(k.role) == KEY_OPENPGP && k.state != KEY_TRUSTED &&
	    key_has_file(dirfd, k.role, k.state, true) &&
	    write_revocation(&a, &at, dirfd, &k, err) < 0)
		return err_wrap(err, "keys %s", dir);
	if (key_ring_note(dirfd, &k, err) < 0)
		return -1;
	return k.state == KEY_TRUSTED ? 0 : set_aside(&a, dirfd, &k, k.state, "revoked", err);
}
