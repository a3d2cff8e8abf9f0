/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/repomd.h"

#include "base/fd.h"
#include "base/gzip.h"
#include "base/utf8.h"

#define REPOMD_MAX_FRAGMENT ((size_t)256 * 1024 * 1024)
#define REPOMD_MAX_DOCUMENT ((size_t)2 * 1024 * 1024 * 1024)
#define REPOMD_MAX_NAME     160
#define REPOMD_DIR          "repodata"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XML_NS   "http://linux.duke.edu/metadata/"

/* ---- text ---- */

/* Length of the character at s when XML 1.0 can carry it, 0: it cannot. */
static size_t
xml_char(const char *s)
{
	uint32_t cp = 0;
	size_t n = utf8_decode(s, strnlen(s, 4), &cp);

	if (cp < 0x20 && cp != '\n' && cp != '\t')
		return 0;
	return cp == 0x7f || cp == 0xfffe || cp == 0xffff ? 0 : n;
}

/* Escapes text for an element or a double-quoted attribute. What XML cannot carry is refused;
 * line breaks are allowed in elements only (lines), because attributes would silently lose
 * them. */
static int
add_escaped(struct buf *b, const char *text, bool lines, struct err *err)
{
	const char *s = text ? text : "";
	size_t n;

	for (; *s; s += n) {
		n = xml_char(s);
		if (n == 0 || (!lines && (*s == '\n' || *s == '\t')))
			return err_set(err, ERR_INPUT,
				       "'%.80s' holds byte 0x%02x, which metadata cannot carry",
				       text, (unsigned char)*s);
		if (*s == '&')
			buf_add_str(b, "&amp;");
		else if (*s == '<')
			buf_add_str(b, "&lt;");
		else if (*s == '>')
			buf_add_str(b, "&gt;");
		else if (*s == '"')
			buf_add_str(b, "&quot;");
		else
			buf_add(b, s, n);
	}
	return 0;
}

/* <tag>text</tag> on a line of its own. */
static int
add_element(struct buf *b, const char *indent, const char *tag, const char *text,
	    struct err *err)
{
	buf_add_format(b, "%s<%s>", indent, tag);
	if (add_escaped(b, text, true, err) < 0)
		return err_wrap(err, "<%s>", tag);
	buf_add_format(b, "</%s>\n", tag);
	return 0;
}

/* ' name="value"' */
static int
add_attribute(struct buf *b, const char *name, const char *value, struct err *err)
{
	buf_add_format(b, " %s=\"", name);
	if (add_escaped(b, value, false, err) < 0)
		return -1;
	buf_add_char(b, '"');
	return 0;
}

/* ---- one package ---- */

static int
add_version(struct buf *b, const struct nevra *id, struct err *err)
{
	buf_add_format(b, "  <version epoch=\"%lld\"", (long long)id->epoch);
	if (add_attribute(b, "ver", id->version, err) < 0 ||
	    add_attribute(b, "rel", id->release, err) < 0)
		return -1;
	buf_add_str(b, "/>\n");
	return 0;
}

static int
add_dep(struct arena *a, struct buf *b, const struct pkgdep *d, struct err *err)
{
	static const char *const flags[] = {
		[PKGDEP_LT] = "LT", [PKGDEP_LE] = "LE", [PKGDEP_EQ] = "EQ",
		[PKGDEP_GE] = "GE", [PKGDEP_GT] = "GT",
	};
	struct nevra evr;

	buf_add_str(b, "      <rpm:entry");
	if (add_attribute(b, "name", d->name, err) < 0)
		return -1;
	if (d->op != PKGDEP_ANY) {
		if (pkgdep_evr(a, d, &evr, err) < 0)
			return -1;
		buf_add_format(b, " flags=\"%s\" epoch=\"%lld\"", flags[d->op],
			       (long long)evr.epoch);
		if (add_attribute(b, "ver", evr.version, err) < 0)
			return -1;
		if (evr.release && *evr.release &&
		    add_attribute(b, "rel", evr.release, err) < 0)
			return -1;
	}
	buf_add_str(b, "/>\n");
	return 0;
}

static bool
dep_seen(const struct pkgdeps *deps, size_t i)
{
	/* Sorted input has its duplicates side by side. */
	return i && pkgdep_compare(&deps->at[i - 1], &deps->at[i]) == 0;
}

static int
add_deps(struct arena *a, struct buf *b, const char *tag, const struct pkgdeps *deps,
	 struct err *err)
{
	if (deps->n == 0)
		return 0;
	buf_add_format(b, "    <rpm:%s>\n", tag);
	for (size_t i = 0; i < deps->n; i++)
		if (!dep_seen(deps, i) && add_dep(a, b, &deps->at[i], err) < 0)
			return err_wrap(err, "%s", tag);
	buf_add_format(b, "    </rpm:%s>\n", tag);
	return 0;
}

/* Clients look into primary for these paths alone before they fetch filelists. */
static bool
is_primary_path(const char *path)
{
	return strncmp(path, "/etc/", 5) == 0 || strstr(path, "bin/") ||
	       strcmp(path, "/usr/lib/sendmail") == 0;
}

