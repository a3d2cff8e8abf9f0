/* SPDX-License-Identifier: Apache-2.0 */
/* Which packages a record means: versions, names, ranges, and records that lie. */
#include "repo/advisory.h"
#include "tests/unit/test.h"

static const struct {
	enum advisory_order order;
	const char *lower, *higher; /* in this order; equal when same */
	bool same;
} orders[] = {
	{ ADVISORY_DEB, "1.2.13.dfsg-1", "1:1.2.11.dfsg-4.1", false },
	{ ADVISORY_DEB, "1:1.0~rc1-1", "1:1.0-1", false },
	{ ADVISORY_DEB, "1.0", "1.0-1", false },
	{ ADVISORY_DEB, "1.0-1", "1.0-1+deb12u1", false },
	{ ADVISORY_DEB, "1.0-1~bpo1", "1.0-1", false },
	{ ADVISORY_DEB, "1.0a", "1.0+", false },
	{ ADVISORY_DEB, "2.9", "2.10", false },
	{ ADVISORY_DEB, "007", "7", true },
	{ ADVISORY_DEB, "0:1.0-0", "1.0", true },
	{ ADVISORY_DEB, "99999999999999999999998", "99999999999999999999999", false },
	{ ADVISORY_DEB_UPSTREAM, "1.2.13.dfsg", "1:1.2.13.dfsg-1", false },
	{ ADVISORY_DEB_UPSTREAM, "1.2.13.dfsg", "1:1.2.13.dfsg-0~exp1", false },
	{ ADVISORY_DEB_UPSTREAM, "1.2.13.dfsg", "1:1.2.13.dfsg", true },
	{ ADVISORY_RPM, "1.2.13-1", "1.2.13-2", false },
	{ ADVISORY_RPM, "1.2.13-1", "1.2.13", true },
	{ ADVISORY_RPM, "9-9", "1:1-1", false },
	{ ADVISORY_RPM, "1.0~rc1-1", "1.0-1", false },
	{ ADVISORY_SEMVER, "1.0.0-alpha", "1.0.0-alpha.1", false },
	{ ADVISORY_SEMVER, "1.0.0-alpha.1", "1.0.0-alpha.beta", false },
	{ ADVISORY_SEMVER, "1.0.0-beta.2", "1.0.0-beta.11", false },
	{ ADVISORY_SEMVER, "1.0.0-rc.1", "1.0.0", false },
	{ ADVISORY_SEMVER, "v1.2", "1.2.0+build.7", true },
	{ ADVISORY_SEMVER, "1.9.0", "1.10.0", false },
	{ ADVISORY_PLAIN, "1.2.13", "v1.3", false },
	{ ADVISORY_PLAIN, "1.35.0", "1_35_0", true },
	{ ADVISORY_PLAIN, "zlib-1.3-rc1", "1.3", false },
};

TEST(advisory_compare_follows_each_rule)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		int up = advisory_compare(orders[i].order, orders[i].lower, orders[i].higher);
		int down = advisory_compare(orders[i].order, orders[i].higher, orders[i].lower);

		/* Only ours is without epoch and revision, so it has no other side. */
		if (orders[i].order == ADVISORY_DEB_UPSTREAM)
			down = -up;
		if (up != (orders[i].same ? 0 : -1) || down != -up) {
			print_error("%s against %s: %d and %d\n", orders[i].lower,
				    orders[i].higher, up, down);
			fail();
		}
	}
}

TEST(advisory_compare_takes_anything)
{
	static const char *const odd[] = {
		"", ":", "-", "1:", "~", "...", "\xff\xfe", "0:0-0"
	};
	static const enum advisory_order all[] = { ADVISORY_RPM, ADVISORY_DEB,
						   ADVISORY_DEB_UPSTREAM, ADVISORY_SEMVER,
						   ADVISORY_PLAIN };

	for (size_t o = 0; o < ARRAY_LEN(all); o++)
		for (size_t i = 0; i < ARRAY_LEN(odd); i++)
			for (size_t k = 0; k < ARRAY_LEN(odd); k++)
				assert_in_range(advisory_compare(all[o], odd[i], odd[k]) + 1, 0,
						2);
}

/* zlib 1.2.13 of Kiln, made from Debian's archive, with one CVE patched. */
struct house {
	struct arena a;
	struct advisory_target t;
	struct advisory_answer answer;
};

static void
house_release(struct house *h)
{
	arena_release(&h->a);
}
DEFINE_RELEASE(struct house, house_release);

