/* SPDX-License-Identifier: Apache-2.0 */
/* docs/image.md names every key with its type and default, and every example in it is right. */
#include "images/image.h"
#include "base/tree.h"
#include "tests/unit/test.h"

#define DOCS     "../docs"
#define MAX_PAGE ((size_t)4 * 1024 * 1024)
#define FENCE    "```yaml image\n"

static void
read_page(int dir, const char *path, struct buf *out, struct err *err)
{
	assert_ok(fd_read_file(dir, path, out, err));
}

TEST(image_docs_name_every_key_with_type_and_default)
{
	CLEANUP(fd_close) int dir = -1;
	CLEANUP(buf_free) struct buf page = BUF_MAX(MAX_PAGE);
	const struct image_key *keys;
	size_t n;

	assert_ok(fd_open(DOCS, O_RDONLY | O_DIRECTORY, &dir, err));
	read_page(dir, "image.md", &page, err);
	keys = image_keys(&n);
	assert_true(n > 10);
	for (size_t i = 0; i < n; i++) {
		char row[400];

		(void)snprintf(row, sizeof(row), "| `%s` | %s | %s | %s", keys[i].path,
			       keys[i].type, keys[i].fallback, keys[i].summary);
		if (!strstr(buf_text(&page), row))
			fail_msg("docs/image.md lacks the row: %s", row);
	}
}

/* A row of the table that no key stands behind is a promise nobody keeps. */
TEST(image_docs_name_no_key_that_is_not_there)
{
	CLEANUP(fd_close) int dir = -1;
	CLEANUP(buf_free) struct buf page = BUF_MAX(MAX_PAGE);
	const struct image_key *keys;
	size_t n, rows = 0;

	assert_ok(fd_open(DOCS, O_RDONLY | O_DIRECTORY, &dir, err));
	read_page(dir, "image.md", &page, err);
	keys = image_keys(&n);
	for (const char *at = strstr(buf_text(&page), "\n| `"); at;
	     at = strstr(at + 1, "\n| `")) {
		const char *name = at + strlen("\n| `");
		size_t len = strcspn(name, "`");
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known = known || (strlen(keys[i].path) == len &&
					  strncmp(keys[i].path, name, len) == 0);
		if (!known)
			fail_msg("docs/image.md describes '%.*s', which is no key", (int)len,
				 name);
		rows++;
	}
	assert_int_equal(rows, n);
}

static size_t
lint_blocks(const char *page, const char *text, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	size_t n = 0;

	for (const char *at = strstr(text, FENCE); at; at = strstr(at + 1, FENCE)) {
		const char *start = at + strlen(FENCE), *end = strstr(start, "\n```");
		struct image *im;

		assert_non_null(end);
		assert_ok(image_parse(&a, start, (size_t)(end + 1 - start), page, &im, err));
		n++;
	}
	return n;
}

TEST(image_examples_in_all_documents_are_right)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dir = -1;
	const char **names;
	size_t n, blocks = 0;

	assert_ok(fd_open(DOCS, O_RDONLY | O_DIRECTORY, &dir, err));
	assert_ok(tree_list(&a, dir, ".", &names, &n, err));
	for (size_t i = 0; i < n; i++) {
		CLEANUP(buf_free) struct buf page = BUF_MAX(MAX_PAGE);
		size_t len = strlen(names[i]);

		if (len < 3 || strcmp(names[i] + len - 3, ".md") != 0)
			continue;
		read_page(dir, names[i], &page, err);
		blocks += lint_blocks(names[i], buf_text(&page), err);
	}
	assert_true(blocks >= 2);
}
