/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key a recipe may have, in one place: how it is read, where it goes, and the words that
 * docs/recipe.md is checked against.
 */
#include "builder/recipe_priv.h"
#include "repo/vex.h"

static const struct recipe_field source_fields[] = {
	{ .name = "url",
	  .read = recipe_read_text,
	  .wrong = recipe_words_url,
	  IN(recipe_source, url),
	  .flags = RECIPE_REQUIRED | RECIPE_EXPAND,
	  DOCS("text", "required",
	       "where the bytes are: https:, debian:pool/..., or file:NAME beside the recipe") },
	{ .name = "mirrors",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_mirror,
	  IN(recipe_source, mirrors),
	  WITH(recipe_source, nmirrors),
	  .flags = RECIPE_UNKEYED | RECIPE_EXPAND,
	  DOCS("list of text", "none",
	       "places with the same bytes, tried in order before url") },
	{ .name = "upstream",
	  .read = recipe_read_text,
	  .wrong = recipe_words_upstream,
	  IN(recipe_source, upstream),
	  .flags = RECIPE_UNKEYED | RECIPE_EXPAND,
	  DOCS("text", "none", "the original location, where an archive repacked the file") },
	{ .name = "sha256",
	  .read = recipe_read_digest,
	  IN(recipe_source, sha256),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required",
	       "SHA-256 of the file in 64 lower-case hex digits, as `sha256sum` prints it") },
	{ .name = "extract",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_member,
	  IN(recipe_source, extract),
	  WITH(recipe_source, nextract),
	  DOCS("list of text", "all members",
	       "unpack only these members of a huge archive: globs on names after strip") },
	{ .name = "into",
	  .read = recipe_read_text,
	  .wrong = recipe_words_beneath,
	  IN(recipe_source, into),
	  DOCS("text", "`src` for the first source, `src-2`, `src-3`, ... for the others",
	       "directory below /build that receives it") },
	{ .name = "strip",
	  .read = recipe_read_count,
	  IN(recipe_source, strip),
	  DOCS("whole number", "1",
	       "leading directories dropped from member names when unpacking") },
	{ .name = "unpack",
	  .read = recipe_read_bool,
	  IN(recipe_source, unpack),
	  DOCS("true or false", "true when url ends in an archive suffix",
	       "unpack it, or copy it as it is") },
};
static const struct recipe_source blank_source = { .strip = 1 };

/* What follows from the url unless the recipe says otherwise. */
static int
finish_source(struct recipe_reader *r, const struct doc *d, void *item, struct err *err)
{
	static const char *const unpacking[] = { "strip", "extract" };
	struct recipe_source *s = item;
	const char *slash = strrchr(s->url, '/');

	s->filename = slash ? slash + 1 : strchr(s->url, ':') + 1;
	if (!doc_get(d, "unpack"))
		s->unpack = recipe_words_is_archive(s->filename);
	for (size_t i = 0; i < ARRAY_LEN(unpacking) && !s->unpack; i++)
		if (doc_get(d, unpacking[i]))
			return doc_error(doc_get(d, unpacking[i]), r->path, err,
					 "'%s' is for archives, but '%s' is not unpacked",
					 unpacking[i], s->filename);
	return 0;
}
TABLE(source, "sources[]", .size = sizeof(struct recipe_source),
      .line = offsetof(struct recipe_source, line), .col = offsetof(struct recipe_source, col),
      .blank = &blank_source, .finish = finish_source);

static const struct recipe_field step_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  IN(recipe_step, name),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required",
	       "what messages call the step: a word, unique in the recipe") },
	{ .name = "run",
	  .read = recipe_read_script,
	  IN(recipe_step, run),
	  WITH(recipe_step, line),
	  .flags = RECIPE_REQUIRED,
	  DOCS("shell script", "required", "what `/bin/sh -e` runs") },
};
TABLE(step, "build.steps[]", .size = sizeof(struct recipe_step), UNPLACED);

