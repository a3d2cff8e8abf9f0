/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/keypack.h"
#include "base/clock.h"
#include "base/fd.h"
#include "trust/trustroot.h"

#define KEYPACK_MAX_TEXT    ((size_t)1024 * 1024) /* of one file */
#define KEYPACK_MAX_ENTRIES 4096
#define KEYPACK_RPM_KEYS    "/etc/pki/rpm-gpg/RPM-GPG-KEY-"
#define KEYPACK_LICENCE     "LicenseRef-Public-Domain" /* keys are facts */

static int64_t
changed(const struct keyring *ring)
{
	int64_t newest = 0;

	for (size_t i = 0; i < ring->n; i++) {
		const struct key_public *k = &ring->at[i];

		newest = KILN_MAX(newest, KILN_MAX(k->created, k->noted));
		newest = KILN_MAX(newest, KILN_MAX(k->not_before, k->revoked));
	}
	return newest;
}

/* "20260102.030405": as text and as RPM's versions it grows with time. */
static const char *
version_of(struct arena *a, int64_t time)
{
	char when[CLOCK_TEXT_MAX], *out = arena_alloc(a, CLOCK_TEXT_MAX);
	size_t n = 0;

	clock_rfc3339(time, when);
	for (const char *p = when; *p; p++) {
		if (*p == 'T')
			out[n++] = '.';
		else if (*p >= '0' && *p <= '9')
			out[n++] = *p;
	}
	out[n] = '\0';
	return out;
}

static void
add_file(struct arena *a, struct keypack *k, const char *path, const void *bytes, size_t n)
{
	struct pkgfile_entry *e = &k->entries[k->nentries++];

	*e = (struct pkgfile_entry){ .path = path,
				     .type = MANIFEST_FILE,
				     .mode = 0644,
				     .size = n,
				     .content = arena_strndup(a, bytes, n) };
	digest_of(bytes, n, &e->digest);
}

static int
add_text(struct arena *a, struct keypack *k, const char *path, const struct buf *text,
	 struct err *err)
{
	if (buf_check(text, path, err) < 0)
		return -1;
	add_file(a, k, path, text->data, text->len);
	return 0;
}

/* May a signature by it still count? Of one that is retired, at the time of the newest change:
 * what is shipped must not depend on the day on which it is shipped. */
static bool
counts(const struct key_public *k, int64_t time)
{
	return !k->revoked && (!k->not_after || k->not_after > time);
}

static int
add_openpgp(struct arena *a, struct keypack *k, const struct keypack_about *about,
	    enum key_role role, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEYPACK_MAX_TEXT);
	static const enum key_state order[] = { KEY_ACTIVE, KEY_NEXT, KEY_TRUSTED };

	for (size_t s = 0; s < ARRAY_LEN(order); s++)
		for (size_t i = 0; i < about->ring->n; i++) {
			const struct key_public *at = &about->ring->at[i];

			if (at->role == role && at->state == order[s] && counts(at, k->time) &&
			    key_export(at, &text, err) < 0)
				return -1;
		}
	return add_text(a, k,
			arena_format(a, KEYPACK_RPM_KEYS "%s-%s", about->repository,
				     key_role_name(role)),
			&text, err);
}

static int
add_keys(struct arena *a, struct keypack *k, const struct keypack_about *about, const char *dir,
	 struct err *err)
{
	for (size_t i = 0; i < about->ring->n; i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(KEYPACK_MAX_TEXT);
		const struct key_public *at = &about->ring->at[i];
		const char *slash = strrchr(at->origin, '/');
		const char *path =
			arena_format(a, "%s/%s", dir, slash ? slash + 1 : at->origin);

		if (counts(at, k->time) &&
		    (key_export(at, &text, err) < 0 || add_text(a, k, path, &text, err) < 0))
			return -1;
	}
	return 0;
}

/* Of the keys that sign now, as beside the repository. */
static int
add_trusted_root(struct arena *a, struct keypack *k, const struct keypack_about *about,
		 const char *dir, struct err *err)
{
	static const enum key_role roles[] = { KEY_LOG, KEY_TIMESTAMP };
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEYPACK_MAX_TEXT);
	struct key_public shown[ARRAY_LEN(roles)];
	struct keyring offered = { .at = shown };

	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		const struct key_public *at = key_of_role(about->ring, roles[i]);

		if (at && !at->revoked)
			shown[offered.n++] = *at;
	}
	if (trustroot_write(&offered, about->log_origin, &text, err) < 0)
		return -1;
	return add_text(a, k, arena_format(a, "%s/trusted_root.json", dir), &text, err);
}

