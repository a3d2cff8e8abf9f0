/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"
#include "base/mem.h"
#include "base/proc.h"

/* `ssh-keygen -lf` prints this name for this key. */
static const char known_pem[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6l6hmkYL33IW9Blc/cBdi4ujSXBk\n"
	"A9hr1nm+QpXLYASTiV8RM6DB4rl8jI0kAEdX0Dl40yudx9QtjEA3p/UpWQ==\n"
	"-----END PUBLIC KEY-----\n";
static const char known_id[] = "SHA256:sRozvyjWStuVI2Wl3703hSwu0LV7t6RXRQRu8SWXrXU";
static const char p384_pem[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEfXDkpFC94rG04N6wuCpQVWfs9S8NfGhp\n"
	"F9OXHsV9+AtTAHta9qza+CR9vZNQD4TGs4yUTQ9qCYP09fxijzrcwtSsLXaaJZ7y\n"
	"/2298aDjEgn6qy5DeRoKETMxi74S+PUw\n"
	"-----END PUBLIC KEY-----\n";

static const char *const set_files[] = { "builder.key",  "builder.pub",  "packages.key",
					 "packages.asc", "metadata.key", "metadata.asc" };

static void
put(int dirfd, const char *name, const char *text, mode_t mode)
{
	struct err err;

	assert_int_equal(fd_publish(dirfd, name, text, strlen(text), mode, &err), 0);
}

static void
get(int dirfd, const char *name, struct buf *out)
{
	struct err err;

	buf_clear(out);
	assert_int_equal(fd_read_file(dirfd, name, out, &err), 0);
}

/* Copies a file of the trusted set. */
static void
lend(int dirfd, const char *name, const char *as, mode_t mode)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_FILE_MAX);
	CLEANUP(mem_free) char *path = mem_format("%s/%s", keyset_path(), name);

	get(AT_FDCWD, path, &text);
	put(dirfd, as, text.data, mode);
}

static mode_t
mode_of(int dirfd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

TEST(key_init_makes_a_whole_set_with_private_modes)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = mem_format("%s/a/b/keys", test_tmpdir_path(dirfd));
	CLEANUP(fd_close) int set = -1;
	CLEANUP(arena_release) struct arena a = { 0 };
	struct keyring ring = { 0 };
	bool made = false;

	assert_false(key_present(dir));
	assert_ok(key_init(dir, "Kiln Linux", KEYSET_CREATED, &made, err));
	assert_true(made);
	assert_true(key_present(dir));
	assert_ok(fd_open(dir, O_RDONLY | O_DIRECTORY, &set, err));
	assert_int_equal(mode_of(set, "."), 0700);
	for (size_t i = 0; i < ARRAY_LEN(set_files); i++)
		assert_int_equal(mode_of(set, set_files[i]),
				 strstr(set_files[i], ".key") ? 0600 : 0644);

	assert_ok(key_load(&a, dir, &ring, err));
	assert_int_equal(ring.n, KEY_ROLES);
	assert_string_equal(key_of_role(&ring, KEY_METADATA)->openpgp_uid,
			    "Kiln Linux metadata <metadata@kiln.invalid>");
	assert_int_equal(key_of_role(&ring, KEY_PACKAGES)->created, KEYSET_CREATED);
	assert_true(key_of_role(&ring, KEY_PACKAGES)->der_len > 4096 / 8);
}

TEST(key_init_twice_changes_nothing)
{
	CLEANUP(buf_free) struct buf before = BUF_MAX(KEY_FILE_MAX);
	CLEANUP(buf_free) struct buf after = BUF_MAX(KEY_FILE_MAX);
	bool made = true;

	for (size_t i = 0; i < ARRAY_LEN(set_files); i++) {
		CLEANUP(mem_free) char *path = mem_format("%s/%s", keyset_path(), set_files[i]);

		get(AT_FDCWD, path, &before);
		assert_ok(key_init_sized(keyset_path(), "Other", 1, KEY_RSA_MIN_BITS, &made,
					 err));
		assert_false(made);
		get(AT_FDCWD, path, &after);
		assert_string_equal(before.data, after.data);
	}
}

