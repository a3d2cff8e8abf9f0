/* SPDX-License-Identifier: Apache-2.0 */
/* Reading is strict where readers differ (RFC 9112 section 11): lines end in CR LF, no folding,
 * one Content-Length of digits, no Transfer-Encoding. What two programs could take for two
 * different requests is refused. */
#include "trust/http.h"

struct span {
	const char *at;
	size_t n;
};

static enum http_state
refuse(struct http_request *q, int status, const char *why)
{
	q->status = status;
	q->why = why;
	q->keep = false;
	return HTTP_REFUSED;
}

static bool
is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool alphanumeric = (s[i] >= '0' && s[i] <= '9') ||
				    (s[i] >= 'A' && s[i] <= 'Z') ||
				    (s[i] >= 'a' && s[i] <= 'z');

		if (!alphanumeric && (!s[i] || !strchr("!#$%&'*+-.^_`|~", s[i])))
			return false;
	}
	return n > 0;
}

/* Visible ASCII: a target holds nothing else. */
static bool
is_visible(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return n > 0;
}

static bool
is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.at, word, s.n) == 0;
}

/* The line up to CR LF; false: there is none, or a CR, LF or zero stands in it. */
static bool
take_line(const char **at, const char *end, struct span *out)
{
	const char *p = *at;

	while (p < end && *p != '\r' && *p != '\n' && *p != '\0')
		p++;
	if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
		return false;
	*out = (struct span){ *at, (size_t)(p - *at) };
	*at = p + 2;
	return true;
}

static enum http_state
read_first(struct span line, struct http_request *q)
{
	const char *space = memchr(line.at, ' ', line.n);
	struct span rest, version;

	if (!space)
		return refuse(q, 400, "no request line");
	q->method = line.at;
	q->method_len = (size_t)(space - line.at);
	rest = (struct span){ space + 1, line.n - q->method_len - 1 };
	space = memchr(rest.at, ' ', rest.n);
	if (!space)
		return refuse(q, 400, "no request line");
	q->target = rest.at;
	q->target_len = (size_t)(space - rest.at);
	version = (struct span){ space + 1, rest.n - q->target_len - 1 };
	if (!is_token(q->method, q->method_len) || !is_visible(q->target, q->target_len) ||
	    q->target[0] != '/')
		return refuse(q, 400, "no request line");
	if (version.n != strlen("HTTP/1.1") || memcmp(version.at, "HTTP/1.", 7) != 0 ||
	    (version.at[7] != '0' && version.at[7] != '1'))
		return refuse(q, 505, "neither HTTP/1.0 nor HTTP/1.1");
	q->keep = version.at[7] == '1';
	return HTTP_WHOLE;
}

static bool
read_length(struct span value, size_t *out)
{
	size_t v = 0;

	for (size_t i = 0; i < value.n; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return false;
		/* Beyond the largest body the number itself is of no matter. */
		v = KILN_MIN(v * 10 + (size_t)(value.at[i] - '0'), HTTP_BODY_MAX + 1);
	}
	*out = v;
	return value.n > 0;
}

struct head {
	size_t body; /* Content-Length */
	bool measured, hosted;
};

static enum http_state
read_field(struct span name, struct span value, struct head *h, struct http_request *q)
{
	if (is_word(name, "transfer-encoding"))
		return refuse(q, 501, "no transfer encoding is taken: send Content-Length");
	if (is_word(name, "content-encoding"))
		return refuse(q, 415, "no content encoding is taken");
	if (is_word(name, "content-length")) {
		if (h->measured || !read_length(value, &h->body))
			return refuse(q, 400, "no single Content-Length");
		h->measured = true;
	} else if (is_word(name, "host")) {
		if (h->hosted)
			return refuse(q, 400, "two hosts");
		h->hosted = true;
	} else if (is_word(name, "expect")) {
		if (!is_word(value, "100-continue"))
			return refuse(q, 417, "nothing else is expected of a server");
		q->continues = true;
	} else if (is_word(name, "connection")) {
		/* Of a list of words only the plain one is asked for; else it is closed. */
		q->keep = q->keep && is_word(value, "keep-alive");
	}
	return HTTP_WHOLE;
}

