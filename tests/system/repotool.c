/* SPDX-License-Identifier: Apache-2.0 */
/* Drives publishing and verifying for 22-repodata.sh: no recipe, no chamber. */
#include "base/fd.h"
#include "repo/pkgverify.h"
#include "repo/publish.h"
#include "trust/key_priv.h"
#include "trust/rules.h"
#include "trust/signer.h"
#include "trust/statement.h"

#define MAX_PACKAGES 200

struct stock {
	struct arena a;
	struct cas *store;
	struct signer *signer;
	struct pkgfacts facts[MAX_PACKAGES];
	const struct pkgfacts *packages[MAX_PACKAGES];
	struct publish_input inputs[MAX_PACKAGES];
	size_t n;
	int64_t epoch;
};

static void
stock_release(struct stock *s)
{
	if (s->signer)
		signer_stop(s->signer);
	if (s->store)
		cas_close(s->store);
	arena_release(&s->a);
}
DEFINE_RELEASE(struct stock, stock_release);

/* A statement that names one source, so that something is to be found in the inventory. */
static int
attest(struct stock *s, struct pkgfacts *f, const struct publish_input *source, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct statement_resource subject = { .name = nevra_file(&s->a, &f->id),
					      .sha256 = f->file };
	struct statement_resource dependency = { .name = source->name,
						 .sha256 = source->sha256,
						 .annotations = doc_map(&s->a) };
	struct statement st = { .predicate_type = STATEMENT_SLSA_V1,
				.subjects = &subject,
				.nsubjects = 1,
				.build_type = STATEMENT_RPM_BUILD,
				.external = doc_map(&s->a),
				.dependencies = &dependency,
				.ndependencies = 1,
				.builder_id = "https://kiln.invalid/builder/test" };

	doc_set_text(&s->a, dependency.annotations, "role", "source");
	if (statement_make(&st, &text, err) < 0 ||
	    signer_bundle(s->signer, text.data, text.len, &bundle, err) < 0)
		return -1;
	return cas_put(s->store, bundle.data, bundle.len, &f->bundle, err);
}

static int
add_package(struct stock *s, const char *path, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct pkgfacts *f = &s->facts[s->n];
	struct publish_input *source = &s->inputs[s->n];
	struct pkgfile file;

	if (fd_open(path, O_RDONLY, &fd, err) < 0 ||
	    pkgfile_read(&s->a, fd, path, &file, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", path);
	if (cas_put_fd(s->store, fd, NULL, &f->file, &f->size, err) < 0)
		return -1;
	f->id = file.id;
	f->header = file.header;
	f->build_time = file.build_time;
	*source = (struct publish_input){ .name = file.id.name,
					  .uri = "file:test",
					  .kind = "source" };
	digest_of(source->name, strlen(source->name), &source->sha256);
	s->epoch = KILN_MAX(s->epoch, f->build_time);
	s->packages[s->n++] = f;
	return attest(s, f, source, err);
}

static void
tell_witness(void *arg, const struct note_key *witness, const struct err *failure)
{
	(void)arg;
	(void)fprintf(stderr, "witness %s: %s\n", witness->name,
		      failure ? failure->text : "cosigned");
}

/* $REPOTOOL_POLICY: its witnesses are asked, each for two seconds. */
static int
find_witnesses(struct arena *a, struct rules *r, struct witness_http_circle *out,
	       struct publish_spec *spec, struct err *err)
{
	const char *path = getenv("REPOTOOL_POLICY");

	if (!path)
		return 0;
	if (rules_load(a, path, r, err) < 0)
		return -1;
	*out = (struct witness_http_circle){ .keys = r->witnesses,
					     .urls = r->witness_urls,
					     .n = r->nwitnesses,
					     .quorum = r->quorum,
					     .timeout_ms = 8000,
					     .tell = tell_witness };
	spec->witnesses = out;
	return 0;
}

/* publish KEYS STORE DEST RPM... */
static int
cmd_publish(int argc, char **argv, struct err *err)
{
	CLEANUP(stock_release) struct stock s = { .epoch = 0 };
	CLEANUP(fd_close) int dirfd = -1;
	struct publish_spec spec = { .packages = s.packages,
				     .inputs = s.inputs,
				     .distribution = "Kiln Linux",
				     .repo_id = "kiln",
				     .log_origin = "log.kiln.invalid" };
	CLEANUP(rules_release) struct rules rules = { .name = NULL };
	struct witness_http_circle circle;
	struct publish_summary sum;
	bool made;

	if (find_witnesses(&s.a, &rules, &circle, &spec, err) < 0 ||
	    key_init_sized(argv[0], "Kiln test", 1700000000, 2048, &made, err) < 0 ||
	    cas_open(argv[1], true, &s.store, err) < 0 ||
	    signer_start(argv[0], &s.signer, err) < 0 ||
	    fd_open(".", O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return -1;
	for (int i = 3; i < argc && i < MAX_PACKAGES; i++)
		if (add_package(&s, argv[i], err) < 0)
			return -1;
	spec.store = s.store;
	spec.log_dir = arena_format(&s.a, "%s/log", argv[0]);
	spec.signer = s.signer;
	spec.npackages = spec.ninputs = s.n;
	spec.epoch = s.epoch;
	if (publish_commit(&spec, dirfd, argv[2], &sum, err) < 0)
		return -1;
	(void)printf("%zu packages, %zu reused%s\n", sum.packages, sum.reused,
		     sum.unchanged ? ", unchanged" : "");
	return 0;
}

/* verify KEYS REPOSITORY */
static int
cmd_verify(int argc, char **argv, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct keyring ring = { 0 };
	struct pkgverify_summary sum;

	(void)argc;
	if (key_load(&a, argv[0], &ring, err) < 0 ||
	    pkgverify_repo(argv[1], &ring, 0, NULL, &sum, err) < 0)
		return -1;
	(void)printf("%zu packages, %zu inputs\n", sum.packages, sum.inputs);
	return 0;
}

int
main(int argc, char **argv)
{
	struct err err = {
		.text = "usage: repotool publish KEYS STORE DEST RPM... | verify KEYS REPOSITORY"
	};
	int result = -1;

	if (argc > 1 && strcmp(argv[1], SIGNER_ARGV1) == 0)
		return signer_serve(argc, argv);
	if (argc > 4 && strcmp(argv[1], "publish") == 0)
		result = cmd_publish(argc - 2, argv + 2, &err);
	else if (argc == 4 && strcmp(argv[1], "verify") == 0)
		result = cmd_verify(argc - 2, argv + 2, &err);
	if (result < 0)
		(void)fprintf(stderr, "error: %s\n", err.text);
	return result < 0 ? err_exit_code(&err) : 0;
}
