/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is published of a package beside itself and its provenance: its bill of materials twice,
 * the statement that vouches for it, and the result of its tests. All are made from the signed
 * package and the statement of its build.
 */
#include "repo/publish_priv.h"

#include "base/fd.h"
#include "repo/pkgsbom.h"
#include "trust/dsse.h"

static int
keep(struct publish_run *run, const struct buf *bytes, struct digest *out, struct err *err)
{
	return cas_put(run->spec->store, bytes->data, bytes->len, out, err);
}

static int
keep_signed(struct publish_run *run, const struct buf *statement, struct digest *out,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);

	if (signer_bundle(run->spec->signer, statement->data, statement->len, &bundle, err) < 0)
		return -1;
	return keep(run, &bundle, out, err);
}

static int
add_test(struct publish_run *run, const struct pkgsbom_spec *spec, struct publish_package *p,
	 struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);

	if (pkgsbom_test(spec, &text, &p->tested, err) < 0)
		return -1;
	return p->tested ? keep_signed(run, &text, &p->test, err) : 0;
}

int
publish_sbom(struct publish_run *run, struct publish_package *p, const struct statement *build,
	     struct err *err)
{
	CLEANUP(buf_free) struct buf cyclonedx = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf spdx = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(fd_close) int fd = -1;
	struct pkgsbom_spec spec = { .name = p->name,
				     .file = p->file,
				     .build = build,
				     .distribution = { run->spec->distribution_id,
						       run->spec->distribution_version } };

	if (cas_get_fd(run->spec->store, &p->file, &fd, err) < 0)
		return -1;
	spec.fd = fd;
	if (pkgsbom_write(&spec, &cyclonedx, &spdx, err) < 0 ||
	    pkgsbom_statement(&spec, &cyclonedx, &text, err) < 0 ||
	    keep(run, &cyclonedx, &p->cyclonedx, err) < 0 ||
	    keep(run, &spdx, &p->spdx, err) < 0 || keep_signed(run, &text, &p->sbom, err) < 0 ||
	    add_test(run, &spec, p, err) < 0)
		return err_wrap(err, "SBOM");
	return 0;
}

/* The distribution's version may move while a package stays: its name in a bill moves, too. */
void
publish_sbom_key(struct publish_run *run, struct doc *key)
{
	doc_set_text(&run->arena, key, "distribution", run->spec->distribution_id);
	doc_set_text(&run->arena, key, "version", run->spec->distribution_version);
	doc_set_text(&run->arena, key, "sbom", SBOM_WRITER);
}

void
publish_sbom_note(struct publish_run *run, const struct publish_package *p, struct doc *ref)
{
	struct doc *d = doc_map(&run->arena);

	doc_set_digest(&run->arena, d, "cyclonedx", &p->cyclonedx);
	doc_set_digest(&run->arena, d, "spdx", &p->spdx);
	doc_set_digest(&run->arena, d, "bundle", &p->sbom);
	if (p->tested)
		doc_set_digest(&run->arena, d, "test", &p->test);
	doc_set(&run->arena, ref, "sbom", d);
}

bool
publish_sbom_recall(struct publish_run *run, const struct doc *ref, struct publish_package *p)
{
	const struct cas *store = run->spec->store;
	const struct doc *d = doc_get(ref, "sbom");

	p->tested = doc_get_digest(d, "test", &p->test);
	return doc_get_digest(d, "cyclonedx", &p->cyclonedx) &&
	       doc_get_digest(d, "spdx", &p->spdx) && doc_get_digest(d, "bundle", &p->sbom) &&
	       cas_has(store, &p->cyclonedx) && cas_has(store, &p->spdx) &&
	       cas_has(store, &p->sbom) && (!p->tested || cas_has(store, &p->test));
}

void
publish_sbom_add(struct publish_run *run, const struct publish_package *p)
{
	const struct {
		const char *suffix;
		const struct digest *blob;
		bool there;
	} files[] = { { PKGSBOM_CYCLONEDX, &p->cyclonedx, true },
		      { PKGSBOM_SPDX, &p->spdx, true },
		      { PKGSBOM_BUNDLE, &p->sbom, true },
		      { PKGSBOM_TEST, &p->test, p->tested } };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct publish_file f = {
			.path = arena_format(&run->arena, "packages/%s%s", p->name,
					     files[i].suffix),
			.digest = *files[i].blob,
		};

		if (files[i].there)
			VEC_PUSH(&run->files, f);
	}
}
