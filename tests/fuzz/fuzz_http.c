/* SPDX-License-Identifier: Apache-2.0 */
/* A witness's requests: the head, and the body of add-checkpoint as it is then taken apart. */
#include "trust/witness_http.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is accepted can be written again. */
static void
read_body(const struct http_request *q)
{
	CLEANUP(buf_free) struct buf again = BUF_MAX(2 * HTTP_BODY_MAX);
	struct witness_http_request r;
	struct err err;

	if (witness_http_parse(q->body, q->body_len, &r, &err) < 0)
		return;
	assert(r.proof.n <= WITNESS_HTTP_PROOF);
	assert(r.checkpoint + r.checkpoint_len == q->body + q->body_len);
	witness_http_write(&r, &again);
	assert(again.len == q->body_len && memcmp(again.data, q->body, again.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	struct http_request q, early;

	switch (http_parse(text, n, &q)) {
	case HTTP_WHOLE:
		assert(q.used <= n && q.body_len <= HTTP_BODY_MAX);
		assert(q.body >= text && q.body + q.body_len == text + q.used);
		assert(q.method_len > 0 && q.target_len > 0 && q.target[0] == '/');
		/* A part of it is never taken for the whole of another. */
		assert(http_parse(text, q.used - 1, &early) == HTTP_MORE);
		read_body(&q);
		break;
	case HTTP_REFUSED:
		assert(q.status >= 400 && q.why && !q.keep);
		break;
	case HTTP_MORE:
		assert(n < HTTP_HEAD_MAX + HTTP_BODY_MAX);
		break;
	}
	return 0;
}
