/* SPDX-License-Identifier: Apache-2.0 */
/* The main header of a package, tag by tag, from its specification. */
#include "repo/pkgfile_priv.h"
#include "base/mem.h"
#include <rpm/header.h>
#include <rpm/rpmds.h>
#include <rpm/rpmtag.h>

/* Constants of the format we write, not facts of this machine. */
#define BUILD_HOST  "kiln"
#define RPM_VERSION "4.18.0"

/* NULL text puts nothing. */
static int
put_text(Header h, rpmTagVal tag, const char *what, const char *text, struct err *err)
{
	if (!text)
		return 0;
	if (pkgfile_text_check(what, text, err) < 0)
		return -1;
	if (!headerPutString(h, tag, text))
		return err_set(err, ERR_INPUT, "librpm refused %s", what);
	return 0;
}

static int
put_translated(Header h, rpmTagVal tag, const char *what, const char *text, struct err *err)
{
	if (pkgfile_text_check(what, text, err) < 0)
		return -1;
	if (!headerAddI18NString(h, tag, text, "C"))
		return err_set(err, ERR_INPUT, "librpm refused %s", what);
	return 0;
}

static int
put_number(Header h, rpmTagVal tag, const char *what, uint64_t v, struct err *err)
{
	uint32_t v32 = (uint32_t)v;

	if (v > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "%s %llu does not fit 32 bits", what,
			       (unsigned long long)v);
	if (!headerPutUint32(h, tag, &v32, 1))
		return err_set(err, ERR_INPUT, "librpm refused %s", what);
	return 0;
}

static int
check_id(const struct nevra *id, struct err *err)
{
	if (!id->name || !nevra_is_name(id->name))
		return err_set(err, ERR_INPUT, "'%s' is not a name a package may have",
			       id->name ? id->name : "");
	if (!id->version || !nevra_is_version(id->version) || !id->release ||
	    !nevra_is_version(id->release))
		return err_set(err, ERR_INPUT, "package %s has no valid version and release",
			       id->name);
	if (!id->arch || !nevra_is_name(id->arch))
		return err_set(err, ERR_INPUT, "package %s has no architecture", id->name);
	if (id->epoch < 0)
		return err_set(err, ERR_INPUT, "package %s has a negative epoch", id->name);
	return 0;
}

static int
put_identity(Header h, const struct pkgfile_spec *s, struct err *err)
{
	const char *summary = s->summary ? s->summary : s->id.name;

	if (check_id(&s->id, err) < 0 ||
	    put_text(h, RPMTAG_NAME, "name", s->id.name, err) < 0 ||
	    put_text(h, RPMTAG_VERSION, "version", s->id.version, err) < 0 ||
	    put_text(h, RPMTAG_RELEASE, "release", s->id.release, err) < 0 ||
	    (s->id.epoch &&
	     put_number(h, RPMTAG_EPOCH, "epoch", (uint64_t)s->id.epoch, err) < 0) ||
	    put_text(h, RPMTAG_ARCH, "architecture", s->id.arch, err) < 0 ||
	    put_text(h, RPMTAG_OS, "operating system", "linux", err) < 0 ||
	    put_translated(h, RPMTAG_SUMMARY, "summary", summary, err) < 0 ||
	    put_translated(h, RPMTAG_DESCRIPTION, "description",
			   s->description ? s->description : summary, err) < 0 ||
	    put_translated(h, RPMTAG_GROUP, "group", s->group ? s->group : "Unspecified", err) <
		    0 ||
	    put_text(h, RPMTAG_LICENSE, "license", s->license ? s->license : "", err) < 0 ||
	    put_text(h, RPMTAG_URL, "homepage", s->homepage, err) < 0 ||
	    put_text(h, RPMTAG_VENDOR, "vendor", s->vendor, err) < 0)
		return -1;
	return 0;
}

static int
put_origin(Header h, const struct pkgfile_spec *s, struct err *err)
{
	CLEANUP(mem_free) char *source = NULL;

	if (s->build_time < 0)
		return err_set(err, ERR_INPUT, "package %s has a build time before 1970",
			       s->id.name);
	source = mem_format("%s-%s-%s.src.rpm", s->source_name ? s->source_name : s->id.name,
			    s->id.version, s->id.release);
	if (put_number(h, RPMTAG_BUILDTIME, "build time", (uint64_t)s->build_time, err) < 0 ||
	    put_text(h, RPMTAG_BUILDHOST, "build host", BUILD_HOST, err) < 0 ||
	    put_text(h, RPMTAG_SOURCERPM, "source package", source, err) < 0 ||
	    put_text(h, RPMTAG_RPMVERSION, "format version", RPM_VERSION, err) < 0 ||
	    put_text(h, RPMTAG_ENCODING, "encoding", "utf-8", err) < 0)
		return -1;
	return 0;
}