int
keypack_make(struct arena *a, const struct keypack_about *about, struct keypack *out,
	     struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEYPACK_MAX_TEXT);
	struct keypack k = { .vendor = about->vendor, .time = changed(about->ring) };
	const char *dir;

	k.id = (struct nevra){ .name = arena_format(a, "%s" KEYPACK_SUFFIX, about->repository),
			       .version = version_of(a, k.time),
			       .release = "1",
			       .arch = "noarch" };
	dir = arena_format(a, "/usr/share/%s", k.id.name);
	k.entries = arena_array(a, about->ring->n + 5, sizeof(*k.entries));
	k.entries[k.nentries++] =
		(struct pkgfile_entry){ .path = dir, .type = MANIFEST_DIR, .mode = 0755 };
	if (key_ring_write(about->ring, &text, err) < 0 ||
	    add_text(a, &k, arena_format(a, "%s/keyring.json", dir), &text, err) < 0 ||
	    add_trusted_root(a, &k, about, dir, err) < 0 ||
	    add_keys(a, &k, about, dir, err) < 0 ||
	    add_openpgp(a, &k, about, KEY_PACKAGES, err) < 0 ||
	    add_openpgp(a, &k, about, KEY_METADATA, err) < 0)
		return err_wrap(err, "%s", k.id.name);
	*out = k;
	return 0;
}

static struct pkgfile_spec
layout(struct arena *a, const struct keypack *k)
{
	const char *summary =
		arena_format(a, "Public keys of the repository %.*s",
			     (int)(strlen(k->id.name) - strlen(KEYPACK_SUFFIX)), k->id.name);

	return (struct pkgfile_spec){ .id = k->id,
				      .summary = summary,
				      .description = summary,
				      .license = KEYPACK_LICENCE,
				      .homepage = "",
				      .vendor = k->vendor,
				      .group = "Unspecified",
				      .source_name = k->id.name,
				      .build_time = k->time,
				      .entries = k->entries,
				      .nentries = k->nentries,
				      .files_dirfd = -1 };
}

static void
fill_manifest(struct arena *a, const struct keypack *k, struct manifest *m)
{
	m->n = k->nentries;
	m->at = arena_array(a, m->n, sizeof(*m->at));
	for (size_t i = 0; i < m->n; i++)
		m->at[i] = (struct manifest_entry){ .path = k->entries[i].path + 1,
						    .type = k->entries[i].type,
						    .mode = k->entries[i].mode,
						    .size = k->entries[i].size,
						    .digest = k->entries[i].digest };
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct pkgfile_entry *)a)->path,
		      ((const struct pkgfile_entry *)b)->path);
}

int
keypack_write(struct arena *a, const struct keypack *k, int fd, struct pkgfacts *facts,
	      struct err *err)
{
	struct pkgfile_spec spec = layout(a, k);
	struct pkgfile_ids ids;
	struct manifest m;

	qsort(k->entries, k->nentries, sizeof(*k->entries), by_path);
	if (pkgfile_write(&spec, fd, &ids, err) < 0)
		return -1;
	*facts = (struct pkgfacts){ .id = k->id,
				    .recipe = k->id.name,
				    .summary = spec.summary,
				    .license = spec.license,
				    .build_time = k->time,
				    .file = ids.file,
				    .header = ids.header,
				    .size = ids.size,
				    .installed_size = ids.installed_size,
				    .npaths = k->nentries };
	pkgfile_self_provides(a, &k->id, &facts->provides);
	facts->paths = arena_array(a, k->nentries, sizeof(*facts->paths));
	for (size_t i = 0; i < k->nentries; i++)
		facts->paths[i] = k->entries[i].path;
	fill_manifest(a, k, &m);
	pkgfacts_environment(facts, &m, &facts->environment);
	return 0;
}

static const struct statement_resource *
find(const struct statement_resource *at, size_t n, const struct digest *d)
{
	for (size_t i = 0; i < n; i++)
		if (digest_equal(&at[i].sha256, d))
			return &at[i];
	return NULL;
}

