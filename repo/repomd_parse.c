/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads back what repomd.c writes, from hostile bytes. A small pull reader of the part of XML
 * we write: elements, double-quoted attributes, text, the five entities. Comments, CDATA,
 * declarations, processing instructions and character references do not occur and are refused,
 * so there is nothing to expand. Depth, lengths and counts are bounded.
 */
#include "repo/repomd.h"

#include "base/buf.h"
#include "base/dict.h"
#include "base/vec.h"

#define XML_MAX_DEPTH 8
#define XML_MAX_NAME  64
#define XML_MAX_ATTRS 8
#define XML_MAX_VALUE 4096 /* of an attribute */
#define XML_MAX_TEXT  ((size_t)1024 * 1024)
#define XML_MAX_ITEMS ((size_t)1000000) /* <data> or <package> elements */

enum xml_event { XML_OPEN, XML_CLOSE, XML_TEXT, XML_END };

struct xml_name {
	char text[XML_MAX_NAME];
};

struct xml {
	const char *at, *end, *start, *name;
	struct xml_name stack[XML_MAX_DEPTH];
	int depth;
	bool self_closed, root_seen;
	/* of the last XML_OPEN */
	struct xml_name attr[XML_MAX_ATTRS];
	struct buf value[XML_MAX_ATTRS];
	size_t nattrs;
	struct buf text; /* of the last XML_TEXT */
};

static void
xml_init(struct xml *x, const char *text, size_t n, const char *name)
{
	static const struct buf value = BUF_MAX(XML_MAX_VALUE);
	static const struct buf body = BUF_MAX(XML_MAX_TEXT);

	memset(x, 0, sizeof(*x));
	x->at = x->start = text;
	x->end = text + n;
	x->name = name;
	x->text = body;
	for (size_t i = 0; i < XML_MAX_ATTRS; i++)
		x->value[i] = value;
}

static void
xml_release(struct xml *x)
{
	buf_free(&x->text);
	for (size_t i = 0; i < XML_MAX_ATTRS; i++)
		buf_free(&x->value[i]);
}
DEFINE_RELEASE(struct xml, xml_release);

static int
xml_error(const struct xml *x, struct err *err, const char *what)
{
	int line = 1;

	for (const char *p = x->start; p < x->at && p < x->end; p++)
		line += *p == '\n';
	return err_set(err, ERR_VERIFY, "%s:%d: %s", x->name, line, what);
}

static bool
xml_take(struct xml *x, const char *literal)
{
	size_t n = strlen(literal);

	if ((size_t)(x->end - x->at) < n || memcmp(x->at, literal, n) != 0)
		return false;
	x->at += n;
	return true;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t';
}

static void
xml_skip_space(struct xml *x)
{
	while (x->at < x->end && is_space(*x->at))
		x->at++;
}