static const struct recipe_field limit_fields[] = {
	{ .name = "memory",
	  .read = recipe_read_size,
	  IN(recipe, limits.memory_bytes),
	  DOCS("size", "2GiB", "memory of all processes together") },
	{ .name = "disk",
	  .read = recipe_read_size,
	  IN(recipe, limits.disk_bytes),
	  DOCS("size", "4GiB", "bytes in each writable tree") },
	{ .name = "time",
	  .read = recipe_read_duration,
	  IN(recipe, limits.time_s),
	  DOCS("duration", "20m", "from the first step to the last") },
	{ .name = "processes",
	  .read = recipe_read_count,
	  IN(recipe, limits.processes),
	  DOCS("whole number", "512", "processes and threads at one time") },
	{ .name = "log",
	  .read = recipe_read_size,
	  IN(recipe, limits.log_bytes),
	  DOCS("size", "64MiB", "output of the steps") },
};
TABLE(limit, "build.limits", UNPLACED);

static const struct recipe_field uname_fields[] = {
	{ .name = "release",
	  .read = recipe_read_text,
	  .wrong = recipe_words_kernel,
	  IN(recipe, kernel_release),
	  DOCS("text", SANDBOX_KERNEL_RELEASE, "what `uname -r` answers") },
	{ .name = "version",
	  .read = recipe_read_text,
	  .wrong = recipe_words_kernel_version,
	  IN(recipe, kernel_version),
	  DOCS("text", "`" SANDBOX_KERNEL_VERSION "`", "what `uname -v` answers") },
};

static int
finish_uname(struct recipe_reader *r, const struct doc *d, void *item, struct err *err)
{
	struct recipe *recipe = item;

	(void)r;
	(void)d;
	(void)err;
	if (!recipe->kernel_release)
		recipe->kernel_release = SANDBOX_KERNEL_RELEASE;
	if (!recipe->kernel_version)
		recipe->kernel_version = SANDBOX_KERNEL_VERSION;
	return 0;
}
TABLE(uname, "build.uname", UNPLACED, .finish = finish_uname);

static const struct recipe_field hardening_fields[] = {
	{ .name = "except",
	  .read = recipe_except_read,
	  IN(recipe, excepts),
	  WITH(recipe, nexcepts),
	  DOCS("map", "none",
	       "checks of `kiln audit` that need not hold, each with its reason") },
};
TABLE(hardening, "build.hardening", UNPLACED);

static const struct recipe_field test_fields[] = {
	{ .name = "run",
	  .read = recipe_read_script,
	  IN(recipe, test.run.run),
	  WITH(recipe, test.run.line),
	  .flags = RECIPE_REQUIRED,
	  DOCS("shell script", "required", "what `/bin/sh -e` runs where it is installed") },
	{ .name = "needs",
	  .read = recipe_read_needs,
	  .wrong = recipe_words_name,
	  IN(recipe, test.needs),
	  WITH(recipe, test.nneeds),
	  DOCS("list of text", "none",
	       "packages to test with; what they require comes along") },
};
TABLE(test, "test", UNPLACED);