static void
furnish(struct house *h)
{
	static const char *patched[] = { "CVE-2026-7" };

	h->t = (struct advisory_target){ .label = "zlib-1.2.13-1.x86_64",
					 .recipe = "zlib",
					 .purl = "pkg:rpm/kiln/zlib@1.2.13-1?arch=x86_64",
					 .resolves = patched,
					 .nresolves = 1 };
	advisory_target_add_purl(&h->a, &h->t, "pkg:rpm/kiln/zlib@1.2.13-1?distro=kiln-1");
	advisory_target_add_purl(&h->a, &h->t, "pkg:github/madler/zlib@1.2.13");
	advisory_target_add_cpe(&h->a, &h->t, "cpe:2.3:a:zlib:zlib:1.2.13:*:*:*:*:*:*:*");
	advisory_target_add_source(&h->a, &h->t,
				   "debian:pool/main/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2",
				   NULL, "1.2.13");
}

static int
search(struct house *h, const char *text, struct err *err)
{
	static const char *const releases[] = { "Debian:12" };
	const struct advisory_question q = {
		.targets = &h->t, .ntargets = 1, .releases = releases, .nreleases = 1
	};

	if (!h->t.label)
		furnish(h);
	return advisory_search_text(&h->a, &q, text, strlen(text), "feed", &h->answer, err);
}

/* A record about one package: the entry's inside. */
static int
search_entry(struct house *h, const char *entry, struct err *err)
{
	const char *text = arena_format(
		&h->a, "{\"id\":\"TEST-1\",\"aliases\":[\"CVE-2026-1\"],\"affected\":[{%s}]}",
		entry);

	return search(h, text, err);
}

#define DEB(release)  "\"package\":{\"ecosystem\":\"Debian" release "\",\"name\":\"zlib\"},"
#define RANGE(events) "\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[" events "]}]"
#define FROM(v)       "{\"introduced\":\"" v "\"}"
#define TO(v)         "{\"fixed\":\"" v "\"}"
#define LAST(v)       "{\"last_affected\":\"" v "\"}"