static int
add_files(struct buf *b, const char *indent, const struct pkgfile *p, bool primary,
	  struct err *err)
{
	for (size_t i = 0; i < p->nentries; i++) {
		const struct pkgfile_entry *e = &p->entries[i];

		if (primary && !is_primary_path(e->path))
			continue;
		buf_add_format(b, "%s<file%s>", indent,
			       e->type == MANIFEST_DIR    ? " type=\"dir\""
			       : e->flags & PKGFILE_GHOST ? " type=\"ghost\""
							  : "");
		if (add_escaped(b, e->path, false, err) < 0)
			return err_wrap(err, "path");
		buf_add_str(b, "</file>\n");
	}
	return 0;
}

static int
add_format(struct arena *a, struct buf *b, const struct pkgfile *p, struct err *err)
{
	buf_add_str(b, "  <format>\n");
	if (add_element(b, "    ", "rpm:license", p->license, err) < 0 ||
	    add_element(b, "    ", "rpm:vendor", p->vendor, err) < 0 ||
	    add_element(b, "    ", "rpm:group", p->group, err) < 0 ||
	    add_element(b, "    ", "rpm:buildhost", p->build_host, err) < 0 ||
	    add_element(b, "    ", "rpm:sourcerpm", p->source_rpm, err) < 0)
		return -1;
	buf_add_format(b, "    <rpm:header-range start=\"%llu\" end=\"%llu\"/>\n",
		       (unsigned long long)p->header_start, (unsigned long long)p->header_end);
	if (add_deps(a, b, "provides", &p->provides, err) < 0 ||
	    add_deps(a, b, "requires", &p->requires, err) < 0 ||
	    add_deps(a, b, "conflicts", &p->conflicts, err) < 0 ||
	    add_deps(a, b, "obsoletes", &p->obsoletes, err) < 0 ||
	    add_deps(a, b, "recommends", &p->recommends, err) < 0 ||
	    add_files(b, "    ", p, true, err) < 0)
		return -1;
	buf_add_str(b, "  </format>\n");
	return 0;
}

struct placed { /* where and what the package file is */
	char digest[DIGEST_HEX];
	uint64_t size;
	const char *href;
};

static int
add_primary(struct arena *a, struct buf *b, const struct pkgfile *p, const struct placed *at,
	    struct err *err)
{
	buf_add_str(b, "<package type=\"rpm\">\n");
	if (add_element(b, "  ", "name", p->id.name, err) < 0 ||
	    add_element(b, "  ", "arch", p->id.arch, err) < 0 ||
	    add_version(b, &p->id, err) < 0)
		return -1;
	buf_add_format(b, "  <checksum type=\"sha256\" pkgid=\"YES\">%s</checksum>\n",
		       at->digest);
	if (add_element(b, "  ", "summary", p->summary, err) < 0 ||
	    add_element(b, "  ", "description", p->description, err) < 0 ||
	    add_element(b, "  ", "packager", "", err) < 0 ||
	    add_element(b, "  ", "url", p->homepage, err) < 0)
		return -1;
	/* The time of the file is that of its build: a copy's own time would differ everywhere.
	 */
	buf_add_format(b, "  <time file=\"%lld\" build=\"%lld\"/>\n", (long long)p->build_time,
		       (long long)p->build_time);
	buf_add_format(b, "  <size package=\"%llu\" installed=\"%llu\" archive=\"%llu\"/>\n",
		       (unsigned long long)at->size, (unsigned long long)p->installed_size,
		       (unsigned long long)p->archive_size);
	buf_add_str(b, "  <location");
	if (add_attribute(b, "href", at->href, err) < 0)
		return -1;
	buf_add_str(b, "/>\n");
	if (add_format(a, b, p, err) < 0)
		return -1;
	buf_add_str(b, "</package>\n");
	return 0;
}

/* filelists (with files) or other (without; our packages carry no changelog). */
static int
add_listing(struct buf *b, const struct pkgfile *p, const struct placed *at, bool files,
	    struct err *err)
{
	buf_add_format(b, "<package pkgid=\"%s\"", at->digest);
	if (add_attribute(b, "name", p->id.name, err) < 0 ||
	    add_attribute(b, "arch", p->id.arch, err) < 0)
		return -1;
	buf_add_str(b, ">\n");
	if (add_version(b, &p->id, err) < 0 || (files && add_files(b, "  ", p, false, err) < 0))
		return -1;
	buf_add_str(b, "</package>\n");
	return 0;
}

static int
keep(struct arena *a, const struct buf *b, const char **out, struct err *err)
{
	if (buf_check(b, "metadata of one package", err) < 0)
		return -1;
	*out = arena_strndup(a, buf_text(b), b->len);
	return 0;
}

int
repomd_fragment_make(struct arena *a, const struct pkgfile *p, const struct digest *file,
		     uint64_t size, const char *href, struct repomd_fragment *out,
		     struct err *err)
{
	CLEANUP(buf_free) struct buf primary = BUF_MAX(REPOMD_MAX_FRAGMENT);
	CLEANUP(buf_free) struct buf filelists = BUF_MAX(REPOMD_MAX_FRAGMENT);
	CLEANUP(buf_free) struct buf other = BUF_MAX(REPOMD_MAX_FRAGMENT);
	struct placed at = { .size = size, .href = href };
	struct repomd_fragment made;

