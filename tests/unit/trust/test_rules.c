/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "tests/unit/trust/keyset.h"
#include "trust/rules.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct book {
	struct arena a;
	struct rules rules;
};

static void
book_close(struct book *b)
{
	rules_release(&b->rules);
	arena_release(&b->a);
}
DEFINE_RELEASE(struct book, book_close);

static int
parse(struct book *b, const char *text, struct err *err)
{
	return rules_parse(&b->a, text, strlen(text), "p.yaml", keyset_path(), &b->rules, err);
}

static void
refuse(const char *text, const char *reason)
{
	CLEANUP(book_close) struct book b = { 0 };
	struct err errs, *err = &errs;

	assert_fails(parse(&b, text, err), reason);
}

static bool
holds(const struct doc *list, const char *words)
{
	for (size_t i = 0; i < list->n; i++)
		if (strstr(list->items[i].value->text, words))
			return true;
	return false;
}

static const char *
vkey(struct arena *a, const char *name, enum note_kind kind, uint8_t first)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(4096);
	uint8_t public[NOTE_KEY_BYTES] = { first };
	struct note_key k;
	struct err errs, *err = &errs;

	assert_ok(note_key_make(name, kind, public, &k, err));
	note_key_write(&k, &text);
	return arena_strdup(a, buf_text(&text));
}

TEST(rules_reads_a_whole_policy_and_says_it_in_words)
{
	CLEANUP(book_close) struct book b = { 0 };
	const char *text = arena_format(
		&b.a,
		"format: 1\ndescription: all of it\nbuilders:\n  - key: builder.pub\n"
		"    id: https://b.invalid/1\n    from: 2026-01-01\n    until: 2027-01-01\n"
		"walls: [seccomp, network]\nlog:\n  key: \"%s\"\nwitnesses:\n  quorum: 1\n"
		"  keys: [\"%s\"]\nrebuilds:\n  threshold: 1\n  rebuilders:\n"
		"    - {name: alice, key: builder.pub}\nseeds: [\"sha256:" HEX_A
		"\", \"kiln:seed/\"]\n"
		"sources: [\"debian:pool/\"]\nmax_age: 7d\nlicences: [MIT]\nsbom: required\n"
		"grounds: [tools]\ntested: [web]\nbuilt_twice: required\n",
		vkey(&b.a, "log.invalid", NOTE_ED25519, 1),
		vkey(&b.a, "w.invalid", NOTE_COSIGNATURE, 2));
	const struct doc *d;

	assert_ok(parse(&b, text, err));
	assert_int_equal(b.rules.nbuilders, 1);
	assert_int_equal(b.rules.quorum, 1);
	assert_int_equal(b.rules.max_age, 7 * 86400);
	assert_string_equal(b.rules.log_origin, "log.invalid");
	assert_int_equal(b.rules.ring.n, 1); /* the builder's key came with the policy */
	d = rules_demands(&b.a, &b.rules);
	assert_true(holds(d, "https://b.invalid/1 from 2026-01-01T00:00:00Z until 2027"));
	assert_true(holds(d, "in every chamber stood: seccomp, network"));
	assert_true(holds(d, "the transparency log log.invalid"));
	assert_true(holds(d, "cosigned by at least 1 of 1 witnesses: w.invalid"));
	assert_true(holds(d, "at least 1 of 1 rebuilders"));
	assert_true(holds(
		d, "every seed package is one of 1 listed by digest, or from kiln:seed/"));
	assert_true(holds(d, "nothing is older than 7 days"));
	assert_true(holds(d, "passed their tests where they are installed: web"));
	assert_true(holds(d, "came out the same when it was built again"));
	d = rules_open(&b.a, &b.rules);
	assert_true(holds(d, "'alice' has a builder's key"));
	assert_int_equal(d->n, 1);
}

