/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The artefact is hashed before and after it is verified, so that what is vouched for is what
 * was looked at. The levels say what the policy made sure of: without named builders a
 * signature is only somebody's, without walls a build could be influenced.
 */
#include "cli/vouching.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "images/imgverify.h"
#include "images/oci.h"
#include "repo/purl.h"
#include "trust/dsse.h"

#define VSA_MAX_POLICY RULES_MAX_BYTES
#define INTOTO         ".intoto.jsonl"

static int
hash_file(const char *path, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open(path, O_RDONLY, &fd, err) < 0)
		return -1;
	return digest_fd(fd, out, NULL, err);
}

/* The manifest that index.json names. */
static int
hash_image(struct cli *cli, const char *path, struct digest *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(OCI_MAX_JSON);
	const char *index = arena_format(&cli->arena, "%s/index.json", path);
	struct oci_descriptor d;

	if (fd_read_file(AT_FDCWD, index, &text, err) < 0 ||
	    oci_parse_index(&cli->arena, buf_text(&text), text.len, index, &d, err) < 0)
		return -1;
	*out = d.digest;
	return 0;
}

static bool
has(struct cli *cli, const char *path, const char *file)
{
	return access(arena_format(&cli->arena, "%s/%s", path, file), F_OK) == 0;
}

static const char *
last_name(struct arena *a, const char *path)
{
	size_t n = strlen(path);
	const char *end = path + n, *begin;

	while (end > path + 1 && end[-1] == '/')
		end--;
	begin = end;
	while (begin > path && begin[-1] != '/')
		begin--;
	return arena_strndup(a, begin, (size_t)(end - begin));
}

static const char *
package_resource(struct cli *cli, const char *name)
{
	const struct purl_distribution d = { cli->workspace.id, cli->workspace.version };
	struct nevra id;
	struct err ignored;

	if (nevra_parse(&cli->arena, name, &id, &ignored) < 0 || !id.release)
		return purl_generic(&cli->arena, name, "0");
	return purl_make(&cli->arena, &d, &id);
}

static int
hash_any(struct cli *cli, const char *path, struct digest *out, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, "%s", path);
	if (S_ISREG(st.st_mode))
		return hash_file(path, out, err);
	if (has(cli, path, "oci-layout"))
		return hash_image(cli, path, out, err);
	return hash_file(arena_format(&cli->arena, "%s/repodata/repomd.xml", path), out, err);
}

int
vouching_begin(struct cli *cli, const char *path, struct vouching *v, struct err *err)
{
	struct arena *a = &cli->arena;
	char hex[DIGEST_HEX];
	struct stat st;

	/* Who vouches, kiln.yaml and its keys say. */
	if (cli_open(cli, CLI_STORE | CLI_SIGNER, err) < 0 ||
	    hash_any(cli, path, &v->before, err) < 0)
		return err_wrap(err, "--vsa");
	v->path = path;
	v->name = last_name(a, path);
	digest_hex(&v->before, hex);
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		v->resource = package_resource(cli, v->name);
	} else if (has(cli, path, "oci-layout")) {
		v->resource = arena_format(a, "pkg:oci/%s@sha256%%3A%s", v->name, hex);
	} else {
		v->name = "repomd.xml";
		v->resource = purl_generic(a, cli->workspace.repository, hex);
	}
	return 0;
}

static size_t
choose_levels(const struct rules *r, const char **out)
{
	*out = r->nbuilders == 0 ? "SLSA_BUILD_LEVEL_1"
	       : r->walls.n == 0 ? "SLSA_BUILD_LEVEL_2"
				 : "SLSA_BUILD_LEVEL_3";
	return 1;
}

static int
make_statement(struct cli *cli, const struct vouching *v, const struct verifying *by,
	       bool passed, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(VSA_MAX_POLICY);
	struct arena *a = &cli->arena;
	struct statement_resource subject = { .name = v->name, .sha256 = v->before };
	struct digest policy;
	const char *level;
	struct statement_vsa what = {
		.verifier_id = arena_format(a, "%s/verify", cli->workspace.builder_id),
		.time = clock_wall(),
		.resource_uri = v->resource,
		.policy_uri = "kiln:policy/built-in",
		.passed = passed,
		.levels = &level,
		.nlevels = choose_levels(by->rules, &level),
	};
	struct statement s = { .predicate_type = STATEMENT_VSA,
			       .subjects = &subject,
			       .nsubjects = 1 };

	what.verifier_version = CLI_VERSION;
	if (by->file) {
		if (fd_read_file(AT_FDCWD, by->file, &text, err) < 0)
			return -1;
		digest_of(buf_text(&text), text.len, &policy);
		what.policy_sha256 = &policy;
		what.policy_uri = arena_format(a, "kiln:policy/%s", last_name(a, by->file));
	}
	s.predicate = statement_vsa(a, &what);
	return statement_make(&s, out, err);
}

int
vouching_write(struct cli *cli, const struct vouching *v, const struct verifying *by,
	       bool passed, struct err *err)
{
	CLEANUP(buf_free) struct buf statement = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(buf_free) struct buf line = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(dsse_bundle_release) struct dsse_bundle parsed = { .keyid = NULL };
	const char *file = cli_path(cli, v->file);
	struct digest after;

	if (hash_any(cli, v->path, &after, err) < 0)
		return -1;
	if (!digest_equal(&after, &v->before))
		return err_set(err, ERR_VERIFY, "%s changed while it was verified", v->path);
	if (make_statement(cli, v, by, passed, &statement, err) < 0 ||
	    signer_bundle_as(cli->builder.signer, KEY_REBUILDER, statement.data, statement.len,
			     &bundle, err) < 0 ||
	    dsse_bundle_parse(&cli->arena, buf_text(&bundle), bundle.len, v->file, &parsed,
			      err) < 0)
		return err_wrap(err, "--vsa");
	dsse_envelope_write(&parsed, NULL, &line);
	if (buf_check(&line, v->file, err) < 0 ||
	    fd_publish(AT_FDCWD, file, bundle.data, bundle.len, 0644, err) < 0)
		return -1;
	return fd_publish(AT_FDCWD, arena_format(&cli->arena, "%s" INTOTO, file), line.data,
			  line.len, 0644, err);
}
