/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's third doorway: one small question, one small answer, one deadline for all of it. */
#include "base/late_curl.h"
#include "base/mem.h"
#include "trust/http.h"

#include <curl/curl.h>

DEFINE_LATE_CURL

struct http_line {
	CURL *curl;
	const char *ca, *ca_dir;
	char reason[CURL_ERROR_SIZE];
};

int
http_ask_open(struct http_line **out, struct err *err)
{
	CLEANUP(http_ask_close) struct http_line *l = mem_alloc(sizeof(*l));

	*l = (struct http_line){ .curl = NULL };
	if (load_curl(err) < 0)
		return -1;
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_FETCH, "libcurl cannot be started");
	l->curl = curl.easy_init();
	if (!l->curl)
		return err_set(err, ERR_FETCH, "libcurl cannot be prepared");
	*out = STEAL_PTR(l);
	return 0;
}

void
http_ask_close(struct http_line *l)
{
	if (l->curl)
		curl.easy_cleanup(l->curl);
	free(l);
}

void
http_ask_trust(struct http_line *l, const char *file, const char *dir)
{
	l->ca = file;
	l->ca_dir = dir;
}

static size_t
take_bytes(char *data, size_t one, size_t n, void *arg)
{
	struct http_answer *out = arg;

	(void)one;
	buf_add(&out->body, data, n);
	return out->body.overflow ? 0 : n;
}

/* Redirects are not followed: a checkpoint is for who was named. */
static bool
prepare(struct http_line *l, const struct http_ask *q, struct curl_slist *headers,
	struct http_answer *out)
{
	CURL *c = l->curl;
	bool bad = false;

	curl.easy_reset(c);
	l->reason[0] = '\0';
#define SET(option, value) bad = bad || curl.easy_setopt(c, option, value) != CURLE_OK
	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_PROTOCOLS_STR, "https,http");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)q->timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, "kiln");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_ERRORBUFFER, l->reason);
	SET(CURLOPT_WRITEFUNCTION, take_bytes);
	SET(CURLOPT_WRITEDATA, out);
	SET(CURLOPT_HTTPHEADER, headers);
	if (l->ca || l->ca_dir) {
		SET(CURLOPT_CAINFO, l->ca);
		SET(CURLOPT_CAPATH, l->ca_dir);
	}
	if (q->post) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->n);
		SET(CURLOPT_POSTFIELDS, q->n ? q->body : "");
	}
#undef SET
	return !bad;
}

int
http_ask(struct http_line *l, const struct http_ask *q, struct http_answer *out,
	 struct err *err)
{
	struct curl_slist *headers =
		curl.slist_append(NULL, q->post ? "Content-Type: text/plain" : "Accept: */*");
	const char *type = NULL;
	CURLcode rc;

	buf_clear(&out->body);
	out->status = 0;
	out->type[0] = '\0';
	if (!headers || !prepare(l, q, headers, out)) {
		curl.slist_free_all(headers);
		return err_set(err, ERR_FETCH, "%s: libcurl refuses an option", q->url);
	}
	rc = curl.easy_perform(l->curl);
	curl.slist_free_all(headers);
	if (out->body.overflow)
		return err_set(err, ERR_LIMIT, "%s: the answer is longer than %zu bytes",
			       q->url, out->body.max);
	if (rc != CURLE_OK)
		return err_set(err, ERR_FETCH, "%s: %s", q->url,
			       *l->reason ? l->reason : curl.easy_strerror(rc));
	(void)curl.easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &out->status);
	if (curl.easy_getinfo(l->curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
		(void)snprintf(out->type, sizeof(out->type), "%s", type);
	return 0;
}
