/* SPDX-License-Identifier: Apache-2.0 */
/* The signature header: written whole, read strictly, compared with what it speaks of. */
#include "repo/pkgfile_priv.h"
#include "base/mem.h"
#include "trust/openpgp.h"
#include <rpm/header.h>
#include <rpm/rpmcrypto.h>
#include <rpm/rpmtag.h>

static void
header_free_scope(Header *h)
{
	if (*h)
		headerFree(*h);
}

static void
sha1_hex(const void *data, size_t n, char out[41])
{
	DIGEST_CTX ctx;
	char *hex = NULL;
	size_t len = 0;

	if (rpmInitCrypto() != 0 || !(ctx = rpmDigestInit(RPM_HASH_SHA1, RPMDIGEST_NONE)) ||
	    rpmDigestUpdate(ctx, data, n) != 0 ||
	    rpmDigestFinal(ctx, (void **)&hex, &len, 1) != 0 || len != 41)
		abort(); /* a crypto library without SHA-1 has no way to write what rpm 4 reads
			  */
	memcpy(out, hex, 41);
	free(hex);
}

void
pkgfile_signature_digests(const void *header, size_t n, struct pkgfile_signatures *out)
{
	struct digest d;

	digest_of(header, n, &d);
	digest_hex(&d, out->sha256);
	sha1_hex(header, n, out->sha1);
}

/* Signature tags share numbers with others in librpm's tables: type and tag are set by hand. */
static bool
put(Header h, rpmTagVal tag, rpmTagType type, const void *data, size_t count)
{
	struct rpmtd_s td = { 0 };

	td.tag = tag;
	td.type = type;
	td.count = (rpm_count_t)count;
	td.data = (void *)(uintptr_t)data;
	return headerPut(h, &td, HEADERPUT_DEFAULT);
}

/* rpm keeps a signature by its family: RSA, or any on a curve under the tag that was DSA's. */
static rpmTagVal
signature_tag(const struct pkgfile_signatures *s)
{
	struct openpgp_claim claim;
	struct err ignored;

	if (openpgp_claim(s->rsa, s->rsa_len, &claim, &ignored) == 0 && claim.eddsa)
		return RPMSIGTAG_DSA;
	return RPMSIGTAG_RSA;
}

int
pkgfile_signature_write(const struct pkgfile_signatures *s, struct buf *out, struct err *err)
{
	CLEANUP(header_free) Header h = headerNew();
	CLEANUP(mem_free) void *blob = NULL;
	unsigned int n = 0;

	if (!put(h, RPMSIGTAG_SHA1, RPM_STRING_TYPE, s->sha1, 1) ||
	    !put(h, RPMSIGTAG_SHA256, RPM_STRING_TYPE, s->sha256, 1) ||
	    !put(h, RPMSIGTAG_SIZE, RPM_INT32_TYPE, &s->size, 1) ||
	    !put(h, RPMSIGTAG_PAYLOADSIZE, RPM_INT32_TYPE, &s->archive_size, 1) ||
	    (s->rsa && !put(h, signature_tag(s), RPM_BIN_TYPE, s->rsa, s->rsa_len)))
		return err_set(err, ERR_INPUT,
			       "librpm refused an entry of the signature header");
	h = headerReload(h, RPMTAG_HEADERSIGNATURES);
	blob = h ? headerExport(h, &n) : NULL;
	if (!blob)
		return err_set(err, ERR_INPUT, "librpm cannot make a signature header");
	buf_add(out, rpm_header_magic, sizeof(rpm_header_magic));
	buf_add(out, blob, n);
	while ((PKGFILE_LEAD_BYTES + out->len) % 8)
		buf_add_char(out, '\0');
	return buf_check(out, "signature header", err);
}

static bool
is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

