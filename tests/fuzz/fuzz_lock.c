/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of any bytes: refused with a place and a remedy, or read as what they say: valid YAML
 * that is written back the same, but for comments, blank lines and CR. */
#include "builder/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf once = BUF_MAX(LOCK_MAX_BYTES);
	CLEANUP(buf_free) struct buf twice = BUF_MAX(LOCK_MAX_BYTES);
	struct lock *lock = NULL, *again = NULL;
	struct err err = { .code = ERR_NONE };
	struct doc *doc;

	if (lock_parse(&a, (const char *)data, n, &lock, &err) < 0) {
		if (err.code == ERR_NONE || !strstr(err.text, "kiln.lock") ||
		    !strstr(err.text, "\nhint: "))
			abort();
		return 0;
	}
	lock_write(lock, &once);
	if (lock_parse(&a, buf_text(&once), once.len, &again, &err) < 0)
		abort();
	lock_write(again, &twice);
	if (once.len != twice.len || memcmp(buf_text(&once), buf_text(&twice), once.len) != 0)
		abort();
	if (lock_compare(&a, lock, again, NULL, NULL) != 0)
		abort();
	if (doc_parse(&a, buf_text(&once), once.len, "kiln.lock", &doc, &err) < 0 &&
	    err.code != ERR_LIMIT)
		abort();
	return 0;
}