static enum http_state
read_line(struct span line, struct head *h, struct http_request *q)
{
	const char *colon = memchr(line.at, ':', line.n);
	struct span name, value;

	if (!colon || !is_token(line.at, (size_t)(colon - line.at)))
		return refuse(q, 400, "a header field without a name");
	name = (struct span){ line.at, (size_t)(colon - line.at) };
	value = (struct span){ colon + 1, line.n - name.n - 1 };
	while (value.n > 0 && (*value.at == ' ' || *value.at == '\t')) {
		value.at++;
		value.n--;
	}
	while (value.n > 0 && (value.at[value.n - 1] == ' ' || value.at[value.n - 1] == '\t'))
		value.n--;
	return read_field(name, value, h, q);
}

/* at: behind the first line, end: behind the empty one. */
static enum http_state
read_fields(const char *at, const char *end, struct head *h, struct http_request *q)
{
	struct span line;

	for (int i = 0;; i++) {
		if (!take_line(&at, end, &line))
			return refuse(q, 400, "a header line that is not one");
		if (line.n == 0)
			return HTTP_WHOLE;
		if (i == HTTP_FIELDS_MAX)
			return refuse(q, 431, "too many header fields");
		if (read_line(line, h, q) != HTTP_WHOLE)
			return HTTP_REFUSED;
	}
}

enum http_state
http_parse(const char *data, size_t n, struct http_request *out)
{
	const char *blank = memmem(data, KILN_MIN(n, HTTP_HEAD_MAX), "\r\n\r\n", 4), *at = data;
	struct head h = { .body = 0 };
	struct span first;
	size_t head;

	*out = (struct http_request){ .status = 0 };
	if (!blank && n >= HTTP_HEAD_MAX)
		return refuse(out, 431, "the head of the request is too long");
	if (!blank)
		return HTTP_MORE;
	head = (size_t)(blank - data) + 4;
	if (!take_line(&at, data + head, &first))
		return refuse(out, 400, "no request line");
	if (read_first(first, out) != HTTP_WHOLE ||
	    read_fields(at, data + head, &h, out) != HTTP_WHOLE)
		return HTTP_REFUSED;
	if (h.body > HTTP_BODY_MAX)
		return refuse(out, 413, "the body is too long");
	if (n - head < h.body)
		return HTTP_MORE;
	out->continues = false;
	out->body = data + head;
	out->body_len = h.body;
	out->used = head + h.body;
	return HTTP_WHOLE;
}

static const char *
phrase(int status)
{
	static const struct {
		int status;
		const char *words;
	} all[] = { { 200, "OK" },
		    { 400, "Bad Request" },
		    { 403, "Forbidden" },
		    { 404, "Not Found" },
		    { 405, "Method Not Allowed" },
		    { 408, "Request Timeout" },
		    { 409, "Conflict" },
		    { 413, "Content Too Large" },
		    { 415, "Unsupported Media Type" },
		    { 417, "Expectation Failed" },
		    { 422, "Unprocessable Entity" },
		    { 431, "Request Header Fields Too Large" },
		    { 500, "Internal Server Error" },
		    { 501, "Not Implemented" },
		    { 505, "HTTP Version Not Supported" } };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].status == status)
			return all[i].words;
	return "Answer";
}

void
http_reply_write(const struct http_reply *r, bool keep, struct buf *out)
{
	buf_add_format(out, "HTTP/1.1 %d %s\r\n", r->status, phrase(r->status));
	buf_add_format(out, "Content-Type: %s\r\n", r->type);
	if (r->status == 405)
		buf_add_str(out, "Allow: POST\r\n");
	buf_add_format(out, "Content-Length: %zu\r\n", r->body.len);
	buf_add_format(out, "Connection: %s\r\n\r\n", keep ? "keep-alive" : "close");
	buf_add(out, r->body.data, r->body.len);
}