TEST(key_init_resumes_after_a_kill_between_the_halves)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = mem_strdup(test_tmpdir_path(dirfd));
	CLEANUP(key_private_free) struct key_private *k = NULL;
	CLEANUP(buf_free) struct buf pem = BUF_MAX(KEY_FILE_MAX);
	CLEANUP(buf_free) struct buf lent = BUF_MAX(KEY_FILE_MAX);
	bool made = false;

	lend(dirfd, "packages.key", "packages.key", 0600);
	lend(dirfd, "builder.key", "builder.key", 0600);
	get(dirfd, "packages.key", &lent);
	assert_ok(key_init_sized(dir, "V", KEYSET_CREATED, KEY_RSA_MIN_BITS, &made, err));
	assert_true(made);
	get(dirfd, "packages.key", &pem);
	assert_string_equal(pem.data, lent.data);
	assert_ok(key_private_load(dir, KEY_PACKAGES, &k, err));
	assert_int_equal(key_private_public(k)->der_len,
			 key_of_role(keyset_ring(), KEY_PACKAGES)->der_len);
	assert_memory_equal(key_private_public(k)->der,
			    key_of_role(keyset_ring(), KEY_PACKAGES)->der,
			    key_private_public(k)->der_len);
}

TEST(key_init_twice_at_once_makes_one_set)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = mem_strdup(test_tmpdir_path(dirfd));
	pid_t pids[2];
	int status, made_by = 0;
	bool made;

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			made = false;
			if (key_init_sized(dir, "V", KEYSET_CREATED, KEY_RSA_MIN_BITS, &made,
					   err) < 0)
				_exit(2);
			_exit(made);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		assert_ok(proc_wait(pids[i], &status, err));
		assert_in_range(status, 0, 1);
		made_by += status;
	}
	assert_int_equal(made_by, 1);
	for (unsigned int r = 0; r < KEY_ROLES; r++) {
		CLEANUP(key_private_free) struct key_private *k = NULL;

		assert_ok(key_private_load(dir, (enum key_role)r, &k, err));
	}
}

TEST(key_init_refuses_a_public_file_without_its_private_half)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	bool made;

	lend(dirfd, "builder.pub", "builder.pub", 0644);
	assert_fails(
		key_init_sized(test_tmpdir_path(dirfd), "V", 1, KEY_RSA_MIN_BITS, &made, err),
		"builder.pub is there, builder.key is not");
}

TEST(key_init_refuses_a_directory_that_others_write)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	bool made;

	assert_int_equal(fchmod(dirfd, 0777), 0);
	assert_fails(
		key_init_sized(test_tmpdir_path(dirfd), "V", 1, KEY_RSA_MIN_BITS, &made, err),
		"others may write into the key directory");
}

TEST(key_init_refuses_a_vendor_that_would_break_the_user_id)
{
	bool made;

	assert_fails(key_init("/nonexistent/x", "A <b@c>", 1, &made, err),
		     "only plain ASCII without <>()");
	assert_fails(key_init("/nonexistent/x", "", 1, &made, err), "vendor name of 0 bytes");
}

TEST(key_id_of_a_builder_is_what_ssh_keygen_prints)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_FILE_MAX);
	struct keyring ring = { 0 };

	put(dirfd, "anything.pub", known_pem, 0644);
	assert_ok(key_load(&a, arena_format(&a, "%s/anything.pub", test_tmpdir_path(dirfd)),
			   &ring, err));
	assert_int_equal(ring.n, 1);
	assert_string_equal(ring.at[0].id, known_id);
	assert_ptr_equal(key_find(&ring, known_id), &ring.at[0]);
	assert_null(key_find(&ring, "SHA256:x"));
	assert_null(key_of_role(&ring, KEY_PACKAGES));
	assert_ok(key_export(&ring.at[0], &text, err));
	assert_string_equal(text.data, known_pem);
}

