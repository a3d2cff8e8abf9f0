/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements through the signer, the log and a verifier, for tests/bench/section-proof.sh.
 * Times are of the processor, this process and the signer together, so company does not count.
 *
 *   prove enter KEYS STORE LOG COUNT     statements of 8 KiB: signed, then logged, stamped and
 *                                        written as bundles in one batch
 *   prove verify KEYS COUNT BUNDLE       the same bundle again and again: all that sigstore's
 *                                        verifier checks, then with the statement read as well
 *   prove log KEYS DIR COUNT             COUNT leaves in batches of 100,000; then proofs, and a
 *                                        witness that saw one batch less
 */
#include "base/fd.h"
#include "trust/ledger.h"
#include "trust/verify.h"
#include "trust/witness.h"

#include <stdlib.h>
#include <sys/resource.h>

#define ORIGIN  "log.kiln.invalid"
#define PAYLOAD ((size_t)8192)
#define BATCH   100000
#define LEAF    700 /* bytes; a hashedrekord has about that */
#define PROOFS  100

static double
cpu(int who)
{
	struct rusage r;

	if (getrusage(who, &r) < 0)
		return 0;
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static double
spent(void)
{
	return cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN);
}

static int
sign_all(struct arena *a, struct cas *store, struct signer *signer, struct ledger_item *items,
	 size_t n, struct err *err)
{
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(buf_free) struct buf text = BUF_MAX(PAYLOAD * 2);

	for (size_t i = 0; i < n; i++) {
		buf_clear(&text);
		buf_clear(&bundle);
		buf_add_format(&text, "{\"statement\":%zu,\"padding\":\"", i);
		while (text.len < PAYLOAD)
			buf_add_char(&text, 'x');
		buf_add_str(&text, "\"}");
		items[i] = (struct ledger_item){ .name = arena_format(a, "%08zu", i),
						 .role = KEY_BUILDER };
		if (signer_bundle(signer, text.data, text.len, &bundle, err) < 0 ||
		    cas_put(store, bundle.data, bundle.len, &items[i].bare, err) < 0)
			return -1;
	}
	return 0;
}

static int
enter(const char *keys, const char *store_path, const char *log, size_t n, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(cas_close) struct cas *store = NULL;
	CLEANUP(signer_stop) struct signer *signer = NULL;
	struct ledger_item *items = arena_array(&a, n + 1, sizeof(*items));
	struct ledger ledger = { .dir = log, .origin = ORIGIN };
	double before;

	if (cas_open(store_path, true, &store, err) < 0 || signer_start(keys, &signer, err) < 0)
		return -1;
	ledger.store = store;
	ledger.signer = signer;
	before = spent();
	if (sign_all(&a, store, signer, items, n, err) < 0 ||
	    ledger_enter(&ledger, items, n, err) < 0)
		return -1;
	signer_stop(STEAL_PTR(signer)); /* its time is counted when it is reaped */
	(void)printf("proof-enter %.1f\n", (spent() - before) / (double)n);
	before = spent();
	if (signer_start(keys, &signer, err) < 0)
		return -1;
	ledger.signer = signer;
	if (ledger_enter(&ledger, items, n, err) < 0)
		return -1;
	signer_stop(STEAL_PTR(signer));
	(void)printf("proof-again %.1f\n", (spent() - before) / (double)n);
	return 0;
}

static int
verify_once(const struct buf *text, const struct keyring *ring, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { .keyid = NULL };
	const struct key_public *signer;
	struct material m;

	if (dsse_bundle_parse(&a, buf_text(text), text->len, "bundle", &b, err) < 0 ||
	    dsse_bundle_verify(&b, ring, &signer, err) < 0 ||
	    material_verify(&a, &b, signer, ring, &m, err) < 0)
		return -1;
	if (!m.logged || !m.stamped)
		return err_set(err, ERR_VERIFY, "the bundle is not logged and stamped");
	return 0;
}

static int
verify_with_statement(const struct buf *text, const struct keyring *ring, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct statement s;

	return verify_bundle(&a, ring, buf_text(text), text->len, "bundle", STATEMENT_SLSA_V1,
			     NULL, &s, err);
}

static int
verify(const char *keys, size_t n, const char *path, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	struct keyring ring = { 0 };
	double before;

	if (key_load(&a, keys, &ring, err) < 0 || fd_read_file(AT_FDCWD, path, &text, err) < 0)
		return -1;
	before = spent();
	for (size_t i = 0; i < n; i++)
		if (verify_once(&text, &ring, err) < 0)
			return -1;
	(void)printf("proof-bundle %.1f\n", (spent() - before) / (double)n);
	before = spent();
	for (size_t i = 0; i < n; i++)
		if (verify_with_statement(&text, &ring, err) < 0)
			return -1;
	(void)printf("proof-statement %.1f\n", (spent() - before) / (double)n);
	return 0;
}

