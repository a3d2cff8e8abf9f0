/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The definition of an image: read strictly, every message with file, line and column. The
 * table below is the schema: unknown keys, their nearest neighbour and docs/image.md are
 * checked by it.
 */
#include "images/image.h"

#include "base/fd.h"
#include "base/tree.h"
#include "base/vec.h"

#define IMAGE_DIR      "images/catalog"
#define IMAGE_SUFFIX   ".yaml"
#define OWN_LABELS     "kiln."
#define IMAGE_MAX_LIST 1000
#define IMAGE_MAX_TEXT 8192
#define IMAGE_MAX_NAME 64

static const struct image_key keys[] = {
	{ "format", "1", "required", "Version of this format" },
	{ "name", "text", "required", "Name of the image; the file is called NAME.yaml" },
	{ "summary", "text", "required", "What the image is for, in one line" },
	{ "description", "text", "none", "More about it, any number of lines" },
	{ "ground", "text", "that of the run",
	  "Stage whose packages it holds (docs/bootstrap.md)" },
	{ "packages", "list of text", "required",
	  "Packages or capabilities; what they require comes along" },
	{ "prefer", "list of text", "none",
	  "Packages that win where several provide a capability" },
	{ "config", "map", "none", "How a container of the image starts" },
	{ "config.service", "text", "none",
	  "Service of a package: its program, user, directory and signal" },
	{ "config.entrypoint", "list of text", "none", "The program and its fixed arguments" },
	{ "config.cmd", "list of text", "none",
	  "Default arguments, or the program where there is no entrypoint" },
	{ "config.env", "map of text", "none", "Environment variables" },
	{ "config.user", "text", "0",
	  "User, or USER:GROUP, by number or by a name the packages declare" },
	{ "config.workdir", "text", "/", "Directory the program starts in, absolute" },
	{ "config.labels", "map of text", "none", "Labels of the image" },
	{ "config.stop_signal", "text", "TERM", "Signal that asks the program to end" },
	{ "config.ports", "list of text", "none", "Ports it listens on: 8080, 53/udp" },
	{ "config.volumes", "list of text", "none", "Directories whose content outlives it" },
	{ "links", "map of text", "none", "Further symbolic links, path to target" },
};

const struct image_key *
image_keys(size_t *n)
{
	*n = ARRAY_LEN(keys);
	return keys;
}

struct reader {
	struct arena *a;
	const char *path;
	struct err *err;
};

/* The keys of one level, without its prefix ("" or "config."). */
static size_t
level_keys(const char *prefix, const char *out[ARRAY_LEN(keys)])
{
	size_t len = strlen(prefix), n = 0;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strncmp(keys[i].path, prefix, len) == 0 && !strchr(keys[i].path + len, '.'))
			out[n++] = keys[i].path + len;
	return n;
}

static int
check_keys(const struct reader *r, const struct doc *map, const char *prefix)
{
	const char *known[ARRAY_LEN(keys)];
	size_t n = level_keys(prefix, known);

	for (size_t i = 0; i < map->n; i++) {
		const struct doc_item *item = &map->items[i];
		struct doc at = { .line = item->key_line, .col = item->key_col };
		const char *near;
		bool found = false;

		for (size_t k = 0; k < n && !found; k++)
			found = strcmp(known[k], item->key) == 0;
		if (found)
			continue;
		near = doc_nearest(item->key, known, n);
		if (near)
			return doc_error(&at, r->path, r->err,
					 "unknown key '%s%s' (did you mean '%s%s'?)", prefix,
					 item->key, prefix, near);
		return doc_error(&at, r->path, r->err, "unknown key '%s%s'", prefix, item->key);
	}
	return 0;
}

/* One line of text: no control character, not empty, not beyond the limit. */
static bool
is_line(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > IMAGE_MAX_TEXT)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

static int
want_line(const struct reader *r, const struct doc *d, const char *what, const char **out)
{
	if (d->kind != DOC_TEXT)
		return doc_error(d, r->path, r->err, "'%s' must be text", what);
	if (!is_line(d->text))
		return doc_error(
			d, r->path, r->err,
			"'%s' must be one line of 1 to %d bytes without control characters",
			what, IMAGE_MAX_TEXT);
	*out = d->text;
	return 0;
}

