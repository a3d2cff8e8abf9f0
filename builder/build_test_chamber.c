/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_test_priv.h"
#include "base/fd.h"
#include "base/tar.h"

/* A program outside what is tested: it lies where the chamber may write, and comes last in
 * PATH.
 */
static int
open_shell(struct build_session *s, const struct build_trial *t, struct sandbox_input *in,
	   struct err *err)
{
	const char *tree = buildroot_tree(s->a, t->shell);
	const char *path = arena_format(s->a, "trees/%s/usr/bin/" BUILD_TEST_SHELL, tree);

	*in = (struct sandbox_input){ .kind = SANDBOX_COPY,
				      .fd = -1,
				      .dest = BUILD_TEST_TOOLS "/" BUILD_TEST_SHELL,
				      .exec = true };
	if (sandbox_unpack_tree(s->b->sandbox, s->b->store, &t->shell->file, TAR_RPM, tree,
				err) < 0 ||
	    fd_open_beneath(cas_dirfd(s->b->store), path, O_RDONLY | O_NOFOLLOW, &in->fd, err) <
		    0)
		return err_wrap(err, "the shell of a test");
	return 0;
}

static void
fill_env(struct arena *a, const struct build_trial *t, struct sandbox_spec *spec)
{
	const struct recipe *r = t->recipe;
	const char **env = arena_array(a, 8, sizeof(*env));
	size_t n = 0;

	env[n++] = "HOME=" BUILD_TOP;
	env[n++] = arena_format(a, "KILN_NAME=%s", r->name);
	env[n++] = arena_format(a, "KILN_RELEASE=%s", r->release);
	env[n++] = arena_format(a, "KILN_VERSION=%s", r->version);
	env[n++] = "LC_ALL=C";
	env[n++] = t->shell ? "PATH=/usr/bin:/usr/sbin:" BUILD_TEST_TOOLS
			    : "PATH=/usr/bin:/usr/sbin";
	env[n++] = "TMPDIR=/tmp";
	env[n++] = "TZ=UTC";
	spec->env = env;
	spec->nenv = n;
}

static void
fill_steps(struct arena *a, const struct build_trial *t, struct sandbox_spec *spec)
{
	struct sandbox_step *steps = arena_array(a, 2, sizeof(*steps));
	size_t n = 0;

	if (t->shell)
		steps[n++] = (struct sandbox_step){
			.name = "tools",
			.script = BUILD_TEST_TOOLS "/" BUILD_TEST_SHELL
						   " --install -s " BUILD_TEST_TOOLS "\n",
		};
	steps[n++] = (struct sandbox_step){ .name = "test", .script = t->recipe->test.run.run };
	spec->steps = steps;
	spec->nsteps = n;
	spec->shell = t->shell ? BUILD_TEST_TOOLS "/" BUILD_TEST_SHELL : NULL;
}

static int
run(struct build_session *s, struct build_trial *t, int log, struct sandbox_result *out,
    struct err *err)
{
	const struct recipe *r = t->recipe;
	struct sandbox_input shell = { .fd = -1 };
	struct sandbox_spec spec = { .name = r->name,
				     .inputs = &shell,
				     .ninputs = t->shell != NULL,
				     .limits = r->limits,
				     .cpus = ACTION_CPUS,
				     .mtime = r->epoch,
				     .log_fd = log,
				     .tty_fd = -1 };
	const char *subject = arena_format(s->a, "test of %s", r->name);
	struct manifest none;
	int rc;

	if (buildroot_fill(s->a, s->b->sandbox, s->b->store, t->fixups, subject, &t->root,
			   err) < 0 ||
	    (t->shell && open_shell(s, t, &shell, err) < 0))
		return -1;
	spec.trees = t->root.trees;
	spec.ntrees = t->root.ntrees;
	fill_env(s->a, t, &spec);
	fill_steps(s->a, t, &spec);
	rc = sandbox_run(s->a, s->b->sandbox, &spec, out, &none, err);
	fd_close_scope(&shell.fd);
	return rc;
}

