/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found out about a package after it was built (verdict.h) is said again of the signed
 * file, in the words of the signed statement, and lies beside it as
 * NAME.rpm.KIND.sigstore.json. That a test failed is not published: who demands one finds none.
 */
#include "repo/publish_priv.h"
#include "repo/verdict.h"

static int
add_verdict(struct publish_run *run, const struct publish_package *p, enum verdict_kind kind,
	    struct err *err)
{
	struct arena *a = &run->arena;
	struct statement_resource subjects[] = {
		{ .name = p->name, .sha256 = p->file },
		{ .name = arena_format(a, "%s;unsigned", p->name), .sha256 = p->facts->file },
	};
	struct statement s = { .predicate_type = STATEMENT_TEST_RESULT,
			       .subjects = subjects,
			       .nsubjects = ARRAY_LEN(subjects) };
	struct publish_file f = { .kind = PUBLISH_BLOB };
	struct verdict_found v;
	bool found;

	if (verdict_find(a, run->spec->store, signer_keys(run->spec->signer), kind,
			 &p->facts->file, &v, &found, err) < 0)
		return -1;
	if (!found || !v.passed)
		return 0;
	s.predicate = v.statement.predicate;
	if (publish_sign_statement(run, verdict_suffix(kind), &s, &f.digest, err) < 0)
		return -1;
	f.path = arena_format(a, "packages/%s%s" PUBLISH_BUNDLE, p->name, verdict_suffix(kind));
	VEC_PUSH(&run->files, f);
	return 0;
}

int
publish_verdict_add(struct publish_run *run, const struct publish_package *p, struct err *err)
{
	if (p->facts == run->keyring)
		return 0;
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		if (add_verdict(run, p, (enum verdict_kind)kind, err) < 0)
			return err_wrap(err, "%s", p->name);
	return 0;
}
