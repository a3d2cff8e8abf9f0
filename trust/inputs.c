/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is known; whether it is enough is judged in inputs_check.c. */
#include "trust/inputs_priv.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/tree.h"

#define INPUTS_SUFFIX        ".sigstore.json"
#define INPUTS_INVENTORY     "inventory.json"
#define INPUTS_REBUILD       ".rpm.rebuild."
#define INPUTS_MAX_INVENTORY DOC_MAX_BYTES
#define INPUTS_MAX_BUNDLE    DSSE_MAX_BYTES
#define INPUTS_DIGITS        16

/* NAME.rpm.sbom.sigstore.json and the like. */
static bool
is_other_kind(const char *name, size_t n)
{
	static const char *const kinds[] = { ".sbom", ".test", ".vex", ".installed", ".twice" };
	size_t stem = n - strlen(INPUTS_SUFFIX);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t len = strlen(kinds[i]);

		if (stem > len && memcmp(name + stem - len, kinds[i], len) == 0)
			return true;
	}
	return strstr(name, INPUTS_REBUILD) != NULL;
}

bool
inputs_is_bundle(const char *name)
{
	size_t n = strlen(name), suffix = strlen(INPUTS_SUFFIX);

	/* The inventory's own bundle may lie in the same directory; it is read with the
	 * inventory. */
	return n > suffix && strcmp(name + n - suffix, INPUTS_SUFFIX) == 0 &&
	       strcmp(name, INPUTS_INVENTORY INPUTS_SUFFIX) != 0 && !is_other_kind(name, n);
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

/* asked: by somebody who looks himself whether it is about what its name says, and judges it.
 */
static int
load_bundle(struct inputs_set *set, const char *name, const char *label, bool asked,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(INPUTS_MAX_BUNDLE);
	struct inputs_known *k = arena_alloc(&set->arena, sizeof(*k));
	const struct verify_ask ask = { .ring = set->ring,
					.role = KEY_BUILDER,
					.name = label,
					.predicate_type = STATEMENT_SLSA_V1,
					.material = &k->found.material,
					.signer = &k->found.signer };
	struct statement *s = &k->found.statement;

	if (fd_read_plain(set->dirfd, name, &text, err) < 0 ||
	    verify_bundle_as(&set->arena, &ask, buf_text(&text), text.len, s, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (!asked && !is_named_after(s, name))
		return err_set(err, ERR_VERIFY,
			       "%s: it speaks of '%s', not of what its name says", label,
			       verify_label(&set->arena, s->subjects[0].name));
	if (!asked && verify_terms_judge(set->terms, &k->found, false, label, err) < 0)
		return -1;
	k->bundle = label;
	k->index = set->known.n;
	VEC_PUSH(&set->known, k);
	dict_set(&set->files, name, k);
	for (size_t i = 0; i < s->nsubjects; i++)
		add_subject(set, &s->subjects[i].sha256, k);
	return 0;
}

int
inputs_rest(struct inputs_set *set, struct err *err)
{
	const char **names;
	size_t n;

	set->whole = true;
	if (tree_list(&set->arena, set->dirfd, ".", &names, &n, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < n; i++)
		if (inputs_is_bundle(names[i]) && !dict_has(&set->files, names[i]) &&
		    load_bundle(set, names[i], verify_label(&set->arena, names[i]), false,
				err) < 0)
			return err_wrap(err, "%s", set->dir);
	return 0;
}

int
inputs_bundle(struct inputs_set *s, const char *name, const struct verify_found **out,
	      struct err *err)
{
	const struct inputs_known *k = dict_get(&s->files, name);

	if (!k) {
		if (load_bundle(s, name, verify_label(&s->arena, name), true, err) < 0)
			return -1;
		k = dict_get(&s->files, name);
	}
	*out = &k->found;
	return 0;
}

/* One that is not there is no failure. */
static int
try_bundle(struct inputs_set *set, const char *name, struct err *err)
{
	struct stat st;

	if (strlen(name) > NAME_MAX || dict_has(&set->files, name) ||
	    fstatat(set->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (load_bundle(set, name, verify_label(&set->arena, name), false, err) < 0)
		return err_wrap(err, "%s", set->dir);
	return 0;
}

/* Statements lie under the name of what they speak of, so an input's name leads to its own;
 * when it does not, everything is read. */
static int
fetch_one(struct inputs_set *set, const struct statement_resource *d, struct err *err)
{
	char hex[DIGEST_HEX];

	digest_hex(&d->sha256, hex);
	if (dict_has(&set->inventory, hex) || dict_has(&set->statements, hex))
		return 0;
	if (d->name && *d->name && *d->name != '.' && !strchr(d->name, '/')) {
		if (try_bundle(set, arena_format(&set->arena, "%s" INPUTS_SUFFIX, d->name),
			       err) < 0)
			return -1;
		if (!dict_has(&set->statements, hex) &&
		    try_bundle(set,
			       arena_format(&set->arena, "%s.%.*s" INPUTS_SUFFIX, d->name,
					    INPUTS_DIGITS, hex),
			       err) < 0)
			return -1;
	}
	return set->whole || dict_has(&set->statements, hex) ? 0 : inputs_rest(set, err);
}

int
inputs_fetch(struct inputs_set *set, const struct statement *s, struct err *err)
{
	for (size_t i = 0; i < s->ndependencies; i++)
		if (!set->whole && fetch_one(set, &s->dependencies[i], err) < 0)
			return -1;
	/* what was read grows the list while it is walked */
	for (size_t k = 0; k < set->known.n && !set->whole; k++) {
		const struct statement *of = &set->known.at[k]->found.statement;

		for (size_t i = 0; i < of->ndependencies && !set->whole; i++)
			if (fetch_one(set, &of->dependencies[i], err) < 0)
				return -1;
	}
	return 0;
}

static enum inputs_kind
kind_of(const char *word)
{
	if (word && strcmp(word, "seed") == 0)
		return INPUTS_SEED;
	return word && strcmp(word, "earlier-package") == 0 ? INPUTS_UNPROVEN : INPUTS_SOURCE;
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
		struct inputs_leaf *leaf = arena_alloc(&set->arena, sizeof(*leaf));

		leaf->name = doc_get_text(d, "name");
		leaf->kind = kind_of(doc_get_text(d, "kind"));
		if (!hex || !leaf->name || !digest_parse(hex, &digest))
			return err_set(err, ERR_VERIFY,
				       "%s: input %zu lacks its name or sha256", name, i + 1);
		digest_hex(&digest, canonical);
		if (dict_add(&set->inventory, canonical, leaf))
			VEC_PUSH(&set->leaves, leaf);
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
load_inventory(struct inputs_set *set, const struct inputs_place *p, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(INPUTS_MAX_INVENTORY);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(fd_close) int dirfd = -1;
	const char *name, *dir = split_path(&set->arena, p->inventory, &name);
	const char *bundle_name = arena_format(&set->arena, "%s" INPUTS_SUFFIX, name);
	struct verify_found f;
	struct digest digest;
	const struct verify_ask ask = { .ring = set->ring,
					.role = p->inventory_by,
					.name = bundle_name,
					.predicate_type = STATEMENT_INVENTORY,
					.subject = &digest,
					.material = &f.material,
					.signer = &f.signer };

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    fd_read_plain(dirfd, name, &text, err) < 0 ||
	    fd_read_plain(dirfd, bundle_name, &bundle, err) < 0)
		return err_recode(err, ERR_VERIFY);
	digest_of(buf_text(&text), text.len, &digest);
	if (verify_bundle_as(&set->arena, &ask, buf_text(&bundle), bundle.len, &f.statement,
			     err) < 0 ||
	    verify_terms_judge(set->terms, &f, true, bundle_name, err) < 0)
		return -1;
	return read_inventory(set, buf_text(&text), text.len, name, err);
}

int
inputs_open(const struct inputs_place *p, struct inputs_set **out, struct err *err)
{
	CLEANUP(inputs_free) struct inputs_set *set = mem_alloc(sizeof(*set));

	set->dirfd = -1;
	set->terms = p->terms;
	set->ring = p->terms->ring;
	set->dir = arena_strdup(&set->arena, p->dir);
	if (load_inventory(set, p, err) < 0)
		return err_wrap(err, "inventory %s", p->inventory);
	if (fd_open(p->dir, O_RDONLY | O_DIRECTORY, &set->dirfd, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (p->whole && inputs_rest(set, err) < 0)
		return -1;
	*out = STEAL_PTR(set);
	return 0;
}

int
inputs_load(const char *dir, const char *inventory_path, const struct keyring *ring,
	    struct inputs_set **out, struct err *err)
{
	const struct verify_terms plain = { .ring = ring };
	const struct inputs_place place = { .dir = dir,
					    .inventory = inventory_path,
					    .inventory_by = KEY_BUILDER,
					    .terms = &plain,
					    .whole = true };

	if (inputs_open(&place, out, err) < 0)
		return -1;
	(*out)->terms = NULL;
	return 0;
}

void
inputs_free(struct inputs_set *s)
{
	if (!s)
		return;
	if (s->dirfd >= 0)
		(void)close(s->dirfd);
	dict_release(&s->files);
	dict_release(&s->statements);
	dict_release(&s->inventory);
	VEC_FREE(&s->leaves);
	VEC_FREE(&s->known);
	arena_release(&s->arena);
	free(s);
}
