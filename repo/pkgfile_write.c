/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package from its specification, in this order: the header with empty payload digests, whose
 * length fixes where the payload begins; the payload behind it; then the header again with the
 * digests, the signature header and the lead in front. Nothing is held in memory but the
 * header.
 */
#include "repo/pkgfile_priv.h"
#include "base/fd.h"
#include "base/mem.h"
#include <rpm/header.h>
#include <rpm/rpmarchive.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmio.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmtag.h>

#define READ_MODE "r.zstdio"
#define CHUNK     ((size_t)64 * 1024)
#define NO_DIGEST "0000000000000000000000000000000000000000000000000000000000000000"

static void
header_free_scope(Header *h)
{
	if (*h)
		headerFree(*h);
}

static void
files_free_scope(rpmfiles *f)
{
	if (*f)
		rpmfilesFree(*f);
}

static void
stream_close_scope(FD_t *fd)
{
	if (*fd)
		(void)Fclose(*fd);
}

static void
iterator_free_scope(rpmfi *fi)
{
	if (*fi)
		rpmfiFree(*fi);
}

struct writing {
	const struct pkgfile_spec *spec; /* entries sorted */
	int fd;
	uint64_t payload_start;
	char payload_hex[65], archive_hex[65];
	uint64_t archive_size;
};

/* The body of one file from the harvest, which must still be what the entry says. */
static int
write_content(rpmfi archive, const struct pkgfile_entry *e, struct err *err)
{
	if (rpmfiArchiveWrite(archive, e->content, e->size) != (size_t)e->size)
		return err_set(err, ERR_IO, "cannot write %s into the payload", e->path);
	return 0;
}

static int
write_body(rpmfi archive, const struct pkgfile_spec *spec, const struct pkgfile_entry *e,
	   struct err *err)
{
	CLEANUP(digest_free) struct digest_state *state = digest_begin();
	CLEANUP(mem_free) char *chunk = mem_room(CHUNK);
	CLEANUP(fd_close) int fd = -1;
	uint64_t total = 0;
	struct digest got;
	ssize_t n;

	if (e->content)
		return write_content(archive, e, err);
	if (!e->source)
		return err_set(err, ERR_INPUT, "%s has no contents to pack", e->path);
	if (fd_open_beneath(spec->files_dirfd, e->source, O_RDONLY | O_NOFOLLOW, &fd, err) < 0)
		return -1;
	while ((n = read(fd, chunk, CHUNK)) > 0) {
		total += (uint64_t)n;
		if (total > e->size)
			break;
		digest_add(state, chunk, (size_t)n);
		if (rpmfiArchiveWrite(archive, chunk, (size_t)n) != (size_t)n)
			return err_set(err, ERR_IO, "cannot write %s into the payload",
				       e->path);
	}
	if (n < 0)
		return err_sys(err, "cannot read %s", e->path);
	digest_end(STEAL_PTR(state), &got);
	if (total != e->size || !digest_equal(&got, &e->digest))
		return err_set(err, ERR_IO, "%s changed while it was packed", e->path);
	return 0;
}

static int
write_archive(struct writing *w, FD_t stream, rpmfiles files, struct err *err)
{
	CLEANUP(iterator_free) rpmfi archive = rpmfiNewArchiveWriter(stream, files);
	int rc;

	if (!archive)
		return err_set(err, ERR_IO, "librpm cannot begin the payload");
	while ((rc = rpmfiNext(archive)) >= 0) {
		const struct pkgfile_entry *e = &w->spec->entries[rpmfiFX(archive)];

		/* librpm stops at entries that have a body only: of a file with several names
		 * at the last. */
		if (write_body(archive, w->spec, e, err) < 0)
			return -1;
	}
	if (rc == RPMERR_ITER_END)
		rc = rpmfiArchiveClose(archive);
	if (rc != 0)
		return err_set(err, ERR_IO, "librpm cannot write the payload (error %d)", rc);
	return 0;
}

/* The archive's own owner numbers are looked up by librpm in this machine's passwd and group.
 * They are read by nobody, since the header has the names; so the archive is made from a header
 * in which root owns everything. */
static int
plain_header(const struct pkgfile_spec *spec, Header *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_spec plain = *spec;

	plain.entries = arena_array(&a, spec->nentries, sizeof(*plain.entries));
	for (size_t i = 0; i < spec->nentries; i++) {
		plain.entries[i] = spec->entries[i];
		plain.entries[i].user = plain.entries[i].group = NULL;
	}
	return pkgfile_put_header(&plain, NO_DIGEST, NO_DIGEST, out, err);
}

static int
write_payload(struct writing *w, struct err *err)
{
	CLEANUP(header_free) Header plain = NULL;
	CLEANUP(files_free) rpmfiles files = NULL;
	CLEANUP(stream_close) FD_t stream = NULL;
	char mode[16];

	(void)snprintf(mode, sizeof(mode), "w%s.zstdio", pkgfile_put_level(w->spec));
	if (plain_header(w->spec, &plain, err) < 0)
		return -1;
	files = rpmfilesNew(NULL, plain, RPMTAG_BASENAMES, RPMFI_NOHEADER);
	if (pkgfile_body_stream(w->fd, w->payload_start, mode, &stream, err) < 0 ||
	    write_archive(w, stream, files, err) < 0)
		return -1;
	if (Fclose(STEAL_PTR(stream)) != 0)
		return err_set(err, ERR_IO, "cannot finish the payload (is the disk full?)");
	return 0;
}