static int
xml_take_name(struct xml *x, struct xml_name *out, struct err *err)
{
	static const char legal[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-";
	size_t n = 0;

	while (x->at + n < x->end && x->at[n] && strchr(legal, x->at[n]))
		n++;
	if (n == 0 || n >= sizeof(out->text))
		return xml_error(x, err, "not a name");
	memcpy(out->text, x->at, n);
	out->text[n] = '\0';
	x->at += n;
	return 0;
}

/* Text up to (not including) the character stop, entities resolved. */
static int
xml_take_text(struct xml *x, char stop, struct buf *out, struct err *err)
{
	static const struct {
		const char *entity;
		char c;
	} entities[] = { { "&amp;", '&' },
			 { "&lt;", '<' },
			 { "&gt;", '>' },
			 { "&quot;", '"' },
			 { "&apos;", '\'' } };

	buf_clear(out);
	while (x->at < x->end && *x->at != stop) {
		size_t i = 0;

		if (*x->at == '<' || (unsigned char)*x->at == 0x7f ||
		    ((unsigned char)*x->at < 0x20 && !is_space(*x->at)))
			return xml_error(x, err, "a character that does not belong here");
		if (*x->at != '&') {
			buf_add_char(out, *x->at++);
			continue;
		}
		while (i < ARRAY_LEN(entities) && !xml_take(x, entities[i].entity))
			i++;
		if (i == ARRAY_LEN(entities))
			return xml_error(x, err, "an entity that is not one of the five");
		buf_add_char(out, entities[i].c);
	}
	if (out->overflow)
		return xml_error(x, err, "text that is too long");
	return 0;
}

static int
xml_take_attr(struct xml *x, struct err *err)
{
	if (x->nattrs == XML_MAX_ATTRS)
		return xml_error(x, err, "too many attributes");
	if (xml_take_name(x, &x->attr[x->nattrs], err) < 0)
		return -1;
	for (size_t i = 0; i < x->nattrs; i++)
		if (strcmp(x->attr[i].text, x->attr[x->nattrs].text) == 0)
			return xml_error(x, err, "an attribute given twice");
	if (!xml_take(x, "=\""))
		return xml_error(x, err, "an attribute without a quoted value");
	if (xml_take_text(x, '"', &x->value[x->nattrs], err) < 0)
		return -1;
	x->nattrs++;
	if (!xml_take(x, "\""))
		return xml_error(x, err, "an attribute that does not end");
	return 0;
}

static int
xml_open(struct xml *x, struct err *err)
{
	if (x->depth == XML_MAX_DEPTH)
		return xml_error(x, err, "elements nested too deep");
	if (x->depth == 0 && x->root_seen)
		return xml_error(x, err, "a second document");
	x->root_seen = true;
	x->nattrs = 0;
	if (xml_take_name(x, &x->stack[x->depth], err) < 0)
		return -1;
	x->depth++;
	while (x->at < x->end && is_space(*x->at)) {
		xml_skip_space(x);
		if (x->at < x->end && *x->at != '/' && *x->at != '>' &&
		    xml_take_attr(x, err) < 0)
			return -1;
	}
	x->self_closed = xml_take(x, "/>");
	if (!x->self_closed && !xml_take(x, ">"))
		return xml_error(x, err, "a tag that does not end");
	return 0;
}

static int
xml_close(struct xml *x, struct err *err)
{
	struct xml_name name;

	if (xml_take_name(x, &name, err) < 0)
		return -1;
	if (!xml_take(x, ">") || x->depth == 0 ||
	    strcmp(name.text, x->stack[x->depth - 1].text) != 0)
		return xml_error(x, err, "an end tag that closes nothing");
	x->depth--;
	return 0;
}

static int
xml_next(struct xml *x, enum xml_event *event, struct err *err)
{
	if (x->at == x->start)
		(void)xml_take(x, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
	if (x->self_closed) {
		x->self_closed = false;
		x->depth--;
		*event = XML_CLOSE;
		return 0;
	}
	if (x->depth == 0)
		xml_skip_space(x);
	if (x->at == x->end && x->depth == 0 && x->root_seen) {
		*event = XML_END;
		return 0;
	}
	if (x->at == x->end)
		return xml_error(x, err, "the document ends too early");
	if (xml_take(x, "</")) {
		*event = XML_CLOSE;
		return xml_close(x, err);
	}
	if (xml_take(x, "<")) {
		*event = XML_OPEN;
		return xml_open(x, err);
	}
	if (x->depth == 0)
		return xml_error(x, err, "text outside the document");
	*event = XML_TEXT;
	return xml_take_text(x, '<', &x->text, err);
}

static const char *
xml_attr(const struct xml *x, const char *name)
{
	for (size_t i = 0; i < x->nattrs; i++)
		if (strcmp(x->attr[i].text, name) == 0)
			return buf_text(&x->value[i]);
	return NULL;
}

/* The name of the innermost element. */
static const char *
xml_tag(const struct xml *x)
{
	return x->stack[x->depth - 1].text;
}

/* ---- both documents: a root of items, each with fields of which we want four ---- */

enum field {
	FIELD_NONE,
	FIELD_NAME,
	FIELD_ARCH,
	FIELD_VERSION,
	FIELD_CHECKSUM,
	FIELD_LOCATION,
	FIELD_SIZE,
	FIELD_REVISION
};

struct reading {
	struct xml xml;
	struct arena *a;
	const char *root, *item, *prefix; /* "metadata", "package", "packages/" */
	bool primary;
	VEC(struct repomd_file) found;
	struct repomd_file now;
	struct dict hrefs; /* seen so far: a name listed twice is refused */
	unsigned have,
		wanted; /* bits of enum field of the item that is open; all must be there */
	int64_t revision, count;
};

static void
reading_release(struct reading *r)
{
	xml_release(&r->xml);
	dict_release(&r->hrefs);
	VEC_FREE(&r->found);
}
DEFINE_RELEASE(struct reading, reading_release);

static bool
parse_number(const char *text, int64_t *out)
{
	int64_t v = 0;

	if (!*text || strlen(text) > 18 || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (*text - '0');
	}
	*out = v;
	return true;
}

/* prefix and one more component: nothing that could lead out of the tree. */
static bool
is_href(const char *href, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(href, prefix, n) == 0 && href[n] && href[n] != '.' &&
	       !strchr(href + n, '/') && manifest_is_path(href);
}

static enum field
field_of(const struct reading *r)
{
	static const struct {
		const char *tag;
		enum field field;
	} fields[] = { { "checksum", FIELD_CHECKSUM },
		       { "location", FIELD_LOCATION },
		       { "size", FIELD_SIZE } };
	const char *tag = xml_tag(&r->xml);

	if (r->xml.depth == 2 && !r->primary && strcmp(tag, "revision") == 0)
		return FIELD_REVISION;
	if (r->xml.depth != 3)
		return FIELD_NONE;
	if (r->primary && strcmp(tag, "name") == 0)
		return FIELD_NAME;
	if (r->primary && strcmp(tag, "arch") == 0)
		return FIELD_ARCH;
	if (r->primary && strcmp(tag, "version") == 0)
		return FIELD_VERSION;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strcmp(tag, fields[i].tag) == 0)
			return fields[i].field;
	return FIELD_NONE;
}

static int
set_size(struct reading *r, const char *text, struct err *err)
{
	int64_t v;

	if (!text || !parse_number(text, &v))
		return xml_error(&r->xml, err, "a size that is no number");
	r->now.size = (uint64_t)v;
	return 0;
}

static int
open_item(struct reading *r, struct err *err)
{
	const char *type = xml_attr(&r->xml, "type");

	if (strcmp(xml_tag(&r->xml), r->item) != 0 || !type || !*type || r->xml.nattrs != 1)
		return xml_error(&r->xml, err, "an element that does not belong here");
	if (r->primary && strcmp(type, "rpm") != 0)
		return xml_error(&r->xml, err, "a package that is no rpm");
	if (r->found.n == XML_MAX_ITEMS)
		return xml_error(&r->xml, err, "too many entries");
	memset(&r->now, 0, sizeof(r->now));
	r->now.type = arena_strdup(r->a, type);
	r->have = 0;
	return 0;
}

static int
open_location(struct reading *r, struct err *err)
{
	const char *href = xml_attr(&r->xml, "href");

	/* Exactly one attribute: xml:base would send clients elsewhere. */
	if (r->xml.nattrs != 1 || !href || !is_href(href, r->prefix))
		return xml_error(&r->xml, err, "a location outside of the repository");
	if (!dict_add(&r->hrefs, href, r))
		return xml_error(&r->xml, err, "a location given twice");
	r->now.href = arena_strdup(r->a, href);
	return 0;
}

static int
open_version(struct reading *r, struct err *err)
{
	const char *epoch = xml_attr(&r->xml, "epoch"), *version = xml_attr(&r->xml, "ver"),
		   *release = xml_attr(&r->xml, "rel");

	if (r->xml.nattrs != 3 || !epoch || !version || !release ||
	    !parse_number(epoch, &r->now.id.epoch) || !nevra_is_version(version) ||
	    !nevra_is_version(release))
		return xml_error(&r->xml, err, "a version that is none");
	r->now.id.version = arena_strdup(r->a, version);
	r->now.id.release = arena_strdup(r->a, release);
	return 0;
}

static int
open_element(struct reading *r, enum field field, struct err *err)
{
	const char *type = xml_attr(&r->xml, "type");

	/* Some readers know prefixes and some do not: what they would see differs. */
	if (r->xml.depth <= 3 && strchr(xml_tag(&r->xml), ':'))
		return xml_error(&r->xml, err, "a prefix that does not belong here");
	if (r->xml.depth == 1 && strcmp(xml_tag(&r->xml), r->root) != 0)
		return xml_error(&r->xml, err, "another kind of document");
	if (r->xml.depth == 1 && r->primary &&
	    (!xml_attr(&r->xml, "packages") ||
	     !parse_number(xml_attr(&r->xml, "packages"), &r->count)))
		return xml_error(&r->xml, err, "the number of packages is missing");
	if (r->xml.depth == 2 && field == FIELD_NONE)
		return open_item(r, err);
	if (field == FIELD_NONE)
		return 0;
	if (r->have & 1U << field)
		return xml_error(&r->xml, err, "an element given twice");
	r->have |= 1U << field;
	if (field == FIELD_LOCATION)
		return open_location(r, err);
	if (field == FIELD_VERSION)
		return open_version(r, err);
	if (field == FIELD_CHECKSUM && (!type || strcmp(type, "sha256") != 0))
		return xml_error(&r->xml, err, "a checksum that is not sha256");
	if (field == FIELD_SIZE && r->primary)
		return set_size(r, xml_attr(&r->xml, "package"), err);
	return 0;
}

static int
close_element(struct reading *r, enum field field, const char *text, struct err *err)
{
	if (field == FIELD_CHECKSUM && !digest_parse(text, &r->now.digest))
		return xml_error(&r->xml, err, "a checksum that is no SHA-256");
	if (field == FIELD_SIZE && !r->primary)
		return set_size(r, text, err);
	if ((field == FIELD_NAME || field == FIELD_ARCH) && !nevra_is_name(text))
		return xml_error(&r->xml, err, "a name that is none");
	if (field == FIELD_NAME)
		r->now.id.name = r->now.type = arena_strdup(r->a, text);
	if (field == FIELD_ARCH)
		r->now.id.arch = arena_strdup(r->a, text);
	if (field == FIELD_REVISION && (r->revision >= 0 || !parse_number(text, &r->revision)))
		return xml_error(&r->xml, err, "a revision that is no number, or a second one");
	/* depth is that of the parent now */
	if (r->xml.depth == 1 && field == FIELD_NONE) {
		if ((r->have & r->wanted) != r->wanted)
			return xml_error(
				&r->xml, err,
				"an entry without name, version, checksum, location or size");
		VEC_PUSH(&r->found, r->now);
	}
	return 0;
}

static int
read_document(struct reading *r, struct err *err)
{
	enum field open_field = FIELD_NONE;
	enum xml_event event;

	r->revision = r->count = -1;
	for (;;) {
		if (xml_next(&r->xml, &event, err) < 0)
			return -1;
		if (event == XML_END)
			return 0;
		if (event == XML_OPEN) {
			if (open_field != FIELD_NONE)
				return xml_error(&r->xml, err, "an element inside a value");
			open_field = field_of(r);
			buf_clear(&r->xml.text);
			if (open_element(r, open_field, err) < 0)
				return -1;
		} else if (event == XML_CLOSE) {
			if (close_element(r, open_field, buf_text(&r->xml.text), err) < 0)
				return -1;
			open_field = FIELD_NONE;
		}
	}
}

static void
keep(struct reading *r, struct repomd_file **out, size_t *n)
{
	*out = arena_array(r->a, r->found.n + 1, sizeof(**out));
	if (r->found.n)
		memcpy(*out, r->found.at, r->found.n * sizeof(**out));
	*n = r->found.n;
}

int
repomd_parse(struct arena *a, const char *text, size_t n, const char *name,
	     struct repomd_file **files, size_t *nfiles, int64_t *revision, struct err *err)
{
	CLEANUP(reading_release)
	struct reading r = {
		.a = a,
		.root = "repomd",
		.item = "data",
		.prefix = "repodata/",
		.wanted = 1U << FIELD_CHECKSUM | 1U << FIELD_LOCATION | 1U << FIELD_SIZE,
	};

	xml_init(&r.xml, text, n, name);
	if (read_document(&r, err) < 0)
		return -1;
	if (r.revision < 0)
		return err_set(err, ERR_VERIFY, "%s: the revision is missing", name);
	keep(&r, files, nfiles);
	*revision = r.revision;
	return 0;
}

int
repomd_parse_primary(struct arena *a, const char *text, size_t n, const char *name,
		     struct repomd_file **packages, size_t *npackages, struct err *err)
{
	CLEANUP(reading_release)
	struct reading r = {
		.a = a,
		.root = "metadata",
		.item = "package",
		.prefix = "packages/",
		.primary = true,
		.wanted = 1U << FIELD_NAME | 1U << FIELD_ARCH | 1U << FIELD_VERSION |
			  1U << FIELD_CHECKSUM | 1U << FIELD_LOCATION | 1U << FIELD_SIZE,
	};

	xml_init(&r.xml, text, n, name);
	if (read_document(&r, err) < 0)
		return -1;
	if (r.count != (int64_t)r.found.n)
		return err_set(err, ERR_VERIFY, "%s: says %lld packages and lists %zu", name,
			       (long long)r.count, r.found.n);
	keep(&r, packages, npackages);
	return 0;
}