static const struct {
	const char *entry;
	size_t found;
	enum advisory_status status;
} entries[] = {
	/* ranges */
	{ DEB("") RANGE(FROM("0") "," TO("1:1.3-1")), 1, ADVISORY_AFFECTED },
	{ DEB("") RANGE(FROM("0") "," TO("1:1.2.11-1")), 0, 0 },
	{ DEB("") RANGE(FROM("1:1.3-1")), 0, 0 },
	{ DEB("") RANGE(TO("1:1.3-1") "," FROM("0")), 1, ADVISORY_AFFECTED },
	{ DEB("") RANGE(FROM("0") "," TO("1.0") "," FROM("1.2")), 1, ADVISORY_AFFECTED },
	{ DEB("") RANGE(FROM("0") "," TO("1.0") "," FROM("1.2") "," TO("1.2.12-1")), 0, 0 },
	{ DEB("") RANGE(FROM("0") "," LAST("1:1.2.13.dfsg-1")), 1, ADVISORY_AFFECTED },
	{ DEB("") RANGE(FROM("0") "," LAST("1:1.2.12-1")), 0, 0 },
	/* ranges that meet, and one of nothing */
	{ DEB("") RANGE(FROM("0") "," TO("1.1") "," FROM("1.1") "," TO("1:1.3-1")), 1,
	  ADVISORY_AFFECTED },
	{ DEB("") RANGE(FROM("1.1") "," TO("1.1")), 0, 0 },
	{ DEB("") RANGE(LAST("1.1") "," FROM("1.1")), 0, 0 },
	/* versions of a record have epochs, whatever ours has */
	{ DEB("") RANGE(FROM("1.2") "," FROM("0") "," TO("2:1.1-1")), 0, 0 },
	{ DEB("") RANGE(FROM("2:1.2-1") "," TO("2:1.1-1") "," TO("2:1.3-1")), 1,
	  ADVISORY_AFFECTED },
	{ DEB("") RANGE(FROM("2:1.2-1") "," TO("1.1-1") "," TO("2:1.1-1") "," FROM("0")), 1,
	  ADVISORY_AFFECTED },
	/* Debian's first revision of our version came with the version */
	{ DEB("") RANGE(FROM("1:1.2.13.dfsg-1")), 1, ADVISORY_AFFECTED },
	/* releases */
	{ DEB(":12:LTS") RANGE(FROM("0")), 1, ADVISORY_AFFECTED },
	{ DEB(":Pro:v12") RANGE(FROM("0")), 1, ADVISORY_AFFECTED },
	{ DEB(":1") RANGE(FROM("0")), 0, 0 },
	{ DEB(":120") RANGE(FROM("0")), 0, 0 },
	{ "\"package\":{\"ecosystem\":\"Kiln:1:LTS\",\"name\":\"zlib\"}," RANGE(FROM("0")), 1,
	  ADVISORY_AFFECTED },
	{ "\"package\":{\"ecosystem\":\"Kiln:2\",\"name\":\"zlib\"}," RANGE(FROM("0")), 0, 0 },
	{ DEB(":12") RANGE(FROM("0")), 1, ADVISORY_AFFECTED },
	{ DEB(":11") RANGE(FROM("0")), 0, 0 },
	/* listed versions */
	{ DEB("") "\"versions\":[\"1.2.12-1\",\"1:1.2.13.dfsg-0\"]", 1, ADVISORY_AFFECTED },
	{ DEB("") "\"versions\":[\"1:1.2.13.dfsg-4.1\"]", 1, ADVISORY_AFFECTED },
	{ DEB("") "\"versions\":[\"1.2.12-1\"]", 0, 0 },
	/* nothing said: it cannot be told */
	{ DEB("") "\"versions\":[]", 1, ADVISORY_INVESTIGATED },
	/* our own, by package URL, ecosystem, and where a private ecosystem puts it */
	{ "\"package\":{\"ecosystem\":\"Kiln\",\"name\":\"zlib\"}," RANGE(
		  FROM("0") "," TO("1.2.13-2")),
	  1, ADVISORY_AFFECTED },
	{ "\"package\":{\"ecosystem\":\"Kiln\",\"name\":\"zlib\"}," RANGE(
		  FROM("0") "," TO("1.2.13-1")),
	  0, 0 },
	{ "\"package\":{\"purl\":\"pkg:rpm/kiln/zlib@9?arch=x86_64\"}," RANGE(FROM("0")), 1,
	  ADVISORY_AFFECTED },
	{ "\"ecosystem_specific\":{\"purl\":\"pkg:rpm/kiln/zlib\"}," RANGE(FROM("0")), 1,
	  ADVISORY_AFFECTED },
	{ "\"package\":{\"purl\":\"pkg:rpm/other/zlib\"}," RANGE(FROM("0")), 0, 0 },
	/* commits, with and without versions beside them */
	{ "\"ranges\":[{\"type\":\"GIT\",\"repo\":\"https://github.com/Madler/zlib.git\","
	  "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"abc\"}]}]",
	  1, ADVISORY_INVESTIGATED },
	{ "\"ranges\":[{\"type\":\"GIT\",\"repo\":\"https://github.com/madler/zlib\","
	  "\"events\":[{\"introduced\":\"0\"}]}],\"versions\":[\"v1.2.13\"]",
	  1, ADVISORY_AFFECTED },
	{ "\"ranges\":[{\"type\":\"GIT\",\"repo\":\"https://github.com/madler/zlib\","
	  "\"events\":[{\"introduced\":\"0\"}]}],\"versions\":[\"v1.2.12\"]",
	  0, 0 },
	{ "\"ranges\":[{\"type\":\"GIT\",\"repo\":\"https://github.com/madler/zlib\","
	  "\"events\":[{\"introduced\":\"0\"}],\"database_specific\":{\"extracted_events\":["
	  "{\"introduced\":\"0\"},{\"fixed\":\"1.2.12\"}]}}]",
	  0, 0 },
	/* CPEs */
	{ "\"database_specific\":{\"cpe\":\"cpe:2.3:a:zlib:zlib:*:*:*:*:*:*:*:*\"}," RANGE(
		  FROM("0") "," TO("1.3")),
	  1, ADVISORY_AFFECTED },
	{ "\"database_specific\":{\"cpes\":[\"cpe:/a:zlib:zlib:1.2.13\"]}", 1,
	  ADVISORY_AFFECTED },
	{ "\"database_specific\":{\"cpes\":[\"cpe:/a:zlib:zlib:1.2.12\"]}", 0, 0 },
	{ "\"database_specific\":{\"cpe\":\"cpe:2.3:a:other:zlib:*:*:*:*:*:*:*:*\"}," RANGE(
		  FROM("0")),
	  0, 0 },
	/* another order than the ecosystem's */
	{ "\"package\":{\"purl\":\"pkg:github/madler/zlib\"},\"ranges\":[{\"type\":\"SEMVER\","
	  "\"events\":[" FROM("0") "," TO("1.2.13-rc1") "]}]",
	  0, 0 },
};

