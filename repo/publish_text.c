/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/publish_priv.h"

#include "base/json.h"

static int
by_digest_then_name(const void *a, const void *b)
{
	const struct publish_input *x = a, *y = b;
	int c = memcmp(x->sha256.bytes, y->sha256.bytes, DIGEST_BYTES);

	return c ? c : strcmp(x->name, y->name);
}

static struct doc *
input_doc(struct arena *a, const struct publish_input *in)
{
	struct doc *d = doc_map(a), *digest = doc_map(a);
	char hex[DIGEST_HEX];

	digest_hex(&in->sha256, hex);
	doc_set_text(a, digest, "sha256", hex);
	doc_set(a, d, "digest", digest);
	doc_set_text(a, d, "kind", in->kind);
	doc_set_text(a, d, "name", in->name);
	doc_set(a, d, "size", doc_number(a, (int64_t)in->size));
	doc_set_text(a, d, "uri", in->uri);
	return d;
}

int
publish_inventory(const struct publish_input *inputs, size_t n, struct buf *out,
		  struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct publish_input *sorted = arena_array(&a, n + 1, sizeof(*sorted));
	struct doc *root = doc_map(&a), *list = doc_list(&a);

	if (n)
		memcpy(sorted, inputs, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_digest_then_name);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || by_digest_then_name(&sorted[i - 1], &sorted[i]) != 0)
			doc_push(&a, list, input_doc(&a, &sorted[i]));
	doc_set(&a, root, "format", doc_number(&a, 1));
	doc_set(&a, root, "inputs", list);
	json_write(root, out);
	return buf_check(out, "inventory", err);
}

/*
 * No address is known here: the tree may be moved and mirrored, and an absolute path of this
 * machine would differ in every clone. A relative one would make dnf take whatever lies in the
 * current directory, keys included. So the address is a variable of the client; while it is not
 * set, nothing is fetched.
 */
void
publish_text_repo(const struct publish_run *run, struct buf *out)
{
	const char *id = run->spec->repo_id;

	buf_add_format(
		out,
		"# %s for dnf. Say once where this tree is served, any URL will do:\n"
		"#   echo https://HOST/PATH > /etc/dnf/vars/kiln_repo\n"
		"# or, for a copy on disk, without touching the system:\n"
		"#   dnf --setopt=reposdir=TREE --setopt=varsdir=DIR ...  (DIR/kiln_repo holds file:///TREE)\n"
		"# zypper reads the address before its variables: use `zypper addrepo --gpgcheck-strict URL %s`.\n"
		"# Compare before you accept:\n"
		"#   packages key %s\n"
		"#   metadata key %s\n",
		run->spec->distribution, id, run->packages_key->id, run->metadata_key->id);
	buf_add_format(out,
		       "[%s]\n"
		       "name=%s\n"
		       "baseurl=$kiln_repo\n"
		       "enabled=1\n"
		       "gpgcheck=1\n"
		       "repo_gpgcheck=1\n"
		       "gpgkey=$kiln_repo/keys/packages.asc $kiln_repo/keys/metadata.asc\n",
		       id, run->spec->distribution);
}
