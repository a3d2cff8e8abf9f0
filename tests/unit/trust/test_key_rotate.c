/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that come and go: rotation, revocation, validity, passphrases, other back-ends. */
#include "tests/unit/trust/keyset.h"
#include "base/mem.h"
#include "trust/openpgp_priv.h"
#include "trust/signer_priv.h"
#include "trust/verify.h"

#define NOW     (KEYSET_CREATED + 5000)
#define SIG_MAX ((size_t)16 * 1024)

static const char statement[] =
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{},"
	"\"predicateType\":\"https://kiln.invalid/inventory/v1\","
	"\"subject\":[{\"digest\":{\"sha256\":\""
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"\"},\"name\":\"x\"}]}";
static const struct key_choice how = { .vendor = "V", .now = NOW, .ed25519 = true };

/* A set of one's own, OpenPGP keys on Ed25519. */
static char *
make_set(int dirfd)
{
	struct key_choice first = how;
	char *dir = mem_strdup(test_tmpdir_path(dirfd));
	struct err err;
	bool made;

	first.now = KEYSET_CREATED;
	assert_int_equal(key_init_as(dir, &first, &made, &err), 0);
	return dir;
}

static void
load(struct arena *a, const char *dir, struct keyring *ring)
{
	struct err err;

	*ring = (struct keyring){ 0 };
	if (key_load(a, dir, ring, &err) < 0)
		print_error("%s\n", err.text);
	assert_true(ring->n > 0);
}

static bool
has_state(const struct keyring *ring, enum key_role role, enum key_state state)
{
	for (size_t i = 0; i < ring->n; i++)
		if (ring->at[i].role == role && ring->at[i].state == state)
			return true;
	return false;
}

static const struct key_public *
of_state(const struct keyring *ring, enum key_role role, enum key_state state)
{
	for (size_t i = 0; i < ring->n; i++)
		if (ring->at[i].role == role && ring->at[i].state == state)
			return &ring->at[i];
	print_error("no such key\n");
	abort();
}

/* A signature of metadata by the set, in binary. */
static int
sign_metadata(const char *dir, struct buf *sig, struct err *err)
{
	CLEANUP(signer_stop) struct signer *s = NULL;

	if (signer_start(dir, &s, err) < 0)
		return -1;
	return signer_sign(s, KEY_METADATA, SIGNER_TYPE_REPOMD SIGNER_EXPIRES "600", NOW, "x",
			   1, sig, err);
}

TEST(key_rotation_has_an_overlap_in_which_both_sign_metadata)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = make_set(dirfd);
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	struct keyring before, during, after;
	const struct key_public *old, *next;
	int64_t expires;
	size_t count;
	bool made;

	load(&a, dir, &before);
	old = of_state(&before, KEY_METADATA, KEY_ACTIVE);
	assert_fails(key_rotate_finish(dir, KEY_METADATA, NOW, 60, err),
		     "no next metadata key");
	assert_ok(key_rotate(dir, KEY_METADATA, &how, &made, err));
	assert_true(made);
	assert_ok(key_rotate(dir, KEY_METADATA, &how, &made, err));
	assert_false(made);
	load(&a, dir, &during);
	next = of_state(&during, KEY_METADATA, KEY_NEXT);
	assert_int_equal(next->not_before, NOW);
	assert_string_equal(of_state(&during, KEY_METADATA, KEY_ACTIVE)->id, old->id);

	/* Both sign; who knows one of them is satisfied, who knows both counts two. */
	assert_ok(sign_metadata(dir, &sig, err));
	assert_ok(openpgp_count(&during, KEY_METADATA, "x", 1, sig.data, sig.len, NOW, &count,
				&expires, err));
	assert_int_equal(count, 2);
	assert_int_equal(expires, NOW + 600);
	assert_ok(openpgp_count(&before, KEY_METADATA, "x", 1, sig.data, sig.len, NOW, &count,
				&expires, err));
	assert_int_equal(count, 1);

	assert_ok(key_rotate_finish(dir, KEY_METADATA, NOW + 10, 60, err));
	load(&a, dir, &after);
	assert_string_equal(of_state(&after, KEY_METADATA, KEY_ACTIVE)->id, next->id);
	assert_false(has_state(&after, KEY_METADATA, KEY_NEXT));
	assert_int_equal(of_state(&after, KEY_METADATA, KEY_TRUSTED)->not_after, NOW + 70);
	assert_string_equal(of_state(&after, KEY_METADATA, KEY_TRUSTED)->id, old->id);
	buf_clear(&sig);
	assert_ok(sign_metadata(dir, &sig, err));
	assert_ok(openpgp_count(&after, KEY_METADATA, "x", 1, sig.data, sig.len, 0, &count,
				&expires, err));
	assert_int_equal(count, 1);
	assert_fails(openpgp_verify(&before, KEY_METADATA, "x", 1, sig.data, sig.len, 0, err),
		     "unknown key");
}

