/* SPDX-License-Identifier: Apache-2.0 */
/* tests/data/bundles: bundles and their verdicts; adding one needs no C. */
#include "tests/unit/trust/keyset.h"
#include "trust/verify.h"

#define DATA     "data/bundles"
#define TEXT_MAX ((size_t)256 * 1024)

enum field { WORDS, BASE, FROM, TO, VERDICT, FIELDS };

static bool
split(char *line, char *fields[FIELDS])
{
	for (int i = 0; i < FIELDS; i++) {
		fields[i] = line;
		line = strchr(line, '\t');
		if (!line)
			return i == FIELDS - 1;
		*line++ = '\0';
	}
	return false;
}

static void
judge(char *fields[FIELDS], const struct keyring *ring, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf base = BUF_MAX(TEXT_MAX);
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	struct statement s;
	struct digest file;
	bool accepted;

	digest_of("file", 4, &file);
	assert_ok(
		fd_read_file(AT_FDCWD, arena_format(&a, DATA "/%s", fields[BASE]), &base, err));
	if (fields[FROM][0])
		keyset_replace(&base, fields[FROM], fields[TO], &text);
	else
		buf_add(&text, base.data, base.len);
	accepted = verify_bundle(&a, ring, buf_text(&text), text.len, fields[BASE],
				 STATEMENT_SLSA_V1, &file, &s, err) == 0;
	if (accepted != (strcmp(fields[VERDICT], "accepted") == 0))
		fail_msg("%s: %s", fields[WORDS], accepted ? "accepted" : err->text);
	if (!accepted && (err->code != ERR_VERIFY || !strstr(err->text, fields[VERDICT])))
		fail_msg("%s: wanted '%s', got '%s'", fields[WORDS], fields[VERDICT],
			 err->text);
}

TEST(vectors_of_bundles_get_their_verdicts)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf table = BUF_MAX(TEXT_MAX);
	struct keyring ring = { 0 };
	char *fields[FIELDS];
	size_t cases = 0;

	assert_ok(key_load(&a, DATA "/keys", &ring, err));
	assert_int_equal(ring.n, 3);
	assert_ok(fd_read_file(AT_FDCWD, DATA "/cases.data", &table, err));
	for (char *line = table.data, *end; line < table.data + table.len; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		*end = '\0';
		if (line[0] == '#')
			continue;
		if (!split(line, fields))
			fail_msg("cases.data: a line of other than %d fields: %s", FIELDS,
				 line);
		judge(fields, &ring, err);
		cases++;
	}
	assert_true(cases > 40);
}
