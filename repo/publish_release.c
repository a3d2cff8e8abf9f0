/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The repository as a whole: one statement whose subjects are its files. A stock verifier reads
 * at most 1024 subjects, so a large tree has several, each of which says which part it is.
 */
#include "repo/publish_priv.h"

#include "repo/purl.h"

#define RELEASE_FILE "release"
#define RELEASE_PART ((size_t)1000)

/* Bundles, and the signature of the metadata, which is renewed without a new release. */
static bool
is_signature(const char *path)
{
	static const char *const suffixes[] = { PUBLISH_BUNDLE, ".xml.asc" };
	size_t n = strlen(path);

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		size_t m = strlen(suffixes[i]);

		if (n > m && strcmp(path + n - m, suffixes[i]) == 0)
			return true;
	}
	return false;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct statement_resource *)a)->name,
		      ((const struct statement_resource *)b)->name);
}

static int
add_part(struct publish_run *run, struct statement *s, unsigned part, struct err *err)
{
	struct publish_file f = { .path = RELEASE_FILE PUBLISH_BUNDLE };

	if (part > 1)
		f.path = arena_format(&run->arena, RELEASE_FILE "-%u" PUBLISH_BUNDLE, part);
	if (publish_sign_statement(run, "release", s, &f.digest, err) < 0)
		return -1;
	VEC_PUSH(&run->files, f);
	return 0;
}

int
publish_release_add(struct publish_run *run, struct err *err)
{
	struct statement_resource *files =
		arena_array(&run->arena, run->files.n + 1, sizeof(*files));
	const char *version = arena_format(&run->arena, "%lld", (long long)run->spec->epoch);
	const char *purl = purl_generic(&run->arena, run->spec->repo_id, version);
	size_t n = 0, parts;

	for (size_t i = 0; i < run->files.n; i++)
		if (!is_signature(run->files.at[i].path))
			files[n++] = (struct statement_resource){
				.name = run->files.at[i].path, .sha256 = run->files.at[i].digest
			};
	qsort(files, n, sizeof(*files), by_name);
	parts = (n + RELEASE_PART - 1) / RELEASE_PART;
	for (size_t part = 0; part < parts; part++) {
		size_t first = part * RELEASE_PART;
		struct statement s = {
			.predicate_type = STATEMENT_RELEASE,
			.subjects = files + first,
			.nsubjects = KILN_MIN(RELEASE_PART, n - first),
			.predicate = statement_release(&run->arena, purl, (unsigned)part + 1,
						       (unsigned)parts),
		};

		if (add_part(run, &s, (unsigned)part + 1, err) < 0)
			return -1;
	}
	return 0;
}
