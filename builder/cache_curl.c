/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's second doorway: GET, HEAD and PUT on one connection that is kept. */
#include "base/fd.h"
#include "base/late_curl.h"
#include "base/mem.h"
#include "builder/cache_priv.h"
#include <curl/curl.h>
#include <sys/stat.h>

#define SPEED_WINDOW_MIN_S 2L

struct cache_http {
	CURL *curl;
	const char *url, *ca_dir;
	struct buf ca, certificate, key, login;
	long timeout_s;
	char reason[CURL_ERROR_SIZE];
};

DEFINE_LATE_CURL

/* One request under way. */
struct exchange {
	struct cache_http *h;
	struct cache_sink *sink;
	struct digest_state *digest;
	int from; /* what is sent */
	bool too_long;
	struct err err; /* of our own side */
};

/* What no one else may read must not be readable by others: told when it is. */
static int
read_file(const char *path, bool secret, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	if (!path)
		return 0;
	if (fd_open(path, O_RDONLY | O_NONBLOCK, &fd, err) < 0 || fstat(fd, &st) < 0) {
		err_wrap(err, "shared cache");
		return err_hint(err, "name it rightly in kiln.yaml, or use --no-cache");
	}
	if (secret && (st.st_mode & 077)) {
		err_set(err, ERR_INPUT, "shared cache: others may read '%s'", path);
		return err_hint(err, "chmod 600 %s", path);
	}
	return fd_read_all(fd, out, err);
}

static int
read_secrets(const struct workspace_cache *words, struct cache_http *h, struct err *err)
{
	char *end;

	if (read_file(words->ca, false, &h->ca, err) < 0 ||
	    read_file(words->certificate, false, &h->certificate, err) < 0 ||
	    read_file(words->key, true, &h->key, err) < 0 ||
	    read_file(words->login, true, &h->login, err) < 0)
		return -1;
	if (!words->login)
		return 0;
	end = h->login.data + strcspn(buf_text(&h->login), "\r\n");
	if (h->login.data)
		*end = '\0';
	if (!strchr(buf_text(&h->login), ':'))
		return err_set(err, ERR_INPUT,
			       "shared cache: the first line of '%s' is not USER:PASSWORD",
			       words->login);
	return 0;
}

int
cache_curl_open(const struct workspace_cache *words, struct cache_http **out, struct err *err)
{
	CLEANUP(cache_curl_close) struct cache_http *h = mem_alloc(sizeof(*h));

	*h = (struct cache_http){
		.url = words->url,
		.ca_dir = words->ca_dir,
		.ca = BUF_MAX(CACHE_SECRET_MAX * 16), /* a bundle of authorities is long */
		.certificate = BUF_MAX(CACHE_SECRET_MAX),
		.key = BUF_MAX(CACHE_SECRET_MAX),
		.login = BUF_MAX(CACHE_SECRET_MAX),
		.timeout_s = (long)words->timeout_s,
	};
	if (read_secrets(words, h, err) < 0)
		return -1;
	if (load_curl(err) < 0)
		return -1;
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_FETCH, "libcurl cannot be started");
	h->curl = curl.easy_init();
	if (!h->curl)
		return err_set(err, ERR_FETCH, "libcurl cannot be prepared");
	*out = STEAL_PTR(h);
	return 0;
}

void
cache_curl_close(struct cache_http *h)
{
	if (h->curl)
		curl.easy_cleanup(h->curl);
	buf_free(&h->ca);
	buf_free(&h->certificate);
	buf_free(&h->key);
	buf_free(&h->login);
	free(h);
}

static size_t
take_bytes(char *data, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;
	struct cache_sink *sink = x->sink;

	(void)one;
	if (n > sink->max - sink->done) {
		x->too_long = true;
		return 0;
	}
	if (sink->fd >= 0 && fd_write_all(sink->fd, data, n, &x->err) < 0)
		return 0;
	if (sink->fd < 0)
		buf_add(sink->text, data, n);
	digest_add(x->digest, data, n);
	sink->done += n;
	return n;
}

/* An answer's words about a failure, or about a PUT: nobody reads them. */
static size_t
drop_bytes(char *data, size_t one, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return one * n;
}

static size_t
give_bytes(char *data, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;
	ssize_t got;

	do {
		got = read(x->from, data, one * n);
	} while (got < 0 && errno == EINTR);
	if (got >= 0)
		return (size_t)got;
	(void)err_sys(&x->err, "read of a blob");
	return CURL_READFUNC_ABORT;
}

static struct curl_blob
blob_of(struct buf *b)
{
	return (struct curl_blob){ .data = b->data, .len = b->len };
}

/* Options that every request has. A deadline for the whole, and a least speed for long ones.
 * No redirects: credentials go to the server that was named and to no other. */
