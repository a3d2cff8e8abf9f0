/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package file read back. Order: bounds, digest of the header, digest of the payload, and
 * only then librpm's parser and its arrays, whose lengths must agree with each other.
 */
#include "repo/pkgfile_priv.h"
#include "base/fd.h"
#include <rpm/header.h>
#include <rpm/rpmds.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmtag.h>

/* What every step needs. */
struct reader {
	struct arena *a;
	Header h;
	const char *name;
	struct err *err;
};

static int
damaged(const struct reader *r, const char *what)
{
	return err_set(r->err, ERR_INPUT, "%s: %s of the header is missing or damaged", r->name,
		       what);
}

/* Single values. */

static int
get_text(const struct reader *r, rpmTagVal tag, const char *what, bool required,
	 const char **out)
{
	const char *text = headerGetString(r->h, tag);

	if (!text && required)
		return damaged(r, what);
	if (text && pkgfile_text_check(what, text, r->err) < 0)
		return err_wrap(r->err, "%s", r->name);
	*out = arena_strdup(r->a, text);
	return 0;
}

static int
get_number(const struct reader *r, rpmTagVal tag, const char *what, bool required,
	   uint64_t *out)
{
	struct rpmtd_s td;
	const uint32_t *v;
	int rc = 0;

	*out = 0;
	if (!headerGet(r->h, tag, &td, HEADERGET_MINMEM))
		return required ? damaged(r, what) : 0;
	v = rpmtdGetUint32(&td);
	if (!v || rpmtdCount(&td) != 1)
		rc = damaged(r, what);
	else
		*out = *v;
	rpmtdFreeData(&td);
	return rc;
}

/* Columns: n values of one type, copied into the arena. n of 0 takes any count and sets it. */

static const char **
get_texts(const struct reader *r, rpmTagVal tag, uint32_t *n)
{
	struct rpmtd_s td;
	const char **out = NULL, *text;

	if (!headerGet(r->h, tag, &td, HEADERGET_MINMEM))
		return NULL;
	if (td.type == RPM_STRING_ARRAY_TYPE && (*n == 0 || rpmtdCount(&td) == *n)) {
		*n = rpmtdCount(&td);
		out = arena_array(r->a, *n, sizeof(*out));
		for (uint32_t i = 0; (text = rpmtdNextString(&td)) && i < *n; i++)
			out[i] = arena_strdup(r->a, text);
	}
	rpmtdFreeData(&td);
	return out;
}

/* 16-bit values are widened. */
static uint32_t *
get_numbers(const struct reader *r, rpmTagVal tag, uint32_t n)
{
	struct rpmtd_s td;
	uint32_t *out = NULL;

	if (!headerGet(r->h, tag, &td, HEADERGET_MINMEM))
		return NULL;
	if ((td.type == RPM_INT32_TYPE || td.type == RPM_INT16_TYPE) && rpmtdCount(&td) == n) {
		const uint32_t *wide = td.data;
		const uint16_t *narrow = td.data;

		out = arena_array(r->a, n, sizeof(*out));
		for (uint32_t i = 0; i < n; i++)
			out[i] = td.type == RPM_INT32_TYPE ? wide[i] : narrow[i];
	}
	rpmtdFreeData(&td);
	return out;
}

/* Dependencies. */

static enum pkgdep_op
op_of(uint32_t flags)
{
	switch (flags & RPMSENSE_SENSEMASK) {
	case RPMSENSE_LESS:
		return PKGDEP_LT;
	case RPMSENSE_LESS | RPMSENSE_EQUAL:
		return PKGDEP_LE;
	case RPMSENSE_EQUAL:
		return PKGDEP_EQ;
	case RPMSENSE_GREATER | RPMSENSE_EQUAL:
		return PKGDEP_GE;
	case RPMSENSE_GREATER:
		return PKGDEP_GT;
	default:
		return PKGDEP_ANY;
	}
}