static const struct recipe_field build_fields[] = {
	{ .name = "needs",
	  .read = recipe_read_needs,
	  .wrong = recipe_words_name,
	  IN(recipe, needs),
	  WITH(recipe, nneeds),
	  DOCS("list of text", "none",
	       "packages to build with; what they require comes along") },
	{ .name = "prefer",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_name,
	  IN(recipe, prefer),
	  WITH(recipe, nprefer),
	  DOCS("list of text", "none", "packages to take when several provide the same") },
	{ .name = "env",
	  .read = recipe_read_env,
	  IN(recipe, env),
	  WITH(recipe, nenv),
	  DOCS("map of text", "none", "environment variables of every step") },
	{ .name = "steps",
	  .sub = &step,
	  IN(recipe, steps),
	  WITH(recipe, nsteps),
	  .flags = RECIPE_REQUIRED | RECIPE_LISTED,
	  DOCS("list of maps", "required",
	       "the build, in order; what it installs below $DESTDIR is packaged") },
	{ .name = "check",
	  .read = recipe_read_script,
	  IN(recipe, check.run),
	  WITH(recipe, check.line),
	  DOCS("shell script", "none",
	       "the package's own tests, run after the last step; their outcome is recorded") },
	{ .name = "debuginfo",
	  .read = recipe_read_bool,
	  IN(recipe, debuginfo),
	  DOCS("true or false", "false",
	       "compile with -g; what is for debuggers goes to NAME-debuginfo") },
	{ .name = "proc",
	  .read = recipe_read_proc,
	  IN(recipe, full_proc),
	  DOCS("`own` or `full`", "own",
	       "what /proc shows besides the build's own processes") },
	{ .name = "fake_chown",
	  .read = recipe_read_bool,
	  IN(recipe, fake_chown),
	  DOCS("true or false", "false", "chown and its kin succeed and change nothing") },
	{ .name = "uname",
	  .sub = &uname,
	  DOCS("map", "the truth", "the kernel that uname tells of") },
	{ .name = "hardening",
	  .sub = &hardening,
	  .flags = RECIPE_UNKEYED,
	  DOCS("map", "none",
	       "how the result may differ from what docs/hardening.md demands") },
	{ .name = "limits",
	  .sub = &limit,
	  .flags = RECIPE_UNKEYED,
	  DOCS("map", "the values below", "what the build may use") },
};
TABLE(build, "build", UNPLACED);

static const struct recipe_field owner_fields[] = {
	{ .name = "path",
	  .read = recipe_read_text,
	  .wrong = recipe_words_glob,
	  IN(recipe_owner, path),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "which files: a glob that begins with /") },
	{ .name = "user",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_owner, user),
	  DOCS("text", "root", "name of the owner") },
	{ .name = "group",
	  .read = recipe_read_text,
	  .wrong = recipe_words_account,
	  IN(recipe_owner, group),
	  DOCS("text", "root", "name of the group") },
	{ .name = "mode",
	  .read = recipe_read_mode,
	  IN(recipe_owner, mode),
	  DOCS("octal number", "as built: 0644, or 0755 when executable",
	       "permission bits, set-id bits included") },
	{ .name = "caps",
	  .read = recipe_read_text,
	  .wrong = recipe_words_caps,
	  IN(recipe_owner, caps),
	  DOCS("text", "none", "file capabilities, such as `cap_net_raw=ep`") },
	{ .name = "config",
	  .read = recipe_read_bool,
	  IN(recipe_owner, config),
	  DOCS("true or false", "false",
	       "a file that its administrator edits: upgrades keep the edited one") },
	{ .name = "reason",
	  .read = recipe_read_text,
	  IN(recipe_owner, reason),
	  DOCS("text", "none; required with caps or a set-id mode",
	       "why, for those who audit it") },
};
static const struct recipe_owner blank_owner = { .mode = -1 };

/* What raises privileges is read by auditors: it says why. */
static int
finish_owner(struct recipe_reader *r, const struct doc *d, void *item, struct err *err)
{
	const struct recipe_owner *o = item;
	bool raises = o->caps || (o->mode > 0 && (o->mode & (S_ISUID | S_ISGID)));

	if (!raises || o->reason)
		return 0;
	(void)doc_error(d, r->path, err, "missing key 'reason'");
	return err_hint(err, "set-id modes and capabilities need one");
}
TABLE(owner, "packages[].owners[]", .size = sizeof(struct recipe_owner), UNPLACED,
      .blank = &blank_owner, .finish = finish_owner);

#define DEPS(key, words)                                                                       \
	{                                                                                      \
		.name = #key, .read = recipe_read_deps, IN(recipe_package, key),               \
		DOCS("list of text", "none", words)                                            \
	}

