/* SPDX-License-Identifier: Apache-2.0 */
/* From the documents of a bill of materials to the statement that vouches for both, and back.
 */
#include "trust/sbom_priv.h"

#include "base/json.h"

#define STATEMENT_ENVELOPE ((size_t)16384) /* what a statement adds to its predicate */

int
sbom_statement(const struct sbom_proof *p, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct statement s = { .predicate_type = SBOM_TYPE_CYCLONEDX,
			       .subjects = p->subjects,
			       .nsubjects = p->nsubjects };
	struct digest d;

	if (p->cyclonedx->len + STATEMENT_ENVELOPE <= out->max) {
		if (json_parse(&a, buf_text(p->cyclonedx), p->cyclonedx->len, p->file,
			       &s.predicate, err) < 0)
			return -1;
		return statement_make(&s, out, err);
	}
	digest_of(buf_text(p->cyclonedx), p->cyclonedx->len, &d);
	s.predicate_type = STATEMENT_REFERENCE;
	s.predicate = statement_reference(&a, p->attester, p->file, &d,
					  "application/vnd.cyclonedx+json");
	return statement_make(&s, out, err);
}

static bool
is_embedded(const struct doc *predicate, const struct buf *document)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SBOM_MAX_BYTES);

	json_write(predicate, &text);
	return !text.overflow && text.len == document->len &&
	       memcmp(buf_text(&text), buf_text(document), text.len) == 0;
}

static bool
is_referred(const struct doc *predicate, const struct buf *document)
{
	const struct doc *list = doc_get(predicate, "references");
	struct digest said, is;

	digest_of(buf_text(document), document->len, &is);
	return list && list->kind == DOC_LIST && list->n == 1 &&
	       doc_get_digest(doc_get(list->items[0].value, "digest"), "sha256", &said) &&
	       digest_equal(&said, &is);
}

static int
differs(const char *name, const char *which, struct err *err)
{
	return err_set(err, ERR_VERIFY, "%s: the %s document is not the one that was signed",
		       name, which);
}

/* The type is the signer's to say: how large the document was when it was signed. */
static int
read_signed(struct arena *a, const struct verify_ask *ask, const struct buf *bundle,
	    struct statement *out, struct err *err)
{
	struct verify_ask as = *ask;

	as.predicate_type = SBOM_TYPE_CYCLONEDX;
	if (verify_bundle_as(a, &as, buf_text(bundle), bundle->len, out, err) == 0)
		return 0;
	if (!strstr(err->text, STATEMENT_REFERENCE))
		return -1;
	as.predicate_type = STATEMENT_REFERENCE;
	return verify_bundle_as(a, &as, buf_text(bundle), bundle->len, out, err);
}

int
sbom_verify(struct arena *a, const struct verify_ask *ask, const struct buf *bundle,
	    const struct buf *cyclonedx, const struct buf *spdx, struct sbom *out,
	    struct err *err)
{
	struct statement s;
	struct digest is;
	bool embedded;
	int rc;

	if (read_signed(a, ask, bundle, &s, err) < 0)
		return -1;
	embedded = strcmp(s.predicate_type, SBOM_TYPE_CYCLONEDX) == 0;
	if (embedded ? !is_embedded(s.predicate, cyclonedx)
		     : !is_referred(s.predicate, cyclonedx))
		return differs(ask->name, "CycloneDX", err);
	/* What is embedded was read with its statement. */
	rc = embedded ? sbom_parse_doc(a, s.predicate, ask->name, out, err)
		      : sbom_parse(a, buf_text(cyclonedx), cyclonedx->len, ask->name, out, err);
	if (rc < 0)
		return err_recode(err, ERR_VERIFY);
	if (!spdx)
		return 0;
	digest_of(buf_text(spdx), spdx->len, &is);
	if (!out->twin || !digest_equal(&out->twin_sha256, &is))
		return differs(ask->name, "SPDX", err);
	return 0;
}

void
sbom_write(struct sbom *s, const char *spdx_name, struct buf *cyclonedx, struct buf *spdx)
{
	sbom_spdx(s, spdx);
	s->twin = spdx_name;
	digest_of(buf_text(spdx), spdx->len, &s->twin_sha256);
	sbom_cyclonedx(s, cyclonedx);
}
