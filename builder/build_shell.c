/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_priv.h"
#include <fcntl.h>

/* The node of this recipe with everything below it built. */
static int
find_node(struct build_session *s, const char *name, size_t *node, struct err *err)
{
	size_t known;

	if (build_session_probe(s, &known, err) < 0)
		return -1;
	*node = s->plan.n;
	for (size_t i = 0; i < s->plan.n; i++) {
		const char *other = s->plan.at[i].recipe->name;

		if (strcmp(other, name) == 0) {
			*node = i;
			continue;
		}
		if (s->jobs[i].known)
			continue;
		err_set(err, ERR_INPUT, "'%s' needs '%s', which is not built as it now stands",
			name, other);
		return err_hint(err, "run `kiln build %s`", other);
	}
	return *node < s->plan.n ? 0 : err_set(err, ERR_INPUT, "no recipe is named '%s'", name);
}

/* An interactive shell where the steps begin; patches are applied before it. */
static void
only_shell(struct arena *a, const struct recipe *r, bool failed, struct sandbox_spec *spec)
{
	struct sandbox_step *steps = arena_array(a, 2, sizeof(*steps));
	const char *script = "exec /bin/sh -i";
	size_t n = 0;

	if (r->npatches && !failed)
		steps[n++] = spec->steps[0];
	if (r->nsources)
		script = arena_format(a, "cd '/build/%s' || :; %s", r->sources[0].into, script);
	steps[n++] = (struct sandbox_step){ .name = "shell", .script = script };
	spec->steps = steps;
	spec->nsteps = n;
}

static int
check_kept(struct build_session *s, const char *name, struct err *err)
{
	const char *path = arena_format(s->a, "failed/%s/build", name);

	if (faccessat(cas_dirfd(s->b->store), path, F_OK, 0) == 0)
		return 0;
	err_set(err, ERR_INPUT, "no failed chamber of '%s' is kept", name);
	return err_hint(
		err,
		"one is kept when a step of `kiln build %s` fails; `kiln shell %s` enters a fresh one",
		name, name);
}

int
build_shell(struct arena *a, struct builder *b, const char *name, bool failed, int tty_fd,
	    int *status, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	CLEANUP(build_chamber_release) struct build_chamber c = { .inputs = NULL };
	struct sandbox_result result;
	struct build_job *job;
	struct manifest none;
	size_t node;

	if (build_session_load(a, b, &name, 1, &s, err) < 0 ||
	    find_node(&s, name, &node, err) < 0 || (failed && check_kept(&s, name, err) < 0) ||
	    build_fetch_missing(&s, err) < 0)
		return -1;
	job = &s.jobs[node];
	if (buildroot_fill(a, b->sandbox, b->store, &s.seed, arena_format(a, "recipe %s", name),
			   &job->root, err) < 0 ||
	    build_chamber_make(&s, job, &c, err) < 0)
		return -1;
	only_shell(a, job->node->recipe, failed, &c.spec);
	c.spec.tty_fd = tty_fd;
	if (failed) {
		c.spec.resume_failed = name;
		c.spec.ninputs = 0;
	}
	if (sandbox_run(a, b->sandbox, &c.spec, &result, &none, err) < 0)
		return -1;
	*status = result.cause == SANDBOX_STEP_FAILED ? result.status : 0;
	if (result.cause != SANDBOX_OK && result.cause != SANDBOX_STEP_FAILED)
		return err_set(err, ERR_BUILD, "chamber of %s: %s", name, result.message);
	return 0;
}
