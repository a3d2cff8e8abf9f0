/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into the chamber of a recipe: variables, sources, patches, steps
 * (docs/build-environment.md is the reference for recipe authors).
 */
#include "builder/build_priv.h"
#include "base/fd.h"
#include "base/tar.h"
#include "builder/debuginfo.h"
#include "builder/stage.h"

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
is_set(const struct recipe_env *env, size_t nenv, const char *assignment)
{
	size_t n = strcspn(assignment, "=");

	for (size_t i = 0; i < nenv; i++) {
		if (strlen(env[i].name) == n && memcmp(env[i].name, assignment, n) == 0)
			return true;
	}
	return false;
}

/* Where the job's sources are. What names /build finds them there, too. */
static const char *
top_of(const struct build_job *job)
{
	return job->check ? BUILD_ELSEWHERE : BUILD_TOP;
}

static unsigned
cpus_of(const struct build_job *job)
{
	return job->check ? 1 : ACTION_CPUS;
}

/* "NAME=VALUE"; {build} in it is where the sources are. */
static const char *
assign(struct arena *a, const struct recipe_env *e, const char *top)
{
	static const char word[] = "{build}";
	const char *text = arena_format(a, "%s=", e->name), *at = e->value, *next;

	for (; (next = strstr(at, word)); at = next + strlen(word))
		text = arena_format(a, "%s%.*s%s", text, (int)(next - at), at, top);
	return arena_format(a, "%s%s", text, at);
}

/* A value of the recipe replaces the stage's, and that ours, of the same name. */
static void
fill_env(struct arena *a, const struct build_job *job, const struct seed *ground,
	 struct sandbox_spec *spec)
{
	const struct recipe *r = job->node->recipe;
	const char *const fixed[] = {
		"DESTDIR=/out",
		arena_format(a, "HOME=%s", top_of(job)),
		arena_format(a, "JOBS=%u", cpus_of(job)),
		arena_format(a, "KILN_NAME=%s", r->name),
		arena_format(a, "KILN_RELEASE=%s", r->release),
		arena_format(a, "KILN_VERSION=%s", r->version),
		"LC_ALL=C",
		"PATH=/usr/bin:/usr/sbin",
		arena_format(a, "SOURCE_DATE_EPOCH=%lld", (long long)r->epoch),
		"TMPDIR=/tmp",
		"TZ=UTC",
	};
	size_t max = ARRAY_LEN(fixed) + ground->nenv + r->nenv + DEBUGINFO_VARIABLES, n = 0;
	const char **env = arena_array(a, max, sizeof(*env));

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		if (!is_set(r->env, r->nenv, fixed[i]) &&
		    !is_set(ground->env, ground->nenv, fixed[i]))
			env[n++] = fixed[i];
	}
	for (size_t i = 0; i < ground->nenv; i++) {
		const char *text = assign(a, &ground->env[i], top_of(job));

		if (!is_set(r->env, r->nenv, text))
			env[n++] = text;
	}
	for (size_t i = 0; i < r->nenv; i++)
		env[n++] = assign(a, &r->env[i], top_of(job));
	if (r->debuginfo)
		debuginfo_flags(a, r, top_of(job), env, &n);
	qsort(env, n, sizeof(*env), compare_texts);
	spec->env = env;
	spec->nenv = n;
}

static int
add_source(struct build_session *s, const struct recipe_source *source, const char *top,
	   struct build_chamber *c, struct err *err)
{
	struct sandbox_input *in = &c->inputs[c->ninputs];

	*in = (struct sandbox_input){ .fd = -1, .archive = TAR_ANY };
	if (cas_get_fd(s->b->store, &source->sha256, &in->fd, err) < 0)
		return err_wrap(err, "source %s", source->filename);
	c->ninputs++;
	if (!source->unpack) {
		in->kind = SANDBOX_COPY;
		in->dest = arena_format(s->a, "%s/%s/%s", top, source->into, source->filename);
		return 0;
	}
	in->kind = SANDBOX_UNPACK;
	in->dest = arena_format(s->a, "%s/%s", top, source->into);
	in->strip = source->strip;
	in->members = (const char *const *)source->extract;
	in->nmembers = source->nextract;
	return 0;
}

