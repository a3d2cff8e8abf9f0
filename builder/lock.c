/* SPDX-License-Identifier: Apache-2.0 */
/* The lock as a value: written in its one spelling, searched, compared. */
#include "builder/lock.h"
#include "base/json.h"

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._~@,/^"
#define SHORT 12 /* hex digits that tell two digests apart for a reader */

static void
add_digest(struct buf *out, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	buf_add_str(out, hex);
}

/* File names may hold whatever a file system allows: the rest is written as %XX, a colon too,
 * which would make a key of what it ends. */
static void
add_name(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (strchr(PLAIN, *s))
			buf_add_char(out, *s);
		else
			buf_add_format(out, "%%%02X", (unsigned char)*s);
	}
}

static void
add_items(struct buf *out, const char *indent, const char *key, const struct lock_items *items)
{
	if (items->n)
		buf_add_format(out, "%s%s:\n", indent, key);
	for (size_t i = 0; i < items->n; i++) {
		buf_add_format(out, "%s  - ", indent);
		add_digest(out, &items->at[i].sha256);
		buf_add_char(out, ' ');
		add_name(out, items->at[i].name);
		if (items->at[i].version)
			buf_add_format(out, " %s", items->at[i].version);
		buf_add_char(out, '\n');
	}
}

static void
add_line(struct buf *out, const char *key, const struct digest *d)
{
	buf_add_str(out, key);
	add_digest(out, d);
	buf_add_char(out, '\n');
}

static void
add_recipe(struct buf *out, const struct lock_recipe *r)
{
	buf_add_format(out, "  %s:\n    version: %s\n", r->name, r->version);
	add_line(out, "    recipe: ", &r->recipe);
	add_items(out, "    ", "sources", &r->sources);
	add_items(out, "    ", "patches", &r->patches);
	if (!r->resolved)
		return;
	add_items(out, "    ", "packages", &r->packages);
	add_line(out, "    environment: ", &r->environment);
	if (r->nsees)
		buf_add_str(out, "    sees:\n");
	for (size_t i = 0; i < r->nsees; i++)
		buf_add_format(out, "      - %s\n", r->sees[i]);
}

void
lock_write(const struct lock *l, struct buf *out)
{
	struct arena a = { 0 };

	buf_add_format(
		out,
		"# Written by `kiln lock` and `kiln build`: what builds accept, by SHA-256. "
		"Commit it; do not edit it.\nformat: %d\nworkspace:\n  vendor: ",
		LOCK_FORMAT);
	json_write(doc_text(&a, l->vendor), out);
	arena_release(&a);
	buf_add_format(out, "\n  epoch: %s\nseed:\n", l->epoch);
	add_line(out, "  groups: ", &l->groups);
	add_line(out, "  fixups: ", &l->fixups);
	add_items(out, "  ", "packages", &l->seed);
	if (l->nrecipes)
		buf_add_str(out, "recipes:\n");
	for (size_t i = 0; i < l->nrecipes; i++)
		add_recipe(out, &l->recipes[i]);
}

static void
hash_text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s) + 1);
}

static void
hash_items(struct buf *b, const struct lock_items *items)
{
	buf_add(b, &items->n, sizeof(items->n));
	for (size_t i = 0; i < items->n; i++) {
		hash_text(b, items->at[i].name);
		buf_add(b, items->at[i].sha256.bytes, DIGEST_BYTES);
	}
}

void
lock_digest(const struct lock_recipe *r, struct digest *out)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(LOCK_MAX_BYTES);

	hash_text(&b, r->name);
	hash_text(&b, r->version);
	buf_add(&b, r->recipe.bytes, DIGEST_BYTES);
	hash_items(&b, &r->sources);
	hash_items(&b, &r->patches);
	buf_add_char(&b, r->resolved ? '+' : '-');
	if (r->resolved) {
		hash_items(&b, &r->packages);
		buf_add(&b, r->environment.bytes, DIGEST_BYTES);
		for (size_t i = 0; i < r->nsees; i++)
			hash_text(&b, r->sees[i]);
	}
	digest_of(b.data, b.len, out);
}