TEST(advisory_search_goes_by_names_and_ranges)
{
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		CLEANUP(house_release) struct house h = { .t = { .label = NULL } };

		assert_ok(search_entry(&h, entries[i].entry, err));
		if (h.answer.nfindings != entries[i].found ||
		    (entries[i].found && h.answer.findings[0]->status != entries[i].status)) {
			print_error("entry %zu: %s\n", i, entries[i].entry);
			fail();
		}
		if (entries[i].found)
			assert_string_equal(h.answer.findings[0]->id, "CVE-2026-1");
	}
}

TEST(advisory_search_folds_records_of_one_cve)
{
	CLEANUP(house_release) struct house h = { .t = { .label = NULL } };

	assert_ok(search(
		&h,
		"[{\"id\":\"CVE-2026-1\",\"affected\":[{" DEB(
			"") "\"versions\":[]}]},"
			    "{\"id\":\"DSA-1-1\",\"upstream\":[\"CVE-2026-1\",\"CVE-2026-7\"],"
			    "\"affected\":[{" DEB("") RANGE(FROM("0")) "}]}]",
		err));
	assert_int_equal(h.answer.records, 2);
	assert_int_equal(h.answer.nfindings, 2);
	assert_string_equal(h.answer.findings[0]->id, "CVE-2026-1");
	assert_int_equal(h.answer.findings[0]->status, ADVISORY_AFFECTED);
	assert_int_equal(h.answer.findings[0]->nrecords, 2);
	/* The patch settles one of the two, and not the other. */
	assert_string_equal(h.answer.findings[1]->id, "CVE-2026-7");
	assert_int_equal(h.answer.findings[1]->status, ADVISORY_FIXED);
}

TEST(advisory_search_leaves_out_what_was_withdrawn)
{
	CLEANUP(house_release) struct house h = { .t = { .label = NULL } };

	assert_ok(search(
		&h,
		"{\"id\":\"TEST-1\",\"withdrawn\":\"2026-01-01T00:00:00Z\",\"affected\":[{" DEB(
			"") RANGE(FROM("0")) "}]}",
		err));
	assert_int_equal(h.answer.withdrawn, 1);
	assert_int_equal(h.answer.nfindings, 0);
}

TEST(advisory_search_takes_lines_and_numbers_of_any_kind)
{
	CLEANUP(house_release) struct house h = { .t = { .label = NULL } };

	assert_ok(search(&h,
			 "{\"id\":\"TEST-1\",\"database_specific\":{\"s\":9.8,\"n\":1e300,"
			 "\"i\":123456789012345678901234567890},\"affected\":[]}\n"
			 "{\"id\":\"TEST-2\",\"summary\":\"a \\\"}{\\\" b\"}\n",
			 err));
	assert_int_equal(h.answer.records, 2);
	assert_ok(search(&h, " [ ] ", err));
	assert_int_equal(h.answer.records, 0);
}

