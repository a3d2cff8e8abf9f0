/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a repository holds beside packages and metadata. Nothing of it is signed and nothing of
 * it is trusted here, but clients are led by it: dnf imports the keys that kiln.repo names. So
 * a tree that offers anybody else's key, or a description that switches checks off, is refused.
 */
#include "base/tree.h"
#include "base/utf8.h"
#include "repo/pkgverify_priv.h"
#include "trust/trustroot.h"

#define TREE_MAX_TEXT ((size_t)64 * 1024)
#define TREE_REPO     PKGVERIFY_DESCRIPTION

static const char *const root_names[] = { "repodata",
					  "packages",
					  "keys",
					  "log",
					  TREE_REPO,
					  PKGVERIFY_INVENTORY,
					  PKGVERIFY_INVENTORY PKGVERIFY_BUNDLE,
					  PKGVERIFY_INVENTORY MATERIAL_PROOF,
					  PKGVERIFY_INVENTORY MATERIAL_INTOTO };

static const struct {
	const char *name;
	enum key_role role;
	bool required;
} key_names[] = {
	{ "builder.pub", KEY_BUILDER, true },
	{ "log.pub", KEY_LOG, false },
	{ "timestamp.pem", KEY_TIMESTAMP, false },
	{ "image.pub", KEY_IMAGE, false },
	{ "packages.asc", KEY_PACKAGES, true },
	{ "metadata.asc", KEY_METADATA, true }, /* the last: see check_keys */
};
#define TREE_ROOT "trusted_root.json"

/* A directory that is both a repository and, say, an image would be verified as the one and
 * used as the other. */
static int
check_root(struct pkgverify_run *run, int root, struct err *err)
{
	const char **names;
	size_t n;

	if (tree_list(&run->arena, root, ".", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(root_names) && strcmp(names[i], root_names[k]) != 0)
			k++;
		if (k == ARRAY_LEN(root_names) && !pkgverify_release_name(names[i]))
			return err_set(err, ERR_VERIFY, "%s does not belong to a repository",
				       verify_label(&run->arena, names[i]));
	}
	return 0;
}

static bool
is_trusted(const struct keyring *ring, const struct key_public *k)
{
	for (size_t i = 0; i < ring->n; i++)
		if (ring->at[i].role == k->role && strcmp(ring->at[i].id, k->id) == 0)
			return true;
	return false;
}

/* The file must be one trusted key of its role in the form that is published: behind a good key
 * in the same file, clients would import a second one. */
static int
check_key(struct pkgverify_run *run, int root, const char *tree, const char *path,
	  struct buf *text, struct err *err)
{
	CLEANUP(buf_free) struct buf canonical = BUF_MAX(TREE_MAX_TEXT);
	struct keyring offered = { 0 };
	const struct key_public *k;

	if (pkgverify_read(root, path, text, err) < 0 ||
	    key_load(&run->arena, arena_format(&run->arena, "%s/%s", tree, path), &offered,
		     err) < 0)
		return -1;
	k = &offered.at[0];
	if (!is_trusted(run->terms->ring, k))
		return err_set(err, ERR_VERIFY,
			       "%s offers clients the %s key %s, which is not trusted", path,
			       key_role_name(k->role), k->id);
	if (key_export(k, &canonical, err) < 0)
		return -1;
	if (canonical.len != text->len || memcmp(canonical.data, text->data, text->len) != 0)
		return err_set(err, ERR_VERIFY, "%s holds more than one key in its plain form",
			       path);
	return 0;
}

/* keys/ holds known names only; *there tells which. */
static int
check_key_names(struct pkgverify_run *run, int root, bool there[ARRAY_LEN(key_names)],
		bool *trusted_root, struct err *err)
{
	const char **names;
	size_t n;

	if (tree_list(&run->arena, root, "keys", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(key_names) && strcmp(names[i], key_names[k].name) != 0)
			k++;
		if (k < ARRAY_LEN(key_names))
			there[k] = true;
		else if (strcmp(names[i], TREE_ROOT) == 0)
			*trusted_root = true;
		else
			return err_set(err, ERR_VERIFY,
				       "keys/%s does not belong to a repository",
				       verify_label(&run->arena, names[i]));
	}
	return 0;
}

/* What stock clients trust by it are the log and the clock that are offered here. */
static int
check_trusted_root(struct pkgverify_run *run, int root, const char *tree, const bool *there,
		   struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TREE_MAX_TEXT);
	struct keyring offered = { 0 };
	const char *origin;

	for (size_t i = 0; i < ARRAY_LEN(key_names); i++)
		if (there[i] &&
		    key_load(&run->arena,
			     arena_format(&run->arena, "%s/keys/%s", tree, key_names[i].name),
			     &offered, err) < 0)
			return err_wrap(err, "keys/" TREE_ROOT);
	if (pkgverify_read(root, "keys/" TREE_ROOT, &text, err) < 0 ||
	    trustroot_check(&run->arena, &offered, buf_text(&text), text.len, &origin, err) < 0)
		return err_wrap(err, "keys/" TREE_ROOT);
	return 0;
}

