/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/recipe.md cannot drift from the parser, and no YAML in our documents is wrong. A fence
 * says what it holds: ```yaml a recipe, or (without `format:`) some keys of one, which are
 * completed here; ```yaml kiln, seed, stages, image, policy: those files. Images are linted by
 * tests/unit/images.
 */
#include "builder/recipe.h"
#include "builder/seed_priv.h"
#include "builder/stage.h"
#include "builder/workspace.h"
#include "base/arena.h"
#include "base/tree.h"
#include "tests/unit/test.h"
#include "trust/rules.h"

#define TEXT_MAX ((size_t)1024 * 1024)
#define EPOCH    1767225600

static int
root_dir(struct err *err)
{
	int fd = -1;

	assert_ok(fd_open("..", O_RDONLY | O_DIRECTORY, &fd, err));
	return fd;
}

static char *
read_doc(struct arena *a, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	CLEANUP(fd_close) int fd = root_dir(err);

	assert_ok(fd_read_file(fd, name, &text, err));
	return arena_strdup(a, buf_text(&text));
}

static bool
is_key(const char *path, size_t n)
{
	size_t count;
	const struct recipe_key *keys = recipe_keys(&count);

	for (size_t i = 0; i < count; i++)
		if (strlen(keys[i].path) == n && !strncmp(keys[i].path, path, n))
			return true;
	return false;
}

TEST(recipe_reference_has_every_key_with_its_type_and_default)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *text = read_doc(&a, "docs/recipe.md", err);
	size_t n;
	const struct recipe_key *keys = recipe_keys(&n);

	assert_true(n > 50);
	for (size_t i = 0; i < n; i++) {
		const char *section =
			arena_format(&a, "\n### `%s`\nType: %s. Default: %s.\n", keys[i].path,
				     keys[i].type, keys[i].fallback);

		if (!strstr(text, section)) {
			print_error("docs/recipe.md lacks:%s", section);
			fail();
		}
	}
}

TEST(recipe_reference_has_no_section_of_an_unknown_key)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *text = read_doc(&a, "docs/recipe.md", err);

	for (const char *p = strstr(text, "\n### `"); p; p = strstr(p, "\n### `")) {
		size_t n;

		p += strlen("\n### `");
		n = strcspn(p, "`");
		if (!is_key(p, n)) {
			print_error("docs/recipe.md describes '%.*s', which is no key\n",
				    (int)n, p);
			fail();
		}
	}
}

TEST(recipe_reference_has_an_error_and_an_example_for_every_key)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *text = read_doc(&a, "docs/recipe.md", err);

	for (const char *p = strstr(text, "\n### `"); p;) {
		const char *next = strstr(p + 1, "\n### `"), *chapter = strstr(p + 1, "\n## ");
		const char *end = next && (!chapter || next < chapter) ? next : chapter;
		const char *section = end ? arena_strndup(&a, p, (size_t)(end - p)) : p;

		if (!strstr(section, "Error:") || !strstr(section, "```yaml\n")) {
			print_error("no error or no example in:%.60s\n", section);
			fail();
		}
		p = next;
	}
}

/* Some keys of a recipe, made whole with the required ones that they leave out. */
static const char *
completed(struct arena *a, const char *part)
{
	static const char *const required[][2] = {
		{ "format", "format: 1\n" },
		{ "name", "name: example\n" },
		{ "version", "version: 1.0\n" },
		{ "summary", "summary: An example\n" },
		{ "license", "license: MIT\n" },
		{ "sources", "sources: [{url: 'file:x', sha256: "
			     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c"
			     "a495991b7852b855}]\n" },
		{ "build", "build:\n  steps: [{name: make, run: make}]\n" },
	};
	const char *text = "";

	for (size_t i = 0; i < ARRAY_LEN(required); i++) {
		const char *key = arena_format(a, "\n%s:", required[i][0]);

		if (!strstr(arena_format(a, "\n%s", part), key))
			text = arena_format(a, "%s%s", text, required[i][1]);
	}
	return arena_format(a, "%s%s", text, part);
}