static const char *
patch_dest(struct arena *a, const char *top, const struct recipe_patch *p)
{
	const char *slash = strrchr(p->file, '/');

	return arena_format(a, "%s/patches/%04zu-%s", top, p->order,
			    slash ? slash + 1 : p->file);
}

/* The patch goes through the store, so the chamber gets the bytes whose digest is in the key.
 */
static int
add_patch(struct build_session *s, const struct build_job *job, size_t i,
	  struct build_chamber *c, struct err *err)
{
	const struct recipe *r = job->node->recipe;
	const struct recipe_patch *p = &r->patches[i];
	struct sandbox_input *in = &c->inputs[c->ninputs];
	const char *path = arena_format(s->a, "%s/%s", r->dir, p->file);
	CLEANUP(fd_close) int fd = -1;

	*in = (struct sandbox_input){ .kind = SANDBOX_COPY, .fd = -1 };
	if (fd_open_beneath(s->b->workspace->dirfd, path, O_RDONLY, &fd, err) < 0 ||
	    cas_put_fd(s->b->store, fd, &p->sha256, NULL, NULL, err) < 0 ||
	    cas_get_fd(s->b->store, &p->sha256, &in->fd, err) < 0)
		return err_wrap(err, "%s:%d:%d: patch %s", r->path, p->line, p->col, p->file);
	c->ninputs++;
	in->dest = patch_dest(s->a, top_of(job), p);
	return 0;
}

/* Steps begin where the first source was unpacked. The command stands before the first line of
 * the script, so that line numbers in the shell's messages stay those of the recipe. */
static const char *
script(struct arena *a, const struct build_job *job, const char *run)
{
	const struct recipe *r = job->node->recipe;

	if (r->nsources)
		return arena_format(a, "cd '%s/%s'; %s", top_of(job), r->sources[0].into, run);
	return job->check ? arena_format(a, "cd '%s'; %s", top_of(job), run) : run;
}

#define PATCH_SCRIPT_MAX ((size_t)16 * 1024 * 1024)

/* The patches in the recipe's order, wherever each comes from. */
static const char *
patch_script(struct arena *a, const struct build_job *job)
{
	const struct recipe *r = job->node->recipe;
	CLEANUP(buf_free) struct buf b = BUF_MAX(PATCH_SCRIPT_MAX);
	size_t total = r->npatches;

	for (size_t i = 0; i < r->nsources; i++)
		total += r->sources[i].member != NULL;
	for (size_t order = 1; order <= total; order++) {
		const char *path = NULL;
		unsigned level = 1;

		for (size_t i = 0; i < r->npatches; i++) {
			if (r->patches[i].order != order)
				continue;
			path = patch_dest(a, top_of(job), &r->patches[i]);
			level = r->patches[i].level;
		}
		for (size_t i = 0; i < r->nsources; i++) {
			const struct recipe_source *s = &r->sources[i];

			if (!s->member || s->order != order)
				continue;
			path = arena_format(a, "%s/%s/%s", top_of(job), s->into, s->member);
			level = s->level;
		}
		buf_add_format(&b,
			       "echo 'applying %s'\n"
			       "patch -p%u --no-backup-if-mismatch -i '%s'\n",
			       strrchr(path, '/') + 1, level, path);
	}
	return arena_strdup(a, buf_text(&b));
}

static void
add_steps(struct arena *a, const struct build_job *job, const struct seed *ground,
	  struct build_chamber *c)
{
	const struct recipe *r = job->node->recipe;
	struct sandbox_step *steps =
		arena_array(a, r->nsteps + ground->nfinish + 4, sizeof(*steps));
	size_t n = 0;