TEST(key_load_tells_the_role_by_a_word_of_the_name)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(arena_release) struct arena a = { 0 };
	struct keyring ring = { 0 };

	lend(dirfd, "packages.asc", "packages-2026.asc", 0644);
	lend(dirfd, "metadata.asc", "kiln.metadata.asc", 0644);
	put(dirfd, "notary.pub", known_pem, 0644);        /* a role of a later version */
	put(dirfd, "prepackages.asc", "not a key", 0644); /* no word of its own */
	put(dirfd, "packages.pub", "not a key", 0644);
	put(dirfd, "README", "not a key", 0644);
	assert_ok(key_load(&a, test_tmpdir_path(dirfd), &ring, err));
	assert_int_equal(ring.n, 2);
	assert_int_equal(ring.at[0].role, KEY_METADATA);
	assert_int_equal(ring.at[1].role, KEY_PACKAGES);
	assert_non_null(strstr(ring.at[1].origin, "/packages-2026.asc"));
	/* Loading the same again adds nothing. */
	assert_ok(key_load(&a, test_tmpdir_path(dirfd), &ring, err));
	assert_int_equal(ring.n, 2);
}

TEST(key_of_timestamps_has_a_certificate_and_its_issuer)
{
	const struct key_public *k = key_of_role(keyset_ring(), KEY_TIMESTAMP);
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf mine = BUF_MAX(KEY_FILE_MAX);
	CLEANUP(buf_free) struct buf theirs = BUF_MAX(KEY_FILE_MAX);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(1024);
	CLEANUP(mem_free) char *other = mem_format("%s/timestamp.pem", keyset_other_path());
	CLEANUP(mem_free) char *path = NULL;
	struct keyring ring = { 0 };
	char *second;

	assert_true(k->cert_len > 300 && k->issuer_len > 300);
	assert_memory_equal(k->id, "SHA256:", 7);
	assert_ok(key_private_sign_ecdsa(keyset_private(KEY_TIMESTAMP), "x", 1, &sig, err));
	assert_true(key_verify_ecdsa(k, "x", 1, sig.data, sig.len));
	assert_ok(key_export(k, &mine, err));
	path = mem_format("%s/timestamp.pem", test_tmpdir_path(dirfd));
	put(dirfd, "timestamp.pem", mine.data, 0644);
	assert_ok(key_load(&a, path, &ring, err));
	assert_string_equal(ring.at[0].id, k->id);

	/* The certificate with the issuer of another, twice itself, and alone. */
	get(AT_FDCWD, other, &theirs);
	second = strstr(mine.data + 1, "-----BEGIN");
	{
		CLEANUP(mem_free)
		char *mixed = mem_format("%.*s%s", (int)(second - mine.data), mine.data,
					 strstr(theirs.data + 1, "-----BEGIN"));
		CLEANUP(mem_free)
		char *twice = mem_format("%.*s%.*s", (int)(second - mine.data), mine.data,
					 (int)(second - mine.data), mine.data);
		CLEANUP(mem_free) char *issuers = mem_format("%s%s", second, second);
		CLEANUP(mem_free) char *three = mem_format("%s%s", mine.data, second);

		put(dirfd, "timestamp.pem", mixed, 0644);
		assert_fails(key_load(&a, path, &ring, err), "did not sign the first");
		put(dirfd, "timestamp.pem", twice, 0644);
		assert_fails(key_load(&a, path, &ring, err), "not an issuer's");
		put(dirfd, "timestamp.pem", issuers, 0644);
		assert_fails(key_load(&a, path, &ring, err), "not for timestamps only");
		put(dirfd, "timestamp.pem", three, 0644);
		assert_fails(key_load(&a, path, &ring, err), "more than two certificates");
	}
	*second = '\0';
	put(dirfd, "timestamp.pem", mine.data, 0644);
	assert_fails(key_load(&a, path, &ring, err), "not two certificates");
}