/* Dependencies. */

struct dep_tags {
	rpmTagVal name, flags, version;
	const char *what;
};

static const uint32_t op_sense[] = {
	[PKGDEP_ANY] = RPMSENSE_ANY,
	[PKGDEP_LT] = RPMSENSE_LESS,
	[PKGDEP_LE] = RPMSENSE_LESS | RPMSENSE_EQUAL,
	[PKGDEP_EQ] = RPMSENSE_EQUAL,
	[PKGDEP_GE] = RPMSENSE_GREATER | RPMSENSE_EQUAL,
	[PKGDEP_GT] = RPMSENSE_GREATER,
};

static int
put_deps(Header h, const struct dep_tags *t, const struct pkgdeps *deps, struct err *err)
{
	for (size_t i = 0; i < deps->n; i++) {
		const struct pkgdep *d = &deps->at[i];
		uint32_t flags = op_sense[d->op];

		if (strncmp(d->name, "rpmlib(", 7) == 0)
			flags |= RPMSENSE_RPMLIB;
		if (pkgfile_text_check(t->what, d->name, err) < 0 ||
		    (d->evr && pkgfile_text_check(t->what, d->evr, err) < 0))
			return -1;
		if (!headerPutString(h, t->name, d->name) ||
		    !headerPutUint32(h, t->flags, &flags, 1) ||
		    !headerPutString(h, t->version, d->evr ? d->evr : ""))
			return err_set(err, ERR_INPUT, "librpm refused dependency on %s",
				       d->name);
	}
	return 0;
}

static void
add_dep(struct pkgdeps *deps, const char *name, enum pkgdep_op op, const char *evr)
{
	deps->at[deps->n++] = (struct pkgdep){ .name = name, .op = op, .evr = evr };
}

static bool
has_caps(const struct pkgfile_spec *s)
{
	for (size_t i = 0; i < s->nentries; i++) {
		if (s->entries[i].caps)
			return true;
	}
	return false;
}

/* What rpm itself must be able to do to install this package. */
static void
rpm_features(const struct pkgfile_spec *s, struct pkgdeps *out)
{
	add_dep(out, "rpmlib(CompressedFileNames)", PKGDEP_LE, "3.0.4-1");
	add_dep(out, "rpmlib(FileDigests)", PKGDEP_LE, "4.6.0-1");
	add_dep(out, "rpmlib(PayloadFilesHavePrefix)", PKGDEP_LE, "4.0-1");
	add_dep(out, "rpmlib(PayloadIsZstd)", PKGDEP_LE, "5.4.18-1");
	if (has_caps(s))
		add_dep(out, "rpmlib(FileCaps)", PKGDEP_LE, "4.6.1-1");
	if (strchr(s->id.version, '~') || strchr(s->id.release, '~'))
		add_dep(out, "rpmlib(TildeInVersions)", PKGDEP_LE, "4.10.0-1");
	if (strchr(s->id.version, '^') || strchr(s->id.release, '^'))
		add_dep(out, "rpmlib(CaretInVersions)", PKGDEP_LE, "4.15.0-1");
}

#define MAX_FEATURES 8

void
pkgfile_self_provides(struct arena *a, const struct nevra *id, struct pkgdeps *out)
{
	const char *evr = nevra_evr(a, id), *isa = NULL;

	out->at = arena_array(a, 2, sizeof(*out->at));
	out->n = 0;
	add_dep(out, id->name, PKGDEP_EQ, evr);
	if (strcmp(id->arch, "x86_64") == 0)
		isa = "(x86-64)";
	else if (strcmp(id->arch, "aarch64") == 0)
		isa = "(aarch-64)";
	if (isa)
		add_dep(out, arena_format(a, "%s%s", id->name, isa), PKGDEP_EQ, evr);
	pkgdep_sort(out);
}

/* deps with room for extra more, sorted, none twice. */
static struct pkgdeps
with_room(struct arena *a, const struct pkgdeps *deps, size_t extra)
{
	struct pkgdeps d = { .at = arena_array(a, deps->n + extra, sizeof(*d.at)),
			     .n = deps->n };

	if (deps->n)
		memcpy(d.at, deps->at, deps->n * sizeof(*d.at));
	return d;
}