static int
get_deps(const struct reader *r, const rpmTagVal tags[3], const char *what, struct pkgdeps *out)
{
	uint32_t n = 0, *flags;
	const char **names = get_texts(r, tags[0], &n), **versions;

	memset(out, 0, sizeof(*out));
	if (!names)
		return headerIsEntry(r->h, tags[0]) ? damaged(r, what) : 0;
	flags = get_numbers(r, tags[1], n);
	versions = get_texts(r, tags[2], &n);
	if (!flags || !versions || n > PKGFILE_MAX_DEPS)
		return damaged(r, what);
	out->at = arena_array(r->a, n, sizeof(*out->at));
	for (uint32_t i = 0; i < n; i++) {
		struct pkgdep d = { .name = names[i], .op = op_of(flags[i]), .evr = NULL };

		if (pkgfile_text_check(what, names[i], r->err) < 0 ||
		    pkgfile_text_check(what, versions[i], r->err) < 0)
			return err_wrap(r->err, "%s", r->name);
		if ((d.op == PKGDEP_ANY) != (*versions[i] == '\0'))
			return damaged(r, what);
		if (d.op != PKGDEP_ANY)
			d.evr = versions[i];
		if (strncmp(d.name, "rpmlib(", 7) != 0)
			out->at[out->n++] = d;
	}
	pkgdep_sort(out);
	return 0;
}

static int
get_all_deps(const struct reader *r, struct pkgfile *p)
{
	static const rpmTagVal provides[] = { RPMTAG_PROVIDENAME, RPMTAG_PROVIDEFLAGS,
					      RPMTAG_PROVIDEVERSION },
			       requires[] = { RPMTAG_REQUIRENAME, RPMTAG_REQUIREFLAGS,
					      RPMTAG_REQUIREVERSION },
			       conflicts[] = { RPMTAG_CONFLICTNAME, RPMTAG_CONFLICTFLAGS,
					       RPMTAG_CONFLICTVERSION },
			       obsoletes[] = { RPMTAG_OBSOLETENAME, RPMTAG_OBSOLETEFLAGS,
					       RPMTAG_OBSOLETEVERSION },
			       recommends[] = { RPMTAG_RECOMMENDNAME, RPMTAG_RECOMMENDFLAGS,
						RPMTAG_RECOMMENDVERSION };

	if (get_deps(r, provides, "list of provides", &p->provides) < 0 ||
	    get_deps(r, requires, "list of requires", &p->requires) < 0 ||
	    get_deps(r, conflicts, "list of conflicts", &p->conflicts) < 0 ||
	    get_deps(r, obsoletes, "list of obsoletes", &p->obsoletes) < 0 ||
	    get_deps(r, recommends, "list of recommends", &p->recommends) < 0)
		return -1;
	return 0;
}

/* Files. */

struct columns {
	const char **base, **dirs, **digest, **target, **user, **group, **caps;
	uint32_t *dir, *size, *mode, *flags, *inode;
	uint32_t n, ndirs;
};

static int
get_columns(const struct reader *r, struct columns *c)
{
	c->base = get_texts(r, RPMTAG_BASENAMES, &c->n);
	if (!c->base || c->n > PKGFILE_MAX_ENTRIES)
		return damaged(r, "file list");
	c->dirs = get_texts(r, RPMTAG_DIRNAMES, &c->ndirs);
	c->digest = get_texts(r, RPMTAG_FILEDIGESTS, &c->n);
	c->target = get_texts(r, RPMTAG_FILELINKTOS, &c->n);
	c->user = get_texts(r, RPMTAG_FILEUSERNAME, &c->n);
	c->group = get_texts(r, RPMTAG_FILEGROUPNAME, &c->n);
	c->caps = get_texts(r, RPMTAG_FILECAPS, &c->n);
	c->dir = get_numbers(r, RPMTAG_DIRINDEXES, c->n);
	c->size = get_numbers(r, RPMTAG_FILESIZES, c->n);
	c->mode = get_numbers(r, RPMTAG_FILEMODES, c->n);
	c->flags = get_numbers(r, RPMTAG_FILEFLAGS, c->n);
	c->inode = get_numbers(r, RPMTAG_FILEINODES, c->n);
	if (!c->dirs || !c->digest || !c->target || !c->user || !c->group || !c->dir ||
	    !c->size || !c->mode || !c->flags || !c->inode ||
	    (!c->caps && headerIsEntry(r->h, RPMTAG_FILECAPS)))
		return damaged(r, "file list");
	return 0;
}