	if (job->check)
		steps[n++] = (struct sandbox_step){
			.name = "elsewhere",
			.script = "mkdir -p " BUILD_ELSEWHERE "\n"
				  "for d in " BUILD_ELSEWHERE "/*; do\n"
				  "\t[ ! -e \"$d\" ] || ln -s \"elsewhere/${d##*/}\" " BUILD_TOP
				  "/\n"
				  "done\n",
		};
	if (recipe_patch_line(r))
		steps[n++] =
			(struct sandbox_step){ .name = BUILD_PATCH_STEP,
					       .script = script(a, job, patch_script(a, job)) };
	for (size_t i = 0; i < r->nsteps; i++)
		steps[n++] = (struct sandbox_step){ .name = r->steps[i].name,
						    .script = script(a, job, r->steps[i].run) };
	if (r->check.run)
		steps[n++] = (struct sandbox_step){ .name = "check",
						    .script = script(a, job, r->check.run) };
	for (size_t i = 0; i < ground->nfinish; i++)
		steps[n++] = (struct sandbox_step){ .name = ground->finish[i].name,
						    .script = script(a, job,
								     ground->finish[i].run) };
	if (r->debuginfo)
		steps[n++] =
			(struct sandbox_step){ .name = DEBUGINFO_STEP,
					       .script = script(a, job, debuginfo_script) };
	c->spec.steps = steps;
	c->spec.nsteps = n;
}

int
build_chamber_make(struct build_session *s, const struct build_job *job,
		   struct build_chamber *out, struct err *err)
{
	const struct recipe *r = job->node->recipe;
	CLEANUP(build_chamber_release) struct build_chamber c = { .inputs = NULL };

	c.inputs = arena_array(s->a, r->nsources + r->npatches, sizeof(*c.inputs));
	for (size_t i = 0; i < r->nsources; i++) {
		if (add_source(s, &r->sources[i], top_of(job), &c, err) < 0)
			return err_wrap(err, "%s:%d:%d", r->path, r->sources[i].line,
					r->sources[i].col);
	}
	for (size_t i = 0; i < r->npatches; i++) {
		if (add_patch(s, job, i, &c, err) < 0)
			return -1;
	}
	c.spec.name = r->name;
	c.spec.trees = job->root.trees;
	c.spec.ntrees = job->root.ntrees;
	c.spec.watch = job->root.watch;
	c.spec.nwatch = job->root.nwatch;
	c.spec.inputs = c.inputs;
	c.spec.ninputs = c.ninputs;
	c.spec.limits = r->limits;
	c.spec.full_proc = r->full_proc;
	c.spec.fake_chown = r->fake_chown;
	c.spec.kernel_release = r->kernel_release;
	c.spec.kernel_version = r->kernel_version;
	c.spec.cpus = cpus_of(job);
	c.spec.elsewhere = job->check;
	c.spec.mtime = r->epoch;
	c.spec.log_fd = job->desk ? job->desk->log_fd : -1; /* a shell speaks to its terminal */
	c.spec.tty_fd = -1;
	fill_env(s->a, job, &s->seed, &c.spec);
	add_steps(s->a, job, &s->seed, &c);
	*out = c;
	c = (struct build_chamber){ .inputs = NULL };
	return 0;
}

void
build_chamber_release(struct build_chamber *c)
{
	for (size_t i = 0; i < c->ninputs; i++) {
		if (c->inputs[i].fd >= 0)
			close(STEAL_FD(c->inputs[i].fd));
	}
	c->ninputs = 0;
}

const char *
build_chamber_source(struct arena *a, const struct recipe *r, int input)
{
	size_t i = (size_t)input;

	if (input < 0 || i >= r->nsources)
		return r->path;
	return arena_format(a, "%s:%d:%d", r->path, r->sources[i].line, r->sources[i].col);
}

const char *
build_chamber_where(struct build_session *s, const struct build_job *job, int step)
{
	const struct recipe *r = job->node->recipe;
	struct arena *a = s->a;
	size_t i;

	step -= job->check;
	i = (size_t)step;
	if (step < 0)
		return NULL;
	if (recipe_patch_line(r)) {
		if (i == 0)
			return arena_format(a, "%s:%d", r->path, recipe_patch_line(r));
		i--;
	}
	if (i < r->nsteps)
		return arena_format(a, "%s:%d", r->path, r->steps[i].line);
	i -= r->nsteps;
	if (r->check.run && i-- == 0)
		return arena_format(a, "%s:%d", r->path, r->check.line);
	return i < s->seed.nfinish ? arena_format(a, STAGE_YAML ":%d", s->seed.finish[i].line)
				   : r->path;
}
