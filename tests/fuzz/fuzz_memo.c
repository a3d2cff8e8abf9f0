/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memo files of any bytes: taken whole or not at all. The input is what stands between the
 * maker and the sum, so that both are right and the reader itself is looked at; what it takes
 * comes back the same when it is written.
 */
#include "base/mem.h"
#include "builder/memo_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
expect(bool good)
{
	if (!good)
		abort();
}

static void
write_again(const struct memo_text *t, const struct buf *bytes)
{
	CLEANUP(buf_free) struct buf again = BUF_MAX(MEMO_MAX_BYTES);
	CLEANUP(mem_free)
	struct memo_entry **entries = mem_alloc((t->n + 1) * sizeof(struct memo_entry *));
	CLEANUP(arena_release) struct arena a = { 0 };
	struct memo_text once;

	for (size_t i = 0; i < t->n; i++)
		entries[i] = &t->entries[i];
	memo_wire_write(t, entries, t->n, &again);
	expect(again.len <= bytes->len);
	expect(memo_wire_read(&a, again.data, again.len, &t->maker, &once) && once.n == t->n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(buf_free) struct buf bytes = BUF_MAX(MEMO_MAX_BYTES);
	CLEANUP(arena_release) struct arena a = { 0 };
	struct memo_text t;
	struct digest maker = { { 0 } }, sum;
	size_t head;

	buf_add_str(&bytes, "kiln memo 4\n");
	buf_add(&bytes, maker.bytes, DIGEST_BYTES);
	head = bytes.len;
	buf_add(&bytes, data, n);
	digest_of(bytes.data, bytes.len, &sum);
	buf_add(&bytes, sum.bytes, DIGEST_BYTES);
	if (!memo_wire_read(&a, bytes.data, bytes.len, &maker, &t))
		return 0;
	for (size_t i = 0; i < t.n; i++) {
		expect(t.entries[i].nfiles > 0 && t.entries[i].recipe->outline);
		expect(i == 0 || strcmp(t.entries[i - 1].name, t.entries[i].name) < 0);
	}
	expect(bytes.len > head);
	write_again(&t, &bytes);
	return 0;
}
