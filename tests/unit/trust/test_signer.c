/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"
#include "base/mem.h"
#include "trust/note.h"
#include "trust/openpgp.h"
#include "trust/signer_priv.h"
#include "trust/verify.h"
#include <dirent.h>
#include <signal.h>

#define CHECKPOINT "log.example.org\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define SIG_MAX    ((size_t)4096)

static const char statement[] =
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{},"
	"\"predicateType\":\"https://kiln.invalid/inventory/v1\","
	"\"subject\":[{\"digest\":{\"sha256\":\""
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"\"},\"name\":\"x\"}]}";

static struct signer *
start(void)
{
	struct signer *s = NULL;
	struct err err_, *err = &err_;

	assert_ok(signer_start(keyset_path(), &s, err));
	return s;
}

/* A file of /proc/PID; empty when it may not be read. */
static void
proc_file(pid_t pid, const char *name, struct buf *out)
{
	CLEANUP(mem_free) char *path = mem_format("/proc/%d/%s", (int)pid, name);
	struct err err;

	buf_clear(out);
	if (fd_read_file(AT_FDCWD, path, out, &err) < 0)
		buf_clear(out);
}

TEST(signer_makes_bundles_that_verify)
{
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf bundle = BUF_MAX((size_t)64 * 1024);
	struct statement out;

	assert_int_equal(signer_keys(s)->n, KEY_ROLES);
	assert_ok(signer_bundle(s, statement, strlen(statement), &bundle, err));
	assert_ok(verify_bundle(&a, keyset_ring(), bundle.data, bundle.len, "b",
				STATEMENT_INVENTORY, NULL, &out, err));
}

TEST(signer_makes_openpgp_signatures_never_older_than_the_key)
{
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf old = BUF_MAX(SIG_MAX);
	struct openpgp_claim claim;

	assert_ok(signer_sign(s, KEY_METADATA, SIGNER_TYPE_REPOMD, KEYSET_CREATED + 5,
			      "<repomd/>", 9, &sig, err));
	assert_ok(openpgp_verify(keyset_ring(), KEY_METADATA, "<repomd/>", 9, sig.data, sig.len,
				 0, err));
	assert_ok(openpgp_claim(sig.data, sig.len, &claim, err));
	assert_int_equal(claim.created, KEYSET_CREATED + 5);
	assert_int_equal(claim.expires, 0);

	assert_ok(signer_sign(s, KEY_PACKAGES, SIGNER_TYPE_RPM, 1, "header", 6, &old, err));
	assert_ok(openpgp_verify(keyset_ring(), KEY_PACKAGES, "header", 6, old.data, old.len, 0,
				 err));
	assert_ok(openpgp_claim(old.data, old.len, &claim, err));
	assert_int_equal(claim.created, KEYSET_CREATED);
}

TEST(signer_refuses_a_type_that_does_not_fit_the_role)
{
	static const char *const types[] = { SIGNER_TYPE_INTOTO,
					     SIGNER_TYPE_RPM,
					     SIGNER_TYPE_REPOMD,
					     SIGNER_TYPE_CHECKPOINT,
					     "",
					     "text/plain" };
	static const char *const fits[KEY_ROLES] = {
		[KEY_BUILDER] = SIGNER_TYPE_INTOTO,     [KEY_IMAGE] = SIGNER_TYPE_INTOTO,
		[KEY_REBUILDER] = SIGNER_TYPE_INTOTO,   [KEY_PACKAGES] = SIGNER_TYPE_RPM,
		[KEY_METADATA] = SIGNER_TYPE_REPOMD,    [KEY_LOG] = SIGNER_TYPE_CHECKPOINT,
		[KEY_WITNESS] = SIGNER_TYPE_CHECKPOINT,
	};
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);

	for (unsigned int r = 0; r < KEY_ROLES; r++) {
		for (unsigned int t = 0; t < ARRAY_LEN(types); t++) {
			if (fits[r] && strcmp(fits[r], types[t]) == 0)
				continue;
			assert_fails(signer_sign(s, (enum key_role)r, types[t], 0, "x", 1, &sig,
						 err),
				     "key may not sign");
			assert_int_equal(sig.len, 0);
		}
	}
	assert_ok(signer_sign(s, KEY_BUILDER, SIGNER_TYPE_INTOTO, 0, "x", 1, &sig, err));
}