/* By which packages it passed, and how. What a failed one printed differs from run to run, and
 * is not signed. */
static int
vouch(struct build_session *s, struct build_trial *t, const struct sandbox_result *result,
      const struct digest *log, struct err *err)
{
	const struct buildroot *root = &t->root;
	struct statement_resource *used = arena_array(s->a, root->npackages + 4, sizeof(*used));
	struct build_verdict v = { .kind = VERDICT_INSTALLED,
				   .recipe = t->recipe->name,
				   .passed = t->passed,
				   .packages = t->packages,
				   .npackages = t->npackages,
				   .used = used };
	struct digest test;

	if (cas_put(s->b->store, t->key.text, strlen(t->key.text), &test, err) < 0)
		return -1;
	used[v.nused++] =
		(struct statement_resource){ .name = BUILD_TEST_FILE, .sha256 = test };
	if (t->passed) {
		used[v.nused++] =
			(struct statement_resource){ .name = "test.log", .sha256 = *log };
		if (build_verdict_chamber(s, result, &used[v.nused++], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < root->npackages; i++) {
		const struct pkgfacts *f = root->packages[i];

		used[v.nused++] = (struct statement_resource){
			.name = nevra_file(s->a, &f->id),
			.uri = provenance_purl(s->a, s->b->workspace, &f->id),
			.sha256 = f->file,
		};
	}
	if (t->shell)
		used[v.nused++] = (struct statement_resource){
			.name = nevra_file(s->a, &t->shell->id),
			.uri = provenance_purl(s->a, s->b->workspace, &t->shell->id),
			.sha256 = t->shell->file,
		};
	return build_verdict(s, &v, &t->bundle, err);
}

static const char *
where(struct build_session *s, const struct build_trial *t, const struct sandbox_result *result)
{
	return result->step == (t->shell ? 1 : 0)
		       ? arena_format(s->a, "%s:%d", t->recipe->path, t->recipe->test.run.line)
		       : t->recipe->path;
}

static int
judge(struct build_session *s, struct build_trial *t, int log, struct build_failure *f,
      struct err *err)
{
	struct sandbox_result *result = arena_alloc(s->a, sizeof(*result));
	struct digest blob;

	if (run(s, t, log, result, err) < 0)
		return err_wrap(err, "test of %s", t->recipe->name);
	if (result->cause == SANDBOX_INTERRUPTED)
		return err_set(err, ERR_INTERRUPTED, "test of %s: interrupted",
			       t->recipe->name);
	t->passed = result->cause == SANDBOX_OK;
	if (lseek(log, 0, SEEK_SET) < 0)
		return err_sys(err, "log of a test");
	if (cas_put_fd(s->b->store, log, NULL, &blob, NULL, err) < 0 ||
	    vouch(s, t, result, &blob, err) < 0)
		return -1;
	if (t->passed)
		return 0;
	*f = (struct build_failure){ .recipe = t->recipe->name,
				     .cause = "test",
				     .message = arena_strdup(s->a, result->message),
				     .where = where(s, t, result) };
	return build_log_tail(s->a, log, &f->log_tail, err);
}

int
build_test_run(struct build_session *s, struct build_trial *t, struct build_failure *failure,
	       struct err *err)
{
	CLEANUP(fd_close) int log = -1;
	char tmp[64], name[FD_TMP_MAX];
	int rc;

	if (cas_tmp_dir(s->b->store, tmp, err) < 0)
		return -1;
	rc = fd_tmp(cas_dirfd(s->b->store), arena_format(s->a, "tmp/%s/log", tmp), name, &log,
		    err);
	if (rc == 0)
		rc = judge(s, t, log, failure, err);
	cas_tmp_drop(s->b->store, tmp);
	return rc;
}
