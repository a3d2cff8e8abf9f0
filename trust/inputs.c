/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is known; whether it is enough is judged in inputs_check.c. */
#include "trust/inputs_priv.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/tree.h"

#define INPUTS_SUFFIX        ".sigstore.json"
#define INPUTS_INVENTORY     "inventory.json"
#define INPUTS_MAX_INVENTORY DOC_MAX_BYTES
#define INPUTS_MAX_BUNDLE    DSSE_MAX_BYTES
#define INPUTS_DIGITS        16

static bool
is_bundle(const char *name)
{
	size_t n = strlen(name), suffix = strlen(INPUTS_SUFFIX);

	/* The inventory's own bundle may lie in the same directory; it is read with the
	 * inventory. */
	return n > suffix && strcmp(name + n - suffix, INPUTS_SUFFIX) == 0 &&
	       strcmp(name, INPUTS_INVENTORY INPUTS_SUFFIX) != 0;
}

/* Every statement about the same bytes counts: which of them the directory shows first must not
 * matter. */
static void
add_subject(struct inputs_set *set, const struct digest *d, struct inputs_known *k)
{
	struct inputs_about *about = arena_alloc(&set->arena, sizeof(*about));
	struct inputs_about *first;
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	about->known = k;
	first = dict_get(&set->statements, hex);
	if (!first) {
		dict_set(&set->statements, hex, about);
		return;
	}
	about->next = first->next;
	first->next = about;
}

/* "NAME.sigstore.json" holds a statement with the subject NAME, and so does
 * "NAME.DIGITS.sigstore.json", where the first digits of a subject's digest keep several
 * statements apart: people who look for the proof of NAME look there. */
static bool
is_named_after(const struct statement *s, const char *file)
{
	size_t n = strlen(file) - strlen(INPUTS_SUFFIX);
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < s->nsubjects; i++) {
		const char *name = s->subjects[i].name;
		size_t len = strlen(name);

		if (len > n || memcmp(name, file, len) != 0)
			continue;
		if (len == n)
			return true;
		digest_hex(&s->subjects[i].sha256, hex);
		if (n == len + 1 + INPUTS_DIGITS && file[len] == '.' &&
		    memcmp(file + len + 1, hex, INPUTS_DIGITS) == 0)
			return true;
	}
	return false;
}

static int
load_bundle(struct inputs_set *set, int dirfd, const char *name, const struct keyring *ring,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(INPUTS_MAX_BUNDLE);
	struct inputs_known *k = arena_alloc(&set->arena, sizeof(*k));
	const char *label = verify_label(&set->arena, name);

	if (fd_read_plain(dirfd, name, &text, err) < 0 ||
	    verify_bundle(&set->arena, ring, buf_text(&text), text.len, label,
			  STATEMENT_SLSA_V1, NULL, &k->statement, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (!is_named_after(&k->statement, name))
		return err_set(err, ERR_VERIFY,
			       "%s: it speaks of '%s', not of what its name says", label,
			       verify_label(&set->arena, k->statement.subjects[0].name));
	k->bundle = label;
	k->index = set->known.n;
	VEC_PUSH(&set->known, k);
	for (size_t i = 0; i < k->statement.nsubjects; i++)
		add_subject(set, &k->statement.subjects[i].sha256, k);
	return 0;
}

static int
load_bundles(struct inputs_set *set, const char *dir, const struct keyring *ring,
	     struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	const char **names;
	size_t n;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    tree_list(&set->arena, dirfd, ".", &names, &n, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < n; i++)
		if (is_bundle(names[i]) && load_bundle(set, dirfd, names[i], ring, err) < 0)
			return err_wrap(err, "%s", dir);
	return 0;
}

static int
read_inventory(struct inputs_set *set, const char *text, size_t n, const char *name,
	       struct err *err)
{
	struct doc *root;
	const struct doc *list;
	struct digest digest;
	int64_t format;
	char canonical[DIGEST_HEX];

	if (json_parse(&set->arena, text, n, name, &root, err) < 0)
		return err_recode(err, ERR_VERIFY);
	list = doc_get(root, "inputs");
	if (!doc_int(doc_get(root, "format"), &format) || format != 1)
		return err_set(err, ERR_VERIFY, "%s: not an inventory of format 1", name);
	if (!list || list->kind != DOC_LIST)
		return err_set(err, ERR_VERIFY, "%s: the list of inputs is missing", name);
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *d = list->items[i].value;
		const char *hex = doc_get_text(doc_get(d, "digest"), "sha256");
		const char *what = doc_get_text(d, "name");

		if (!hex || !what || !digest_parse(hex, &digest))
			return err_set(err, ERR_VERIFY,
				       "%s: input %zu lacks its name or sha256", name, i + 1);
		digest_hex(&digest, canonical);
		(void)dict_add(&set->inventory, canonical, arena_strdup(&set->arena, what));
	}
	return 0;
}

/* The directory that holds path, "." when path is one component. */
static const char *
split_path(struct arena *a, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (!slash)
		return ".";
	return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

static int
load_inventory(struct inputs_set *set, const char *path, enum key_role by,
	       const struct keyring *ring, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(INPUTS_MAX_INVENTORY);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(fd_close) int dirfd = -1;
	const char *name, *dir = split_path(&set->arena, path, &name);
	const char *bundle_name = arena_format(&set->arena, "%s" INPUTS_SUFFIX, name);
	struct digest digest;
	struct verify_ask ask = { .ring = ring,
				  .role = by,
				  .predicate_type = STATEMENT_INVENTORY,
				  .subject = &digest };
	struct statement s;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    fd_read_plain(dirfd, name, &text, err) < 0 ||
	    fd_read_plain(dirfd, bundle_name, &bundle, err) < 0)
		return err_recode(err, ERR_VERIFY);
	digest_of(buf_text(&text), text.len, &digest);
	ask.name = bundle_name;
	if (verify_bundle_as(&set->arena, &ask, buf_text(&bundle), bundle.len, &s, err) < 0)
		return -1;
	return read_inventory(set, buf_text(&text), text.len, name, err);
}

int
inputs_load(const char *dir, const char *inventory_path, const struct keyring *ring,
	    struct inputs_set **out, struct err *err)
{
	return inputs_load_as(dir, inventory_path, KEY_BUILDER, ring, out, err);
}

int
inputs_load_as(const char *dir, const char *inventory_path, enum key_role inventory_by,
	       const struct keyring *ring, struct inputs_set **out, struct err *err)
{
	CLEANUP(inputs_free) struct inputs_set *set = mem_alloc(sizeof(*set));

	if (load_inventory(set, inventory_path, inventory_by, ring, err) < 0)
		return err_wrap(err, "inventory %s", inventory_path);
	if (load_bundles(set, dir, ring, err) < 0)
		return -1;
	*out = STEAL_PTR(set);
	return 0;
}

void
inputs_free(struct inputs_set *s)
{
	if (!s)
		return;
	dict_release(&s->statements);
	dict_release(&s->inventory);
	VEC_FREE(&s->known);
	arena_release(&s->arena);
	free(s);
}