TEST(rules_say_what_an_empty_policy_leaves_open)
{
	CLEANUP(book_close) struct book b = { 0 };
	const struct doc *d;

	assert_ok(parse(&b, "format: 1\n", err));
	d = rules_open(&b.a, &b.rules);
	assert_int_equal(d->n, 13);
	assert_true(holds(d, "may stand on the seed"));
	assert_true(holds(d, "no log proof is demanded"));
	assert_int_equal(rules_demands(&b.a, &b.rules)->n, 1);
}

TEST(rules_refuse_what_they_do_not_know_by_line)
{
	refuse("format: 1\nwals: [x]\n",
	       "p.yaml:2:1: unknown key 'wals' (did you mean 'walls'?)");
	refuse("walls: [x]\n", "'format' is missing");
	refuse("format: 2\n", "p.yaml:1:9: a policy of format 2");
	refuse("format: 1\nwalls: []\n", "p.yaml:2:8: 'walls' must be a list of text");
	refuse("format: 1\nwalls: [a]\nwalls: [b]\n", "p.yaml:3:1");
	refuse("format: 1\nmax_age: soon\n", "p.yaml:2:10: 'max_age' must be a span");
	refuse("format: 1\nmax_age: 0d\n", "'max_age' must be a span");
	refuse("format: 1\nmax_age: 99999999999999999999d\n", "'max_age' must be a span");
	refuse("format: 1\nsbom: maybe\n", "p.yaml:2:7: 'sbom' must be");
	refuse("format: 1\nbuilt_twice: no\n", "p.yaml:2:14: 'built_twice' must be");
	refuse("format: 1\ntested: all\n", "p.yaml:2:9: 'tested' must be a list of text");
	refuse("format: 1\nseeds: [\"sha256:12\"]\n", "p.yaml:2:9: 'sha256:12' is no digest");
	refuse("format: 1\nbuilders:\n  - {until: 2026-01-01}\n",
	       "p.yaml:3:5: a builder has a 'key', an 'id' or both");
	refuse("format: 1\nbuilders:\n  - {id: x, until: 2026-02-31}\n",
	       "'until' must be a date");
	refuse("format: 1\nbuilders:\n  - {id: x, from: 2027-01-01, until: 2026-01-01}\n",
	       "'until' is not after 'from'");
	refuse("format: 1\nbuilders:\n  - {key: nothing.pub}\n", "p.yaml:3");
	refuse("format: 1\nlog: {key: rubbish}\n", "p.yaml:2:12");
	refuse("- format\n", "a policy is a map");
}

TEST(rules_refuse_a_threshold_that_one_key_would_meet_twice)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *w = vkey(&a, "w.invalid", NOTE_COSIGNATURE, 2);
	const char *again = vkey(&a, "other.invalid", NOTE_COSIGNATURE, 2);

	refuse("format: 1\nrebuilds:\n  threshold: 2\n  rebuilders:\n"
	       "    - {name: alice, key: builder.pub}\n    - {name: bob, key: builder.pub}\n",
	       "p.yaml:6:7: rebuilder 'bob' has the key of 'alice': one key counts once");
	refuse(arena_format(&a,
			    "format: 1\nlog: {}\nwitnesses:\n  quorum: 2\n"
			    "  keys: [\"%s\", \"%s\"]\n",
			    w, again),
	       "witness 'other.invalid' has the key of witness 'w.invalid'");
	refuse("format: 1\nrebuilds:\n  threshold: 2\n  rebuilders:\n"
	       "    - {name: alice, key: builder.pub}\n",
	       "p.yaml:3:14: 'threshold' is 2, but only 1 are named");
	refuse("format: 1\nbuilders:\n  - {key: builder.pub, id: a}\n"
	       "  - {key: builder.pub, id: b}\nsignatures: 2\n",
	       "p.yaml:5:13: 'signatures' is 2, but only 1 builder keys are named");
	refuse("format: 1\nsignatures: 0\n", "a whole number of 1 to 9");
	refuse("format: 1\nsignatures: 10\n", "a whole number of 1 to 9");
	refuse(arena_format(&a, "format: 1\nwitnesses: {quorum: 1, keys: [\"%s\"]}\n", w),
	       "witnesses sign a log");
	refuse(arena_format(&a, "format: 1\nlog: {key: \"%s\"}\n", w),
	       "this is no key of a log");
}

