/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/openpgp.h"
#include "base/mem.h"

#define COLUMNS   64
#define CRC_BYTES 3
#define CRC_START 0xb704ceU
#define CRC_POLY  0x1864cfbU
#define LABEL_MAX 32
#define BEGIN     "-----BEGIN PGP "
#define END       "-----END PGP "
#define DASHES    "-----"
#define ARMOR_MAX ((size_t)32 * 1024 * 1024)

static void
crc24(const void *data, size_t n, uint8_t out[CRC_BYTES])
{
	const uint8_t *at = data;
	uint32_t crc = CRC_START;

	while (n-- > 0) {
		crc ^= (uint32_t)*at++ << 16;
		for (int bit = 0; bit < 8; bit++) {
			crc <<= 1;
			if (crc & 0x1000000)
				crc ^= CRC_POLY;
		}
	}
	out[0] = (uint8_t)(crc >> 16);
	out[1] = (uint8_t)(crc >> 8);
	out[2] = (uint8_t)crc;
}

void
openpgp_armor(const char *label, const void *data, size_t n, struct buf *out)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ARMOR_MAX);
	uint8_t crc[CRC_BYTES];

	digest_base64(data, n, &text);
	buf_add_format(out, BEGIN "%s" DASHES "\n\n", label);
	for (size_t i = 0; i < text.len; i += COLUMNS) {
		buf_add(out, text.data + i, KILN_MIN(text.len - i, (size_t)COLUMNS));
		buf_add_char(out, '\n');
	}
	crc24(data, n, crc);
	buf_add_char(out, '=');
	digest_base64(crc, sizeof(crc), out);
	buf_add_format(out, "\n" END "%s" DASHES "\n", label);
	if (text.overflow)
		out->overflow = true;
}

/* Lines of a text in turn, without their ends; a carriage return before the end is dropped. */
struct lines {
	const char *at, *end;
};

static bool
next_line(struct lines *l, const char **line, size_t *n)
{
	const char *stop;

	if (l->at == l->end)
		return false;
	stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
	if (!stop)
		stop = l->end;
	*line = l->at;
	*n = (size_t)(stop - l->at);
	l->at = stop == l->end ? stop : stop + 1;
	if (*n > 0 && (*line)[*n - 1] == '\r')
		(*n)--;
	return true;
}

static bool
starts_with(const char *line, size_t n, const char *prefix)
{
	size_t len = strlen(prefix);

	return n >= len && memcmp(line, prefix, len) == 0;
}

/* "-----BEGIN PGP label-----": keeps the label. */
static bool
read_begin(const char *line, size_t n, char label[LABEL_MAX])
{
	size_t around = strlen(BEGIN) + strlen(DASHES);
	size_t len = n > around ? n - around : 0;

	if (len == 0 || len >= LABEL_MAX || !starts_with(line, n, BEGIN) ||
	    memcmp(line + n - strlen(DASHES), DASHES, strlen(DASHES)) != 0)
		return false;
	memcpy(label, line + strlen(BEGIN), len);
	label[len] = '\0';
	return true;
}

static bool
is_end(const char *line, size_t n, const char *label)
{
	char want[sizeof(END) + LABEL_MAX + sizeof(DASHES)];
	int len = snprintf(want, sizeof(want), END "%s" DASHES, label);

	return len >= 0 && (size_t)len == n && memcmp(line, want, n) == 0;
}

static int
check_crc(const struct buf *data, const char *line, size_t n, struct err *err)
{
	CLEANUP(buf_free) struct buf told = BUF_MAX(16);
	uint8_t crc[CRC_BYTES];

	crc24(data->data, data->len, crc);
	if (digest_unbase64(line, n, &told, err) < 0)
		return err_wrap(err, "armor: checksum");
	if (told.len != CRC_BYTES || memcmp(told.data, crc, CRC_BYTES) != 0)
		return err_set(err, ERR_INPUT, "armor: checksum does not match");
	return 0;
}

/* The lines between the blank one and the end, joined; crc stays NULL when there is none. */
static int
read_body(struct lines *l, const char *label, struct buf *text, const char **crc,
	  size_t *crc_len, struct err *err)
{
	const char *line;
	size_t n;

	*crc = NULL;
	*crc_len = 0;
	while (next_line(l, &line, &n)) {
		if (is_end(line, n, label))
			return buf_check(text, "armor", err);
		if (*crc || n == 0 || starts_with(line, n, "-"))
			return err_set(err, ERR_INPUT, "armor: unexpected line");
		if (line[0] == '=') {
			*crc = line + 1;
			*crc_len = n - 1;
		} else {
			buf_add(text, line, n);
		}
	}
	return err_set(err, ERR_INPUT, "armor: no line '" END "%s" DASHES "'", label);
}

int
openpgp_dearmor(const char *text, size_t n, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf joined = BUF_MAX(ARMOR_MAX);
	CLEANUP(buf_free) struct buf data = BUF_MAX(out->max);
	struct lines l = { .at = text, .end = text + n };
	char label[LABEL_MAX];
	const char *line, *crc;
	size_t len, crc_len;

	if (!next_line(&l, &line, &len) || !read_begin(line, len, label))
		return err_set(err, ERR_INPUT, "armor: does not begin with '" BEGIN "...'");
	while (next_line(&l, &line, &len) && len > 0) {
		if (!memmem(line, len, ": ", 2))
			return err_set(err, ERR_INPUT,
				       "armor: neither a header nor a blank line");
	}
	if (read_body(&l, label, &joined, &crc, &crc_len, err) < 0)
		return -1;
	while (next_line(&l, &line, &len)) {
		if (len > 0)
			return err_set(err, ERR_INPUT, "armor: text after its end");
	}
	if (digest_unbase64(buf_text(&joined), joined.len, &data, err) < 0)
		return err_wrap(err, "armor");
	if (crc && check_crc(&data, crc, crc_len, err) < 0)
		return -1;
	buf_add(out, data.data, data.len);
	return buf_check(out, "armored data", err);
}
