/* SPDX-License-Identifier: Apache-2.0 */
/* `cache:` of kiln.yaml, and what the environment says against it. */
#include "builder/workspace_priv.h"

#define TIMEOUT_MAX_S 600u

/* A password would stand in a file that everybody has. */
static const char *
wrong_url(const char *s)
{
	const char *host = strstr(s, "://");
	size_t n;

	if (recipe_words_homepage(s))
		return recipe_words_homepage(s);
	host += strlen("://");
	n = strcspn(host, "/");
	if (n == 0 || strpbrk(host, "?# "))
		return "an address without ? and #";
	return memchr(host, '@', n) ? "an address without a password, which belongs in a file "
				      "(login:)"
				    : NULL;
}

static const struct recipe_field fields[] = {
	{ .name = "url",
	  .read = recipe_read_text,
	  .wrong = wrong_url,
	  .at = offsetof(struct workspace_cache, url) },
	{ .name = "write",
	  .read = recipe_read_bool,
	  .at = offsetof(struct workspace_cache, write) },
	{ .name = "keys",
	  .read = recipe_read_texts,
	  .at = offsetof(struct workspace_cache, keys),
	  .count = offsetof(struct workspace_cache, nkeys) },
	{ .name = "ca", .read = recipe_read_text, .at = offsetof(struct workspace_cache, ca) },
	{ .name = "client_cert",
	  .read = recipe_read_text,
	  .at = offsetof(struct workspace_cache, certificate) },
	{ .name = "client_key",
	  .read = recipe_read_text,
	  .at = offsetof(struct workspace_cache, key) },
	{ .name = "login",
	  .read = recipe_read_text,
	  .at = offsetof(struct workspace_cache, login) },
	{ .name = "timeout",
	  .read = recipe_read_duration,
	  .at = offsetof(struct workspace_cache, timeout_s) },
};
static const struct recipe_table table = { .path = "cache",
					   .fields = fields,
					   .n = ARRAY_LEN(fields),
					   .line = RECIPE_NOWHERE,
					   .col = RECIPE_NOWHERE };

int
workspace_cache_read(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	struct workspace_cache *cache =
		(struct workspace_cache *)(void *)((char *)v->base + v->field->at);

	if (v->doc->kind == DOC_TEXT && strcmp(v->doc->text, "none") == 0)
		return 0;
	if (v->doc->kind != DOC_MAP)
		return recipe_read_wrong(r, v, "a map, or none", err);
	return recipe_table_read(r, &table, v->doc, cache, err);
}

static const char *
placed(struct arena *a, const struct workspace *w, const char *file)
{
	if (!file || file[0] == '/' || strcmp(w->path, ".") == 0)
		return file;
	return arena_format(a, "%s/%s", w->path, file);
}

void
workspace_cache_place(struct arena *a, struct workspace *w)
{
	struct workspace_cache *c = &w->cache;

	w->ca = placed(a, w, w->ca);
	c->ca = placed(a, w, c->ca);
	c->certificate = placed(a, w, c->certificate);
	c->key = placed(a, w, c->key);
	c->login = placed(a, w, c->login);
	for (size_t i = 0; i < c->nkeys; i++)
		c->keys[i] = placed(a, w, c->keys[i]);
	c->timeout_s = c->timeout_s ? c->timeout_s : WORKSPACE_CACHE_TIMEOUT_S;
}

static void
take(const char *from, const char **to)
{
	if (from && *from)
		*to = from;
}

static int
take_words(struct workspace_cache *c, const struct workspace_cache_words *env, struct err *err)
{
	const char *wrong;

	if (env->url && (*env->url == '\0' || strcmp(env->url, "none") == 0)) {
		c->url = NULL;
	} else if (env->url) {
		wrong = wrong_url(env->url);
		if (wrong)
			return err_set(err, ERR_INPUT, "KILN_CACHE must be %s, or none", wrong);
		c->url = env->url;
	}
	if (env->write && *env->write) {
		if (strcmp(env->write, "0") != 0 && strcmp(env->write, "1") != 0)
			return err_set(err, ERR_INPUT, "KILN_CACHE_WRITE must be 0 or 1");
		c->write = env->write[0] == '1';
	}
	take(env->login, &c->login);
	take(env->certificate, &c->certificate);
	take(env->key, &c->key);
	take(env->ca, &c->ca);
	return 0;
}

static bool
is_local(const char *url)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]" };
	const char *host = url + strlen("http://");
	size_t n = strcspn(host, "/");

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		size_t len = strlen(hosts[i]);

		if (len <= n && strncmp(host, hosts[i], len) == 0 &&
		    (len == n || host[len] == ':'))
			return true;
	}
	return false;
}

int
workspace_cache_apply(struct arena *a, struct workspace *w,
		      const struct workspace_cache_words *env, struct err *err)
{
	struct workspace_cache *c = &w->cache;
	size_t n;

	if (take_words(c, env, err) < 0)
		return -1;
	take(env->trusted, &w->ca);
	take(env->trusted_dir, &w->ca_dir);
	c->ca_dir = c->ca ? NULL : w->ca_dir;
	c->ca = c->ca ? c->ca : w->ca;
	if (!c->url)
		return 0;
	for (n = strlen(c->url); n && c->url[n - 1] == '/'; n--)
		;
	c->url = arena_strndup(a, c->url, n);
	if (!c->certificate != !c->key)
		return err_set(err, ERR_INPUT,
			       "the cache's client_cert and client_key belong together; only "
			       "one is named");
	if (c->timeout_s > TIMEOUT_MAX_S)
		return err_set(err, ERR_INPUT, "the cache's timeout is longer than %u s",
			       TIMEOUT_MAX_S);
	if (c->login && strncmp(c->url, "http://", 7) == 0 && !is_local(c->url)) {
		err_set(err, ERR_INPUT, "the cache's password would travel unprotected to '%s'",
			c->url);
		return err_hint(err, "give an address that begins with https://");
	}
	return 0;
}