static unsigned
entry_flags(uint32_t flags)
{
	return (flags & RPMFILE_CONFIG ? PKGFILE_CONFIG : 0u) |
	       (flags & RPMFILE_NOREPLACE ? PKGFILE_NOREPLACE : 0u) |
	       (flags & RPMFILE_DOC ? PKGFILE_DOC : 0u) |
	       (flags & RPMFILE_LICENSE ? PKGFILE_LICENSE : 0u) |
	       (flags & RPMFILE_GHOST ? PKGFILE_GHOST : 0u);
}

static bool
set_type(struct pkgfile_entry *e, uint32_t mode)
{
	e->mode = mode & 07777;
	if (S_ISREG(mode))
		e->type = MANIFEST_FILE;
	else if (S_ISDIR(mode))
		e->type = MANIFEST_DIR;
	else if (S_ISLNK(mode))
		e->type = MANIFEST_LINK;
	else
		return false;
	return true;
}

/* root is what an absent owner means everywhere else. */
static const char *
owner(const char *name)
{
	return strcmp(name, "root") == 0 ? NULL : name;
}

static int
get_entry(const struct reader *r, const struct columns *c, uint32_t i, struct pkgfile_entry *e)
{
	if (c->dir[i] >= c->ndirs)
		return damaged(r, "file list");
	e->path = arena_format(r->a, "%s%s", c->dirs[c->dir[i]], c->base[i]);
	if (e->path[0] != '/' || !manifest_is_path(e->path + 1) || !set_type(e, c->mode[i]))
		return err_set(r->err, ERR_INPUT,
			       "%s holds '%s', which no package of Kiln may hold", r->name,
			       e->path);
	e->flags = entry_flags(c->flags[i]);
	e->user = owner(c->user[i]);
	e->group = owner(c->group[i]);
	e->caps = c->caps && *c->caps[i] ? c->caps[i] : NULL;
	if (e->type == MANIFEST_LINK) {
		e->target = c->target[i];
		e->mode = 0777;
		return *e->target ? 0 : damaged(r, "link target");
	}
	if (e->type == MANIFEST_FILE) {
		e->size = c->size[i];
		if (!(e->flags & PKGFILE_GHOST) && !digest_parse(c->digest[i], &e->digest))
			return damaged(r, "file digest");
	}
	return 0;
}

/* Files of one inode are names of one file; the first in header order is its first name. Inodes
 * are 1 + the index of the first member, as pkgfile_write gives them. */
static int
link_entries(const struct reader *r, const struct columns *c, struct pkgfile_entry *e)
{
	const char **first = arena_array(r->a, (size_t)c->n + 1, sizeof(*first));

	for (uint32_t i = 0; i < c->n; i++) {
		uint32_t inode = c->inode[i];

		if (inode == 0 || inode > c->n)
			return damaged(r, "file list");
		if (!first[inode])
			first[inode] = e[i].path;
		else if (e[i].type != MANIFEST_FILE)
			return damaged(r, "file list");
		else
			e[i].hardlink = first[inode];
	}
	return 0;
}

static int
get_entries(const struct reader *r, struct pkgfile *p)
{
	struct columns c = { .n = 0 };
	struct pkgfile_entry *e;

	if (!headerIsEntry(r->h, RPMTAG_BASENAMES))
		return 0;
	if (get_columns(r, &c) < 0)
		return -1;
	e = arena_array(r->a, c.n, sizeof(*e));
	for (uint32_t i = 0; i < c.n; i++) {
		if (get_entry(r, &c, i, &e[i]) < 0)
			return -1;
		if (i && strcmp(e[i - 1].path, e[i].path) >= 0)
			return damaged(r, "order of the file list");
	}
	if (link_entries(r, &c, e) < 0)
		return -1;
	p->entries = e;
	p->nentries = c.n;
	return 0;
}

/* The whole. */