static int
lint_workspace(struct arena *a, const char *path, const char *block, struct err *err)
{
	static const char kiln[] =
		"format: 1\nname: x\nid: x\nversion: 1\nbuilder: https://x.invalid/\n";
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	struct workspace w = { 0 };
	struct seed seed = { 0 };
	bool is_seed = !strcmp(path, SEED_YAML), is_stages = !strcmp(path, STAGE_YAML);
	struct stages stages;
	int rc;

	assert_ok(fd_mkdirs(dirfd, "bootstrap", err));
	if (is_seed || is_stages)
		assert_ok(fd_publish(dirfd, "kiln.yaml", kiln, sizeof(kiln) - 1, 0644, err));
	assert_ok(fd_publish(dirfd, path, block, strlen(block), 0644, err));
	assert_ok(workspace_open(a, test_tmpdir_path(dirfd), NULL, NULL, &w, err));
	rc = is_seed     ? seed_load(a, &w, &seed, err)
	     : is_stages ? stage_load(a, &w, &stages, err)
			 : 0;
	workspace_close(&w);
	/* An example has no lock; that its packages are not pinned is the last thing checked.
	 */
	if (rc < 0 && strstr(err->text, "is not pinned in"))
		rc = 0;
	return rc;
}

static void
lint_block(const char *name, int line, const char *kind, const char *block, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct recipe *r;
	int rc = 0;

	if (!*kind) {
		const char *text = completed(&a, block);

		rc = recipe_parse(&a, text, strlen(text), "recipes/example/recipe.yaml", EPOCH,
				  &r, err);
	} else if (!strcmp(kind, " kiln")) {
		rc = lint_workspace(&a, "kiln.yaml", block, err);
	} else if (!strcmp(kind, " seed")) {
		rc = lint_workspace(&a, SEED_YAML, block, err);
	} else if (!strcmp(kind, " stages")) {
		rc = lint_workspace(&a, STAGE_YAML, block, err);
	} else if (!strcmp(kind, " policy")) {
		CLEANUP(rules_release) struct rules rules = { .name = NULL };

		rc = rules_parse(&a, block, strlen(block), "policy.yaml", "..", &rules, err);
	} else if (strcmp(kind, " image") != 0) {
		rc = err_set(err, ERR_INPUT, "what is a block of '%s'?", kind);
	}
	if (rc < 0) {
		print_error("%s:%d: %s\n", name, line, err->text);
		fail();
	}
}

/* Every ```yaml fence of text; answers how many. */
static size_t
lint_text(struct arena *a, const char *name, const char *text, struct err *err)
{
	static const char fence[] = "\n```yaml";
	const char *p = text;
	size_t n = 0;
	int line = 2;

	for (const char *found = strstr(p, fence); found; found = strstr(p, fence)) {
		const char *kind = found + strlen(fence), *body = strchr(kind, '\n') + 1;
		const char *end = strstr(body - 1, "\n```");

		assert_non_null(end);
		for (; p < found; p++)
			line += *p == '\n';
		lint_block(name, line, arena_strndup(a, kind, (size_t)(body - 1 - kind)),
			   arena_strndup(a, body, (size_t)(end + 1 - body)), err);
		for (; p < end + 4; p++)
			line += *p == '\n';
		n++;
	}
	return n;
}

TEST(recipe_blocks_of_all_documents_are_right)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = root_dir(err);
	const char **names;
	size_t n, blocks = 0;

	assert_ok(tree_list(&a, fd, "docs", &names, &n, err));
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i]);

		if (len > 3 && !strcmp(names[i] + len - 3, ".md"))
			blocks += lint_text(
				&a, names[i],
				read_doc(&a, arena_format(&a, "docs/%s", names[i]), err), err);
	}
	(void)lint_text(&a, "README.md", read_doc(&a, "README.md", err), err);
	assert_true(blocks > 50);
}