/* Both digests from the bytes as they now stand; decompressing proves that they can be read. */
static int
hash_payload(struct writing *w, struct err *err)
{
	CLEANUP(digest_free) struct digest_state *state = digest_begin();
	CLEANUP(mem_free) char *chunk = mem_room(CHUNK);
	CLEANUP(stream_close) FD_t stream = NULL;
	struct digest d;
	ssize_t n;

	if (lseek(w->fd, (off_t)w->payload_start, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in a package file");
	if (digest_fd(w->fd, &d, NULL, err) < 0)
		return -1;
	digest_hex(&d, w->payload_hex);
	if (pkgfile_body_stream(w->fd, w->payload_start, READ_MODE, &stream, err) < 0)
		return -1;
	w->archive_size = 0;
	while ((n = Fread(chunk, 1, CHUNK, stream)) > 0) {
		digest_add(state, chunk, (size_t)n);
		w->archive_size += (uint64_t)n;
	}
	if (n < 0 || Ferror(stream))
		return err_set(err, ERR_IO, "the payload just written cannot be read back");
	digest_end(STEAL_PTR(state), &d);
	digest_hex(&d, w->archive_hex);
	return 0;
}

/* The main header with its magic. */
static int
export_header(const struct writing *w, Header h, struct buf *out, struct err *err)
{
	CLEANUP(mem_free) void *blob = NULL;
	unsigned int n = 0;

	blob = headerExport(h, &n);
	if (!blob)
		return err_set(err, ERR_INPUT, "librpm cannot export the header of %s",
			       w->spec->id.name);
	buf_clear(out);
	buf_add(out, rpm_header_magic, sizeof(rpm_header_magic));
	buf_add(out, blob, n);
	return buf_check(out, "package header", err);
}

static int
write_at(int fd, uint64_t at, const void *data, size_t n, struct err *err)
{
	if (lseek(fd, (off_t)at, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in a package file");
	return fd_write_all(fd, data, n, err);
}

/* Header, signature header and lead, in front of the payload. */
static int
write_front(struct writing *w, const struct buf *header, struct pkgfile_ids *ids,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf signature = BUF_MAX(PKGFILE_MAX_SIGNATURE);
	struct pkgfile_signatures s = { .archive_size = (uint32_t)w->archive_size };
	uint8_t lead[PKGFILE_LEAD_BYTES];
	struct stat st;
	uint64_t size;

	if (fstat(w->fd, &st) < 0)
		return err_sys(err, "cannot stat a package file");
	ids->size = (uint64_t)st.st_size;
	size = ids->size - w->payload_start + header->len;
	if (size > PKGFILE_MAX_FILE || w->archive_size > PKGFILE_MAX_FILE)
		return err_set(
			err, ERR_LIMIT,
			"package %s is larger than 4 GiB, which Kiln's packages cannot be yet",
			w->spec->id.name);
	s.size = (uint32_t)size;
	pkgfile_signature_digests(header->data, header->len, &s);
	if (pkgfile_signature_write(&s, &signature, err) < 0)
		return -1;
	if (PKGFILE_LEAD_BYTES + signature.len + header->len != w->payload_start)
		return err_set(err, ERR_INPUT, "header of %s changed its size",
			       w->spec->id.name);
	pkgfile_layout_lead(&w->spec->id, lead);
	digest_of(header->data, header->len, &ids->header);
	if (write_at(w->fd, 0, lead, sizeof(lead), err) < 0 ||
	    fd_write_all(w->fd, signature.data, signature.len, err) < 0 ||
	    fd_write_all(w->fd, header->data, header->len, err) < 0)
		return -1;
	return 0;
}

/* Where the payload begins: the signature header has a fixed length too. */
static int
find_start(struct writing *w, Header h, struct buf *header, struct err *err)
{
	CLEANUP(buf_free) struct buf signature = BUF_MAX(PKGFILE_MAX_SIGNATURE);
	struct pkgfile_signatures s = { .size = 0 };

	if (export_header(w, h, header, err) < 0)
		return -1;
	pkgfile_signature_digests(header->data, header->len, &s);
	if (pkgfile_signature_write(&s, &signature, err) < 0)
		return -1;
	w->payload_start = PKGFILE_LEAD_BYTES + signature.len + header->len;
	return 0;
}

static int
write_parts(struct writing *w, struct pkgfile_ids *ids, struct err *err)
{
	CLEANUP(header_free) Header draft = NULL;
	CLEANUP(header_free) Header final = NULL;
	CLEANUP(buf_free) struct buf header = BUF_MAX(PKGFILE_MAX_HEADER + PKGFILE_MAX_INDEX);

	if (pkgfile_put_header(w->spec, NO_DIGEST, NO_DIGEST, &draft, err) < 0 ||
	    find_start(w, draft, &header, err) < 0 || write_payload(w, err) < 0 ||
	    hash_payload(w, err) < 0 ||
	    pkgfile_put_header(w->spec, w->payload_hex, w->archive_hex, &final, err) < 0 ||
	    export_header(w, final, &header, err) < 0 || write_front(w, &header, ids, err) < 0)
		return -1;
	if (lseek(w->fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in a package file");
	return digest_fd(w->fd, &ids->file, &ids->size, err);
}

int
pkgfile_write(const struct pkgfile_spec *spec, int out_fd, struct pkgfile_ids *ids,
	      struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_spec sorted = *spec;
	struct writing w = { .spec = &sorted, .fd = out_fd };
	struct pkgfile_ids got = { 0 };

	rpmlogSetMask(RPMLOG_MASK(RPMLOG_EMERG)); /* librpm must not print; we report */
	if (pkgfile_entries_sort(&a, spec, &sorted.entries, err) < 0 ||
	    write_parts(&w, &got, err) < 0)
		return err_wrap(err, "cannot write package %s",
				spec->id.name ? spec->id.name : "without a name");
	got.installed_size = pkgfile_entries_size(sorted.entries, sorted.nentries);
	*ids = got;
	return 0;
}
