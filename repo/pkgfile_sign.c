/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing, unsigning and verifying: the signature header is laid anew, the lead in front and
 * everything behind it are copied as they are. So a signature can be taken off again without a
 * trace, and the digests of header and payload never depend on a key.
 */
#include "repo/pkgfile_priv.h"
#include "base/fd.h"
#include "trust/openpgp.h"

#define NAME "package" /* the descriptors here come from our own store */

static int
copy_tail(int in, int out, uint64_t from, struct err *err)
{
	if (lseek(in, (off_t)from, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in a package file");
	return fd_copy(in, out, UINT64_MAX, NULL, err);
}

/* in's package to out with rsa (NULL: none) as its only signature. */
static int
rewrite(int in, int out, const void *rsa, size_t n, struct err *err)
{
	CLEANUP(buf_free) struct buf old = BUF_MAX(PKGFILE_MAX_PACKET);
	CLEANUP(buf_free) struct buf front = BUF_MAX(PKGFILE_MAX_SIGNATURE + PKGFILE_MAX_INDEX);
	CLEANUP(buf_free) struct buf lead = BUF_MAX(PKGFILE_LEAD_BYTES);
	struct pkgfile_signatures s;
	struct pkgfile_layout l;

	if (pkgfile_layout_find(in, NAME, &l, err) < 0 ||
	    pkgfile_signature_read(in, NAME, &l, &old, &s, err) < 0 ||
	    pkgfile_layout_bytes(in, NAME, 0, PKGFILE_LEAD_BYTES, &lead, err) < 0)
		return -1;
	s.rsa = rsa;
	s.rsa_len = n;
	if (pkgfile_signature_write(&s, &front, err) < 0 ||
	    fd_write_all(out, lead.data, lead.len, err) < 0 ||
	    fd_write_all(out, front.data, front.len, err) < 0)
		return -1;
	return copy_tail(in, out, l.header_start, err);
}

int
pkgfile_add_signature(int in, int out, const void *sig, size_t n, struct err *err)
{
	if (!sig || n == 0 || n > PKGFILE_MAX_PACKET)
		return err_set(err, ERR_INPUT,
			       "a signature packet of %zu bytes is not one for a package", n);
	return rewrite(in, out, sig, n, err);
}

int
pkgfile_strip_signature(int in, int out, struct err *err)
{
	return rewrite(in, out, NULL, 0, err);
}

int
pkgfile_verify(int fd, const char *name, const struct keyring *ring, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(pkgfile_read_close) struct pkgfile_opened o = { .header = NULL };
	struct pkgfile p;

	if (pkgfile_read_open(fd, name, &o, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (!o.signatures.rsa) {
		(void)err_set(err, ERR_VERIFY, "%s is not signed", name);
		return err_hint(err, "publish it with `kiln publish`");
	}
	if (openpgp_verify(ring, KEY_PACKAGES, o.raw_header.data, o.raw_header.len,
			   o.signatures.rsa, o.signatures.rsa_len, 0, err) < 0)
		return err_wrap(err, "%s", name);
	/* Signed by a trusted key; what is signed must also be a package as we make them. */
	if (pkgfile_read_facts(&a, &o, name, &p, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}