static const struct recipe_field package_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_name,
	  IN(recipe_package, name),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "name of the package") },
	{ .name = "summary",
	  .read = recipe_read_text,
	  IN(recipe_package, summary),
	  DOCS("text", "the recipe's", "one line") },
	{ .name = "description",
	  .read = recipe_read_prose,
	  IN(recipe_package, description),
	  DOCS("text", "the recipe's", "a paragraph or more") },
	{ .name = "files",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_glob,
	  IN(recipe_package, files),
	  WITH(recipe_package, nfiles),
	  .flags = RECIPE_EXPAND,
	  DOCS("list of text", "what no other package takes, for the first; else required",
	       "which files it takes: globs that begin with /") },
	DEPS(requires, "what must be installed with it, besides what its files show"),
	DEPS(provides, "what it can stand for, besides what its files show"),
	DEPS(conflicts, "what must not be installed with it"),
	DEPS(obsoletes, "what it replaces"),
	DEPS(recommends, "what is good to have with it"),
	{ .name = "exclude_provides",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_glob,
	  IN(recipe_package, exclude_provides),
	  WITH(recipe_package, nexclude_provides),
	  DOCS("list of text", "none",
	       "files whose automatic provides are left out: globs that begin with /") },
	{ .name = "owners",
	  .sub = &owner,
	  IN(recipe_package, owners),
	  WITH(recipe_package, nowners),
	  .flags = RECIPE_LISTED,
	  DOCS("list of maps", "none", "files that are not plain files of root") },
	{ .name = "users",
	  .sub = &recipe_schema_users,
	  IN(recipe_package, users),
	  WITH(recipe_package, nusers),
	  .flags = RECIPE_LISTED,
	  DOCS("list of maps", "none", "accounts that it brings, with their numbers") },
	{ .name = "groups",
	  .sub = &recipe_schema_groups,
	  IN(recipe_package, groups),
	  WITH(recipe_package, ngroups),
	  .flags = RECIPE_LISTED,
	  DOCS("list of maps", "none", "groups that it brings, with their numbers") },
	{ .name = "directories",
	  .sub = &recipe_schema_directories,
	  IN(recipe_package, directories),
	  WITH(recipe_package, ndirectories),
	  .flags = RECIPE_LISTED,
	  DOCS("list of maps", "none", "directories that it keeps its data in") },
	{ .name = "services",
	  .sub = &recipe_schema_services,
	  IN(recipe_package, services),
	  WITH(recipe_package, nservices),
	  .flags = RECIPE_LISTED,
	  DOCS("list of maps", "none", "programs of it that run all the time") },
};
TABLE(package, "packages[]", .size = sizeof(struct recipe_package),
      .line = offsetof(struct recipe_package, line),
      .col = offsetof(struct recipe_package, col));

static const struct recipe_field update_fields[] = {
	{ .name = "from",
	  .read = recipe_read_text,
	  .wrong = recipe_words_from,
	  IN(recipe, update.from),
	  .flags = RECIPE_REQUIRED,
	  DOCS("`debian`, `git`, `github`, `gitlab` or `url`", "required",
	       "what kind of list it is") },
	{ .name = "repo",
	  .read = recipe_read_text,
	  .wrong = recipe_words_repo,
	  IN(recipe, update.repo),
	  DOCS("text", "none; required for `debian`, `github` and `gitlab`",
	       "the project's name there") },
	{ .name = "url",
	  .read = recipe_read_text,
	  .wrong = recipe_words_list,
	  IN(recipe, update.url),
	  DOCS("text", "none; required for `git` and `url`",
	       "the repository, or the page that lists versions") },
	{ .name = "pattern",
	  .read = recipe_read_text,
	  .wrong = recipe_words_pattern,
	  IN(recipe, update.pattern),
	  DOCS("text", "the first source's file name, or tags that are a version",
	       "what is looked for, with {version} where the version stands") },
	{ .name = "series",
	  .read = recipe_read_text,
	  .wrong = recipe_words_version,
	  IN(recipe, update.series),
	  DOCS("text", "none", "only versions that begin so: 6.1 takes 6.1.176 and not 6.12") },
	{ .name = "pre",
	  .read = recipe_read_bool,
	  IN(recipe, update.pre),
	  DOCS("true or false", "false", "alphas, betas and release candidates count, too") },
};