TEST(advisory_search_refuses_what_is_no_feed)
{
	static const struct {
		const char *text, *reason;
	} bad[] = {
		{ "", "feed: no advisory" },
		{ "null", "'n' stands where an advisory should begin" },
		{ "[{\"id\":\"TEST-1\"},]", "']' stands where" },
		{ "[{\"id\":\"TEST-1\"} {\"id\":\"TEST-2\"}]", "'{' stands where" },
		{ "[{\"id\":\"TEST-1\"}] 1", "'1' stands where" },
		{ "{\"id\":\"TEST-1\"},", "',' stands where" },
		{ "{\"id\":\"TEST-1\"", "ends in the middle" },
		{ "[{\"id\":\"TEST-1\"}", "ends in the middle" },
		{ "{\"id\":\"TEST-1\",\"id\":\"TEST-2\"}", "feed:1:" },
		{ "{\"id\":1}", "no 'id'" },
		{ "{\"id\":\"\\u001b[2J-\"}", "the id of an advisory is not one" },
		{ "{\"id\":\"TEST-1\",\"aliases\":[1]}", "an alias is not" },
		{ "{\"id\":\"TEST-1\",\"x\":1e999}", "feed:1:" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(house_release) struct house h = { .t = { .label = NULL } };

		assert_fails(search(&h, bad[i].text, err), bad[i].reason);
	}
}

TEST(advisory_search_bounds_depth_and_size)
{
	CLEANUP(house_release) struct house h = { .t = { .label = NULL } };
	CLEANUP(buf_free) struct buf text = BUF_MAX(ADVISORY_MAX_BYTES * 2);

	buf_add_str(&text, "{\"id\":\"TEST-1\",\"x\":");
	for (int i = 0; i < 100; i++)
		buf_add_char(&text, '[');
	for (int i = 0; i < 100; i++)
		buf_add_char(&text, ']');
	buf_add_char(&text, '}');
	assert_fails(search(&h, buf_text(&text), err), "nested too deeply");
	buf_clear(&text);
	buf_add_str(&text, "{\"id\":\"TEST-1\",\"affected\":[");
	for (int i = 0; i < 20000; i++)
		buf_add_str(&text, "{},");
	buf_add_str(&text, "{}]}");
	assert_fails(search(&h, buf_text(&text), err), "affects more than 20000 packages");
}

/* Neither time nor memory is the number of names times that of events. */
TEST(advisory_search_judges_an_entry_once_by_each_name)
{
	CLEANUP(house_release) struct house h = { .t = { .label = NULL } };
	CLEANUP(buf_free) struct buf text = BUF_MAX(ADVISORY_MAX_BYTES);

	buf_add_str(&text,
		    "{\"id\":\"TEST-1\",\"affected\":[{\"database_specific\":{\"cpes\":[");
	for (int i = 0; i < 100000; i++)
		buf_add_str(&text, "\"cpe:/a:zlib:zlib\",");
	buf_add_str(&text, "\"\"]},\"ranges\":[{\"events\":[" FROM("0"));
	for (int i = 0; i < 19999; i++)
		buf_add_format(&text, ",{\"fixed\":\"2.%d\"}", i);
	buf_add_str(&text, "]}]}]}");
	assert_ok(search(&h, buf_text(&text), err));
	assert_int_equal(h.answer.nfindings, 1);
	assert_string_equal(h.answer.findings[0]->fixed, "2.0");
}

TEST(advisory_search_bounds_the_records_of_a_finding)
{
	CLEANUP(house_release) struct house h = { .t = { .label = NULL } };
	CLEANUP(buf_free) struct buf text = BUF_MAX(ADVISORY_MAX_BYTES);

	for (int i = 0; i <= 10000; i++)
		buf_add_format(
			&text,
			"{\"id\":\"TEST-%d\",\"aliases\":[\"CVE-2026-1\"],\"affected\":[{" DEB(
				"") "\"versions\":[]}]}",
			i);
	assert_fails(search(&h, buf_text(&text), err),
		     "more than 10000 records are about CVE-2026-1");
}

TEST(advisory_search_reads_directories_in_order_and_through_no_link)
{
	CLEANUP(house_release) struct house h = { .t = { .label = NULL } };
	int dir = test_tmpdir();
	const struct advisory_question q = { .targets = &h.t, .ntargets = 1 };

	furnish(&h);
	assert_fails(advisory_search(&h.a, &q, test_tmpdir_path(dir), &h.answer, err),
		     "no file of it ends in .json");
	assert_ok(fd_mkdirs(dir, "Debian", err));
	assert_ok(fd_publish(dir, "Debian/a.json", "{\"id\":\"TEST-1\"}", 15, 0644, err));
	assert_ok(fd_publish(dir, "b.csv", "no", 2, 0644, err));
	assert_ok(advisory_search(&h.a, &q, test_tmpdir_path(dir), &h.answer, err));
	assert_int_equal(h.answer.records, 1);
	assert_int_equal(symlinkat("Debian/a.json", dir, "c.json"), 0);
	assert_fails(advisory_search(&h.a, &q, test_tmpdir_path(dir), &h.answer, err),
		     "c.json is no plain file");
	assert_int_equal(unlinkat(dir, "c.json", 0), 0);
	assert_ok(fd_publish(dir, "z.json", "{}", 2, 0644, err));
	assert_fails(advisory_search(&h.a, &q, test_tmpdir_path(dir), &h.answer, err),
		     "z.json: no advisory: no 'id'");
}

TEST(advisory_target_prefers_the_debian_version_that_a_recipe_says_it_is)
{
	CLEANUP(house_release) struct house h = { .t = { .label = "x" } };

	advisory_target_add_purl(&h.a, &h.t,
				 "pkg:deb/debian/zlib@1%3A1.2.13.dfsg-1?distro=debian-12");
	advisory_target_add_source(
		&h.a, &h.t, "debian:pool/main/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2",
		"https://github.com/madler/zlib/releases/x.tar.gz", "1.2.13");
	assert_int_equal(h.t.nnames, 2);
	assert_string_equal(h.t.names[0].key, "pkg:deb/debian/zlib");
	assert_string_equal(h.t.names[0].version, "1:1.2.13.dfsg-1");
	assert_string_equal(h.t.names[0].release, "12");
	assert_int_equal(h.t.names[0].order, ADVISORY_DEB);
	assert_string_equal(h.t.names[1].key, "pkg:github/madler/zlib");
}