TEST(key_load_refuses_what_is_no_key_and_leaves_the_ring)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(mem_free) char *dir = mem_strdup(test_tmpdir_path(dirfd));
	CLEANUP(mem_free) char *two = mem_format("%s%s", known_pem, known_pem);
	struct keyring ring = { 0 };

	assert_fails(key_load(&a, dir, &ring, err), "kiln key init");
	lend(dirfd, "packages.asc", "mine.asc", 0644);
	assert_fails(key_load(&a, arena_format(&a, "%s/mine.asc", dir), &ring, err),
		     "does not tell the role");
	assert_fails(key_load(&a, arena_format(&a, "%s/gone.pub", dir), &ring, err),
		     "gone.pub");
	put(dirfd, "builder.pub", p384_pem, 0644);
	assert_fails(key_load(&a, dir, &ring, err), "not an ECDSA key on P-256");
	put(dirfd, "builder.pub", two, 0644);
	assert_fails(key_load(&a, dir, &ring, err), "more than one PEM block");
	put(dirfd, "builder.pub", "nonsense", 0644);
	assert_fails(key_load(&a, dir, &ring, err), "not a public key in PEM");
	put(dirfd, "builder.pub", known_pem, 0644);
	put(dirfd, "packages.asc", known_pem, 0644);
	assert_fails(key_load(&a, dir, &ring, err), "packages.asc: armor");
	assert_int_equal(ring.n, 0);
}

TEST(key_private_load_refuses_a_file_that_others_read)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(key_private_free) struct key_private *k = NULL;

	lend(dirfd, "builder.pub", "builder.pub", 0644);
	lend(dirfd, "builder.key", "builder.key", 0604);
	assert_fails(key_private_load(test_tmpdir_path(dirfd), KEY_BUILDER, &k, err),
		     "others may read or change this private key (mode 0604)");
}

TEST(key_private_load_refuses_halves_that_do_not_belong_together)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(key_private_free) struct key_private *k = NULL;

	lend(dirfd, "builder.key", "builder.key", 0600);
	put(dirfd, "builder.pub", known_pem, 0644);
	assert_fails(key_private_load(test_tmpdir_path(dirfd), KEY_BUILDER, &k, err),
		     "not the public half of builder.key");
	lend(dirfd, "metadata.key", "packages.key", 0600);
	lend(dirfd, "packages.asc", "packages.asc", 0644);
	assert_fails(key_private_load(test_tmpdir_path(dirfd), KEY_PACKAGES, &k, err),
		     "not the public half of packages.key");
}

static int
load_bare(int dirfd, enum key_role role, struct key_private **out, struct err *err)
{
	return key_private_load_bare(dirfd, &(struct key_place){ .role = role }, out, err);
}

TEST(key_private_load_refuses_the_wrong_kind_and_size)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(key_private_free) struct key_private *k = NULL;
	CLEANUP(key_secret_free) struct key_secret *small = NULL;
	CLEANUP(buf_free) struct buf pem = BUF_MAX(KEY_FILE_MAX);

	lend(dirfd, "packages.key", "builder.key", 0600);
	assert_fails(load_bare(dirfd, KEY_BUILDER, &k, err), "not an ECDSA key on P-256");
	lend(dirfd, "builder.key", "packages.key", 0600);
	assert_fails(load_bare(dirfd, KEY_PACKAGES, &k, err), "not an RSA key");
	assert_ok(key_secret_make(KEY_METADATA, 1024, &small, err));
	assert_ok(key_secret_pem(small, NULL, &pem, err));
	put(dirfd, "metadata.key", pem.data, 0600);
	assert_fails(load_bare(dirfd, KEY_METADATA, &k, err), "RSA key of 1024 bits");
	put(dirfd, "metadata.key", known_pem, 0600);
	assert_fails(load_bare(dirfd, KEY_METADATA, &k, err), "not a private key in PEM");
	put(dirfd, "metadata.key", "nonsense\n", 0600);
	assert_fails(load_bare(dirfd, KEY_METADATA, &k, err),
		     "neither a private key in PEM nor one");
	assert_null(k);
}

TEST(key_private_signs_only_in_its_own_way)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(1024);
	uint8_t digest[32] = { 0 };

	assert_fails(key_private_sign_ecdsa(keyset_private(KEY_PACKAGES), "x", 1, &sig, err),
		     "the packages key makes no ECDSA signatures");
	assert_fails(key_private_sign_rsa(keyset_private(KEY_BUILDER), digest, &sig, err),
		     "the builder key makes no RSA signatures");
	assert_fails(key_private_sign_rsa(keyset_private(KEY_LOG), digest, &sig, err),
		     "the log key makes no RSA signatures");
	assert_fails(key_private_sign_ed25519(keyset_private(KEY_BUILDER), "x", 1, &sig, err),
		     "the builder key makes no Ed25519 signatures");
	assert_int_equal(sig.len, 0);
}

