/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/inputs.h"

#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/tree.h"
#include "base/vec.h"

#define INPUTS_SUFFIX        ".sigstore.json"
#define INPUTS_INVENTORY     "inventory.json"
#define INPUTS_MAX_INVENTORY DOC_MAX_BYTES

struct known { /* a statement and where it came from */
	struct statement statement;
	const char *bundle;
	size_t index; /* among all statements of the set */
};

struct inputs_set {
	struct arena arena;
	struct dict statements; /* subject digest as hex -> struct known */
	struct dict inventory;  /* digest as hex -> name of the source or seed package */
	size_t nknown;
};

/* A directory under test may hold FIFOs and links; only plain files are opened. */
static int
read_regular(int dirfd, const char *name, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	if (fd_open_beneath(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_VERIFY, "%s is not a regular file", name);
	return fd_read_all(fd, out, err);
}

static bool
is_bundle(const char *name)
{
	size_t n = strlen(name), suffix = strlen(INPUTS_SUFFIX);

	/* The inventory's own bundle may lie in the same directory; it is read with the
	 * inventory. */
	return n > suffix && strcmp(name + n - suffix, INPUTS_SUFFIX) == 0 &&
	       strcmp(name, INPUTS_INVENTORY INPUTS_SUFFIX) != 0;
}

static int
load_bundle(struct inputs_set *set, int dirfd, const char *name, const struct keyring *ring,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	struct known *k = arena_alloc(&set->arena, sizeof(*k));
	char hex[DIGEST_HEX];

	if (read_regular(dirfd, name, &text, err) < 0 ||
	    verify_bundle(&set->arena, ring, buf_text(&text), text.len, name, STATEMENT_SLSA_V1,
			  NULL, &k->statement, err) < 0)
		return err_recode(err, ERR_VERIFY);
	k->bundle = arena_strdup(&set->arena, name);
	k->index = set->nknown++;
	for (size_t i = 0; i < k->statement.nsubjects; i++) {
		digest_hex(&k->statement.subjects[i].sha256, hex);
		/* A second statement about the same bytes adds nothing; the first by name
		 * stays. */
		(void)dict_add(&set->statements, hex, k);
	}
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
load_inventory(struct inputs_set *set, const char *path, const struct keyring *ring,
	       struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(INPUTS_MAX_INVENTORY);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(fd_close) int dirfd = -1;
	const char *name, *dir = split_path(&set->arena, path, &name);
	const char *bundle_name = arena_format(&set->arena, "%s" INPUTS_SUFFIX, name);
	struct statement s;
	struct digest digest;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    read_regular(dirfd, name, &text, err) < 0 ||
	    read_regular(dirfd, bundle_name, &bundle, err) < 0)
		return err_recode(err, ERR_VERIFY);
	digest_of(buf_text(&text), text.len, &digest);
	if (verify_bundle(&set->arena, ring, buf_text(&bundle), bundle.len, bundle_name,
			  STATEMENT_INVENTORY, &digest, &s, err) < 0)
		return -1;
	return read_inventory(set, buf_text(&text), text.len, name, err);
}

int
inputs_load(const char *dir, const char *inventory_path, const struct keyring *ring,
	    struct inputs_set **out, struct err *err)
{
	CLEANUP(inputs_free) struct inputs_set *set = mem_alloc(sizeof(*set));

	if (load_inventory(set, inventory_path, ring, err) < 0)
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
	arena_release(&s->arena);
	free(s);
}

static const struct known *
find_known(const struct inputs_set *s, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return dict_get(&s->statements, hex);
}

const struct statement *
inputs_statement(const struct inputs_set *s, const struct digest *d)
{
	const struct known *k = find_known(s, d);

	return k ? &k->statement : NULL;
}

/* One walk: every statement of the set is expanded once, whatever the shape of the graph, so
 * cycles end and the cost is linear. */
struct walk {
	const struct inputs_set *set;
	struct dict met; /* digests of inputs counted */
	bool *expanded;  /* by index of the statement */
	VEC(const struct known *) todo;
};

static void
walk_release(struct walk *w)
{
	dict_release(&w->met);
	free(w->expanded);
	VEC_FREE(&w->todo);
}
DEFINE_RELEASE(struct walk, walk_release);

static const char *
input_label(const struct statement_resource *r)
{
	return r->name ? r->name : r->uri ? r->uri : "without a name";
}

static int
walk_statement(struct walk *w, const struct statement *s, const char *name, struct err *err)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct statement_resource *r = &s->dependencies[i];
		const struct known *k = find_known(w->set, &r->sha256);

		digest_hex(&r->sha256, hex);
		if (!k && !dict_has(&w->set->inventory, hex))
			return err_set(
				err, ERR_VERIFY,
				"%s: its input %s (sha256 %s) is unknown: neither the subject of a bundle here nor in the signed inventory",
				name, input_label(r), hex);
		(void)dict_add(&w->met, hex, w);
		if (k && !w->expanded[k->index]) {
			w->expanded[k->index] = true;
			VEC_PUSH(&w->todo, k);
		}
	}
	return 0;
}

int
inputs_check(const struct inputs_set *set, const struct statement *s, const char *name,
	     size_t *count, struct err *err)
{
	CLEANUP(walk_release) struct walk w = { .set = set };

	w.expanded = mem_alloc(set->nknown + 1);
	if (walk_statement(&w, s, name, err) < 0)
		return -1;
	while (w.todo.n > 0) {
		const struct known *k = w.todo.at[--w.todo.n];

		if (walk_statement(&w, &k->statement, k->bundle, err) < 0)
			return -1;
	}
	*count = w.met.n;
	return 0;
}