TEST(key_rotation_goes_on_wherever_it_was_killed)
{
	static const char *const moved[] = { "builder.key", "builder.pub", "builder-next.key" };

	for (size_t steps = 0; steps <= ARRAY_LEN(moved); steps++) {
		CLEANUP(fd_close) int dirfd = test_tmpdir();
		CLEANUP(mem_free) char *dir = make_set(dirfd);
		CLEANUP(arena_release) struct arena a = { 0 };
		CLEANUP(key_private_free) struct key_private *k = NULL;
		struct keyring ring;
		const char *id, *to;
		bool made;

		assert_ok(key_rotate(dir, KEY_BUILDER, &how, &made, err));
		load(&a, dir, &ring);
		id = of_state(&ring, KEY_BUILDER, KEY_NEXT)->id;
		for (size_t i = 0; i < steps; i++) { /* what a killed run had done */
			to = i == 2 ? "builder.key"
				    : key_past_file(&a,
						    of_state(&ring, KEY_BUILDER, KEY_ACTIVE),
						    "retired", i == 0 ? "key" : NULL);
			assert_int_equal(renameat(dirfd, moved[i], dirfd, to), 0);
		}
		assert_ok(key_rotate_finish(dir, KEY_BUILDER, NOW, 60, err));
		assert_ok(key_private_load(dir, KEY_BUILDER, &k, err));
		assert_string_equal(key_private_public(k)->id, id);
		load(&a, dir, &ring);
		assert_true(has_state(&ring, KEY_BUILDER, KEY_TRUSTED));
		assert_false(has_state(&ring, KEY_BUILDER, KEY_NEXT));
	}
}

TEST(key_of_the_past_counts_until_its_end_and_not_after)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = make_set(dirfd);
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	struct keyring ring;
	struct statement s;
	bool made;

	{
		CLEANUP(signer_stop) struct signer *signer = NULL;

		assert_ok(signer_start(dir, &signer, err));
		assert_ok(signer_bundle(signer, statement, strlen(statement), &bundle, err));
		assert_ok(signer_sign(signer, KEY_PACKAGES, SIGNER_TYPE_RPM, NOW + 100, "x", 1,
				      &sig, err));
	}
	assert_ok(key_rotate(dir, KEY_BUILDER, &how, &made, err));
	assert_ok(key_rotate(dir, KEY_PACKAGES, &how, &made, err));
	assert_ok(key_rotate_finish(dir, KEY_BUILDER, NOW, 50, err));
	assert_ok(key_rotate_finish(dir, KEY_PACKAGES, NOW, 50, err));
	load(&a, dir, &ring);
	for (int64_t at = NOW; at <= NOW + 100; at += 50) {
		ring.now = at;
		if (at <= NOW + 50)
			assert_ok(verify_bundle(&a, &ring, bundle.data, bundle.len, "b",
						STATEMENT_INVENTORY, NULL, &s, err));
		else
			assert_fails(verify_bundle(&a, &ring, bundle.data, bundle.len, "b",
						   STATEMENT_INVENTORY, NULL, &s, err),
				     "was valid until 2023-11-14T23:37:30Z");
	}
	/* An OpenPGP signature says itself when it was made. */
	assert_fails(openpgp_verify(&ring, KEY_PACKAGES, "x", 1, sig.data, sig.len, 0, err),
		     "was valid until");
}