/* DER `30 len 02 n r 02 n s` to the raw form r || s of 64 bytes. */
static void
raw_form(const struct buf *der, uint8_t out[64])
{
	const uint8_t *at = (const uint8_t *)der->data + 2;

	memset(out, 0, 64);
	for (size_t i = 0; i < 2; i++) {
		size_t n = at[1], drop = n > 32 ? n - 32 : 0;

		memcpy(out + 32 * i + 32 - (n - drop), at + 2 + drop, n - drop);
		at += 2 + n;
	}
}

TEST(key_verify_ecdsa_accepts_der_and_nothing_else)
{
	const struct key_public *k = key_of_role(keyset_ring(), KEY_BUILDER);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(1024);
	uint8_t raw[64];

	assert_ok(key_private_sign_ecdsa(keyset_private(KEY_BUILDER), "data", 4, &sig, err));
	assert_true(key_verify_ecdsa(k, "data", 4, sig.data, sig.len));
	assert_false(key_verify_ecdsa(k, "dat", 3, sig.data, sig.len));
	assert_false(key_verify_ecdsa(k, "data", 4, sig.data, sig.len - 1));
	assert_false(key_verify_ecdsa(k, "data", 4, sig.data, 0));
	raw_form(&sig, raw);
	assert_false(key_verify_ecdsa(k, "data", 4, raw, sizeof(raw)));
	assert_false(key_verify_ecdsa(key_private_public(keyset_other_private(KEY_BUILDER)),
				      "data", 4, sig.data, sig.len));
	assert_false(key_verify_ecdsa(key_of_role(keyset_ring(), KEY_PACKAGES), "data", 4,
				      sig.data, sig.len));
	for (size_t i = 0; i < sig.len; i++) {
		sig.data[i] = (char)(sig.data[i] ^ 1);
		assert_false(key_verify_ecdsa(k, "data", 4, sig.data, sig.len));
		sig.data[i] = (char)(sig.data[i] ^ 1);
	}
	buf_add_char(&sig, 0);
	assert_false(key_verify_ecdsa(k, "data", 4, sig.data, sig.len));
}

TEST(key_verify_rsa_needs_the_right_digest_key_and_role)
{
	const struct key_public *k = key_of_role(keyset_ring(), KEY_PACKAGES);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(2048);
	struct digest d;

	digest_of("data", 4, &d);
	assert_ok(key_private_sign_rsa(keyset_private(KEY_PACKAGES), d.bytes, &sig, err));
	assert_true(key_verify_rsa(k, d.bytes, sig.data, sig.len));
	assert_false(key_verify_rsa(key_of_role(keyset_ring(), KEY_METADATA), d.bytes, sig.data,
				    sig.len));
	assert_false(key_verify_rsa(key_of_role(keyset_ring(), KEY_BUILDER), d.bytes, sig.data,
				    sig.len));
	assert_false(key_verify_rsa(k, d.bytes, sig.data, sig.len - 1));
	assert_false(key_verify_rsa(k, d.bytes, sig.data, 0));
	buf_add_char(&sig, 0);
	assert_false(key_verify_rsa(k, d.bytes, sig.data, sig.len));
	d.bytes[0] ^= 1;
	assert_false(key_verify_rsa(k, d.bytes, sig.data, sig.len - 1));
}

TEST(key_role_names_are_the_stems_of_the_files)
{
	assert_string_equal(key_role_name(KEY_BUILDER), "builder");
	assert_string_equal(key_role_name(KEY_PACKAGES), "packages");
	assert_string_equal(key_role_name(KEY_METADATA), "metadata");
	assert_string_equal(key_role_name(KEY_LOG), "log");
	assert_string_equal(key_role_name(KEY_ROLES), "unknown");
}