static bool
prepare(struct exchange *x, const char *url, uint64_t bytes)
{
	struct cache_http *h = x->h;
	struct curl_blob ca = blob_of(&h->ca), certificate = blob_of(&h->certificate),
			 key = blob_of(&h->key);
	long deadline_s = h->timeout_s + (long)(bytes / CACHE_RATE_MIN);
	bool bad = false;
	CURL *c = h->curl;

	curl.easy_reset(c);
	h->reason[0] = '\0';
#define SET(option, value) bad = bad || curl.easy_setopt(c, option, value) != CURLE_OK
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "https,http");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_CONNECTTIMEOUT, h->timeout_s);
	SET(CURLOPT_TIMEOUT, deadline_s);
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)CACHE_RATE_MIN);
	SET(CURLOPT_LOW_SPEED_TIME, KILN_MAX(h->timeout_s, SPEED_WINDOW_MIN_S));
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, "kiln");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_ERRORBUFFER, h->reason);
	SET(CURLOPT_WRITEFUNCTION, x->sink ? take_bytes : drop_bytes);
	SET(CURLOPT_WRITEDATA, x);
	SET(CURLOPT_FAILONERROR, 1L);
	if (h->ca.len)
		SET(CURLOPT_CAINFO_BLOB, &ca);
	if (h->ca.len || h->ca_dir)
		SET(CURLOPT_CAPATH, h->ca_dir);
	if (h->ca_dir && !h->ca.len)
		SET(CURLOPT_CAINFO, NULL);
	if (h->certificate.len) {
		SET(CURLOPT_SSLCERT_BLOB, &certificate);
		SET(CURLOPT_SSLKEY_BLOB, &key);
	}
	if (h->login.len) {
		SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_USERPWD, buf_text(&h->login));
	}
#undef SET
	return !bad;
}

/* status: of the answer, also when the request failed by it. */
static int
perform(struct exchange *x, long *status, struct err *err)
{
	struct cache_http *h = x->h;
	CURLcode rc = curl.easy_perform(h->curl);

	*status = 0;
	(void)curl.easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, status);
	if (rc == CURLE_OK || rc == CURLE_HTTP_RETURNED_ERROR)
		return 0;
	if (x->too_long)
		return err_set(err, ERR_LIMIT, "more than %llu bytes came",
			       (unsigned long long)x->sink->max);
	if (x->err.code != ERR_NONE) {
		*err = x->err;
		return -1;
	}
	return err_set(err, ERR_FETCH, "%s", *h->reason ? h->reason : curl.easy_strerror(rc));
}

static void
address(const struct cache_http *h, const char *kind, const char *hex, struct buf *out)
{
	buf_add_format(out, "%s/%s/%s", h->url, kind, hex);
}

static int
unprepared(struct err *err)
{
	return err_set(err, ERR_FETCH, "libcurl refuses an option");
}

static int
answered(long status, struct err *err)
{
	return err_set(err, ERR_FETCH, "the server answered %ld", status);
}

int
cache_curl_get(struct cache_http *h, const char *kind, const char *hex, struct cache_sink *sink,
	       bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf url = BUF_MAX(8192);
	CLEANUP(digest_free) struct digest_state *digest = digest_begin();
	struct exchange x = { .h = h, .sink = sink, .digest = digest, .from = -1 };
	long status;

	sink->done = 0;
	address(h, kind, hex, &url);
	if (!prepare(&x, buf_text(&url), sink->fd >= 0 ? sink->max : 0))
		return unprepared(err);
	if (perform(&x, &status, err) < 0)
		return -1;
	*found = status == 200;
	if (status != 200 && status != 404)
		return answered(status, err);
	digest_end(STEAL_PTR(digest), &sink->sha256);
	return 0;
}

int
cache_curl_head(struct cache_http *h, const char *kind, const char *hex, bool *found,
		struct err *err)
{
	CLEANUP(buf_free) struct buf url = BUF_MAX(8192);
	struct exchange x = { .h = h, .from = -1 };
	long status;

	address(h, kind, hex, &url);
	if (!prepare(&x, buf_text(&url), 0) ||
	    curl.easy_setopt(h->curl, CURLOPT_NOBODY, 1L) != CURLE_OK)
		return unprepared(err);
	if (perform(&x, &status, err) < 0)
		return -1;
	*found = status == 200;
	return status == 200 || status == 404 ? 0 : answered(status, err);
}

/* With a length, since some servers take no other; without asking first whether to go on. */
int
cache_curl_put(struct cache_http *h, const char *kind, const char *hex, int fd, uint64_t size,
	       struct err *err)
{
	CLEANUP(buf_free) struct buf url = BUF_MAX(8192);
	struct exchange x = { .h = h, .from = fd };
	struct curl_slist *headers = curl.slist_append(NULL, "Expect:");
	CURL *c = h->curl;
	long status;
	int rc = 0;

	address(h, kind, hex, &url);
	if (!headers || !prepare(&x, buf_text(&url), size) ||
	    curl.easy_setopt(c, CURLOPT_UPLOAD, 1L) != CURLE_OK ||
	    curl.easy_setopt(c, CURLOPT_READFUNCTION, give_bytes) != CURLE_OK ||
	    curl.easy_setopt(c, CURLOPT_READDATA, &x) != CURLE_OK ||
	    curl.easy_setopt(c, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
	    curl.easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size) != CURLE_OK)
		rc = unprepared(err);
	if (rc == 0)
		rc = perform(&x, &status, err);
	curl.slist_free_all(headers);
	if (rc == 0 && (status < 200 || status > 299))
		return answered(status, err);
	return rc;
}
