/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of a package file lie; the bounds that stand before librpm. */
#include "repo/pkgfile_priv.h"
#include "base/fd.h"
#include "base/mem.h"

#define TYPE_BIN  7
#define TYPE_LAST 9

static const uint8_t lead_magic[] = { 0xed, 0xab, 0xee, 0xdb, 3, 0 };
static const uint8_t header_magic[] = { 0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0 };

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void
pkgfile_layout_lead(const struct nevra *id, uint8_t lead[PKGFILE_LEAD_BYTES])
{
	char name[66] = { 0 };

	/* Cut like rpm cuts it; nothing reads this name. */
	(void)snprintf(name, sizeof(name), "%s-%s-%s", id->name, id->version, id->release);
	memset(lead, 0, PKGFILE_LEAD_BYTES);
	memcpy(lead, lead_magic, sizeof(lead_magic));
	lead[9] = 1; /* architecture number: unused since rpm 4 */
	memcpy(lead + 10, name, sizeof(name));
	lead[77] = 1; /* operating system number */
	lead[79] = 5; /* a signature header follows */
}

static int
read_at(int fd, const char *name, uint64_t at, void *data, size_t n, struct err *err)
{
	size_t done = 0;
	ssize_t r;

	while (done < n) {
		r = pread(fd, (char *)data + done, n - done, (off_t)(at + done));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(err, "cannot read %s", name);
		if (r == 0)
			return err_set(err, ERR_INPUT, "%s: package file is cut short", name);
		done += (size_t)r;
	}
	return 0;
}

int
pkgfile_layout_bytes(int fd, const char *name, uint64_t start, uint64_t end, struct buf *out,
		     struct err *err)
{
	size_t n = (size_t)(end - start);
	char *room;

	buf_clear(out);
	room = buf_reserve(out, n);
	if (!room)
		return err_set(err, ERR_LIMIT, "%s: header is larger than %zu bytes", name,
			       out->max);
	if (read_at(fd, name, start, room, n, err) < 0)
		return -1;
	out->len = n;
	room[n] = '\0';
	return 0;
}

/* One index entry lies within dl bytes of data. */
static bool
is_entry(const uint8_t *e, uint32_t dl)
{
	uint32_t type = be32(e + 4), offset = be32(e + 8), count = be32(e + 12);

	return type <= TYPE_LAST && offset < dl && count > 0 && count <= dl;
}

/* The region entry is the first, its trailer the last 16 bytes, and it covers every entry: what
 * is digested and signed is then all there is. */
static bool
is_region(const uint8_t *index, const uint8_t *trailer, uint32_t il, uint32_t dl, uint32_t tag)
{
	return be32(index) == tag && be32(index + 4) == TYPE_BIN &&
	       be32(index + 8) == dl - 16 && be32(index + 12) == 16 && be32(trailer) == tag &&
	       be32(trailer + 4) == TYPE_BIN &&
	       be32(trailer + 8) == (uint32_t) - (int32_t)(il * PKGFILE_INDEX_BYTES) &&
	       be32(trailer + 12) == 16;
}

static int
check_index(int fd, const char *name, uint64_t start, const uint32_t counts[2], uint32_t region,
	    struct err *err)
{
	uint32_t il = counts[0], dl = counts[1];
	CLEANUP(mem_free) uint8_t *index = mem_alloc((size_t)il * PKGFILE_INDEX_BYTES);
	uint8_t trailer[PKGFILE_INDEX_BYTES];
	uint64_t data = start + PKGFILE_INTRO_BYTES + (uint64_t)il * PKGFILE_INDEX_BYTES;

	if (read_at(fd, name, start + PKGFILE_INTRO_BYTES, index,
		    (size_t)il * PKGFILE_INDEX_BYTES, err) < 0 ||
	    read_at(fd, name, data + dl - sizeof(trailer), trailer, sizeof(trailer), err) < 0)
		return -1;
	if (!is_region(index, trailer, il, dl, region))
		return err_set(err, ERR_INPUT, "%s: header region does not cover its header",
			       name);
	for (uint32_t i = 0; i < il; i++) {
		if (!is_entry(index + (size_t)i * PKGFILE_INDEX_BYTES, dl))
			return err_set(err, ERR_INPUT, "%s: header entry %u is out of bounds",
				       name, i);
	}
	return 0;
}

/* Checks the header at start, *end is past its data. */
static int
find_header(int fd, const char *name, uint64_t start, uint32_t region, uint64_t *end,
	    struct err *err)
{
	uint64_t max =
		region == PKGFILE_SIGNATURE_REGION ? PKGFILE_MAX_SIGNATURE : PKGFILE_MAX_HEADER;
	uint8_t intro[PKGFILE_INTRO_BYTES];
	uint32_t counts[2];

	if (read_at(fd, name, start, intro, sizeof(intro), err) < 0)
		return -1;
	if (memcmp(intro, header_magic, sizeof(header_magic)) != 0)
		return err_set(err, ERR_INPUT, "%s: no header where one must be", name);
	counts[0] = be32(intro + 8);
	counts[1] = be32(intro + 12);
	if (counts[0] < 1 || counts[0] > PKGFILE_MAX_TAGS || counts[1] < 16 || counts[1] > max)
		return err_set(err, ERR_LIMIT,
			       "%s: header has %u entries and %u bytes (limits %d and %llu)",
			       name, counts[0], counts[1], PKGFILE_MAX_TAGS,
			       (unsigned long long)max);
	*end = start + PKGFILE_INTRO_BYTES + (uint64_t)counts[0] * PKGFILE_INDEX_BYTES +
	       counts[1];
	return check_index(fd, name, start, counts, region, err);
}

static int
check_padding(int fd, const char *name, uint64_t from, uint64_t to, struct err *err)
{
	static const uint8_t zeros[8];
	uint8_t pad[8];

	if (read_at(fd, name, from, pad, (size_t)(to - from), err) < 0)
		return -1;
	if (memcmp(pad, zeros, (size_t)(to - from)) != 0)
		return err_set(err, ERR_INPUT, "%s: bytes between the headers are not zero",
			       name);
	return 0;
}

int
pkgfile_layout_find(int fd, const char *name, struct pkgfile_layout *out, struct err *err)
{
	struct pkgfile_layout l = { .signature_start = PKGFILE_LEAD_BYTES };
	uint8_t lead[PKGFILE_LEAD_BYTES];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot stat %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INPUT, "%s is not a regular file", name);
	l.size = (uint64_t)st.st_size;
	if (read_at(fd, name, 0, lead, sizeof(lead), err) < 0)
		return -1;
	if (memcmp(lead, lead_magic, sizeof(lead_magic)) != 0)
		return err_set(err, ERR_INPUT, "%s is not an RPM package of format 4", name);
	if (find_header(fd, name, l.signature_start, PKGFILE_SIGNATURE_REGION, &l.signature_end,
			err) < 0)
		return err_wrap(err, "signature header");
	l.header_start = (l.signature_end + 7) & ~(uint64_t)7;
	if (check_padding(fd, name, l.signature_end, l.header_start, err) < 0)
		return -1;
	if (find_header(fd, name, l.header_start, PKGFILE_HEADER_REGION, &l.payload_start,
			err) < 0)
		return err_wrap(err, "main header");
	*out = l;
	return 0;
}

int
pkgfile_header_bytes(int fd, const char *name, struct buf *out, struct err *err)
{
	struct pkgfile_layout l;

	if (pkgfile_layout_find(fd, name, &l, err) < 0)
		return -1;
	return pkgfile_layout_bytes(fd, name, l.header_start, l.payload_start, out, err);
}