/* Each kind of list is found by one key, and the others mean nothing to it. */
static int
finish_update(struct recipe_reader *r, const struct doc *d, void *item, struct err *err)
{
	const struct recipe *recipe = item;
	const char *from = recipe->update.from;
	bool url = !strcmp(from, "git") || !strcmp(from, "url");
	const char *want = url ? "url" : "repo", *other = url ? "repo" : "url";

	if (doc_get(d, other))
		return doc_error(doc_get(d, other), r->path, err, "'%s' is not for %s", other,
				 from);
	if (!strcmp(from, "debian") && doc_get(d, "pattern"))
		return doc_error(doc_get(d, "pattern"), r->path, err,
				 "'pattern' is not for debian: its files are found by their "
				 "names in 'sources'");
	if (doc_get(d, want))
		return 0;
	return doc_error(d, r->path, err, "missing key '%s', which %s needs", want, from);
}
TABLE(update, "update", UNPLACED, .finish = finish_update);

static const struct recipe_field patch_fields[] = {
	{ .name = "file",
	  .read = recipe_read_text,
	  .wrong = recipe_words_beside,
	  IN(recipe_patch, file),
	  DOCS("text", "none; required without url", "the patch, a file beside the recipe") },
	{ .name = "url",
	  .read = recipe_read_text,
	  .wrong = recipe_words_mirror,
	  IN(recipe_patch, url),
	  .flags = RECIPE_EXPAND,
	  DOCS("text", "none", "an archive that holds the patch, instead of a file") },
	{ .name = "sha256",
	  .read = recipe_read_digest,
	  IN(recipe_patch, sha256),
	  DOCS("text", "none; required with url", "SHA-256 of the archive") },
	{ .name = "member",
	  .read = recipe_read_text,
	  .wrong = recipe_words_patch,
	  IN(recipe_patch, member),
	  DOCS("text", "none; required with url", "the patch's whole name in the archive") },
	{ .name = "strip",
	  .read = recipe_read_count,
	  IN(recipe_patch, level),
	  DOCS("whole number", "1",
	       "leading directories dropped from the names in it: `patch -p`") },
	{ .name = "resolves",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_advisory,
	  IN(recipe_patch, resolves),
	  WITH(recipe_patch, nresolves),
	  DOCS("list of text", "none", "advisories that it settles") },
};

/* A file beside the recipe, or a member of an archive: one of the two, and all of it. */
static int
finish_patch(struct recipe_reader *r, const struct doc *d, void *item, struct err *err)
{
	static const char *const pinned[] = { "sha256", "member" };
	const struct recipe_patch *p = item;

	if (!p->file == !p->url)
		return doc_error(d, r->path, err,
				 p->file ? "'file' and 'url' are two places of one patch"
					 : "missing key 'file', or 'url' of an archive");
	for (size_t i = 0; i < ARRAY_LEN(pinned); i++) {
		const struct doc *v = doc_get(d, pinned[i]);

		if (p->url && !v)
			return doc_error(d, r->path, err, "missing key '%s', which url needs",
					 pinned[i]);
		if (p->file && v)
			return doc_error(v, r->path, err, "'%s' is for a patch of an archive",
					 pinned[i]);
	}
	return 0;
}
TABLE(patch, "patches[]", .size = sizeof(struct recipe_patch),
      .line = offsetof(struct recipe_patch, line), .col = offsetof(struct recipe_patch, col),
      .finish = finish_patch);

static const struct recipe_field vex_fields[] = {
	{ .name = "id",
	  .read = recipe_read_text,
	  .wrong = recipe_words_advisory,
	  IN(recipe_vex, id),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "the advisory: a CVE, or what a record calls itself") },
	{ .name = "status",
	  .read = recipe_read_text,
	  .wrong = vex_wrong_status,
	  IN(recipe_vex, status),
	  .flags = RECIPE_REQUIRED,
	  DOCS("`not_affected`, `affected`, `fixed` or `under_investigation`", "required",
	       "what holds for every package of the recipe") },
	{ .name = "justification",
	  .read = recipe_read_text,
	  .wrong = vex_wrong_justification,
	  IN(recipe_vex, justification),
	  DOCS("one of OpenVEX's five", "none; required with `not_affected`",
	       "why it is not affected") },
	{ .name = "note",
	  .read = recipe_read_text,
	  IN(recipe_vex, note),
	  DOCS("text", "none", "how that was found out, for whoever asks") },
};

