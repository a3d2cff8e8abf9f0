/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/mem.h"
#include "trust/tlog_priv.h"

void
tlog_tile_name(int level, uint64_t n, unsigned int width, char out[TLOG_NAME])
{
	char number[40], part[16] = "", kind[16] = "entries";
	size_t len = sizeof(number) - 1;

	/* Groups of three digits from the right, all but the last with an x. */
	number[len] = '\0';
	for (bool last = true; last || n > 0; last = false, n /= 1000) {
		if (!last)
			number[--len] = '/';
		number[--len] = (char)('0' + n % 10);
		number[--len] = (char)('0' + n / 10 % 10);
		number[--len] = (char)('0' + n / 100 % 10);
		if (!last)
			number[--len] = 'x';
	}
	if (width < TLOG_WIDTH)
		(void)snprintf(part, sizeof(part), ".p/%u", width);
	if (level != TLOG_ENTRIES)
		(void)snprintf(kind, sizeof(kind), "%d", level);
	(void)snprintf(out, TLOG_NAME, "tile/%s/%s%s", kind, number + len, part);
}

unsigned int
tlog_tile_width(int level, uint64_t n, uint64_t size)
{
	uint64_t total = size >> (TLOG_BITS * (level == TLOG_ENTRIES ? 0 : level));
	uint64_t before = n * TLOG_WIDTH;

	return total <= before ? 0 : (unsigned int)KILN_MIN(total - before, TLOG_WIDTH);
}

/* The tile as it was at this width; when that is gone, the full one, of which it was a part.
 * *held: how many things the file must hold. */
static int
read_tile(int dirfd, int level, uint64_t n, unsigned int width, struct buf *out,
	  unsigned int *held, struct err *err)
{
	char name[TLOG_NAME];

	*held = width;
	tlog_tile_name(level, n, width, name);
	if (fd_read_plain(dirfd, name, out, err) == 0)
		return 0;
	if (width == TLOG_WIDTH || err->sys != ENOENT)
		return err_wrap(err, "log");
	buf_clear(out);
	*held = TLOG_WIDTH;
	tlog_tile_name(level, n, TLOG_WIDTH, name);
	return fd_read_plain(dirfd, name, out, err) < 0 ? err_wrap(err, "log") : 0;
}

int
tlog_tile_read(int dirfd, int level, uint64_t n, unsigned int width,
	       struct digest out[TLOG_WIDTH], struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX((size_t)TLOG_WIDTH * DIGEST_BYTES);
	char name[TLOG_NAME];
	unsigned int held;

	if (read_tile(dirfd, level, n, width, &text, &held, err) < 0)
		return -1;
	tlog_tile_name(level, n, held, name);
	if (text.len != (size_t)held * DIGEST_BYTES)
		return err_set(err, ERR_VERIFY, "log: %s: %zu bytes, %u hashes are %u", name,
			       text.len, held, held * DIGEST_BYTES);
	for (unsigned int i = 0; i < width; i++)
		memcpy(out[i].bytes, text.data + (size_t)i * DIGEST_BYTES, DIGEST_BYTES);
	return 0;
}

int
tlog_tile_entries(int dirfd, uint64_t n, unsigned int width, struct buf *out, struct err *err)
{
	char name[TLOG_NAME];
	unsigned int held;
	size_t at = 0;

	if (read_tile(dirfd, TLOG_ENTRIES, n, width, out, &held, err) < 0)
		return -1;
	tlog_tile_name(TLOG_ENTRIES, n, held, name);
	/* Of a full bundle only the beginning was asked for, and is kept. */
	for (unsigned int i = 0; i < width; i++) {
		const uint8_t *p = (const uint8_t *)out->data + at;
		size_t left = out->len - at;

		if (left < 2 || left - 2 < (size_t)(p[0] << 8 | p[1]))
			return err_set(err, ERR_VERIFY, "log: %s: entry %u is cut off", name,
				       i);
		at += 2 + (size_t)(p[0] << 8 | p[1]);
	}
	if (held == width && at != out->len)
		return err_set(err, ERR_VERIFY, "log: %s: %zu bytes are left over", name,
			       out->len - at);
	out->len = at;
	return 0;
}

void
tlog_tile_fold(struct digest *hashes, size_t count, struct digest *out)
{
	for (; count > 1; count /= 2) {
		for (size_t i = 0; i < count / 2; i++)
			tlog_node(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
	}
	*out = hashes[0];
}
