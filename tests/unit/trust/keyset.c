/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"
#include "base/mem.h"
#include "trust/signer.h"

struct keyset {
	char *path;
	struct key_private *keys[KEY_ROLES];
};

static struct keyset trusted, other;
static struct keyring ring;
static struct arena ring_arena;

__attribute__((constructor)) static void
serve_when_asked(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], SIGNER_ARGV1) == 0)
		_exit(signer_serve(argc, argv));
}

static void
must(int rc, const struct err *err)
{
	if (rc < 0) {
		print_error("%s\n", err->text);
		abort();
	}
}

static void
release(void)
{
	for (unsigned int r = 0; r < KEY_ROLES; r++) {
		key_private_free(trusted.keys[r]);
		key_private_free(other.keys[r]);
	}
	free(trusted.path);
	free(other.path);
	arena_release(&ring_arena);
}

static const char *
make(struct keyset *set)
{
	struct err err;
	bool made;
	int dirfd;

	if (set->path)
		return set->path;
	if (!trusted.path && !other.path && atexit(release) != 0)
		abort();
	dirfd = test_tmpdir();
	set->path = mem_format("%s/keys", test_tmpdir_path(dirfd));
	close(dirfd);
	must(key_init_sized(set->path, "Test Vendor", KEYSET_CREATED, KEY_RSA_MIN_BITS, &made,
			    &err),
	     &err);
	return set->path;
}

static struct key_private *
load(struct keyset *set, enum key_role role)
{
	struct err err;

	if (!set->keys[role])
		must(key_private_load(make(set), role, &set->keys[role], &err), &err);
	return set->keys[role];
}

const char *
keyset_path(void)
{
	return make(&trusted);
}

const char *
keyset_other_path(void)
{
	return make(&other);
}

const struct keyring *
keyset_ring(void)
{
	struct err err;

	if (ring.n == 0)
		must(key_load(&ring_arena, keyset_path(), &ring, &err), &err);
	return &ring;
}

struct key_private *
keyset_private(enum key_role role)
{
	return load(&trusted, role);
}

struct key_private *
keyset_other_private(enum key_role role)
{
	return load(&other, role);
}

void
keyset_bundle(struct key_private *k, const char *keyid, const char *payload, struct buf *out)
{
	CLEANUP(buf_free) struct buf pae = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(1024);
	struct err err;

	dsse_pae(DSSE_INTOTO_TYPE, payload, strlen(payload), &pae);
	must(key_private_sign_ecdsa(k, pae.data, pae.len, &sig, &err), &err);
	dsse_bundle_write(keyid, DSSE_INTOTO_TYPE, payload, strlen(payload), sig.data, sig.len,
			  out);
	must(buf_check(out, "bundle", &err), &err);
}

void
keyset_replace(const struct buf *text, const char *from, const char *to, struct buf *out)
{
	const char *at = strstr(buf_text(text), from);

	assert_non_null(at);
	buf_clear(out);
	buf_add(out, text->data, (size_t)(at - text->data));
	buf_add_str(out, to);
	buf_add_str(out, at + strlen(from));
}
