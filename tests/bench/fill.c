/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a store with results of every recipe of a workspace without running a chamber, so that
 * deciding can be measured on a whole distribution: real keys, environments, statements and
 * signatures; the packages are a line of text each.
 *
 * usage: fill WORKSPACE STORE KEYS
 */
#include "base/clock.h"
#include "base/fd.h"
#include "builder/build_priv.h"
#include "repo/pkgfile.h"

/* For the whole program: what is made here is made again when it is lost. */
int
fsync(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

int
fdatasync(int fd)
{
	return fsync(fd);
}

static int
make_facts(struct build_session *s, const struct recipe *r, struct pkgfacts *f, struct err *err)
{
	const struct recipe_package *p = &r->packages[0];
	const char *text = arena_format(s->a, "package %s\n", r->name);

	*f = (struct pkgfacts){ .id = { .name = p->name,
					.version = r->version,
					.release = r->release,
					.arch = "x86_64" },
				.recipe = r->name,
				.summary = r->summary,
				.license = r->license,
				.build_time = r->epoch,
				.requires = p->requires };
	pkgfile_self_provides(s->a, &f->id, &f->provides);
	digest_of(r->name, strlen(r->name), &f->environment);
	digest_of(r->name, strlen(r->name), &f->header);
	return cas_put(s->b->store, text, strlen(text), &f->file, err);
}

static int
fill_one(struct build_session *s, size_t node, struct err *err)
{
	struct build_job *job = &s->jobs[node];
	struct pkgfacts *facts = arena_array(s->a, 1, sizeof(*facts));

	if (build_session_identify(s, node, err) < 0)
		return -1;
	if (job->known)
		return 0;
	job->outcome = arena_alloc(s->a, sizeof(*job->outcome));
	job->outcome->elapsed_ms = 1000;
	job->record = (struct record){ .result = job->outcome };
	digest_of("", 0, &job->record.output);
	if (cas_put(s->b->store, job->node->recipe->name, strlen(job->node->recipe->name),
		    &job->record.log, err) < 0 ||
	    make_facts(s, job->node->recipe, facts, err) < 0)
		return -1;
	return build_prove(s, job, facts, 1, err);
}

static int
fill(struct arena *a, struct builder *b, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { .a = a };
	int64_t before = clock_monotonic_ms();

	if (build_session_load_memo(a, b, NULL, 0, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.plan.n; i++) {
		if (fill_one(&s, i, err) < 0)
			return -1;
		if ((i + 1) % 1000)
			continue;
		printf("%zu: %lld ms for the last 1000\n", i + 1,
		       (long long)(clock_monotonic_ms() - before));
		before = clock_monotonic_ms();
	}
	memo_save(s.memo);
	return 0;
}

int
main(int argc, char **argv)
{
	struct arena a = { 0 };
	struct workspace w;
	struct builder b = { .workspace = &w };
	struct err err;

	if (argc > 1 && strcmp(argv[1], SIGNER_ARGV1) == 0)
		return signer_serve(argc, argv);
	if (argc != 4)
		return 2;
	if (workspace_open(&a, argv[1], argv[2], argv[3], &w, &err) == 0 &&
	    cas_open(w.store_path, true, &b.store, &err) == 0 &&
	    signer_start(w.keys_path, &b.signer, &err) == 0 && fill(&a, &b, &err) == 0)
		return 0;
	fprintf(stderr, "fill: %s\n", err.text);
	return 1;
}