/* From the batch before to this one; all but what the signer process does. */
static int
cosign(const struct witness *w, int dirfd, const struct note_key *log, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	const struct witness_ask ask = { .log = log,
					 .grew = witness_growth_of_tiles,
					 .arg = &dirfd };
	struct witness_seen seen;
	struct note note;
	double before = spent();

	if (fd_read_file(dirfd, TLOG_CHECKPOINT, &text, err) < 0 ||
	    note_parse(&a, buf_text(&text), text.len, &note, err) < 0 ||
	    witness_cosign(w, &a, &ask, &note, &seen, err) < 0)
		return -1;
	(void)printf("proof-witness %.1f\n", spent() - before);
	return 0;
}

static int
grow(int dirfd, const struct tlog_author *author, size_t n, const struct witness *w,
     struct tlog_checkpoint *c, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct tlog_entry *batch = arena_array(&a, BATCH, sizeof(*batch));
	char *leaves = arena_alloc(&a, (size_t)BATCH * LEAF);

	memset(leaves, 'x', (size_t)BATCH * LEAF);
	for (size_t done = 0; done < n; done += BATCH) {
		double before;

		for (size_t i = 0; i < BATCH; i++) {
			char *leaf = leaves + i * LEAF;

			(void)snprintf(leaf, 32, "%zu", done + i);
			batch[i] = (struct tlog_entry){ .data = leaf, .n = LEAF };
		}
		before = spent();
		if (tlog_append(&a, dirfd, author, batch, BATCH, c, err) < 0)
			return -1;
		(void)printf("proof-append %.1f\n", spent() - before);
		if (cosign(w, dirfd, author->key, err) < 0)
			return -1;
	}
	return 0;
}

/* Each proof with a tree that was just opened: nothing of it is in memory yet. */
static int
prove(int dirfd, const struct tlog_checkpoint *c, struct err *err)
{
	struct tlog_proof p;
	double before;

	for (size_t i = 0; i < PROOFS; i++) {
		CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;

		before = spent();
		if (tlog_tree_open(dirfd, c->size, &t, err) < 0 ||
		    tlog_tree_prove(t, &c->root, c->size / PROOFS * i, NULL, &p, err) < 0)
			return -1;
		(void)printf("proof-inclusion %.1f\nproof-tiles %zu\n", spent() - before,
			     tlog_tree_reads(t));
	}
	/* Of the sizes that were signed. */
	for (uint64_t at = BATCH; at < c->size; at += BATCH) {
		CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
		CLEANUP(tlog_tree_free) struct tlog_tree *old = NULL;
		struct digest root;

		if (tlog_tree_open(dirfd, at, &old, err) < 0 ||
		    tlog_tree_root(old, &root, err) < 0)
			return -1;
		before = spent();
		if (tlog_tree_open(dirfd, c->size, &t, err) < 0 ||
		    tlog_tree_prove_growth(t, &c->root, at, &root, &p, err) < 0)
			return -1;
		(void)printf("proof-growth %.1f\n", spent() - before);
	}
	return 0;
}

static int
keep_log(const char *keys, const char *dir, size_t n, struct err *err)
{
	CLEANUP(signer_stop) struct signer *signer = NULL;
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(fd_close) int statefd = -1;
	struct tlog_office office;
	struct tlog_checkpoint c;
	struct witness w;

	if (signer_start(keys, &signer, err) < 0 ||
	    tlog_author_open(&office, signer, ORIGIN, err) < 0 ||
	    fd_mkdirs(AT_FDCWD, dir, err) < 0 || fd_open_dir(AT_FDCWD, dir, &dirfd, err) < 0 ||
	    fd_mkdirs(dirfd, "witness", err) < 0 ||
	    fd_open_dir(dirfd, "witness", &statefd, err) < 0 ||
	    witness_open(&w, signer, "witness.kiln.invalid", statefd, err) < 0 ||
	    tlog_append_begin(dirfd, &office.author, err) < 0 ||
	    grow(dirfd, &office.author, n, &w, &c, err) < 0)
		return -1;
	return prove(dirfd, &c, err);
}

int
main(int argc, char **argv)
{
	struct err err = { .code = ERR_NONE };
	int rc = -1;

	if (argc > 1 && strcmp(argv[1], SIGNER_ARGV1) == 0)
		return signer_serve(argc, argv);
	if (argc == 6 && strcmp(argv[1], "enter") == 0)
		rc = enter(argv[2], argv[3], argv[4], strtoul(argv[5], NULL, 10), &err);
	else if (argc == 5 && strcmp(argv[1], "verify") == 0)
		rc = verify(argv[2], strtoul(argv[3], NULL, 10), argv[4], &err);
	else if (argc == 5 && strcmp(argv[1], "log") == 0)
		rc = keep_log(argv[2], argv[3], strtoul(argv[4], NULL, 10), &err);
	else
		(void)err_set(&err, ERR_USAGE, "usage: prove enter|verify|log ...");
	if (rc < 0)
		(void)fprintf(stderr, "prove: %s\n", err.text);
	return rc < 0 ? 1 : 0;
}
