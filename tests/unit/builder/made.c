/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/builder/made.h"
#include <assert.h>

static void
write_recipe(struct arena *a, int dir, const struct made_recipe *m)
{
	struct err e;
	const char *text = arena_format(
		a,
		"format: 1\nname: %s\nversion: \"1\"\nrelease: 1\nsummary: Made for a test\n"
		"license: MIT\nhomepage: https://example.org/\n%sbuild:\n%s%s%s"
		"  steps:\n    - name: make\n      run: \"true\"\n",
		m->name, m->more ? m->more : "", m->needs ? "  needs: " : "",
		m->needs ? m->needs : "", m->needs ? "\n" : "");
	const char *path = arena_format(a, "recipes/%s", m->name);

	if (fd_mkdirs(dir, path, &e) < 0 ||
	    fd_publish(dir, arena_format(a, "%s/recipe.yaml", path), text, strlen(text), 0644,
		       &e) < 0)
		fail_msg("%s", e.text);
}

struct recipe_place
made_place(int dirfd, int64_t epoch)
{
	return (struct recipe_place){ .dirfd = dirfd, .dir = "recipes", .epoch = epoch };
}

void
made_set(struct arena *a, const struct made_recipe *at, size_t n, struct recipe_set *out)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	struct recipe_place place = made_place(dir, MADE_EPOCH);
	struct err e;

	for (size_t i = 0; i < n; i++)
		write_recipe(a, dir, &at[i]);
	if (recipe_load_all(a, &place, out, &e) < 0)
		fail_msg("%s", e.text);
}

struct recipe *
made_one(struct arena *a, const char *yaml)
{
	struct recipe *r = NULL;
	struct err e;

	if (recipe_parse(a, yaml, strlen(yaml), "recipes/x/recipe.yaml", MADE_EPOCH, &r, &e) <
	    0)
		fail_msg("%s", e.text);
	return r;
}

void
made_digest(const char *text, struct digest *out)
{
	digest_of(text, strlen(text), out);
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct manifest_entry *)a)->path,
		      ((const struct manifest_entry *)b)->path);
}

void
made_manifest(struct arena *a, const char *const *lines, size_t n, struct manifest *out)
{
	out->n = n;
	out->at = arena_array(a, n, sizeof(*out->at));
	for (size_t i = 0; i < n; i++) {
		struct manifest_entry *e = &out->at[i];
		const char *path = lines[i] + 3, *space = strchr(path, ' ');

		e->path = space ? arena_strndup(a, path, (size_t)(space - path)) : path;
		e->type = lines[i][0] == 'd'   ? MANIFEST_DIR
			  : lines[i][0] == 'l' ? MANIFEST_LINK
					       : MANIFEST_FILE;
		e->mode = e->type == MANIFEST_LINK ? 0 : e->type == MANIFEST_DIR ? 0755 : 0644;
		if (e->type == MANIFEST_LINK)
			e->target = space + 1;
		else if (e->type == MANIFEST_FILE)
			made_digest(space ? space + 1 : e->path, &e->digest);
	}
	qsort(out->at, n, sizeof(*out->at), by_path);
}

struct pkgfacts *
made_facts(struct arena *a, const char *name)
{
	struct pkgfacts *f = arena_alloc(a, sizeof(*f));

	f->id = (struct nevra){
		.name = name, .version = "1", .release = "1", .arch = "x86_64"
	};
	f->recipe = name;
	f->summary = "Made for a test";
	f->license = "MIT";
	made_digest(arena_format(a, "file of %s", name), &f->file);
	made_digest(arena_format(a, "header of %s", name), &f->header);
	made_digest(arena_format(a, "environment of %s", name), &f->environment);
	pkgfile_self_provides(a, &f->id, &f->provides);
	return f;
}