/* Absent keys leave *out as it is. */
static int
read_line(const struct reader *r, const struct doc *map, const char *key, const char **out)
{
	const struct doc *d = doc_get(map, key);

	return d ? want_line(r, d, key, out) : 0;
}

static int
read_list(const struct reader *r, const struct doc *map, const char *key, const char ***out,
	  size_t *n)
{
	const struct doc *d = doc_get(map, key);
	const char **list;

	if (!d)
		return 0;
	if (d->kind != DOC_LIST)
		return doc_error(d, r->path, r->err, "'%s' must be a list of text", key);
	if (d->n == 0 || d->n > IMAGE_MAX_LIST)
		return doc_error(d, r->path, r->err, "'%s' must have 1 to %d items", key,
				 IMAGE_MAX_LIST);
	list = arena_array(r->a, d->n, sizeof(*list));
	for (size_t i = 0; i < d->n; i++)
		if (want_line(r, d->items[i].value, key, &list[i]) < 0)
			return -1;
	*out = list;
	*n = d->n;
	return 0;
}

static int
compare_pairs(const void *a, const void *b)
{
	return strcmp(((const struct image_pair *)a)->key, ((const struct image_pair *)b)->key);
}

/* The order of a map's keys does not count, so it is sorted away here. */
static int
read_pairs(const struct reader *r, const struct doc *map, const char *key,
	   struct image_pair **out, size_t *n)
{
	const struct doc *d = doc_get(map, key);
	struct image_pair *pairs;

	if (!d)
		return 0;
	if (d->kind != DOC_MAP)
		return doc_error(d, r->path, r->err, "'%s' must be a map of text", key);
	if (d->n == 0 || d->n > IMAGE_MAX_LIST)
		return doc_error(d, r->path, r->err, "'%s' must have 1 to %d items", key,
				 IMAGE_MAX_LIST);
	pairs = arena_array(r->a, d->n, sizeof(*pairs));
	for (size_t i = 0; i < d->n; i++) {
		struct doc at = { .line = d->items[i].key_line, .col = d->items[i].key_col };
		const char *what = arena_format(r->a, "%s.%s", key, d->items[i].key);

		if (!is_line(d->items[i].key))
			return doc_error(&at, r->path, r->err,
					 "a key of '%s' is empty or holds control characters",
					 key);
		pairs[i].key = d->items[i].key;
		if (want_line(r, d->items[i].value, what, &pairs[i].value) < 0)
			return -1;
	}
	qsort(pairs, d->n, sizeof(*pairs), compare_pairs);
	*out = pairs;
	*n = d->n;
	return 0;
}

/* What Kiln says of an image is not said by its definition. */
static int
read_labels(const struct reader *r, const struct doc *config, struct image *im)
{
	const struct doc *d = doc_get(config, "labels");

	if (read_pairs(r, config, "labels", &im->labels, &im->nlabels) < 0)
		return -1;
	for (size_t i = 0; d && i < d->n; i++) {
		struct doc at = { .line = d->items[i].key_line, .col = d->items[i].key_col };

		if (strncmp(d->items[i].key, OWN_LABELS, strlen(OWN_LABELS)) == 0)
			return doc_error(&at, r->path, r->err,
					 "labels that begin with '" OWN_LABELS
					 "' are set by Kiln");
	}
	return 0;
}

static bool
is_variable(const char *s)
{
	if (*s >= '0' && *s <= '9')
		return false;
	for (; *s; s++)
		if (!(*s == '_' || (*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= 'a' && *s <= 'z')))
			return false;
	return true;
}