TEST(signer_of_a_set_without_a_role_says_how_to_make_it)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = mem_strdup(test_tmpdir_path(dirfd));
	CLEANUP(signer_stop) struct signer *s = NULL;
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	bool made;

	assert_ok(key_init_sized(dir, "V", KEYSET_CREATED, KEY_RSA_MIN_BITS, &made, err));
	assert_int_equal(unlinkat(dirfd, "image.key", 0), 0);
	assert_int_equal(unlinkat(dirfd, "image.pub", 0), 0);
	assert_true(key_present(dir));
	assert_ok(signer_start(dir, &s, err));
	assert_int_equal(signer_keys(s)->n, KEY_ROLES - 1);
	assert_fails(signer_sign(s, KEY_IMAGE, SIGNER_TYPE_INTOTO, 0, "x", 1, &sig, err),
		     "the key set has no image key");
	assert_non_null(strstr(err->text, "kiln key init"));
	assert_fails(signer_bundle_as(s, KEY_IMAGE, "x", 1, &sig, err),
		     "the key set has no image key");
	assert_ok(signer_sign(s, KEY_BUILDER, SIGNER_TYPE_INTOTO, 0, "x", 1, &sig, err));
}

TEST(signer_makes_bundles_of_each_role_that_count_for_no_other)
{
	static const enum key_role roles[] = { KEY_BUILDER, KEY_IMAGE, KEY_REBUILDER };
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(arena_release) struct arena a = { 0 };
	struct verify_ask ask = { .ring = keyset_ring(),
				  .name = "b",
				  .predicate_type = STATEMENT_INVENTORY };
	struct statement out;

	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		CLEANUP(buf_free) struct buf bundle = BUF_MAX((size_t)64 * 1024);

		assert_ok(signer_bundle_as(s, roles[i], statement, strlen(statement), &bundle,
					   err));
		for (size_t j = 0; j < ARRAY_LEN(roles); j++) {
			ask.role = roles[j];
			if (i == j)
				assert_ok(verify_bundle_as(&a, &ask, bundle.data, bundle.len,
							   &out, err));
			else
				assert_fails(verify_bundle_as(&a, &ask, bundle.data, bundle.len,
							      &out, err),
					     ", which is a ");
		}
	}
}

TEST(signer_cosigns_checkpoints_with_the_witness_key)
{
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIG_MAX);
	const struct key_public *k = key_of_role(signer_keys(s), KEY_WITNESS);

	assert_ok(signer_sign(s, KEY_WITNESS, SIGNER_TYPE_CHECKPOINT, 1700000000, CHECKPOINT,
			      strlen(CHECKPOINT), &sig, err));
	note_cosigned(1700000000, CHECKPOINT, strlen(CHECKPOINT), &text);
	assert_true(key_verify_ed25519(key_ed25519_point(k), text.data, text.len,
				       (const uint8_t *)sig.data));
	assert_fails(signer_sign(s, KEY_WITNESS, SIGNER_TYPE_CHECKPOINT, 0, "x", 1, &sig, err),
		     "not the three lines");
}

TEST(signer_takes_a_payload_of_a_mebibyte_and_no_more)
{
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(mem_free) char *payload = mem_alloc(SIGNER_MAX_PAYLOAD + 1);

	assert_ok(signer_sign(s, KEY_PACKAGES, SIGNER_TYPE_RPM, KEYSET_CREATED, payload,
			      SIGNER_MAX_PAYLOAD, &sig, err));
	assert_ok(openpgp_verify(keyset_ring(), KEY_PACKAGES, payload, SIGNER_MAX_PAYLOAD,
				 sig.data, sig.len, 0, err));
	assert_fails(signer_sign(s, KEY_PACKAGES, SIGNER_TYPE_RPM, 0, payload,
				 SIGNER_MAX_PAYLOAD + 1, &sig, err),
		     "payload of 1048577 bytes (1048576 are accepted)");
}