static int
get_identity(const struct reader *r, struct pkgfile *p)
{
	uint64_t epoch, built;

	if (get_text(r, RPMTAG_NAME, "name", true, &p->id.name) < 0 ||
	    get_text(r, RPMTAG_VERSION, "version", true, &p->id.version) < 0 ||
	    get_text(r, RPMTAG_RELEASE, "release", true, &p->id.release) < 0 ||
	    get_text(r, RPMTAG_ARCH, "architecture", true, &p->id.arch) < 0 ||
	    get_number(r, RPMTAG_EPOCH, "epoch", false, &epoch) < 0 ||
	    get_number(r, RPMTAG_BUILDTIME, "build time", true, &built) < 0 ||
	    get_number(r, RPMTAG_SIZE, "installed size", true, &p->installed_size) < 0)
		return -1;
	p->id.epoch = (int64_t)epoch;
	p->build_time = (int64_t)built;
	if (!nevra_is_name(p->id.name) || !nevra_is_version(p->id.version) ||
	    !nevra_is_version(p->id.release) || !nevra_is_name(p->id.arch))
		return damaged(r, "name");
	return 0;
}

static int
get_texts_about(const struct reader *r, struct pkgfile *p)
{
	if (get_text(r, RPMTAG_SUMMARY, "summary", false, &p->summary) < 0 ||
	    get_text(r, RPMTAG_DESCRIPTION, "description", false, &p->description) < 0 ||
	    get_text(r, RPMTAG_LICENSE, "license", false, &p->license) < 0 ||
	    get_text(r, RPMTAG_URL, "homepage", false, &p->homepage) < 0 ||
	    get_text(r, RPMTAG_VENDOR, "vendor", false, &p->vendor) < 0 ||
	    get_text(r, RPMTAG_GROUP, "group", false, &p->group) < 0 ||
	    get_text(r, RPMTAG_SOURCERPM, "source package", true, &p->source_rpm) < 0 ||
	    get_text(r, RPMTAG_BUILDHOST, "build host", false, &p->build_host) < 0)
		return -1;
	return 0;
}

/* Packages of ours run nothing when they are installed; others may. */
static const char *
find_script(const struct reader *r)
{
	static const struct {
		rpmTagVal tag;
		const char *name;
	} scripts[] = {
		{ RPMTAG_PREIN, "pre" },
		{ RPMTAG_PREINPROG, "pre" },
		{ RPMTAG_POSTIN, "post" },
		{ RPMTAG_POSTINPROG, "post" },
		{ RPMTAG_PREUN, "preun" },
		{ RPMTAG_PREUNPROG, "preun" },
		{ RPMTAG_POSTUN, "postun" },
		{ RPMTAG_POSTUNPROG, "postun" },
		{ RPMTAG_PRETRANS, "pretrans" },
		{ RPMTAG_PRETRANSPROG, "pretrans" },
		{ RPMTAG_POSTTRANS, "posttrans" },
		{ RPMTAG_POSTTRANSPROG, "posttrans" },
		{ RPMTAG_VERIFYSCRIPT, "verify" },
		{ RPMTAG_VERIFYSCRIPTPROG, "verify" },
		{ RPMTAG_TRIGGERSCRIPTS, "trigger" },
		{ RPMTAG_FILETRIGGERSCRIPTS, "file trigger" },
		{ RPMTAG_TRANSFILETRIGGERSCRIPTS, "file trigger" },
	};

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (headerIsEntry(r->h, scripts[i].tag))
			return scripts[i].name;
	return NULL;
}

static int
check_payload(int fd, const struct pkgfile_layout *l, const struct reader *r)
{
	uint32_t n = 1;
	const char **stated = get_texts(r, RPMTAG_PAYLOADDIGEST, &n);
	struct digest want, got;
	uint64_t algo;

	if (get_number(r, RPMTAG_PAYLOADDIGESTALGO, "payload digest", true, &algo) < 0)
		return -1;
	if (!stated || algo != PKGFILE_SHA256 || !digest_parse(stated[0], &want))
		return damaged(r, "payload digest");
	if (lseek(fd, (off_t)l->payload_start, SEEK_SET) < 0)
		return err_sys(r->err, "cannot seek in %s", r->name);
	if (digest_fd(fd, &got, NULL, r->err) < 0)
		return -1;
	if (!digest_equal(&want, &got))
		return err_set(r->err, ERR_VERIFY,
			       "%s: payload is not what its header says (digest differs)",
			       r->name);
	return 0;
}