	digest_hex(file, at.digest);
	if (add_primary(a, &primary, p, &at, err) < 0 ||
	    add_listing(&filelists, p, &at, true, err) < 0 ||
	    add_listing(&other, p, &at, false, err) < 0 ||
	    keep(a, &primary, &made.primary, err) < 0 ||
	    keep(a, &filelists, &made.filelists, err) < 0 ||
	    keep(a, &other, &made.other, err) < 0)
		return err_wrap(err, "metadata of %s", href);
	*out = made;
	return 0;
}

/* ---- the documents ---- */

struct document {
	const char *type, *root, *namespace;
	size_t offset; /* of its fragment in struct repomd_fragment */
};

static const struct document documents[] = {
	{ "primary", "metadata", "xmlns=\"" XML_NS "common\" xmlns:rpm=\"" XML_NS "rpm\"",
	  offsetof(struct repomd_fragment, primary) },
	{ "filelists", "filelists", "xmlns=\"" XML_NS "filelists\"",
	  offsetof(struct repomd_fragment, filelists) },
	{ "other", "otherdata", "xmlns=\"" XML_NS "other\"",
	  offsetof(struct repomd_fragment, other) },
};

static int
write_file(int dirfd, const char *path, const struct buf *data, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_create(dirfd, path, 0644, &fd, err) < 0 ||
	    fd_write_all(fd, data->data, data->len, err) < 0)
		return err_wrap(err, "%s", path);
	if (fchmod(fd, 0644) < 0) /* whatever the umask is */
		return err_sys(err, "%s", path);
	return fd_close(&fd, path, err);
}

static void
assemble(const struct document *d, const struct repomd_fragment *fragments, size_t n,
	 struct buf *out)
{
	buf_add_format(out, XML_HEAD "<%s %s packages=\"%zu\">\n", d->root, d->namespace, n);
	for (size_t i = 0; i < n; i++) {
		const char *fragment;

		memcpy(&fragment, (const char *)&fragments[i] + d->offset, sizeof(fragment));
		buf_add_str(out, fragment);
	}
	buf_add_format(out, "</%s>\n", d->root);
}

/* Writes one document under a name made of its digest, and its entry of repomd.xml. */
static int
write_document(int dirfd, const struct document *d, const struct buf *plain, int64_t epoch,
	       struct buf *index, struct err *err)
{
	CLEANUP(buf_free) struct buf packed = BUF_MAX(REPOMD_MAX_DOCUMENT);
	struct digest digest;
	char packed_hex[DIGEST_HEX], plain_hex[DIGEST_HEX], path[REPOMD_MAX_NAME];

	if (buf_check(plain, d->type, err) < 0 ||
	    gzip_write(plain->data, plain->len, &packed, err) < 0 ||
	    buf_check(&packed, d->type, err) < 0)
		return -1;
	digest_of(plain->data, plain->len, &digest);
	digest_hex(&digest, plain_hex);
	digest_of(packed.data, packed.len, &digest);
	digest_hex(&digest, packed_hex);
	(void)snprintf(path, sizeof(path), REPOMD_DIR "/%s-%s.xml.gz", packed_hex, d->type);
	buf_add_format(index,
		       "  <data type=\"%s\">\n"
		       "    <checksum type=\"sha256\">%s</checksum>\n"
		       "    <open-checksum type=\"sha256\">%s</open-checksum>\n"
		       "    <location href=\"%s\"/>\n"
		       "    <timestamp>%lld</timestamp>\n"
		       "    <size>%zu</size>\n"
		       "    <open-size>%zu</open-size>\n"
		       "  </data>\n",
		       d->type, packed_hex, plain_hex, path, (long long)epoch, packed.len,
		       plain->len);
	return write_file(dirfd, path, &packed, err);
}

int
repomd_write(int dirfd, const struct repomd_fragment *fragments, size_t n, int64_t epoch,
	     struct err *err)
{
	CLEANUP(buf_free) struct buf index = BUF_MAX(REPOMD_MAX_DOCUMENT);

	if (fd_mkdirs(dirfd, REPOMD_DIR, err) < 0)
		return -1;
	buf_add_format(&index,
		       XML_HEAD "<repomd xmlns=\"" XML_NS "repo\" xmlns:rpm=\"" XML_NS
				"rpm\">\n"
				"  <revision>%lld</revision>\n",
		       (long long)epoch);
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		CLEANUP(buf_free) struct buf plain = BUF_MAX(REPOMD_MAX_DOCUMENT);

		assemble(&documents[i], fragments, n, &plain);
		if (write_document(dirfd, &documents[i], &plain, epoch, &index, err) < 0)
			return err_wrap(err, "%s metadata", documents[i].type);
	}
	buf_add_str(&index, "</repomd>\n");
	if (buf_check(&index, "repomd.xml", err) < 0)
		return -1;
	return write_file(dirfd, REPOMD_DIR "/repomd.xml", &index, err);
}