TEST(signer_answers_malformed_and_oversize_requests_and_lives)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *reason;
	} cases[] = {
		{ "", 0, "malformed request of 0 bytes" },
		{ "\0\0\0\0\0\0\0\0\0", 9, "malformed request of 9 bytes" },
		{ "\10\0\0\0\0\0\0\0\0\0", 10, "malformed request: no role 8" },
		{ "\377\0\0\0\0\0\0\0\0\0", 10, "malformed request: no role 255" },
		{ "\0\0\0\0\0\0\0\0\0\1", 10, "malformed request: payload type" },
		{ "\0\0\0\0\0\0\0\0\0\101", 10, "malformed request: payload type" },
		{ "\0\0\0\0\0\0\0\0\0\2a\0", 12, "malformed request: payload type" },
		{ "\0\0\0\0\0\0\0\0\0\0", 10, "may not sign payloads of type ''" },
		{ "\1\377\377\377\377\377\377\377\377\30application/x-rpm-header", 34, NULL },
	};
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(mem_free) char *big = mem_alloc(SIGNER_MAX_REQUEST + 1);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&sig);
		if (cases[i].reason)
			assert_fails(signer_call(s, cases[i].bytes, cases[i].n, &sig, err),
				     cases[i].reason);
		else
			assert_ok(signer_call(s, cases[i].bytes, cases[i].n, &sig,
					      err)); /* time -1: raised */
	}
	assert_fails(signer_call(s, big, SIGNER_MAX_REQUEST + 1, &sig, err), "request over");
	assert_int_equal(err->code, ERR_LIMIT);
	assert_fails(signer_call(s, big, SIGNER_MAX_REQUEST, &sig, err), "payload of");
	buf_clear(&sig);
	assert_ok(signer_sign(s, KEY_BUILDER, SIGNER_TYPE_INTOTO, 0, "x", 1, &sig, err));
}

TEST(signer_death_is_an_error_and_not_a_signal)
{
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);

	assert_int_equal(kill(signer_pid(s), SIGKILL), 0);
	assert_fails(signer_sign(s, KEY_BUILDER, SIGNER_TYPE_INTOTO, 0, "x", 1, &sig, err),
		     "signer: the signer process died of signal 9");
	assert_fails(signer_sign(s, KEY_BUILDER, SIGNER_TYPE_INTOTO, 0, "x", 1, &sig, err),
		     "signer: the signer process is gone");
}

TEST(signer_holds_nothing_and_can_open_nothing)
{
	CLEANUP(fd_close)
	int leak = open("/dev/null", O_RDONLY); /* without close-on-exec, on purpose */
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(buf_free) struct buf text = BUF_MAX((size_t)64 * 1024);
	CLEANUP(mem_free) char *fds = mem_format("/proc/%d/fd", (int)signer_pid(s));
	int n = 0;
	DIR *d;

	proc_file(signer_pid(s), "limits", &text);
	assert_non_null(
		strstr(buf_text(&text), "Max open files            0                    0"));
	proc_file(signer_pid(s), "status", &text);
	assert_non_null(strstr(buf_text(&text), "NoNewPrivs:\t1"));
	proc_file(signer_pid(s), "environ", &text);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(text.len, 0);
#endif
	/* Not dumpable: its /proc belongs to root, so only root can count. */
	d = opendir(fds);
	if (geteuid() != 0) {
		assert_null(d);
		return;
	}
	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	assert_int_equal(n, 2 + 3 + 1 + 1); /* dots, null device thrice, socket, log */
}

