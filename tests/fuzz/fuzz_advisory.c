/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds of advisories, OpenVEX documents and versions, by the first byte. A feed that is taken
 * gives findings with all their words; any two versions have one order from both sides.
 */
#include "repo/vex.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
furnish(struct arena *a, struct advisory_target *t)
{
	static const char *patched[] = { "CVE-2026-7" };

	*t = (struct advisory_target){ .label = "zlib-1.2.13-1.x86_64",
				       .recipe = "zlib",
				       .purl = "pkg:rpm/kiln/zlib@1.2.13-1?arch=x86_64",
				       .resolves = patched,
				       .nresolves = 1 };
	advisory_target_add_purl(a, t, "pkg:rpm/kiln/zlib@1.2.13-1?distro=kiln-1");
	advisory_target_add_purl(a, t, "pkg:github/madler/zlib@1.2.13");
	advisory_target_add_purl(a, t, "pkg:npm/zlib@1.2.13");
	advisory_target_add_cpe(a, t, "cpe:2.3:a:zlib:zlib:1.2.13:*:*:*:*:*:*:*");
	advisory_target_add_source(
		a, t, "debian:pool/main/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2", NULL, "1.2.13");
}

static void
take_feed(const char *text, size_t n)
{
	static const char *const releases[] = { "Debian:12" };
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(VEX_MAX_BYTES);
	const struct vex_author by = { "Kiln Linux", "https://kiln.invalid", 0 };
	struct advisory_target t;
	struct advisory_answer answer;
	struct advisory_question q = {
		.targets = &t, .ntargets = 1, .releases = releases, .nreleases = 1
	};
	struct err err;

	furnish(&a, &t);
	if (advisory_search_text(&a, &q, text, n, "feed", &answer, &err) < 0) {
		assert(err.code == ERR_INPUT || err.code == ERR_LIMIT);
		assert(strncmp(err.text, "feed:", 5) == 0 ||
		       strncmp(err.text, "more than", 9) == 0);
		return;
	}
	for (size_t i = 0; i < answer.nfindings; i++)
		assert(answer.findings[i]->id && answer.findings[i]->why &&
		       answer.findings[i]->nrecords > 0);
	if (vex_write(&a, &answer, &by, &out, &err) < 0)
		abort();
}

static void
take_vex(const char *text, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct advisory_target t;
	struct advisory_finding f = { .target = &t, .id = "CVE-2026-1" }, *all = &f;
	struct advisory_answer answer = { .findings = &all, .nfindings = 1 };
	struct vex_word *words;
	struct err err;
	size_t nwords;

	furnish(&a, &t);
	if (vex_parse(&a, text, n, "vex", &words, &nwords, &err) < 0) {
		assert(err.code == ERR_INPUT || err.code == ERR_LIMIT);
		assert(strncmp(err.text, "vex:", 4) == 0);
		return;
	}
	for (size_t i = 0; i < nwords; i++)
		assert(words[i].status != ADVISORY_NOT_AFFECTED || words[i].justification ||
		       words[i].note);
	vex_apply(&a, words, nwords, &answer);
}

/* "ORDER one\nother". */
static void
take_versions(const char *text, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const enum advisory_order orders[] = { ADVISORY_RPM, ADVISORY_DEB,
						      ADVISORY_SEMVER, ADVISORY_PLAIN };
	char *one, *other;

	if (n < 2)
		return;
	one = arena_strndup(&a, text + 1, n - 1);
	other = strchr(one, '\n');
	if (!other)
		return;
	*other++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		assert(advisory_compare(orders[i], one, one) == 0);
		assert(advisory_compare(orders[i], one, other) ==
		       -advisory_compare(orders[i], other, one));
	}
	(void)advisory_compare(ADVISORY_DEB_UPSTREAM, one, other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;

	if (n == 0)
		return 0;
	if (data[0] == 'v')
		take_vex(text + 1, n - 1);
	else if (data[0] == '=')
		take_versions(text, n);
	else
		take_feed(text, n);
	return 0;
}