void
keypack_inputs(struct arena *a, const struct keypack *k, struct statement_resource **out,
	       size_t *n)
{
	*out = arena_array(a, k->nentries, sizeof(**out));
	*n = 0;
	for (size_t i = 0; i < k->nentries; i++) {
		const struct pkgfile_entry *e = &k->entries[i];
		const char *name = strrchr(e->path, '/') + 1;
		struct statement_resource *r = &(*out)[*n];

		if (e->type != MANIFEST_FILE || find(*out, *n, &e->digest))
			continue;
		*r = (struct statement_resource){ .name = name,
						  .uri = arena_format(a, KEYPACK_KEYS_URI "%s",
								      name),
						  .sha256 = e->digest,
						  .annotations = doc_map(a) };
		doc_set_text(a, r->annotations, "role", "source");
		(*n)++;
	}
}

/* ---- checking ---- */

struct taking {
	struct arena *a;
	struct keypack *k;
	const char *dir;
};

static bool
is_place_of_keys(const struct taking *t, const char *path)
{
	size_t n = strlen(t->dir);

	if (strncmp(path, KEYPACK_RPM_KEYS, strlen(KEYPACK_RPM_KEYS)) == 0)
		path += strlen(KEYPACK_RPM_KEYS);
	else if (strncmp(path, t->dir, n) == 0 && path[n] == '/')
		path += n + 1;
	else
		return false;
	return *path && !strchr(path, '/');
}

static int
take(void *arg, const struct pkgfile_entry *e, int fd, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEYPACK_MAX_TEXT);
	struct taking *t = arg;

	if (t->k->nentries == KEYPACK_MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "more than %d files", KEYPACK_MAX_ENTRIES);
	if (e->type == MANIFEST_DIR && strcmp(e->path, t->dir) == 0) {
		t->k->entries[t->k->nentries++] = (struct pkgfile_entry){ .path = t->dir,
									  .type = MANIFEST_DIR,
									  .mode = 0755 };
		return 0;
	}
	if (e->type != MANIFEST_FILE || fd < 0 || !is_place_of_keys(t, e->path))
		return err_set(err, ERR_VERIFY, "%s is no place of keys", e->path);
	if (fd_read_all(fd, &text, err) < 0)
		return -1;
	return add_text(t->a, t->k, arena_strdup(t->a, e->path), &text, err);
}

static int
take_apart(struct arena *a, int fd, const char *name, struct keypack *k, struct err *err)
{
	struct taking t = { .a = a, .k = k };
	struct pkgfile head;
	size_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", name);
	if (pkgfile_read(a, fd, name, &head, err) < 0)
		return -1;
	n = strlen(head.id.name);
	if (n <= strlen(KEYPACK_SUFFIX) ||
	    strcmp(head.id.name + n - strlen(KEYPACK_SUFFIX), KEYPACK_SUFFIX) != 0)
		return err_set(err, ERR_VERIFY, "its name does not end with " KEYPACK_SUFFIX);
	*k = (struct keypack){ .id = head.id, .vendor = head.vendor, .time = head.build_time };
	k->entries = arena_array(a, KEYPACK_MAX_ENTRIES, sizeof(*k->entries));
	t.dir = arena_format(a, "/usr/share/%s", head.id.name);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", name);
	return pkgfile_each_body(fd, name, take, &t, err);
}

static int
check_inputs(const struct keypack *k, const struct statement *s, struct err *err)
{
	for (size_t i = 0; i < k->nentries; i++)
		if (k->entries[i].type == MANIFEST_FILE &&
		    !find(s->dependencies, s->ndependencies, &k->entries[i].digest))
			return err_set(err, ERR_VERIFY, "its statement does not name %s",
				       k->entries[i].path);
	return 0;
}

static int
compare(struct arena *a, int fd, const char *name, const struct digest *bare,
	const struct statement *s, struct err *err)
{
	CLEANUP(fd_close) int again = -1;
	struct pkgfacts facts;
	struct keypack k;

	if (take_apart(a, fd, name, &k, err) < 0 || check_inputs(&k, s, err) < 0 ||
	    fd_memory(name, &again, err) < 0 || keypack_write(a, &k, again, &facts, err) < 0)
		return -1;
	if (!digest_equal(&facts.file, bare))
		return err_set(err, ERR_VERIFY, "made again from its keys it is another file");
	return 0;
}

int
keypack_check(int fd, const char *name, const struct digest *bare, const struct statement *s,
	      struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	if (compare(&a, fd, name, bare, s, err) < 0) {
		err_wrap(err, "%s is no package of keys", name);
		return err_recode(err, ERR_VERIFY);
	}
	return 0;
}