TEST(rules_take_witnesses_with_and_without_an_address)
{
	CLEANUP(book_close) struct book b = { 0 };
	const char *w = vkey(&b.a, "w.invalid", NOTE_COSIGNATURE, 2);
	const char *v = vkey(&b.a, "v.invalid", NOTE_COSIGNATURE, 3);
	const char *head = "format: 1\nlog: {}\nwitnesses:\n  quorum: 1\n  keys:\n";

	assert_ok(parse(&b,
			arena_format(&b.a,
				     "%s    - {key: \"%s\", url: \"https://w.invalid/x\"}\n"
				     "    - \"%s\"\n",
				     head, w, v),
			err));
	assert_string_equal(b.rules.witness_urls[0], "https://w.invalid/x");
	assert_null(b.rules.witness_urls[1]);
	refuse(arena_format(&b.a, "%s    - {key: \"%s\", url: \"ftp://w\"}\n", head, w),
	       "p.yaml:6:");
	refuse(arena_format(&b.a, "%s    - {url: \"https://w.invalid\"}\n", head), "p.yaml:6:");
	refuse(arena_format(&b.a, "%s    - {key: \"%s\", at: x}\n", head, w),
	       "unknown key 'at'");
}

TEST(rules_judge_builders_by_key_name_and_time)
{
	CLEANUP(book_close) struct book b = { 0 };
	const struct key_public *k = key_of_role(keyset_ring(), KEY_BUILDER);
	struct statement s = { .builder_id = "https://b.invalid/1" };
	const int64_t in = INT64_C(1780000000), late = INT64_C(1900000000);

	assert_ok(parse(
		&b,
		arena_format(&b.a,
			     "format: 1\nbuilders:\n  - {key: \"%s\", id: "
			     "\"https://b.invalid/1\", from: 2026-01-01, until: 2027-01-01}\n",
			     k->id),
		err));
	assert_ok(rules_judge_builder(&b.rules, k, &s, "x", in, err));
	assert_ok(rules_judge_builder(&b.rules, k, &s, "x", 0, err)); /* no clock */
	assert_fails(rules_judge_builder(&b.rules, k, &s, "x", late, err),
		     "counts only until 2027-01-01T00:00:00Z");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(rules_judge_builder(&b.rules, k, &s, "x", 1, err),
		     "counts only from 2026-01-01T00:00:00Z");
	s.builder_id = "https://b.invalid/2";
	assert_fails(
		rules_judge_builder(&b.rules, k, &s, "x", in, err),
		"its builder calls itself 'https://b.invalid/2', not 'https://b.invalid/1'");
	s.builder_id = NULL; /* an inventory */
	assert_ok(rules_judge_builder(&b.rules, k, &s, "x", in, err));
	b.rules.builders[0].key = "SHA256:other";
	assert_fails(rules_judge_builder(&b.rules, k, &s, "x", in, err),
		     "is not among the builders");
}

TEST(rules_judge_walls_of_packages_only)
{
	CLEANUP(book_close) struct book b = { 0 };
	struct statement s = { .build_type = STATEMENT_RPM_BUILD, .internal = doc_map(&b.a) };
	struct doc *chamber = doc_map(&b.a), *walls = doc_list(&b.a), *wall = doc_map(&b.a);

	doc_set_text(&b.a, wall, "name", "seccomp");
	doc_push(&b.a, walls, wall);
	doc_set(&b.a, chamber, "walls", walls);
	doc_set(&b.a, s.internal, "chamber", chamber);
	assert_ok(parse(&b, "format: 1\nwalls: [seccomp]\n", err));
	assert_ok(rules_judge_walls(&b.rules, &s, "x", err));
	b.rules.walls.at[0] = "network";
	assert_fails(rules_judge_walls(&b.rules, &s, "x", err),
		     "x: the wall 'network' did not stand when it was built");
	assert_int_equal(err->code, ERR_VERIFY);
	s.internal = NULL;
	assert_fails(rules_judge_walls(&b.rules, &s, "x", err), "the wall 'network'");
	s.build_type = "https://kiln.invalid/buildtypes/image/v1";
	assert_ok(rules_judge_walls(&b.rules, &s, "x", err));
}

