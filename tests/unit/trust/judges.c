/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `unit-trust --write-judges DIR` writes what tests/system/30-trust-judges.sh shows to stock
 * programs: a key set of the real size, signatures by the signer process, a bundle and its
 * pieces.
 */
#include "tests/unit/trust/keyset.h"
#include "base/mem.h"
#include "trust/openpgp.h"
#include "trust/signer.h"

#define FILE_MAX ((size_t)64 * 1024)
#define CREATED  1700000000 /* of the keys */
#define SIGNED   1700000500
#define LIFETIME 3600 /* of the signature that is long over */

static const char data[] = "<repomd>what a repository says of itself</repomd>\n";
static const char statement[] =
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{},\"predicateType\":"
	"\"https://kiln.invalid/inventory/v1\",\"subject\":[{\"digest\":{\"sha256\":"
	"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},\"name\":\"x\"}]}";

static int
put(int dirfd, const char *name, const void *bytes, size_t n, struct err *err)
{
	return fd_publish(dirfd, name, bytes, n, 0644, err);
}

/* NAME.sig and NAME.asc. */
static int
put_signature(int dirfd, const char *name, const struct buf *sig, struct err *err)
{
	CLEANUP(buf_free) struct buf armor = BUF_MAX(FILE_MAX);
	CLEANUP(mem_free) char *binary = mem_format("%s.sig", name);
	CLEANUP(mem_free) char *text = mem_format("%s.asc", name);

	openpgp_armor("SIGNATURE", sig->data, sig->len, &armor);
	if (put(dirfd, binary, sig->data, sig->len, err) < 0)
		return -1;
	return put(dirfd, text, armor.data, armor.len, err);
}

static int
write_openpgp(int dirfd, const char *keys, struct signer *s, struct err *err)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(FILE_MAX);
	CLEANUP(buf_free) struct buf old = BUF_MAX(FILE_MAX);
	CLEANUP(key_private_free) struct key_private *k = NULL;
	const struct key_public *pub = key_of_role(signer_keys(s), KEY_METADATA);

	if (put(dirfd, "data", data, strlen(data), err) < 0 ||
	    put(dirfd, "metadata.pgp", pub->cert, pub->cert_len, err) < 0 ||
	    signer_sign(s, KEY_METADATA, SIGNER_TYPE_REPOMD, SIGNED, data, strlen(data), &sig,
			err) < 0 ||
	    put_signature(dirfd, "data", &sig, err) < 0)
		return -1;
	if (key_private_load(keys, KEY_METADATA, &k, err) < 0 ||
	    openpgp_sign(k, data, strlen(data), SIGNED, LIFETIME, &old, err) < 0)
		return -1;
	return put_signature(dirfd, "expired", &old, err);
}

static int
write_dsse(int dirfd, struct signer *s, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(FILE_MAX);
	CLEANUP(buf_free) struct buf pae = BUF_MAX(FILE_MAX);
	const struct key_public *pub = key_of_role(signer_keys(s), KEY_BUILDER);

	if (signer_bundle(s, statement, strlen(statement), &bundle, err) < 0 ||
	    dsse_bundle_parse(&a, bundle.data, bundle.len, "bundle", &b, err) < 0)
		return -1;
	dsse_pae(b.payload_type, b.payload.data, b.payload.len, &pae);
	if (put(dirfd, "bundle.json", bundle.data, bundle.len, err) < 0 ||
	    put(dirfd, "pae", pae.data, pae.len, err) < 0 ||
	    put(dirfd, "pae.der", b.sig.data, b.sig.len, err) < 0)
		return -1;
	return put(dirfd, "keyid", pub->id, strlen(pub->id), err);
}

static int
write_all(const char *dir, struct err *err)
{
	CLEANUP(mem_free) char *keys = mem_format("%s/keys", dir);
	CLEANUP(signer_stop) struct signer *s = NULL;
	CLEANUP(fd_close) int dirfd = -1;
	bool made;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    key_init(keys, "Kiln Linux", CREATED, &made, err) < 0 ||
	    signer_start(keys, &s, err) < 0)
		return -1;
	if (write_openpgp(dirfd, keys, s, err) < 0)
		return -1;
	return write_dsse(dirfd, s, err);
}

__attribute__((constructor)) static void
write_when_asked(int argc, char **argv)
{
	struct err err;

	if (argc != 3 || strcmp(argv[1], "--write-judges") != 0)
		return;
	if (write_all(argv[2], &err) < 0) {
		(void)fprintf(stderr, "error: %s\n", err.text);
		_exit(1);
	}
	_exit(0);
}