TEST(key_that_is_revoked_signs_nothing_and_nothing_it_signed_counts)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = make_set(dirfd);
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(signer_stop) struct signer *s = NULL;
	struct keyring ring;
	const struct key_public *gone;
	struct statement out;
	const char *id;
	bool made;

	assert_ok(sign_metadata(dir, &sig, err));
	assert_ok(signer_start(dir, &s, err));
	assert_ok(signer_bundle(s, statement, strlen(statement), &bundle, err));
	load(&a, dir, &ring);
	id = of_state(&ring, KEY_METADATA, KEY_ACTIVE)->id;
	assert_fails(key_revoke(&how, dir, "SHA256:no", "x", err), "no key SHA256:no there");
	assert_ok(key_revoke(&how, dir, id, "its laptop was stolen", err));
	assert_ok(key_revoke(&how, dir, of_state(&ring, KEY_BUILDER, KEY_ACTIVE)->id, "too",
			     err));
	assert_fails(key_revoke(&how, dir, id, "again", err), "was revoked at");
	load(&a, dir, &ring);
	assert_fails(openpgp_verify(&ring, KEY_METADATA, "x", 1, sig.data, sig.len, 0, err),
		     "its laptop was stolen");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(verify_bundle(&a, &ring, bundle.data, bundle.len, "b", STATEMENT_INVENTORY,
				   NULL, &out, err),
		     "was revoked at 2023-11-14T23:36:40Z: too");
	buf_clear(&sig);
	assert_fails(sign_metadata(dir, &sig, err), "the key set has no metadata key");
	assert_ok(key_init_as(dir, &how, &made, err));
	assert_true(made);
	assert_ok(sign_metadata(dir, &sig, err));
	load(&a, dir, &ring);
	assert_ok(openpgp_verify(&ring, KEY_METADATA, "x", 1, sig.data, sig.len, 0, err));
	gone = key_find(&ring, id);
	assert_non_null(gone);
	if (!gone)
		return;
	assert_ok(fd_read_file(dirfd, key_past_file(&a, gone, "revoked", "rev"), &sig, err));
}

/* One file named by itself, and a second directory that knows nothing of it. */
TEST(key_file_alone_is_as_revoked_as_in_its_directory)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(fd_close) int otherfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = make_set(dirfd);
	CLEANUP(mem_free) char *other = mem_strdup(test_tmpdir_path(otherfd));
	CLEANUP(arena_release) struct arena a = { 0 };
	struct keyring ring, one = { 0 };
	const struct key_public *k;
	const char *file, *text;
	bool made;

	load(&a, dir, &ring);
	k = of_state(&ring, KEY_METADATA, KEY_ACTIVE);
	assert_true(key_is_bare(arena_format(&a, "%s/metadata.asc", dir)));
	assert_false(key_is_bare(dir));
	assert_ok(key_revoke(&how, dir, k->id, "its laptop was stolen", err));
	assert_ok(key_init_as(dir, &how, &made, err));
	file = arena_format(&a, "%s/%s", dir, key_past_file(&a, k, "revoked", NULL));
	assert_false(key_is_bare(file));
	assert_ok(key_load(&a, file, &one, err));
	assert_fails(key_check_valid(&one.at[0], 0, err), "its laptop was stolen");

	text = arena_format(&a, "{\"format\":1,\"keys\":[{\"id\":\"%s\"}]}", k->id);
	assert_ok(fd_publish(otherfd, KEY_RING_FILE, text, strlen(text), 0644, err));
	assert_ok(key_load(&a, other, &one, err));
	assert_fails(key_check_valid(&one.at[0], 0, err), "its laptop was stolen");
}