struct lock_recipe *
lock_find(const struct lock *l, const char *name)
{
	size_t low = 0, high = l->nrecipes;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(l->recipes[mid].name, name);

		if (!order)
			return &l->recipes[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct comparing {
	struct arena *a;
	lock_change_fn *tell;
	void *arg;
	size_t n;
};

static void
tell(struct comparing *c, const char *what, const char *field, const char *before,
     const char *now)
{
	c->n++;
	if (c->tell)
		c->tell(c->arg, what, field, before, now);
}

static const char *
shown(struct arena *a, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return arena_strndup(a, hex, SHORT);
}

static void
compare_digest(struct comparing *c, const char *what, const char *field,
	       const struct digest *before, const struct digest *now)
{
	if (!digest_equal(before, now))
		tell(c, what, field, shown(c->a, before), shown(c->a, now));
}

static void
compare_text(struct comparing *c, const char *what, const char *field, const char *before,
	     const char *now)
{
	if (strcmp(before, now) != 0)
		tell(c, what, field, before, now);
}

static const char *
item_shown(struct comparing *c, const struct lock_item *item)
{
	const char *digest = shown(c->a, &item->sha256);

	return item->version ? arena_format(c->a, "%s %s", item->version, digest) : digest;
}

static bool
same_item(const struct lock_item *x, const struct lock_item *y)
{
	return !strcmp(x->name, y->name) && digest_equal(&x->sha256, &y->sha256) &&
	       (!x->version || !strcmp(x->version, y->version));
}

static bool
same_items(const struct lock_items *x, const struct lock_items *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n && x->at != y->at; i++)
		if (!same_item(&x->at[i], &y->at[i]))
			return false;
	return true;
}

static int
by_name(const void *x, const void *y)
{
	const struct lock_item *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	return order ? order : memcmp(a->sha256.bytes, b->sha256.bytes, DIGEST_BYTES);
}

static struct lock_item *
sorted(struct arena *a, const struct lock_items *items)
{
	struct lock_item *at = arena_array(a, items->n + 1, sizeof(*at));

	if (items->n) {
		memcpy(at, items->at, items->n * sizeof(*at));
		qsort(at, items->n, sizeof(*at), by_name);
	}
	return at;
}

static void
compare_items(struct comparing *c, const char *what, const char *kind,
	      const struct lock_items *before, const struct lock_items *now)
{
	const struct lock_item *x, *y;
	size_t i = 0, j = 0, had = c->n;

	if (same_items(before, now))
		return;
	x = sorted(c->a, before);
	y = sorted(c->a, now);
	while (i < before->n || j < now->n) {
		int order = i == before->n ? 1
			    : j == now->n  ? -1
					   : strcmp(x[i].name, y[j].name);
		const struct lock_item *any = order <= 0 ? &x[i] : &y[j];

		if (order != 0 || !same_item(&x[i], &y[j]))
			tell(c, what, arena_format(c->a, "%s %s", kind, any->name),
			     order <= 0 ? item_shown(c, &x[i]) : "nothing",
			     order >= 0 ? item_shown(c, &y[j]) : "nothing");
		i += order <= 0;
		j += order >= 0;
	}
	if (c->n == had)
		tell(c, what, kind, "one order", "another");
}

static void
compare_result(struct comparing *c, const struct lock_recipe *before,
	       const struct lock_recipe *now)
{
	size_t i = 0, j = 0, had;

	if (!before->resolved || !now->resolved)
		return;
	compare_items(c, now->name, "packages", &before->packages, &now->packages);
	if (digest_equal(&before->environment, &now->environment))
		return;
	had = c->n;
	while (i < before->nsees || j < now->nsees) {
		int order = i == before->nsees ? 1
			    : j == now->nsees  ? -1
					       : strcmp(before->sees[i], now->sees[j]);
		const char *name = order <= 0 ? before->sees[i] : now->sees[j];

		if (order != 0)
			tell(c, now->name, arena_format(c->a, "environment %s", name),
			     order < 0 ? "there" : "nothing", order < 0 ? "nothing" : "there");
		i += order <= 0;
		j += order >= 0;
	}
	if (c->n == had)
		compare_digest(c, now->name, "environment", &before->environment,
			       &now->environment);
}

static void
compare_recipe(struct comparing *c, const struct lock_recipe *before,
	       const struct lock_recipe *now)
{
	compare_text(c, now->name, "version", before->version, now->version);
	compare_digest(c, now->name, "recipe", &before->recipe, &now->recipe);
	compare_items(c, now->name, "sources", &before->sources, &now->sources);
	compare_items(c, now->name, "patches", &before->patches, &now->patches);
	compare_result(c, before, now);
}

size_t
lock_compare(struct arena *a, const struct lock *before, const struct lock *now,
	     lock_change_fn *fn, void *arg)
{
	struct comparing c = { .a = a, .tell = fn, .arg = arg };
	size_t i = 0, j = 0;

	compare_text(&c, "workspace", "vendor", before->vendor, now->vendor);
	compare_text(&c, "workspace", "epoch", before->epoch, now->epoch);
	compare_digest(&c, "seed", "groups", &before->groups, &now->groups);
	compare_digest(&c, "seed", "fixups", &before->fixups, &now->fixups);
	compare_items(&c, "seed", "package", &before->seed, &now->seed);
	while (i < before->nrecipes || j < now->nrecipes) {
		const struct lock_recipe *x = &before->recipes[i], *y = &now->recipes[j];
		int order = i == before->nrecipes ? 1
			    : j == now->nrecipes  ? -1
						  : strcmp(x->name, y->name);

		if (order == 0)
			compare_recipe(&c, x, y);
		else
			tell(&c, order < 0 ? x->name : y->name, "version",
			     order < 0 ? x->version : "nothing",
			     order < 0 ? "nothing" : y->version);
		i += order <= 0;
		j += order >= 0;
	}
	return c.n;
}
