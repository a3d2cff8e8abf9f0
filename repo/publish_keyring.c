/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyring package of a publish. It is made here, of public keys alone, with a statement of
 * its own that says so; from then on it is signed, logged, billed and listed like all others.
 * Who verifies makes it again (keypack.h).
 */
#include "repo/publish_priv.h"

#include "base/fd.h"
#include "repo/keypack.h"

#define RELEASE_MAX 100000

static struct doc *
external(struct arena *a, const struct publish_run *run, const struct nevra *id)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "repository", run->spec->repo_id);
	doc_set_text(a, d, "name", id->name);
	doc_set_text(a, d, "version", id->version);
	doc_set_text(a, d, "release", id->release);
	doc_set_text(a, d, "arch", id->arch);
	return d;
}

/* The builder's word for something that was never built. */
static int
prove(struct publish_run *run, const struct keypack *k, struct pkgfacts *f, struct err *err)
{
	struct arena *a = &run->arena;
	const char *file = nevra_file(a, &k->id);
	struct statement_resource subjects[] = {
		{ .name = file, .sha256 = f->file },
		{ .name = arena_format(a, "%s;header", file), .sha256 = f->header },
	};
	struct statement s = { .predicate_type = STATEMENT_SLSA_V1,
			       .build_type = KEYPACK_BUILD_TYPE,
			       .builder_id = run->spec->builder_id,
			       .external = external(a, run, &k->id),
			       .internal = doc_map(a),
			       .subjects = subjects,
			       .nsubjects = ARRAY_LEN(subjects) };

	doc_set_text(a, s.internal, "assembledBy",
		     "publish, from public keys; nothing was run");
	doc_set_text(a, s.internal, "sourceDateEpoch",
		     arena_format(a, "%lld", (long long)k->time));
	keypack_inputs(a, k, &s.dependencies, &s.ndependencies);
	return publish_sign_statement(run, "keyring", &s, &f->bundle, err);
}

static int
write_package(struct publish_run *run, struct keypack *k, struct pkgfacts *f, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest blob;

	if (fd_memory(k->id.name, &fd, err) < 0 ||
	    keypack_write(&run->arena, k, fd, f, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", k->id.name);
	return cas_put_fd(run->spec->store, fd, &f->file, &blob, NULL, err);
}

/* Keys may change without a time of their own, and a clock may be set back: then the release
 * grows, so that no two packages have one name, and an update is one. */
static int
number(struct publish_run *run, struct keypack *k, struct pkgfacts *f, struct err *err)
{
	struct doc *key = doc_map(&run->arena), *ref;
	const char *version;
	struct digest last;
	int64_t release;

	doc_set_text(&run->arena, key, "what", "keyring");
	doc_set_text(&run->arena, key, "name", k->id.name);
	if (publish_ref_get(run, key, &ref, err) < 0)
		return -1;
	version = doc_get_text(ref, "version");
	if (version && doc_get_digest(ref, "blob", &last) &&
	    doc_int(doc_get(ref, "release"), &release) && release > 0 &&
	    release < RELEASE_MAX && strcmp(k->id.version, version) <= 0) {
		k->id.version = version;
		k->id.release = arena_format(&run->arena, "%lld", (long long)release);
		if (write_package(run, k, f, err) < 0)
			return -1;
		if (digest_equal(&f->file, &last))
			return 0;
		k->id.release = arena_format(&run->arena, "%lld", (long long)release + 1);
	}
	if (write_package(run, k, f, err) < 0)
		return -1;
	ref = doc_map(&run->arena);
	doc_set_digest(&run->arena, ref, "blob", &f->file);
	doc_set_text(&run->arena, ref, "version", k->id.version);
	doc_set(&run->arena, ref, "release",
		doc_number(&run->arena, strtoll(k->id.release, NULL, 10)));
	return publish_ref_put(run, key, ref, err);
}

/* Its inputs end in the inventory like sources do. */
static void
add_inputs(struct publish_run *run, const struct keypack *k, struct publish_spec *spec)
{
	struct publish_input *at =
		arena_array(&run->arena, spec->ninputs + k->nentries, sizeof(*at));
	struct statement_resource *made;
	size_t n;

	keypack_inputs(&run->arena, k, &made, &n);
	if (spec->ninputs)
		memcpy(at, spec->inputs, spec->ninputs * sizeof(*at));
	for (size_t i = 0; i < n; i++)
		at[spec->ninputs + i] = (struct publish_input){ .name = made[i].name,
								.uri = made[i].uri,
								.sha256 = made[i].sha256,
								.kind = "source" };
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < k->nentries; j++)
			if (digest_equal(&k->entries[j].digest, &made[i].sha256))
				at[spec->ninputs + i].size = k->entries[j].size;
	spec->inputs = at;
	spec->ninputs += n;
}

int
publish_keyring_add(struct publish_run *run, struct publish_spec *spec, struct err *err)
{
	const struct keypack_about about = { .ring = signer_keys(spec->signer),
					     .repository = spec->repo_id,
					     .vendor = spec->distribution,
					     .log_origin = spec->log_origin };
	const struct pkgfacts **at =
		arena_array(&run->arena, spec->npackages + 1, sizeof(const struct pkgfacts *));
	struct pkgfacts *f = arena_alloc(&run->arena, sizeof(*f));
	struct keypack k;

	if (keypack_make(&run->arena, &about, &k, err) < 0 || number(run, &k, f, err) < 0 ||
	    prove(run, &k, f, err) < 0)
		return err_wrap(err, "keyring");
	if (spec->npackages)
		memcpy(at, spec->packages, spec->npackages * sizeof(const struct pkgfacts *));
	at[spec->npackages++] = run->keyring = f;
	spec->packages = at;
	spec->epoch = KILN_MAX(spec->epoch, k.time);
	add_inputs(run, &k, spec);
	return 0;
}
