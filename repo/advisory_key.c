/* SPDX-License-Identifier: Apache-2.0 */
/* The names by which packages and advisories find each other, in one spelling: a package URL
 * without version, or "cpe:VENDOR:PRODUCT". */
#include "repo/advisory_priv.h"

#include "base/buf.h"

#define KEY_MAX ((size_t)4096)

/* Ecosystems whose names are package URLs of another spelling. What is not here is taken for a
 * distribution of RPM packages, named by its ID: of ours no other register exists. */
static const struct {
	const char *ecosystem, *base;
} ecosystems[] = {
	{ "Alpine", "pkg:apk/alpine/" },
	{ "Chainguard", "pkg:apk/chainguard/" },
	{ "crates.io", "pkg:cargo/" },
	{ "Debian", "pkg:deb/debian/" },
	{ "Go", "pkg:golang/" },
	{ "Hackage", "pkg:hackage/" },
	{ "Hex", "pkg:hex/" },
	{ "Maven", "pkg:maven/" },
	{ "npm", "pkg:npm/" },
	{ "NuGet", "pkg:nuget/" },
	{ "Packagist", "pkg:composer/" },
	{ "Pub", "pkg:pub/" },
	{ "PyPI", "pkg:pypi/" },
	{ "RubyGems", "pkg:gem/" },
	{ "Ubuntu", "pkg:deb/ubuntu/" },
	{ "Wolfi", "pkg:apk/wolfi/" },
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static const char *
lowered(struct arena *a, const char *s)
{
	char *copy = arena_strdup(a, s);

	for (char *c = copy; *c; c++)
		*c = lower(*c);
	return copy;
}

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* Names are letters of one case where their register says so; RPM's are as they are written. */
static const char *
settle(struct arena *a, const char *key)
{
	char *copy;

	if (begins(key, PURL_RPM))
		return key;
	copy = arena_strdup(a, key);
	for (char *c = copy; *c; c++) {
		*c = lower(*c);
		if (*c == '_' && begins(key, "pkg:pypi/"))
			*c = '-';
	}
	return copy;
}

const char *
advisory_key_ecosystem(struct arena *a, const char *ecosystem, const char *name,
		       const char **release)
{
	size_t n = strcspn(ecosystem, ":");
	char *slash, *plain;

	*release = ecosystem[n] ? ecosystem + n + 1 : NULL;
	if (n == 0 || n + strlen(name) > KEY_MAX || !*name)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(ecosystems); i++)
		if (strlen(ecosystems[i].ecosystem) == n &&
		    strncmp(ecosystems[i].ecosystem, ecosystem, n) == 0) {
			plain = arena_format(a, "%s%s", ecosystems[i].base, name);
			/* Maven and Packagist: "group:artifact" */
			slash = strchr(plain + strlen("pkg:"), ':');
			if (slash)
				*slash = '/';
			return settle(a, plain);
		}
	return arena_format(a, PURL_RPM "%s/%s", lowered(a, arena_strndup(a, ecosystem, n)),
			    name);
}

const char *
advisory_key_purl(struct arena *a, const char *purl, const char **version)
{
	struct purl p;

	if (strlen(purl) > KEY_MAX || !purl_parse(a, purl, &p))
		return NULL;
	*version = p.version;
	return settle(a, p.base);
}

/* The next field of a CPE, lower case, its backslashes gone. */
static const char *
take_field(struct arena *a, const char **at)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(KEY_MAX);
	const char *c = *at;

	for (; *c && *c != ':'; c++) {
		if (*c == '\\' && c[1])
			c++;
		buf_add_char(&out, lower(*c));
	}
	*at = *c ? c + 1 : c;
	return arena_strdup(a, buf_text(&out));
}

const char *
advisory_key_cpe(struct arena *a, const char *cpe, const char **version)
{
	const char *at = cpe, *vendor, *product;

	if (strlen(cpe) > KEY_MAX)
		return NULL;
	if (begins(cpe, "cpe:2.3:"))
		at += strlen("cpe:2.3:");
	else if (begins(cpe, "cpe:/"))
		at += strlen("cpe:/");
	else
		return NULL;
	(void)take_field(a, &at); /* a, o or h */
	vendor = take_field(a, &at);
	product = take_field(a, &at);
	*version = take_field(a, &at);
	if (!*vendor || !*product || strcmp(product, "*") == 0)
		return NULL;
	if (!**version || strcmp(*version, "*") == 0 || strcmp(*version, "-") == 0)
		*version = NULL;
	return arena_format(a, "cpe:%s:%s", vendor, product);
}

const char *
advisory_key_repo(struct arena *a, const char *url)
{
	static const struct {
		const char *host, *base;
	} hosts[] = { { "github.com/", "pkg:github/" }, { "gitlab.com/", "pkg:gitlab/" } };
	const char *rest = strstr(url, "://");
	size_t owner, name, n;

	if (!rest || strlen(url) > KEY_MAX)
		return NULL;
	rest += strlen("://");
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		if (!begins(rest, hosts[i].host))
			continue;
		rest += strlen(hosts[i].host);
		owner = strcspn(rest, "/?#");
		name = rest[owner] == '/' ? strcspn(rest + owner + 1, "/?#") : 0;
		if (owner == 0 || name == 0)
			return NULL;
		n = owner + 1 + name;
		if (name > 4 && strncmp(rest + n - 4, ".git", 4) == 0)
			n -= 4;
		return settle(a, arena_format(a, "%s%.*s", hosts[i].base, (int)n, rest));
	}
	n = strcspn(rest, "?#");
	while (n && rest[n - 1] == '/')
		n--;
	if (n > 4 && strncmp(rest + n - 4, ".git", 4) == 0)
		n -= 4;
	return n ? lowered(a, arena_format(a, "repo:%.*s", (int)n, rest)) : NULL;
}

enum advisory_order
advisory_key_order(const char *key)
{
	static const char *const semver[] = { "pkg:npm/", "pkg:cargo/", "pkg:golang/",
					      "pkg:hex/", "pkg:pub/" };

	if (begins(key, PURL_RPM))
		return ADVISORY_RPM;
	if (begins(key, "pkg:deb/"))
		return ADVISORY_DEB;
	for (size_t i = 0; i < ARRAY_LEN(semver); i++)
		if (begins(key, semver[i]))
			return ADVISORY_SEMVER;
	return ADVISORY_PLAIN;
}
