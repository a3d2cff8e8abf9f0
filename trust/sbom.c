/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/sbom_priv.h"

#include "base/json.h"

static const char *const kind_names[SBOM_KINDS] = {
	[SBOM_PACKAGE] = "package", [SBOM_IMAGE] = "image",   [SBOM_SYSTEM] = "system",
	[SBOM_LAYER] = "layer",     [SBOM_RECIPE] = "recipe", [SBOM_SOURCE] = "source",
	[SBOM_PATCH] = "patch",     [SBOM_TOOL] = "tool",     [SBOM_SEED] = "seed",
};

const char *
sbom_kind_name(enum sbom_kind k)
{
	return kind_names[k];
}

bool
sbom_is_advisory(const char *s)
{
	static const char legal[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:";
	size_t n = strlen(s);

	return n >= 5 && n <= 100 && strspn(s, legal) == n && strchr(s, '-') && s[0] >= 'A';
}

const char **
sbom_refs(struct arena *a, const struct sbom *s)
{
	const char **refs = arena_array(a, s->nparts + 1, sizeof(*refs));
	size_t count[SBOM_KINDS] = { 0 };

	for (size_t i = 0; i < s->nparts; i++) {
		enum sbom_kind k = s->parts[i].kind;

		refs[i] = arena_format(a, "%s-%zu", kind_names[k], ++count[k]);
	}
	return refs;
}

const char *
sbom_advisory_url(struct arena *a, const char *id)
{
	if (strncmp(id, "CVE-", 4) == 0)
		return arena_format(a, "https://www.cve.org/CVERecord?id=%s", id);
	return arena_format(a, "https://osv.dev/vulnerability/%s", id);
}

void
sbom_add_property(struct arena *a, struct doc *list, const char *name, const char *value)
{
	struct doc *d = doc_map(a);

	if (!value)
		return;
	doc_set_text(a, d, "name", name);
	doc_set_text(a, d, "value", value);
	doc_push(a, list, d);
}

const char *
sbom_uuid(struct arena *a, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	/* Version 8, variant 10: bits of our own making. */
	hex[12] = '8';
	hex[16] = "89ab"[d->bytes[8] & 3];
	return arena_format(a, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
			    hex + 20);
}

void
sbom_doc_digest(const struct doc *d, struct digest *out)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SBOM_MAX_BYTES);

	json_write(d, &text);
	digest_of(buf_text(&text), text.len, out);
}

bool
sbom_is_web(const char *uri)
{
	return uri && (strncmp(uri, "https://", 8) == 0 || strncmp(uri, "http://", 7) == 0);
}