TEST(signer_logs_each_use_before_it_answers)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = mem_strdup(test_tmpdir_path(dirfd));
	CLEANUP(signer_stop) struct signer *s = NULL;
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf log = BUF_MAX(SIG_MAX);
	struct stat st;
	bool made;

	assert_ok(key_init_sized(dir, "V", KEYSET_CREATED, KEY_RSA_MIN_BITS, &made, err));
	assert_ok(signer_start(dir, &s, err));
	assert_ok(signer_sign(s, KEY_BUILDER, SIGNER_TYPE_INTOTO, 0, "abc", 3, &sig, err));
	assert_fails(signer_sign(s, KEY_BUILDER, SIGNER_TYPE_RPM, 0, "abc", 3, &sig, err),
		     "may not sign");
	assert_ok(fd_read_file(dirfd, "uses.log", &log, err));
	assert_non_null(
		strstr(log.data,
		       " application/vnd.in-toto+json sha256:"
		       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3\n"));
	assert_non_null(strstr(log.data, "Z builder SHA256:"));
	assert_ptr_equal(strchr(log.data, '\n'), log.data + log.len - 1);
	assert_int_equal(fstatat(dirfd, "uses.log", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

TEST(signer_appends_to_a_log_that_is_there)
{
	CLEANUP(signer_stop) struct signer *one = start();
	CLEANUP(signer_stop) struct signer *two = start();
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf log = BUF_MAX((size_t)1024 * 1024);
	CLEANUP(mem_free) char *path = mem_format("%s/uses.log", keyset_path());
	size_t before, lines = 0;

	assert_ok(fd_read_file(AT_FDCWD, path, &log, err));
	before = log.len;
	for (int i = 0; i < 4; i++)
		assert_ok(signer_sign(i % 2 ? one : two, KEY_BUILDER, SIGNER_TYPE_INTOTO, 0,
				      "x", 1, &sig, err));
	buf_clear(&log);
	assert_ok(fd_read_file(AT_FDCWD, path, &log, err));
	for (const char *at = log.data + before; *at; at = strchr(at, '\n') + 1)
		lines++;
	assert_int_equal(lines, 4);
}

TEST(signer_start_says_what_is_wrong_with_the_keys)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(signer_stop) struct signer *s = NULL;

	assert_fails(signer_start("/nonexistent/keys", &s, err), "signer: /nonexistent/keys");
	assert_fails(signer_start(test_tmpdir_path(dirfd), &s, err), "no key there");
	assert_null(s);
}

TEST(signer_that_is_only_opened_knows_its_keys_and_starts_when_it_signs)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = mem_strdup(test_tmpdir_path(dirfd));
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(signer_stop) struct signer *s = NULL;
	CLEANUP(signer_stop) struct signer *broken = NULL;
	bool made;

	assert_ok(signer_open(keyset_path(), &s, err));
	assert_int_equal(signer_pid(s), 0);
	assert_non_null(key_of_role(signer_keys(s), KEY_BUILDER));
	assert_ok(signer_bundle(s, statement, strlen(statement), &bundle, err));
	assert_int_not_equal(signer_pid(s), 0);

	assert_ok(key_init_sized(dir, "V", KEYSET_CREATED, KEY_RSA_MIN_BITS, &made, err));
	assert_int_equal(unlinkat(dirfd, "builder.key", 0), 0);
	assert_ok(signer_open(dir, &broken, err));
	assert_fails(signer_wake(broken, err), "builder.key");
}

TEST(signer_does_not_follow_a_link_that_replaced_its_log)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *dir = mem_strdup(test_tmpdir_path(dirfd));
	CLEANUP(signer_stop) struct signer *s = NULL;
	bool made;

	assert_ok(key_init_sized(dir, "V", KEYSET_CREATED, KEY_RSA_MIN_BITS, &made, err));
	assert_int_equal(symlinkat("victim", dirfd, "uses.log"), 0);
	assert_fails(signer_start(dir, &s, err), "uses.log");
	assert_int_equal(faccessat(dirfd, "victim", F_OK, 0), -1);
}

TEST(signer_signs_checkpoints_and_nothing_else_with_the_log_key)
{
	CLEANUP(signer_stop) struct signer *s = start();
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	const struct key_public *k = key_of_role(signer_keys(s), KEY_LOG);

	assert_ok(signer_sign(s, KEY_LOG, SIGNER_TYPE_CHECKPOINT, 0, CHECKPOINT,
			      strlen(CHECKPOINT), &sig, err));
	assert_int_equal(sig.len, 64);
	assert_true(key_verify_ed25519(key_ed25519_point(k), CHECKPOINT, strlen(CHECKPOINT),
				       (const uint8_t *)sig.data));
	assert_fails(signer_sign(s, KEY_LOG, SIGNER_TYPE_CHECKPOINT, 0,
				 "cosignature/v1\ntime 1\n" CHECKPOINT,
				 strlen("cosignature/v1\ntime 1\n" CHECKPOINT), &sig, err),
		     "not the three lines");
	assert_fails(signer_sign(s, KEY_LOG, SIGNER_TYPE_INTOTO, 0, "x", 1, &sig, err),
		     "may not sign");
	assert_fails(signer_sign(s, KEY_BUILDER, SIGNER_TYPE_CHECKPOINT, 0, CHECKPOINT,
				 strlen(CHECKPOINT), &sig, err),
		     "may not sign");
}

/* The same request handling in this process: the child's pure half. */
TEST(signer_answer_signs_and_logs_what_is_allowed)
{
	static const struct {
		enum key_role role;
		const char *type, *payload;
	} uses[] = { { KEY_BUILDER, SIGNER_TYPE_INTOTO, "payload" },
		     { KEY_PACKAGES, SIGNER_TYPE_RPM, "payload" },
		     { KEY_METADATA, SIGNER_TYPE_REPOMD, "payload" },
		     { KEY_LOG, SIGNER_TYPE_CHECKPOINT, CHECKPOINT } };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	struct signer_set set = { .log_fd = -1 };
	CLEANUP(buf_free) struct buf request = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf reply = BUF_MAX(SIGNER_MAX_REPLY);
	CLEANUP(buf_free) struct buf log = BUF_MAX(SIG_MAX);

	assert_ok(fd_create(dirfd, "uses.log", 0600, &set.log_fd, err));
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		set.keys[uses[i].role] = keyset_private(uses[i].role);
		buf_clear(&request);
		buf_add_char(&request, (char)uses[i].role);
		buf_add(&request, "\0\0\0\0\0\0\0\0", 8);
		buf_add_char(&request, (char)strlen(uses[i].type));
		buf_add_str(&request, uses[i].type);
		buf_add_str(&request, uses[i].payload);
		signer_answer(&set, request.data, request.len, &reply);
		assert_int_equal(reply.data[0], ERR_NONE);
		assert_true(reply.len > 60);
		for (size_t n = 0; n < SIGNER_HEAD + strlen(uses[i].type); n++) {
			signer_answer(&set, request.data, n, &reply);
			assert_int_equal(reply.data[0], ERR_INPUT);
		}
	}
	assert_ok(fd_close(&set.log_fd, "uses.log", err));
	assert_ok(fd_read_file(dirfd, "uses.log", &log, err));
	assert_non_null(strstr(log.data, "Z metadata "));
	assert_non_null(strstr(log.data, " application/x-rpm-header sha256:"));
}

TEST(signer_answer_gives_no_signature_that_it_cannot_log)
{
	struct signer_set set = { .log_fd = -1 };
	CLEANUP(buf_free) struct buf reply = BUF_MAX(SIGNER_MAX_REPLY);
	static const char request[] =
		"\0\0\0\0\0\0\0\0\0\34application/vnd.in-toto+jsonpayload";

	set.keys[KEY_BUILDER] = keyset_private(KEY_BUILDER);
	signer_answer(&set, request, sizeof(request) - 1, &reply);
	assert_int_not_equal(reply.data[0], ERR_NONE);
	assert_non_null(strstr(reply.data + 1, "the use of the builder key cannot be logged"));
}