static int
check_keys(struct pkgverify_run *run, int root, const char *tree, struct err *err)
{
	static const char beside[] = "repodata/repomd.xml.key"; /* where zypper looks */
	CLEANUP(buf_free) struct buf text = BUF_MAX(TREE_MAX_TEXT);
	CLEANUP(buf_free) struct buf again = BUF_MAX(TREE_MAX_TEXT);
	bool there[ARRAY_LEN(key_names)] = { false }, trusted_root = false;

	if (check_key_names(run, root, there, &trusted_root, err) < 0)
		return -1;
	for (size_t k = 0; k < ARRAY_LEN(key_names); k++) {
		const char *path = arena_format(&run->arena, "keys/%s", key_names[k].name);

		buf_clear(&text);
		if ((there[k] || key_names[k].required) &&
		    check_key(run, root, tree, path, &text, err) < 0)
			return -1;
	}
	/* text is that of metadata.asc now */
	if (pkgverify_read(root, beside, &again, err) < 0)
		return -1;
	if (again.len != text.len || memcmp(again.data, text.data, text.len) != 0)
		return err_set(err, ERR_VERIFY, "%s is not keys/metadata.asc", beside);
	return trusted_root ? check_trusted_root(run, root, tree, there, err) : 0;
}

/* The lines that make a client check everything, each exactly once. */
static const char *const repo_lines[] = {
	"baseurl=$kiln_repo",
	"gpgcheck=1",
	"repo_gpgcheck=1",
	"gpgkey=$kiln_repo/keys/packages.asc $kiln_repo/keys/metadata.asc",
};

struct repo_text {
	unsigned lines; /* bits: which of repo_lines were there */
	unsigned sections, names, enabled;
};

/* [main] would be dnf's own configuration. */
static bool
is_section(const char *line, size_t n)
{
	static const char legal[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";

	if (n < 3 || line[0] != '[' || line[n - 1] != ']')
		return false;
	return strspn(line + 1, legal) == n - 2 && strncmp(line, "[main]", n) != 0;
}

static bool
is_line(const char *line, size_t n, const char *want)
{
	return n == strlen(want) && memcmp(line, want, n) == 0;
}

static bool
take_line(struct repo_text *t, const char *line, size_t n)
{
	if (n == 0 || line[0] == '#')
		return true;
	if (is_section(line, n))
		return t->sections++ == 0;
	if (t->sections == 0)
		return false;
	if (n > 5 && memcmp(line, "name=", 5) == 0)
		return t->names++ == 0;
	if (is_line(line, n, "enabled=1") || is_line(line, n, "enabled=0"))
		return t->enabled++ == 0;
	for (unsigned i = 0; i < ARRAY_LEN(repo_lines); i++) {
		if (!is_line(line, n, repo_lines[i]))
			continue;
		if (t->lines & 1U << i)
			return false;
		t->lines |= 1U << i;
		return true;
	}
	return false;
}

static int
check_repo_file(struct pkgverify_run *run, int root, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TREE_MAX_TEXT);
	struct repo_text t = { 0 };
	const char *at, *end;
	int line = 1;

	(void)run;
	if (pkgverify_read(root, TREE_REPO, &text, err) < 0)
		return -1;
	for (at = buf_text(&text); *at; at = *end ? end + 1 : end, line++) {
		end = at + strcspn(at, "\n");
		if (!utf8_is_printable(at, (size_t)(end - at)) ||
		    !take_line(&t, at, (size_t)(end - at)))
			return err_set(err, ERR_VERIFY,
				       TREE_REPO ":%d: not a line that publishing writes",
				       line);
	}
	if ((size_t)(at - buf_text(&text)) != text.len)
		return err_set(err, ERR_VERIFY, TREE_REPO ":%d: a zero byte", line);
	if (t.lines != (1U << ARRAY_LEN(repo_lines)) - 1 || t.names == 0)
		return err_set(err, ERR_VERIFY,
			       TREE_REPO ": it does not make clients check all signatures");
	return 0;
}

/* Whether the bundles themselves are good is asked elsewhere. */
static int
check_beside(struct pkgverify_run *run, int root, struct err *err)
{
	CLEANUP(fd_close) int packages = -1;

	if (pkgverify_beside(run, root, err) < 0 || pkgverify_log(run, root, err) < 0 ||
	    fd_open_straight(root, "packages", O_RDONLY | O_DIRECTORY, &packages, err) < 0)
		return -1;
	return pkgverify_beside(run, packages, err);
}

int
pkgverify_tree(struct pkgverify_run *run, int root, const char *path, struct err *err)
{
	if (check_root(run, root, err) < 0 || check_beside(run, root, err) < 0 ||
	    check_keys(run, root, path, err) < 0 || check_repo_file(run, root, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}