TEST(key_ring_file_takes_trust_and_gives_none)
{
	static const struct {
		const char *text, *reason;
	} bad[] = {
		{ "{\"format\":2,\"keys\":[]}", "not a key ring of format 1" },
		{ "{\"format\":1}", "not a key ring of format 1" },
		{ "{\"format\":1,\"keys\":[{}]}", "a key without its id" },
		{ "{\"format\":1,\"keys\":[{\"id\":\"x\",\"not_after\":\"soon\"}]}",
		  "'not_after' is not a time" },
		{ "{\"format\":1,\"keys\":[{\"id\":\"x\",\"revoked\":true}]}",
		  "'revoked' is not a time" },
		{ "{", "keyring.json" },
	};
	static const char strange[] =
		"{\"format\":1,\"keys\":[{\"id\":\"x\",\"revoked\":\"2020-01-01\"}]}";
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = make_set(dirfd);
	CLEANUP(arena_release) struct arena a = { 0 };
	struct keyring ring = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_ok(fd_publish(dirfd, KEY_RING_FILE, bad[i].text, strlen(bad[i].text),
				     0644, err));
		assert_fails(key_load(&a, dir, &ring, err), bad[i].reason);
		assert_int_equal(ring.n, 0);
	}
	assert_ok(fd_publish(dirfd, KEY_RING_FILE, strange, strlen(strange), 0644, err));
	load(&a, dir, &ring);
	assert_int_equal(ring.n, KEY_ROLES);
}

TEST(key_files_under_a_passphrase_open_with_it_only)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = mem_strdup(test_tmpdir_path(dirfd));
	CLEANUP(mem_free) char *file = mem_format("%s/secret", dir);
	CLEANUP(buf_free) struct buf pem = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	struct key_choice locked = how;
	struct key_place at = { .dir = dir, .role = KEY_PACKAGES };
	CLEANUP(key_private_free) struct key_private *k = NULL;
	CLEANUP(signer_stop) struct signer *s = NULL;
	CLEANUP(signer_stop) struct signer *wrong = NULL;
	bool made;

	locked.passphrase = "correct horse";
	assert_ok(key_init_as(dir, &locked, &made, err));
	assert_ok(fd_read_file(dirfd, "packages.key", &pem, err));
	assert_non_null(strstr(pem.data, "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
	assert_fails(key_private_load_at(&at, &k, err), "needs a passphrase");
	at.passphrase = "wrong horse";
	assert_fails(key_private_load_at(&at, &k, err), "the passphrase does not open");
	at.passphrase = "correct horse";
	assert_ok(key_private_load_at(&at, &k, err));

	assert_ok(fd_publish(dirfd, "secret", "correct horse\nmore", 18, 0600, err));
	assert_ok(signer_open(dir, &s, err));
	assert_ok(signer_passphrase(s, file, err));
	assert_ok(signer_sign(s, KEY_PACKAGES, SIGNER_TYPE_RPM, NOW, "x", 1, &sig, err));
	assert_int_equal(fchmodat(dirfd, "secret", 0644, 0), 0);
	assert_ok(signer_open(dir, &wrong, err));
	assert_ok(signer_passphrase(wrong, file, err));
	assert_fails(signer_wake(wrong, err), "others may read the file of the passphrase");
}

/* A program that signs with what was builder.key. */
static void
put_program(int dirfd, const char *body)
{
	CLEANUP(mem_free) char *text = mem_format("#!/bin/sh\n%s\n", body);
	struct err err;

	assert_int_equal(fd_publish(dirfd, "program", text, strlen(text), 0755, &err), 0);
}

TEST(key_behind_a_command_signs_and_a_bad_command_does_not)
{
	static const struct {
		const char *body, *reason;
	} bad[] = { { "exit 3", "made no signature (exit 3)" },
		    { "head -c 5000 /dev/zero", "is no signature" },
		    { ":", "is no signature" },
		    { "echo nonsense", "does not fit its public half" },
		    { "cat /dev/zero", "program" },
		    { "sleep 20", "program" } };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = make_set(dirfd);
	CLEANUP(mem_free)
	char *good = mem_format("cat %s/packages.key && exit 7; ls %s && exit 8\n"
				"test \"$2\" = ecdsa-sha256 && exec openssl pkeyutl -sign "
				"-inkey %s/moved",
				dir, dir, dir);
	CLEANUP(mem_free)
	char *text = mem_format("command:\n  program: [%s/program, word]\n"
				"  public: builder.pub\n  timeout: 1s\n  reads: [%s/moved]\n",
				dir, dir);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(SIG_MAX);
	CLEANUP(arena_release) struct arena a = { 0 };
	struct keyring ring;
	struct statement out;

	assert_int_equal(renameat(dirfd, "builder.key", dirfd, "moved"), 0);
	assert_ok(fd_publish(dirfd, "builder.key", text, strlen(text), 0600, err));
	load(&a, dir, &ring);
	put_program(dirfd, good);
	{
		CLEANUP(signer_stop) struct signer *s = NULL;

		assert_ok(signer_start(dir, &s, err));
		assert_ok(signer_bundle(s, statement, strlen(statement), &bundle, err));
		assert_ok(verify_bundle(&a, &ring, bundle.data, bundle.len, "b",
					STATEMENT_INVENTORY, NULL, &out, err));
		put_program(dirfd, "exit 3");
		buf_clear(&bundle);
		/* What was put in its place is another file, which the fence does not let in.
		 */
		assert_fails(signer_bundle(s, statement, strlen(statement), &bundle, err),
			     "start: Permission denied");
		assert_int_equal(bundle.len, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(signer_stop) struct signer *s = NULL;

		put_program(dirfd, bad[i].body);
		assert_fails(signer_start(dir, &s, err), bad[i].reason);
	}
}

TEST(key_fence_refuses_what_would_open_the_key_set)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = make_set(dirfd);
	const char *open[] = { dir, "/" };

	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		CLEANUP(mem_free)
		char *text = mem_format("command:\n  program: [/bin/true]\n"
					"  public: builder.pub\n  %s: [%s]\n",
					i ? "writes" : "reads", open[i]);
		CLEANUP(signer_stop) struct signer *s = NULL;

		assert_ok(fd_publish(dirfd, "builder.key", text, strlen(text), 0600, err));
		assert_fails(signer_start(dir, &s, err), "holds the key set itself");
	}
}