/* One entry into out, the packet into rsa. False when it is not what its tag demands. */
static bool
take(rpmtd td, struct buf *rsa, struct pkgfile_signatures *out)
{
	const uint32_t *number;

	switch (td->tag) {
	case RPMSIGTAG_SHA1:
	case RPMSIGTAG_SHA256: {
		size_t n = td->tag == RPMSIGTAG_SHA1 ? 40 : 64;

		if (td->type != RPM_STRING_TYPE || !is_hex(td->data, n))
			return false;
		memcpy(n == 40 ? out->sha1 : out->sha256, td->data, n + 1);
		return true;
	}
	case RPMSIGTAG_SIZE:
	case RPMSIGTAG_PAYLOADSIZE:
		number = rpmtdGetUint32(td);
		if (!number || td->count != 1)
			return false;
		*(td->tag == RPMSIGTAG_SIZE ? &out->size : &out->archive_size) = *number;
		return true;
	case RPMSIGTAG_RSA:
	case RPMSIGTAG_DSA:
		if (rsa->len > 0 || td->type != RPM_BIN_TYPE || td->count == 0 ||
		    td->count > PKGFILE_MAX_PACKET)
			return false;
		buf_add(rsa, td->data, td->count);
		return true;
	case RPMTAG_HEADERSIGNATURES:
		return true;
	default:
		return false;
	}
}

static int
take_all(Header h, const char *name, struct buf *rsa, struct pkgfile_signatures *out,
	 struct err *err)
{
	HeaderIterator it = headerInitIterator(h);
	struct rpmtd_s td;
	rpmTagVal bad = 0;

	while (!bad && headerNext(it, &td)) {
		if (!take(&td, rsa, out))
			bad = td.tag;
		rpmtdFreeData(&td);
	}
	headerFreeIterator(it);
	if (bad)
		return err_set(
			err, ERR_INPUT,
			"%s: entry %u of the signature header is not one of Kiln's packages",
			name, (unsigned)bad);
	if (!*out->sha256 || !*out->sha1)
		return err_set(err, ERR_INPUT,
			       "%s: signature header has no digests of the main header", name);
	return 0;
}

/* Written again from what was understood, the bytes are the same: nothing hides in a gap, an
 * odd order or an entry behind the end. */
static int
check_canonical(const struct pkgfile_signatures *s, const struct buf *whole, const char *name,
		struct err *err)
{
	CLEANUP(buf_free) struct buf again = BUF_MAX(PKGFILE_MAX_SIGNATURE + PKGFILE_MAX_INDEX);

	if (pkgfile_signature_write(s, &again, err) < 0)
		return -1;
	if (again.len < whole->len || memcmp(again.data, whole->data, whole->len) != 0)
		return err_set(
			err, ERR_INPUT,
			"%s: signature header is not laid out as Kiln's packages have it",
			name);
	return 0;
}

int
pkgfile_signature_read(int fd, const char *name, const struct pkgfile_layout *l,
		       struct buf *packet, struct pkgfile_signatures *out, struct err *err)
{
	CLEANUP(header_free) Header h = NULL;
	CLEANUP(buf_free) struct buf whole = BUF_MAX(PKGFILE_MAX_SIGNATURE + PKGFILE_MAX_INDEX);
	struct pkgfile_signatures s = { .size = 0 };
	size_t skip = sizeof(rpm_header_magic);

	if (pkgfile_layout_bytes(fd, name, l->signature_start, l->signature_end, &whole, err) <
	    0)
		return -1;
	h = headerImport(whole.data + skip, (unsigned int)(whole.len - skip),
			 HEADERIMPORT_COPY);
	if (!h)
		return err_set(err, ERR_INPUT, "%s: signature header is damaged", name);
	buf_clear(packet);
	if (take_all(h, name, packet, &s, err) < 0 || buf_check(packet, "signature", err) < 0)
		return -1;
	s.rsa = packet->len ? (const uint8_t *)packet->data : NULL;
	s.rsa_len = packet->len;
	if (check_canonical(&s, &whole, name, err) < 0)
		return -1;
	*out = s;
	return 0;
}

int
pkgfile_signature_check(const struct pkgfile_signatures *s, const struct buf *header,
			const struct pkgfile_layout *l, const char *name, struct err *err)
{
	struct pkgfile_signatures real;

	pkgfile_signature_digests(header->data, header->len, &real);
	if (strcmp(real.sha256, s->sha256) != 0 || strcmp(real.sha1, s->sha1) != 0)
		return err_set(err, ERR_VERIFY, "%s: header digest is %s, the package says %s",
			       name, real.sha256, s->sha256);
	if (l->size - l->header_start != s->size)
		return err_set(err, ERR_VERIFY,
			       "%s: header and payload are %llu bytes, the package says %u",
			       name, (unsigned long long)(l->size - l->header_start), s->size);
	return 0;
}