int
pkgfile_read_open(int fd, const char *name, struct pkgfile_opened *out, struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	size_t magic = sizeof(rpm_header_magic);
	struct reader r = { .a = &scratch, .name = name, .err = err };

	rpmlogSetMask(RPMLOG_MASK(RPMLOG_EMERG)); /* librpm must not print; we report */
	*out = (struct pkgfile_opened){ .packet = BUF_MAX(PKGFILE_MAX_PACKET),
					.raw_header = BUF_MAX(PKGFILE_MAX_HEADER +
							      PKGFILE_MAX_INDEX) };
	if (pkgfile_layout_find(fd, name, &out->layout, err) < 0 ||
	    pkgfile_signature_read(fd, name, &out->layout, &out->packet, &out->signatures,
				   err) < 0 ||
	    pkgfile_layout_bytes(fd, name, out->layout.header_start, out->layout.payload_start,
				 &out->raw_header, err) < 0 ||
	    pkgfile_signature_check(&out->signatures, &out->raw_header, &out->layout, name,
				    err) < 0)
		return -1;
	out->header =
		headerImport(out->raw_header.data + magic,
			     (unsigned int)(out->raw_header.len - magic), HEADERIMPORT_COPY);
	if (!out->header)
		return err_set(err, ERR_INPUT, "%s: main header is damaged", name);
	r.h = out->header;
	if (pread(fd, out->lead, sizeof(out->lead), 0) != sizeof(out->lead))
		return err_sys(err, "cannot read %s", name);
	digest_of(out->raw_header.data, out->raw_header.len, &out->digest);
	return check_payload(fd, &out->layout, &r);
}

void
pkgfile_read_close(struct pkgfile_opened *o)
{
	if (o->header)
		headerFree(STEAL_PTR(o->header));
	buf_free(&o->packet);
	buf_free(&o->raw_header);
}

/* The lead is covered by no digest and nothing reads it: it must be what we would write. */
static int
check_lead(const struct reader *r, const struct pkgfile_opened *o, const struct nevra *id)
{
	uint8_t lead[PKGFILE_LEAD_BYTES];

	pkgfile_layout_lead(id, lead);
	if (memcmp(lead, o->lead, sizeof(lead)) != 0)
		return err_set(r->err, ERR_INPUT,
			       "%s: lead is not that of one of Kiln's packages", r->name);
	return 0;
}

/* Everything of an opened package but its payload. */
int
pkgfile_read_facts(struct arena *a, const struct pkgfile_opened *o, const char *name,
		   struct pkgfile *out, struct err *err)
{
	const struct reader r = { .a = a, .h = o->header, .name = name, .err = err };
	struct pkgfile p = { .header = o->digest,
			     .header_start = o->layout.header_start,
			     .header_end = o->layout.payload_start,
			     .archive_size = o->signatures.archive_size,
			     .script = find_script(&r) };
	uint8_t *copy;

	if (get_identity(&r, &p) < 0 || get_texts_about(&r, &p) < 0 ||
	    get_all_deps(&r, &p) < 0 || get_entries(&r, &p) < 0 || check_lead(&r, o, &p.id) < 0)
		return -1;
	if (pkgfile_entries_size(p.entries, p.nentries) != p.installed_size)
		return damaged(&r, "installed size");
	if (o->signatures.rsa) {
		copy = arena_alloc(a, o->signatures.rsa_len);
		memcpy(copy, o->signatures.rsa, o->signatures.rsa_len);
		p.signature = copy;
		p.signature_len = o->signatures.rsa_len;
	}
	*out = p;
	return 0;
}

int
pkgfile_read(struct arena *a, int fd, const char *name, struct pkgfile *out, struct err *err)
{
	CLEANUP(pkgfile_read_close) struct pkgfile_opened o = { .header = NULL };

	if (pkgfile_read_open(fd, name, &o, err) < 0)
		return -1;
	return pkgfile_read_facts(a, &o, name, out, err);
}