TEST(rules_judge_seeds_and_sources_by_digest_and_address)
{
	CLEANUP(book_close) struct book b = { 0 };
	struct statement_resource in = { .name = "gcc", .uri = "debian:pool/gcc.deb" };

	assert_ok(parse(
		&b, "format: 1\nseeds: [\"sha256:" HEX_B "\"]\nsources: [\"debian:pool/\"]\n",
		err));
	memset(in.sha256.bytes, 0xbb, DIGEST_BYTES);
	assert_ok(rules_judge_input(&b.rules, &in, true, "x", err));
	assert_ok(rules_judge_input(&b.rules, &in, false, "x", err));
	memset(in.sha256.bytes, 0xaa, DIGEST_BYTES);
	assert_fails(rules_judge_input(&b.rules, &in, true, "x", err),
		     "x: the seed gcc (debian:pool/gcc.deb, sha256 " HEX_A ") is not allowed");
	assert_int_equal(err->code, ERR_VERIFY);
	in.uri = "https://evil.invalid/debian:pool/";
	assert_fails(rules_judge_input(&b.rules, &in, false, "x", err), "the source gcc");
	in.uri = NULL;
	assert_fails(rules_judge_input(&b.rules, &in, false, "x", err), "without address");
}

TEST(rules_take_a_seed_lock)
{
	CLEANUP(book_close) struct book b = { 0 };
	static const char lock[] =
		"format: 1\npackages:\n  - name: bash\n    sha256: " HEX_A "\n";
	const char *text = "format: 1\nseeds: [{lock: seed.lock}]\n";
	int fd = test_tmpdir();
	const char *dir = test_tmpdir_path(fd);

	assert_fails(rules_parse(&b.a, text, strlen(text), "p.yaml", dir, &b.rules, err),
		     "p.yaml:2");
	assert_ok(fd_publish(fd, "seed.lock", lock, strlen(lock), 0644, err));
	assert_ok(rules_parse(&b.a, text, strlen(text), "p.yaml", dir, &b.rules, err));
	assert_true(dict_has(&b.rules.seeds.digests, HEX_A));
}

/* One input of a build: a role, and the stage it is of. */
static struct statement_resource
input(struct arena *a, const char *role, const char *stage, const char *uri)
{
	struct statement_resource in = { .name = "x", .uri = uri, .annotations = doc_map(a) };

	doc_set_text(a, in.annotations, "role", role);
	doc_set_text(a, in.annotations, "stage", stage);
	return in;
}

TEST(rules_judge_the_ground_by_what_was_in_the_chamber)
{
	CLEANUP(book_close) struct book b = { 0 };
	struct statement_resource in[] = {
		input(&b.a, "source", NULL, "debian:pool/x.tar"),
		input(&b.a, "environment", "tools", NULL),
		input(&b.a, "environment", NULL, NULL),
		input(&b.a, "environment", "cross", NULL),
		input(&b.a, "environment", "tools", NULL),
		input(&b.a, "seed", NULL, "kiln:seed/fix-ups"),
		input(&b.a, "seed", NULL, "debian:pool/gcc.deb"),
	};
	struct statement s = { .dependencies = in, .ndependencies = 1 };

	assert_null(statement_ground(&b.a, &s));
	assert_ok(parse(&b, "format: 1\n", err));
	assert_ok(rules_judge_ground(&b.rules, &s, "x", err));
	assert_ok(parse(&b, "format: 1\ngrounds: [tools, cross]\n", err));
	assert_true(holds(rules_demands(&b.a, &b.rules), "was built on: tools, cross"));
	assert_fails(rules_judge_ground(&b.rules, &s, "x", err),
		     "x: its statement names no ground");
	assert_int_equal(err->code, ERR_VERIFY);
	s.ndependencies = 6;
	assert_string_equal(statement_ground(&b.a, &s), "cross,tools");
	assert_ok(rules_judge_ground(&b.rules, &s, "x", err));
	s.ndependencies = 7;
	assert_fails(rules_judge_ground(&b.rules, &s, "x", err),
		     "x: it was built on seed, which is not allowed");
	assert_ok(parse(&b, "format: 1\ngrounds: [tool, cross, seed]\n", err));
	assert_fails(rules_judge_ground(&b.rules, &s, "x", err), "built on tools, which");
	refuse("format: 1\ngrounds: seed\n", "'grounds' must be a list of text");
	refuse("format: 1\ngrounds: []\n", "'grounds' must be a list of text");
}

