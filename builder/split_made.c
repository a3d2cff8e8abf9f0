/* SPDX-License-Identifier: Apache-2.0 */
/* What a package declares (recipe_made.c) joins what the build installed for it. */
#include "base/fd.h"
#include "base/mem.h"
#include "builder/split.h"

static struct pkgfile_entry *
find(struct split_part *part, const char *path)
{
	for (size_t i = 0; i < part->n; i++)
		if (strcmp(part->entries[i].path, path) == 0)
			return &part->entries[i];
	return NULL;
}

/* The text lies beside the harvest's own directories, under a name that no harvest has: what
 * stands at its root must be one of a few directories (normalize.c). */
static int
write_text(struct arena *a, int dirfd, const struct recipe_made *m, size_t number,
	   struct pkgfile_entry *e, struct err *err)
{
	size_t n = strlen(m->text);

	e->source = arena_format(a, ".made-%zu", number);
	e->size = n;
	digest_of(m->text, n, &e->digest);
	return fd_publish(dirfd, e->source, m->text, n, 0600, err);
}

static int
refuse_twice(const struct recipe *r, const struct split_part *part, const struct recipe_made *m,
	     struct err *err)
{
	const struct recipe_package *p = part->declared;

	err_set(err, ERR_INPUT,
		"%s:%d:%d: package '%s' declares '%s', and the build installed it as well",
		r->path, p->line, p->col, p->name, m->path);
	return err_hint(err, "remove it in a build step, or do not declare it");
}

/* A directory that was installed, too, becomes what the recipe says of it. */
static int
add(struct arena *a, const struct recipe *r, int dirfd, struct split_part *part,
    const struct recipe_made *m, size_t number, struct err *err)
{
	struct pkgfile_entry *e = find(part, m->path);

	if (e && (e->type != MANIFEST_DIR || m->text))
		return refuse_twice(r, part, m, err);
	e = e ? e : &part->entries[part->n++];
	*e = (struct pkgfile_entry){ .path = m->path,
				     .type = m->text ? MANIFEST_FILE : MANIFEST_DIR,
				     .mode = (mode_t)m->mode,
				     .user = m->user,
				     .group = m->group };
	return m->text ? write_text(a, dirfd, m, number, e, err) : 0;
}

static int
by_path(const void *x, const void *y)
{
	return strcmp(((const struct pkgfile_entry *)x)->path,
		      ((const struct pkgfile_entry *)y)->path);
}

int
split_add_made(struct arena *a, const struct recipe *r, int dirfd, struct split_part *parts,
	       size_t nparts, struct err *err)
{
	size_t number = 0;

	for (size_t i = 0; i < nparts; i++) {
		struct split_part *part = &parts[i];
		const struct recipe_package *p = part->declared;
		struct pkgfile_entry *entries;

		if (part->rule != SPLIT_DECLARED || !p->nmade)
			continue;
		entries = arena_array(a, part->n + p->nmade, sizeof(*entries));
		if (part->n)
			memcpy(entries, part->entries, part->n * sizeof(*entries));
		part->entries = entries;
		for (size_t j = 0; j < p->nmade; j++)
			if (add(a, r, dirfd, part, &p->made[j], number++, err) < 0)
				return -1;
		qsort(part->entries, part->n, sizeof(*part->entries), by_path);
	}
	return 0;
}