/* A tag of a registry and a part of a purl at once: lower case, digits, dashes. */
static bool
is_image_name(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > IMAGE_MAX_NAME || s[0] == '-' || s[n - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int
check_env(const struct reader *r, const struct doc *config, const struct image *im)
{
	for (size_t i = 0; i < im->nenv; i++)
		if (!is_variable(im->env[i].key))
			return doc_error(doc_get(config, "env"), r->path, r->err,
					 "'%s' is no name of an environment variable",
					 im->env[i].key);
	return 0;
}

static int
check_signal(const struct reader *r, const struct doc *config, const struct image *im)
{
	static const char *const names[] = { "ABRT", "ALRM", "HUP",  "INT",  "KILL",
					     "QUIT", "TERM", "USR1", "USR2", "WINCH" };
	const char *near;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], im->stop_signal) == 0)
			return 0;
	near = doc_nearest(im->stop_signal, names, ARRAY_LEN(names));
	return doc_error(
		doc_get(config, "stop_signal"), r->path, r->err,
		"'%s' is not a signal a program can be stopped with (did you mean '%s'?)",
		im->stop_signal, near ? near : "TERM");
}

/* "0", "app", "1000:1000", "app:app": whether the names exist is known only with the packages.
 */
static bool
is_user(const char *s)
{
	size_t n = strlen(s), colon = strcspn(s, ":");

	if (n > 2 * IMAGE_MAX_NAME || colon == 0 || colon + 1 == n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (i != colon && !strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", s[i]))
			return false;
	return true;
}

/* "8080", "53/udp", as OCI writes it. */
static const char *
port_of(struct arena *a, const char *s)
{
	static const char *const protocols[] = { "/tcp", "/udp", "/sctp" };
	size_t digits = strspn(s, "0123456789");
	unsigned long n = digits && digits <= 5 && s[0] != '0' ? strtoul(s, NULL, 10) : 0;

	if (n == 0 || n > UINT16_MAX)
		return NULL;
	if (!s[digits])
		return arena_format(a, "%s/tcp", s);
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (strcmp(s + digits, protocols[i]) == 0)
			return s;
	return NULL;
}

static int
check_ports(const struct reader *r, const struct doc *config, struct image *im)
{
	for (size_t i = 0; i < im->nports; i++) {
		const char *port = port_of(r->a, im->ports[i]);

		if (!port)
			return doc_error(doc_get(config, "ports")->items[i].value, r->path,
					 r->err,
					 "'%s' is not a port: a number, then /udp or /sctp if "
					 "it is not TCP",
					 im->ports[i]);
		im->ports[i] = port;
	}
	return 0;
}

static bool
is_directory(const char *s)
{
	return s[0] == '/' && (!s[1] || manifest_is_path(s + 1));
}

static int
check_directories(const struct reader *r, const struct doc *config, const struct image *im)
{
	if (im->workdir && !is_directory(im->workdir))
		return doc_error(doc_get(config, "workdir"), r->path, r->err,
				 "'workdir' must be an absolute path without '.' and '..'");
	for (size_t i = 0; i < im->nvolumes; i++)
		if (!is_directory(im->volumes[i]) || !im->volumes[i][1])
			return doc_error(
				doc_get(config, "volumes")->items[i].value, r->path, r->err,
				"'volumes': '%s' is not an absolute path without '.' and '..'",
				im->volumes[i]);
	return 0;
}

static int
check_service(const struct reader *r, const struct doc *config, const struct image *im)
{
	if (!im->service)
		return 0;
	if (!nevra_is_name(im->service))
		return doc_error(doc_get(config, "service"), r->path, r->err,
				 "'service' must be the name of a service, not '%s'",
				 im->service);
	if (im->nentrypoint)
		return doc_error(doc_get(config, "entrypoint"), r->path, r->err,
				 "'entrypoint' and 'service' both say what is started");
	return 0;
}

static int
check_config(const struct reader *r, const struct doc *config, struct image *im)
{
	if (check_env(r, config, im) < 0 || check_service(r, config, im) < 0 ||
	    (im->stop_signal && check_signal(r, config, im) < 0))
		return -1;
	if (im->user && !is_user(im->user))
		return doc_error(doc_get(config, "user"), r->path, r->err,
				 "'user' must be USER or USER:GROUP, by name or number");
	if (check_ports(r, config, im) < 0)
		return -1;
	return check_directories(r, config, im);
}

/* What a service would say is left open. */
static void
set_defaults(struct image *im)
{
	if (im->service)
		return;
	if (!im->user)
		im->user = "0";
	if (!im->workdir)
		im->workdir = "/";
	if (!im->stop_signal)
		im->stop_signal = "TERM";
}

static int
read_config(const struct reader *r, const struct doc *root, struct image *im)
{
	const struct doc *c = doc_get(root, "config");

	if (!c) {
		set_defaults(im);
		return 0;
	}
	if (c->kind != DOC_MAP)
		return doc_error(c, r->path, r->err, "'config' must be a map");
	if (check_keys(r, c, "config.") < 0 || read_line(r, c, "service", &im->service) < 0 ||
	    read_list(r, c, "entrypoint", &im->entrypoint, &im->nentrypoint) < 0 ||
	    read_list(r, c, "cmd", &im->cmd, &im->ncmd) < 0 ||
	    read_pairs(r, c, "env", &im->env, &im->nenv) < 0 || read_labels(r, c, im) < 0 ||
	    read_line(r, c, "user", &im->user) < 0 ||
	    read_line(r, c, "workdir", &im->workdir) < 0 ||
	    read_line(r, c, "stop_signal", &im->stop_signal) < 0 ||
	    read_list(r, c, "ports", &im->ports, &im->nports) < 0 ||
	    read_list(r, c, "volumes", &im->volumes, &im->nvolumes) < 0 ||
	    check_config(r, c, im) < 0)
		return -1;
	set_defaults(im);
	return 0;
}

static int
check_packages(const struct reader *r, const struct doc *root, const struct image *im)
{
	const struct doc *d = doc_get(root, "packages");

	for (size_t i = 0; i < im->npackages; i++) {
		struct pkgdep dep;

		if (pkgdep_parse(r->a, im->packages[i], &dep, r->err) < 0) {
			const char *why = arena_strdup(r->a, r->err->text);

			return doc_error(d->items[i].value, r->path, r->err, "'packages': %s",
					 why);
		}
		for (size_t k = 0; k < i; k++)
			if (strcmp(im->packages[i], im->packages[k]) == 0)
				return doc_error(d->items[i].value, r->path, r->err,
						 "'packages' names '%s' twice",
						 im->packages[i]);
	}
	d = doc_get(root, "prefer");
	for (size_t i = 0; i < im->nprefer; i++)
		if (!nevra_is_name(im->prefer[i]))
			return doc_error(d->items[i].value, r->path, r->err,
					 "'prefer': '%s' is no package name", im->prefer[i]);
	return 0;
}

static int
check_links(const struct reader *r, const struct doc *root)
{
	const struct doc *d = doc_get(root, "links");

	for (size_t i = 0; d && i < d->n; i++) {
		struct doc at = { .line = d->items[i].key_line, .col = d->items[i].key_col };

		if (!manifest_is_path(d->items[i].key))
			return doc_error(&at, r->path, r->err,
					 "'links': '%s' is not a relative path like usr/bin/sh",
					 d->items[i].key);
	}
	return 0;
}

static int
read_format(const struct reader *r, const struct doc *root)
{
	const struct doc *d = doc_get(root, "format");
	int64_t version;

	if (!d)
		return doc_error(root, r->path, r->err, "'format: 1' is missing");
	if (!doc_int(d, &version) || version != 1)
		return doc_error(d, r->path, r->err, "this Kiln reads 'format: 1' only");
	return 0;
}

static int
require(const struct reader *r, const struct doc *root, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!doc_get(root, names[i]))
			return doc_error(root, r->path, r->err, "'%s' is missing", names[i]);
	return 0;
}

static int
read_root(const struct reader *r, const struct doc *root, struct image *im)
{
	static const char *const needed[] = { "name", "summary", "packages" };
	const struct doc *d;

	if (root->kind != DOC_MAP)
		return doc_error(root, r->path, r->err, "an image is a map of keys");
	if (check_keys(r, root, "") < 0 || read_format(r, root) < 0 ||
	    require(r, root, needed, ARRAY_LEN(needed)) < 0 ||
	    read_line(r, root, "name", &im->name) < 0 ||
	    read_line(r, root, "summary", &im->summary) < 0 ||
	    read_line(r, root, "ground", &im->ground) < 0 ||
	    read_list(r, root, "packages", &im->packages, &im->npackages) < 0 ||
	    read_list(r, root, "prefer", &im->prefer, &im->nprefer) < 0 ||
	    read_pairs(r, root, "links", &im->links, &im->nlinks) < 0 ||
	    read_config(r, root, im) < 0)
		return -1;
	d = doc_get(root, "name");
	if (!is_image_name(im->name))
		return doc_error(
			d, r->path, r->err,
			"'name' must be lower-case letters, digits and dashes, at most %d",
			IMAGE_MAX_NAME);
	im->line = d->line;
	d = doc_get(root, "description");
	if (d && d->kind != DOC_TEXT)
		return doc_error(d, r->path, r->err, "'description' must be text");
	im->description = d ? d->text : NULL;
	if (check_packages(r, root, im) < 0)
		return -1;
	return check_links(r, root);
}

int
image_parse(struct arena *a, const char *text, size_t n, const char *path, struct image **out,
	    struct err *err)
{
	const struct reader r = { .a = a, .path = path, .err = err };
	struct image *im = arena_alloc(a, sizeof(*im));
	struct doc *root;

	if (n > IMAGE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%s: an image definition has at most %zu bytes",
			       path, IMAGE_MAX_BYTES);
	im->path = arena_strdup(a, path);
	im->definition_size = n;
	digest_of(text, n, &im->definition);
	if (doc_parse(a, text, n, path, &root, err) < 0 || read_root(&r, root, im) < 0)
		return -1;
	*out = im;
	return 0;
}

int
image_load(struct arena *a, int dirfd, const char *path, struct image **out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(IMAGE_MAX_BYTES);
	const char *slash = strrchr(path, '/');
	struct image *im;

	if (fd_read_file(dirfd, path, &text, err) < 0)
		return -1;
	if (image_parse(a, buf_text(&text), text.len, path, &im, err) < 0)
		return -1;
	/* Two names for one image would let a definition publish over another one's output. */
	if (strcmp(slash ? slash + 1 : path, arena_format(a, "%s" IMAGE_SUFFIX, im->name)) != 0)
		return err_set(err, ERR_INPUT,
			       "%s:%d:1: image '%s' must stand in a file named %s" IMAGE_SUFFIX,
			       path, im->line, im->name, im->name);
	*out = im;
	return 0;
}

static int
compare_images(const void *a, const void *b)
{
	const struct image *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int
image_load_all(struct arena *a, int dirfd, struct image ***out, size_t *n, struct err *err)
{
	const size_t suffix = strlen(IMAGE_SUFFIX);
	struct image **list;
	const char **names;
	size_t nnames, count = 0;

	if (tree_list(a, dirfd, IMAGE_DIR, &names, &nnames, err) < 0) {
		if (err->sys != ENOENT)
			return -1;
		nnames = 0;
	}
	list = arena_array(a, nnames + 1, sizeof(struct image *));
	for (size_t i = 0; i < nnames; i++) {
		size_t len = strlen(names[i]);

		if (names[i][0] == '.') /* what editors leave */
			continue;
		if (len <= suffix || strcmp(names[i] + len - suffix, IMAGE_SUFFIX) != 0)
			return err_set(err, ERR_INPUT,
				       IMAGE_DIR
				       "/%s is not an image definition (NAME" IMAGE_SUFFIX ")",
				       names[i]);
		if (image_load(a, dirfd, arena_format(a, IMAGE_DIR "/%s", names[i]),
			       &list[count], err) < 0)
			return -1;
		count++;
	}
	qsort(list, count, sizeof(struct image *), compare_images);
	*out = list;
	*n = count;
	return 0;
}