TEST(rules_judge_licences_as_expressions)
{
	static const char *allowed[] = { "MIT", "GPL-2.0-only", "0BSD" };
	const struct rules_words w = { .at = allowed, .n = ARRAY_LEN(allowed) };
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "MIT", true },
		{ "Apache-2.0", false },
		{ "MIT AND 0BSD", true },
		{ "MIT AND Apache-2.0", false },
		{ "MIT OR Apache-2.0", true },
		{ "Apache-2.0 OR BSD-3-Clause", false },
		{ "Apache-2.0 AND MIT OR 0BSD", true },
		{ "Apache-2.0 AND (MIT OR 0BSD)", false },
		{ "(Apache-2.0 OR MIT) AND GPL-2.0-only WITH Linux-syscall-note", true },
		{ "Apache-2.0 WITH LLVM-exception", false },
		{ "MIT+", false },
		{ "mit", false },
		{ "", false },
		{ "MIT AND", false },
		{ "MIT OR", false },
		{ "(MIT", false },
		{ "MIT)", false },
		{ "MIT MIT", false },
		{ "MIT OR ;", false },
		{ "MIT WITH", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (rules_licence_is_allowed(&w, cases[i].text) != cases[i].good)
			fail_msg("'%s'", cases[i].text);
}

TEST(rules_judge_age)
{
	CLEANUP(book_close) struct book b = { 0 };

	assert_ok(parse(&b, "format: 1\nmax_age: 2d\nlicences: [MIT]\n", err));
	assert_ok(rules_judge_age(&b.rules, 1000000, 1000000 + 2 * 86400, "x", err));
	assert_fails(rules_judge_age(&b.rules, 1000000, 1000001 + 2 * 86400, "x", err),
		     "x: it is of 1970-01-12T13:46:40Z: 2 days old, at most 2 are allowed");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_ok(rules_judge_age(&b.rules, 1000000, 0, "x", err));
	assert_fails(rules_judge_licence(&b.rules, "Apache-2.0", "x", err),
		     "x: the licence 'Apache-2.0' is not allowed");
	assert_fails(rules_judge_licence(&b.rules, NULL, "x", err), "the licence '(none)'");
}

TEST(rules_demand_verdicts_of_the_packages_they_name)
{
	CLEANUP(book_close) struct book b = { 0 };

	assert_ok(parse(&b, "format: 1\ntested: [web, db]\n", err));
	assert_ok(rules_judge_verdicts(&b.rules, "web", true, false, "web.rpm", err));
	assert_ok(rules_judge_verdicts(&b.rules, "web-devel", false, false, "x.rpm", err));
	assert_fails(rules_judge_verdicts(&b.rules, "db", false, true, "db.rpm", err),
		     "db.rpm: no test of it passed");
	rules_release(&b.rules);
	assert_ok(parse(&b, "format: 1\nbuilt_twice: required\n", err));
	assert_ok(rules_judge_verdicts(&b.rules, "web", false, true, "web.rpm", err));
	assert_fails(rules_judge_verdicts(&b.rules, "web", true, false, "web.rpm", err),
		     "web.rpm: nobody says that it comes out the same");
}
