/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_priv.h"
#include "base/fd.h"
#include <fcntl.h>

#define STEP_TEXT_MAX 32
#define GREETING_MAX  ((size_t)64 * 1024)

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

static const char *
kept_as(const struct build_session *s, const char *name)
{
	return workspace_note(s->a, s->b->workspace, name);
}

/* The step that failed, by what the warden kept; -1 when it was none, or is not known. */
static int
failed_step(const struct build_session *s, const char *name)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(STEP_TEXT_MAX);
	const char *path = arena_format(s->a, "failed/%s/step", kept_as(s, name));
	struct err ignored;

	if (fd_read_file(cas_dirfd(s->b->store), path, &text, &ignored) < 0)
		return -1;
	return atoi(buf_text(&text));
}

/* Names of steps are words, so they need no quoting. */
static const char *
greet(struct arena *a, const struct recipe *r, const struct sandbox_spec *spec, bool failed,
      int step)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(GREETING_MAX);

	buf_add_format(&text, "echo 'the chamber of %s, %s; its steps, run with sh -e:'\n",
		       r->name, failed ? "as its failure left it" : "before its first step");
	for (size_t i = 0; i < spec->nsteps; i++)
		buf_add_format(&text, "echo '  /kiln/step-%zu  %s%s'\n", i + 1,
			       spec->steps[i].name,
			       failed && (int)i == step ? "  <- failed here" : "");
	if (r->nsources)
		buf_add_format(&text, "cd '/build/%s' || :\n", r->sources[0].into);
	buf_add_str(&text, "exec /bin/sh -i\n");
	return arena_strndup(a, buf_text(&text), text.len);
}

/* An interactive shell where the steps begin; they are there to be read and run by hand.
 * Patches are applied before it. */
static void
only_shell(struct arena *a, const struct recipe *r, const char *greeting, bool failed,
	   struct sandbox_spec *spec)
{
	struct sandbox_step *steps = arena_array(a, spec->nsteps + 1, sizeof(*steps));

	memcpy(steps, spec->steps, spec->nsteps * sizeof(*steps));
	spec->shown_from = recipe_patch_line(r) && !failed ? 1 : 0;
	spec->shown_to = spec->nsteps;
	steps[spec->nsteps] = (struct sandbox_step){ .name = "shell", .script = greeting };
	spec->steps = steps;
	spec->nsteps++;
}

static int
check_kept(struct build_session *s, const char *name, struct err *err)
{
	const char *path = arena_format(s->a, "failed/%s/build", kept_as(s, name));

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
	only_shell(a, job->node->recipe,
		   greet(a, job->node->recipe, &c.spec, failed,
			 failed ? failed_step(&s, name) : -1),
		   failed, &c.spec);
	c.spec.tty_fd = tty_fd;
	if (failed) {
		c.spec.resume_failed = kept_as(&s, name);
		c.spec.ninputs = 0;
	}
	if (sandbox_run(a, b->sandbox, &c.spec, &result, &none, err) < 0)
		return -1;
	*status = result.cause == SANDBOX_STEP_FAILED ? result.status : 0;
	if (result.cause != SANDBOX_OK && result.cause != SANDBOX_STEP_FAILED)
		return err_set(err, ERR_BUILD, "chamber of %s: %s", name, result.message);
	return 0;
}
