/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/action.h"
#include "base/json.h"
#include "builder/debuginfo.h"
#include "builder/normalize.h"
#include "builder/split.h"
#include "repo/pkgaudit.h"
#include <dlfcn.h>

/* The names under which sources and patches appear in the chamber count, and their order. */
static struct doc *
sources_doc(struct arena *a, const struct recipe *r)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < r->nsources; i++) {
		struct doc *s = doc_map(a);

		doc_set_text(a, s, "file", r->sources[i].filename);
		doc_set_text(a, s, "into", r->sources[i].into);
		doc_set_digest(a, s, "sha256", &r->sources[i].sha256);
		doc_push(a, list, s);
	}
	return list;
}

static struct doc *
patches_doc(struct arena *a, const struct recipe *r)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < r->npatches; i++) {
		struct doc *p = doc_map(a);

		doc_set_text(a, p, "file", r->patches[i].file);
		doc_set_digest(a, p, "sha256", &r->patches[i].sha256);
		doc_push(a, list, p);
	}
	return list;
}

static struct doc *
environment_doc(struct arena *a, const struct buildroot *root)
{
	struct doc *map = doc_map(a);

	for (size_t i = 0; i < root->npackages; i++)
		doc_set_digest(a, map, root->packages[i]->id.name,
			       &root->packages[i]->environment);
	return map;
}

static struct doc *
ground_doc(struct arena *a, const struct buildroot *root, const struct seed *seed)
{
	struct doc *map = doc_map(a), *packages = doc_map(a);

	for (size_t i = 0; i < root->nground; i++)
		doc_set_digest(a, packages, root->ground[i]->name,
			       root->ground[i]->built ? &root->ground[i]->built->environment
						      : &root->ground[i]->sha256);
	doc_set(a, map, "packages", packages);
	doc_set_digest(a, map, "fixups", &seed->fixups_digest);
	return map;
}

static struct doc *
finish_doc(struct arena *a, const struct recipe_step *s)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "name", s->name);
	doc_set_text(a, d, "run", s->run);
	return d;
}

static struct doc *
distribution_doc(struct arena *a, const char *vendor, const struct seed *ground)
{
	struct doc *map = doc_map(a), *env = doc_map(a), *finish = doc_list(a);

	for (size_t i = 0; i < ground->nenv; i++)
		doc_set_text(a, env, ground->env[i].name, ground->env[i].value);
	if (ground->nenv)
		doc_set(a, map, "env", env);

	for (size_t i = 0; i < ground->nfinish; i++)
		doc_push(a, finish, finish_doc(a, &ground->finish[i]));
	if (ground->nfinish)
		doc_set(a, map, "finish", finish);
	/* Other rules may refuse what these let pass: results do not outlive them. */
	if (ground->strict) {
		doc_set_text(a, map, "audit", "strict");
		doc_set(a, map, "auditRules", doc_number(a, PKGAUDIT_RULES));
	}
	doc_set_text(a, map, "vendor", vendor);
	doc_set(a, map, "normalizeRules", doc_number(a, NORMALIZE_RULES));
	doc_set(a, map, "splitRules", doc_number(a, SPLIT_RULES));
	return map;
}

/* The libraries that this process runs with say their own versions; their headers stay behind
 * their doorways (repo/pkgfile, base/tar). */
static const char *
library_version(const char *function)
{
	const char *(*version)(void) = NULL;
	void *symbol = dlsym(RTLD_DEFAULT, function);

	memcpy(&version, &symbol, sizeof(version));
	return version ? version() : NULL;
}

int
action_packager(struct arena *a, struct doc **out, struct err *err)
{
	const char *const *rpm = dlsym(RTLD_DEFAULT, "RPMVERSION");
	const char *zstd = library_version("ZSTD_versionString");
	const char *archive = library_version("archive_version_string");
	struct doc *map = doc_map(a);

	if (!rpm || !zstd || !archive)
		return err_set(
			err, ERR_IO,
			"cannot tell the version of %s, which is part of every action key",
			!rpm    ? "librpm"
			: !zstd ? "libzstd"
				: "libarchive");
	doc_set(a, map, "format", doc_number(a, ACTION_FORMAT));
	doc_set_text(a, map, "librpm", *rpm);
	doc_set_text(a, map, "libzstd", zstd);
	doc_set_text(a, map, "libarchive", archive);
	*out = map;
	return 0;
}

static struct doc *
chamber_doc(struct arena *a)
{
	struct doc *map = doc_map(a);

	doc_set_text(a, map, "profile", ACTION_CHAMBER);
	doc_set(a, map, "cpus", doc_number(a, ACTION_CPUS));
	return map;
}

int
action_make(struct arena *a, const struct action_input *in, struct action *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ACTION_MAX_BYTES);
	const struct recipe *r = in->recipe;
	struct doc *d = doc_map(a), *packager;

	if (action_packager(a, &packager, err) < 0)
		return -1;
	doc_set(a, d, "keyFormat", doc_number(a, ACTION_KEY_FORMAT));
	doc_set(a, d, "recipe", r->normal);
	doc_set(a, d, "sources", sources_doc(a, r));
	doc_set(a, d, "patches", patches_doc(a, r));
	doc_set(a, d, "environment", environment_doc(a, in->root));
	doc_set(a, d, "ground", ground_doc(a, in->root, in->seed));
	doc_set(a, d, "chamber", chamber_doc(a));
	doc_set_text(a, d, "arch", r->noarch ? "noarch" : ACTION_ARCH);
	doc_set(a, d, "epoch", doc_number(a, r->epoch));
	doc_set(a, d, "packager", packager);
	doc_set(a, d, "distribution", distribution_doc(a, in->vendor, in->seed));
	/* What a recipe does not use is not in its key, which stays as it was. */
	if (r->debuginfo)
		doc_set_text(a, d, DEBUGINFO_STEP, debuginfo_script);
	json_write(d, &text);
	if (buf_check(&text, "action", err) < 0)
		return err_wrap(err, "recipe %s", r->name);
	out->doc = d;
	out->text = arena_strndup(a, buf_text(&text), text.len);
	digest_of(text.data, text.len, &out->key);
	digest_hex(&out->key, out->hex);
	return 0;
}

void
action_recipe_digest(const struct recipe *r, struct digest *out)
{
	char hex[DIGEST_HEX];

	json_digest_hex(r->normal, hex);
	(void)digest_parse(hex, out);
}