TEST(key_descriptions_are_read_strictly)
{
	static const struct {
		const char *text, *reason;
	} bad[] = {
		{ "command: {program: [sign], public: builder.pub}", "its whole path" },
		{ "command: {program: [], public: builder.pub}", "a list of 1 to" },
		{ "command: {program: [/x]}", "'public' is missing" },
		{ "command: {program: [/x], public: builder.pub, pin: 1}",
		  "unknown key 'pin'" },
		{ "command: {program: [/x], public: builder.pub, timeout: 2h}", "1s to 600s" },
		{ "command: {program: [/x], public: packages.asc}", "not a public key in PEM" },
		{ "pkcs11: {module: soft.so, token: t, object: o}", "its whole path" },
		{ "pkcs11: {module: /nonexistent.so, token: t, object: o}", "/nonexistent.so" },
		{ "pkcs11: {module: /x.so, token: t}", "'object' is missing" },
		{ "pkcs11: {module: /x.so, token: t, object: o, environment: 3}",
		  "must be a map of text" },
		{ "command: {program: [/bin/true], public: builder.pub, reads: [/nonexistent/y]}",
		  "/nonexistent/y: No such file" },
		{ "command: {program: [/bin/true], public: builder.pub, reads: [etc]}",
		  "etc: name it with its whole path" },
		{ "command: {program: [/bin/true], public: builder.pub, writes: /tmp}",
		  "a list of paths is due" },
		{ "command: {program: [/bin/true], public: builder.pub, network: maybe}",
		  "'network' must be true or false" },
		{ "command: {program: [/bin/true], public: builder.pub, sockets: 2}",
		  "'sockets' must be true or false" },
		{ "tpm: {}", "neither a private key in PEM" },
	};
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = make_set(dirfd);
	CLEANUP(key_private_free) struct key_private *k = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_ok(fd_publish(dirfd, "builder.key", bad[i].text, strlen(bad[i].text),
				     0600, err));
		assert_fails(key_private_load(dir, KEY_BUILDER, &k, err), bad[i].reason);
	}
	assert_ok(
		fd_publish(dirfd, "builder.key", bad[0].text, strlen(bad[0].text), 0644, err));
	assert_fails(key_private_load(dir, KEY_BUILDER, &k, err), "others may read");
}
