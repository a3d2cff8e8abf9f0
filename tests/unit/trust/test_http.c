/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as strangers send them. */
#include "tests/unit/test.h"
#include "trust/http.h"

#define POST "POST /add-checkpoint HTTP/1.1\r\n"

static enum http_state
parse(const char *text, struct http_request *q)
{
	return http_parse(text, strlen(text), q);
}

static void
refuses(const char *text, int status, const char *why)
{
	struct http_request q;

	assert_int_equal(parse(text, &q), HTTP_REFUSED);
	assert_int_equal(q.status, status);
	assert_string_equal(q.why, why);
	assert_false(q.keep);
}

TEST(a_request_is_read_and_what_follows_it_is_left)
{
	struct http_request q;

	assert_int_equal(parse(POST "Host: x\r\nContent-length: \t3 \r\n\r\nabcGET", &q),
			 HTTP_WHOLE);
	assert_memory_equal(q.method, "POST", q.method_len);
	assert_memory_equal(q.target, "/add-checkpoint", q.target_len);
	assert_int_equal(q.body_len, 3);
	assert_memory_equal(q.body, "abc", 3);
	assert_int_equal(q.used, strlen(POST "Host: x\r\nContent-length: \t3 \r\n\r\nabc"));
	assert_true(q.keep);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &q), HTTP_WHOLE);
	assert_false(q.keep);
	assert_int_equal(parse("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", &q), HTTP_WHOLE);
	assert_false(q.keep);
	assert_int_equal(q.body_len, 0);
}

TEST(every_beginning_of_a_request_waits_for_the_rest)
{
	const char *text = POST "Content-Length: 2\r\n\r\nab";
	struct http_request q;

	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(http_parse(text, n, &q), HTTP_MORE);
	assert_int_equal(http_parse(text, strlen(text), &q), HTTP_WHOLE);
	assert_int_equal(parse(POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", &q),
			 HTTP_MORE);
	assert_true(q.continues);
}

TEST(what_two_readers_could_take_for_two_requests_is_refused)
{
	const char *line = "a header line that is not one";
	const char *name = "a header field without a name";

	refuses(POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n", 400,
		"no single Content-Length");
	refuses(POST "Content-Length: 2, 2\r\n\r\n", 400, "no single Content-Length");
	refuses(POST "Content-Length: +2\r\n\r\n", 400, "no single Content-Length");
	refuses(POST "Content-Length: 0x2\r\n\r\n", 400, "no single Content-Length");
	refuses(POST "Content-Length:\r\n\r\n", 400, "no single Content-Length");
	refuses(POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 501,
		"no transfer encoding is taken: send Content-Length");
	refuses(POST "Content-Encoding: gzip\r\n\r\n", 415, "no content encoding is taken");
	refuses(POST "Host: a\r\nHost: b\r\n\r\n", 400, "two hosts");
	refuses(POST "Expect: more\r\n\r\n", 417, "nothing else is expected of a server");
	refuses(POST "Content-Length : 2\r\n\r\n", 400, name);
	refuses(POST ": 2\r\n\r\n", 400, name);
	refuses(POST "A: 1\r\n folded\r\n\r\n", 400, name);
	refuses(POST "A: 1\nContent-Length: 2\r\n\r\n", 400, line);
	refuses(POST "A: 1\rB: 2\r\n\r\n", 400, line);
}

TEST(a_first_line_that_is_none_is_refused)
{
	refuses("\r\n\r\n", 400, "no request line");
	refuses("POST\r\n\r\n", 400, "no request line");
	refuses("POST /\r\n\r\n", 400, "no request line");
	refuses("POST x HTTP/1.1\r\n\r\n", 400, "no request line");
	refuses("PO(ST / HTTP/1.1\r\n\r\n", 400, "no request line");
	refuses("POST /\xff HTTP/1.1\r\n\r\n", 400, "no request line");
	refuses("POST / HTTP/2.0\r\n\r\n", 505, "neither HTTP/1.0 nor HTTP/1.1");
	refuses("POST / x HTTP/1.1\r\n\r\n", 505, "neither HTTP/1.0 nor HTTP/1.1");
}

TEST(requests_have_limits)
{
	static const char zero[] = "POST / HTTP/1.1\r\nA: \0\r\n\r\n";
	CLEANUP(buf_free) struct buf text = BUF_MAX(4 * HTTP_HEAD_MAX);
	struct http_request q;

	refuses(POST "Content-Length: 98305\r\n\r\n", 413, "the body is too long");
	refuses(POST "Content-Length: 99999999999999999999999999\r\n\r\n", 413,
		"the body is too long");
	assert_int_equal(parse(POST "Content-Length: 98304\r\n\r\n", &q), HTTP_MORE);
	buf_add_str(&text, POST);
	for (int i = 0; i <= HTTP_FIELDS_MAX; i++)
		buf_add_str(&text, "A: 1\r\n");
	buf_add_str(&text, "\r\n");
	refuses(buf_text(&text), 431, "too many header fields");
	buf_clear(&text);
	buf_add_str(&text, POST "A: ");
	while (text.len < HTTP_HEAD_MAX)
		buf_add_char(&text, 'x');
	refuses(buf_text(&text), 431, "the head of the request is too long");
	/* A zero byte ends nothing. */
	assert_int_equal(http_parse(zero, sizeof(zero) - 1, &q), HTTP_REFUSED);
}

TEST(a_reply_says_its_length)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(1024);
	CLEANUP(buf_free) struct buf body = BUF_MAX(16);
	struct http_reply r = { .status = 409, .type = "text/x.tlog.size" };

	buf_add_str(&body, "300\n");
	r.body = body;
	http_reply_write(&r, true, &text);
	assert_string_equal(buf_text(&text), "HTTP/1.1 409 Conflict\r\n"
					     "Content-Type: text/x.tlog.size\r\n"
					     "Content-Length: 4\r\n"
					     "Connection: keep-alive\r\n\r\n300\n");
}

TEST(addresses_are_numbers)
{
	char bound[HTTP_ADDRESS];
	int fd = -1;

	assert_fails(http_listen("localhost:80", &fd, bound, err), "localhost:80");
	assert_fails(http_listen("8080", &fd, bound, err), "is no address such as");
	assert_fails(http_listen("::1:80", &fd, bound, err), "is no address such as");
	assert_ok(http_listen("127.0.0.1:0", &fd, bound, err));
	assert_memory_equal(bound, "127.0.0.1:", 10);
	(void)close(fd);
}
