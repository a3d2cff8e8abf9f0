/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses: 'f' the rest is a package file; 'e' the rest are edits of a good
 * package, which the digests must notice; 'h' and 'p' the rest are edits of its main header or
 * its payload, whose digests are then made anew, so that the edits reach the parsers behind
 * them. An edit is three bytes: a 16-bit offset and the new value.
 */
#include "base/fd.h"
#include "repo/pkgfile_priv.h"

#include <assert.h>
#include <rpm/header.h>

#define MAX_FILE ((size_t)1 << 20)
#define BODY     "a body of a few bytes\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct pkgfile_spec spec;
static struct buf good = BUF_MAX(MAX_FILE);
static struct pkgfile_layout at;

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static struct pkgfile_entry entries[] = {
	{ .path = "/etc", .type = MANIFEST_DIR, .mode = 0755 },
	{ .path = "/etc/ghost", .type = MANIFEST_FILE, .mode = 0600, .flags = PKGFILE_GHOST },
	{ .path = "/etc/x",
	  .type = MANIFEST_FILE,
	  .mode = 0644,
	  .source = "x",
	  .size = sizeof(BODY) - 1 },
	{ .path = "/etc/y",
	  .type = MANIFEST_FILE,
	  .mode = 0644,
	  .hardlink = "/etc/x",
	  .source = "x",
	  .size = sizeof(BODY) - 1 },
	{ .path = "/etc/z", .type = MANIFEST_LINK, .target = "x" },
};
static struct pkgdep deps[] = { { "a", PKGDEP_ANY, NULL }, { "b", PKGDEP_GE, "1:2-3" } };

static void
make_good(void)
{
	char dir[] = "/tmp/kiln-fuzz.XXXXXX";
	struct pkgfile_ids ids;
	struct err err;
	int fd = -1, body = -1;

	spec = (struct pkgfile_spec){
		.id = { .name = "good", .version = "1", .release = "2", .arch = "x86_64" },
		.requires = { deps, ARRAY_LEN(deps) },
		.entries = entries,
		.nentries = ARRAY_LEN(entries)
	};
	digest_of(BODY, sizeof(BODY) - 1, &entries[2].digest);
	entries[3].digest = entries[2].digest;
	must(mkdtemp(dir) &&
	     fd_open(dir, O_DIRECTORY | O_RDONLY, &spec.files_dirfd, &err) == 0);
	must(fd_create(spec.files_dirfd, "x", 0600, &body, &err) == 0);
	must(fd_write_all(body, BODY, sizeof(BODY) - 1, &err) == 0 &&
	     fd_memory("good", &fd, &err) == 0);
	must(pkgfile_write(&spec, fd, &ids, &err) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	must(fd_read_all(fd, &good, &err) == 0 &&
	     pkgfile_layout_find(fd, "good", &at, &err) == 0);
	must(unlinkat(spec.files_dirfd, "x", 0) == 0 && rmdir(dir) == 0);
	close(body);
	close(fd);
	close(spec.files_dirfd);
}

static int
ignore_body(void *arg, const struct pkgfile_entry *e, int fd, struct err *err)
{
	(void)arg;
	(void)e;
	(void)fd;
	(void)err;
	return 0;
}

static void
try_file(const struct buf *file)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int out = -1;
	struct keyring nobody = { 0 };
	struct pkgfile p;
	struct err err;

	must(fd_memory("file", &fd, &err) == 0 && fd_memory("out", &out, &err) == 0);
	must(fd_write_all(fd, file->data, file->len, &err) == 0);
	must(pkgfile_verify(fd, "file", &nobody, &err) < 0); /* nobody signed it */
	assert(err.code == ERR_VERIFY);
	if (pkgfile_strip_signature(fd, out, &err) == 0)
		assert(lseek(out, 0, SEEK_END) > 0);
	if (pkgfile_read(&a, fd, "file", &p, &err) < 0) {
		assert(err.code == ERR_VERIFY || err.code == ERR_INPUT ||
		       err.code == ERR_LIMIT);
		return;
	}
	assert(p.header_end <= file->len && nevra_is_name(p.id.name));
	for (size_t i = 0; i < p.nentries; i++)
		assert(p.entries[i].path[0] == '/');
	if (pkgfile_each_body(fd, "file", ignore_body, NULL, &err) < 0)
		assert(err.code != ERR_NONE);
}

static void
edit(char *bytes, size_t len, const uint8_t *edits, size_t n)
{
	for (; len && n >= 3; n -= 3, edits += 3)
		bytes[((size_t)edits[0] << 8 | edits[1]) % len] = (char)edits[2];
}

/* Lead, a signature header for these bytes, the main header with its magic, the payload. */
static void
assemble(const char *header, size_t nheader, const char *payload, size_t npayload,
	 struct buf *out)
{
	struct pkgfile_signatures s = { .size = (uint32_t)(nheader + npayload) };
	CLEANUP(buf_free) struct buf front = BUF_MAX(MAX_FILE);
	uint8_t lead[PKGFILE_LEAD_BYTES];
	struct err err;

	pkgfile_layout_lead(&spec.id, lead);
	pkgfile_signature_digests(header, nheader, &s);
	must(pkgfile_signature_write(&s, &front, &err) == 0);
	buf_add(out, lead, sizeof(lead));
	buf_add(out, front.data, front.len);
	buf_add(out, header, nheader);
	buf_add(out, payload, npayload);
}

static void
edit_header(const uint8_t *edits, size_t n, struct buf *out)
{
	CLEANUP(buf_free) struct buf header = BUF_MAX(MAX_FILE);
	size_t magic = sizeof(rpm_header_magic);

	buf_add(&header, good.data + at.header_start, at.payload_start - at.header_start);
	edit(header.data + magic, header.len - magic, edits, n);
	assemble(header.data, header.len, good.data + at.payload_start,
		 good.len - at.payload_start, out);
}

static void
edit_payload(const uint8_t *edits, size_t n, struct buf *out)
{
	CLEANUP(buf_free) struct buf payload = BUF_MAX(MAX_FILE);
	CLEANUP(buf_free) struct buf header = BUF_MAX(MAX_FILE);
	struct digest d;
	char hex[DIGEST_HEX];
	Header h = NULL;
	struct err err;
	unsigned int size = 0;
	void *blob;

	buf_add(&payload, good.data + at.payload_start, good.len - at.payload_start);
	edit(payload.data, payload.len, edits, n);
	digest_of(payload.data, payload.len, &d);
	digest_hex(&d, hex);
	must(pkgfile_put_header(&spec, hex, hex, &h, &err) == 0);
	blob = headerExport(h, &size);
	buf_add(&header, rpm_header_magic, sizeof(rpm_header_magic));
	buf_add(&header, blob, size);
	assemble(header.data, header.len, payload.data, payload.len, out);
	free(blob);
	headerFree(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(buf_free) struct buf file = BUF_MAX(MAX_FILE);

	if (n == 0)
		return 0;
	if (good.len == 0)
		make_good();
	if (data[0] == 'h') {
		edit_header(data + 1, n - 1, &file);
	} else if (data[0] == 'p') {
		edit_payload(data + 1, n - 1, &file);
	} else if (data[0] == 'e') {
		buf_add(&file, good.data, good.len);
		edit(file.data, file.len, data + 1, n - 1);
	} else {
		buf_add(&file, data + 1, n - 1);
	}
	try_file(&file);
	return 0;
}
