/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/nevra.h"
#include "tests/unit/test.h"

#define MAX_DATA ((size_t)64 * 1024)

static char
order(struct arena *a, const char *left, const char *right, struct err *err)
{
	struct nevra l, r;
	int c;

	assert_ok(nevra_parse_evr(a, left, &l, err));
	assert_ok(nevra_parse_evr(a, right, &r, err));
	c = nevra_compare_evr(&l, &r);
	assert_int_equal(c, -nevra_compare_evr(&r, &l));
	return c < 0 ? '<' : c > 0 ? '>' : '=';
}

TEST(nevra_orders_versions_as_the_data_file_says)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_DATA);
	char left[128], right[128], op;
	size_t cases = 0;

	assert_ok(fd_read_file(AT_FDCWD, "data/nevra.data", &text, err));
	for (const char *p = buf_text(&text); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (*p == '#' || *p == '\n')
			continue;
		assert_int_equal(sscanf(p, "%127s %c %127s", left, &op, right), 3);
		if (*left == '+') {
			/* Not a version, but a part that RPM compares. */
			assert_int_equal(nevra_compare_part(left, right), 0);
		} else if (order(&a, left, right, err) != op) {
			fail_msg("%s %c %s does not hold", left, op, right);
		}
		cases++;
	}
	assert_true(cases > 30);
}

TEST(nevra_texts_leave_out_an_epoch_of_zero)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct nevra n = {
		.name = "zlib-devel", .version = "1.2", .release = "3", .arch = "x86_64"
	};

	assert_string_equal(nevra_evr(&a, &n), "1.2-3");
	assert_string_equal(nevra_text(&a, &n), "zlib-devel-1.2-3.x86_64");
	n.epoch = 4;
	assert_string_equal(nevra_evr(&a, &n), "4:1.2-3");
	assert_string_equal(nevra_text(&a, &n), "zlib-devel-4:1.2-3.x86_64");
	assert_string_equal(nevra_file(&a, &n), "zlib-devel-1.2-3.x86_64.rpm");
}

TEST(nevra_parse_reads_what_text_and_file_write)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct nevra n;

	assert_ok(nevra_parse(&a, "gcc-c++-2:12.2.0~rc1-3.x86_64.rpm", &n, err));
	assert_string_equal(n.name, "gcc-c++");
	assert_string_equal(n.version, "12.2.0~rc1");
	assert_string_equal(n.release, "3");
	assert_string_equal(n.arch, "x86_64");
	assert_int_equal(n.epoch, 2);
	assert_ok(nevra_parse(&a, nevra_text(&a, &n), &n, err));
	assert_int_equal(n.epoch, 2);
}

TEST(nevra_parse_refuses_what_is_no_package_name)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct nevra n;
	char longest[3000];

	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_fails(nevra_parse(&a, "zlib", &n, err),
		     "is not of the form name-version-release.arch");
	assert_fails(nevra_parse(&a, "zlib-1.2.x86_64", &n, err), "is not of the form");
	assert_fails(nevra_parse(&a, "zlib-x:1-2.noarch", &n, err),
		     "epoch that is not a number");
	assert_fails(nevra_parse(&a, "zlib-99999999999:1-2.noarch", &n, err), "is too large");
	assert_fails(nevra_parse(&a, "zl/ib-1-2.noarch", &n, err), "name no package may have");
	assert_fails(nevra_parse(&a, "zlib-1-2.", &n, err), "has no architecture");
	assert_fails(nevra_parse(&a, longest, &n, err), "longer than");
	assert_fails(nevra_parse_evr(&a, "", &n, err), "is not a version");
	assert_fails(nevra_parse_evr(&a, "1-2-3", &n, err), "is not a version");
	assert_fails(nevra_parse_evr(&a, "1 0", &n, err), "is not a version");
}

TEST(nevra_names_are_what_rpm_and_file_systems_take)
{
	assert_true(nevra_is_name("libstdc++"));
	assert_true(nevra_is_name("_x.y-z"));
	assert_false(nevra_is_name(""));
	assert_false(nevra_is_name("-x"));
	assert_false(nevra_is_name(".."));
	assert_false(nevra_is_name("a b"));
	assert_false(nevra_is_name("\xc3\xa4"));
	assert_true(nevra_is_version("1.0~rc1^git_2+b"));
	assert_false(nevra_is_version("1-2"));
	assert_false(nevra_is_version("~1"));
}