static int
put_all_deps(Header h, const struct pkgfile_spec *s, struct err *err)
{
	static const struct dep_tags provides = { RPMTAG_PROVIDENAME, RPMTAG_PROVIDEFLAGS,
						  RPMTAG_PROVIDEVERSION, "a provided name" },
				     requires = { RPMTAG_REQUIRENAME, RPMTAG_REQUIREFLAGS,
						  RPMTAG_REQUIREVERSION, "a required name" },
				     conflicts = { RPMTAG_CONFLICTNAME, RPMTAG_CONFLICTFLAGS,
						   RPMTAG_CONFLICTVERSION, "a conflict" },
				     obsoletes = { RPMTAG_OBSOLETENAME, RPMTAG_OBSOLETEFLAGS,
						   RPMTAG_OBSOLETEVERSION,
						   "an obsoleted name" },
				     recommends = { RPMTAG_RECOMMENDNAME, RPMTAG_RECOMMENDFLAGS,
						    RPMTAG_RECOMMENDVERSION,
						    "a recommended name" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgdeps self, p = with_room(&a, &s->provides, 2),
			     r = with_room(&a, &s->requires, MAX_FEATURES);
	struct pkgdeps c = with_room(&a, &s->conflicts, 0), o = with_room(&a, &s->obsoletes, 0);
	struct pkgdeps w = with_room(&a, &s->recommends, 0);

	if (KILN_MAX(KILN_MAX(p.n, r.n), KILN_MAX(KILN_MAX(c.n, o.n), w.n)) > PKGFILE_MAX_DEPS)
		return err_set(err, ERR_LIMIT,
			       "package %s has more than %d dependencies of a kind", s->id.name,
			       PKGFILE_MAX_DEPS);
	pkgfile_self_provides(&a, &s->id, &self);
	for (size_t i = 0; i < self.n; i++)
		p.at[p.n++] = self.at[i];
	rpm_features(s, &r);
	pkgdep_sort(&p);
	pkgdep_sort(&r);
	pkgdep_sort(&c);
	pkgdep_sort(&o);
	pkgdep_sort(&w);
	if (put_deps(h, &provides, &p, err) < 0 || put_deps(h, &requires, &r, err) < 0 ||
	    put_deps(h, &conflicts, &c, err) < 0 || put_deps(h, &obsoletes, &o, err) < 0 ||
	    put_deps(h, &recommends, &w, err) < 0)
		return -1;
	return 0;
}

const char *
pkgfile_put_level(const struct pkgfile_spec *spec)
{
	return pkgfile_entries_size(spec->entries, spec->nentries) > PKGFILE_SMALL ? "9" : "1";
}

/* The payload's digests have a fixed length, so the header has its final size before they are
 * known: the caller first asks with zeros, writes the payload behind, then asks again. */
static int
put_payload(Header h, const char *level, const char payload_hex[65], const char archive_hex[65],
	    struct err *err)
{
	if (put_text(h, RPMTAG_PAYLOADFORMAT, "payload format", "cpio", err) < 0 ||
	    put_text(h, RPMTAG_PAYLOADCOMPRESSOR, "payload compressor", "zstd", err) < 0 ||
	    put_text(h, RPMTAG_PAYLOADFLAGS, "payload flags", level, err) < 0 ||
	    put_text(h, RPMTAG_PAYLOADDIGEST, "payload digest", payload_hex, err) < 0 ||
	    put_text(h, RPMTAG_PAYLOADDIGESTALT, "archive digest", archive_hex, err) < 0 ||
	    put_number(h, RPMTAG_PAYLOADDIGESTALGO, "payload digest", PKGFILE_SHA256, err) < 0)
		return -1;
	return 0;
}

int
pkgfile_put_header(const struct pkgfile_spec *spec, const char payload_hex[65],
		   const char archive_hex[65], struct headerToken_s **out, struct err *err)
{
	Header h = headerNew();
	uint64_t installed = pkgfile_entries_size(spec->entries, spec->nentries);

	if (put_identity(h, spec, err) < 0 || put_origin(h, spec, err) < 0 ||
	    put_all_deps(h, spec, err) < 0 || pkgfile_entries_put(h, spec, err) < 0 ||
	    put_number(h, RPMTAG_SIZE, "installed size", installed, err) < 0 ||
	    put_payload(h, pkgfile_put_level(spec), payload_hex, archive_hex, err) < 0) {
		headerFree(h);
		return -1;
	}
	*out = headerReload(h, RPMTAG_HEADERIMMUTABLE); /* frees h */
	if (!*out)
		return err_set(err, ERR_INPUT, "librpm cannot make the header of %s",
			       spec->id.name);
	return 0;
}