/* Without a reason nobody could review it. */
static int
finish_vex(struct recipe_reader *r, const struct doc *d, void *item, struct err *err)
{
	const struct recipe_vex *v = item;
	bool not_affected = strcmp(v->status, "not_affected") == 0;

	if (not_affected && !v->justification)
		return doc_error(d, r->path, err,
				 "missing key 'justification', which not_affected needs");
	if (!not_affected && v->justification)
		return doc_error(doc_get(d, "justification"), r->path, err,
				 "'justification' is for not_affected, not for %s", v->status);
	return 0;
}
TABLE(vex, "vex[]", .size = sizeof(struct recipe_vex), .finish = finish_vex,
      .line = offsetof(struct recipe_vex, line), .col = offsetof(struct recipe_vex, col));

static const struct recipe_field split_fields[] = {
	{ .name = "doc",
	  .read = recipe_read_bool,
	  IN(recipe, doc),
	  DOCS("true or false", "false", "manuals and documents go to NAME-doc") },
	{ .name = "locale",
	  .read = recipe_read_bool,
	  IN(recipe, locale),
	  DOCS("true or false", "false", "translations go to NAME-locale") },
};
TABLE(split, "splits", UNPLACED);

static const struct recipe_field root_fields[] = {
	{ .name = "format",
	  .read = recipe_read_format,
	  NOWHERE,
	  .flags = RECIPE_REQUIRED,
	  DOCS("whole number", "required", "version of this format: 1") },
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_name,
	  IN(recipe, name),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "name of the recipe, and of its directory") },
	{ .name = "version",
	  .read = recipe_read_text,
	  .wrong = recipe_words_version,
	  IN(recipe, version),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "upstream's version") },
	{ .name = "release",
	  .read = recipe_read_text,
	  .wrong = recipe_words_version,
	  IN(recipe, release),
	  DOCS("text", "1", "ours, raised when the recipe changes and the version does not") },
	{ .name = "epoch",
	  .read = recipe_read_date,
	  IN(recipe, epoch),
	  DOCS("date", "`epoch` of kiln.yaml",
	       "UTC date of this release; every time in its packages") },
	{ .name = "rpm_epoch",
	  .read = recipe_read_number,
	  IN(recipe, rpm_epoch),
	  DOCS("whole number", "0",
	       "RPM's Epoch, for when upstream's version went backwards") },
	{ .name = "summary",
	  .read = recipe_read_text,
	  IN(recipe, summary),
	  .flags = RECIPE_REQUIRED,
	  DOCS("text", "required", "one line: what it is") },
	{ .name = "description",
	  .read = recipe_read_prose,
	  IN(recipe, description),
	  DOCS("text", "the summary", "a paragraph or more") },
	{ .name = "license",
	  .read = recipe_read_license,
	  IN(recipe, license),
	  .flags = RECIPE_REQUIRED,
	  DOCS("SPDX expression", "required", "licence of what is shipped") },
	{ .name = "homepage",
	  .read = recipe_read_text,
	  .wrong = recipe_words_homepage,
	  IN(recipe, homepage),
	  .flags = RECIPE_UNKEYED,
	  DOCS("text", "none", "https: address of the project") },
	{ .name = "cpe",
	  .read = recipe_read_text,
	  .wrong = recipe_words_cpe,
	  IN(recipe, cpe),
	  .flags = RECIPE_EXPAND,
	  DOCS("text", "none", "CPE 2.3 name, by which scanners find advisories") },
	{ .name = "purl",
	  .read = recipe_read_text,
	  .wrong = recipe_words_purl,
	  IN(recipe, purl),
	  .flags = RECIPE_EXPAND,
	  DOCS("text", "none",
	       "package URL of the project it is made from, by which advisories name it") },
	{ .name = "arch",
	  .read = recipe_read_arch,
	  IN(recipe, noarch),
	  DOCS("`x86_64` or `noarch`", "x86_64",
	       "noarch: the same bytes serve every machine") },
	{ .name = "ground",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_group,
	  IN(recipe, ground),
	  WITH(recipe, nground),
	  DOCS("list of text", "the seed's default groups",
	       "seed groups the build stands on") },
	{ .name = "sources",
	  .sub = &source,
	  IN(recipe, sources),
	  WITH(recipe, nsources),
	  .flags = RECIPE_LISTED,
	  DOCS("list of maps", "none", "files to build from, each pinned by digest") },
	{ .name = "patches",
	  .read = recipe_read_patches,
	  .wrong = recipe_words_beside,
	  IN(recipe, patches),
	  WITH(recipe, npatches),
	  .sub = &patch,
	  DOCS("list of text or maps", "none",
	       "applied to the first source, in order: files beside the recipe, or members of archives") },
	{ .name = "build",
	  .sub = &build,
	  .flags = RECIPE_REQUIRED,
	  DOCS("map", "required", "how to build it") },
	{ .name = "packages",
	  .sub = &package,
	  IN(recipe, packages),
	  WITH(recipe, npackages),
	  .flags = RECIPE_LISTED,
	  DOCS("list of maps", "one, of the recipe's name, with all files", "what comes out") },
	{ .name = "splits",
	  .sub = &split,
	  DOCS("map", "none",
	       "what falls to packages of its own, besides -devel and -static") },
	{ .name = "test",
	  .sub = &test,
	  .flags = RECIPE_UNKEYED,
	  DOCS("map", "none", "how to test what comes out, installed") },
	{ .name = "update",
	  .sub = &update,
	  .flags = RECIPE_UNKEYED,
	  DOCS("map", "none", "where newer versions are announced") },
	{ .name = "eol",
	  .read = recipe_read_date,
	  NOWHERE,
	  .flags = RECIPE_UNKEYED,
	  DOCS("date", "none", "when upstream's support of this version ends") },
	{ .name = "vex",
	  IN(recipe, vex),
	  WITH(recipe, nvex),
	  .sub = &vex,
	  .flags = RECIPE_UNKEYED | RECIPE_LISTED,
	  DOCS("list of maps", "none", "what was found out about advisories") },
};
const struct recipe_table recipe_schema = {
	.path = "", .fields = root_fields, .n = ARRAY_LEN(root_fields), UNPLACED
};

/* Keys that the design promises and no code here carries out. Accepting one silently would be a
 * build that is not what its recipe says. */
static const struct {
	const char *path, *why;
} planned[] = {
	{ "build.uses", "write the commands as build.steps" },
	{ "build.with", "write the commands as build.steps" },
	{ "range", "write one recipe for each package" },
	{ "stage", "choose seed groups with ground" },
};

const char *
recipe_schema_planned(const char *want, bool anywhere, const char **path)
{
	for (size_t i = 0; i < ARRAY_LEN(planned); i++) {
		const char *dot = strrchr(planned[i].path, '.');
		const char *last = dot ? dot + 1 : planned[i].path;

		*path = planned[i].path;
		if (!strcmp(anywhere ? last : planned[i].path, want))
			return planned[i].why;
	}
	return NULL;
}

#define KEYS_MAX 192

static size_t
list_keys(const struct recipe_table *t, struct recipe_key *out, size_t n, struct arena *names)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct recipe_field *f = &t->fields[i];

		if (n == KEYS_MAX)
			abort();
		out[n].path =
			arena_format(names, "%s%s%s", t->path, *t->path ? "." : "", f->name);
		out[n].type = f->type;
		out[n].fallback = f->fallback;
		out[n++].summary = f->summary;
		if (f->sub)
			n = list_keys(f->sub, out, n, names);
	}
	return n;
}

const struct recipe_key *
recipe_keys(size_t *n)
{
	static struct recipe_key keys[KEYS_MAX];
	static struct arena
		names; /* lives as long as the program, like the tables it spells out */
	static size_t count;

	if (!count)
		count = list_keys(&recipe_schema, keys, 0, &names);
	*n = count;
	return keys;
}
